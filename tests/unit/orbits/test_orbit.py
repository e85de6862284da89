"""The orbit with its coefficients integrated out, against the same integral done in the obvious way."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from conftest import random_visits
from starpop.orbits.orbit import conditional, design_matrix, ln_likelihood, radial_velocity
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

PRIOR = SystemModel(100, 150)


@pytest.mark.parametrize("count", [3, 10, 40])
def test_ln_likelihood_is_that_of_the_visits_joint_normal_density(count):
    """Integrating normal coefficients out of a linear model leaves v ~ N(0, C + A L A')."""
    rng = np.random.default_rng(count)
    visits, _ = random_visits(rng, count, error=5.0)  # the covariance is then well conditioned
    frequency = rng.uniform(1 / 20, 1 / 1.5, 20)
    expected = []
    for design in design_matrix(frequency, visits, PRIOR):
        covariance = np.diag(visits.rv_err_kms**2) + design * PRIOR.standard_deviations(visits) ** 2 @ design.T
        expected.append(multivariate_normal(np.zeros(count), covariance).logpdf(visits.rv_kms))
    np.testing.assert_allclose(ln_likelihood(frequency, visits, PRIOR), expected, rtol=1e-9, atol=1e-6)


def test_ln_likelihood_is_the_integral_over_amplitudes_and_systemic_velocity():
    """The same by quadrature over a and b, with v0 pinned by a very narrow prior."""
    visits = Visits("three", np.array([0.0, 1.3, 2.9]), np.array([1.0, -0.5, 0.7]), np.array([0.5, 0.4, 0.6]))
    prior = SystemModel(2.0, 1e-8)
    period = 3.7

    # the trapezium rule is exact to rounding for what is normal and falls off within its ends
    axis = np.linspace(-12, 12, 301)
    a, b = np.meshgrid(axis, axis)
    density = norm.pdf(a, 0, 2) * norm.pdf(b, 0, 2)
    waves = (radial_velocity(visits.time_days, period, np.array([*unit, 0.0])) for unit in ((1, 0), (0, 1)))
    for of_a, of_b, velocity, error in zip(*waves, visits.rv_kms, visits.rv_err_kms, strict=True):
        density *= norm.pdf(velocity, a * of_a + b * of_b, error)
    integral = density.sum() * (axis[1] - axis[0]) ** 2
    assert ln_likelihood(np.array([1 / period]), visits, prior)[0] == pytest.approx(np.log(integral), abs=1e-7)


def test_conditional_coefficients_are_those_of_the_joint_normal_density():
    rng = np.random.default_rng(1)
    visits, period = random_visits(rng, 8, error=5.0)
    design = design_matrix(np.array([1 / period]), visits, PRIOR)[0]
    prior = np.diag(PRIOR.standard_deviations(visits) ** 2)
    gain = prior @ design.T @ np.linalg.inv(np.diag(visits.rv_err_kms**2) + design @ prior @ design.T)
    fit = conditional(np.array([1 / period]), visits, PRIOR)
    np.testing.assert_allclose(fit.mean[0], gain @ visits.rv_kms, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance(), prior - gain @ design @ prior, rtol=1e-6, atol=1e-8)


def test_coefficients_are_recovered_from_noiseless_velocities():
    time = np.linspace(0, 40, 30)
    truth = np.array([11.0, -4.0, -55.0])
    visits = Visits("exact", time, radial_velocity(time, 6.3, truth), np.full(30, 1e-4))
    fit = conditional(np.array([1 / 6.3]), visits, PRIOR)
    np.testing.assert_allclose(fit.mean[0], truth, atol=1e-6)
    assert fit.chi2[0] < 1e-4


def test_chunks_do_not_change_the_values():
    visits, _ = random_visits(np.random.default_rng(2), 12)
    frequency = np.linspace(0.05, 0.6, 1001)
    whole = ln_likelihood(frequency, visits, PRIOR, chunk=5000)
    np.testing.assert_allclose(ln_likelihood(frequency, visits, PRIOR, chunk=7), whole, rtol=1e-13)
