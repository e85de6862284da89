"""Pass the user's table through the gate."""

import json

from starpop import catalog, store

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    table = catalog.read_table(snakemake.input.table)
    prepared = catalog.prepare(table, settings["catalog"], catalog.Selection(**settings["systems"]))
    log.info("%d rows used, %d rejected", len(prepared.visits), len(prepared.rejected))
    attributes = {"catalog": snakemake.wildcards.catalog, "sha256": catalog.sha256(snakemake.input.table)}
    for name in ("visits", "systems", "rejected"):
        store.write_table(getattr(prepared, name), snakemake.output[name], attributes)
