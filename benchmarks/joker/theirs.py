"""The Joker on systems from a file: seconds to draw from the prior and to reject, draws kept, and the evidence.

Run in The Joker's own environment: `python theirs.py systems.json` prints one line of JSON a system.
"""

import json
import sys
import time
from pathlib import Path

import astropy.units as u
import numpy as np
import pymc as pm
import thejoker
import thejoker.units as xu


def main(path: str) -> None:
    """Draw from the prior once a system, as anew, and reject."""
    given = json.loads(Path(path).read_text())
    low, high = given["period_range_days"]
    kms = u.km / u.s
    with pm.Model():
        e = xu.with_unit(pm.Uniform("e", 0, given["largest_e"]), u.one)
        amplitude = xu.with_unit(pm.Normal("K", 0, given["amplitude_sd_kms"]), kms)
        prior = thejoker.JokerPrior.default(
            low * u.day, high * u.day, sigma_v=given["systemic_velocity_sd_kms"] * kms, pars={"e": e, "K": amplitude}
        )
    for system in given["systems"]:
        data = thejoker.RVData(
            np.array(system["time_days"]) + 2450000.0, system["rv_kms"] * kms, system["rv_err_kms"] * kms
        )
        joker = thejoker.TheJoker(prior, rng=np.random.default_rng(1))
        began = time.perf_counter()
        samples = prior.sample(given["prior_draws"], rng=np.random.default_rng(2))
        drawn = time.perf_counter()
        kept = joker.rejection_sample(data, samples)
        rejected = time.perf_counter()
        values = joker.marginal_ln_likelihood(data, samples)
        weight = np.exp(values - values.max())
        row = {
            "seconds_prior": drawn - began,
            "seconds_rejection": rejected - drawn,
            "kept": len(kept),
            "ln_evidence": float(values.max() + np.log(weight.mean())),
            "ln_evidence_error": float(weight.std() / weight.mean() / np.sqrt(len(weight))),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
