"""How often is a period right, and are the weights of the modes borne out."""

import json

import pandas as pd

from starpop.checks import recovery
from starpop.pages.recovery import reliability_diagram
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    systems = pd.concat(map(store.read_csv, snakemake.input.recovered)).sort_values("system", ignore_index=True)
    table, reliability = recovery.recovery_table(systems), recovery.reliability(systems)
    log.info("\n%s\n%s", table.to_string(), reliability.to_string())
    for name, frame in (("systems", systems), ("table", table), ("reliability", reliability)):
        store.write_csv(frame, snakemake.output[name])
    figure = reliability_diagram(reliability, style)
    save(figure, snakemake.output.figure, style, f"{len(systems)} simulated systems")
