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

A population may have a density of the eccentricity as well, and of the amplitudes: then it is a `joint` one. And it
may have stars without an orbit: then it is one `with_singles`. Of stars that are in a sample because of what they
showed it knows who is `seen`.

Hyper-parameters and x are arrays that broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import MISSING, fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.polynomial.legendre import leggauss

from starpop.inference.numerics import NUMPY, tensors
from starpop.inference.priors import Prior
from starpop.inference.rejection import until_accepted
from starpop.run.errors import InputError

if TYPE_CHECKING:
    from starpop.inference.amplitudes import Amplitudes
    from starpop.inference.eccentricities import Eccentricity
    from starpop.inference.seen import Seen

Range = tuple[float, float]

# Panels of the quadrature of moments between two breakpoints, and draws taken at once.
PANELS, DRAWS_AT_ONCE = 12, 200
# Hyper-parameters at which the probability to be in a sample is computed at once.
SAMPLES_AT_ONCE = 2000
# How often a draw outside a range is refused, and then the points of the grid over that range.
REJECTIONS, GRID = 100, 2001
# Of ln density between two points of it; and what a logarithm is taken of at least.
SMALLEST_RISE, TINY = 1e-9, 1e-300


class Density:
    """What all densities share."""

    registered: ClassVar[dict[str, type[Density]]] = {}
    # Of the eccentricity; without one each system has the prior of its own model.
    of_e: Eccentricity | None = None
    # Of the scale of the amplitudes; without one it is that of the systems' model.
    of_s: Amplitudes | None = None
    # Whether some stars have no orbit (`with_singles`), and what stands for their ln P.
    has_singles: bool = False
    # Who of its stars is in the sample; all, if that is not said.
    seen: Seen | None = None
    NO_ORBIT: ClassVar[float] = -1e3

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
        values = field_values(given, given["period_range_days"])
        return cls(**{name: value for name, value in values.items() if name in own})

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return {}

    @property
    def of_periods(self) -> Density:
        """What of it is the density of x."""
        return self

    @property
    def of_binaries(self) -> Density:
        """What of it is of stars that have an orbit, whose hyper-parameters are the last."""
        return self

    def parameters_of_periods(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """Those that the density of x takes."""
        return parameters

    def parameters_of_e(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """Those that the density of the eccentricity takes."""
        return ()

    def parameters_of_s(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """Those that the density of the amplitudes' scale takes."""
        return ()

    @property
    def support(self) -> Range:
        """Ends of the range of x outside which the density is zero."""
        return -np.inf, np.inf

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        raise NotImplementedError

    def ln_joint(self, x: Any, e: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density of x and, where it has one, of the eccentricity."""
        value = self.ln_pdf(x, *parameters, math=math)
        if self.of_e is None:
            return value
        return value + self.of_e.ln_pdf(e, x, *self.parameters_of_e(parameters), math=math)

    def in_sample(self, seen: Seen | None) -> Self:
        """The same of stars that are in a sample because of what they showed."""
        found = copy(self)
        object.__setattr__(found, "seen", seen)
        return found

    def ln_seen(self, *parameters: np.ndarray) -> np.ndarray:
        """(M,) ln of the probability that a star of the population is in the sample, at (M,) hyper-parameters."""
        values = np.zeros(len(parameters[0]))
        if self.seen is not None:
            for first in range(0, len(values), SAMPLES_AT_ONCE):
                some = slice(first, first + SAMPLES_AT_ONCE)
                values[some] = self.seen.ln_alpha(self, [p[some, None] for p in parameters])
        return values

    def select(self, parameters: Sequence[Any], stars: int) -> None:
        """Add to a PyMC model that so many stars are in the sample."""
        import pymc as pm

        if self.seen is not None:
            pm.Potential("selection", -stars * self.seen.ln_alpha(self, parameters, math=tensors()))

    @property
    def jumps(self) -> np.ndarray:
        """The places of x within its support where the density jumps, whatever its parameters."""
        return np.empty(0)

    def mode(self, *parameters: Any) -> Any:
        """Where the density is highest, falling on both sides."""
        raise NotImplementedError

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x, given one value or `size` values of each hyper-parameter."""
        raise NotImplementedError

    def draw_within(
        self, period_range_days: Range, parameters: Sequence[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """(M,) draws of x from what of the density lies in a range of periods [d], at (M,) values of each parameter.

        They are those of stars in the sample.

        Where the range holds so little that rejection does not end, x is drawn from the density interpolated on a
        grid.
        """
        drawn = np.empty(len(parameters[0]))

        def propose(waiting: np.ndarray) -> np.ndarray:
            drawn[waiting] = self.draw([p[waiting] for p in parameters], len(waiting), rng)
            period = np.exp(drawn[waiting])
            within = (period >= period_range_days[0]) & (period <= period_range_days[1])
            if self.seen is not None:
                within &= rng.random(len(waiting)) < self.seen.relative_probability(drawn[waiting])
            return within

        rare = until_accepted(len(drawn), propose, REJECTIONS)
        for first in range(0, len(rare), DRAWS_AT_ONCE):
            some = rare[first : first + DRAWS_AT_ONCE]
            drawn[some] = self._draw_on_grid(period_range_days, [p[some] for p in parameters], rng)
        return drawn

    def _draw_on_grid(
        self, period_range_days: Range, parameters: Sequence[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """(M,) draws of x in a range of periods, from a density that is exponential between the points of a grid."""
        low, high = np.clip(np.log(period_range_days), *self.support)
        uniform = np.broadcast_to(np.linspace(low, high, GRID), (len(parameters[0]), GRID))
        grid = np.sort(np.concatenate([uniform, np.clip(self.breakpoints(*parameters), low, high)], axis=1), axis=1)
        ln_pdf = self.ln_pdf(grid, *(p[:, None] for p in parameters))
        if self.seen is not None:
            ln_pdf = ln_pdf + np.log(self.seen.relative_probability(grid) + TINY)
        return draw_between(grid, ln_pdf, rng)

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

    def variable(self, name: str, parameters: Sequence[Any], period_range_days: Range, **kwargs: Any) -> Any:
        """The PyMC variable of this density, cut (not normalised) outside a range of periods [d], as the nodes are."""
        import pymc as pm

        return pm.CustomDist(
            name,
            *parameters,
            logp=lambda x, *p: self.ln_pdf(x, *p, math=tensors()),
            random=lambda *p, rng, size: self.draw(p, int(np.prod(size)), rng).reshape(size),
            default_transform=self._cut(period_range_days),
            **kwargs,
        )

    def _cut(self, period_range_days: Range) -> Any:
        """The transform that keeps x within the support and ln of a range of periods."""
        from pymc.distributions.transforms import Interval

        low, high = np.log(period_range_days)
        return Interval(max(low, self.support[0]), min(high, self.support[1]))

    def _inside(self, x: Any, values: Any, math: SimpleNamespace) -> Any:
        """Values where x is in the support, and -inf elsewhere."""
        return math.where((x >= self.support[0]) & (x <= self.support[1]), values, -np.inf)


def draw_between(grid: np.ndarray, ln_pdf: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(M,) draws of densities exponential between the points of (M, G) ascending grids, of (M, G) ln values there."""
    width, rise = np.diff(grid, axis=1), np.diff(ln_pdf, axis=1)
    rise = np.where(np.abs(rise) < SMALLEST_RISE, SMALLEST_RISE, rise)
    # from its higher end: exp of a rise of hundreds would be no number
    mass = np.maximum(ln_pdf[:, 1:], ln_pdf[:, :-1]) + np.log(-np.expm1(-np.abs(rise)) / np.abs(rise) * width + TINY)
    share = np.cumsum(np.exp(mass - mass.max(axis=1, keepdims=True)), axis=1)
    cell = np.sum(share < share[:, -1:] * rng.random((len(share), 1)), axis=1)[:, None]
    start, width, rise = (np.take_along_axis(values, cell, axis=1)[:, 0] for values in (grid, width, rise))
    away = -np.log1p(rng.random(len(rise)) * np.expm1(-np.abs(rise))) / np.abs(rise)
    return start + width * np.where(rise > 0, 1 - away, away)


def field_values(settings: Mapping[str, Any], period_range_days: Range) -> dict[str, Any]:
    """Settings as the fields of a density: sequences as tuples, a ``mu`` of ``auto`` as ln of a range of periods."""
    values = dict(settings)
    if values.get("mu") == "auto":
        values["mu"] = tuple(map(float, np.log(period_range_days)))
    return {name: tuple(value) if isinstance(value, Sequence) else value for name, value in values.items()}


def check_period_range(period_range_days: Any) -> None:
    """Say that a range of periods is none."""
    try:
        low, high = map(float, period_range_days)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low < high < np.inf:
        raise InputError(
            f"period_range_days: {period_range_days!r} is no range of periods; expected two positive numbers of days, "
            "the lower first, such as (1.5, 20)."
        )


class Bounded(Density):
    """A density within a range of periods [d]."""

    period_range_days: Range

    def __post_init__(self) -> None:
        """Check the range."""
        check_period_range(self.period_range_days)

    @property
    def support(self) -> Range:
        """Ln of the range of periods."""
        return float(np.log(self.period_range_days[0])), float(np.log(self.period_range_days[1]))
