"""Look for the periods of a share of the simulated systems."""

import json

from starpop.checks import recovery
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import Survey
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    wanted = settings["recovery"]
    chosen = range(int(snakemake.wildcards.batch), wanted["systems"], snakemake.params.shares)
    model = SystemModel(**wanted["orbit_prior"], orbit=wanted["orbit"])
    study = Survey(**wanted["survey"]), model, wanted["period_range_days"], settings["seed"]
    store.write_csv(recovery.recover_systems(chosen, *study), snakemake.output.recovered)
