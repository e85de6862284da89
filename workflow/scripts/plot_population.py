"""Draw a population's hyper-parameters, their sampling, its density of ln P, and what that predicts."""

import json

from starpop.inference import convergence
from starpop.inference.densities import density_from_settings
from starpop.pages import criticism, population
from starpop.pages.style import Style, failures, save
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    exact, nuts = store.read_tree(snakemake.input.exact), store.read_tree(snakemake.input.posterior)
    fitted, posterior = json.loads(exact.attrs["settings"]), exact["posterior"].to_dataset()
    density = density_from_settings(fitted["population"], fitted["period_range_days"])
    hyper = convergence.columns_of(posterior[list(density.parameters)])
    chains = convergence.columns_of(nuts["posterior"].to_dataset()[list(density.parameters)]) if nuts.children else {}
    statuses = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"]
    name = "{system_model}/{population_model}".format(**dict(snakemake.wildcards))
    untrusted = status.of_orbits(store.read_csv(snakemake.input.orbits))
    failed = " ".join(filter(None, [failures([statuses[f"{name} exact"]]), untrusted]))
    source = "catalogue {catalog}, models {system_model} and {population_model}".format(**dict(snakemake.wildcards))
    checked = store.read_csv(snakemake.input.criticism)
    posterior = population.binaries_of(posterior)
    ln_periods = posterior["lnP"].mean(("chain", "draw")).values
    count = population.count_of(exact)
    truth = None
    if "simulation" in settings:
        from starpop.populations.simulate import simulated_density  # a second

        truth = simulated_density(settings["simulation"], fitted["period_range_days"])
    figures = {
        "corner": (population.hyper_corner(hyper, style), failed),
        "trace": (population.trace(chains, style), failures([statuses[name]])),
        "density": (population.density(density.of_periods, hyper, ln_periods, style, count, truth), failed),
        "criticism": (
            criticism.population(density.of_periods, posterior, checked, fitted["period_range_days"], style),
            failed,
        ),
    }
    for name, (figure, warning) in figures.items():
        save(figure, snakemake.output[name], style, source, warning)
