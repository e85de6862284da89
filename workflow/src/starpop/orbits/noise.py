"""Noise models: how the errors of a system's visits follow from the reported ones and a number, or some, of its own.

| model | variance of visit j | number u | prior |
|---|---|---|---|
| ``reported`` | sigma_j^2 | none | |
| ``scaled`` | sigma_j^2 e^(2u) | u = ln of the ratio of true to reported errors | N(mean, sd) |
| ``jitter`` | sigma_j^2 + e^(2u) | u = ln(jitter / (km/s)), one, or one of each instrument | N(mean, sd) |

The likelihood of a period is an integral over u as well,

    L(P) = integral of L(P, u) p(u) du = sum_k L(P, u_k) p(u_k) u'(t_k),        t_k = k,

by the trapezium rule in a coordinate t in which every posterior of u has a width of about one: the rule's error falls
exponentially with the ratio of width and step. Where a share g_j of the variance of visit j is the noise's (all of it,
if the errors are scaled), ln L bends by at most 2 sum_j g_j, and so leaves a width of 1/sqrt(2 sum_j g_j) or more. The
density of points is the inverse of that and of the prior's,

    dt/du = max(1/sd, 1) + sqrt(2 max(sum_j g_j, 12 m)),        m = sum_j g_j^2 / sum_j g_j,

since fewer than 12 visits that know u leave a skewed posterior, which needs as fine a step as that of twelve. Of
several numbers the points are all combinations of those of each, where j goes over its own visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, get_args

import numpy as np
from numpy.polynomial.legendre import leggauss

from starpop.run.errors import InputError

if TYPE_CHECKING:  # scipy takes a third of a second to load, and the models that a figure shows do not need it
    from scipy.interpolate import CubicHermiteSpline

    from starpop.orbits.visits import Visits

# Fewer visits leave a skewed posterior of u, which needs as fine a step as that of twelve; the larger of the two is
# taken by the norm of this order, which is smooth.
SKEWED_VISITS, SMOOTH_MAXIMUM = 12, 8
# dt/du is integrated by this rule in cells of half a unit of u: its scale is one.
CELL, RULE = 0.5, leggauss(4)
WIDEST_STEP = 1.0
# How far the range of u goes into the prior's tails.
REACH = 7.0
# Where the noise is so far below the errors that no visit knows of it.
TINY = 1e-300
LN_SQRT_2PI = 0.5 * np.log(2 * np.pi)
# From one point of a thinned lattice to the next: about a width of what the likelihood is there.
THIN = 3
# What has a number of its own, and of how many of a system's numbers visits may know: points go with that power.
Each = Literal["system", "instrument"]
EACH, MOST_NUMBERS = get_args(Each), 3


class Axis(NamedTuple):
    """The points of one number u: (K,) u_k, ascending, and (K,) ln of p(u_k) u'(t_k)."""

    ln_noise: np.ndarray
    ln_weight: np.ndarray


class Box(NamedTuple):
    """Some points of a lattice: the place of the first along each axis, how many there are, and how far apart."""

    first: tuple[int, ...]
    size: tuple[int, ...]
    step: int = 1

    @classmethod
    def between(cls, start: Sequence[int] | np.ndarray, end: Sequence[int] | np.ndarray) -> Box:
        """From some places to those before others."""
        return cls(tuple(map(int, start)), tuple(int(b - a) for a, b in zip(start, end, strict=True)))

    def with_all_of(self, other: Box) -> Box:
        """The least box with the points of two."""
        ends = [np.add(box.first, box.size) for box in (self, other)]
        return Box.between(np.minimum(self.first, other.first), np.maximum(*ends))

    @classmethod
    def of_point(cls, place: Sequence[int]) -> Box:
        """One point alone."""
        return cls(tuple(map(int, place)), (1,) * len(place))


@dataclass(frozen=True)
class Lattice:
    """The points of the noise of one system's visits: all combinations of those of each of its numbers.

    Attributes
    ----------
    axes : of each number; that of an instrument which the system has no visits of has one point, as nothing is known
    """

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many points each axis has."""
        return tuple(len(axis.ln_noise) for axis in self.axes)

    @property
    def whole(self) -> Box:
        """All points."""
        return Box((0,) * len(self.axes), self.shape)

    def thinned(self, box: Box) -> Box:
        """Every third point of a box along each axis, each for those beside it."""
        first = tuple(place + min(1, n - 1) for place, n in zip(box.first, box.size, strict=True))
        return Box(first, tuple(max((n + 1) // THIN, 1) for n in box.size), THIN)

    @property
    def known_axes(self) -> list[int]:
        """The axes of which the visits know."""
        return [g for g, axis in enumerate(self.axes) if len(axis.ln_noise) > 1]

    def beyond(self, box: Box, points: int | np.ndarray) -> Box:
        """A box with so many more points at either end of each axis, as far as the lattice goes."""
        first, size, shape = (np.array(values, int) for values in (box.first, box.size, self.shape))
        return Box.between(np.maximum(first - points, 0), np.minimum(first + size + points, shape))

    def holding(self, box: Box, terms: np.ndarray, depth: float) -> Box:
        """The box of all points that may come within a depth of the highest of (..., K) terms, the ln of their shares.

        Parameters
        ----------
        box : of which points the terms are; between those of a coarse one others may be as high
        """
        highest = terms.reshape(-1, *box.size).max(axis=0)
        places = np.array(box.first) + box.step * np.argwhere(highest > highest.max() - depth)
        between = box.step - 1
        lowest, ends = places.min(axis=0) - between, places.max(axis=0) + between + 1
        return Box.between(np.maximum(lowest, 0), np.minimum(ends, self.shape))

    def points(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """(K, D) values of the numbers at the points of a box, the last running fastest, and (K,) ln of weights."""
        if not self.axes:
            return np.empty((1, 0)), np.zeros(1)
        shape = len(self.axes), int(np.prod(box.size))
        places = box.step * np.indices(box.size).reshape(shape) + np.reshape(box.first, (-1, 1))
        values = [axis.ln_noise[k] for axis, k in zip(self.axes, places, strict=True)]
        weights = [axis.ln_weight[k] for axis, k in zip(self.axes, places, strict=True)]
        of_all_beside = len(self.known_axes) * np.log(box.step)
        return np.reshape(values, shape).T, np.reshape(weights, shape).sum(axis=0) + of_all_beside


@dataclass(frozen=True)
class Reported:
    """The errors are the reported ones."""

    parameter = None
    of_instruments = False

    def names(self, visits: Visits) -> tuple[str, ...]:
        """None."""
        return ()

    def group(self, visits: Visits) -> np.ndarray:
        """(J,) which number is each visit's: none."""
        return np.full(len(visits), -1)

    def variance(self, u: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(..., J) variances; `u` is not used."""
        return np.broadcast_to(rv_err_kms**2, (*np.shape(u)[:-1], len(rv_err_kms)))

    def variances(self, ln_noise: np.ndarray, visits: Visits) -> np.ndarray:
        """The same of a system's visits."""
        return self.variance(ln_noise, visits.rv_err_kms)

    def lattice(self, visits: Visits) -> Lattice:
        """One point of weight one."""
        return Lattice(())


@dataclass(frozen=True)
class UncertainNoise:
    """A noise model with a number u of normal prior, which has a name, or one such number for each group of visits.

    Attributes
    ----------
    mean, sd : of the prior of u
    """

    parameter: ClassVar[str]
    mean: float
    sd: float

    @property
    def of_instruments(self) -> bool:
        """Whether every instrument has a number of its own."""
        return False

    def __post_init__(self) -> None:
        """Check the prior."""
        if not (np.isfinite(self.mean) and 0 < self.sd < np.inf):
            raise InputError(
                f"no noise has a mean of {self.mean} and an sd of {self.sd} of its ln; expected finite numbers, the "
                "second positive."
            )

    def names(self, visits: Visits) -> tuple[str, ...]:
        """The names of the numbers of a system: one for all its visits."""
        return (self.parameter,)

    def group(self, visits: Visits) -> np.ndarray:
        """(J,) which of them is each visit's."""
        return np.zeros(len(visits), np.int64)

    def ln_prior(self, ln_noise: np.ndarray) -> np.ndarray:
        """(...) ln of the prior density of (..., D) numbers."""
        return np.sum(self._ln_prior_of_each(ln_noise), axis=-1)

    def _ln_prior_of_each(self, u: np.ndarray) -> np.ndarray:
        return -0.5 * ((u - self.mean) / self.sd) ** 2 - np.log(self.sd) - LN_SQRT_2PI

    def draw(self, visits: Visits, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """(size,) draws of each number from its prior."""
        return {name: rng.normal(self.mean, self.sd, size) for name in self.names(visits)}

    def variance(self, u: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(..., J) variances [km^2/s^2] at (..., 1) or (..., J) values of u."""
        raise NotImplementedError

    def variances(self, ln_noise: np.ndarray, visits: Visits) -> np.ndarray:
        """(..., J) variances [km^2/s^2] of a system's visits at (..., D) values of its numbers."""
        several = np.shape(ln_noise)[-1] > 1
        own = np.take(ln_noise, self.group(visits), axis=-1) if several else np.asarray(ln_noise)
        return self.variance(own, visits.rv_err_kms)

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M, J) g_j at (M,) values of u."""
        raise NotImplementedError

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """The range of u that can hold anything, given all velocities, and the errors that it is of."""
        raise NotImplementedError

    def density_of_points(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M,) dt/du."""
        share = self.share(ln_noise, rv_err_kms)
        known = share.sum(axis=1)
        fewest = SKEWED_VISITS * np.einsum("mj,mj->m", share, share) / np.maximum(known, TINY)
        largest = (known**SMOOTH_MAXIMUM + fewest**SMOOTH_MAXIMUM) ** (1 / SMOOTH_MAXIMUM)
        return max(1 / self.sd, 1 / WIDEST_STEP) + np.sqrt(2 * largest)

    def lattice(self, visits: Visits) -> Lattice:
        """The points at whole t of each number.

        Raises
        ------
        InputError : more numbers than `MOST_NUMBERS` are of visits
        """
        errors = self._errors_of_each(visits)
        if (used := sum(len(own) > 0 for own in errors)) > MOST_NUMBERS:
            raise InputError(
                f"system {visits.system}: its visits are of {used} instruments, each with a jitter of its own (each: "
                f"instrument), which is integrated over for {MOST_NUMBERS} at most; give it each: system, or name "
                "instruments that are as good as each other alike."
            )
        nothing_known = Axis(np.array([self.mean]), np.zeros(1))
        return Lattice(tuple(self._axis(visits.rv_kms, own) if len(own) else nothing_known for own in errors))

    def _errors_of_each(self, visits: Visits) -> list[np.ndarray]:
        """The reported errors of the visits that each number is of."""
        group = self.group(visits)
        return [visits.rv_err_kms[group == g] for g in range(len(self.names(visits)))]

    def _axis(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> Axis:
        """The points of one number at whole t, counted from its lower bound."""
        from scipy.interpolate import CubicHermiteSpline

        low, high = self.bounds(rv_kms, rv_err_kms)
        knots = low + CELL * np.arange(np.ceil((high + WIDEST_STEP - low) / CELL) + 1)
        slope = self.density_of_points(knots, rv_err_kms)
        at_knot = np.append(0.0, np.cumsum(self._passed(knots[:-1], knots[1:], rv_err_kms)))
        t = np.arange(np.ceil(np.interp(high, knots, at_knot)) + 1)
        ln_noise = CubicHermiteSpline(at_knot, knots, 1 / slope)(t)
        for _ in range(2):  # the spline is good to 1e-4, Newton's method squares that
            before = np.clip(np.searchsorted(knots, ln_noise) - 1, 0, len(knots) - 1)
            found = at_knot[before] + self._passed(knots[before], ln_noise, rv_err_kms)
            ln_noise += (t - found) / self.density_of_points(ln_noise, rv_err_kms)
        ln_weight = self._ln_prior_of_each(ln_noise) - np.log(self.density_of_points(ln_noise, rv_err_kms))
        return Axis(ln_noise, ln_weight)

    def _passed(self, low: np.ndarray, high: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """(M,) how much of t lies between two values of u, at most a cell apart."""
        points, weights = RULE
        half = 0.5 * (high - low)
        u = 0.5 * (high + low)[:, None] + half[:, None] * points
        return half * (self.density_of_points(u.ravel(), rv_err_kms).reshape(u.shape) @ weights)

    def curves(self, lattice: Lattice, visits: Visits) -> dict[int, CubicHermiteSpline]:
        """U(t) through the points of each known axis, t counted from the first of them: smooth and ascending curves.

        Draws are made in t with the density L(P, U(t)) p(U(t)) U'(t); they are exact whatever the curves are.
        """
        from scipy.interpolate import CubicHermiteSpline

        errors, found = self._errors_of_each(visits), {}
        for g in lattice.known_axes:
            slope = self.density_of_points(lattice.axes[g].ln_noise, errors[g])
            found[g] = CubicHermiteSpline(np.arange(len(slope)), lattice.axes[g].ln_noise, 1 / slope)
        return found


@dataclass(frozen=True)
class Scaled(UncertainNoise):
    """All errors of a system are wrong by one factor.

    Attributes
    ----------
    mean, sd : of the normal prior of the factor's ln
    """

    parameter = "ln_error_scale"

    def variance(self, u: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 e^(2u)."""
        return rv_err_kms**2 * np.exp(2 * u)

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """One."""
        return np.ones((len(ln_noise), len(rv_err_kms)))

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """Velocities that an orbit can pass through exactly want errors far below the prior's."""
        largest = np.log(np.ptp(rv_kms) / rv_err_kms.min() + 1) + 2
        return self.mean - 2 * REACH * self.sd, max(self.mean + REACH * self.sd, largest)


@dataclass(frozen=True)
class Jitter(UncertainNoise):
    """A term is added to all variances of a system, the square of its jitter; or of each of its instruments'.

    Attributes
    ----------
    mean, sd : of the normal prior of ln(jitter / (km/s))
    each : "system", or "instrument": every instrument has a jitter of its own

    Raises
    ------
    InputError : one of them is not as it may be
    """

    parameter = "ln_jitter"
    each: Each = "system"

    def __post_init__(self) -> None:
        """Check what is given."""
        super().__post_init__()
        if self.each not in EACH:
            raise InputError(f"each: {self.each!r}; expected one of {', '.join(map(repr, EACH))}.")

    @property
    def of_instruments(self) -> bool:
        """Whether every instrument has a jitter of its own."""
        return self.each == "instrument"

    def names(self, visits: Visits) -> tuple[str, ...]:
        """One for all visits, or one for each instrument of the catalogue; of a table without instruments, one."""
        if not (self.of_instruments and visits.instruments):
            return (self.parameter,)
        return tuple(f"{self.parameter}_{name}" for name in visits.instruments)

    def group(self, visits: Visits) -> np.ndarray:
        """The instrument of each, if they are told apart."""
        if not self.of_instruments or visits.instrument is None:
            return super().group(visits)
        return visits.instrument

    def variance(self, u: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """sigma_j^2 + e^(2u)."""
        return rv_err_kms**2 + np.exp(2 * u)

    def share(self, ln_noise: np.ndarray, rv_err_kms: np.ndarray) -> np.ndarray:
        """e^(2u) / (sigma_j^2 + e^(2u))."""
        ratio = np.multiply.outer(np.exp(2 * ln_noise), rv_err_kms**-2)
        return ratio / (1 + ratio)

    def bounds(self, rv_kms: np.ndarray, rv_err_kms: np.ndarray) -> tuple[float, float]:
        """From where no error knows of the jitter to where it explains all velocities, or the prior's tails."""
        least, most = np.log(rv_err_kms.min()) - 4, np.log(np.ptp(rv_kms) + rv_err_kms.max()) + 2
        return min(self.mean - REACH * self.sd, least), max(self.mean + REACH * self.sd, most)


Noise = Reported | UncertainNoise
