"""Sample the hierarchical model of all systems, in full and over the nodes of their period likelihoods."""

import json

from starpop.inference.densities import density_from_settings
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import periods, visits
from starpop.orbits.system_model import SystemModel
from starpop.populations import population_nuts
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    trees = population_nuts.sample(
        periods.load_likelihoods(snakemake.input.visits, snakemake.input.periods, model),
        density_from_settings(settings["population"], settings["period_range_days"]),
        settings["period_range_days"],
        store.read_tree(snakemake.input.exact),
        SamplerSettings(**settings["sampler"], draws=settings["draws"]),
        settings["seed"],
    )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    for name, (tree, why_not) in trees.items():
        store.write_tree(tree, snakemake.output[name], attributes | {status.WHY_NOT: why_not})
