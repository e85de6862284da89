"""Rank the truth among the draws, in a share of the simulated catalogues."""

import json

from starpop import calibration, store
from starpop.densities import TruncatedNormal

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    wanted, share = settings["calibration"], int(snakemake.wildcards.batch)
    bounds = {name: tuple(values) for name, values in wanted["population"].items()}
    density = TruncatedNormal(**bounds, period_range_days=settings["period_range_days"])
    survey = calibration.Survey(**wanted["survey"])
    chosen = range(share, wanted["catalogs"], snakemake.params.shares)
    ranks = calibration.rank_catalogs(chosen, density, wanted["systems"], survey, wanted["draws"], settings["seed"])
    store.write_csv(ranks, snakemake.output.ranks)
