"""The prior of a system's eccentricity: a beta density, cut off at a largest eccentricity.

p(e) = e^(alpha - 1) (1 - e)^(beta - 1) / constant    for 0 <= e <= up_to < 1;    alpha = beta = 1 is uniform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv, betaln, xlog1py, xlogy

from starpop.run.errors import InputError

# Beyond, an orbit's velocities are those of a moment, and no search of visits finds it.
LARGEST = 0.98


@dataclass(frozen=True)
class EccentricityPrior:
    """A beta density of the eccentricity up to a largest one; what is not named is uniform."""

    alpha: float = 1.0
    beta: float = 1.0
    up_to: float = 0.95

    def __post_init__(self) -> None:
        """Check what is given."""
        if not 0 < self.up_to <= LARGEST:
            raise InputError(f"eccentricity up_to: {self.up_to!r}; expected a number above 0, of {LARGEST} at most.")
        if not (0.5 <= self.alpha < np.inf and 0.5 <= self.beta < np.inf):
            raise InputError(f"eccentricity beta: [{self.alpha}, {self.beta}]; expected two numbers of 0.5 or more.")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> EccentricityPrior:
        """The prior that ``eccentricity`` of the configuration describes."""
        alpha, beta = settings["beta"]
        return cls(alpha, beta, settings["up_to"])

    @property
    def uniform(self) -> bool:
        """Whether all eccentricities are as likely."""
        return self.alpha == self.beta == 1.0

    def ln_pdf(self, e: np.ndarray) -> np.ndarray:
        """Ln of the density."""
        ln_constant = betaln(self.alpha, self.beta) + np.log(betainc(self.alpha, self.beta, self.up_to))
        inside = xlogy(self.alpha - 1, e) + xlog1py(self.beta - 1, -np.asarray(e)) - ln_constant
        return np.where((e >= 0) & (e <= self.up_to), inside, -np.inf)

    def cdf(self, e: np.ndarray) -> np.ndarray:
        """The probability of a smaller eccentricity."""
        return betainc(self.alpha, self.beta, np.clip(e, 0, self.up_to)) / betainc(self.alpha, self.beta, self.up_to)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """The eccentricity below which a share of the probability lies."""
        if self.uniform:
            return np.asarray(share) * self.up_to
        return betaincinv(self.alpha, self.beta, np.asarray(share) * betainc(self.alpha, self.beta, self.up_to))
