"""Check the visits of a batch of systems against what its model predicts."""

import json

from starpop.checks import criticism
from starpop.orbits import periods, visits
from starpop.orbits.system_model import SystemModel
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    table, residuals = criticism.criticise_systems(
        periods.load_likelihoods(
            snakemake.input.visits, [snakemake.input.periods], SystemModel.from_settings(settings["model"])
        ),
        store.read_tree(snakemake.input.exact),
        visits.period_range(snakemake.input.visits, settings["period_range_days"]),
        settings["criticism"]["replicates"],
        settings["seed"],
    )
    store.write_csv(table, snakemake.output.criticism)
    store.write_csv(residuals, snakemake.output.residuals)
