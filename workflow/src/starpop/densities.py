"""Densities of x = ln(P / day): of one system's period, or of a population with parameters.

Each density has the names and bounds of its parameters (uniform priors), `ln_pdf(x, *parameters)`, and
`ln_peak(low, high, *parameters)`, the highest value of ln_pdf in an interval: periods are drawn by rejection under it.
Parameters and x are arrays that broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_ndtr

LN_SQRT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class UniformPeriod:
    """P uniform over a range [d]: the tutorial's prior of a single system. p(x) = e^x / (range)."""

    period_range_days: tuple[float, float]

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """No parameters."""
        return {}

    def ln_pdf(self, x: np.ndarray) -> np.ndarray:
        """Ln density; x is taken to lie in the range."""
        return x - np.log(self.period_range_days[1] - self.period_range_days[0])

    def ln_peak(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """At the longest period."""
        return self.ln_pdf(high)


@dataclass(frozen=True)
class Normal:
    """x ~ N(mu, exp(lnsigma)): the tutorial's population."""

    mu: tuple[float, float]
    ln_sigma: tuple[float, float]

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Of mu and lnsigma."""
        return {"mu": self.mu, "lnsigma": self.ln_sigma}

    def ln_norm(self, mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        """Ln of the density where x = mu: what does not depend on x."""
        return -lnsigma - LN_SQRT_2PI

    def ln_pdf(self, x: np.ndarray, mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        """Ln of the density."""
        return -0.5 * ((x - mu) * np.exp(-lnsigma)) ** 2 + self.ln_norm(mu, lnsigma)

    def ln_peak(self, low: np.ndarray, high: np.ndarray, mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        """At mu, or at the end nearest to it."""
        return self.ln_pdf(np.clip(mu, low, high), mu, lnsigma)


@dataclass(frozen=True)
class TruncatedNormal(Normal):
    """A normal density cut off outside the range of periods [d], where no period can be found, and normalised."""

    period_range_days: tuple[float, float]

    def ln_norm(self, mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        """Ln of the normal density at its centre, over its share inside the range."""
        low, high = ((np.log(p) - mu) * np.exp(-lnsigma) for p in self.period_range_days)
        # both ends on the side where the normal cdf is small keep the digits of their difference
        flip = low > 0
        low, high = np.where(flip, -high, low), np.where(flip, -low, high)
        inside = log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))
        return super().ln_norm(mu, lnsigma) - inside


Density = UniformPeriod | Normal


def density_from_settings(settings: Mapping[str, Any], period_range_days: tuple[float, float]) -> Normal:
    """The density that an entry of ``population_models`` names."""
    ranges = {"mu": tuple(settings["mu"]), "ln_sigma": tuple(settings["ln_sigma"])}
    if settings["density"] == "truncated_normal":
        return TruncatedNormal(**ranges, period_range_days=period_range_days)
    return Normal(**ranges)
