"""The sums over nodes of a normal density of ln P, of all systems at each (mu, sigma)."""

from __future__ import annotations

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS
from starpop.inference.exponential import exp_of_negative


@njit(**NO_ARRAYS)
def fill_sums(mu, inverse_sigma, x, weight, ends, values):
    """sum_n ln sum_k w_nk exp(-((x_nk - mu) / sigma)^2 / 2), for each (mu, sigma)."""
    for m in range(len(mu)):
        total, product, first = 0.0, 1.0, 0
        for end in ends:
            system = _sum(x[first:end], weight[first:end], mu[m], inverse_sigma[m])
            # one logarithm for the systems whose product is in range
            if system < 1e-100:
                total += _ln_sum(x[first:end], weight[first:end], mu[m], inverse_sigma[m])
            elif not 1e-150 < product < 1e150:
                total += np.log(product) + np.log(system)
                product = 1.0
            else:
                product *= system
            first = end
        values[m] = total + np.log(product)


@njit(**NO_ARRAYS, fastmath={"contract", "reassoc", "nsz"})
def _sum(x, weight, mu, inverse_sigma):
    """One system's sum."""
    total = 0.0
    for k in range(len(x)):
        z = (x[k] - mu) * inverse_sigma
        total += weight[k] * exp_of_negative(-0.5 * z * z)
    return total


@njit(**NO_ARRAYS)
def _ln_sum(x, weight, mu, inverse_sigma):
    """The ln of one system's sum, where its terms may underflow."""
    top = -np.inf
    for k in range(len(x)):
        top = max(top, np.log(weight[k]) - 0.5 * ((x[k] - mu) * inverse_sigma) ** 2)
    total = 0.0
    for k in range(len(x)):
        total += np.exp(np.log(weight[k]) - 0.5 * ((x[k] - mu) * inverse_sigma) ** 2 - top)
    return top + np.log(total)
