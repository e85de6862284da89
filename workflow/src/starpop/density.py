"""What a density of x = ln(P / day) is, and how one is found by its name in the configuration.

A density is a frozen dataclass whose fields are its keys in the configuration, registered under the name that stands
there, so that nothing else need be told of a new one. It has

    parameters      name -> prior of each hyper-parameter, in the order in which the methods take them; of up to three,
                    which are integrated, locations come before the scales that their widths go with
    support         where it is not zero
    ln_pdf          written once, for NumPy and (with `math=tensors()`) for the PyMC models
    mode            where it is highest, if it falls on both sides; else its own ln_peak
    draw            draws of x
    breakpoints     where it changes fast, for its moments

Hyper-parameters and x are arrays that broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.polynomial.legendre import leggauss

from starpop.errors import InputError
from starpop.numerics import NUMPY, tensors
from starpop.priors import Prior

Range = tuple[float, float]

# Panels of the quadrature of moments between two breakpoints, and draws taken at once.
PANELS, DRAWS_AT_ONCE = 12, 200


class Density:
    """What all densities share."""

    registered: ClassVar[dict[str, type[Density]]] = {}

    def __init_subclass__(cls, name: str = "") -> None:
        """Register a density that has a name."""
        if name:
            Density.registered[name] = cls

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], period_range_days: Range) -> Density:
        """Made of the settings of its own fields; the range of periods is the scanned one unless they have another."""
        given = {"period_range_days": period_range_days, **settings}
        own = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
        missing = [name for name, f in own.items() if name not in given and f.default is MISSING]
        unknown = settings.keys() - own.keys() - {"density"}
        if missing or unknown:
            what = f"lacks {', '.join(missing)}" if missing else f"does not know {', '.join(sorted(unknown))}"
            raise InputError(
                f"population_models: density {settings['density']} {what}; its keys are {', '.join(own)}."
            )
        return cls(**{k: tuple(v) if isinstance(v, Sequence) else v for k, v in given.items() if k in own})

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return {}

    @property
    def support(self) -> Range:
        """Ends of the range of x outside which the density is zero."""
        return -np.inf, np.inf

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        raise NotImplementedError

    def mode(self, *parameters: Any) -> Any:
        """Where the density is highest, falling on both sides."""
        raise NotImplementedError

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x, given one value or `size` values of each hyper-parameter."""
        raise NotImplementedError

    def ln_peak(self, low: np.ndarray, high: np.ndarray, *parameters: Any) -> np.ndarray:
        """Highest ln density between two ends, or a bound on it: periods are drawn by rejection under it."""
        low, high = np.maximum(low, self.support[0]), np.minimum(high, self.support[1])
        highest = self.ln_pdf(np.clip(self.mode(*parameters), low, high), *parameters)
        return np.where(low <= high, highest, -np.inf)

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """(M, B) values of x between which the density is smooth on the scale of their distance."""
        return np.empty((len(parameters[0]), 0))

    def moments(self, ends: Range, *parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) mean and standard deviation of x between two ends, given (M,) values of each hyper-parameter.

        All densities have these: of Student's t over all x they may be infinite, and others end somewhere.
        """
        points, weights = leggauss(4)
        low, high = max(ends[0], self.support[0]), min(ends[1], self.support[1])
        share = (np.arange(PANELS)[:, None] + 0.5 * (1 + points)).ravel() / PANELS
        mean, sd = np.empty((2, len(parameters[0])))
        for first in range(0, len(mean), DRAWS_AT_ONCE):
            some = [p[first : first + DRAWS_AT_ONCE] for p in parameters]
            inner = np.sort(np.clip(self.breakpoints(*some), low, high), axis=1)
            edges = np.pad(inner, ((0, 0), (1, 1)), constant_values=((0, 0), (low, high)))
            width = np.diff(edges, axis=1)[:, :, None]
            x = (edges[:, :-1, None] + width * share).reshape(len(edges), -1)
            weight = (width * np.tile(weights, PANELS)).reshape(len(edges), -1)
            ln_pdf = self.ln_pdf(x, *(p[:, None] for p in some))
            mass = weight * np.exp(ln_pdf - ln_pdf.max(axis=1, keepdims=True))
            mass /= mass.sum(axis=1, keepdims=True)
            here = slice(first, first + DRAWS_AT_ONCE)
            mean[here] = np.sum(mass * x, axis=1)
            sd[here] = np.sqrt(np.sum(mass * (x - mean[here, None]) ** 2, axis=1))
        return mean, sd

    def variable(self, name: str, parameters: Sequence[Any], **kwargs: Any) -> Any:
        """The PyMC variable of this density."""
        import pymc as pm

        transform = pm.distributions.transforms.Interval(*self.support) if np.isfinite(self.support[0]) else None
        return pm.CustomDist(
            name,
            *parameters,
            logp=lambda x, *p: self.ln_pdf(x, *p, math=tensors()),
            random=lambda *p, rng, size: self.draw(p, int(np.prod(size)), rng).reshape(size),
            default_transform=transform,
            **kwargs,
        )

    def _inside(self, x: Any, values: Any, math: SimpleNamespace) -> Any:
        """Values where x is in the support, and -inf elsewhere."""
        return math.where((x >= self.support[0]) & (x <= self.support[1]), values, -np.inf)


class Bounded(Density):
    """A density within a range of periods [d]."""

    period_range_days: Range

    @property
    def support(self) -> Range:
        """Ln of the range of periods."""
        return float(np.log(self.period_range_days[0])), float(np.log(self.period_range_days[1]))
