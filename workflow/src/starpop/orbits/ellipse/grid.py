"""ln L on a grid of frequencies, eccentricities and phases, fine enough that every mode shows: the search.

For each frequency f_i and eccentricity e_m the phases are the N_m multiples of 2 pi / N_m. With the static columns
eliminated, ln L (see `system`) needs six sums over the visits for a constant, and two for each column more:

    sum w u u, sum w u s, sum w v u, sum w v s, sum r_q u, sum r_q s,      u = cos nu, s = sin nu.

The anomalies are tabulated by mean anomaly in rows of one offset within a step of the phase, so that the phases of a
visit lie side by side, and of all eccentricities with as many phases one beside the other: lane k E_g + m of group g
is phase k of its m-th eccentricity. Sums over the visits run over lanes in the innermost loop, in single precision.

The eccentricities are Gauss points up to the largest; the intervals that their weights add up to each hold their own
point. Sums over the grid thus integrate over e and phase where L is smooth.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.polynomial import Chebyshev, Polynomial

from starpop.orbits.ellipse.kepler import true_anomalies
from starpop.orbits.ellipse.system import System
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
    first, members, offsets, start : (G,) of each group the first eccentricity, how many it has, the offsets within a
        step, and where its table starts
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
    offsets: np.ndarray
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
    """(F, E) the highest ln L over the phases, which phase that is, and the ln of the mean of L over them."""

    highest: np.ndarray
    phase: np.ndarray
    ln_mean: np.ndarray


class AtNoise(NamedTuple):
    """A `System` at one point of its noise, in single precision where it is summed.

    Attributes
    ----------
    time : (J,) times [d]
    rows : (2 + q, J) weights, weighted velocities, and r_q
    ones, explained : (q,) as in `System`
    constants : sums of weights and weighted velocities, F_00, the first of `ones` and `explained`, and chi2
    level : ln L without an orbit
    precision, scaled : as in `System`
    """

    time: np.ndarray
    rows: np.ndarray
    ones: np.ndarray
    explained: np.ndarray
    constants: tuple[np.float32, ...]
    level: float
    precision: float
    scaled: bool


@lru_cache
def grid(largest_eccentricity: float) -> Grid:
    """The eccentricities up to a largest one, below 1."""
    x, w = np.polynomial.legendre.leggauss(ECCENTRICITIES)
    e, weight = 0.5 * largest_eccentricity * (x + 1), 0.5 * largest_eccentricity * w
    edge = np.append(0.0, np.cumsum(weight))
    wanted = 2.0 ** np.ceil(np.log2(9 / (1 - e) ** 1.05))
    phases = np.clip(wanted, FEWEST_PHASES, MOST_PHASES).astype(np.int64)
    counts, first, members = np.unique(phases, return_index=True, return_counts=True)
    offsets = TABLE // counts
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
    return Grid(e, weight, edge, phases, phases // PER_PIECE, first, members, offsets, start[:-1], lane_e, *tables)


def cells(period_range_days: tuple[float, float], baseline_days: float, visits: int) -> Cells:
    """The cells of frequency of a search."""
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    points = POINTS_PER_RESOLUTION * (1 + (CROWDED_VISITS / visits) ** 2)
    count = int(np.ceil(max(points * (high - low) * baseline_days, FEWEST_CELLS)))
    return Cells(low, (high - low) / count, count)


def scan(system: System, cells: Cells, grid: Grid, noise: int = 0) -> Scan:
    """Search the whole grid, at one point of the noise's lattice."""
    shape = cells.number, len(grid.e)
    found = Scan(np.empty(shape), np.empty(shape, np.int16), np.empty(shape))
    scan_kernel(at_noise(system, noise), cells, grid, found)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def at_noise(system, noise):
    """A system at one point of its noise."""
    rows = np.empty((2 + len(system.rows), len(system.time)), np.float32)
    rows[0], rows[1] = system.weight[:, noise], system.velocity[:, noise]
    for q in range(len(system.rows)):
        rows[2 + q] = system.rows[q, :, noise]
    constants = (
        np.float32(system.total[noise]),
        np.float32(system.velocities[noise]),
        np.float32(system.root[noise]),
        np.float32(system.ones[0, noise]),
        np.float32(system.explained[0, noise]),
        np.float32(system.chi2[noise]),
    )
    ones, explained = system.ones[:, noise].copy(), system.explained[:, noise].copy()
    level, precision = system.level[noise], system.precision
    return AtNoise(system.time, rows, ones, explained, constants, level, precision, system.scaled)


@njit(cache=True, nogil=True, error_model="numpy")
def scan_kernel(single, cells, grid, found):
    """Search the middle of every cell."""
    time = single.time
    turn, lanes = np.empty(len(time)), lanes_for(single)
    shares = _shares_for(lanes)
    for i in range(len(found.highest)):
        frequency = cells.low + (i + 0.5) * cells.step
        for j in range(len(time)):
            turns = frequency * time[j]
            turn[j] = turns - np.floor(turns)
        for g in range(len(grid.first)):
            fill_lanes(frequency, turn, g, single, grid, lanes)
            members, phases = grid.members[g], grid.phases[grid.first[g]]
            _fill_shares(members, members * phases, lanes, shares)
            for m in range(members):
                at, level = grid.first[g] + m, single.level + shares.top[m]
                best, found.phase[i, at] = _highest(m, members, phases, shares.share)
                found.highest[i, at] = level + np.log(best)
            _fold(members, members * phases, shares.share)
            for m in range(members):
                mean = shares.share[m] / np.float32(phases)
                found.ln_mean[i, grid.first[g] + m] = single.level + shares.top[m] + np.log(mean)


class Lanes(NamedTuple):
    """(L,) ln L less its level and -1/2 ln of the determinant, the latter, and the sums, of one group.

    The precision of an amplitude's prior, and the inverse of its ratio squared, which is part of the determinant; (J,)
    where the lanes of each visit start in the table.
    """

    values: np.ndarray
    determinant: np.ndarray
    sums: np.ndarray
    precision: np.ndarray
    inverse: np.ndarray
    starts: np.ndarray


class Shares(NamedTuple):
    """(L,) highest value of a lane's eccentricity, L in units of its exponential, powers of two, as bits and so."""

    top: np.ndarray
    share: np.ndarray
    bits: np.ndarray
    power: np.ndarray


@njit(cache=True, nogil=True)
def lanes_for(single):
    """Room for the lanes of any group."""
    most = ECCENTRICITIES * MOST_PHASES
    sums = np.empty((5 + 2 * len(single.ones), most), np.float32)
    precision, inverse = np.full(most, single.precision, np.float32), np.ones(most, np.float32)
    starts = np.empty(len(single.time), np.int64)
    return Lanes(np.empty(most, np.float32), np.empty(most, np.float32), sums, precision, inverse, starts)


@njit(cache=True, nogil=True)
def _shares_for(lanes):
    """Room for their shares."""
    bits = np.empty(len(lanes.values), np.int32)
    return Shares(np.empty_like(lanes.values), np.empty_like(lanes.values), bits, bits.view(np.float32))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _fold(members, count, values):
    """Sum the lanes of each eccentricity, into the first."""
    width = count
    while width > members:
        width //= 2
        for k in range(width):
            values[k] += values[k + width]


@njit(cache=True, nogil=True, error_model="numpy")
def _highest(m, members, phases, share):
    """The highest L of an eccentricity of a group, and its phase."""
    best = m
    for lane in range(m + members, members * phases, members):
        if share[lane] > share[best]:
            best = lane
    return share[best], best // members


@njit(cache=True, nogil=True, error_model="numpy")
def fill_lanes(frequency, turn, g, single, grid, lanes):
    """Fill the lanes of a group, at a frequency and the visits' turns."""
    members, offsets, phases = grid.members[g], grid.offsets[g], grid.phases[grid.first[g]]
    steps, count, sums, starts = phases * offsets, phases * members, lanes.sums, lanes.starts
    for j in range(len(turn)):
        step = int(turn[j] * steps)
        starts[j] = grid.start[g] + (step % offsets * 2 * phases + step // offsets) * members
    sums[:, :count] = 0.0
    _add_visits(starts, count, grid.cosine, grid.sine, single.rows, sums)
    for q in range(1, len(single.ones)):
        _add_static(starts, count, grid.cosine, grid.sine, single.rows[2 + q], sums[5 + 2 * q :])
    for q in range(1, len(single.ones)):
        _eliminate(grid.lane_e[g], count, single.ones[q], single.explained[q], sums[5 + 2 * q :], sums)
    if single.scaled:
        _scale_prior(precision_ratio(frequency, 0.0, single.scaled), grid.lane_e[g], count, single.precision, lanes)
    _solve(grid.lane_e[g], count, single.constants, lanes)


@njit(cache=True, nogil=True, error_model="numpy")
def _scale_prior(ratio, e, count, precision, lanes):
    """Let the precision of an amplitude's prior go with the eccentricity, given its ratio at circles."""
    for k in range(count):
        here = ratio * (1 - e[k] * e[k])
        lanes.precision[k], lanes.inverse[k] = precision * here, 1 / (here * here)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _add_visits(starts, count, cosine, sine, rows, sums):
    """Add the visits, four at a time, to the sums with weights, velocities and the first static column."""
    cc, cs, yc, ys, rc, rs = sums[0], sums[1], sums[2], sums[3], sums[5], sums[6]
    for j in range(0, len(starts), 4):
        w0, w1, w2, w3 = rows[0, j], rows[0, j + 1], rows[0, j + 2], rows[0, j + 3]
        y0, y1, y2, y3 = rows[1, j], rows[1, j + 1], rows[1, j + 2], rows[1, j + 3]
        r0, r1, r2, r3 = rows[2, j], rows[2, j + 1], rows[2, j + 2], rows[2, j + 3]
        c0, c1 = cosine[starts[j] : starts[j] + count], cosine[starts[j + 1] : starts[j + 1] + count]
        c2, c3 = cosine[starts[j + 2] : starts[j + 2] + count], cosine[starts[j + 3] : starts[j + 3] + count]
        s0, s1 = sine[starts[j] : starts[j] + count], sine[starts[j + 1] : starts[j + 1] + count]
        s2, s3 = sine[starts[j + 2] : starts[j + 2] + count], sine[starts[j + 3] : starts[j + 3] + count]
        for k in range(count):
            p0, p1, p2, p3 = w0 * c0[k], w1 * c1[k], w2 * c2[k], w3 * c3[k]
            cc[k] += p0 * c0[k] + p1 * c1[k] + p2 * c2[k] + p3 * c3[k]
            cs[k] += p0 * s0[k] + p1 * s1[k] + p2 * s2[k] + p3 * s3[k]
            yc[k] += y0 * c0[k] + y1 * c1[k] + y2 * c2[k] + y3 * c3[k]
            ys[k] += y0 * s0[k] + y1 * s1[k] + y2 * s2[k] + y3 * s3[k]
            rc[k] += r0 * c0[k] + r1 * c1[k] + r2 * c2[k] + r3 * c3[k]
            rs[k] += r0 * s0[k] + r1 * s1[k] + r2 * s2[k] + r3 * s3[k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _add_static(starts, count, cosine, sine, row, sums):
    """Add the visits to the sums with another static column."""
    rc, rs = sums[0], sums[1]
    for j in range(len(starts)):
        c, s = cosine[starts[j] : starts[j] + count], sine[starts[j] : starts[j] + count]
        for k in range(count):
            rc[k] += row[j] * c[k]
            rs[k] += row[j] * s[k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _eliminate(e, count, one, explained, rows, sums):
    """Take a static column but the first out of the sums: its own are the rows; the fifth sum is what ss lacks."""
    one, velocity = np.float32(one), np.float32(explained)
    for k in range(count):
        c, s = rows[0, k] + e[k] * one, rows[1, k]
        sums[0, k] -= c * c
        sums[1, k] -= c * s
        sums[2, k] -= c * velocity
        sums[3, k] -= s * velocity
        sums[4, k] += c * c + s * s


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _solve(e, count, constants, lanes):
    """The lanes from their sums: the constant is eliminated, then both amplitudes."""
    total, velocities, root, one, velocity, chi2 = constants
    values, determinant, sums, precision, inverse, _ = lanes
    half = np.float32(0.5)
    for k in range(count):
        plain_c, plain_s = sums[5, k], sums[6, k]
        c, s = plain_c + e[k] * one, plain_s
        cc = sums[0, k] + e[k] * (root * plain_c + root * plain_c + e[k] * total) + precision[k] - c * c
        cs = sums[1, k] + e[k] * root * plain_s - c * s
        ss = total - sums[0, k] - sums[4, k] + precision[k] - s * s
        yc = sums[2, k] + e[k] * velocities - c * velocity
        ys = sums[3, k] - s * velocity
        whole = max(cc * ss - cs * cs, precision[k] * precision[k])
        # where few visits leave it to rounding, no orbit explains more than there is
        values[k] = half * min((yc * yc * ss - (yc + yc) * ys * cs + ys * ys * cc) / whole, chi2)
        determinant[k] = whole * inverse[k]


@njit(cache=True, nogil=True, error_model="numpy")
def piece_tops(frequency, single, grid):
    """(E, MOST_PIECES) the highest ln L of every piece of each eccentricity, at a frequency; else -inf."""
    tops, lanes = np.full((len(grid.e), MOST_PIECES), -np.inf), lanes_for(single)
    turn = frequency * single.time
    turn -= np.floor(turn)
    for g in range(len(grid.first)):
        fill_lanes(frequency, turn, g, single, grid, lanes)
        members = grid.members[g]
        for lane in range(members * grid.phases[grid.first[g]]):
            m, piece = grid.first[g] + lane % members, lane // members // PER_PIECE
            value = lanes.values[lane] - 0.5 * np.log(lanes.determinant[lane]) + single.level
            tops[m, piece] = max(tops[m, piece], value)
    return tops
