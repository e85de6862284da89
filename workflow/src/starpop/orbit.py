"""The circular orbit, linear in everything but its period: the slow and obvious reference.

For a system with visits (t_j, v_j, sigma_j) and a period P,

    v_j = a cos(2 pi t_j / P) + b sin(2 pi t_j / P) + v0 + noise_j,      noise_j ~ N(0, sigma_j),

with t from the first visit. With A = [cos, sin, 1], C = diag(sigma^2) and the prior theta = (a, b, v0) ~ N(0, L),
the coefficients integrate out:

    ln L(P) = -1/2 min_theta [ (v - A theta)' C^-1 (v - A theta) + theta' L^-1 theta ]
              - 1/2 ln |B| - 1/2 ln |L| - 1/2 sum ln(2 pi sigma^2),         B = A' C^-1 A + L^-1,

    theta | P ~ N(B^-1 A' C^-1 v, B^-1).

| symbol | here |
|---|---|
| P, f = 1/P | ``period_days``, ``frequency`` [1/d] |
| theta, L | columns (a, b, v0), ``OrbitPrior.variances_kms2`` |
| min_theta [...] | ``penalised_chi2`` |

Everything is evaluated from residuals, not from differences of large sums, and in plain NumPy: faster paths
are tested against this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve

from starpop.visits import Visits

COEFFICIENTS = ("a", "b", "v0")


@dataclass(frozen=True)
class OrbitPrior:
    """Independent normal priors, of mean zero, on the coefficients (a, b, v0)."""

    amplitude_sd_kms: float
    systemic_velocity_sd_kms: float

    @property
    def variances_kms2(self) -> np.ndarray:
        """(3,) prior variances of (a, b, v0) [km^2/s^2]."""
        amplitude, v0 = self.amplitude_sd_kms**2, self.systemic_velocity_sd_kms**2
        return np.array([amplitude, amplitude, v0])


@dataclass(frozen=True)
class Conditional:
    """The coefficients at given periods: theta | P ~ N(mean, covariance), and what the fit leaves.

    Attributes
    ----------
    mean : (F, 3) conditional means of (a, b, v0) [km/s]
    cholesky : (F, 3, 3) lower Cholesky factor of the precision B [s^2/km^2]
    chi2 : (F,) sum of squared normalised residuals at the mean
    penalised_chi2 : (F,) chi2 plus the prior's term
    """

    mean: np.ndarray
    cholesky: np.ndarray
    chi2: np.ndarray
    penalised_chi2: np.ndarray

    def covariance(self, index: int = 0) -> np.ndarray:
        """(3, 3) covariance of the coefficients at one of the periods [km^2/s^2]."""
        return cho_solve((self.cholesky[index], True), np.eye(len(COEFFICIENTS)))


def design_matrix(frequency: np.ndarray, time_days: np.ndarray) -> np.ndarray:
    """(F, J, 3) columns cos, sin and 1 of the orbit at F frequencies [1/d] and J times [d]."""
    phase = 2 * np.pi * np.multiply.outer(np.atleast_1d(frequency), time_days)
    return np.stack([np.cos(phase), np.sin(phase), np.ones_like(phase)], axis=-1)


def radial_velocity(time_days: np.ndarray, period_days: float, coefficients: np.ndarray) -> np.ndarray:
    """(J,) model velocities [km/s] of an orbit with coefficients (a, b, v0) [km/s]."""
    return design_matrix(np.array([1 / period_days]), time_days)[0] @ coefficients


def conditional(frequency: np.ndarray, visits: Visits, prior: OrbitPrior) -> Conditional:
    """The coefficients of the orbit given its frequency, at each of F frequencies [1/d]."""
    weight = visits.rv_err_kms**-2
    design = design_matrix(frequency, visits.time_days)
    weighted = design * weight[:, None]
    precision = np.einsum("fjk,fjl->fkl", weighted, design) + np.diag(1 / prior.variances_kms2)
    projection = weighted.transpose(0, 2, 1) @ visits.rv_kms
    mean = np.linalg.solve(precision, projection[..., None])[..., 0]
    residual = visits.rv_kms - (design @ mean[..., None])[..., 0]
    chi2 = residual**2 @ weight
    penalty = mean**2 @ (1 / prior.variances_kms2)
    return Conditional(mean, np.linalg.cholesky(precision), chi2, chi2 + penalty)


def ln_likelihood(frequency: np.ndarray, visits: Visits, prior: OrbitPrior, chunk: int = 4096) -> np.ndarray:
    """(F,) ln-likelihood of the frequencies [1/d] with the coefficients integrated out."""
    frequency = np.atleast_1d(frequency)
    constant = -0.5 * np.sum(np.log(2 * np.pi * visits.rv_err_kms**2)) - 0.5 * np.sum(np.log(prior.variances_kms2))
    values = np.empty(len(frequency))
    for start in range(0, len(frequency), chunk):
        at = slice(start, start + chunk)
        fit = conditional(frequency[at], visits, prior)
        ln_diagonal = np.log(np.diagonal(fit.cholesky, axis1=1, axis2=2))
        values[at] = constant - 0.5 * fit.penalised_chi2 - ln_diagonal.sum(axis=1)
    return values
