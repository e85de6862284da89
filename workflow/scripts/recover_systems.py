"""Look for the periods of a share of the simulated systems."""

import json

from starpop import recovery, store
from starpop.simulate import Survey
from starpop.system_model import SystemModel

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    wanted = settings["recovery"]
    chosen = range(int(snakemake.wildcards.batch), wanted["systems"], snakemake.params.shares)
    study = Survey(**wanted["survey"]), SystemModel(**wanted["orbit_prior"]), wanted["period_range_days"]
    store.write_csv(recovery.recover_systems(chosen, *study, settings["seed"]), snakemake.output.recovered)
