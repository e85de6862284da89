"""Sample the hyper-parameters alone, over the nodes of the systems' period likelihoods."""

import json

from starpop import periods, population, store, visits
from starpop.densities import density_from_settings
from starpop.sampling import Sampler, SamplerSettings, starts_from
from starpop.seeds import seed_for
from starpop.system_model import SystemModel

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    density = density_from_settings(settings["population"], settings["period_range_days"])
    system_model = SystemModel.from_settings(settings["model"])
    likelihoods = periods.load_likelihoods(snakemake.input.visits, snakemake.input.periods, system_model)
    model = population.build_node_model(likelihoods, density)
    sampler = Sampler(model, SamplerSettings(**settings["sampler"], draws=settings["draws"]), snakemake.threads)
    starts = starts_from(store.read_tree(snakemake.input.exact), model)
    tree = sampler.run(starts, seed_for(settings["seed"], "fit_hyper_parameters"))
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.posterior, attributes)
