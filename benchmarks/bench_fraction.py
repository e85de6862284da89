"""A field of stars again and again: are fraction, periods and the probability of each star to be a binary right?

bench_fraction.py [repeats [stars]]

The field of config/fraction.yaml, of 4 to 20 visits and 40% binaries. Of a calibrated posterior a 68% interval holds
the truth in 68% of the repeats, and of the stars of all repeats with a probability p a share p are binaries.
"""

from __future__ import annotations

import sys
import time

from common import ROOT, bias_and_coverage, machine, measures, show

import numpy as np
import yaml

from starpop.checks.reliability import reliability
from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import condensed, survey
from starpop.populations.simulate import Survey, simulate_system

CONFIG = yaml.safe_load((ROOT / "config" / "fraction.yaml").read_text())
FIELD = CONFIG["catalogs"]["field"]
RANGE, TRUTH = tuple(FIELD["period_range_days"]), FIELD["simulation"]["parameters"]
MODEL = SystemModel(CONFIG["orbit_prior"]["amplitude_sd_kms"], CONFIG["orbit_prior"]["systemic_velocity_sd_kms"])
SURVEY = Survey(**FIELD["simulation"]["survey"])


def repeat(k: int, stars: int, density: Density) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(D, 3) mean less truth, sd, and whether the interval holds the truth; (N,) probabilities, and who is a binary."""
    rng, truth = np.random.default_rng([3, k]), [TRUTH[name] for name in density.parameters]
    of_x, own = density.of_periods, density.parameters_of_periods([np.array([value]) for value in truth])
    binary, likelihoods = rng.random(stars) < TRUTH["F"], []
    for i, is_one in enumerate(binary):
        (x,) = of_x.draw_within(RANGE, own, rng)
        visits, _ = simulate_system(f"S{i:05d}", x, SURVEY, MODEL, rng, None, bool(is_one))
        likelihoods.append(period_likelihood(visits, MODEL, RANGE))
    hyper, nodes = condensed.posterior(condensed.condense([likelihoods], density, RANGE), density)
    return measures(hyper, truth, rng), survey.binary_probability(hyper, stars, nodes.as_either(density)), binary


def main(repeats: int, stars: int) -> None:
    """Print bias and coverage of each hyper-parameter, and the reliability of the probabilities."""
    started, density = time.process_time(), density_from_settings(CONFIG["population_models"]["fraction"], RANGE)
    results = []
    for k in range(repeats):
        results.append(repeat(k, stars, density))
        print(k, np.round(results[-1][0], 4).tolist(), file=sys.stderr, flush=True)
    found, probability, binary = (np.array(part) for part in zip(*results, strict=True))
    rows: list[list[object]] = []
    for name, values in zip(density.parameters, found.swapaxes(0, 1), strict=True):
        bias, sd, coverage = bias_and_coverage(values)
        rows.append([name, bias, f"{sd:.4f}", coverage])
    took = time.process_time() - started
    print(f"{repeats} fields of {stars} stars, {took:.0f} CPU s.")
    show("Fields with a fraction of binaries", ["parameter", "bias [sd]", "sd", "coverage of 68%"], rows)
    table = reliability(probability.ravel(), binary.ravel())
    show("Reliability of the probabilities", list(table.columns), table.round(4).to_numpy().tolist())


if __name__ == "__main__":
    print(machine(), "\n")
    main(*(int(sys.argv[k]) if len(sys.argv) > k else default for k, default in ((1, 20), (2, 500))))
