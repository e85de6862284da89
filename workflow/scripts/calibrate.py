"""Are the ranks uniform."""

import json

import pandas as pd

from starpop import __version__
from starpop.checks import calibration
from starpop.pages.calibration import rank_histograms
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    style, draws = Style.from_settings(settings["figures"]), settings["draws"]
    ranks = pd.concat(map(store.read_csv, snakemake.input.ranks)).sort_values("catalog", kind="stable")
    table = calibration.calibration_table(ranks, draws).assign(version=__version__, code=snakemake.params.chain)
    log.info("\n%s", table.to_string())
    store.write_csv(ranks, snakemake.output.ranks)
    store.write_csv(table, snakemake.output.table)
    source = f"{table['catalogs'].max()} simulated catalogues a case"
    save(rank_histograms(ranks, table, draws, style), snakemake.output.figure, style, source)
