"""Rank the truth among the draws, in a share of a case's simulated catalogues."""

import json

from starpop.checks import calibration, cluster_calibration
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    wanted, wildcards = settings["case"], snakemake.wildcards
    chosen = range(int(wildcards.batch), wanted["catalogs"], snakemake.params.shares)
    case = cluster_calibration.case_from_settings(wanted)
    ranks = calibration.rank_catalogs(chosen, wildcards.case, case, wanted["draws"], settings["seed"])
    store.write_csv(ranks, snakemake.output.ranks)
