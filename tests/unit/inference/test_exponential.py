"""The exponential of compiled loops, against numpy's."""

import numpy as np
import pytest
from numba import njit
from scipy.special import logsumexp

from starpop.inference.exponential import exp_of_negative, ln_sum


@njit
def exponentials(x):
    values = np.empty_like(x)
    for k in range(len(x)):
        values[k] = exp_of_negative(x[k])
    return values


def test_it_is_that_of_numpy_to_the_rounding_of_its_argument():
    x = -np.concatenate([np.linspace(0, 700, 70_001), 10 ** np.linspace(-300, 2, 1000)])
    np.testing.assert_allclose(exponentials(x), np.exp(x), rtol=1e-13)
    near = x[x > -1]
    np.testing.assert_allclose(exponentials(near), np.exp(near), rtol=4e-16)


def test_what_is_too_small_is_tiny_and_zero_is_one():
    values = exponentials(np.array([0.0, -708.0, -1e4, -np.inf]))
    assert values[0] == 1
    assert values[1] == pytest.approx(np.exp(-708.0), rel=1e-12)
    assert (values[2:] == 2.0**-1022).all()


@pytest.mark.parametrize(
    "terms", [[-3.0], [2.0, 2.0, 2.0], [-900.0, 5.0, -np.inf, 4.5], list(np.linspace(-2e4, 30, 37))]
)
def test_the_ln_of_a_sum_of_exponentials(terms):
    assert ln_sum(np.array(terms)) == pytest.approx(logsumexp(terms), rel=1e-14)
