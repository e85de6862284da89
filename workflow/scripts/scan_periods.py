"""Scan the periods of a batch of systems."""

import json

import xarray as xr

from starpop.orbits import periods, visits
from starpop.orbits.period_likelihood import compile_kernels
from starpop.orbits.system_model import SystemModel
from starpop.run import store

DRAWN_BINS = 2000

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    batch = int(snakemake.wildcards.batch), settings["batches"]
    systems = visits.read_systems(snakemake.input.visits, *batch, model.times)
    log.info("%d systems.", len(systems))
    compile_kernels(model.orbit)
    drawn = visits.chosen_by_name(visits.system_names(snakemake.input.visits), visits.DRAWN_SYSTEMS)
    scanned = periods.scan_systems(systems, model, settings["period_range_days"], DRAWN_BINS, snakemake.threads, drawn)
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(xr.DataTree(scanned), snakemake.output.periods, attributes, compress=True)
