"""Posterior summary of the one system that the tutorial shows."""

import json

import pandas as pd

from starpop.checks import diagnostics
from starpop.inference import convergence
from starpop.pages import tables
from starpop.run import store

with store.job(snakemake.log[0]):
    wanted = json.loads(snakemake.params.settings)["focus_system"]
    posteriors = [store.read_tree(path) for path in snakemake.input.posteriors]
    focus = tables.find_system(posteriors, wanted)
    status = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"][focus.name]
    trees = [store.read_tree(path) for path in snakemake.input.exact]
    exact_status = tables.exact_status(trees, focus.name)
    exact = tables.system_draws(trees, focus.name)
    exact, nuts = convergence.columns_of(exact), convergence.columns_of(focus.posterior)
    summary = pd.concat(
        [
            diagnostics.summarise(exact, convergence.quality_of_independent(exact), "exact", exact_status),
            diagnostics.summarise(nuts, convergence.quality(nuts), "nuts", status),
        ]
    )
    highest = {"parameter": "P_map", "method": "exact", "mean": focus.map["P"], "status": exact_status}
    highest["sd"] = summary.loc[(summary["parameter"] == "P") & (summary["method"] == "exact"), "sd"].item()
    store.write_csv(pd.concat([summary, pd.DataFrame([highest])]), snakemake.output.summary)
