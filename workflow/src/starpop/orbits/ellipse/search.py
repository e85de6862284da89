"""The modes of one system: the grid scanned at the noises that matter, and followed from its maxima.

With an uncertain noise L is a sum over the points of its lattice. The grid is scanned at every third of those that
matter (see `landscape`), and the sum over all is interpolated, but for a factor that hardly changes over the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.special import logsumexp

from starpop.orbits.ellipse.climb import Bounds, climb_all
from starpop.orbits.ellipse.grid import ECCENTRICITIES, AtNoise, Cells, Grid, Scan, at_noise, scan
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.system import System, eliminate, evaluate, noise_terms
from starpop.orbits.landscape import NOISE_DEPTH, STRIDE, add_up, likely_noise
from starpop.orbits.linear_model import LinearModel
from starpop.orbits.noise import Box

# Maxima along the frequency that are followed, at every noise; modes this far below the best hold nothing.
MOST_CLIMBED, MODE_DEPTH = 40, 18.0
# Of so many of these the climbs begin at so many of the grid's eccentricities as well.
SEVERAL, SPREAD = 6, tuple(int(share * ECCENTRICITIES) for share in (0.1, 0.4, 0.6, 0.75, 0.85))
# Points of the grid at which the sum over the scanned noises is held against that over all.
CHOSEN = 48
# Modes nearer to each other than this, in cells and in e exp(i phase), are one.
SAME = 1e-3
# Scans so far below the highest are not summed over the noise.
SUM_DEPTH = 20.0


@dataclass(frozen=True)
class Search:
    """The scans of a system: at some noises, and of their sum; and the modes that they lead to.

    The model and the system are at the noises that matter, a box of the lattice.
    """

    noise: Box
    model: LinearModel
    system: System
    cells: Cells
    grid: Grid
    bounds: Bounds
    scans: tuple[Scan, ...]
    singles: tuple[AtNoise, ...]
    highest: np.ndarray
    ln_mean: np.ndarray
    modes: np.ndarray


def search(model: LinearModel, cells: Cells, grid: Grid, bounds: Bounds) -> Search:
    """Scan, and follow the highest maxima to their modes."""
    points, system = len(model.constant), eliminate(model)

    @cache
    def at(noise: int) -> Scan:
        return scan(system, cells, grid, noise)

    @cache
    def modes_of(noise: int) -> np.ndarray:
        return climb_all(starts(at(noise), cells, grid), noise, bounds, model, system)

    if points == 1:
        found = at(0)
        modes = distinct(modes_of(0), cells)
        singles = (at_noise(system, 0),)
        return Search(
            Box((), ()), model, system, cells, grid, bounds, (found,), singles, found.highest, found.ln_mean, modes
        )
    first, last = _noise_that_matters(model, system, modes_of)
    while True:
        start, end = max(first - 1, 0), min(last + 2, points)
        noises = tuple(range(start + STRIDE // 2, end, STRIDE))
        modes = distinct(np.concatenate([modes_of(n) for n in noises]), cells)
        terms = noise_terms(modes[:, :3], system)
        matter = np.flatnonzero(terms.max(axis=0) > terms.max() - NOISE_DEPTH)
        if matter[0] >= start and matter[-1] < end:
            break
        first, last = min(int(matter[0]), first), max(int(matter[-1]), last)
    scans = tuple(at(n) for n in noises)
    highest, ln_mean = (_sum_over_noise([getattr(s, name) for s in scans]) for name in ("highest", "ln_mean"))
    singles = tuple(at_noise(system, n) for n in noises)
    window = model.at_noise(start, end)
    inside = eliminate(window)
    off = _interpolation_error(ln_mean, cells, grid, inside)
    return Search(
        Box((start,), (end - start,)),
        window,
        inside,
        cells,
        grid,
        bounds,
        scans,
        singles,
        highest - off,
        ln_mean - off,
        modes,
    )


def _noise_that_matters(model: LinearModel, system: System, modes_of: Callable[[int], np.ndarray]) -> tuple[int, int]:
    """The first and the last point of the noise whose term at a high mode comes within NOISE_DEPTH of the highest."""
    noise = likely_noise(model)
    seen: set[int] = set()
    while noise not in seen:
        seen.add(noise)
        modes = modes_of(noise)
        terms = noise_terms(modes[modes[:, 3].argmax()][None, :3], system)[0]
        noise = int(terms.argmax())
    matter = np.flatnonzero(terms > terms.max() - NOISE_DEPTH)
    return int(matter[0]), int(matter[-1])


def _sum_over_noise(scans: list[np.ndarray]) -> np.ndarray:
    """(F, E) ln of the sum over all noises, from scans of every third."""
    stacked = np.stack([values.ravel() for values in scans])
    return add_up(stacked, stacked.max() - SUM_DEPTH).reshape(scans[0].shape)


def _interpolation_error(ln_mean: np.ndarray, cells: Cells, grid: Grid, system: System) -> float:
    """By how much the sum over scanned noises is too high in ln L: a factor that hardly changes over the grid.

    It is taken at points of the grid that the sum itself chooses, of equal shares of the whole.
    """
    mass = np.exp(ln_mean - ln_mean.max()) * grid.weight / cells.middle[:, None]
    share = np.cumsum(mass.ravel()) / mass.sum()
    chosen = np.searchsorted(share, (np.arange(CHOSEN) + 0.5) / CHOSEN)
    ratio = []
    for i, m in zip(*np.unravel_index(chosen, mass.shape), strict=True):
        phase = TWO_PI * np.arange(grid.phases[m]) / grid.phases[m]
        points = np.column_stack([np.full(len(phase), cells.middle[i]), np.full(len(phase), grid.e[m]), phase])
        exact = evaluate(points, system)
        ratio.append(ln_mean[i, m] - logsumexp(exact) + np.log(len(phase)))
    return float(-np.log(np.mean(np.exp(-np.array(ratio)))))


def starts(found: Scan, cells: Cells, grid: Grid) -> np.ndarray:
    """(N, 3) the highest maxima along the frequency: frequency, eccentricity and phase.

    Of the very highest several eccentricities, as the highest point of the grid may lead to a lower mode.
    """
    along = found.highest.max(axis=1)
    beside = np.concatenate([[-np.inf], along, [-np.inf]])
    maxima = np.flatnonzero((along >= beside[:-2]) & (along >= beside[2:]))
    maxima = maxima[np.argsort(-along[maxima], kind="stable")][:MOST_CLIMBED]
    cell = np.append(maxima, np.repeat(maxima[:SEVERAL], len(SPREAD)))
    m = np.append(found.highest[maxima].argmax(axis=1), np.tile(SPREAD, len(maxima[:SEVERAL])))
    phase = TWO_PI * found.phase[cell, m] / grid.phases[m]
    return np.column_stack([cells.middle[cell], grid.e[m], phase])


def distinct(modes: np.ndarray, cells: Cells) -> np.ndarray:
    """The modes that are not others again, nor too low to hold anything, highest first."""
    modes = modes[np.argsort(-modes[:, 3], kind="stable")]
    modes = modes[modes[:, 3] > modes[0, 3] - MODE_DEPTH]
    modes[:, 2] %= TWO_PI
    at = modes[:, 1] * np.exp(1j * modes[:, 2])
    kept: list[int] = []
    for n in range(len(modes)):
        near = np.abs(modes[kept, 0] - modes[n, 0]) < SAME * cells.step
        if not np.any(near & (np.abs(at[kept] - at[n]) < SAME)):
            kept.append(n)
    return modes[kept]


def with_mode(found: Search, point: np.ndarray) -> Search:
    """The search with another mode, beside a point (frequency, eccentricity, phase, ln L)."""
    noise = int(noise_terms(point[None, :3], found.system)[0].argmax())
    modes = climb_all(point[None, :3], noise, found.bounds, found.model, found.system)
    if modes[0, 3] < point[3]:
        modes[0, :4] = point
    return replace(found, modes=distinct(np.concatenate([modes, found.modes]), found.cells))
