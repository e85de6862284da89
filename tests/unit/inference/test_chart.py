"""Where the mass of a density is: in a box that grows from its maximum, and in up to four coordinates."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from starpop.inference.chart import box_around
from starpop.inference.quadrature import integrate


def normal(center, sd):
    return lambda *x: sum(-0.5 * ((one - c) / s) ** 2 - np.log(s) for one, c, s in zip(x, center, sd, strict=True))


def test_a_box_reaches_as_far_as_the_density_counts_and_no_farther_than_the_bounds():
    center, sd = np.array([0.3, 2.0]), np.array([1e-3, 0.5])
    ln_density, first = normal(center, sd), [(0.29999, 0.30001), (1.99, 2.01)]
    (low, high), (left, right) = box_around(ln_density, [(0, 1), (1.5, 400)], first, ln_density(*center))
    assert 0.3 - 20e-3 < low < 0.3 - 7.4e-3
    assert 0.3 + 7.4e-3 < high < 0.3 + 20e-3
    assert left == 1.5
    assert 2 + 7.4 * 0.5 < right < 12


def test_a_box_around_the_higher_of_two_maxima_leaves_out_a_plateau_that_does_not_count():
    peak = normal([5.0], [0.01])

    def ln_density(x):
        return np.logaddexp(peak(x), -40.0)

    ((low, high),) = box_around(ln_density, [(0, 1000)], [(4.999, 5.001)], ln_density(5.0))
    assert 4.7 < low < 5 < high < 5.3


def test_a_normal_density_of_four_correlated_coordinates_is_integrated():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(4, 4)) * 0.1 + np.diag([1, 0.5, 2, 1.0])
    target = multivariate_normal(np.array([0.5, -1, 2, 0]), root @ root.T)

    def ln_density(*x):
        return target.logpdf(np.stack(x, axis=-1))

    posterior = integrate(ln_density, "abcd", [(-30, 30)] * 4, tolerance=1e-4)
    assert posterior.ln_evidence == pytest.approx(0, abs=1e-4)
    found = np.array(list(posterior.moments().values()))
    np.testing.assert_allclose(found, np.column_stack([target.mean, np.sqrt(np.diag(target.cov))]), atol=2e-4)
    grid, density = posterior.marginal("c")
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    drawn = np.column_stack(list(posterior.draw(4000, rng).values()))
    np.testing.assert_allclose(np.cov(drawn.T), target.cov, atol=0.1 * target.cov.max())
