"""Noise models: how the errors of a system's visits follow from the reported ones and one number of the system.

| model | variance of visit j | number u | prior |
|---|---|---|---|
| ``reported`` | sigma_j^2 | none | |
| ``scaled`` | sigma_j^2 e^(2u) | u = ln of the ratio of true to reported errors | N(mean, sd) |
| ``jitter`` | sigma_j^2 + e^(2u) | u = ln(jitter / (km/s)) | N(mean, sd) |

The likelihood of a period is an integral over u as well,

    L(P) = integral of L(P, u) p(u) du = sum_k L(P, u_k) p(u_k) u'(t_k),        t_k = k,

by the trapezium rule in a coordinate t in which every posterior of u has a width of about one: the rule's error falls
exponentially with the ratio of width and step. Where a share g_j of the variance of visit j is the noise's (all of it,
if the errors are scaled), ln L bends by at most 2 sum_j g_j, and so leaves a width of 1/sqrt(2 sum_j g_j) or more. The
density of points is the inverse of that and of the prior's,

    dt/du = max(1/sd, 1) + sqrt(2 max(sum_j g_j, 12 m)),        m = sum_j g_j^2 / sum_j g_j,

since fewer than 12 visits that know u leave a skewed posterior, which needs as fine a step as that of twelve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.polynomial.legendre import leggauss

from starpop.run.errors import InputError

if TYPE_CHECKING:  # takes a third of a second to load, and the models that a figure shows do not need it
    from scipy.interpolate import CubicHermiteSpline

# Fewer visits leave a skewed posterior of u, which needs as fine a step as that of twelve; the larger of the two is
# taken by the norm of this order, which is smooth.
SKEWED_VISITS, SMOOTH_MAXIMUM = 12, 8
# dt/du is integrated by this rule in cells of half a unit of u: its scale is one.
CELL, RULE = 0.5, leggauss(4)
WIDEST_STEP = 1.0
# How far the range of u goes into the prior's tails.
REACH = 7.0
# Where the noise is so far below the errors that no visit knows of it.
TINY = 1e-300
LN_SQRT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Lattice:
    """The points of u for one system's visits.

    Attributes
    ----------
    ln_noise : (K,) points u_k, ascending
    ln_weight : (K,) ln of p(u_k) u'(t_k)
    variance : (K, J) variances of the visits [km^2/s^2]
    """

    ln_noise: np.ndarray
    ln_weight: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Reported:
    """The errors are the reported ones."""

    parameter = None

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(..., J) variances; `ln_noise` is not used."""
        return np.broadcast_to(rv_err_kms**2, (*np.shape(ln_noise)[:-1], len(rv_err_kms)))

    def lattice(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> Lattice:
        """One point of weight one."""
        return Lattice(np.zeros(1), np.zeros(1), rv_err_kms[None] ** 2)


@dataclass(frozen=True)
class UncertainNoise:
    """A noise model with a number u of normal prior, which has a name.

    Attributes
    ----------
    mean, sd : of the prior of u
    """

    parameter: ClassVar[str]
    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Check the prior."""
        if not (np.isfinite(self.mean) and 0 < self.sd < np.inf):
            raise InputError(
                f"no noise has a mean of {self.mean} and an sd of {self.sd} of its ln; expected finite numbers, the "
                "second positive."
            )

    def ln_prior(self, ln_noise: np.ndarray) -> np.ndarray:
        """Ln of the prior density of u."""
        return -0.5 * ((ln_noise - self.mean) / self.sd) ** 2 - np.log(self.sd) - LN_SQRT_2PI

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(..., J) variances [km^2/s^2] at (..., 1) values of u."""
        raise NotImplementedError

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M, J) g_j at (M,) values of u."""
        raise NotImplementedError

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """The range of u that can hold anything."""
        raise NotImplementedError

    def density_of_points(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M,) dt/du."""
        share = self.share(ln_noise, rv_err_kms)
        known = share.sum(axis=1)
        fewest = SKEWED_VISITS * np.einsum("mj,mj->m", share, share) / np.maximum(known, TINY)
        largest = (known**SMOOTH_MAXIMUM + fewest**SMOOTH_MAXIMUM) ** (1 / SMOOTH_MAXIMUM)
        return max(1 / self.sd, 1 / WIDEST_STEP) + np.sqrt(2 * largest)

    def lattice(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> Lattice:
        """The points at whole t, counted from the lower bound of u, and one of the variances a point and visit."""
        from scipy.interpolate import CubicHermiteSpline

        low, high = self.bounds(rv_kms, rv_err_kms)
        knots = low + CELL * np.arange(np.ceil((high + WIDEST_STEP - low) / CELL) + 1)
        slope = self.density_of_points(knots, rv_err_kms)
        at_knot = np.append(0.0, np.cumsum(self._passed(knots[:-1], knots[1:], rv_err_kms)))
        t = np.arange(np.ceil(np.interp(high, knots, at_knot)) + 1)
        ln_noise = CubicHermiteSpline(at_knot, knots, 1 / slope)(t)
        for _ in range(2):  # the spline is good to 1e-4, Newton's method squares that
            before = np.clip(np.searchsorted(knots, ln_noise) - 1, 0, len(knots) - 1)
            found = at_knot[before] + self._passed(knots[before], ln_noise, rv_err_kms)
            ln_noise += (t - found) / self.density_of_points(ln_noise, rv_err_kms)
        ln_weight = self.ln_prior(ln_noise) - np.log(self.density_of_points(ln_noise, rv_err_kms))
        return Lattice(ln_noise, ln_weight, self.variance(ln_noise[:, None], rv_err_kms))

    def _passed(self, low: np.ndarray, high: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M,) how much of t lies between two values of u, at most a cell apart."""
        points, weights = RULE
        half = 0.5 * (high - low)
        u = 0.5 * (high + low)[:, None] + half[:, None] * points
        return half * (self.density_of_points(u.ravel(), rv_err_kms).reshape(u.shape) @ weights)

    def curve(self, lattice: Lattice, rv_err_kms: np.ndarray) -> CubicHermiteSpline:
        """U(t) through the lattice's points, t counted from the first of them: a smooth and ascending curve.

        Draws are made in t with the density L(P, U(t)) p(U(t)) U'(t); they are exact whatever the curve is.
        """
        from scipy.interpolate import CubicHermiteSpline

        slope = self.density_of_points(lattice.ln_noise, rv_err_kms)
        return CubicHermiteSpline(np.arange(len(slope)), lattice.ln_noise, 1 / slope)


@dataclass(frozen=True)
class Scaled(UncertainNoise):
    """All errors of a system are wrong by one factor.

    Attributes
    ----------
    mean, sd : of the normal prior of the factor's ln
    """

    parameter = "ln_error_scale"

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 e^(2u)."""
        return rv_err_kms**2 * np.exp(2 * ln_noise)

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """One."""
        return np.ones((len(ln_noise), len(rv_err_kms)))

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """Velocities that an orbit can pass through exactly want errors far below the prior's."""
        largest = np.log(np.ptp(rv_kms) / rv_err_kms.min() + 1) + 2
        return self.mean - 2 * REACH * self.sd, max(self.mean + REACH * self.sd, largest)


@dataclass(frozen=True)
class Jitter(UncertainNoise):
    """A term is added to all variances of a system, the square of its jitter.

    Attributes
    ----------
    mean, sd : of the normal prior of ln(jitter / (km/s))
    """

    parameter = "ln_jitter"

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 + e^(2u)."""
        return rv_err_kms**2 + np.exp(2 * ln_noise)

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """e^(2u) / (sigma_j^2 + e^(2u))."""
        ratio = np.multiply.outer(np.exp(2 * ln_noise), rv_err_kms**-2)
        return ratio / (1 + ratio)

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """From where no error knows of the jitter to where it explains all velocities, or the prior's tails."""
        least, most = np.log(rv_err_kms.min()) - 4, np.log(np.ptp(rv_kms) + rv_err_kms.max()) + 2
        return min(self.mean - REACH * self.sd, least), max(self.mean + REACH * self.sd, most)


Noise = Reported | UncertainNoise
