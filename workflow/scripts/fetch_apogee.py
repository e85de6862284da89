"""Download the tutorial's table."""

import json

from starpop.run import fetch, store

with store.job(snakemake.log[0]) as log:
    entry = json.loads(snakemake.params.settings)["catalog"]
    log.info("%s", fetch.fetch(entry["url"], entry["path"], entry["sha256"]))
