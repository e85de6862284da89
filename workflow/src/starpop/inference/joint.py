"""A population of periods and eccentricities: p(x, e | h) = p(x | h_x) p(e | x, h_e), with x = ln(P / day).

To whoever asks about periods alone it is the density of x, in which e is integrated out. Its hyper-parameters are
those of x, then those of e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from starpop.inference.density import Density, Range
from starpop.inference.eccentricities import Eccentricity
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior


@dataclass(frozen=True)
class Joint(Density):
    """A density of x, and one of e given x."""

    of_x: Density
    of_e: Eccentricity

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return self.of_x.parameters | self.of_e.parameters

    @property
    def support(self) -> Range:
        """Of x."""
        return self.of_x.support

    @property
    def of_periods(self) -> Density:
        """The density of x."""
        return self.of_x

    def parameters_of_periods(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The first of the hyper-parameters."""
        return parameters[: len(self.of_x.parameters)]

    def parameters_of_e(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The others."""
        return parameters[len(self.of_x.parameters) :]

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density of x."""
        return self.of_x.ln_pdf(x, *self.parameters_of_periods(parameters), math=math)

    def ln_peak(self, low: np.ndarray, high: np.ndarray, *parameters: Any) -> np.ndarray:
        """Of x."""
        return self.of_x.ln_peak(low, high, *self.parameters_of_periods(parameters))

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """Of x."""
        return self.of_x.breakpoints(*self.parameters_of_periods(parameters))

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        return self.of_x.draw(self.parameters_of_periods(parameters), size, rng)

    def variable(self, name: str, parameters: Sequence[Any], period_range_days: Range, **kwargs: Any) -> Any:
        """The PyMC variable of x."""
        return self.of_x.variable(name, self.parameters_of_periods(parameters), period_range_days, **kwargs)
