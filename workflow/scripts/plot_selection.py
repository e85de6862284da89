"""Draw the density of ln P with and without the correction for the selection."""

import json

from starpop.inference.convergence import columns_of
from starpop.inference.densities import density_from_settings
from starpop.pages import population, selection
from starpop.pages.style import Style, failures, save
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    exact = store.read_tree(snakemake.input.exact)
    fitted = json.loads(exact.attrs["settings"])
    of_x = density_from_settings(fitted["population"], fitted["period_range_days"]).of_periods
    both = [columns_of(exact[group].to_dataset()[list(of_x.parameters)]) for group in ("posterior", "uncorrected")]
    ln_periods = population.binaries_of(exact["posterior"].to_dataset())["lnP"].mean(("chain", "draw")).values
    truth = None
    if "simulation" in settings:
        from starpop.populations.simulate import simulated_density  # a second

        truth = simulated_density(settings["simulation"], fitted["period_range_days"])
    figure = selection.densities(of_x, *both, ln_periods, style, population.count_of(exact), truth)
    statuses = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"]
    name = "{system_model}/{population_model}".format(**dict(snakemake.wildcards))
    source = "catalogue {catalog}, models {system_model} and {population_model}".format(**dict(snakemake.wildcards))
    save(figure, snakemake.output.selection, style, source, failures([statuses[f"{name} exact"]]))
