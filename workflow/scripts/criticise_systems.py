"""Check the visits of every system against what its model predicts."""

import json

from starpop import criticism, store, visits
from starpop.system_model import SystemModel

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    table, residuals = criticism.criticise_systems(
        {s.system: s for s in visits.read_systems(snakemake.input.visits, times=model.times)},
        [store.read_tree(path) for path in snakemake.input.exact],
        model,
        settings["period_range_days"],
        settings["criticism"]["replicates"],
        settings["seed"],
    )
    store.write_csv(table, snakemake.output.criticism)
    store.write_csv(residuals, snakemake.output.residuals)
