"""Posterior summary of the one system that the tutorial shows."""

import json

import pandas as pd

from starpop import diagnostics, store, tables

with store.job(snakemake.log[0]):
    posteriors = [store.read_tree(path) for path in snakemake.input.posteriors]
    focus = tables.find_system(posteriors, json.loads(snakemake.params.settings)["focus_system"])
    status = pd.read_csv(snakemake.input.diagnostics).set_index("fit")["status"][focus.name]
    summary = diagnostics.summarise(diagnostics.columns_of(focus.posterior), "nuts", status)
    highest = {
        "parameter": "P_map",
        "method": "exact",
        "mean": focus.map["P"],
        "sd": summary.set_index("parameter")["sd"]["P"],
        "status": status,
    }
    store.write_csv(pd.concat([summary, pd.DataFrame([highest])]), snakemake.output.summary)
