"""An amplitude's prior that goes with period and eccentricity: every road to ln L, and every use of the prior."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from conftest import noise_points, random_visits
from starpop.checks.highest_peaks import highest_peaks
from starpop.inference.densities import UniformPeriod
from starpop.orbits import single
from starpop.orbits.ellipse import grid as grids
from starpop.orbits.ellipse import points as ellipses
from starpop.orbits.ellipse.climb import Bounds, climb_all
from starpop.orbits.ellipse.likelihood import ellipse_likelihood
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.linear_model import linear_model, precision_ratio
from starpop.orbits.ln_likelihood import evaluate, noise_terms
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import conditional, design_matrix, ln_likelihood, shape_points
from starpop.orbits.orbit_draws import draw_given_shape, draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.scan import lattice, scan
from starpop.orbits.system_model import SystemModel, shape_values

RANGE = (1.5, 20.0)
CIRCLE = SystemModel(8, 150, amplitude_scaling="kepler")
MODELS = [CIRCLE, replace(CIRCLE, trend=1), replace(CIRCLE, noise=Jitter(-1, 1))]
ELLIPSE = replace(CIRCLE, orbit="keplerian")


@pytest.fixture
def visits():
    """Nine visits with errors so large that the prior matters, from three instruments."""
    rng = np.random.default_rng(1)
    some, _ = random_visits(rng, 9, 60.0, amplitude=15.0, error=4.0)
    return replace(some, instruments=("A", "B", "C"), instrument=rng.integers(0, 3, 9))


def normal_density(points, visits, model):
    """(S,) ln of the joint normal density of the velocities, the noise summed over its lattice."""
    _, ln_weight, variances = noise_points(visits, model)
    designs, values = design_matrix(points, visits, model), []
    for design, deviations in zip(designs, model.deviations_at(points, visits), strict=True):
        covariances = [np.diag(variance) + design * deviations**2 @ design.T for variance in variances]
        terms = [multivariate_normal(np.zeros(len(visits)), c).logpdf(visits.rv_kms) for c in covariances]
        values.append(logsumexp(terms + ln_weight))
    return np.array(values)


def likelihood_of(visits, model):
    """That of its period, or of its period and eccentricity."""
    return (period_likelihood if model.orbit == "circular" else ellipse_likelihood)(visits, model, RANGE)


def random_points(count, rng, largest_e=0.0):
    """(S, 3) points within the range."""
    return np.column_stack(
        [1 / rng.uniform(*RANGE, count), rng.uniform(0, largest_e, count), rng.uniform(0, 2 * np.pi, count)]
    )


def test_the_scale_is_that_of_companions_of_one_mass(visits):
    points = np.array([[1 / 365.25, 0, 0], [1 / (8 * 365.25), 0, 0], [1 / 365.25, 0.6, 1.0]])
    np.testing.assert_allclose(ELLIPSE.deviations_at(points, visits)[:, :2], [[8, 8], [4, 4], [10, 10]])
    np.testing.assert_allclose(ELLIPSE.deviations_at(points, visits)[:, 2], 150)
    for f, e in points[:, :2]:
        assert precision_ratio(f, e, True) == pytest.approx(ELLIPSE.amplitude_scale(f, e) ** -2)
        assert precision_ratio(f, e, False) == 1
    constant = replace(ELLIPSE, amplitude_scaling="constant")
    np.testing.assert_allclose(constant.deviations_at(points, visits)[:, :2], 8)
    drawn = ELLIPSE.draw_coefficients(np.repeat(points[1:2], 20_000, axis=0), visits, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.std(axis=0), [4, 4, 150], rtol=0.02)


@pytest.mark.parametrize("model", MODELS, ids=["reported", "trend", "jitter"])
def test_every_road_to_the_likelihood_of_a_circle(visits, model):
    linear, points = linear_model(visits, model), random_points(30, np.random.default_rng(2))
    frequency = np.ascontiguousarray(points[:, 0])
    expected = normal_density(points, visits, model)
    np.testing.assert_allclose(evaluate(frequency, linear), expected, atol=1e-7)
    np.testing.assert_allclose(logsumexp(noise_terms(frequency, linear), axis=1), expected, atol=1e-7)
    grid = lattice(RANGE, visits.baseline_days, len(visits))
    for n in range(0, len(linear.constant), 7):
        exact = evaluate(grid.frequencies, linear.at_noise(n, n + 1))
        np.testing.assert_allclose(scan(linear, grid, n), exact, atol=1e-7)
    if model.noise.parameter is None:
        np.testing.assert_allclose(ln_likelihood(frequency, visits, model), expected, atol=1e-7)


@pytest.mark.parametrize("trend", [0, 1])
def test_every_road_to_the_likelihood_of_an_ellipse(visits, trend):
    model = replace(ELLIPSE, trend=trend)
    system, points = eliminate(linear_model(visits, model)), random_points(20, np.random.default_rng(3), 0.9)
    np.testing.assert_allclose(ellipses.evaluate(points, system), normal_density(points, visits, model), atol=1e-7)
    grid, cells = grids.grid(0.9), grids.cells(RANGE, visits.baseline_days, len(visits))
    (found,) = grids.scan(system, cells, grid)
    for i in range(0, cells.number, 37):
        for m in range(len(grid.e)):
            phase = 2 * np.pi * np.arange(grid.phases[m]) / grid.phases[m]
            values = ellipses.evaluate(np.array([(cells.middle[i], grid.e[m], x) for x in phase]), system)
            assert found.highest[i, m] == pytest.approx(values.max(), abs=0.03)
            assert found.ln_mean[i, m] == pytest.approx(logsumexp(values) - np.log(len(phase)), abs=0.03)


def test_a_climb_ends_where_no_point_nearby_is_higher(visits):
    linear = linear_model(visits, ELLIPSE)
    system, bounds = eliminate(linear), Bounds(1 / 20, 1 / 1.5, 0.9)
    modes = climb_all(random_points(10, np.random.default_rng(4), 0.5), 0, bounds, linear, system)
    best = modes[modes[:, 3].argmax()]
    np.testing.assert_allclose(ellipses.evaluate(best[None, :3], system), best[3])
    near = best[:3] + np.random.default_rng(5).normal(0, [best[4], best[5], 0.1], (200, 3)) * 0.1
    near[:, 0], near[:, 1] = np.clip(near[:, 0], 1 / 20, 1 / 1.5), np.clip(near[:, 1], 0, 0.9)
    assert ellipses.evaluate(near, system).max() < best[3] + 2e-3


@pytest.mark.parametrize("model", [CIRCLE, ELLIPSE], ids=["circle", "ellipse"])
def test_draws_are_those_of_the_posterior(visits, model):
    """They agree with the nodes; given period and shape, they have the conditional mean and covariance."""
    rng = np.random.default_rng(6)
    likelihood = likelihood_of(visits, model)
    drawn = draw_orbits(likelihood, UniformPeriod(RANGE), (), 5000, rng)
    assert single.verdict_on_draws(likelihood, UniformPeriod(RANGE), drawn) == ""
    point = np.array([[1 / 4.0, 0.0 if model is CIRCLE else 0.6, 0.0 if model is CIRCLE else 1.0]])
    theta = np.column_stack(list(draw_given_shape(likelihood, np.repeat(point, 40_000, axis=0), rng).values()))
    fit = conditional(point, visits, model)
    sd = np.sqrt(np.diag(fit.covariance()))
    np.testing.assert_allclose((theta.mean(axis=0) - fit.mean[0]) / sd, 0, atol=0.03)
    np.testing.assert_allclose(np.cov(theta.T) / np.outer(sd, sd), fit.covariance() / np.outer(sd, sd), atol=0.03)


@pytest.mark.parametrize("model", [CIRCLE, ELLIPSE], ids=["circle", "ellipse"])
def test_the_pymc_model_has_this_prior(visits, model):
    built = single.build_model(visits, model, RANGE)
    ln_density = built.compile_logp(jacobian=False)
    names = model.coefficients(visits)

    def at(orbit):
        free = {name: orbit[name] for name in names} | single.free_shape(orbit, model)
        return free | {"P_interval__": np.log((orbit["P"] - RANGE[0]) / (RANGE[1] - orbit["P"]))}

    theta = np.random.default_rng(7).normal(0, 5, 3)
    shape = {} if model is CIRCLE else shape_values(np.array(0.6), np.array(1.0))
    orbit = {"P": 4.0} | shape | dict(zip(names, theta, strict=True))
    point = shape_points(np.array([0.25]), {name: np.array([value]) for name, value in shape.items()})
    expected = norm.logpdf(theta, 0, model.deviations_at(point, visits)[0]).sum() - np.log(RANGE[1] - RANGE[0])
    velocity = design_matrix(point, visits, model)[0] @ theta
    expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
    expected += sum(norm.logpdf(x) for x in single.free_shape(orbit, model).values())
    assert ln_density(at(orbit)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("model", [CIRCLE, ELLIPSE], ids=["circle", "ellipse"])
def test_the_highest_point_is_above_all_draws(model):
    visits, _ = random_visits(np.random.default_rng(10), 14, 60.0, amplitude=15.0, error=1.0)
    likelihood = likelihood_of(visits, model)
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(8))
    best = single.maximum_a_posteriori(visits, model, RANGE, starts)

    def ln_density(orbit):  # of P, e, mean anomaly and coefficients
        point = shape_points(np.array([1 / orbit["P"]]), {k: np.array([orbit[k]]) for k in "ehk" if k in orbit})
        theta = np.array([orbit[name] for name in model.coefficients(visits)])
        velocity = design_matrix(point, visits, model)[0] @ theta
        value = norm.logpdf(theta, 0, model.deviations_at(point, visits)[0]).sum()
        return value + norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()

    drawn = [ln_density({name: values[i] for name, values in starts.items()}) for i in range(len(starts["P"]))]
    assert ln_density(best) > max(drawn)
    for name in ("P", "a", "b"):
        for factor in (0.999, 1.001):
            assert ln_density(best | {name: factor * best[name]}) < ln_density(best)


def test_sets_of_velocities_are_highest_where_their_own_likelihoods_are(visits):
    likelihood = period_likelihood(visits, CIRCLE, RANGE)
    shifted = visits.rv_kms + np.random.default_rng(9).normal(0, 1, (5, len(visits)))
    frequency, _ = highest_peaks(likelihood, shifted, RANGE)
    for velocities, found in zip(shifted, frequency, strict=True):
        own = period_likelihood(replace(visits, rv_kms=velocities), CIRCLE, RANGE)
        assert evaluate(np.array([found]), own.linear)[0] == pytest.approx(own.peak_ln_likelihood.max(), abs=1e-3)
