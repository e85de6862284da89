"""The nodes of very many systems, condensed onto a grid of ln P that all of them share.

A system's sum over its nodes is one of values of the population's density, which is smooth: between the points g_b of
a grid it is a polynomial of degree five. So with l_b(x) Lagrange's polynomials of the six points about x,

    sum_k w_nk p(x_nk | h) = sum_b S_nb p(g_b | h),        S_nb = sum_k w_nk l_b(x_nk),

and of any hyper-parameters the likelihood of all systems takes the density at some hundred points, and a product with
a matrix that is mostly empty: of most systems one period is known, and that lies between six points. Where the density
jumps (`Density.jumps`) the grid begins anew. What the polynomials leave, epsilon_b(h), is measured half-way between
the points; the ln-likelihood is wrong by no more than

    sum_n  sum_b |S_nb| epsilon_b(h) / sum_b S_nb p(g_b | h),

and the grid is the coarsest of some, each twice as fine as that before, for which this is small where the posterior
is. NUTS samples the same hyper-parameters over the matrix (`build_model`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numba import njit
from scipy.sparse import csr_array, hstack, vstack

from starpop.inference import mixture
from starpop.inference.density import Density
from starpop.inference.quadrature import MOST_INTEGRATED, HyperPosterior, posterior_given
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.populations import population
from starpop.populations.population_nodes import nodes_of
from starpop.run.errors import InputError

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

# Points of a polynomial; the finest step of the grid in ln P, and how many times coarser it may be.
SIX = 6
FINEST_STEP, COARSEST, FINER = 0.01, 8, (4, 2, 1)
# The error of the ln-likelihood that a coarser grid may have, at so many points of the posterior.
TOLERANCE, POINTS_LOOKED_AT = 1e-5, 200
# Hyper-parameters whose products are computed at once: some megabytes.
POINTS_AT_ONCE = 500


@dataclass(frozen=True)
class Grid:
    """Points of ln P in pieces, between which a density jumps: (G,) points, and the first of each piece, and G."""

    points: np.ndarray
    starts: np.ndarray

    @classmethod
    def between(cls, ends: Sequence[float], step: float) -> Grid:
        """Of pieces that end at some places, with about a step between the points, and in each eight at least."""
        sizes = [max(int(np.ceil((high - low) / step)) + 1, SIX + 2) for low, high in pairwise(ends)]
        pieces = [np.linspace(*pair, size) for pair, size in zip(pairwise(ends), sizes, strict=True)]
        for piece in pieces[:-1]:  # where it ends the density is that before the jump
            piece[-1] = np.nextafter(piece[-1], -np.inf)
        return cls(np.concatenate(pieces), np.cumsum([0, *sizes]))

    def interpolation(self, x: np.ndarray) -> csr_array:
        """(len(x), G) of values at the points to those at (ascending) places between them."""
        first, weight = _lagrange(np.asarray(x, float), self.points, self.starts)
        column = (first[:, None] + np.arange(SIX)).ravel()
        return csr_array((weight.ravel(), column, SIX * np.arange(len(x) + 1)), (len(x), len(self.points)))

    @property
    def between_points(self) -> np.ndarray:
        """The places half-way between neighbours of a piece."""
        middle = 0.5 * (self.points[1:] + self.points[:-1])
        return np.delete(middle, self.starts[1:-1] - 1)


@njit(cache=True, error_model="numpy")
def _lagrange(x, points, starts):
    """The first of the six points about each place, and the (len(x), 6) weights of their values there."""
    first, weight = np.empty(len(x), np.int64), np.empty((len(x), SIX))
    for k in range(len(x)):
        piece = max(np.searchsorted(points[starts[:-1]], x[k], side="right") - 1, 0)
        low, end = starts[piece], starts[piece + 1]
        step = points[low + 1] - points[low]
        cell = int(np.floor((x[k] - points[low]) / step))
        first[k] = low + min(max(cell - SIX // 2 + 1, 0), end - low - SIX)
        t = (x[k] - points[first[k]]) / step
        for i in range(SIX):
            weight[k, i] = 1.0
            for j in range(SIX):
                if j != i:
                    weight[k, i] *= (t - j) / (i - j)
    return first, weight


@dataclass(frozen=True)
class Condensed:
    """The condensed nodes of N systems.

    Attributes
    ----------
    systems : their names
    grid : of ln P
    shares : (N, G) the matrix S, each row in units of the exponential of
    ln_scale : (N,) the ln of the weight of the heaviest node
    ln_single : (N,) the ln evidence without an orbit, if some may have none; (0,) else. The matrix then has a column
        for it, before those of the grid
    """

    systems: list[str]
    grid: Grid
    shares: csr_array
    ln_scale: np.ndarray
    ln_single: np.ndarray

    def __len__(self) -> int:
        """Return the number of systems."""
        return len(self.systems)

    @property
    def points(self) -> np.ndarray:
        """The places at which the matrix takes the density."""
        return np.append(Density.NO_ORBIT, self.grid.points) if len(self.ln_single) else self.grid.points

    def coarser(self, density: Density, factor: int) -> Condensed:
        """The same on a grid of larger steps."""
        grid = grid_for(density, (self.grid.points[0], self.grid.points[-1]), factor * FINEST_STEP)
        first = self.shares.shape[1] - len(self.grid.points)
        of_orbits = self.shares[:, first:] @ grid.interpolation(self.grid.points)
        return replace(self, grid=grid, shares=hstack([self.shares[:, :first], of_orbits], format="csr"))

    def as_dataset(self) -> xr.Dataset:
        """All of it, to be stored."""
        return xr.Dataset(
            {
                "share": ("entry", self.shares.data),
                "point_of_entry": ("entry", self.shares.indices.astype(np.int32)),
                "ln_scale": ("system", self.ln_scale),
                "ln_single": ("single", self.ln_single),
                "end_of_system": ("system", self.shares.indptr[1:]),
                "ln_period": ("point", self.grid.points),
                "end_of_piece": ("piece", self.grid.starts[1:]),
            },
            coords={"system": self.systems},
        )

    @classmethod
    def from_dataset(cls, stored: xr.Dataset) -> Condensed:
        """What `as_dataset` has stored."""
        ends, points = stored["end_of_system"].values, stored["ln_period"].values
        rows = stored["share"].values, stored["point_of_entry"].values, np.append(0, ends)
        grid = Grid(points, np.append(0, stored["end_of_piece"].values))
        systems, ln_single = list(map(str, stored["system"].values)), stored["ln_single"].values
        shares = csr_array(rows, (len(systems), len(points) + bool(len(ln_single))))
        return cls(systems, grid, shares, stored["ln_scale"].values, ln_single)

    def without(self, index: int) -> Condensed:
        """All systems but one."""
        others = np.delete(np.arange(len(self)), index)
        return Condensed(
            [self.systems[i] for i in others],
            self.grid,
            self.shares[others],
            self.ln_scale[others],
            self.ln_single[others] if len(self.ln_single) else self.ln_single,
        )

    def heights(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(G, M) values of a density at the points, at (M,) values of each hyper-parameter."""
        return _at_points(self.points, density, parameters)

    @property
    def as_binaries(self) -> Condensed:
        """The same of stars that all have an orbit."""
        return replace(self, shares=self.shares[:, -len(self.grid.points) :], ln_single=np.empty(0))

    def as_either(self, density: Density) -> mixture.Either:
        """Ln p(D_n | h) of the stars as single ones and as binaries, given all hyper-parameters but the fraction."""
        return mixture.as_either(self.as_binaries.system_ln_likelihoods(density.of_binaries), self.ln_single)

    def system_ln_likelihoods(self, density: Density) -> Callable[..., np.ndarray]:
        """A function of (M,) values of each hyper-parameter: (M, N) ln p(D_n | h)."""
        return lambda *parameters: self.at(density, parameters)(slice(None))

    def at(self, density: Density, parameters: Sequence[np.ndarray]) -> Callable[[slice], np.ndarray]:
        """A function of some of the systems: (M, n) ln p(D_n | h), at (M,) values of each hyper-parameter."""
        if density.has_singles:
            count = mixture.places(parameters[1:])
            with_orbit = self.as_binaries.at(density.of_binaries, [values[:count] for values in parameters[1:]])

            def of_stars(some: slice) -> np.ndarray:
                orbit = with_orbit(some)
                both = np.broadcast_to(self.ln_single[some], orbit.shape), orbit
                return mixture.ln_of_each(lambda *_: both)(*parameters)

            return of_stars
        heights = self.heights(density, parameters)
        return lambda some: _positive_ln(self.shares[some] @ heights).T + self.ln_scale[some]

    def ln_likelihood(self, density: Density) -> Callable[..., np.ndarray]:
        """A function of (M,) values of each hyper-parameter: (M,) ln p(D | h)."""
        of_all = self._of_all(density)
        if density.has_singles:
            of_all = mixture.ln_likelihood(len(self), self.as_either(density))
        return lambda *parameters: of_all(*parameters) - len(self) * density.ln_seen(*parameters)

    def _of_all(self, density: Density) -> Callable[..., np.ndarray]:
        """The same of binaries, whoever is in the sample."""

        def evaluate(*parameters: np.ndarray) -> np.ndarray:
            values = np.full(len(parameters[0]), self.ln_scale.sum())
            for first in range(0, len(values), POINTS_AT_ONCE):
                some = slice(first, first + POINTS_AT_ONCE)
                height = self.heights(density, [p[some] for p in parameters])
                values[some] += _ln_product(self.shares.data, self.shares.indices, self.shares.indptr, height)
            return values

        return evaluate

    def error(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(M,) how wrong the ln-likelihood can be at (M,) values of each hyper-parameter (see the module)."""
        middle, height = self.grid.between_points, self.heights(density, parameters)
        first = len(height) - len(self.grid.points)
        left = np.abs(self.grid.interpolation(middle) @ height[first:] - _at_points(middle, density, parameters))
        at_points = self.grid.interpolation(middle).T.astype(bool).astype(float) @ left
        held = np.maximum(self.shares @ height, np.finfo(float).tiny)
        return np.sum((abs(self.shares[:, first:]) @ at_points) / held, axis=0)

    def largest_error(self, density: Density, hyper: HyperPosterior) -> float:
        """How wrong the ln-likelihood can be where a posterior is."""
        held = np.argsort(-hyper.weights)[:POINTS_LOOKED_AT]
        return float(self.error(density, list(hyper.points[held].T)).max())


def _at_points(x: np.ndarray, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
    """(len(x), M) values of a density."""
    return np.exp(density.ln_pdf(x[:, None], *(np.asarray(p)[None] for p in parameters)))


def _positive_ln(values: np.ndarray) -> np.ndarray:
    """The ln of what is positive; where polynomials have left nothing, that of nearly nothing."""
    return np.log(np.maximum(values, np.finfo(float).tiny))


@njit(cache=True, nogil=True, error_model="numpy")
def _ln_product(data, index, start, height):
    """(M,) sum over the rows of a matrix of the ln of its product with (G, M) values."""
    count = height.shape[1]
    total, product, row = np.zeros(count), np.ones(count), np.empty(count)
    for n in range(len(start) - 1):
        row[:] = 0.0
        for k in range(start[n], start[n + 1]):
            share, values = data[k], height[index[k]]
            for m in range(count):
                row[m] += share * values[m]
        for m in range(count):
            product[m] *= max(row[m], 1e-300)
            if not 1e-150 < product[m] < 1e150:
                total[m] += np.log(product[m]) if product[m] > 0 else -690.0
                product[m] = 1.0
    return total + np.log(product)


def grid_for(density: Density, ends: Sequence[float], step: float) -> Grid:
    """The grid of a density between two ends of ln P."""
    return Grid.between([ends[0], *(jump for jump in density.jumps if ends[0] < jump < ends[1]), ends[1]], step)


def condensable(density: Density) -> bool:
    """Whether a population can be had from condensed nodes: one of few parameters, and of periods alone."""
    return density.of_e is None and len(density.parameters) <= MOST_INTEGRATED


def condense(
    batches: Iterable[Sequence[PeriodLikelihood]], density: Density, period_range_days: Sequence[float]
) -> Condensed:
    """The condensed nodes of the systems of some batches, of which no two need be in memory.

    Parameters
    ----------
    density : the population's, `condensable`
    period_range_days : between which the nodes lie [d]
    """
    low, high = np.log(period_range_days)
    ends = max(low, density.support[0]), min(high, density.support[1])
    grid = grid_for(density, ends, FINEST_STEP)
    systems: list[str] = []
    shares, scales, singles = [], [], []
    for batch in filter(len, batches):
        nodes = nodes_of(batch, density.of_binaries)
        scale = np.maximum.reduceat(nodes.ln_weight, nodes.starts)
        ln_single = population.no_orbit_ln_evidences(batch if density.has_singles else [])
        scale = np.maximum(scale, ln_single) if density.has_singles else scale
        weight = np.exp(nodes.ln_weight - np.repeat(scale, nodes.counts))
        ends_of = np.append(nodes.starts, len(weight))
        by_node = csr_array((weight, np.arange(len(weight)), ends_of), (len(batch), len(weight)))
        of_orbits = by_node @ grid.interpolation(nodes.x)
        of_none = np.exp(ln_single - scale)[:, None] if density.has_singles else np.empty((len(batch), 0))
        shares.append(hstack([csr_array(of_none), of_orbits], format="csr"))
        scales.append(scale)
        singles.append(ln_single)
        systems += [likelihood.system for likelihood in batch]
    if not systems:
        raise InputError("a population has no systems; expected the period likelihood of one at least.")
    # in the order of their names, whatever the batches
    order = np.array(sorted(range(len(systems)), key=systems.__getitem__))
    names = [systems[i] for i in order]
    ln_single = np.concatenate(singles)[order] if density.has_singles else np.empty(0)
    return Condensed(names, grid, vstack(shares, format="csr")[order], np.concatenate(scales)[order], ln_single)


def posterior_of(condensed: Condensed, density: Density) -> HyperPosterior:
    """The posterior of the hyper-parameters; the error of the grid is a part of its own."""
    found = posterior_given(density.parameters, condensed.ln_likelihood(density))
    return replace(found, error=found.error + condensed.largest_error(density, found))


def posterior(condensed: Condensed, density: Density) -> tuple[HyperPosterior, Condensed]:
    """The same, and the condensed nodes on the coarsest grid that is fine enough for it."""
    coarse = condensed.coarser(density, COARSEST)
    found = posterior_of(coarse, density)
    for factor in FINER:
        if found.error < TOLERANCE:
            break
        coarse = condensed if factor == 1 else condensed.coarser(density, factor)
        # where the posterior is, that of a coarser grid tells
        if factor == 1 or coarse.largest_error(density, found) < TOLERANCE:
            found = posterior_of(coarse, density)
    return found, coarse


def build_model(condensed: Condensed, density: Density) -> pm.Model:
    """The PyMC model of the hyper-parameters, over the condensed nodes."""
    import pymc as pm

    from starpop.inference.numerics import tensors
    from starpop.populations.pymc_condensed import ln_product

    shares = condensed.shares
    with pm.Model() as model:
        parameters = [prior.variable(name) for name, prior in density.parameters.items()]
        stored = {"share": shares.data, "point_of_entry": shares.indices, "start_of_system": shares.indptr}
        matrix = [pm.Data(name, values) for name, values in stored.items()]
        math = tensors()
        height = math.exp(density.ln_pdf(condensed.points, *parameters, math=math))
        pm.Potential("visits", ln_product(height, *matrix) + condensed.ln_scale.sum())
        density.select(parameters, len(condensed))
    return model
