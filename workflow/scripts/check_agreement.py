"""Set exact answers and NUTS side by side, parameter by parameter."""

import json

import pandas as pd

from starpop.checks import agreement
from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import unchecked
from starpop.orbits.fitted import sampled_of
from starpop.run import status, store

with store.job(snakemake.log[0]) as log:
    of_systems = snakemake.input.exact_systems
    fits = {name: paths for name, paths in snakemake.input.items() if name != "exact_systems"}
    read = {name: [store.read_tree(path) for path in paths] for name, paths in fits.items()}
    several = [name for path in of_systems for name in agreement.several_modes(store.read_tree(path, ["modes"]))]
    sampled = map(sampled_of, read["systems"])
    exact_systems = [store.read_tree(path, systems=names) for path, names in zip(of_systems, sampled, strict=True)]
    settings = json.loads(snakemake.params.settings)
    limits = Thresholds(**settings["diagnostics"]), settings["max_treedepth"]
    tables = [
        agreement.compare_systems("systems", exact, nuts, unchecked(nuts, *limits))
        for exact, nuts in zip(exact_systems, read["systems"], strict=True)
    ]
    for exact, posterior in zip(read["exact_cluster"], read["cluster"], strict=True):
        if not posterior.attrs[status.WHY_NOT]:
            tables.append(agreement.compare_fit("cluster", "nuts", exact, posterior))
    for i, exact in enumerate(read["exact_population"]):
        for sampler, name in (("nuts", "population"), ("nuts over nodes", "hyper_parameters")):
            if not read[name][i].attrs[status.WHY_NOT]:
                tables.append(agreement.compare_fit("population", sampler, exact, read[name][i], several))
    order = ["section", "sampler", "parameter"]  # whatever the batches
    table = pd.concat([part for part in tables if len(part)] or tables[:1]).sort_values(order, ignore_index=True)
    outcome, sentence = agreement.verdict(table)
    log.info("%s: %s", outcome, sentence)
    store.write_csv(table, snakemake.output.agreement)
    row = {"fit": f"{snakemake.wildcards.system_model}/agreement", "status": outcome}
    store.write_csv(pd.DataFrame([row]), snakemake.output.status)
