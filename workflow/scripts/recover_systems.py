"""Look for the periods of a share of the simulated systems."""

import json

from starpop import calibration, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    chosen = range(int(snakemake.wildcards.batch), settings["recovery"]["systems"], snakemake.params.shares)
    survey = calibration.Survey(**settings["recovery"]["survey"])
    recovered = calibration.recover_systems(chosen, survey, settings["period_range_days"], settings["seed"])
    store.write_csv(recovered, snakemake.output.recovered)
