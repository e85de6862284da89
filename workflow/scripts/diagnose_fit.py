"""Diagnostics and summary of one fit."""

import json

import pandas as pd

from starpop import diagnostics, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    tree = store.read_tree(snakemake.input.posterior)
    parameters = diagnostics.columns_of(tree["posterior"].to_dataset())
    row = diagnostics.assess(
        snakemake.params.fit,
        parameters,
        tree["sample_stats"].to_dataset(),
        diagnostics.Thresholds(**settings["diagnostics"]),
        settings["max_treedepth"],
    )
    store.write_csv(pd.DataFrame([row]), snakemake.output.diagnostics)
    store.write_csv(diagnostics.summarise(parameters, "nuts", row["status"]), snakemake.output.summary)
