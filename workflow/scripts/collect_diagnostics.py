"""All fits of a catalogue in one table; an error where diagnostics.strict asks for one."""

import json

import pandas as pd

from starpop import diagnostics, store
from starpop.errors import InputError

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    systems = [
        pd.read_csv(path).assign(fit=lambda table, model=model: model + "/" + table["fit"])
        for model, path in zip(settings["system_models"], snakemake.input.systems, strict=True)
    ]
    others = [snakemake.input.cluster, *snakemake.input.populations, *snakemake.input.agreement]
    table = pd.concat([*map(pd.read_csv, others), *systems])
    verdict = diagnostics.verdict(table)
    log.info("%s", verdict)
    if settings["diagnostics"]["strict"] and (table["status"] != "ok").any():
        raise InputError(f"diagnostics.strict: {verdict}")
    store.write_csv(table, snakemake.output.diagnostics)
