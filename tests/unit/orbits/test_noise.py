"""Uncertain noise: its lattice, the nodes of a period's likelihood with it, and draws, against brute force."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import logsumexp
from scipy.stats import kstest

from conftest import noise_points, random_visits
from starpop.inference.densities import Normal, UniformPeriod
from starpop.orbits.landscape import add_up
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate
from starpop.orbits.noise import Jitter, Reported, Scaled
from starpop.orbits.orbit import conditional, design_matrix, ln_likelihood, shape_points
from starpop.orbits.orbit_draws import draw_given_shape, draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.simulate import Survey, simulate_system

RANGE = (1.5, 20.0)
UNIFORM = UniformPeriod(RANGE)
NORMAL = Normal((1, 10), (-2, 3))
PRIORS = [Jitter(-2, 2), Jitter(-2, 0.5), Jitter(2, 1), Scaled(0, 1.5), Scaled(0, 0.3)]


def fine_grid(noise, visits, per_width=1.3):
    """Points of u over the whole of its range, several to a width of any posterior of it."""
    low, high = noise.bounds(visits.rv_kms, visits.rv_err_kms)
    count = int((high - low + 2) * max(np.sqrt(2 * len(visits)), 1 / noise.sd, 6) * per_width)
    return np.linspace(low - 1, high + 1, count)


@pytest.mark.parametrize("noise", PRIORS, ids=str)
def test_the_lattice_integrates_over_the_noise(noise):
    """The likelihood of some residuals, of few visits or many, of a jitter far below, as, or far above the errors."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        count = int(rng.choice([4, 5, 8, 15, 30, 60]))
        error = np.exp(rng.uniform(-4, 1)) * np.exp(rng.normal(0, 0.4, count))
        residual = rng.normal(0, np.hypot(error, rng.choice([0, 0.1, 1, 10]) * error.min()))
        free = int(rng.choice([0, 3]))  # visits that an orbit passes through

        visits = Visits("S", np.arange(count), residual, error)

        def ln_density(u, visits=visits, residual=residual, free=free):
            variance = noise.variances(u, visits)[:, free:]
            return -0.5 * np.sum(np.log(variance) + residual[free:] ** 2 / variance, axis=1)

        at, ln_weight, _ = noise_points(visits, SystemModel(1, 1, noise=noise))
        low, high = noise.bounds(residual, error)
        u = np.linspace(low - 1, high + 1, 20_001)[:, None]
        expected = logsumexp(ln_density(u) + noise.ln_prior(u) + np.log(u[1] - u[0]))
        assert logsumexp(ln_density(at) + ln_weight) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("precise", "others", "small", "large", "jitter"),
    [(12, 48, 0.02, 1.0, 0.1), (12, 88, 0.01, 10.0, 0.3), (20, 280, 0.01, 10.0, 0.3), (4, 20, 0.001, 1.0, 0.05)],
)
def test_the_lattice_integrates_over_a_jitter_that_few_visits_know(precise, others, small, large, jitter):
    """Two spectrographs: the precise one's visits alone know of the jitter."""
    rng = np.random.default_rng(1)
    noise, error = Jitter(-2, 2), np.repeat([small, large], [precise, others])
    for _ in range(10):
        residual = rng.normal(0, np.hypot(error, jitter))
        visits = Visits("S", np.arange(len(error)), residual, error)
        at, ln_weight, _ = noise_points(visits, SystemModel(1, 1, noise=noise))
        u = np.linspace(at[0], at[-1], 20_001)

        def ln_density(u, visits=visits, residual=residual):
            variance = noise.variances(u, visits)
            return -0.5 * np.sum(np.log(variance) + residual**2 / variance, axis=1)

        expected = logsumexp(ln_density(u) + noise.ln_prior(u) + np.log(u[1] - u[0]))
        assert logsumexp(ln_density(at) + ln_weight) == pytest.approx(expected, abs=1e-7)


def brute_force(visits, model):
    """Points in ln P and ln of L times their weight in ln P: a dense grid in frequency and in the noise."""
    # an orbit nearly passes through few visits, and then L is as sharp as the least of noises lets it be
    cells_per_resolution = 80 if len(visits) < 10 else 20
    cells = int(np.ceil(cells_per_resolution * (1 / RANGE[0] - 1 / RANGE[1]) * visits.baseline_days))
    points, weights = leggauss(8)
    edges = np.linspace(1 / RANGE[1], 1 / RANGE[0], cells + 1)
    half = 0.5 * (edges[1] - edges[0])
    frequency = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * points).ravel()
    if isinstance(model.noise, Reported):
        values = ln_likelihood(frequency, visits, model)
    else:
        u = fine_grid(model.noise, visits)
        values = np.full(len(frequency), -np.inf)
        for x in u:
            term = ln_likelihood(frequency, visits, model, x) + model.noise.ln_prior(x[None]) + np.log(u[1] - u[0])
            values = np.logaddexp(values, term)
    return -np.log(frequency), values + np.tile(np.log(weights * half), cells) - np.log(frequency)


def agree(visits, model):
    """The nodes of a system and the brute force, on evidence and mean of ln P under several densities of it."""
    likelihood = period_likelihood(visits, model, RANGE)
    x, ln_weight = brute_force(visits, model)
    beside = float(likelihood.peak_ln_period[0]) + 0.2
    for density, parameters in ((UNIFORM, ()), (NORMAL, (1.8, -0.4)), (NORMAL, (beside, -2.0))):
        terms = ln_weight + density.ln_pdf(x, *parameters)
        expected = logsumexp(terms)
        ln_prior = density.ln_pdf(likelihood.ln_period, *parameters)
        assert likelihood.ln_evidence(ln_prior) == pytest.approx(expected, abs=1e-6)
        weight = np.exp(likelihood.ln_weight + ln_prior - expected)
        assert np.sum(weight * likelihood.ln_period) == pytest.approx(np.sum(np.exp(terms - expected) * x), rel=1e-6)


# Noise model, visits, amplitude, error and true jitter [km/s]: few and many visits, weak and strong signals, and a
# jitter that the reported errors say nothing of.
CASES = [
    (Jitter(-2, 2), 4, 5, 1.0, 0.0),
    (Jitter(-2, 2), 5, 1.5, 1.0, 0.5),
    (Jitter(-2, 2), 8, 3.3, 0.05, 3.0),
    (Jitter(-2, 2), 8, 10, 0.3, 0.0),
    (Jitter(-2, 2), 20, 1.0, 0.05, 3.0),
    (Jitter(-2, 2), 30, 5, 1.0, 3.0),
    (Scaled(0, 0.3), 4, 5, 1.0, 0.0),
    (Scaled(0, 1.5), 6, 1.2, 0.3, 0.5),
    (Scaled(0, 1.5), 12, 5, 0.3, 0.5),
    (Scaled(0, 1.5), 20, 1.8, 0.3, 0.0),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nodes_with_an_uncertain_noise_integrate_like_brute_force(case):
    noise, count, amplitude, error, jitter = case
    rng = np.random.default_rng(count)
    visits, _ = random_visits(rng, count, 15.0, amplitude, error)
    visits = replace(visits, rv_kms=visits.rv_kms + rng.normal(0, jitter + 1e-9, count))
    agree(visits, SystemModel(100, 150, noise=noise))


@pytest.mark.parametrize("noise", [Reported(), Jitter(-1, 1)], ids=str)
@pytest.mark.parametrize(("trend", "instruments"), [(1, 0), (2, 3)])
def test_nodes_of_any_basis_integrate_like_brute_force(trend, instruments, noise):
    rng = np.random.default_rng(trend)
    visits, _ = random_visits(rng, 16, 15.0, 2.0, 0.7)
    names = tuple(f"I{i}" for i in range(instruments))
    visits = replace(visits, instruments=names, instrument=rng.integers(0, max(instruments, 1), 16))
    agree(visits, SystemModel(100, 150, trend, offsets=instruments > 0, noise=noise))


@pytest.mark.parametrize("noise", [Jitter(-2, 2), Scaled(0, 1.5)], ids=str)
@pytest.mark.parametrize("count", [6, 15])
def test_noise_and_period_are_drawn_from_their_joint_posterior(count, noise):
    rng = np.random.default_rng(count)
    visits, _ = random_visits(rng, count, 15.0, 3.0, 0.7)
    model = SystemModel(100, 150, noise=noise)
    likelihood = period_likelihood(visits, model, RANGE)
    drawn = draw_orbits(likelihood, UNIFORM, (), 20_000, rng)
    frequency = np.linspace(1 / RANGE[1], 1 / RANGE[0], 2_001)
    u = fine_grid(noise, visits, per_width=2)
    joint = np.array([ln_likelihood(frequency, visits, model, x) + noise.ln_prior(x[None]) for x in u])
    joint += UNIFORM.ln_pdf(-np.log(frequency)) - np.log(frequency)
    joint = np.exp(joint - joint.max())
    for points, values, mass in (
        (u, drawn[noise.parameter], joint.sum(axis=1)),
        (1 / frequency, np.exp(drawn["lnP"]), joint.sum(axis=0)),
    ):
        order = np.argsort(points)
        cdf = np.cumsum(mass[order])
        cdf = (cdf - 0.5 * mass[order]) / cdf[-1]
        assert kstest(values, lambda t, p=points[order], c=cdf: np.interp(t, p, c)).pvalue > 1e-4


def test_coefficients_are_drawn_given_the_noise_too():
    """Whitened by their conditional mean and covariance they are standard normal, whatever the noise."""
    rng = np.random.default_rng(3)
    visits, period = random_visits(rng, 10, 200.0, 10.0, 0.5)
    visits = replace(visits, instruments=("A", "B"), instrument=rng.integers(0, 2, 10))
    model = SystemModel(100, 150, trend=1, offsets=True, noise=Jitter(-1, 1))
    likelihood = period_likelihood(visits, model, RANGE)
    drawn = draw_given_shape(likelihood, shape_points(np.full(3000, 1 / period), {}), rng)
    theta = np.stack([drawn[name] for name in model.coefficients(visits)], axis=1)
    white = np.empty_like(theta)
    for row, u, values in zip(white, drawn["ln_jitter"], theta, strict=True):
        fit = conditional(np.array([1 / period]), visits, model, u)
        row[:] = fit.cholesky[0].T @ (values - fit.mean[0])
    assert min(kstest(column, "norm").pvalue for column in white.T) > 1e-4
    np.testing.assert_allclose(np.corrcoef(white.T), np.eye(theta.shape[1]), atol=0.08)


def test_an_instrument_that_a_system_lacks_does_not_change_its_likelihood():
    rng = np.random.default_rng(4)
    visits, _ = random_visits(rng, 12)
    both = replace(visits, instruments=("A", "B"), instrument=rng.integers(0, 2, 12))
    more = replace(both, instruments=("A", "B", "C"))
    frequency = np.linspace(0.06, 0.6, 50)
    model = SystemModel(100, 150, offsets=True)
    two, three = (ln_likelihood(frequency, system, model) for system in (both, more))
    np.testing.assert_allclose(two, three, rtol=1e-12)


def test_the_likelihood_is_the_same_on_all_points_of_the_lattice_and_on_those_that_matter():
    visits, _ = random_visits(np.random.default_rng(5), 15, 200.0, 20.0, 0.1)
    model = SystemModel(100, 150, noise=Jitter(-2, 2))
    likelihood = period_likelihood(visits, model, RANGE)
    frequency = np.exp(-likelihood.peak_ln_period[:1])
    whole = linear_model(visits, model)
    assert len(likelihood.linear.constant) < 0.7 * len(whole.constant)
    np.testing.assert_allclose(evaluate(frequency, likelihood.linear), evaluate(frequency, whole), atol=1e-9)


@pytest.mark.parametrize("count", [4, 5, 6])
def test_errors_scaled_down_with_fewer_visits_than_columns(count):
    """Rounding must not leave pivots that are negative; the covariance of the velocities has no such trouble."""
    model = SystemModel(20, 50, trend=2, offsets=True, noise=Scaled(0, 1))
    rng = np.random.default_rng(count)
    for _ in range(5):
        visits, _ = simulate_system("S", 1.3, Survey((count, count), (100, 2000), (0.05, 0.5)), model, rng)
        _, ln_weight, variance = noise_points(visits, model)
        frequency = rng.uniform(1 / RANGE[1], 1 / RANGE[0], 30)
        half = design_matrix(frequency, visits, model) * model.standard_deviations(visits)
        diagonal = variance[:, None, :, None] * np.eye(count)
        factor = np.linalg.cholesky(half @ half.swapaxes(1, 2) + diagonal)
        z = np.linalg.solve(factor, np.broadcast_to(visits.rv_kms[:, None], (*factor.shape[:-1], 1)))[..., 0]
        ln_diagonal = np.log(np.diagonal(factor, axis1=-2, axis2=-1))
        terms = -0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=-1) - ln_diagonal.sum(axis=-1)
        expected = logsumexp(terms + ln_weight[:, None], axis=0)
        np.testing.assert_allclose(evaluate(frequency, linear_model(visits, model)), expected, atol=1e-5)
        assert np.isfinite(period_likelihood(visits, model, (4.0, 4.02)).ln_weight).all()


def test_a_term_that_falls_off_steeply_does_not_overshoot_where_it_is_interpolated():
    """Of 33 visits, with chi-squared up to 10^8 at the least of the noises."""
    u = np.arange(60) / 8.0
    for chi2 in (1e2, 1e4, 1e6, 1e8):
        terms = -33 * u - 0.5 * chi2 * np.exp(-2 * u)
        for first, last in ((0, 60), (21, 60), (0, 30), (0, 48)):
            scanned = terms[first + 1 : last : 3]
            summed = add_up(scanned[:, None], scanned.max() - 1)[0]
            exact = logsumexp(terms[first:last])
            assert summed < exact + 4
            if first < terms.argmax() < last - 1:
                assert summed == pytest.approx(exact, abs=0.3)
