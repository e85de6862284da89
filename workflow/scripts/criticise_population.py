"""Check the periods of all systems against what their population predicts."""

import json

from starpop.checks.population_criticism import criticise_population
from starpop.inference.densities import density_from_settings
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    tree = store.read_tree(snakemake.input.exact)
    looked_for = json.loads(tree.attrs["settings"])["period_range_days"]
    density = density_from_settings(settings["population"], looked_for)
    draws = tree["posterior"].to_dataset().isel(chain=0)
    table = criticise_population(
        density,
        [draws[name].values for name in density.parameters],
        draws["lnP"].values,
        settings["criticism"]["replicates"],
        generator_for(settings["seed"], "criticise_population"),
        looked_for,
    )
    store.write_csv(table, snakemake.output.criticism)
