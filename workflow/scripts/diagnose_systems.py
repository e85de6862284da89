"""Diagnostics of every system's own fit, the summary of one, and exact answers and NUTS side by side."""

import json

import pandas as pd

from starpop.checks import agreement
from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import assess_systems, summarise_system
from starpop.orbits import fitted
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    settings, given = json.loads(snakemake.params.settings), snakemake.input
    scans = [store.read_group(path)[["failed_system", "reason"]].load() for path in given.periods]
    modes = [store.read_tree(path, ["modes"]) for path in given.exact]
    posteriors = [store.read_tree(path) for path in given.posteriors]
    table = assess_systems(scans, modes, posteriors, Thresholds(**settings["diagnostics"]), settings["max_treedepth"])
    store.write_csv(table, snakemake.output.diagnostics)
    checked = table.set_index("fit")["status"].to_dict()
    name = fitted.find_system(posteriors, settings["focus_system"])
    (batch,) = (i for i, tree in enumerate(posteriors) if name in fitted.names_of(tree))
    drawn = store.read_tree(given.exact[batch], systems=[name])
    store.write_csv(summarise_system(name, drawn, posteriors[batch], checked), snakemake.output.focus_system)
    sampled = map(fitted.sampled_of, posteriors)
    exact = [store.read_tree(path, systems=names) for path, names in zip(given.exact, sampled, strict=True)]
    roads = (
        ("cluster", "nuts", given.exact_cluster, given.cluster),
        ("population", "nuts", given.exact_populations, given.populations),
        ("population", "nuts over nodes", given.exact_populations, given.hyper_parameters),
    )
    fits = [
        (section, sampler, *map(store.read_tree, pair))
        for section, sampler, ours, theirs in roads
        for pair in zip(ours, theirs, strict=True)
    ]
    certificate = agreement.certificate(zip(exact, posteriors, strict=True), modes, checked, fits)
    outcome, sentence = agreement.verdict(certificate)
    log.info("%s: %s", outcome, sentence)
    store.write_csv(certificate, snakemake.output.agreement)
    row = {"fit": f"{snakemake.wildcards.system_model}/agreement", "status": outcome}
    store.write_csv(pd.DataFrame([row]), snakemake.output.agreement_status)
