"""Draw the graph of one model."""

import json

from starpop import store
from starpop.plots import pgm
from starpop.plots.style import Style, save

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    save(pgm.draw(pgm.GRAPHS[snakemake.wildcards.graph]), snakemake.output, style, source="")
