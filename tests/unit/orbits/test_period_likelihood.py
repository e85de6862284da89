"""The nodes of a period likelihood against dense brute force, few visits and many; and the draws made from them."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import kstest

from conftest import random_visits
from starpop.inference.densities import Normal, TruncatedNormal, UniformPeriod
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate, fill_ln_likelihoods, ln_likelihood_at, workspace
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import conditional, ln_likelihood, shape_points
from starpop.orbits.orbit_draws import draw_given_shape, draw_ln_periods
from starpop.orbits.period_likelihood import mode_weights, period_likelihood
from starpop.orbits.system_model import REPORTED, SystemModel
from starpop.orbits.visits import Visits

COEFFICIENTS = ("a", "b", "v0")
PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
UNIFORM = UniformPeriod(RANGE)


def brute_force(visits):
    """Points in ln P and ln of L times their weight in ln P, by an 8-point Gauss rule in very many cells."""
    # an orbit passes through three or four visits exactly, and then L is sharper than its errors tell
    cells_per_resolution = 400 if len(visits) < 5 else 120
    cells = int(np.ceil(cells_per_resolution * (1 / RANGE[0] - 1 / RANGE[1]) * visits.baseline_days)) + 400
    points, weights = leggauss(8)
    edges = np.linspace(1 / RANGE[1], 1 / RANGE[0], cells + 1)
    half = 0.5 * (edges[1] - edges[0])
    frequency = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * points).ravel()
    ln_weight = np.tile(np.log(weights * half), cells) - np.log(frequency)
    return -np.log(frequency), ln_likelihood(frequency, visits, PRIOR) + ln_weight


def system(seed):
    """A random system of 3 to 60 visits, weak or strong: the peaks stay wide enough for the brute force."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 61)) if seed % 2 else int(rng.integers(3, 9))
    baseline = float(np.exp(rng.uniform(np.log(20), np.log(150))))
    return random_visits(rng, count, baseline, float(np.exp(rng.uniform(np.log(0.5), np.log(20)))), 0.3)[0]


@pytest.mark.parametrize("seed", range(40))
def test_nodes_integrate_like_brute_force(seed):
    visits = system(seed)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    x, ln_weight = brute_force(visits)
    top = ln_weight.max()
    for density, parameters in (
        (UNIFORM, ()),
        (Normal((1, 10), (-2, 3)), (1.8, -0.4)),
        (Normal((1, 10), (-2, 3)), (float(likelihood.peak_ln_period[0]) + 0.2, -2.0)),
        (TruncatedNormal((1, 10), (-2, 3), RANGE), (2.9, -1.0)),
    ):
        terms = np.exp(ln_weight - top + density.ln_pdf(x, *parameters))
        ln_evidence = top + np.log(terms.sum())
        ln_prior = density.ln_pdf(likelihood.ln_period, *parameters)
        assert likelihood.ln_evidence(ln_prior) == pytest.approx(ln_evidence, abs=1e-6)
        weight = np.exp(likelihood.ln_weight + ln_prior - ln_evidence)
        assert np.sum(weight * likelihood.ln_period) == pytest.approx(np.sum(terms * x) / terms.sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [4, 7, 25])
def test_every_peak_that_a_dense_grid_shows_is_found_and_refined(seed, count):
    visits, _ = random_visits(np.random.default_rng(seed), count, baseline=300)
    dense = np.linspace(1 / 20, 1 / 1.5, 400_001)
    values = ln_likelihood(dense, visits, PRIOR)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    # Rounding of ln L: a few ulp of sum (v / sigma)^2
    assert likelihood.peak_ln_likelihood[0] >= values.max() - 1e-9 * np.abs(values).max()
    inner = values[1:-1]
    top = (inner > values[:-2]) & (inner > values[2:]) & (inner > values.max() - 25)
    for frequency in dense[1:-1][top]:
        assert np.min(np.abs(np.exp(-likelihood.peak_ln_period) - frequency)) < 2 * (dense[1] - dense[0])


def test_a_very_sharp_peak_holds_its_laplace_mass():
    """300 visits at K/sigma = 1000 over 5000 days: a peak of width 10^-8 in ln P, a Gaussian to many digits."""
    visits, _ = random_visits(np.random.default_rng(7), 300, 5000.0, 100.0, 0.1)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    ln_period, width = likelihood.peak_ln_period[0], likelihood.peak_ln_period_sd[0]
    assert width < 1e-7
    offset = width * np.linspace(-1, 1, 5)
    # the place of the peak is known to 0.002 widths: ln L has rounding noise of some 1e-7
    drop = ln_likelihood(np.exp(-(ln_period + offset)), visits, PRIOR) - likelihood.peak_ln_likelihood[0]
    np.testing.assert_allclose(drop, -0.5 * np.linspace(-1, 1, 5) ** 2, atol=5e-3)
    laplace = likelihood.peak_ln_likelihood[0] + np.log(width * np.sqrt(2 * np.pi)) + UNIFORM.ln_pdf(ln_period)
    assert likelihood.ln_evidence(UNIFORM.ln_pdf(likelihood.ln_period)) == pytest.approx(laplace, abs=1e-4)


def test_a_slow_drift_puts_its_mass_at_the_edge():
    time = np.linspace(0, 3, 9)
    from starpop.orbits.visits import Visits

    visits = Visits("slow", time, 0.05 * time, np.full(9, 0.1))
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    x, ln_weight = brute_force(visits)
    expected = np.log(np.sum(np.exp(ln_weight + UNIFORM.ln_pdf(x))))
    assert likelihood.ln_evidence(UNIFORM.ln_pdf(likelihood.ln_period)) == pytest.approx(expected, abs=1e-6)


def test_mode_weights_are_the_masses_around_the_peaks():
    visits, _ = random_visits(np.random.default_rng(3), 6, 60.0, 3.0, 1.0)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    weights = mode_weights(likelihood, UNIFORM)
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    x, ln_weight = brute_force(visits)
    terms = np.exp(ln_weight + UNIFORM.ln_pdf(x))
    nearest = np.abs(np.exp(-x)[:, None] - np.exp(-likelihood.peak_ln_period)).argmin(axis=1)
    expected = np.bincount(nearest, terms, len(weights)) / terms.sum()
    # a panel across the boundary of two peaks goes to one of them
    np.testing.assert_allclose(weights, expected, atol=0.02)


@pytest.mark.parametrize(
    ("seed", "density", "parameters"),
    [
        (0, UNIFORM, ()),
        (4, UNIFORM, ()),
        (8, Normal((1, 10), (-2, 3)), (1.5, -1.5)),
        (11, TruncatedNormal((1, 10), (-2, 3), RANGE), (4.0, -0.5)),
    ],
)
def test_periods_are_drawn_from_the_posterior(seed, density, parameters):
    visits = system(seed)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    drawn = draw_ln_periods(likelihood, density, parameters, 20_000, np.random.default_rng(seed))
    frequency = np.linspace(1 / RANGE[0], 1 / RANGE[1], 400_001)
    x = -np.log(frequency)
    values = evaluate(frequency, likelihood.linear) + x
    terms = np.exp(values - values.max() + density.ln_pdf(x, *parameters))
    cdf = np.cumsum(terms) / terms.sum()
    assert kstest(drawn, lambda t: np.interp(t, x, cdf)).pvalue > 1e-4


def test_each_draw_can_have_parameters_of_its_own():
    likelihood = period_likelihood(system(4), PRIOR, RANGE)
    density = Normal((1, 10), (-2, 3))
    mu = np.repeat([0.6, 2.6], 20_000)
    drawn = draw_ln_periods(likelihood, density, (mu, -1.5), 40_000, np.random.default_rng(0))
    for half, value in ((drawn[:20_000], 0.6), (drawn[20_000:], 2.6)):
        alone = draw_ln_periods(likelihood, density, (value, -1.5), 20_000, np.random.default_rng(1))
        assert kstest(half, alone).pvalue > 1e-4


def test_coefficients_are_drawn_given_the_period():
    visits, period = random_visits(np.random.default_rng(9), 8, error=3.0)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    drawn = draw_given_shape(likelihood, shape_points(np.full(40_000, 1 / period), {}), np.random.default_rng(0))
    theta = np.stack([drawn[name] for name in COEFFICIENTS])
    fit = conditional(np.array([1 / period]), visits, PRIOR)
    covariance = fit.covariance()
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((theta.mean(axis=1) - fit.mean[0]) / sd, 0, atol=0.025)
    np.testing.assert_allclose(np.cov(theta) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.025)


def test_draws_of_one_mode_stay_there():
    visits, _ = random_visits(np.random.default_rng(3), 6, 60.0, 3.0, 1.0)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    weights = mode_weights(likelihood, UNIFORM)
    second = int(np.argsort(-weights)[1])
    drawn = draw_ln_periods(likelihood, UNIFORM, (), 500, np.random.default_rng(0), mode=second)
    nearest = np.abs(np.exp(-drawn)[:, None] - np.exp(-likelihood.peak_ln_period)).argmin(axis=1)
    assert (nearest == second).mean() > 0.98


@pytest.mark.parametrize("noise", [REPORTED, Jitter(-1, 1)])
@pytest.mark.parametrize("changes", [{}, {"trend": 1}, {"amplitude_scaling": "kepler"}])
def test_many_frequencies_at_once_are_those_one_by_one_to_the_last_bit(noise, changes):
    rng = np.random.default_rng(5)
    time = np.sort(rng.uniform(0, 900, 7))
    visits = Visits("S", time, 30 * np.cos(time) + rng.normal(0, 0.1, 7), rng.uniform(0.05, 0.3, 7))
    model = linear_model(visits, SystemModel(20, 50, noise=noise, **changes))
    frequencies, room = rng.uniform(0.002, 0.6, 300), workspace(model)
    values = np.empty(300)
    fill_ln_likelihoods(frequencies, model, room, values)
    np.testing.assert_array_equal(values, [ln_likelihood_at(f, model, room) for f in frequencies])
