"""Draw the graph of every model."""

import json

from starpop.pages import pgm
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    for name, paths in snakemake.output.items():
        save(pgm.draw(pgm.GRAPHS[name]), paths, style, source="")
