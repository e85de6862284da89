"""The modes of one system: the grid scanned at the noises that matter, and followed from its maxima.

With an uncertain noise L is a sum over the points of its lattice. The grid is scanned at every third of those that
matter (see `landscape`), and the sum over all is interpolated, but for a factor that hardly changes over the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from starpop.orbits.ellipse.climb import Bounds, Climbed, climb_all, climb_from, polish_all
from starpop.orbits.ellipse.grid import ECCENTRICITIES, Cells, Grid, Scan, scan, values_at
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.points import noise_terms
from starpop.orbits.ellipse.system import System, eliminate
from starpop.orbits.landscape import NOISE_DEPTH, STRIDE, add_up, likely_noise
from starpop.orbits.linear_model import LinearModel
from starpop.orbits.noise import Box

# Maxima along the frequency that are followed, at every noise; modes this far below the best hold nothing.
MOST_CLIMBED, MODE_DEPTH = 40, 18.0
# Of so many of these the climbs begin at so many of the grid's eccentricities as well.
SEVERAL, SPREAD = 6, tuple(int(share * ECCENTRICITIES) for share in (0.1, 0.4, 0.6, 0.75, 0.85))
# Points of the grid at which the sum over the scanned noises is held against that over all, and the most it is off.
CHOSEN, MOST_OFF = 100, 0.5
# Modes nearer to each other than this, in cells and in e exp(i phase), are one.
SAME = 1e-3
# Scans so far below the highest are not summed over the noise.
SUM_DEPTH = 20.0


@dataclass(frozen=True)
class Search:
    """The scans of a system: at some noises, and of their sum; and the modes that they lead to.

    The model and the system are at the noises that matter, a box of the lattice. What the sum over all noises was too
    high by has been taken off.
    """

    noise: Box
    model: LinearModel
    system: System
    cells: Cells
    grid: Grid
    bounds: Bounds
    scans: tuple[Scan, ...]
    highest: np.ndarray
    ln_mean: np.ndarray
    modes: np.ndarray
    taken_off: float = 0.0


def search(model: LinearModel, cells: Cells, grid: Grid, bounds: Bounds) -> Search:
    """Scan, and follow the highest maxima to their modes."""
    points, system = len(model.constant), eliminate(model)
    scans = Scans(model, system, cells, grid, bounds)
    if points == 1:
        (found,), climbed = scans.at([0]), scans.climbed_at(0)
        modes, whole = distinct(polish_all(climbed, bounds, system), cells), Box((), ())
        return Search(whole, model, system, cells, grid, bounds, (found,), found.highest, found.ln_mean, modes)
    first, last = _noise_that_matters(model, system, scans.climbed_at)
    while True:
        start, end = max(first - 1, 0) // STRIDE * STRIDE, min(last + 2, points)
        noises = range(start + STRIDE // 2, end, STRIDE)
        found_at = scans.at(noises)
        every = Climbed(*(np.concatenate(values) for values in zip(*map(scans.climbed_at, noises), strict=True)))
        modes = distinct(polish_all(every, bounds, system), cells)
        terms = noise_terms(modes[:, :3], system)
        matter = np.flatnonzero(terms.max(axis=0) > terms.max() - NOISE_DEPTH)
        if matter[0] >= start and matter[-1] < end:
            break
        first, last = min(int(matter[0]), first), max(int(matter[-1]), last)
    constant = system.constant[list(noises)]
    highest = _sum_over_noise([scan.highest for scan in found_at], constant)
    ln_mean = _sum_over_noise([scan.ln_mean for scan in found_at], constant)
    window = model.at_noise(start, end)
    inside = eliminate(window)
    off, matters = interpolation_error(ln_mean, cells, grid, inside), Box((start,), (end - start,))
    high, mean = highest - off, ln_mean - off
    return Search(matters, window, inside, cells, grid, bounds, tuple(found_at), high, mean, modes, off)


class Scans:
    """The scans of a system at points of its noise, and the climbs from their maxima, each made once."""

    def __init__(self, model: LinearModel, system: System, cells: Cells, grid: Grid, bounds: Bounds):
        self.model, self.system, self.cells, self.grid, self.bounds = model, system, cells, grid, bounds
        self.scans: dict[int, Scan] = {}
        self.climbed: dict[int, Climbed] = {}

    def at(self, noises: Sequence[int]) -> list[Scan]:
        """The scans at some points of the noise."""
        missing = [n for n in noises if n not in self.scans]
        if missing:
            self.scans |= zip(missing, scan(self.system, self.cells, self.grid, missing), strict=True)
        return [self.scans[n] for n in noises]

    def climbed_at(self, noise: int) -> Climbed:
        """Where the highest maxima at a point of the noise lead."""
        if noise not in self.climbed:
            (found,) = self.at([noise])
            points = starts(found, self.cells, self.grid)
            self.climbed[noise] = climb_from(points, noise, self.bounds, self.model)
        return self.climbed[noise]


def _noise_that_matters(model: LinearModel, system: System, climbed_at: Callable[[int], Climbed]) -> tuple[int, int]:
    """The first and the last point of the noise whose term at a high mode comes within NOISE_DEPTH of the highest."""
    noise, last = likely_noise(model), len(model.constant) - 1
    seen: set[int] = set()
    while True:
        # one that is scanned in any case
        noise = min(noise // STRIDE * STRIDE + STRIDE // 2, last)
        if noise in seen:
            break
        seen.add(noise)
        climbed = climbed_at(noise)
        terms = noise_terms(climbed.at[climbed.value.argmax()][None], system)[0]
        noise = int(terms.argmax())
    matter = np.flatnonzero(terms > terms.max() - NOISE_DEPTH)
    return int(matter[0]), int(matter[-1])


def _sum_over_noise(scans: list[np.ndarray], constant: np.ndarray) -> np.ndarray:
    """(F, E) ln of the sum over all noises, from scans of every third and what of each does not depend on the orbit.

    Less that constant, ln L never falls as all errors grow. Where single precision says so, it is too high before.
    """
    stacked = np.stack([values.ravel() for values in scans]) - constant[:, None]
    stacked = np.minimum.accumulate(stacked[::-1], axis=0)[::-1] + constant[:, None]
    return add_up(stacked, stacked.max() - SUM_DEPTH).reshape(scans[0].shape)


def interpolation_error(ln_mean: np.ndarray, cells: Cells, grid: Grid, system: System) -> float:
    """By how much the sum over scanned noises is too high in ln L: a factor that hardly changes over the grid.

    It is taken at points of the grid that the sum itself chooses, of equal shares of the whole, from exact values, as
    the scans of a strong signal have larger errors of their own. Where it seems larger than MOST_OFF, the highest of L
    is beyond the noises that matter at a mode, of which the grid then sees nothing.
    """
    top = ln_mean.max()
    if top == -np.inf:
        return 0.0
    mass = np.exp(ln_mean - top) * grid.weight / cells.middle[:, None]
    share = np.cumsum(mass.ravel()) / mass.sum()
    chosen = np.searchsorted(share, (np.arange(CHOSEN) + 0.5) / CHOSEN)
    ratio = []
    for i, m in zip(*np.unravel_index(chosen, mass.shape), strict=True):
        phase = TWO_PI * np.arange(grid.phases[m]) / grid.phases[m]
        points = np.column_stack([np.full(len(phase), cells.middle[i]), np.full(len(phase), grid.e[m]), phase])
        exact = logsumexp(noise_terms(points, system), axis=0)
        ratio.append(add_up(exact[STRIDE // 2 :: STRIDE, None], -np.inf)[0] - logsumexp(exact))
    return float(-np.log(np.mean(np.exp(-np.clip(ratio, -MOST_OFF, MOST_OFF)))))


def starts(found: Scan, cells: Cells, grid: Grid) -> np.ndarray:
    """(N, 3) the highest maxima along the frequency: frequency, eccentricity and phase.

    Of the very highest several eccentricities, as the highest point of the grid may lead to a lower mode.
    """
    along = found.highest.max(axis=1)
    beside = np.concatenate([[-np.inf], along, [-np.inf]])
    maxima = np.flatnonzero((along >= beside[:-2]) & (along >= beside[2:]))
    maxima = maxima[np.argsort(-along[maxima], kind="stable")][:MOST_CLIMBED]
    number = np.arange(len(maxima))
    number = np.append(number, np.repeat(number[:SEVERAL], len(SPREAD)))
    m = np.append(found.highest[maxima].argmax(axis=1), np.tile(SPREAD, len(maxima[:SEVERAL])))
    frequency = cells.middle[maxima]
    phase = values_at(frequency, found.single, grid).argmax(axis=2)[number, m]
    return np.column_stack([frequency[number], grid.e[m], TWO_PI * phase / grid.phases[m]])


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
