"""Pass the user's table through the gate."""

import json
import sys

from starpop.gate import catalog
from starpop.gate.masses import read_masses
from starpop.gate.table_file import sha256
from starpop.orbits.visits import cadence_range
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    entry = settings["catalog"]
    masses = read_masses(entry["masses"]) if "masses" in entry else None
    prepared = catalog.prepare(catalog.read_catalog(entry), entry, catalog.Selection(**settings["systems"]), masses)
    for remark in prepared.remarks:
        log.info("%s", remark)
        print(f"{snakemake.wildcards.catalog}: {remark}", file=sys.stderr)
    attributes = {"catalog": snakemake.wildcards.catalog, "sha256": sha256(snakemake.input.table)}
    attributes |= {"masses": sha256(snakemake.input.masses)} if masses else {}
    attributes |= dict(zip(("p_short", "p_long"), map(str, cadence_range(prepared.visits)), strict=True))
    attributes["timesys"] = entry.get("time", {}).get("scale", "utc").upper()
    for name in ("visits", "systems", "rejected"):
        store.write_table(getattr(prepared, name), snakemake.output[name], attributes)
