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
is. NUTS samples the same hyper-parameters over the matrix (`pymc_condensed`).

Where the population has a density of the amplitudes' scale y (`inference.amplitudes`) a system has nodes at each of
some values y_j, of weights c_j, and the matrix a column for each pair of y_j and g_b:

    p(D_n | h) = sum_j c_j p(y_j | h) sum_k w_njk p(x_njk | h);

by how much sum_j c_j p(y_j | h) is not one is then a part of the posterior's error, whatever the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr
from numba import njit
from scipy.sparse import csr_array, diags_array, eye_array, hstack, kron, vstack

from starpop.inference import mixture
from starpop.inference.density import Density
from starpop.inference.quadrature import MOST_INTEGRATED, posterior_given
from starpop.inference.weighted import Posterior
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.populations import population
from starpop.populations.grid import Grid
from starpop.populations.population_nodes import nodes_of
from starpop.run.errors import InputError

# The finest step of the grid in ln P, and how many times coarser it may be.
FINEST_STEP, COARSEST, FINER = 0.01, 8, (4, 2, 1)
# The error of the ln-likelihood that a coarser grid may have, at so many points of the posterior.
TOLERANCE, POINTS_LOOKED_AT = 1e-5, 200
# Hyper-parameters whose products are computed at once: some megabytes.
POINTS_AT_ONCE = 500
# Share of the matrix' entries from which on it is filled.
FILLED = 0.25
# The one scale of amplitudes without a density.
NO_SCALE = np.zeros(1)


@dataclass(frozen=True)
class Condensed:
    """The condensed nodes of N systems.

    Attributes
    ----------
    systems : their names
    grid : of ln P
    shares : (N, J G) the matrix S, each row in units of the exponential of
    ln_scale : (N,) the ln of the weight of the heaviest node
    ln_single : (N,) the ln evidence without an orbit, if some may have none; (0,) else. The matrix then has a column
        for it, before those of the grid
    amplitudes : (J,) the scales y_j, where these have a density; else one, of which nothing is asked
    """

    systems: list[str]
    grid: Grid
    shares: csr_array
    ln_scale: np.ndarray
    ln_single: np.ndarray
    amplitudes: np.ndarray

    def __len__(self) -> int:
        """Return the number of systems."""
        return len(self.systems)

    @property
    def points(self) -> np.ndarray:
        """The places at which the matrix takes the density."""
        return np.append(Density.NO_ORBIT, self.grid.points) if len(self.ln_single) else self.grid.points

    @cached_property
    def matrix(self) -> csr_array | np.ndarray:
        """The matrix S, as an array where it is filled: of systems that say little products are faster then."""
        return self.shares.toarray() if self.shares.nnz > FILLED * np.prod(self.shares.shape) else self.shares

    def coarser(self, density: Density, factor: int) -> Condensed:
        """The same on a grid of larger steps."""
        grid = grid_for(density, (self.grid.points[0], self.grid.points[-1]), factor * FINEST_STEP)
        first, step = self.first_orbit, grid.interpolation(self.grid.points)
        of_orbits = self.shares[:, first:] @ kron(eye_array(len(self.amplitudes)), step, format="csr")
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
                "ln_amplitude_scale": ("scale", self.amplitudes),
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
        amplitudes = stored["ln_amplitude_scale"].values
        shares = csr_array(rows, (len(systems), len(amplitudes) * len(points) + bool(len(ln_single))))
        return cls(systems, grid, shares, stored["ln_scale"].values, ln_single, amplitudes)

    def without(self, index: int) -> Condensed:
        """All systems but one."""
        return self.only(np.delete(np.arange(len(self)), index))

    def only(self, index: np.ndarray) -> Condensed:
        """Some of the systems."""
        return replace(
            self,
            systems=[self.systems[i] for i in index],
            shares=self.shares[index],
            ln_scale=self.ln_scale[index],
            ln_single=self.ln_single[index] if len(self.ln_single) else self.ln_single,
        )

    @property
    def first_orbit(self) -> int:
        """The first of the matrix' columns that is of orbits."""
        return len(self.points) - len(self.grid.points)

    def heights(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(C, M) values of a density at the matrix' columns, at (M,) values of each hyper-parameter."""
        height, first = _at_points(self.points, density, parameters), self.first_orbit
        return np.concatenate([height[:first], self._at_amplitudes(height[first:], density, parameters)])

    def _at_amplitudes(self, of_x: np.ndarray, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(J G, M) what (G, M) values are at every scale of the amplitudes: times the density of that."""
        return (self._of_amplitudes(density, parameters)[:, None] * of_x).reshape(-1, of_x.shape[1])

    def _of_amplitudes(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(J, M) values of the density of the scale of the amplitudes; one where there is none."""
        if density.of_s is None:
            return np.ones((1, 1))
        own = [np.asarray(p)[None] for p in density.parameters_of_s(parameters)]
        return np.exp(density.of_s.ln_pdf(self.amplitudes[:, None], *own))

    def by_amplitude(self, index: int, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(M, J) parts of the likelihood of one system, by the scale of its amplitudes; before them, that of no orbit.

        Parameters
        ----------
        index : of the system
        parameters : (M,) values of each hyper-parameter
        """
        height, first = _at_points(self.points, density, parameters), self.first_orbit
        row = self.shares[[index]].toarray()[0]
        of_orbits = row[first:].reshape(len(self.amplitudes), -1) @ height[first:]
        of_orbits = of_orbits * self._of_amplitudes(density, parameters)
        return np.maximum(np.concatenate([row[:first, None] * height[:first], of_orbits]), 0.0).T

    @property
    def as_binaries(self) -> Condensed:
        """The same of stars that all have an orbit."""
        return replace(self, shares=self.shares[:, self.first_orbit :], ln_single=np.empty(0))

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

        def of_binaries(some: slice) -> np.ndarray:
            rows, scale = self.matrix[some], self.ln_scale[some]
            values = np.empty((len(parameters[0]), len(scale)))
            for part in _in_parts(len(values)):
                values[part] = _positive_ln(rows @ self.heights(density, [p[part] for p in parameters])).T + scale
            return values

        return of_binaries

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
            for some in _in_parts(len(values)):
                values[some] += self._ln_likelihood_at(self.heights(density, [p[some] for p in parameters]))
            return values

        return evaluate

    def _ln_likelihood_at(self, height: np.ndarray) -> np.ndarray:
        """(M,) sum over the systems of the ln of the product of their rows with (C, M) heights."""
        if isinstance(self.matrix, np.ndarray):
            return _positive_ln(self.matrix @ height).sum(axis=0)
        return _ln_product(self.shares.data, self.shares.indices, self.shares.indptr, height)

    def error(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(M,) how wrong the ln-likelihood can be at (M,) values of each hyper-parameter (see the module)."""
        middle, of_x = self.grid.between_points, _at_points(self.grid.points, density, parameters)
        left = np.abs(self.grid.interpolation(middle) @ of_x - _at_points(middle, density, parameters))
        at_points = self.grid.interpolation(middle).T.astype(bool).astype(float) @ left
        at_points = self._at_amplitudes(at_points, density, parameters)
        held = np.maximum(self.shares @ self.heights(density, parameters), np.finfo(float).tiny)
        return np.sum((abs(self.shares[:, self.first_orbit :]) @ at_points) / held, axis=0)

    def largest_error(self, density: Density, hyper: Posterior) -> float:
        """How wrong the ln-likelihood can be where a posterior is."""
        return float(self.error(density, likeliest(hyper)).max())

    def missed(self, density: Density, hyper: Posterior) -> float:
        """How wrong it is there because the scales of the amplitudes are a few."""
        if density.of_s is None:
            return 0.0
        return len(self) * float(density.of_s.missed(density.parameters_of_s(likeliest(hyper))).max())


def likeliest(hyper: Posterior) -> list[np.ndarray]:
    """(M,) values of each hyper-parameter at some of the heaviest points of a posterior."""
    return list(hyper.points[np.argsort(-hyper.weights)[:POINTS_LOOKED_AT]].T)


def _in_parts(count: int) -> Iterator[slice]:
    """Some of so many hyper-parameters after the other."""
    for first in range(0, count, POINTS_AT_ONCE):
        yield slice(first, first + POINTS_AT_ONCE)


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
    return density.of_e is None and density.of_s is None and len(density.parameters) <= MOST_INTEGRATED


# Of some systems, the nodes at each scale of their amplitudes, with the ln of the scale's weight.
Scaled = Iterable[tuple[float, Sequence[PeriodLikelihood]]]


def condense(
    batches: Iterable[Sequence[PeriodLikelihood]], density: Density, period_range_days: Sequence[float]
) -> Condensed:
    """The condensed nodes of the systems of some batches, of which no two need be in memory.

    Parameters
    ----------
    density : the population's, `condensable`
    period_range_days : between which the nodes lie [d]
    """
    population.refuse_amplitudes(density)
    scaled = ((batch, [(0.0, batch)]) for batch in batches if len(batch))
    return condense_scaled(scaled, density, period_range_days, NO_SCALE)


def condense_scaled(
    batches: Iterable[tuple[Sequence[PeriodLikelihood], Scaled]],
    density: Density,
    period_range_days: Sequence[float],
    amplitudes: np.ndarray,
) -> Condensed:
    """The same of batches of systems with their nodes at each of (J,) scales of their amplitudes."""
    low, high = np.log(period_range_days)
    grid = grid_for(density, (max(low, density.support[0]), min(high, density.support[1])), FINEST_STEP)
    parts = [_condensed_rows(*batch, density, grid) for batch in batches]
    if not parts:
        raise InputError("a population has no systems; expected the period likelihood of one at least.")
    systems, shares, scales, singles = zip(*parts, strict=True)
    names = [name for some in systems for name in some]
    columns = vstack(shares, format="csr"), np.concatenate(scales), np.concatenate(singles), amplitudes
    # in the order of their names, whatever the batches
    return Condensed(names, grid, *columns).only(np.array(sorted(range(len(names)), key=names.__getitem__)))


def _condensed_rows(
    systems: Sequence[PeriodLikelihood], scaled: Scaled, density: Density, grid: Grid
) -> tuple[list[str], csr_array, np.ndarray, np.ndarray]:
    """Of a batch of n systems their names, (n, C) shares, and (n,) ln scales and ln evidences without an orbit."""
    blocks, tops = [], []
    for ln_factor, likelihoods in scaled:
        nodes = nodes_of(likelihoods, density.of_binaries)
        top = np.maximum.reduceat(nodes.ln_weight, nodes.starts)
        weight = np.exp(nodes.ln_weight - np.repeat(top, nodes.counts))
        ends = np.append(nodes.starts, len(weight))
        by_node = csr_array((weight, np.arange(len(weight)), ends), (len(likelihoods), len(weight)))
        blocks.append(by_node @ grid.interpolation(nodes.x))
        tops.append(top + ln_factor)
    ln_single = population.no_orbit_ln_evidences(systems if density.has_singles else [])
    scale = np.max([*tops, *([ln_single] if density.has_singles else [])], axis=0)
    of_none = np.exp(ln_single - scale)[:, None] if density.has_singles else np.empty((len(scale), 0))
    of_orbits = [diags_array(np.exp(top - scale)) @ block for block, top in zip(blocks, tops, strict=True)]
    shares = hstack([csr_array(of_none), *of_orbits], format="csr")
    return [likelihood.system for likelihood in systems], shares, scale, ln_single


def posterior_of(condensed: Condensed, density: Density, seed: int = 0) -> Posterior:
    """The posterior of the hyper-parameters; the error of the grid is a part of its own.

    Parameters
    ----------
    condensed, density : nodes and population
    seed : of the sampler, which more than three hyper-parameters need
    """
    evaluate = condensed.ln_likelihood(density)
    if len(density.parameters) <= MOST_INTEGRATED:
        found: Posterior = posterior_given(density.parameters, evaluate)
    else:
        from starpop.populations.pymc_condensed import build_model

        sampler = population.exact_sampler(build_model(condensed, density))
        found = population.sampled(density, evaluate, lambda starts: sampler.run_carefully(starts, seed), seed)
    error = found.error + condensed.largest_error(density, found) + condensed.missed(density, found)
    return replace(found, error=error)


def posterior(condensed: Condensed, density: Density, seed: int = 0) -> tuple[Posterior, Condensed]:
    """The same, and the condensed nodes on the coarsest grid that is fine enough for it."""
    coarse = condensed.coarser(density, COARSEST)
    found = posterior_of(coarse, density, seed)
    for factor in FINER:
        if coarse.largest_error(density, found) < TOLERANCE:
            break
        coarse = condensed if factor == 1 else condensed.coarser(density, factor)
        # where the posterior is, that of a coarser grid tells
        if factor == 1 or coarse.largest_error(density, found) < TOLERANCE:
            found = posterior_of(coarse, density, seed)
    return found, coarse
