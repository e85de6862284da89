"""Diagnostics of every system's own fit."""

import json

import pandas as pd

from starpop.checks import diagnostics
from starpop.inference import convergence
from starpop.orbits import single
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    limits = diagnostics.Thresholds(**settings["diagnostics"])
    rows = []
    for path in snakemake.input.posteriors:
        tree = store.read_tree(path)
        looked_for = json.loads(tree.attrs["settings"])["period_range_days"]
        bounds = tree["map"].to_dataset()[list(single.BOUNDS)].to_array().values.T
        for i, name in enumerate(tree["posterior"]["system"].values):
            posterior, stats = (tree[group].to_dataset().isel(system=i) for group in ("posterior", "sample_stats"))
            quality = convergence.quality(convergence.columns_of(posterior))
            row = diagnostics.assess(name, quality, stats, limits, settings["max_treedepth"])
            status = str(tree["map"]["status"].values[i]) or single.status_of_check(
                row["status"], bounds[i], looked_for
            )
            rows.append(row | {"status": status})
    for periods, exact in zip(snakemake.input.periods, snakemake.input.exact, strict=True):
        lost = single.lost(store.read_tree(periods).to_dataset(), store.read_tree(exact))
        rows += [{"fit": f"{name} exact", "status": why} for name, why in lost.items()]
    table = pd.DataFrame(rows, columns=diagnostics.COLUMNS).sort_values("fit")
    store.write_csv(table, snakemake.output.diagnostics)
