"""Draw a population's hyper-parameters, their sampling, its density of ln P, and what that predicts."""

import json

from starpop.inference import convergence
from starpop.pages import criticism, population
from starpop.pages.style import Style, failures, save
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    exact, nuts = store.read_tree(snakemake.input.exact), store.read_tree(snakemake.input.posterior)
    orbits = store.read_csv(snakemake.input.orbits)
    fitted = population.fitted_of(exact, status.hardly(orbits))
    scanned = json.loads(exact.attrs["settings"])["period_range_days"]
    chains = convergence.columns_of(nuts["posterior"].to_dataset()[list(fitted.parameters)]) if nuts.children else {}
    statuses = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"]
    name = "{system_model}/{population_model}".format(**dict(snakemake.wildcards))
    failed = " ".join(filter(None, [failures([statuses[f"{name} exact"]]), status.of_orbits(orbits)]))
    source = "catalogue {catalog}, models {system_model} and {population_model}".format(**dict(snakemake.wildcards))
    checked = store.read_csv(snakemake.input.criticism)
    posterior = population.binaries_of(exact["posterior"].to_dataset())
    figures = {
        "corner": (population.hyper_corner(fitted.parameters, style), failed),
        "trace": (population.trace(chains, style), failures([statuses[name]])),
        "density": (population.density(fitted, style, population.truth_of(settings, exact)), failed),
        "criticism": (criticism.population(fitted.density, posterior, checked, scanned, style), failed),
    }
    for name, (figure, warning) in figures.items():
        save(figure, snakemake.output[name], style, source, warning)
