"""Sums over stars of two kinds, against the obvious ones."""

import numpy as np
import pytest
from scipy.special import logsumexp

from starpop.inference import mixture

STARS = 19


def as_either(*others):
    """Ln densities up to a thousand apart, that go with the place."""
    (place,) = others
    star = np.linspace(-1, 1, STARS)
    return np.sin(place[:, None] + 3 * star) - 500 * star, np.cos(place[:, None] - star) + 500 * star


def obvious(share, place):
    one, other = as_either(np.atleast_1d(place))
    return logsumexp([np.log1p(-share) + one[0], np.log(share) + other[0]], axis=0)


@pytest.mark.parametrize("shares", [np.linspace(0.1, 0.9, 5), np.array([mixture.LEAST, 0.5, 1 - mixture.LEAST])])
@pytest.mark.parametrize("gridded", [True, False])
def test_sums_are_those_of_each_star_on_a_grid_or_off_it(shares, gridded):
    share, place = (axis.ravel() for axis in np.meshgrid(shares, np.linspace(0, 2, 4), indexing="ij"))
    if not gridded:
        order = np.random.default_rng(1).permutation(len(share))
        share, place = share[order], place[order]
    assert mixture.places([place]) == (4 if gridded else len(place))
    expected = np.array([obvious(*point) for point in zip(share, place, strict=True)])
    np.testing.assert_allclose(mixture.ln_of_each(as_either)(share, place), expected, rtol=1e-12)
    np.testing.assert_allclose(mixture.ln_likelihood(STARS, as_either)(share, place), expected.sum(axis=1), rtol=1e-12)


def test_the_mean_probability_is_that_over_all_points():
    share, place = (a.ravel() for a in np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0, 2, 4), indexing="ij"))
    weights = np.random.default_rng(2).dirichlet(np.ones(len(share)))
    of_points = []
    for f, at in zip(share, place, strict=True):
        other = as_either(np.atleast_1d(at))[1]
        of_points.append(np.exp(np.log(f) + other[0] - obvious(f, at)))
    expected = weights @ np.array(of_points)
    ours = mixture.mean_of_other(share, [place], weights, STARS, as_either)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-15)


def test_points_that_repeat_but_for_the_last_times_are_told():
    assert mixture.places([np.array([0.0, 1, 2, 0, 1, 2, 0])]) == 3
    assert mixture.places([np.array([0.0, 1, 2, 0, 1, 3])]) == 6
    assert mixture.places([np.array([1.0])]) == 1
