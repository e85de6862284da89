"""Draw the orbits of a batch of systems exactly."""

import json

from starpop.orbits import periods, single, visits
from starpop.orbits.system_model import SystemModel
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    likelihoods = periods.load_likelihoods(snakemake.input.visits, [snakemake.input.periods], model)
    tree = single.draw(likelihoods, settings["period_range_days"], settings["draws"], settings["seed"])
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.exact, attributes, compress=True)
