"""Draw the folded orbit of every system."""

import json

from starpop.orbits.visits import read_systems
from starpop.pages import systems, tables
from starpop.pages.style import Style, failures, save
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    visits = read_systems(snakemake.input.visits, times=settings["times"])
    orbits = tables.highest_points([store.read_tree(path) for path in snakemake.input.posteriors])
    table = store.read_csv(snakemake.input.orbits)
    failed = failures(table[table["system"].isin(orbits)].set_index("system")["status"].to_dict())
    failed = " ".join(filter(None, [failed, status.of_orbits(table)]))
    figure = systems.orbits_grid(visits, orbits, table, style)
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    save(figure, snakemake.output, style, source, failed)
