"""Stars of the field among those of a cluster: each star is a member of it, or one of the field.

    p(parallax_n | f, h) = (1 - f) p(parallax_n | cluster, h) + f p(parallax_n | field, h),

with f the fraction of the field. Its distances are normal, truncated at 0, of a mean and a standard deviation that are
given: another cluster, broad and known. So both terms are the integrals of `distance`; the second depends on nothing
but the factor on the errors, if that is uncertain.

An integral takes as long as some hundred terms of the sum over stars (`mixture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from starpop.inference import mixture
from starpop.inference.density import Range
from starpop.populations import distance


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
        return max(low, mixture.LEAST), min(high, 1 - mixture.LEAST)

    def ln_likelihood_of_each(
        self, ln_error_factor: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray
    ) -> np.ndarray:
        """(M, N) ln p(parallax | field) of each of N stars, at M factors on the errors."""
        known, which = np.unique(ln_error_factor, return_inverse=True)
        mean, ln_sd = (np.full(len(known), value) for value in (self.mean_distance_kpc, np.log(self.sd_kpc)))
        return distance.ln_likelihood_of_each(mean, ln_sd, parallax_mas, parallax_error_mas, known)[which]

    def as_either(
        self, hyper: Hyper, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(M, N) ln p(parallax) of each star as a member, and as one of the field, at some hyper-parameters."""
        data = parallax_mas, parallax_error_mas
        of_cluster = distance.ln_likelihood_of_each(hyper.mu_r, hyper.ln_std_r, *data, hyper.ln_error_factor)
        return of_cluster, self.ln_likelihood_of_each(hyper.ln_error_factor, *data)

    def at_places(self, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray) -> mixture.Either:
        """The same as a function of all hyper-parameters but the fraction."""
        return lambda *others: self.as_either(Hyper(None, *others), parallax_mas, parallax_error_mas)


def ln_likelihood(hyper: Hyper, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, field: Field) -> np.ndarray:
    """(M,) sum over stars of ln p(parallax | f, h)."""
    as_either = field.at_places(parallax_mas, parallax_error_mas)
    return mixture.ln_likelihood(len(parallax_mas), as_either)(*hyper)


def membership(f_field: np.ndarray, of_cluster: np.ndarray, of_field: np.ndarray) -> np.ndarray:
    """(M, N) probability of each star to be a member, given (M,) fractions and (M, N) ln likelihoods as either."""
    return expit(of_cluster - of_field - logit(f_field)[:, None])


def mean_membership(
    hyper: Hyper, weights: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, field: Field
) -> np.ndarray:
    """(N,) mean probability of each star to be a member, over hyper-parameters with (M,) weights that sum to one."""
    as_either = field.at_places(parallax_mas, parallax_error_mas)
    return 1 - mixture.mean_of_other(hyper.f_field, hyper[1:], weights, len(parallax_mas), as_either)


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
