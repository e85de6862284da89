"""Draw the periodogram of every system."""

import json

from starpop import store
from starpop.plots import systems
from starpop.plots.style import Style, save

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    scans = [store.read_tree(path).to_dataset() for path in snakemake.input.periods]
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    save(systems.periodograms(scans, style), snakemake.output, style, source)
