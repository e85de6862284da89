"""Sums over stars each of which is of one of two kinds, the share f of one of them unknown.

    ln p(D | f, h) = sum_n ln( (1 - f) p(D_n | one kind, h) + f p(D_n | the other, h) )

Both densities of each star take long, and f is in neither. On the grid of a quadrature, whose first coordinate f is,
those of one place, all hyper-parameters but f, serve every value of f there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit

# Densities that are in memory at once.
DENSITIES_AT_ONCE = 4_000_000
# A share is kept from 0 and 1, where one of the hypotheses has no density.
LEAST = 1e-12
# Stars whose terms, none of which is below `LEAST`, are multiplied before a logarithm is taken.
TERMS = 16
# Of the largest weight of a place, what is too little to count.
NEGLIGIBLE = 1e-13

# (M, N) ln densities of N stars as of either kind, at M places.
Either = Callable[..., tuple[np.ndarray, np.ndarray]]


def places(others: Sequence[np.ndarray]) -> int:
    """After how many of the points all coordinates but the share repeat, again and again; all of them if none do."""
    points = np.stack(list(others))
    again = np.flatnonzero((points[:, 1:] == points[:, :1]).all(axis=0))
    count = int(again[0]) + 1 if len(again) else points.shape[1]
    return count if (points[:, count:] == points[:, :-count]).all() else points.shape[1]


def _whole_places(others: Sequence[np.ndarray]) -> int:
    """The same, of points that are so many times all of them."""
    count = places(others)
    return len(others[0]) if len(others[0]) % count else count


def ln_of_each(as_either: Either) -> Callable[..., np.ndarray]:
    """(M, N) ln p(D_n | f, h) of each star, as a function of (M,) shares f, and values of the others."""

    def evaluate(share: np.ndarray, *others: np.ndarray) -> np.ndarray:
        count = places(others)
        one, other = as_either(*(values[:count] for values in others))
        place = np.arange(len(share)) % count
        return np.logaddexp(np.log1p(-share)[:, None] + one[place], np.log(share)[:, None] + other[place])

    return evaluate


def ln_likelihood(stars: int, as_either: Either) -> Callable[..., np.ndarray]:
    """(M,) sum over so many stars of ln p(D_n | f, h), as a function of (M,) shares f, and values of the others."""
    at_once = max(DENSITIES_AT_ONCE // stars, 1)

    def evaluate(share: np.ndarray, *others: np.ndarray) -> np.ndarray:
        count = _whole_places(others)
        shares = np.reshape(share, (-1, count))
        values = np.empty(shares.shape)
        for first in range(0, count, at_once):
            some = slice(first, min(first + at_once, count))
            both = as_either(*(coordinate[some] for coordinate in others))
            values[:, some] = _ln_sums(np.ascontiguousarray(shares[:, some].T), *both).T
        return values.ravel()

    return evaluate


def as_either(with_orbit: Callable[..., np.ndarray], ln_single: np.ndarray) -> Either:
    """Of stars that are single or binaries: a function of all hyper-parameters but the fraction of binaries.

    Parameters
    ----------
    with_orbit : a function of (P,) values of them: (P, N) ln densities of the stars as binaries
    ln_single : (N,) of them as single stars
    """

    def evaluate(*others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        orbit = with_orbit(*others)
        return np.tile(ln_single, (len(orbit), 1)), orbit

    return evaluate


@njit(cache=True, nogil=True, error_model="numpy")
def _ln_sums(share, one, other):
    """(P, F) sum over stars of ln((1 - f) exp(one) + f exp(other)), for (P, F) shares f and (P, N) ln densities."""
    sums, product = np.zeros(share.shape), np.empty(share.shape[1])
    for p in range(len(share)):
        product[:] = 1.0
        for n in range(one.shape[1]):
            top = max(one[p, n], other[p, n])
            first, second = np.exp(one[p, n] - top), np.exp(other[p, n] - top)
            for k in range(len(product)):
                product[k] *= first + share[p, k] * (second - first)
            if n % TERMS == TERMS - 1:
                sums[p] += np.log(product)
                product[:] = 1.0
            sums[p] += top
        sums[p] += np.log(product)
    return sums


def mean_of_other(
    share: np.ndarray, others: Sequence[np.ndarray], weights: np.ndarray, stars: int, as_either: Either
) -> np.ndarray:
    """(N,) mean probability of each star to be of the other kind.

    Parameters
    ----------
    share, others : (M,) values of f, and of each of the other hyper-parameters
    weights : (M,) of these points; they sum to one
    stars, as_either : their number N, and their ln densities
    """
    count, at_once = _whole_places(others), max(DENSITIES_AT_ONCE // stars, 1)
    shares, masses = (np.reshape(values, (-1, count)) for values in (share, weights))
    of_places = masses.sum(axis=0)
    counted = np.flatnonzero(of_places > NEGLIGIBLE * of_places.max())
    mean = np.zeros(stars)
    for first in range(0, len(counted), at_once):
        some = counted[first : first + at_once]
        mean += _summed_probability(shares[:, some], masses[:, some], *as_either(*(o[some] for o in others)))
    return mean


@njit(cache=True, nogil=True, error_model="numpy")
def _summed_probability(share, mass, one, other):
    """(N,) sum over (F, P) shares, of these masses, of the probability of each star to be of the other kind."""
    total = np.zeros(one.shape[1])
    for p in range(len(one)):
        ratio = np.exp(one[p] - other[p])
        for k in range(len(share)):
            odds = (1 - share[k, p]) / share[k, p]
            for n in range(len(total)):
                total[n] += mass[k, p] / (1 + odds * ratio[n])
    return total
