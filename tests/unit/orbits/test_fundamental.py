"""The condition that the fundamental is the strongest harmonic: its probability, draws with it, and what it is for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import ks_2samp

from conftest import random_visits
from starpop.inference.densities import UniformPeriod
from starpop.orbits import kepler
from starpop.orbits.fundamental import excess, ln_prior_share, ln_share, quadratic_form
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import conditional
from starpop.orbits.orbit_draws import circles, draw_orbits, draw_theta
from starpop.orbits.peaks import DEPTH
from starpop.orbits.period_likelihood import mode_weights, period_likelihood, survey_period_range
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

RANGE = (1.5, 20.0)


def random_posterior(rng, harmonics):
    """A Cholesky factor of a precision and a mean whose Q is near zero, with one further coefficient."""
    size = 2 * harmonics + 1
    mixing = rng.normal(size=(size, size + 2)) * np.exp(rng.normal(0, 1, (size, 1)))
    precision = mixing @ mixing.T
    mean = rng.normal(0, np.exp(rng.uniform(-3, 2)), size)
    mean[:2] *= np.linalg.norm(mean[2:-1]) / np.linalg.norm(mean[:2]) * np.exp(rng.normal(0, 0.3))
    return np.linalg.cholesky(precision), mean


def imhof(values, shift):
    """Pr(sum of values (eta + shift)^2 >= 0), Imhof 1961, Biometrika 48, 419."""

    def integrand(x):
        u = np.exp(x)
        square = 1 + (values * u) ** 2
        phase = 0.5 * np.sum(np.arctan(values * u) + shift**2 * values * u / square)
        return np.sin(phase) * np.exp(-0.5 * np.sum((shift * values * u) ** 2 / square)) / np.prod(square**0.25)

    middle = -np.log(np.abs(values).max())
    parts = [quad(integrand, middle + low, middle + low + 2, limit=500, epsabs=1e-13)[0] for low in range(-40, 40, 2)]
    return 0.5 + sum(parts) / np.pi


@pytest.mark.parametrize("harmonics", [2, 3])
def test_the_probability_is_imhofs(harmonics):
    rng = np.random.default_rng(harmonics)
    compared = 0
    for _ in range(150):
        factor, mean = random_posterior(rng, harmonics)
        expected = imhof(*quadratic_form(factor, mean, harmonics))
        if 1e-4 < expected < 1 - 1e-4:
            ours = np.exp(ln_share(factor, mean, harmonics))
            assert ours == pytest.approx(expected, rel=2e-7)
            assert 1 - ours == pytest.approx(1 - expected, rel=2e-7)
            compared += 1
    assert compared > 75


@pytest.mark.parametrize("harmonics", [2, 3])
def test_the_probability_is_the_share_of_draws(harmonics):
    rng = np.random.default_rng(harmonics)
    for _ in range(10):
        factor, mean = random_posterior(rng, harmonics)
        theta = mean[:, None] + np.linalg.solve(factor.T, rng.normal(size=(len(mean), 100_000)))
        share = np.mean(excess(theta, harmonics) >= 0)
        assert np.exp(ln_share(factor, mean, harmonics)) == pytest.approx(share, abs=4.5 * 0.5 / np.sqrt(100_000))


@pytest.mark.parametrize("distance", [0.0, 1.0, 5.0, 12.0])
def test_both_tails_keep_their_digits(distance):
    """With z_1 and z_2 round, |z_2|^2 is exponential and the probability is known in closed form."""
    for s1, s2 in ((1.0, 0.1), (1.0, 1.0), (0.3, 2.0)):
        factor = np.diag([1 / s1, 1 / s1, 1 / s2, 1 / s2])
        m = distance * np.hypot(s1, s2)
        ln_chance = -0.5 * distance**2 - np.log(s1**2 + s2**2)
        second = ln_share(factor, np.array([0, 0, m, 0.0]), 2)
        assert second == pytest.approx(ln_chance + 2 * np.log(s1), abs=1e-6)
        first = ln_share(factor, np.array([m, 0, 0, 0.0]), 2)
        assert first == pytest.approx(np.log1p(-np.exp(ln_chance + 2 * np.log(s2))), rel=1e-6, abs=1e-12)


def test_a_hopeless_probability_is_known_to_a_few_percent():
    factor = np.diag([1.0, 1.0, 1.0, 1.0])
    for distance in (20.0, 100.0, 1e4):
        assert ln_share(factor, np.array([0, 0, distance, 0.0]), 2) == pytest.approx(
            -0.25 * distance**2 - np.log(2), abs=0.1
        )


def test_the_priors_probability_is_the_share_of_its_draws():
    rng = np.random.default_rng(0)
    deviations = np.repeat([3.0, 2.0, 1.5], 2)
    share = np.mean(excess(rng.normal(0, deviations, (200_000, 6)).T, 3) >= 0)
    assert np.exp(ln_prior_share(deviations, 3)) == pytest.approx(share, abs=4.5 * 0.5 / np.sqrt(200_000))
    assert ln_share(np.diag(1 / deviations), np.zeros(6), 3) == pytest.approx(ln_prior_share(deviations, 3), abs=1e-7)


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["likely", "unlikely"])
def test_coefficients_are_drawn_as_by_rejection(sign):
    """Of a weak signal at its period or at twice that, from the posterior without the condition."""
    rng = np.random.default_rng(5)
    visits, period = random_visits(rng, 14, 60.0, 0.7, 0.5)
    period *= 1.0 if sign > 0 else 2.0
    model = SystemModel(30, 50, harmonics=2, eccentricity_scale=0.3)
    fit = conditional(np.array([1 / period]), visits, model)
    theta = rng.multivariate_normal(fit.mean[0], fit.covariance(), 400_000)
    expected = theta[excess(theta.T, 2) >= 0]
    assert len(expected) > 300_000 if sign > 0 else len(expected) < 150_000
    linear = linear_model(visits, model)
    drawn = draw_theta(
        circles(np.full(4000, np.log(period))), linear.weight.T.copy(), np.zeros(4000, int), rng, linear
    )
    drawn[:, 4] += linear.velocity_origin
    # the times' origin turns the phases: what does not depend on it
    for statistic in (
        lambda x: x[:, 4],
        lambda x: np.hypot(x[:, 0], x[:, 1]),
        lambda x: np.hypot(x[:, 2], x[:, 3]),
        lambda x: excess(x.T, 2),
    ):
        assert ks_2samp(statistic(drawn), statistic(expected)).pvalue > 1e-3


@pytest.mark.parametrize("seed", [(7, 257), (8, 92), (8, 138)], ids=str)
def test_coefficients_of_few_visits_are_drawn_as_by_rejection(seed):
    """At twice the period the tilted precision has pivots far below those of the prior."""
    rng = np.random.default_rng(seed)
    count = seed[0]
    time = np.sort(rng.uniform(0, 60, count))
    time -= time[0]
    amplitude = rng.choice([2.0, 5.0, 10.0])
    velocity = amplitude * np.cos(4 * np.pi * time / 6.0 + 1) + rng.normal(0, 1, count)
    visits = Visits("S", time, velocity, np.ones(count))
    model = SystemModel(100, 150, harmonics=2, eccentricity_scale=0.3)
    linear = linear_model(visits, model)
    fit = conditional(np.array([1 / 6.0]), visits, model)
    theta = rng.multivariate_normal(fit.mean[0], fit.covariance(), 400_000)
    expected = theta[excess(theta.T, 2) >= 0]
    assert 1000 < len(expected) < 100_000
    drawn = draw_theta(circles(np.full(4000, np.log(6.0))), linear.weight.T.copy(), np.zeros(4000, int), rng, linear)
    for statistic in (lambda x: np.hypot(x[:, 0], x[:, 1]), lambda x: np.hypot(x[:, 2], x[:, 3])):
        assert ks_2samp(statistic(drawn), statistic(expected)).pvalue > 1e-3


@pytest.mark.parametrize("noise", [{}, {"noise": Jitter(-2, 1)}], ids=["reported", "jitter"])
@pytest.mark.parametrize("harmonics", [2, 3])
def test_an_orbit_of_twice_the_period_is_none(harmonics, noise):
    """Its second harmonic could be the signal, and nearly is where the amplitude is within the harmonic's prior."""
    rng = np.random.default_rng(1)
    visits, _ = random_visits(rng, 25, 200.0, 0.0, 0.1)
    orbit = kepler.radial_velocity(visits.time_days, 5.3, 2.0, 0.1, 1.0, 0.5)
    visits = Visits("S", visits.time_days, orbit + rng.normal(0, visits.rv_err_kms), visits.rv_err_kms)
    model = SystemModel(30, 50, harmonics=harmonics, eccentricity_scale=0.1, **noise)
    likelihood = period_likelihood(visits, model, RANGE)
    weights = mode_weights(likelihood, UniformPeriod(RANGE))
    assert np.exp(likelihood.peak_ln_period[weights.argmax()]) == pytest.approx(5.3, rel=1e-3)
    assert weights.max() > 1 - 1e-6
    drawn = draw_orbits(likelihood, UniformPeriod(RANGE), (), 500, rng)
    theta = np.stack([drawn[name] for name in model.coefficients(visits)])
    assert (excess(theta, harmonics) >= 0).all()
    alone = replace(model, harmonics=1)
    assert period_likelihood(visits, alone, RANGE).ln_evidence(0) < likelihood.ln_evidence(0)


@pytest.mark.parametrize("harmonics", [2, 3])
def test_the_samples_of_a_scan_have_the_condition_once_at_the_ends_of_the_range_too(harmonics):
    """Of a signal so weak that no frequency is excluded."""
    visits, _ = random_visits(np.random.default_rng(harmonics), 12, 60.0, 0.3, 0.5)
    landscape = survey_period_range(visits, SystemModel(5, 50, harmonics, eccentricity_scale=0.5), RANGE)
    values, best = landscape.samples.values, landscape.samples.values.max()
    assert values.min() > best - DEPTH
    np.testing.assert_allclose(values, evaluate(landscape.samples.frequency, landscape.model), rtol=1e-9, atol=1e-7)
