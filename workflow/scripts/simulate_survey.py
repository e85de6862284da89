"""Simulate a share of a survey's systems."""

import json

from starpop.populations import simulate
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    simulation = settings["simulation"] | {"period_range_days": settings["period_range_days"]}
    visits, truth = simulate.simulate_survey(simulation, int(snakemake.wildcards.share))
    store.write_table(visits, snakemake.output.visits, {})
    store.write_table(truth, snakemake.output.truth, {})
