"""One row a system of a batch."""

import json

from starpop.gate import masses
from starpop.orbits import visits
from starpop.orbits.system_model import SystemModel
from starpop.pages import tables
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    model = SystemModel.from_settings(settings["model"])
    batch = int(snakemake.wildcards.batch), settings["batches"]
    orbits = tables.tabulate_orbits(
        {s.system: s for s in visits.read_systems(snakemake.input.visits, *batch, model.times)},
        store.read_tree(snakemake.input.periods).to_dataset(),
        store.read_tree(snakemake.input.exact),
        store.read_tree(snakemake.input.posteriors, ["map"]),
        store.read_csv(snakemake.input.criticism),
        masses.read_primaries(snakemake.input.systems),
        model,
        visits.period_range(snakemake.input.visits, settings["period_range_days"]),
    )
    store.write_csv(orbits, snakemake.output.orbits)
