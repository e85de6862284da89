"""One row a system; and the criticism and the residuals of all batches."""

import json

from starpop.gate import masses
from starpop.orbits import visits
from starpop.orbits.system_model import SystemModel
from starpop.pages import tables
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    for name in ("criticism", "residuals"):
        store.write_csv(store.read_batches(snakemake.input[name]), snakemake.output[name])
    orbits = tables.tabulate_orbits(
        {s.system: s for s in visits.read_systems(snakemake.input.visits, times=model.times)},
        [store.read_tree(path).to_dataset() for path in snakemake.input.periods],
        [store.read_tree(path) for path in snakemake.input.exact],
        [store.read_tree(path) for path in snakemake.input.posteriors],
        store.read_table(snakemake.input.rejected).to_pandas(),
        store.read_csv(snakemake.output.criticism),
        masses.read_primaries(snakemake.input.systems),
        model,
        settings["period_range_days"],
    )
    store.write_csv(orbits, snakemake.output.orbits)
