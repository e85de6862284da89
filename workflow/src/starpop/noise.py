"""Noise models: how the errors of a system's visits follow from the reported ones and one number of the system.

| model | variance of visit j | number u | prior |
|---|---|---|---|
| ``reported`` | sigma_j^2 | none | |
| ``scaled`` | sigma_j^2 e^(2u) | u = ln of the ratio of true to reported errors | N(mean, sd) |
| ``jitter`` | sigma_j^2 + e^(2u) | u = ln(jitter / (km/s)) | N(mean, sd) |

The likelihood of a period is an integral over u as well,

    L(P) = integral of L(P, u) p(u) du = sum_k L(P, u_k) p(u_k) u'(t_k),        t_k = k,

by the trapezium rule in a coordinate t in which every posterior of u has a width of about one: the rule's error falls
exponentially with the ratio of width and step. The density of points dt/du is the prior's, 1/sd or at least 1, plus
that of the width 1/sqrt(2 J) that J visits leave where u matters, J' = max(J, 12):

    t(u) = (u - mean) max(1/sd, 1) + sqrt(2 J') mean_j g_j(u),        g_j = u  or  arsinh(e^u / sigma_j).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

# Fewer visits leave a skewed posterior of u, which needs as fine a step as that of twelve.
SKEWED_VISITS = 12
WIDEST_STEP = 1.0
# How far the range of u goes into the prior's tails.
REACH = 7.0
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
    """A noise model with a number u of normal prior."""

    mean: float
    sd: float

    def ln_prior(self, ln_noise: np.ndarray) -> np.ndarray:
        """Ln of the prior density of u."""
        return -0.5 * ((ln_noise - self.mean) / self.sd) ** 2 - np.log(self.sd) - LN_SQRT_2PI

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(..., J) variances [km^2/s^2] at (..., 1) values of u."""
        raise NotImplementedError

    def shape(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) mean over the visits of g_j, and its derivative."""
        raise NotImplementedError

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """The range of u that can hold anything."""
        raise NotImplementedError

    def coordinate(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) t(u) and dt/du."""
        steep = np.sqrt(2.0 * max(len(rv_err_kms), SKEWED_VISITS))
        mean, slope = self.shape(ln_noise, rv_err_kms)
        tail = max(1 / self.sd, 1 / WIDEST_STEP)
        return tail * (ln_noise - self.mean) + steep * mean, tail + steep * slope

    def lattice(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> Lattice:
        """The points at whole t, and one of the variances a point and visit."""
        ends = np.array(self.bounds(rv_kms, rv_err_kms))
        first, last = self.coordinate(ends, rv_err_kms)[0]
        t = np.arange(np.floor(first), np.ceil(last) + 1)
        ln_noise = np.interp(t, *self._table(ends, rv_err_kms))
        for _ in range(50):
            found, slope = self.coordinate(ln_noise, rv_err_kms)
            step = (t - found) / slope
            ln_noise += step
            if np.abs(step).max() < 1e-13 * (1 + np.abs(ln_noise).max()):
                break
        slope = self.coordinate(ln_noise, rv_err_kms)[1]
        ln_weight = self.ln_prior(ln_noise) - np.log(slope)
        return Lattice(ln_noise, ln_weight, self.variance(ln_noise[:, None], rv_err_kms))

    def _table(self, ends: np.ndarray, rv_err_kms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T and u at points between, and a little beyond, the ends: where Newton's method starts."""
        points = np.linspace(ends[0] - 2 * self.sd, ends[1] + 2 * self.sd, 200)
        return self.coordinate(points, rv_err_kms)[0], points

    def curve(self, lattice: Lattice, rv_err_kms: np.ndarray) -> CubicHermiteSpline:
        """U(t) through the lattice's points, t counted from the first of them: a smooth and ascending curve.

        Draws are made in t with the density L(P, U(t)) p(U(t)) U'(t); they are exact whatever the curve is.
        """
        slope = self.coordinate(lattice.ln_noise, rv_err_kms)[1]
        return CubicHermiteSpline(np.arange(len(slope)), lattice.ln_noise, 1 / slope)


@dataclass(frozen=True)
class Scaled(UncertainNoise):
    """All errors of a system are wrong by one factor."""

    parameter = "ln_error_scale"

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 e^(2u)."""
        return rv_err_kms**2 * np.exp(2 * ln_noise)

    def shape(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U itself."""
        return ln_noise, np.ones_like(ln_noise)

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """Velocities that an orbit can pass through exactly want errors far below the prior's."""
        largest = np.log(np.ptp(rv_kms) / rv_err_kms.min() + 1) + 2
        return self.mean - 2 * REACH * self.sd, max(self.mean + REACH * self.sd, largest)


@dataclass(frozen=True)
class Jitter(UncertainNoise):
    """A term is added to all variances of a system."""

    parameter = "ln_jitter"

    def variance(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 + e^(2u)."""
        return rv_err_kms**2 + np.exp(2 * ln_noise)

    def shape(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steep where the jitter is as large as the errors, flat where they do not know of it."""
        ratio = np.exp(ln_noise[:, None] - np.log(rv_err_kms))
        return np.arcsinh(ratio).mean(axis=1), (ratio / np.sqrt(1 + ratio**2)).mean(axis=1)

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """From where no error knows of the jitter to where it explains all velocities, or the prior's tails."""
        least, most = np.log(rv_err_kms.min()) - 4, np.log(np.ptp(rv_kms) + rv_err_kms.max()) + 2
        return min(self.mean - REACH * self.sd, least), max(self.mean + REACH * self.sd, most)


Noise = Reported | Scaled | Jitter
