"""Draw the orbit of the one system that the tutorial shows."""

import json

from starpop.orbits.visits import read_systems
from starpop.pages import systems, tables
from starpop.pages.style import Style, failures, save
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    focus = tables.find_system(
        [store.read_tree(path) for path in snakemake.input.posteriors], settings["focus_system"]
    )
    visits = {s.system: s for s in read_systems(snakemake.input.visits, times=settings["times"])}[focus.name]
    failed = failures([store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"][focus.name]])
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    save(systems.time_series(visits, focus.map, style), snakemake.output.time_series, style, source, failed)
    save(systems.folded(visits, focus.map, style), snakemake.output.folded, style, source, failed)
