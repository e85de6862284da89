"""Draw a population's hyper-parameters, their sampling, its density of ln P, and what that predicts."""

import json

import pandas as pd

from starpop import diagnostics, store
from starpop.densities import density_from_settings
from starpop.plots import criticism, population
from starpop.plots.style import Style, failures, save

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    tree = store.read_tree(snakemake.input.posterior)
    fitted, posterior = json.loads(tree.attrs["settings"]), tree["posterior"].to_dataset()
    density = density_from_settings(fitted["population"], fitted["period_range_days"])
    hyper = diagnostics.columns_of(posterior[list(density.parameters)])
    failed = failures(pd.read_csv(snakemake.input.diagnostics)["status"])
    source = "catalogue {catalog}, models {system_model} and {population_model}".format(**dict(snakemake.wildcards))
    exact = store.read_tree(snakemake.input.exact)["posterior"].to_dataset()
    checked = pd.read_csv(snakemake.input.criticism)
    figures = {
        "corner": population.hyper_corner(hyper, style),
        "trace": population.trace(hyper, style),
        "density": population.density(density, hyper, posterior["lnP"].mean(("chain", "draw")).values, style),
        "criticism": criticism.population(density, exact, checked, fitted["period_range_days"], style),
    }
    for name, figure in figures.items():
        save(figure, snakemake.output[name], style, source, failed)
