"""Diagnostics of a NUTS fit, and its summary beside the exact one."""

import json

import pandas as pd

from starpop.checks import diagnostics
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    nuts, exact = store.read_tree(snakemake.input.posterior), store.read_tree(snakemake.input.exact)
    limits = diagnostics.Thresholds(**settings["diagnostics"]), settings["max_treedepth"]
    row, summary = diagnostics.assess_tree(snakemake.params.fit, nuts, *limits, nuts.attrs.get(status.WHY_NOT, ""))
    exact_row = diagnostics.assess_exact(f"{snakemake.params.fit} exact", exact, limits[0])
    if criticism := snakemake.input.get("criticism"):
        said = diagnostics.misfit(store.read_csv(criticism))
        exact_row["status"] = "; ".join(filter(None, [said, exact_row["status"].removeprefix("ok")])) or "ok"
    rows = [row, exact_row]
    if hyper_posterior := snakemake.input.get("hyper_posterior"):
        over_nodes = store.read_tree(hyper_posterior)
        why_not = over_nodes.attrs.get(status.WHY_NOT, "")
        rows.append(diagnostics.assess_tree(f"{snakemake.params.fit} over nodes", over_nodes, *limits, why_not)[0])
    store.write_csv(pd.DataFrame(rows), snakemake.output.diagnostics)
    exact_summary = diagnostics.summarise_exact(exact, exact_row["status"])
    store.write_csv(pd.concat([exact_summary, summary]), snakemake.output.summary)
