"""Simulate stars with the visits of a catalogue's, and see which would be found."""

import json

import xarray as xr

from starpop.orbits import visits
from starpop.orbits.period_likelihood import compile_kernels
from starpop.orbits.system_model import SystemModel
from starpop.populations import detection
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    looked_for = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    compile_kernels(model.orbit)
    some = visits.chosen_by_name(visits.system_names(snakemake.input.visits), detection.MOST_TEMPLATES)
    simulated = detection.simulate_detection(
        visits.read_named(snakemake.input.visits, some, model.times),
        model,
        looked_for,
        detection.criterion(settings["selection"], settings["detection"]["ln_bayes_orbit"]),
        settings["detection"]["simulations"],
        settings["seed"],
    )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(xr.DataTree(simulated.as_dataset()), snakemake.output.detection, attributes)
    store.write_csv(detection.table_of(simulated), snakemake.output.table)
