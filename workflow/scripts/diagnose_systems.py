"""Diagnostics of every system's own fit, the summary of one, and exact answers and NUTS side by side."""

import json

import pandas as pd

from starpop.checks import agreement
from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import assess_systems, summarise_system
from starpop.orbits import fitted
from starpop.run import status, store

with store.job(snakemake.log[0]) as log:
    settings, given = json.loads(snakemake.params.settings), snakemake.input
    scans = [store.read_group(path)[["failed_system", "reason"]].load() for path in given.periods]
    modes = [store.read_tree(path, ["modes"]) for path in given.exact]
    posteriors = [store.read_tree(path) for path in given.posteriors]
    limits = Thresholds(**settings["diagnostics"])
    table = assess_systems(scans, modes, posteriors, limits, settings["max_treedepth"])
    store.write_csv(table, snakemake.output.diagnostics)
    checked = table.set_index("fit")["status"].to_dict()

    name = fitted.find_system(posteriors, settings["focus_system"])
    (batch,) = (i for i, tree in enumerate(posteriors) if name in fitted.names_of(tree))
    drawn = store.read_tree(given.exact[batch], systems=[name])
    store.write_csv(summarise_system(name, drawn, posteriors[batch], checked), snakemake.output.focus_system)

    exact = [
        store.read_tree(path, systems=fitted.sampled_of(tree))
        for path, tree in zip(given.exact, posteriors, strict=True)
    ]
    told_nothing = {name for name, said in checked.items() if said.startswith(status.NOT_CHECKED)}
    tables = [agreement.compare_systems(*pair, told_nothing) for pair in zip(exact, posteriors, strict=True)]
    several = [name for tree in modes for name in agreement.several_modes(tree)]
    for section, sampler, ours, theirs, left_out in (
        ("cluster", "nuts", given.exact_cluster, given.cluster, []),
        ("population", "nuts", given.exact_populations, given.populations, several),
        ("population", "nuts over nodes", given.exact_populations, given.hyper_parameters, several),
    ):
        for pair in zip(map(store.read_tree, ours), map(store.read_tree, theirs), strict=True):
            tables.append(agreement.compare_fit(section, sampler, *pair, left_out))
    table = agreement.joined(tables)
    outcome, sentence = agreement.verdict(table)
    log.info("%s: %s", outcome, sentence)
    store.write_csv(table, snakemake.output.agreement)
    row = {"fit": f"{snakemake.wildcards.system_model}/agreement", "status": outcome}
    store.write_csv(pd.DataFrame([row]), snakemake.output.agreement_status)
