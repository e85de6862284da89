"""Draw the graph of every model."""

import json

from starpop.pages import pgm
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    for name, graph in pgm.GRAPHS.items():
        save(pgm.draw(graph), snakemake.output[name], style, source="")
