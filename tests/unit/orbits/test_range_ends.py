"""Periods near the ends of the range and beyond: the nodes against adaptive quadrature of the same likelihood."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from starpop.inference.densities import UniformPeriod
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate
from starpop.orbits.noise import Jitter, Reported, Scaled
from starpop.orbits.orbit import ln_likelihood
from starpop.orbits.orbit_draws import draw_ln_periods
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

RANGE = (1.5, 20.0)
UNIFORM = UniformPeriod(RANGE)
NOISES = {"reported": Reported(), "jitter": Jitter(-2, 2), "scaled": Scaled(0, 1.5)}
RULES = leggauss(6), leggauss(12)


def system_near_an_end(seed):
    """A system of 5 to 36 visits whose period lies from 0.99 to 1.3 times beyond one of the ends."""
    rng = np.random.default_rng(seed)
    factor = rng.uniform(0.99, 1.3)
    period = RANGE[1] * factor if seed % 2 else RANGE[0] / factor
    count = int(rng.integers(5, 37))
    error, amplitude = np.exp(rng.uniform(np.log([0.05, 1]), np.log([1, 60])))
    time = np.sort(rng.uniform(0, np.exp(rng.uniform(np.log(30), np.log(2000))), count))
    phase = 2 * np.pi * (time / period + rng.random())
    rv = rng.normal(0, 40) + amplitude * np.cos(phase) + rng.normal(0, error, count)
    return Visits("near an end", time - time[0], rv, np.full(count, error))


def quadrature(ln_likelihood_at, baseline):
    """ln of the integral of L p(P) dP: Gauss rules of 6 and 12 points in panels that are halved until they agree.

    A panel in which ln L varies by more than 6 is halved too, so that no peak is missed.
    """
    low, high = 1 / RANGE[1], 1 / RANGE[0]
    near = (high - low) * np.logspace(-14, -1, 100)
    uniform = np.linspace(low, high, int(16 * (high - low) * baseline) + 50)
    edges = np.unique(np.concatenate([uniform, low + near, high - near]))
    start, end, best, masses = edges[:-1], edges[1:], -np.inf, []
    while len(start):
        half, middle = 0.5 * (end - start), 0.5 * (end + start)
        sums = []
        for points, weights in RULES:
            frequency = middle[:, None] + half[:, None] * points
            values = ln_likelihood_at(frequency.ravel()).reshape(frequency.shape)
            best = max(best, values.max())
            sums.append(half * (np.exp(values - best) / frequency**2 @ weights))
        total = sums[1].sum() + sum(np.exp(was - best) * mass for was, mass in masses)
        rough = (np.ptp(values, axis=1) > 6) & (values.max(axis=1) > best - 45)
        again = (rough | (abs(sums[1] - sums[0]) > 1e-11 * total)) & (half > 1e-16)
        masses.append((best, sums[1][~again].sum()))
        start, end = (np.concatenate(pair)[np.tile(again, 2)] for pair in ((start, middle), (middle, end)))
    return best + np.log(sum(np.exp(was - best) * mass for was, mass in masses)) - np.log(RANGE[1] - RANGE[0])


def errors_in_ln_evidence(noise, seeds):
    """How far the nodes' ln evidence is from the quadrature's, which goes another way with the reported errors."""
    model = SystemModel(100, 150, noise=NOISES[noise])
    for seed in seeds:
        visits = system_near_an_end(seed)
        likelihood, linear = period_likelihood(visits, model, RANGE), linear_model(visits, model)

        def at(frequency, visits=visits, linear=linear):
            return ln_likelihood(frequency, visits, model) if noise == "reported" else evaluate(frequency, linear)

        found = likelihood.ln_evidence(UNIFORM.ln_pdf(likelihood.ln_period))
        yield found - quadrature(at, visits.baseline_days)


@pytest.mark.parametrize(("noise", "systems"), [("reported", 12), ("jitter", 5), ("scaled", 3)])
def test_the_evidence_of_a_period_near_an_end_is_that_of_quadrature(noise, systems):
    errors = list(errors_in_ln_evidence(noise, range(systems)))
    np.testing.assert_allclose(errors, 0, atol=1e-6)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize(("beyond", "amplitude"), [(0.001, 80.0), (0.04, 25.0), (0.3, 60.0)])
def test_a_steep_end_holds_the_mass_of_an_exponential(end, beyond, amplitude):
    """A period just beyond an end (in resolution elements): the highest point is the end, where nothing curves."""
    rng = np.random.default_rng(5)
    time = np.sort(rng.uniform(0, 300, 24))
    frequency = 1 / RANGE[end] + (-beyond if end else beyond) / np.ptp(time)
    rv = 10 + amplitude * np.cos(2 * np.pi * time * frequency + 0.4) + rng.normal(0, 0.1, 24)
    visits, model = Visits("steep", time - time[0], rv, np.full(24, 0.1)), SystemModel(100, 150)
    likelihood = period_likelihood(visits, model, RANGE)
    expected = quadrature(lambda f: ln_likelihood(f, visits, model), visits.baseline_days)
    assert likelihood.ln_evidence(UNIFORM.ln_pdf(likelihood.ln_period)) == pytest.approx(expected, abs=1e-6)
    assert np.exp(likelihood.peak_ln_period[0]) == pytest.approx(RANGE[end], rel=1e-12)
    drawn = np.exp(draw_ln_periods(likelihood, UNIFORM, (), 2000, np.random.default_rng(1)))
    # ln L is linear over so short a way: its slope is that of an exponential distribution
    step = 1e-3 * likelihood.peak_ln_period_sd[0] / RANGE[end]
    inner = 1 / RANGE[end] + (step if end else -step)
    drop = np.diff(evaluate(np.array([inner, 1 / RANGE[end]]), likelihood.linear))[0]
    assert np.mean(abs(1 / drawn - 1 / RANGE[end])) == pytest.approx(step / drop, rel=0.1)
