"""Diagnostics of every system's own fit, and the summary of the one that the tutorial shows."""

import json

from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import assess_systems, summarise_system
from starpop.orbits import fitted
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    scans = [store.read_group(path)[["failed_system", "reason"]].load() for path in snakemake.input.periods]
    exact = [store.read_tree(path, ["modes"]) for path in snakemake.input.exact]
    posteriors = [store.read_tree(path) for path in snakemake.input.posteriors]
    limits = Thresholds(**settings["diagnostics"])
    table = assess_systems(scans, exact, posteriors, limits, settings["max_treedepth"])
    store.write_csv(table, snakemake.output.diagnostics)
    name = fitted.find_system(posteriors, settings["focus_system"])
    (batch,) = (i for i, tree in enumerate(posteriors) if name in fitted.names_of(tree))
    checked = table.set_index("fit")["status"].to_dict()
    drawn = store.read_tree(snakemake.input.exact[batch], systems=[name])
    store.write_csv(summarise_system(name, drawn, posteriors[batch], checked), snakemake.output.focus_system)
