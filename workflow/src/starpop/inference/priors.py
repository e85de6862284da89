"""Priors of hyper-parameters, each with the coordinate u in which it is a standard normal density.

In these coordinates every parameter is unconstrained and the prior the same: `tempering` and `bridge` use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from starpop.inference.numerics import NUMPY
from starpop.run.errors import InputError

LN_SQRT_2PI = 0.5 * np.log(2 * np.pi)
# A standard normal variable is beyond this with a probability of 1e-23.
FARTHEST = 10.0


@dataclass(frozen=True)
class Uniform:
    """Uniform between two bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Check the bounds."""
        if not -np.inf < self.low < self.high < np.inf:
            raise InputError(
                f"no uniform prior is from {self.low} to {self.high}; expected two finite numbers, the lower first."
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which all of the prior lies."""
        return self.low, self.high

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return (self.high - self.low) / np.sqrt(12)

    def ln_pdf(self, value: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        return math.where((value >= self.low) & (value <= self.high), -np.log(self.high - self.low), -np.inf)

    def from_normal(self, u: np.ndarray) -> np.ndarray:
        """The value at a standard normal coordinate."""
        return self.low + (self.high - self.low) * ndtr(u)

    def to_normal(self, value: np.ndarray) -> np.ndarray:
        """The standard normal coordinate of a value."""
        return ndtri((value - self.low) / (self.high - self.low))

    def variable(self, name: str) -> Any:
        """The PyMC variable."""
        import pymc as pm

        return pm.Uniform(name, self.low, self.high)


@dataclass(frozen=True)
class StandardNormal:
    """Normal, of mean 0 and standard deviation 1."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which all that counts of the prior lies."""
        return -FARTHEST, FARTHEST

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return 1.0

    def ln_pdf(self, value: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        return -0.5 * value**2 - LN_SQRT_2PI

    def from_normal(self, u: np.ndarray) -> np.ndarray:
        """The value itself."""
        return u

    to_normal = from_normal

    def variable(self, name: str) -> Any:
        """The PyMC variable."""
        import pymc as pm

        return pm.Normal(name)


Prior = Uniform | StandardNormal


def draw(prior: Prior, rng: np.random.Generator, size: int | tuple[int, ...] = ()) -> Any:
    """Draws from a prior, of a shape."""
    return prior.from_normal(rng.standard_normal(size))
