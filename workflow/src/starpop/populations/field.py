"""Stars of the field among those of a cluster: each star is a member of it, or one of the field.

    p(parallax_n | f, h) = (1 - f) p(parallax_n | cluster, h) + f p(parallax_n | field, h),

with f the fraction of the field. Its distances are normal, truncated at 0, of a mean and a standard deviation that are
given: another cluster, broad and known. So both terms are the integrals of `distance`; the second depends on nothing
but the factor on the errors, if that is uncertain.

An integral takes as long as some hundred terms of the sum over stars: where hyper-parameters are a grid, those of one
place, all but f, serve every value of f there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy.special import expit, logit
from scipy.stats import norm

from starpop.inference.density import Range
from starpop.populations import distance

# Integrals that are in memory at once.
INTEGRALS_AT_ONCE = 4_000_000
# Of the largest weight of a place, what is too little to count.
NEGLIGIBLE = 1e-13
# The fraction is kept from 0 and 1, where one of the hypotheses has no density.
LEAST = 1e-12
# Stars whose terms, none of which is below `LEAST`, are multiplied before a logarithm is taken.
TERMS = 16


class Hyper(NamedTuple):
    """(M,) values of the hyper-parameters, in the order of a posterior's; without a field f_field is None."""

    f_field: Any
    mu_r: np.ndarray
    ln_std_r: np.ndarray
    ln_error_factor: np.ndarray


@dataclass(frozen=True)
class Field:
    """A fraction of the stars, uniform in a range before the data, and the normal density of their distances [kpc]."""

    fraction: Range
    mean_distance_kpc: float
    sd_kpc: float

    @property
    def bounds(self) -> Range:
        """Between which the fraction lies."""
        low, high = self.fraction
        return max(low, LEAST), min(high, 1 - LEAST)

    def ln_likelihood_of_each(
        self, ln_error_factor: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray
    ) -> np.ndarray:
        """(M, N) ln p(parallax | field) of each of N stars, at M factors on the errors."""
        known, which = np.unique(ln_error_factor, return_inverse=True)
        mean, ln_sd = (np.full(len(known), value) for value in (self.mean_distance_kpc, np.log(self.sd_kpc)))
        return distance.ln_likelihood_of_each(mean, ln_sd, parallax_mas, parallax_error_mas, known)[which]

    def as_either(
        self, hyper: Hyper, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, some: Any = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """(M, N) ln p(parallax) of each star as a member, and as one of the field, at some hyper-parameters."""
        data, ln_error_factor = (parallax_mas, parallax_error_mas), hyper.ln_error_factor[some]
        of_cluster = distance.ln_likelihood_of_each(hyper.mu_r[some], hyper.ln_std_r[some], *data, ln_error_factor)
        return of_cluster, self.ln_likelihood_of_each(ln_error_factor, *data)


def ln_likelihood(hyper: Hyper, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, field: Field) -> np.ndarray:
    """(M,) sum over stars of ln p(parallax | f, h)."""
    count, at_once = places(hyper), max(INTEGRALS_AT_ONCE // len(parallax_mas), 1)
    fractions = np.reshape(hyper.f_field, (-1, count))
    values = np.empty(fractions.shape)
    for first in range(0, count, at_once):
        some = slice(first, min(first + at_once, count))
        as_either = field.as_either(hyper, parallax_mas, parallax_error_mas, some)
        values[:, some] = _ln_sums(np.ascontiguousarray(fractions[:, some].T), *as_either).T
    return values.ravel()


def places(hyper: Hyper) -> int:
    """After how many of the points all but f repeat, again and again; the number of points where they do not."""
    points = np.stack(hyper[1:])
    again = np.flatnonzero((points[:, 1:] == points[:, :1]).all(axis=0))
    count = int(again[0]) + 1 if len(again) else points.shape[1]
    if points.shape[1] % count == 0 and (points.reshape(len(points), -1, count) == points[:, None, :count]).all():
        return count
    return points.shape[1]


@njit(cache=True, nogil=True, error_model="numpy")
def _ln_sums(fraction, of_cluster, of_field):
    """(P, F) sum over stars of ln((1 - f) exp(of_cluster) + f exp(of_field)), for (P, F) fractions f."""
    sums, product = np.zeros(fraction.shape), np.empty(fraction.shape[1])
    for p in range(len(fraction)):
        product[:] = 1.0
        for n in range(of_cluster.shape[1]):
            top = max(of_cluster[p, n], of_field[p, n])
            cluster, field = np.exp(of_cluster[p, n] - top), np.exp(of_field[p, n] - top)
            for k in range(len(product)):
                product[k] *= cluster + fraction[p, k] * (field - cluster)
            if n % TERMS == TERMS - 1:
                sums[p] += np.log(product)
                product[:] = 1.0
            sums[p] += top
        sums[p] += np.log(product)
    return sums


def membership(f_field: np.ndarray, of_cluster: np.ndarray, of_field: np.ndarray) -> np.ndarray:
    """(M, N) probability of each star to be a member, given (M,) fractions and (M, N) ln likelihoods as either."""
    return expit(of_cluster - of_field - logit(f_field)[:, None])


def mean_membership(
    hyper: Hyper, weights: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, field: Field
) -> np.ndarray:
    """(N,) mean probability of each star to be a member, over hyper-parameters with (M,) weights that sum to one."""
    count, at_once = places(hyper), max(INTEGRALS_AT_ONCE // len(parallax_mas), 1)
    fractions, masses = (np.reshape(values, (-1, count)) for values in (hyper.f_field, weights))
    of_places = masses.sum(axis=0)
    counted = np.flatnonzero(of_places > NEGLIGIBLE * of_places.max())
    mean = np.zeros(len(parallax_mas))
    for first in range(0, len(counted), at_once):
        some = counted[first : first + at_once]
        as_either = field.as_either(hyper, parallax_mas, parallax_error_mas, some)
        mean += _summed_membership(fractions[:, some], masses[:, some], *as_either)
    return mean


@njit(cache=True, nogil=True, error_model="numpy")
def _summed_membership(fraction, mass, of_cluster, of_field):
    """(N,) sum over (F, P) fractions, of these masses, of the probability of each star to be a member."""
    total = np.zeros(of_cluster.shape[1])
    for p in range(len(of_cluster)):
        ratio = np.exp(of_field[p] - of_cluster[p])
        for k in range(len(fraction)):
            odds = fraction[k, p] / (1 - fraction[k, p])
            for n in range(len(total)):
                total[n] += mass[k, p] / (1 + odds * ratio[n])
    return total


def draw(
    hyper: Hyper, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, field: Field, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(M, N) independent distances [kpc] of the stars, and whether each is a member in that draw, in 1 and 0."""
    data = parallax_mas, parallax_error_mas
    as_either = field.as_either(hyper, *data)
    member = rng.random(as_either[0].shape) < membership(hyper.f_field, *as_either)
    mean = np.where(member, hyper.mu_r[:, None], field.mean_distance_kpc)
    ln_sd = np.where(member, hyper.ln_std_r[:, None], np.log(field.sd_kpc))
    return distance.draw(mean, ln_sd, *data, rng, hyper.ln_error_factor), member.astype(float)


def of_all(
    hyper: Hyper,
    as_member: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    field: Field,
    rng: np.random.Generator,
) -> np.ndarray:
    """(M, N) distances of the stars, members or not, from (M, N) draws of those that they have as members."""
    error = parallax_error_mas * np.exp(hyper.ln_error_factor)[:, None]
    of_field = field.ln_likelihood_of_each(hyper.ln_error_factor, parallax_mas, parallax_error_mas)
    of_member = norm.logpdf(parallax_mas, 1 / as_member, error)
    member = rng.random(as_member.shape) < membership(hyper.f_field, of_member, of_field)
    mean, ln_sd = (np.full(as_member.shape, value) for value in (field.mean_distance_kpc, np.log(field.sd_kpc)))
    others = distance.draw(mean, ln_sd, parallax_mas, parallax_error_mas, rng, hyper.ln_error_factor)
    return np.where(member, as_member, others)
