"""Draw the graph of every model."""

import json

from starpop import store
from starpop.plots import pgm
from starpop.plots.style import Style, save

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    for name, graph in pgm.GRAPHS.items():
        save(pgm.draw(graph), snakemake.output[name], style, source="")
