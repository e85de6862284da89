"""ln L on a grid of frequencies, eccentricities and phases, fine enough that every mode shows: the search.

For each frequency f_i and eccentricity e_m the phases are the N_m multiples of 2 pi / N_m.
The anomalies are tabulated by mean anomaly in rows of one offset within a step of the phase, so that the phases of a
visit lie side by side, and of all eccentricities with as many phases one beside the other: lane k E_g + m of group g
is phase k of its m-th eccentricity, of which `lanes` makes ln L, in single precision.

The eccentricities are Gauss points up to the largest; the intervals that their weights add up to each hold their own
point. Sums over the grid thus integrate over e and phase where L is smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.polynomial import Chebyshev, Polynomial

from starpop.inference.compiled import NO_ARRAYS
from starpop.orbits.ellipse.kepler import true_anomalies
from starpop.orbits.ellipse.lanes import fill, lanes_for
from starpop.orbits.ellipse.system import System
from starpop.orbits.landscape import NEGLIGIBLE
from starpop.orbits.linear_model import precision_ratio

ECCENTRICITIES = 11
FEWEST_PHASES, MOST_PHASES, TABLE = 16, 128, 8192
# Phases that a piece of a cell has.
PER_PIECE = 4
MOST_PIECES = MOST_PHASES // PER_PIECE
# Frequencies to 1/T; of few visits more, as their maxima crowd.
POINTS_PER_RESOLUTION, CROWDED_VISITS, FEWEST_CELLS = 12, 10, 60
# Of exponentials in single precision: exp(x) = 2^(x log2 e), no less than so many twos, and the polynomial that is 2^x
# between -1 and 0 to the last digit.
LOG2_E, FEWEST_TWOS = np.float32(np.log2(np.e)), np.float32(-120)
C0, C1, C2, C3, C4, C5 = (
    Chebyshev.interpolate(np.exp2, 5, domain=[-1, 0]).convert(kind=Polynomial).coef.astype(np.float32)
)


class Grid(NamedTuple):
    """The eccentricities of a search, in groups of as many phases, and the anomalies at each.

    Attributes
    ----------
    e, weight, edge : (E,) eccentricities and the widths of their intervals, (E + 1,) the ends of those
    phases, pieces : (E,) how many phases each has, and how many pieces of PER_PIECE
    first, members, offset_bits, start : (G,) of each group the first eccentricity, how many it has, the bits of the
        offsets within a step, and where its table starts
    lane_e : (G, L) the eccentricity of each lane
    cosine, sine : of the true anomaly: for each offset, twice the lanes
    """

    e: np.ndarray
    weight: np.ndarray
    edge: np.ndarray
    phases: np.ndarray
    pieces: np.ndarray
    first: np.ndarray
    members: np.ndarray
    offset_bits: np.ndarray
    start: np.ndarray
    lane_e: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray


class Cells(NamedTuple):
    """Cells of frequency: from low + i step to low + (i + 1) step [1/d]; a search looks at the middle of each."""

    low: float
    step: float
    number: int

    def middle_of(self, cell: int | np.ndarray) -> float | np.ndarray:
        """The middles of some cells, by their numbers [1/d]."""
        return self.low + (cell + 0.5) * self.step

    @property
    def middle(self) -> np.ndarray:
        """(F,) all middles [1/d]."""
        return np.asarray(self.middle_of(np.arange(self.number)))


class Scan(NamedTuple):
    """What was scanned, and (F, E) the highest ln L over the phases and the ln of the mean of L over them.

    Of several noises scanned together, bounds of these where they add nothing to the sum (`_adds_nothing`).
    """

    single: System
    highest: np.ndarray
    ln_mean: np.ndarray


@lru_cache
def grid(largest_eccentricity: float) -> Grid:
    """The eccentricities up to a largest one, below 1."""
    x, w = np.polynomial.legendre.leggauss(ECCENTRICITIES)
    e, weight = 0.5 * largest_eccentricity * (x + 1), 0.5 * largest_eccentricity * w
    edge = np.append(0.0, np.cumsum(weight))
    wanted = 2.0 ** np.ceil(np.log2(9 / (1 - e) ** 1.05))
    phases = np.clip(wanted, FEWEST_PHASES, MOST_PHASES).astype(np.int64)
    counts, first, members = np.unique(phases, return_index=True, return_counts=True)
    offsets, offset_bits = TABLE // counts, np.log2(TABLE // counts).astype(np.int64)
    start = np.append(0, np.cumsum(2 * counts * members * offsets))
    cosine, sine = np.empty(start[-1]), np.empty(start[-1])
    lane_e = np.zeros((len(counts), ECCENTRICITIES * MOST_PHASES), np.float32)
    for g in range(len(counts)):
        lane_e[g, : counts[g] * members[g]] = np.tile(e[first[g] : first[g] + members[g]], counts[g])
        steps = np.arange(2 * counts[g]) + (np.arange(offsets[g])[:, None] + 0.5) / offsets[g]
        of_group = [values[start[g] : start[g + 1]].reshape(-1, members[g]) for values in (cosine, sine)]
        for m in range(members[g]):
            anomalies = np.empty((2, steps.size))
            true_anomalies((steps / counts[g]).ravel(), e[first[g] + m], *anomalies)
            for table, values in zip(of_group, anomalies, strict=True):
                table[:, m] = values
    tables = cosine.astype(np.float32), sine.astype(np.float32)
    return Grid(e, weight, edge, phases, phases // PER_PIECE, first, members, offset_bits, start[:-1], lane_e, *tables)


def cells(period_range_days: tuple[float, float], baseline_days: float, visits: int) -> Cells:
    """The cells of frequency of a search."""
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    points = POINTS_PER_RESOLUTION * (1 + (CROWDED_VISITS / visits) ** 2)
    count = int(np.ceil(max(points * (high - low) * baseline_days, FEWEST_CELLS)))
    return Cells(low, (high - low) / count, count)


def scan(system: System, cells: Cells, grid: Grid, noises: Sequence[int] = (0,)) -> list[Scan]:
    """Search the whole grid, at some points of the noise's lattice."""
    shape = len(noises), cells.number, len(grid.e)
    highest, ln_mean = np.empty(shape), np.empty(shape)
    scan_kernel(system.in_single_precision(noises), cells, grid, highest, ln_mean)
    singles = [system.in_single_precision([n]) for n in noises]
    return [Scan(*of_noise) for of_noise in zip(singles, highest, ln_mean, strict=True)]


@njit(cache=True, nogil=True, error_model="numpy")
def scan_kernel(system, cells, grid, highest, ln_mean):
    """Search the middle of every cell."""
    lanes, steps = lanes_for(system, ECCENTRICITIES * MOST_PHASES), np.empty(len(system.time), np.int64)
    _scan_cells(system, cells, grid, lanes, steps, _shares_for(lanes), highest, ln_mean)


@njit(**NO_ARRAYS)
def _scan_cells(system, cells, grid, lanes, steps, shares, highest, ln_mean):
    """Search every cell, from the largest noise on, but at those that add nothing to the sum there."""
    for i in range(cells.number):
        frequency = cells.low + (i + 0.5) * cells.step
        _find_steps(frequency, system.time, steps)
        for g in range(len(grid.first)):
            count = _begin_group(frequency, steps, g, system, grid, lanes)
            members, first = grid.members[g], grid.first[g]
            last = first + members
            for n in range(len(highest) - 1, -1, -1):
                if _adds_nothing(n, highest[:, i, first:last], ln_mean[:, i, first:last], system):
                    continue
                fill(n, grid.lane_e[g], count, grid.cosine, grid.sine, system, lanes)
                _fill_shares(members, count, lanes, shares)
                _fold(members, count, shares.share, shares.power)
                for m in range(members):
                    level, mean = system.level[n] + shares.top[m], shares.share[m] / np.float32(grid.phases[first])
                    highest[n, i, first + m] = level + np.log(shares.power[m])
                    ln_mean[n, i, first + m] = level + np.log(mean)


@njit(**NO_ARRAYS)
def _adds_nothing(n, highest, ln_mean, system):
    """Whether (K, M) values are negligible at a noise by those at larger ones; if so, what bounds them is put there.

    Less what depends on the noise alone, ln L never falls as all errors grow. The next noise is to be negligible too:
    between two the sum is interpolated.
    """
    if n + 1 == len(highest):
        return False
    rise = system.constant[n] - system.constant[n + 1]
    for values in (highest, ln_mean):
        for m in range(values.shape[1]):
            top = values[n + 1, m]
            for larger in range(n + 2, len(values)):
                top = max(top, values[larger, m])
            if not values[n + 1, m] + max(rise, 0.0) <= top - NEGLIGIBLE:
                return False
    for values in (highest, ln_mean):
        for m in range(values.shape[1]):
            values[n, m] = values[n + 1, m] + rise
    return True


class Shares(NamedTuple):
    """(L,) highest value of a lane's eccentricity, L in units of its exponential, powers of two, as bits and so."""

    top: np.ndarray
    share: np.ndarray
    bits: np.ndarray
    power: np.ndarray


@njit(cache=True, nogil=True)
def _shares_for(lanes):
    """Room for the shares of some lanes."""
    bits = np.empty(len(lanes.values), np.int32)
    return Shares(np.empty_like(lanes.values), np.empty_like(lanes.values), bits, bits.view(np.float32))


@njit(**NO_ARRAYS, fastmath=True)
def _fill_shares(members, count, lanes, shares):
    """L of each lane, in units of the highest exponential of its eccentricity's."""
    values, determinant = lanes.values, lanes.determinant
    top, share, bits, power = shares
    width = count // 2
    for k in range(width):
        top[k] = max(values[k], values[k + width])
    while width > members:
        width //= 2
        for k in range(width):
            top[k] = max(top[k], top[k + width])
    while width < count:
        for k in range(width):
            top[k + width] = top[k]
        width *= 2
    for k in range(count):
        twos = max((values[k] - top[k]) * LOG2_E, FEWEST_TWOS)
        whole = np.int32(twos)  # towards zero
        bits[k] = (whole + np.int32(127)) << np.int32(23)
        share[k] = twos - np.float32(whole)
    for k in range(count):
        x = share[k]
        rest = C0 + x * (C1 + x * (C2 + x * (C3 + x * (C4 + x * C5))))
        share[k] = rest * power[k] / np.sqrt(determinant[k])


@njit(**NO_ARRAYS, fastmath=True)
def _fold(members, count, total, highest):
    """Sum the lanes of each eccentricity into the first, and find the highest."""
    width = count // 2
    for k in range(width):
        highest[k] = max(total[k], total[k + width])
        total[k] += total[k + width]
    while width > members:
        width //= 2
        for k in range(width):
            highest[k] = max(highest[k], highest[k + width])
            total[k] += total[k + width]


@njit(**NO_ARRAYS)
def _find_steps(frequency, time, steps):
    """Which of TABLE steps of a turn each visit is at."""
    for j in range(len(time)):
        turns = frequency * time[j]
        steps[j] = int((turns - np.floor(turns)) * TABLE)


@njit(**NO_ARRAYS)
def _begin_group(frequency, steps, g, system, grid, lanes):
    """Find the lanes of a group at a frequency and the visits' steps; how many they are."""
    members, phases, bits, start = grid.members[g], grid.phases[grid.first[g]], grid.offset_bits[g], grid.start[g]
    offset, count = (1 << bits) - 1, phases * members
    for j in range(len(steps)):
        lanes.starts[j] = start + (2 * phases * (steps[j] & offset) + (steps[j] >> bits)) * members
    if system.scaled:
        _scale_prior(precision_ratio(frequency, 0.0, True), grid.lane_e[g], count, system.precision, lanes)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _scale_prior(ratio, e, count, precision, lanes):
    """Let the precision of an amplitude's prior go with the eccentricity, given its ratio at circles."""
    for k in range(count):
        here = ratio * (1 - e[k] * e[k])
        lanes.precision[k], lanes.inverse[k] = precision * here, 1 / (here * here)


@njit(cache=True, nogil=True, error_model="numpy")
def values_at(frequencies, single, grid):
    """(N, E, MOST_PHASES) ln L at the phases of each eccentricity, at some frequencies [1/d]; else -inf."""
    lanes, steps = lanes_for(single, ECCENTRICITIES * MOST_PHASES), np.empty(len(single.time), np.int64)
    values = np.full((len(frequencies), len(grid.e), MOST_PHASES), -np.inf)
    for i, frequency in enumerate(frequencies):
        _find_steps(frequency, single.time, steps)
        for g in range(len(grid.first)):
            count = _begin_group(frequency, steps, g, single, grid, lanes)
            members, first = grid.members[g], grid.first[g]
            fill(0, grid.lane_e[g], count, grid.cosine, grid.sine, single, lanes)
            for k in range(count):
                value = lanes.values[k] - 0.5 * np.log(lanes.determinant[k])
                values[i, first + k % members, k // members] = single.level[0] + value
    return values
