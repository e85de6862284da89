"""A posterior of hyper-parameters as weighted points: every expectation is a weighted sum over them.

The points of a quadrature rule (`quadrature`) and the draws of a sampler (`bridge`) are both such points; who uses a
posterior need not know which.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

HDI_PROBABILITY = 0.94
STATISTICS = ("mean", "sd", "hdi_3%", "hdi_97%", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat")


def smoothed(ln_weight: np.ndarray, independent: float = 1.0) -> tuple[np.ndarray, float]:
    """Importance weights whose largest are smoothed by a Pareto distribution, and its shape.

    Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72: of a shape above 0.5 the weights have no variance, above 0.7
    smoothing does not help.

    Parameters
    ----------
    ln_weight : (M,) ln of the weights, up to a constant
    independent : share of the draws that count as independent ones

    Returns
    -------
    (M,) weights that sum to one, and the shape; minus infinity where the largest weights are all the same
    """
    from arviz_stats.base import array_stats

    try:
        ln_weight, shape = array_stats.psislw(-ln_weight, r_eff=independent)
    except ValueError:  # ArviZ fits no tail that has no spread
        shape = -np.inf
    weight = np.exp(ln_weight - ln_weight.max())
    return weight / weight.sum(), float(shape)


@dataclass(frozen=True)
class Posterior(ABC):
    """The posterior of named hyper-parameters.

    Attributes
    ----------
    names : (D,) their names
    points : (M, D) values
    weights : (M,) posterior mass of each point; they sum to one
    ln_evidence : ln of the integral of likelihood times prior
    error : of ln_evidence (and, of a quadrature, of means and standard deviations)
    """

    names: tuple[str, ...]
    points: np.ndarray
    weights: np.ndarray
    ln_evidence: float
    error: float

    def mean(self, function: Callable[..., np.ndarray]) -> float:
        """Posterior mean of a function of the (M,) hyper-parameters, in their order."""
        return float(self.weights @ function(*self.points.T))

    def moments(self) -> dict[str, tuple[float, float]]:
        """Posterior mean and standard deviation of each hyper-parameter."""
        means = self.weights @ self.points
        sds = np.sqrt(self.weights @ (self.points - means) ** 2)
        return {name: (float(mean), float(sd)) for name, mean, sd in zip(self.names, means, sds, strict=True)}

    @abstractmethod
    def shortest_interval(self, name: str, probability: float) -> tuple[float, float]:
        """The shortest interval that holds a probability."""

    @abstractmethod
    def draw(self, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """(size,) draws of each hyper-parameter."""

    @abstractmethod
    def ln_predictive(self, ln_likelihood: np.ndarray) -> tuple[float, float, bool]:
        """Ln of the predictive density of one datum given all others (`predictive`).

        Parameters
        ----------
        ln_likelihood : (M,) ln p(datum | h) at the points; the posterior is that of all data, this one among them

        Returns
        -------
        value, its numerical error, and whether both can be believed
        """

    def quality(self, name: str) -> tuple[float, float, float, float, float]:
        """Monte Carlo errors of mean and sd, bulk and tail effective sample sizes, and R-hat; here there are none."""
        return 0.0, 0.0, np.inf, np.inf, 1.0

    def sampler_statistics(self) -> xr.Dataset | None:
        """``diverging``, ``energy``, ``tree_depth`` with dimensions chain and draw, if the points are draws."""
        return None

    def summary(self) -> xr.Dataset:
        """Mean, sd, 94% shortest interval and Monte Carlo quality of each hyper-parameter, and the evidence."""
        rows = [
            (*moments, *self.shortest_interval(name, HDI_PROBABILITY), *self.quality(name))
            for name, moments in self.moments().items()
        ]
        return xr.Dataset(
            {
                "value": (("parameter", "statistic"), np.array(rows)),
                "ln_evidence": self.ln_evidence,
                "error": self.error,
            },
            coords={"parameter": list(self.names), "statistic": list(STATISTICS)},
        )
