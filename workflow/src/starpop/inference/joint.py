"""A population of periods and of more: p(x | h_x) p(e | x, h_e) p(y | h_y), with x = ln(P / day).

The second is a density of the eccentricity (`eccentricities`), the third one of the scale of the amplitudes
(`amplitudes`); one of them is missing. To whoever asks about periods alone it is the density of x, in which the other
is integrated out. Its hyper-parameters are those of x, then those of e or y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from starpop.inference.amplitudes import Amplitudes
from starpop.inference.density import Density, Range
from starpop.inference.eccentricities import Eccentricity
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior


@dataclass(frozen=True)
class Joint(Density):
    """A density of x, and one of e given x or of y."""

    of_x: Density
    of_e: Eccentricity | None = None
    of_s: Amplitudes | None = None

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return {name: prior for part in self._parts for name, prior in part.items()}

    @property
    def _parts(self) -> list[dict[str, Prior]]:
        """Those of x, e and y."""
        return [{} if part is None else part.parameters for part in (self.of_x, self.of_e, self.of_s)]

    @property
    def support(self) -> Range:
        """Of x."""
        return self.of_x.support

    @property
    def jumps(self) -> np.ndarray:
        """Of x."""
        return self.of_x.jumps

    @property
    def of_periods(self) -> Density:
        """The density of x."""
        return self.of_x

    def _own(self, parameters: Sequence[Any], part: int) -> Sequence[Any]:
        """Of all hyper-parameters those of one part."""
        ends = np.cumsum([0, *map(len, self._parts)])
        return parameters[ends[part] : ends[part + 1]]

    def parameters_of_periods(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The first of the hyper-parameters."""
        return self._own(parameters, 0)

    def parameters_of_e(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """Those that follow."""
        return self._own(parameters, 1)

    def parameters_of_s(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The last."""
        return self._own(parameters, 2)

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
