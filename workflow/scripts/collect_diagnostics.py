"""All fits of a catalogue in one table; an error where diagnostics.strict asks for one."""

import json
from pathlib import Path

import pandas as pd

from starpop.checks.diagnostics import COLUMNS
from starpop.run import status, store
from starpop.run.errors import InputError

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    systems = [
        store.read_csv(path).assign(fit=lambda table, model=Path(path).parent.name: model + "/" + table["fit"])
        for path in snakemake.input.systems
    ]
    others = [*snakemake.input.cluster, *snakemake.input.populations, *snakemake.input.agreement]
    table = pd.concat([*map(store.read_csv, others), *systems])[list(COLUMNS)]
    verdict = status.of_fits(table)
    log.info("%s", verdict)
    if settings["strict"] and table["status"].map(status.has_failed).any():
        raise InputError(f"diagnostics.strict: {verdict}")
    store.write_csv(table, snakemake.output.diagnostics)
