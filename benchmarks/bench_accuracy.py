"""The kernel against extended precision, and nodes against dense brute force, on very many random systems."""

import sys
from dataclasses import replace

from common import PRIOR, RANGE, ROOT, machine, random_system, show

import numpy as np
from numpy.polynomial.legendre import leggauss

sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "unit" / "orbits"))
from test_range_ends import errors_in_ln_evidence
from test_scan import allowed, extended

from starpop.inference.densities import UniformPeriod
from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.ln_likelihood import evaluate
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.linear_model import linear_model
from starpop.orbits.scan import lattice, scan


def kernel(systems: int = 1000, pairs: int = 1000) -> None:
    """A million pairs of system and frequency: K/sigma to 10^4, baselines to 5000 d, 3 to 60 visits."""
    worst, largest = 0.0, 0.0
    for seed in range(systems):
        rng = np.random.default_rng(seed)
        count, baseline = int(rng.integers(3, 61)), float(np.exp(rng.uniform(np.log(10), np.log(5000))))
        visits = random_system(rng, count, baseline, float(np.exp(rng.uniform(0, np.log(1e4)))), 0.01)
        model, grid = linear_model(visits, PRIOR), lattice(RANGE, baseline, count)
        chosen = rng.integers(0, grid.count, pairs)
        difference = np.abs(scan(model, grid)[chosen] - extended(model, grid.frequencies[chosen])).max()
        worst, largest = max(worst, float(difference) / allowed(model)), max(largest, float(difference))
    rows = [[systems * pairs, float(largest), float(worst)]]
    show("Kernel against extended precision", ["pairs", "largest error in ln L", "largest share of the allowed"], rows)


def brute_force(linear, density, cells_per_resolution: int) -> tuple[float, float]:
    """ln evidence and posterior mean of ln P by an 8-point Gauss rule in very many cells of frequency."""
    low, high = 1 / RANGE[1], 1 / RANGE[0]
    cells = int(np.ceil(cells_per_resolution * (high - low) * linear.baseline_days)) + 400
    points, weights = leggauss(8)
    edges = np.linspace(low, high, cells + 1)
    half = 0.5 * (edges[1] - edges[0])
    frequency = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * points).ravel()
    x = -np.log(frequency)
    terms = evaluate(frequency, linear) + np.tile(np.log(weights * half), cells) + x + density.ln_pdf(x)
    mass = np.exp(terms - terms.max())
    return float(terms.max() + np.log(mass.sum())), float((mass * x).sum() / mass.sum())


def nodes(model, systems: int) -> list[list[object]]:
    """Evidence and mean of ln P under a uniform prior on P, 3 to 60 visits, the sparse ones as many as the others."""
    density, errors = UniformPeriod(RANGE), []
    for seed in range(systems):
        rng = np.random.default_rng(10_000 + seed)
        count = int(rng.integers(3, 61)) if seed % 2 else int(rng.integers(3, 9))
        baseline = float(np.exp(rng.uniform(np.log(20), np.log(100))))
        visits = random_system(rng, count, baseline, float(np.exp(rng.uniform(0, np.log(60)))), 0.3)
        likelihood = period_likelihood(visits, model, RANGE)
        whole = linear_model(visits, model)
        ln_prior = density.ln_pdf(likelihood.ln_period)
        ln_evidence = likelihood.ln_evidence(ln_prior)
        mean = np.sum(np.exp(likelihood.ln_weight + ln_prior - ln_evidence) * likelihood.ln_period)
        for cells in (400, 3000):  # the sharpest peaks need the finer cells
            truth, true_mean = brute_force(whole, density, cells)
            error = abs(np.expm1(ln_evidence - truth)), abs(mean / true_mean - 1)
            if max(error) < 1e-7:
                break
        errors.append(error)
    table = np.array(errors)
    return [
        [type(model.noise).__name__, systems, name, *map(float, np.quantile(column, [0.5, 0.99, 1]))]
        for name, column in zip(("evidence", "mean of ln P"), table.T, strict=True)
    ]


def range_ends(systems: int = 500) -> None:
    """ln evidence of systems whose period lies from 0.99 to 1.3 times beyond an end of the range."""
    rows = []
    for noise, several in (("reported", systems), ("jitter", systems // 5), ("scaled", systems // 5)):
        errors = np.abs(list(errors_in_ln_evidence(noise, range(several))))
        rows.append([noise, several, *map(float, np.quantile(errors, [0.5, 0.99, 1]))])
    show(
        "Periods near the ends of the range",
        ["noise", "systems", "error of ln evidence: median", "99%", "largest"],
        rows,
    )


if __name__ == "__main__":
    print(machine("scipy"))
    kernel()
    range_ends()
    noises = ((PRIOR.noise, 1000), (Jitter(-2, 2), 100), (Scaled(0, 0.5), 100))
    rows = [row for noise, systems in noises for row in nodes(replace(PRIOR, noise=noise), systems)]
    show("Nodes against brute force", ["noise", "systems", "relative error of", "median", "99%", "largest"], rows)
