"""Draw all radial velocities."""

import json

from starpop import store
from starpop.plots import systems
from starpop.plots.style import Style, save
from starpop.visits import read_systems

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    visits = read_systems(snakemake.input.visits)
    source = f"catalogue {snakemake.wildcards.catalog}, {len(visits)} systems"
    save(systems.visits_grid(visits, style), snakemake.output, style, source)
