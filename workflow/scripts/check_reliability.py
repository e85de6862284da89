"""Hold the probabilities that stars are binaries against who is one."""

import json

import numpy as np
from astropy.table import vstack

from starpop.checks.reliability import reliability
from starpop.pages.reliability import diagram
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    truth = vstack([store.read_table(path) for path in snakemake.input.truth]).to_pandas()
    binary = np.isfinite(truth.set_index("system")["period_days"])
    for pair, path in zip(snakemake.params.pairs, snakemake.input.systems, strict=True):
        systems = store.read_csv(path)
        table = reliability(systems["binary_probability"].to_numpy(), binary[systems["system"]].to_numpy())
        store.write_csv(table, snakemake.output[f"table_{pair}"])
        source = f"catalogue {snakemake.wildcards.catalog}, models {' and '.join(pair.split('/'))}"
        save(diagram(table, style), snakemake.output[f"figure_{pair}"], style, source)
