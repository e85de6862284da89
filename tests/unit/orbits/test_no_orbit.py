"""The evidence of no orbit is that of a normal density of the velocities, integrated over the noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from starpop.inference.densities import UniformPeriod
from starpop.orbits import no_orbit
from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

PLAIN = SystemModel(20, 50, trend_sd_kms_per_year=2)
RANGE = (2, 100)


def visits_of(rng, velocity, count=12):
    time = np.sort(rng.uniform(0, 300, count))
    error = rng.uniform(0.1, 0.4, count)
    rv = velocity(time) + rng.normal(0, error)
    return Visits("S", time, rv, error, ("a", "b"), np.arange(count) % 2)


def brute_force(visits, model):
    """The integral over the noise's number of a normal density of the velocities."""
    design, sd = model.static_columns(visits), model.standard_deviations(visits)[2:]

    def ln_density(u):
        variance = np.broadcast_to(model.noise.variances(np.array([[u]]), visits)[0], len(visits))
        return multivariate_normal.logpdf(visits.rv_kms, None, (design * sd**2) @ design.T + np.diag(variance))

    if model.noise.parameter is None:
        return ln_density(0.0)
    grid = model.noise.mean + model.noise.sd * np.linspace(-7, 7, 4001)
    values = [ln_density(u) + model.noise.ln_prior(np.array([u])) for u in grid]
    best, at = max(values), grid[int(np.argmax(values))]
    held = [u for u, value in zip(grid, values, strict=True) if value > best - 45]

    def relative(u):
        return np.exp(ln_density(u) + model.noise.ln_prior(np.array([u])) - best)

    total = quad(relative, held[0], at, epsabs=0, epsrel=1e-11, limit=500)[0]
    return best + np.log(total + quad(relative, at, held[-1], epsabs=0, epsrel=1e-11, limit=500)[0])


@pytest.mark.parametrize("noise", [PLAIN.noise, Jitter(-1, 1), Scaled(0.2, 0.5)])
@pytest.mark.parametrize("changes", [{}, {"trend": 1}, {"trend": 2, "offsets": True}])
def test_the_evidence_is_that_by_brute_force(noise, changes):
    rng = np.random.default_rng(1)
    visits = visits_of(rng, lambda t: 12 + 0.02 * t)
    model = replace(PLAIN, noise=noise, **changes)
    assert no_orbit._given_widths(visits, model) == pytest.approx(brute_force(visits, model), abs=1e-8)


def test_offsets_have_the_width_that_the_visits_favour():
    rng = np.random.default_rng(2)
    visits = visits_of(rng, lambda t: 0 * t)
    apart = replace(visits, rv_kms=visits.rv_kms + 80.0 * visits.instrument)
    model = replace(PLAIN, offsets=True, offset_sd_kms=1.0)
    widths = [no_orbit._given_widths(apart, wider) for wider in model.offset_models(apart)]
    assert no_orbit.ln_evidence(apart, model) == max(widths) > widths[0] + 10


def bayes_factors(visits, model):
    """Of an orbit against none, and against a drift."""
    likelihood = period_likelihood(visits, model, RANGE)
    orbit = likelihood.ln_evidence(UniformPeriod(RANGE).ln_pdf(likelihood.ln_period))
    return orbit - no_orbit.ln_evidence(visits, model), orbit - no_orbit.ln_evidence_of_drift(visits, model)


def test_an_orbit_a_constant_star_and_a_drift_are_told_apart():
    rng = np.random.default_rng(3)
    binary = visits_of(rng, lambda t: 5 * np.cos(2 * np.pi * t / 7.3))
    constant, drift = visits_of(rng, lambda t: 3 + 0 * t), visits_of(rng, lambda t: 1e-4 * (t - 20) ** 2)
    assert min(bayes_factors(binary, PLAIN)) > 20
    assert bayes_factors(constant, PLAIN)[0] < 0
    against_none, against_drift = bayes_factors(drift, PLAIN)
    assert against_none > against_drift < 0


def test_without_an_orbit_the_share_of_evidence_is_that_of_simulations():
    """Of stars of which half have an orbit, of those given even odds half have one."""
    rng, right, given = np.random.default_rng(4), [], []
    model = SystemModel(0.5, 10)
    for _ in range(400):
        time, error = np.sort(rng.uniform(0, 200, 5)), np.full(5, 0.3)
        is_binary = rng.random() < 0.5
        period = rng.uniform(*RANGE)
        a, b, v0 = rng.normal(0, [0.5, 0.5, 10])
        angle = 2 * np.pi * time / period
        orbit = a * np.cos(angle) + b * np.sin(angle) if is_binary else 0.0
        visits = Visits("S", time, v0 + orbit + rng.normal(0, error), error)
        right.append(is_binary)
        given.append(1 / (1 + np.exp(-bayes_factors(visits, model)[0])))
    given, right = np.array(given), np.array(right)
    z = (right.sum() - given.sum()) / np.sqrt(np.sum(given * (1 - given)))
    assert abs(z) < 3.5
    low = given < np.median(given)
    assert abs(right[low].sum() - given[low].sum()) / np.sqrt(np.sum((given * (1 - given))[low])) < 3.5
