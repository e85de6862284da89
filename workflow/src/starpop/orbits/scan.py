"""ln L of a system on a uniform grid of frequencies, with its orbital coefficients integrated out: the fast kernel.

For a linear basis A(f) = [cos w t, sin w t, Z] with w = 2 pi f and static columns Z (the first is the constant),
weights C^-1 and the prior theta ~ N(m, L), the quantities of `orbit`,

    ln L(f) = -1/2 [v'C^-1 v + m'L^-1 m - y'B^-1 y] - 1/2 ln|B| - 1/2 ln|L| - 1/2 sum ln(2 pi C_jj),
    B = A'C^-1 A + L^-1,        y = A'C^-1 v + L^-1 m,

need, for every f and every noise, only sums of weights times cos(m w t) and sin(m w t), m = 1 and 2: products of cos
and sin are those of twice the phase. The kernel goes through the grid in blocks of 64 frequencies
f_b +- (l + 1/2) df around their centre. With x = m w_b t_j and y = m (l + 1/2) 2 pi df t_j,

    sum_j g_j cos(x +- y) = sum_j (g_j cos x) cos y -+ sum_j (g_j sin x) sin y,

and likewise for sin: matrix products of the rows (g cos x, g sin x) of some blocks with a table of cos y and sin y,
made once, each product serving two frequencies. The phase x at the first of 16 blocks is computed anew, its product
f_b t_j carried to twice the precision, and rotated from block to block: errors do not grow along the grid. Frequencies
are whole multiples of a step df of 24 significant bits, so that they are exact in double precision.

A model with an uncertain noise is a sum over the points of its lattice (`noise`): `scan` takes one of them, and
`ln_likelihood_at` adds them all up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import cholesky, forward
from starpop.orbits.linear_model import LinearModel
from starpop.orbits.ln_likelihood import (
    NEAR_SINGULAR,
    Circle,
    eliminate,
    fill_design,
    ln_likelihood_given_noise,
    scale_prior,
    turns,
    workspace,
)
from starpop.run.errors import InputError

LANES = 64
HALF = LANES // 2
BLOCKS = 16
POINTS_PER_RESOLUTION = 10
LEAST_STEPS = 100
# With few visits ln L is a ratio of sums whose maxima crowd (two within 0.1/T of each other are common at four
# visits), and the grid is refined: less than twofold from this many visits on, fifteenfold at four.
CROWDED_VISITS = 15
# Some numbers are kept of each frequency: a gigabyte, and as many seconds as there are visits.
MOST_FREQUENCIES = 30_000_000


@dataclass(frozen=True)
class Lattice:
    """Frequencies (first + k) * step, k = 0..count-1 [1/d], each exact in double precision."""

    first: int
    count: int
    step: float

    @property
    def frequencies(self) -> np.ndarray:
        """(count,) the frequencies [1/d]."""
        return (self.first + np.arange(self.count)) * self.step


class Sums(NamedTuple):
    """What the visits' sums have in common at all frequencies, at one noise.

    Attributes
    ----------
    weighted : (q + 1, J) weights times each static column; last, times the velocities
    matrix, vector : (q, q) lower half of Z'C^-1 Z, and (q,) Z'C^-1 v
    level : ln L but for what the coefficients explain
    """

    weighted: np.ndarray
    matrix: np.ndarray
    vector: np.ndarray
    level: float


class Phases(NamedTuple):
    """cos and sin of the visits' phases.

    Attributes
    ----------
    tables : (2, J, LANES) of the phase and of twice it: cos, then sin, of the half lanes of a block about its centre
    turn_c, turn_s : (J,) from one block to the next
    base_c, base_s : (BLOCKS, J) at the centres of the blocks
    rows : (2 (q + 1) BLOCKS, J) of the blocks and channels, times the channel's weights
    """

    tables: np.ndarray
    turn_c: np.ndarray
    turn_s: np.ndarray
    base_c: np.ndarray
    base_s: np.ndarray
    rows: np.ndarray


class Block(NamedTuple):
    """What a block of frequencies yields: (LANES,) ln L, and the smallest pivot of B, relative; and room on the way.

    For a circular orbit (HALF,) of `eliminate`; for others (2, q + 1, LANES) sums of cos and sin.
    """

    values: np.ndarray
    pivots: np.ndarray
    determinant: np.ndarray
    quadratic: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray


def lattice(period_range_days: tuple[float, float], baseline_days: float, visits: int) -> Lattice:
    """Frequencies inside a period range, fine enough to bracket the maxima of ln L.

    Raises
    ------
    InputError : the range has too many
    """
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    steps = points_per_resolution(visits) * (high - low) * baseline_days
    if steps > MOST_FREQUENCIES:
        raise InputError(
            f"period_range_days: from {period_range_days[0]:g} to {period_range_days[1]:g} d {visits} visits over "
            f"{baseline_days:.0f} d have {steps:.1e} frequencies to look at, more than {MOST_FREQUENCIES:.0e}; "
            "raise the shortest period."
        )
    return uniform_lattice(low, high, steps)


def points_per_resolution(visits: int) -> float:
    """Frequencies to a resolution element 1/T that bracket every maximum of ln L."""
    return POINTS_PER_RESOLUTION * (1 + (CROWDED_VISITS / visits) ** 2)


def uniform_lattice(low: float, high: float, steps: float) -> Lattice:
    """A lattice of about so many steps inside [low, high], LEAST_STEPS at least."""
    mantissa, exponent = math.frexp((high - low) / max(math.ceil(steps), LEAST_STEPS))
    step = math.ldexp(math.floor(math.ldexp(mantissa, 24)), exponent - 24)
    first, last = math.ceil(low / step), math.floor(high / step)
    return Lattice(first, last - first + 1, step)


def scan(model: LinearModel, grid: Lattice, noise: int = 0) -> np.ndarray:
    """(count,) ln-likelihood on a lattice of frequencies, at one point of the noise's lattice."""
    values = np.empty(grid.count)
    scan_kernel(model.at_noise(noise, noise + 1), grid.first, grid.step, values)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def scan_kernel(model, first, step, values):
    """ln-likelihood at the frequencies (first + k) * step; the model has one point of noise."""
    sums, phases, block, room = _sums(model), _phases(model, step), _block(model), workspace(model)
    found, constants = block.values, _constants(sums, model)
    circular = len(model.precision) == 3 and not model.scaled
    products = np.empty((2, len(phases.rows), LANES))
    for start in range(0, len(values), LANES * BLOCKS):
        blocks = min(BLOCKS, (len(values) - start + LANES - 1) // LANES)
        _turn_to((first + start + 0.5 * (LANES - 1)) * step, model.time, phases)
        _multiply(blocks, sums.weighted, phases, products)
        for number in range(blocks):
            here = start + number * LANES
            if circular:
                smallest = _solve_circular(products, number, blocks, constants, block)
            else:
                smallest = _solve(products, number, blocks, (first + here, step), sums, model, block, room)
            lanes = min(LANES, len(values) - here)
            for lane in range(lanes):
                values[here + lane] = found[lane]
            if smallest < NEAR_SINGULAR:
                for singular in np.flatnonzero(block.pivots[:lanes] < NEAR_SINGULAR):
                    fill_design((first + here + singular) * step, model, room)
                    values[here + singular] = ln_likelihood_given_noise(
                        model.weight[:, 0], model.constant[0], model, room
                    )


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(model):
    """`Sums` of a model of one point of noise."""
    visits, statics = model.static.shape
    weight, velocity = model.weight[:, 0], model.velocity
    weighted = np.empty((statics + 1, visits))
    matrix, vector = np.zeros((statics, statics)), np.zeros(statics)
    unexplained = 0.0
    for j in range(visits):
        for q in range(statics):
            weighted[q, j] = weight[j] * model.static[j, q]
            vector[q] += weighted[q, j] * velocity[j]
            for i in range(q + 1):
                matrix[q, i] += weighted[q, j] * model.static[j, i]
        weighted[statics, j] = weight[j] * velocity[j]
        unexplained += weight[j] * velocity[j] ** 2
    for k in range(len(model.precision)):
        unexplained += model.precision[k] * model.mean[k] ** 2
    return Sums(weighted, matrix, vector, model.constant[0] - 0.5 * unexplained)


@njit(cache=True, nogil=True, error_model="numpy")
def _phases(model, step):
    """`Phases` for a grid of this step."""
    visits, channels = len(model.time), model.static.shape[1] + 1
    tables = np.empty((2, visits, LANES))
    _fill_tables(model.time, step, tables)
    turn_c, turn_s = np.empty(visits), np.empty(visits)
    for j in range(visits):
        angle = 2 * np.pi * turns(LANES * step, model.time[j])
        turn_c[j], turn_s[j] = np.cos(angle), np.sin(angle)
    base_c, base_s = np.empty((BLOCKS, visits)), np.empty((BLOCKS, visits))
    rows = np.empty((2 * channels * BLOCKS, visits))
    return Phases(tables, turn_c, turn_s, base_c, base_s, rows)


@njit(cache=True, nogil=True, error_model="numpy")
def _block(model):
    """Room for a block."""
    shape = 2, model.static.shape[1] + 1, LANES
    return Block(np.empty(LANES), np.empty(LANES), np.empty(HALF), np.empty(HALF), np.empty(shape), np.empty(shape))


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_tables(time, step, tables):
    """cos, then sin, of 2 pi m (l + 1/2) step t_j: tables[m - 1, j], for the half lanes l of a block."""
    for j in range(len(time)):
        turn = 2 * np.pi * turns(step, time[j])
        turn_c, turn_s = np.cos(turn), np.sin(turn)
        start = 2 * np.pi * turns(0.5 * step, time[j])
        c, s = np.cos(start), np.sin(start)
        for lane in range(HALF):
            tables[0, j, lane], tables[0, j, HALF + lane] = c, s
            tables[1, j, lane], tables[1, j, HALF + lane] = c * c - s * s, 2 * s * c
            c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s


@njit(cache=True, nogil=True, error_model="numpy")
def _turn_to(frequency, time, phases):
    """The centres of every block of a chunk, from that of its first: this exact, the others rotated."""
    for j in range(len(time)):
        angle = 2 * np.pi * turns(frequency, time[j])
        c, s = np.cos(angle), np.sin(angle)
        turn_c, turn_s = phases.turn_c[j], phases.turn_s[j]
        for block in range(BLOCKS):
            phases.base_c[block, j], phases.base_s[block, j] = c, s
            c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(blocks, weighted, phases, products):
    """Products of a chunk's rows with the tables, (2, 2 (q + 1) blocks, LANES): rows by channel, then block."""
    rows, base_c, base_s = phases.rows, phases.base_c, phases.base_s
    channels, visits = weighted.shape
    for q in range(channels):
        for block in range(blocks):
            row = 2 * (q * blocks + block)
            for j in range(visits):
                rows[row, j] = weighted[q, j] * base_c[block, j]
                rows[row + 1, j] = weighted[q, j] * base_s[block, j]
    np.dot(rows[: 2 * channels * blocks], phases.tables[0], products[0, : 2 * channels * blocks])
    # of twice the phase the sums of the weights alone are needed
    for block in range(blocks):
        for j in range(visits):
            c, s = base_c[block, j], base_s[block, j]
            rows[2 * block, j] = weighted[0, j] * (c * c - s * s)
            rows[2 * block + 1, j] = weighted[0, j] * (2 * s * c)
    np.dot(rows[: 2 * blocks], phases.tables[1], products[1, : 2 * blocks])


@njit(cache=True, nogil=True, error_model="numpy")
def _constants(sums, model):
    """Of all blocks of a circular orbit: the level of ln L, the scale of |B|, and parts of the equations."""
    total = sums.matrix[0, 0] + model.precision[2]
    y0 = sums.vector[0] + model.precision[2] * model.mean[2]
    level = sums.level + 0.5 * (y0 * y0 / total - np.log(total))
    return level, 1 / sums.matrix[0, 0] ** 2, (0.5 * sums.matrix[0, 0], model.precision[0], 1 / total, y0)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve_circular(products, number, blocks, constants, block):
    """ln L of a circular orbit at the frequencies of a block, from the products of a chunk; the smallest pivot."""
    weights, velocities = 2 * number, 2 * (number + blocks)
    level, scale, equations = constants
    smallest = np.inf
    determinant, quadratic, values, pivots = block.determinant, block.quadratic, block.values, block.pivots
    for sign in (-1.0, 1.0):
        _eliminate_lanes(products, weights, velocities, sign, equations, determinant, quadratic)
        for lane in range(HALF):
            at = HALF + lane if sign > 0 else HALF - 1 - lane
            values[at] = level + 0.5 * (quadratic[lane] - np.log(determinant[lane]))
            pivots[at] = determinant[lane] * scale
            smallest = min(smallest, pivots[at])
    return smallest


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _eliminate_lanes(products, weights, velocities, sign, constants, determinant, quadratic):
    """`eliminate` at f + sign (l + 1/2) df for all l, from products of `_unfold`'s kind.

    Of these, where the weights and where the weighted velocities stand is given.
    """
    half_weight, precision, inverse_total, y0 = constants
    first_c, first_s = products[0, weights], products[0, weights + 1]
    second_c, second_s = products[1, weights], products[1, weights + 1]
    data_c, data_s = products[0, velocities], products[0, velocities + 1]
    for lane in range(HALF):
        c2 = 0.5 * (second_c[lane] - sign * second_s[HALF + lane])
        circle = Circle(
            half_weight + c2 + precision,
            0.5 * (second_s[lane] + sign * second_c[HALF + lane]),
            half_weight - c2 + precision,
            first_c[lane] - sign * first_s[HALF + lane],
            first_s[lane] + sign * first_c[HALF + lane],
            data_c[lane] - sign * data_s[HALF + lane],
            data_s[lane] + sign * data_c[HALF + lane],
        )
        determinant[lane], quadratic[lane] = eliminate(circle, y0, inverse_total)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve(products, number, blocks, grid, sums, model, block, room):
    """ln L of any basis and prior at the frequencies of a block, from the products of a chunk; the smallest pivot.

    Of the grid, the place of the block's first frequency and the step are given.
    """
    precision = room.precision
    for m in range(2):
        for q in range(len(sums.weighted) if m == 0 else 1):
            row = 2 * (q * blocks + number)
            _unfold(products[m, row], products[m, row + 1], block.cosine[m, q], block.sine[m, q])
    diagonal = np.empty(len(precision))
    for lane in range(LANES):
        scale_prior((grid[0] + lane) * grid[1], 0.0, model, room)
        _assemble(lane, block, sums, model, room)
        for k in range(len(precision)):
            diagonal[k] = room.matrix[k, k]
        half_ln_determinant = cholesky(room.matrix, precision)
        forward(len(precision), room.matrix, room.vector)
        explained, block.pivots[lane] = 0.0, 1.0
        for k in range(len(precision)):
            explained += room.vector[k] ** 2
            block.pivots[lane] = min(block.pivots[lane], room.matrix[k, k] ** 2 / diagonal[k])
        block.values[lane] = sums.level + 0.5 * explained - half_ln_determinant + room.ln_ratio[0]
    return block.pivots.min()


@njit(cache=True, nogil=True, error_model="numpy")
def _unfold(cosine, sine, sums_c, sums_s):
    """Sums of cos and sin at f + (l + 1/2) df and f - (l + 1/2) df, ascending, from the four products of a block.

    cos(x + y) = cx cy - sx sy and cos(x - y) = cx cy + sx sy, and likewise for sin.
    """
    for lane in range(HALF):
        cc, cs = cosine[lane], cosine[HALF + lane]
        sc, ss = sine[lane], sine[HALF + lane]
        sums_c[HALF + lane], sums_c[HALF - 1 - lane] = cc - ss, cc + ss
        sums_s[HALF + lane], sums_s[HALF - 1 - lane] = sc + cs, sc - cs


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _assemble(lane, block, sums, model, room):
    """B and y of one frequency, from the sums of every channel: weight, weighted statics, velocity."""
    cosine, sine, matrix, vector = block.cosine, block.sine, room.matrix, room.vector
    statics = len(sums.vector)
    matrix[0, 0] = 0.5 * (sums.matrix[0, 0] + cosine[1, 0, lane])
    matrix[1, 1] = 0.5 * (sums.matrix[0, 0] - cosine[1, 0, lane])
    matrix[1, 0] = 0.5 * sine[1, 0, lane]
    vector[0], vector[1] = cosine[0, statics, lane], sine[0, statics, lane]
    for q in range(statics):
        matrix[2 + q, 0], matrix[2 + q, 1] = cosine[0, q, lane], sine[0, q, lane]
        vector[2 + q] = sums.vector[q]
        for i in range(q + 1):
            matrix[2 + q, 2 + i] = sums.matrix[q, i]
    for k in range(len(model.precision)):
        matrix[k, k] += room.precision[k]
        vector[k] += room.precision[k] * model.mean[k]
