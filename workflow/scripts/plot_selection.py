"""Draw the density of ln P with and without the correction for the selection."""

import json

from starpop.inference.convergence import columns_of
from starpop.pages import population, selection
from starpop.pages.style import Style, failures, save
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    exact = store.read_tree(snakemake.input.exact)
    fitted = population.fitted_of(exact)
    uncorrected = columns_of(exact["uncorrected"].to_dataset()[list(fitted.parameters)])
    figure = selection.densities(fitted, uncorrected, style, population.truth_of(settings, exact)[0])
    statuses = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"]
    name = "{system_model}/{population_model}".format(**dict(snakemake.wildcards))
    source = "catalogue {catalog}, models {system_model} and {population_model}".format(**dict(snakemake.wildcards))
    save(figure, snakemake.output.selection, style, source, failures([statuses[f"{name} exact"]]))
