"""Sample the orbits of a batch of systems."""

import json

from starpop.inference.sampling import SamplerSettings
from starpop.orbits import periods, single, visits
from starpop.orbits.system_model import SystemModel
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    sampler = SamplerSettings(**settings["sampler"], draws=settings["draws"])
    tree = single.fit_systems(
        periods.load_likelihoods(snakemake.input.visits, [snakemake.input.periods], model),
        model,
        settings["period_range_days"],
        sampler,
        settings["seed"],
        visits.chosen_by_name(visits.system_names(snakemake.input.visits), settings["sampled_systems"]),
    )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.posteriors, attributes)
