"""Draw all radial velocities."""

import json

from starpop.orbits.visits import read_systems
from starpop.pages import systems
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    visits = read_systems(snakemake.input.visits)
    source = f"catalogue {snakemake.wildcards.catalog}, {len(visits)} systems"
    save(systems.visits_grid(visits, style), snakemake.output, style, source)
