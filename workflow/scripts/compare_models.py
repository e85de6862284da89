"""All pairs of a system model and a population model side by side, and under other priors."""

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd

from starpop.checks import comparison, sensitivity
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    systems, populations, moved = defaultdict(dict), {}, []
    for path in snakemake.input.systems:
        modes = store.read_group(path, "modes")
        systems[Path(path).parts[-3]] |= modes["ln_evidence"].to_series().to_dict()
    for path in snakemake.input.populations:
        tree, pair = store.read_tree(path), Path(path).parts[-3:-1]
        populations[pair] = tree["exact"].to_dataset()
        names = dict(zip(("system_model", "population_model"), pair, strict=True))
        moved.append(sensitivity.of_fit(tree, settings["ess_min"]).assign(**names))
    table = comparison.compare_models(populations, systems, settings["models"])
    store.write_csv(table, snakemake.output.comparison)
    store.write_csv(pd.concat(moved)[list(sensitivity.COLUMNS)], snakemake.output.sensitivity)
