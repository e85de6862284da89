"""A planted study: populations of which only the stars with an orbit of five errors are seen, corrected for that or not.

Each repeat draws hyper-parameters from their prior, and stars from them until enough are seen. Over repeats the mean
of a calibrated posterior is right on average, and a central 68% interval holds the truth in 68% of them.
`python benchmarks/bench_selection.py 100` makes so many repeats; a mean over them has an error of 0.1 sd.
"""

from __future__ import annotations

import sys
import time

from common import bias_and_coverage, machine, measures, show

import numpy as np

from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density
from starpop.orbits.conditions import Conditions, Star
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import condensed, detection
from starpop.populations.simulate import Survey, simulate_system

RANGE, MODEL, FOUND = (
    (2.0, 100.0),
    SystemModel(1.0, 50, amplitude_scaling="kepler"),
    Conditions(semi_amplitude_over_error=5),
)
SURVEY = Survey((5, 15), (300, 1000), (0.2, 1.5))
POPULATION = {"density": "truncated_normal", "mu": [1, 4.3], "ln_sigma": [-1, 0.5], "fraction": [0.1, 0.9]}
# Stars of the table and of a sample; simulated stars, and how often they are simulated anew.
TABLE, SAMPLE, SIMULATIONS, DETECTIONS = 300, 50, 8000, 4
KINDS = ("corrected", "not corrected")


def table() -> list[Visits]:
    """Stars whose visits all stars have."""
    rng = np.random.default_rng(1)
    return [simulate_system(f"T{i}", 2.0, SURVEY, MODEL, rng)[0] for i in range(TABLE)]


def sample(stars: list[Visits], density: Density, hyper: list[float], rng: np.random.Generator) -> condensed.Condensed:
    """The condensed nodes of a sample of a population."""
    found: list = []
    while len(found) < SAMPLE:
        template, of_x = detection.any_of(stars, rng), density.of_periods
        if rng.random() < hyper[0]:
            (x,) = of_x.draw([np.array([value]) for value in hyper[1:]], 1, rng)
            visits = detection.binary(template, MODEL, float(x), (0.0, np.inf), rng)[0]
        else:
            visits = detection.single(template, MODEL, rng)
        if FOUND.are_met_by(Star(visits, MODEL, RANGE)):
            found.append(period_likelihood(visits, MODEL, RANGE))
    return condensed.condense([found], density, RANGE).coarser(density, 8)


def repeat(k: int, stars: list[Visits], simulated: list[detection.Detection]) -> np.ndarray:
    """(2, D, 3) mean less truth, sd, and whether the interval holds the truth, corrected and not."""
    rng, density = np.random.default_rng([2, k]), density_from_settings(POPULATION, RANGE)
    hyper = [prior.low + (prior.high - prior.low) * rng.random() for prior in density.parameters.values()]
    nodes = sample(stars, density, hyper, rng)
    seen = detection.seen_of(simulated[k % DETECTIONS], density, SAMPLE)
    first = condensed.posterior_of(nodes, density.in_sample(seen))
    posteriors = (
        condensed.posterior_of(nodes, density.in_sample(seen.about(density, first))),
        condensed.posterior_of(nodes, density),
    )
    return np.array([measures(posterior, hyper, rng) for posterior in posteriors])


def main(repeats: int) -> None:
    """Print bias and coverage of each hyper-parameter."""
    started, stars = time.process_time(), table()
    simulated = [
        detection.simulate_detection(stars, MODEL, RANGE, FOUND, SIMULATIONS, seed) for seed in range(DETECTIONS)
    ]
    simulating = time.process_time() - started
    found = np.array([repeat(k, stars, simulated) for k in range(repeats)])
    rows: list[list[object]] = []
    for kind, of_kind in zip(KINDS, found.swapaxes(0, 1), strict=True):
        for name, values in zip(("F", "mu", "lnsigma"), of_kind.swapaxes(0, 1), strict=True):
            bias, _, coverage = bias_and_coverage(values)
            rows.append([kind, name, bias, coverage])
    took = time.process_time() - started
    print(f"{repeats} samples of {SAMPLE} stars, {took:.0f} CPU s, of which {simulating:.0f} s simulating detection.")
    show("Samples with K of five errors", ["population", "parameter", "bias [sd]", "coverage of 68%"], rows)


if __name__ == "__main__":
    print(machine(), "\n")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
