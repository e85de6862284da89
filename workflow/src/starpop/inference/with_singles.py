"""A population of which not every star is a binary: a fraction F of them, with periods of any density.

    p(D_n | h, F) = F sum_k w_nk p(x_nk | h) + (1 - F) Z_n,

with Z_n the evidence of the star without an orbit (`orbits.no_orbit`). That is a sum over nodes as any other, if a
star has one node more, of weight Z_n, at a place that no period has and of which the density is 1 - F: so all that is
done with a population of binaries can be done with this one. No star is left out for want of an orbit, and none need
be called a binary or not.

The density of the binaries must be normalised where periods are looked for: F is the fraction of stars with a period
in that range. It comes before the hyper-parameters of that density: a quadrature of which it is the first coordinate
takes the sums over nodes once for all its values (`mixture`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from starpop.inference.density import Density, Range
from starpop.inference.mixture import LEAST
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior, Uniform

if TYPE_CHECKING:
    from starpop.inference.amplitudes import Amplitudes
    from starpop.inference.eccentricities import Eccentricity
    from starpop.inference.seen import Seen

FRACTION = "F"


@dataclass(frozen=True)
class WithSingles(Density):
    """A fraction of the stars, uniform in a range before the data, with a density of their periods."""

    binaries: Density
    fraction: Range

    has_singles = True

    @property
    def parameters(self) -> dict[str, Prior]:
        """The fraction, and those of the binaries' density."""
        low, high = self.fraction
        return {FRACTION: Uniform(max(low, LEAST), min(high, 1 - LEAST))} | self.binaries.parameters

    def in_sample(self, seen: Seen | None) -> Self:
        """The same of stars, and of binaries, that are in a sample because of what they showed."""
        of_binaries = self.binaries.in_sample(None if seen is None else seen.of_binaries)
        return super(WithSingles, replace(self, binaries=of_binaries)).in_sample(seen)

    @property
    def of_binaries(self) -> Density:
        """Without the fraction."""
        return self.binaries

    @property
    def of_periods(self) -> Density:
        """Of the binaries."""
        return self.binaries.of_periods

    @property
    def of_e(self) -> Eccentricity | None:  # type: ignore[override]
        """Of the binaries."""
        return self.binaries.of_e

    @property
    def of_s(self) -> Amplitudes | None:  # type: ignore[override]
        """Of the binaries."""
        return self.binaries.of_s

    def parameters_of_periods(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """All but the fraction may be."""
        return self.binaries.parameters_of_periods(parameters[1:])

    def parameters_of_e(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The same."""
        return self.binaries.parameters_of_e(parameters[1:])

    def parameters_of_s(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """The same."""
        return self.binaries.parameters_of_s(parameters[1:])

    @property
    def support(self) -> Range:
        """Of the binaries' periods."""
        return self.binaries.support

    @property
    def jumps(self) -> np.ndarray:
        """Of the binaries."""
        return self.binaries.jumps

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density of a binary's period, times F; at `Density.NO_ORBIT` of 1 - F."""
        fraction, *of_binaries = parameters
        single, within = self._told_apart(x, math)
        of_binary = math.log(fraction) + self.binaries.ln_pdf(within, *of_binaries, math=math)
        return math.where(single, math.log1p(-fraction), of_binary)

    def ln_joint(self, x: Any, e: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """The same of a period and an eccentricity."""
        fraction, *of_binaries = parameters
        single, within = self._told_apart(x, math)
        of_binary = math.log(fraction) + self.binaries.ln_joint(within, e, *of_binaries, math=math)
        return math.where(single, math.log1p(-fraction), of_binary)

    def _told_apart(self, x: Any, math: SimpleNamespace) -> tuple[Any, Any]:
        """Whether there is no orbit, and else where its period is; a place of the support for the others."""
        single = x <= 0.5 * self.NO_ORBIT
        return single, math.where(single, 0.5 * sum(self.support), x)
