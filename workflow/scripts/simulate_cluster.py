"""Simulate the tutorial's star cluster."""

import json

from starpop.populations import simulate
from starpop.run import store

with store.job(snakemake.log[0]):
    simulation = json.loads(snakemake.params.settings)["simulation"]
    stars = simulate.simulate_cluster(**simulation)
    truth = {key: simulation[key] for key in ("mean_distance_pc", "depth_pc")}
    store.write_table(stars, snakemake.output.stars, truth)
