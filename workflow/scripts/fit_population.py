"""Sample the hierarchical model of all systems, in full and over the nodes of their period likelihoods."""

import json

from starpop.inference.densities import density_from_settings
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import periods, visits
from starpop.orbits.system_model import SystemModel
from starpop.populations import population_nuts
from starpop.populations.condensed import Condensed
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    density = density_from_settings(settings["population"], settings["period_range_days"])
    exact = store.read_tree(snakemake.input.exact)
    sampler = SamplerSettings(**settings["sampler"], draws=settings["draws"])
    if "condensed" in exact.children:
        nodes = Condensed.from_dataset(exact["condensed"].to_dataset())
        trees = population_nuts.sample_condensed(nodes, density, exact, sampler, settings["seed"])
    else:
        trees = population_nuts.sample(
            periods.load_likelihoods(
                snakemake.input.visits, snakemake.input.periods, SystemModel.from_settings(settings["model"])
            ),
            density,
            settings["period_range_days"],
            exact,
            sampler,
            settings["seed"],
        )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    for name, (tree, why_not) in trees.items():
        store.write_tree(tree, snakemake.output[name], attributes | {status.WHY_NOT: why_not})
