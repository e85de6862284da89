"""The scans of one system: ln L along the range of periods, the noise that matters, and every peak.

With an uncertain noise L is a sum over the points u_k of its lattice. The grid is scanned at every third point (along
each axis, where it has several numbers) of those that matter, which gives ln L on the grid but for up to 0.1 that
hardly changes along it. Narrower peaks are found at each scanned noise by itself, where -2 ln L is nearly the square
of a smooth residual and a peak shows in the samples beside it. All are refined on the whole L. The points that matter
are those whose term at some peak lies within NOISE_DEPTH of the highest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numba import njit

from starpop.orbits.linear_model import LinearModel, NoisySystem
from starpop.orbits.ln_likelihood import evaluate, noise_terms
from starpop.orbits.noise import Box
from starpop.orbits.peaks import DEPTH, Peaks, Samples, bracket, candidates, climb, find_peaks
from starpop.orbits.scan import Lattice, scan

# A noise whose term is so far below the highest at every peak holds nothing: not even on the ground, which is up to
# 10^6 times as wide as a peak.
NOISE_DEPTH = 35.0
# Points of the noise's lattice from one scanned to the next.
STRIDE = 3
# Terms this far below the highest add nothing to a sample.
NEGLIGIBLE = 20.0
# Between two scanned noises a term of a width of about one rises above both by less than this.
HIGHEST_RISE = 3.0
# Beyond the last scanned noise a term may rise as it likes, but its exponential must be a number.
LARGEST_LN = 600.0
# Of the noise at some peaks, at once; of several numbers that is fewer peaks than there may be.
MOST_TERMS = 5_000_000
# Maxima of a scan at one noise that are followed where only the highest is wanted.
MOST_FOLLOWED = 10
# The search for the noise that matters starts with errors of this share of the velocities' scatter.
FIRST_NOISE = 0.2
EVERY = slice(None)
# A point of the noise's lattice: its place along each axis.
Place = tuple[int, ...]


@dataclass(frozen=True)
class Landscape:
    """The scans of one system.

    Attributes
    ----------
    model : the system, with the points of its noise that matter
    noise : which of the lattice's points these are
    samples : of ln L, interpolated where the noise is uncertain; the first and the last are the ends of the range
    peaks : all within DEPTH of the highest
    """

    model: LinearModel
    noise: Box
    samples: Samples
    peaks: Peaks


def with_ends(grid: Lattice, low: float, high: float) -> np.ndarray:
    """(F,) the frequencies of a grid with the ends of the range that it lies in [1/d]."""
    return np.concatenate([[low], grid.frequencies, [high]])


def scan_with_ends(model: LinearModel, grid: Lattice, frequency: np.ndarray, noise: int) -> np.ndarray:
    """(F,) ln L at one noise, at the frequencies `with_ends` of a grid."""
    first, last = evaluate(frequency[[0, -1]], model.at_noise(noise, noise + 1))
    return np.concatenate([[first], scan(model, grid, noise), [last]])


def survey(system: NoisySystem, grid: Lattice, low: float, high: float) -> Landscape:
    """Scan a system from a low to a high frequency [1/d], and find its peaks."""
    frequency = with_ends(grid, low, high)

    @cache
    def at(place: Place) -> np.ndarray:
        return scan_with_ends(system.at(Box.of_point(place)), grid, frequency, 0)

    if not system.lattice.known_axes:
        whole = system.lattice.whole
        samples = Samples(frequency, at(whole.first))
        none = np.empty((0, len(frequency)))
        return Landscape(one := system.at(whole), whole, samples, find_peaks(samples, none, one))
    holding = _that_matter(system, _tops(system, frequency, at))
    while True:
        window = system.lattice.beyond(holding, 1)
        scanned = [range(a + min(STRIDE // 2, n - 1), a + n, STRIDE) for a, n in zip(*window[:2], strict=True)]
        stacked = np.stack([at(place) for place in product(*scanned)])
        samples = Samples(frequency, _sum_over_noise(stacked, list(map(len, scanned))))
        peaks = find_peaks(samples, stacked, model := system.at(window))
        found = _that_matter(system, peaks.frequency[np.argsort(-peaks.height)])
        if window.with_all_of(found) == window:
            return Landscape(model, window, samples, peaks)
        holding = holding.with_all_of(found)


def _sum_over_noise(stacked: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """(F,) `add_up` along each axis of the noise in turn, the last first."""
    threshold, summed = stacked.max() - DEPTH, stacked
    for count in reversed(counts):
        summed = np.stack([add_up(part, threshold) for part in summed.reshape(-1, count, stacked.shape[1])])
    return summed[0]


def _that_matter(system: NoisySystem, frequency: np.ndarray) -> Box:
    """The box of the noise that matters at some peaks [1/d], the highest first."""
    everywhere = system.everywhere
    most = max(MOST_TERMS // int(np.prod(everywhere.size)), MOST_FOLLOWED)
    terms = noise_terms(frequency[:most], system.at(everywhere))
    return system.lattice.holding(everywhere, terms, NOISE_DEPTH)


def likely_noise(model: LinearModel, visits: np.ndarray | slice = EVERY, share: float = FIRST_NOISE) -> int:
    """The point of the noise's lattice, of some visits, where errors are a share of the scatter of all velocities."""
    guess = 2 * np.log(share * np.std(model.velocity))
    return int(np.abs(np.median(np.log(model.weight[visits]), axis=0) + guess).argmin())


def _tops(system: NoisySystem, frequency: np.ndarray, at: Callable[[Place], np.ndarray]) -> np.ndarray:
    """High peaks [1/d], each found from a noise of its own: of several numbers, each of them may be the quiet one."""
    known, group = system.lattice.known_axes, system.system_model.noise.group(system.visits)
    middle = (0,) * len(system.lattice.axes)

    def likely(axis: int, share: float) -> int:
        return likely_noise(system.at(_line(system, middle, axis)), group == axis, share)

    shares = (FIRST_NOISE,) if len(known) < 2 else (FIRST_NOISE, 1.0)
    starts = product(*([likely(g, share) for share in shares] if g in known else [0] for g in range(len(middle))))
    return np.array([_followed(system, start, frequency, at) for start in starts])


def _followed(system: NoisySystem, place: Place, frequency: np.ndarray, at: Callable[[Place], np.ndarray]) -> float:
    """The peak [1/d] of the best sample at one noise, and then at the noise that suits it, scanned anew."""
    seen: set[Place] = set()
    while place not in seen:
        seen.add(place)
        low, peak, high = bracket(int(at(place).argmax()), frequency)
        for _ in range(4):
            peak = climb(low, peak, high, system.at(Box.of_point(place)))
            before, place = place, _better(system, peak, place)
            if place == before:
                break
    return peak


def _better(system: NoisySystem, frequency: float, place: Place) -> Place:
    """From a place of the noise to the best along each axis in turn, at a frequency [1/d]."""
    for g in system.lattice.known_axes:
        terms = noise_terms(np.array([frequency]), system.at(_line(system, place, g)))[0]
        place = _moved(place, g, int(terms.argmax()))
    return place


def _line(system: NoisySystem, place: Place, axis: int) -> Box:
    """All points along an axis of the noise, through a place."""
    return Box(_moved(place, axis, 0), _moved((1,) * len(place), axis, system.lattice.shape[axis]))


def _moved(place: Place, axis: int, to: int) -> Place:
    return (*place[:axis], to, *place[axis + 1 :])


def highest_of(model: LinearModel, grid: Lattice, low: float, high: float, noise: int) -> tuple[float, float]:
    """Where ln L is highest between two frequencies [1/d], and its value there, from a scan at one noise alone.

    The highest maxima of that scan are followed on the whole L: enough to know whether there is a higher one than
    another, at a cost of one scan.
    """
    frequency = with_ends(grid, low, high)
    tops, predicted, _ = candidates(scan_with_ends(model, grid, frequency, noise))
    best, height = low, -np.inf
    for top in tops[np.argsort(-predicted)[:MOST_FOLLOWED]]:
        low, start, high = bracket(top, frequency)
        at = climb(low, start, high, model)
        value = evaluate(np.array([at]), model)[0]
        if value > height:
            best, height = at, value
    return float(best), float(height)


@njit(cache=True, nogil=True, error_model="numpy")
def add_up(stacked, threshold):
    """(F,) ln of the sum over all noises, from (S, F) scans of every third; the highest term where that is low.

    Between two scanned noises ln of the term is taken from the parabola through the three nearest, which a normal
    density follows exactly. Where the term falls off like exp(-chi2) on one side the parabola overshoots on the other,
    and is not followed beyond what is possible.
    """
    scans, count = stacked.shape
    values = np.empty(count)
    for i in range(count):
        top = -np.inf
        for k in range(scans):
            top = max(top, stacked[k, i])
        total = 1.0
        if top > threshold and scans >= 3:
            total = 0.0
            for k in range(scans):
                if stacked[k, i] < top - NEGLIGIBLE:
                    continue
                middle = min(max(k, 1), scans - 2)
                slope = 0.5 * (stacked[middle + 1, i] - stacked[middle - 1, i]) / STRIDE
                bend = (stacked[middle + 1, i] - 2 * stacked[middle, i] + stacked[middle - 1, i]) / STRIDE**2
                slope += bend * STRIDE * (k - middle)
                for away in (-1.0, 0.0, 1.0):
                    rise = away * slope + 0.5 * bend * away**2
                    beside = k + int(away)
                    most = LARGEST_LN
                    if 0 <= beside < scans:
                        most = max(stacked[beside, i] - stacked[k, i], 0.0) + HIGHEST_RISE
                    total += np.exp(stacked[k, i] - top + min(rise, most))
        values[i] = top + np.log(total)
    return values
