"""Sample the hierarchical model of all systems, in full and over the nodes of their period likelihoods."""

import json

from starpop import periods, population, store, visits
from starpop.densities import density_from_settings
from starpop.sampling import Sampler, SamplerSettings, starts_from
from starpop.seeds import seed_for
from starpop.system_model import SystemModel

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    density = density_from_settings(settings["population"], settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    likelihoods = periods.load_likelihoods(snakemake.input.visits, snakemake.input.periods, model)
    models = {
        "posterior": population.build_model(
            [n.visits for n in likelihoods], model, density, settings["period_range_days"]
        ),
        "hyper_posterior": population.build_node_model(likelihoods, density),
    }
    exact = store.read_tree(snakemake.input.exact)
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    for name, built in models.items():
        sampler = Sampler(built, SamplerSettings(**settings["sampler"], draws=settings["draws"]), snakemake.threads)
        tree = sampler.run(starts_from(exact, built), seed_for(settings["seed"], f"fit_population {name}"))
        store.write_tree(tree, snakemake.output[name], attributes)
