"""Pass the user's table of parallaxes through the gate."""

import json

from starpop.gate import parallaxes
from starpop.gate.table_file import sha256
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    entry = json.loads(snakemake.params.settings)["table"]
    stars, rejected = parallaxes.prepare(parallaxes.read_stars(entry), entry)
    log.info("%d stars used, %d rows rejected.", len(stars), len(rejected))
    attributes = {"sha256": sha256(snakemake.input.table)}
    store.write_table(stars, snakemake.output.stars, attributes)
    store.write_table(rejected, snakemake.output.rejected, attributes)
