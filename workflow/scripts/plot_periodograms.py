"""Draw the periodogram of every system."""

import json

from starpop.pages import systems
from starpop.pages.style import Style, save
from starpop.run import status, store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    scans = [store.read_tree(path).to_dataset() for path in snakemake.input.periods]
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    table = store.read_csv(snakemake.input.orbits)
    save(systems.periodograms(scans, table, style), snakemake.output, style, source, status.of_orbits(table))
