"""ln L of a system on a uniform grid of frequencies, with its orbital coefficients integrated out: the fast kernel.

For a linear basis A(f) = [cos k w t, sin k w t (k = 1..H), Z] with w = 2 pi f and static columns Z (the first is the
constant), weights C^-1 and the prior theta ~ N(m, L), the quantities of `orbit`,

    ln L(f) = -1/2 [v'C^-1 v + m'L^-1 m - y'B^-1 y] - 1/2 ln|B| - 1/2 ln|L| - 1/2 sum ln(2 pi C_jj),
    B = A'C^-1 A + L^-1,        y = A'C^-1 v + L^-1 m,

need, for every f and every noise, only sums of weights times cos(m w t) and sin(m w t): products of two harmonics are
sums of harmonics. The kernel goes through the grid in blocks of 64 frequencies
f_b +- (l + 1/2) df around their centre. With x = m w_b t_j and y = m (l + 1/2) 2 pi df t_j,

    sum_j g_j cos(x +- y) = sum_j (g_j cos x) cos y -+ sum_j (g_j sin x) sin y,

and likewise for sin: matrix products of the rows (g cos x, g sin x) of some blocks with a table of cos y and sin y,
made once, each product serving two frequencies. The phase x at the first of 16 blocks is computed anew, its product
f_b t_j carried to twice the precision, and rotated from block to block: errors do not grow along the grid. Frequencies
are whole multiples of a step df of 24 significant bits, so that they are exact in double precision.

A model with an uncertain noise is a sum over the points of its lattice (`noise`): `scan` takes one of them, and
`ln_likelihood_at` adds them all up. Where there are several harmonics it also multiplies each term by the probability
that the `fundamental` is the strongest, which `scan` leaves out.

Velocities are taken about their mean and times about the middle of the visits: the sums then lose the fewest digits.
That moves the prior mean m of v0; the prior of each harmonic is isotropic, so that its phase origin is free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.fundamental import ln_prior_share, ln_share
from starpop.system_model import SystemModel
from starpop.visits import Visits

LANES = 64
BLOCKS = 16
# Where a pivot of B loses three digits (few visits, aliased) the difference of squares loses too many: at such
# frequencies ln L is evaluated from residuals.
NEAR_SINGULAR = 1e-3
# Up to this sum of (v/sigma)^2 a difference of squares is good to 1e-10.
LARGEST_SQUARES = 1e5
POINTS_PER_RESOLUTION = 10
# With few visits ln L is a ratio of sums whose maxima crowd (two within 0.1/T of each other are common at four
# visits), and the grid is refined: less than twofold from this many visits on, fifteenfold at four.
CROWDED_VISITS = 15
# A noise whose term is by so much below another's in ln may lack its condition.
NEGLIGIBLE = 25.0


class LinearModel(NamedTuple):
    """One system's visits, the basis and prior of its orbit, and its noise: what the compiled functions take.

    Attributes
    ----------
    time : (J,) times about `time_origin` [d]
    weight : (J, K) inverse variances at every point of the noise's lattice, descending [s^2/km^2]
    velocity : (J,) velocities about `velocity_origin` [km/s]
    static : (J, q) columns that do not depend on the frequency; the first is the constant
    harmonics : number H of harmonics
    precision : (2H + q,) prior precisions, harmonics first [s^2/km^2]
    mean : (2H + q,) prior means about the origins [km/s]
    constant : (K,) what does not depend on the frequency in ln L, with the ln of the point's weight
    time_origin : time of the middle, from the system's first visit [d]
    velocity_origin : weighted mean velocity [km/s]
    """

    time: np.ndarray
    weight: np.ndarray
    velocity: np.ndarray
    static: np.ndarray
    harmonics: int
    precision: np.ndarray
    mean: np.ndarray
    constant: np.ndarray
    time_origin: float
    velocity_origin: float

    @property
    def baseline_days(self) -> float:
        """Time from the first to the last visit [d]."""
        return float(np.ptp(self.time))

    def at_noise(self, first: int, end: int) -> LinearModel:
        """The model with some of the points of its noise only."""
        return self._replace(weight=np.ascontiguousarray(self.weight[:, first:end]), constant=self.constant[first:end])


class Room(NamedTuple):
    """Room for `ln_likelihood_at`: B and its factor, y and theta, at one noise and at all; the design matrix.

    For a circular orbit, products of its columns and their sums with the weights. At each point of noise, sums of the
    weights with 1, the velocities, and their squares; the term of `ln_likelihood_at`; chi2.
    """

    matrix: np.ndarray
    vector: np.ndarray
    matrices: np.ndarray
    vectors: np.ndarray
    design: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    velocities: np.ndarray
    squares: np.ndarray
    terms: np.ndarray
    chi2: np.ndarray


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


def linear_model(visits: Visits, model: SystemModel) -> LinearModel:
    """Prepare a system for the kernel."""
    noise = model.noise.lattice(visits.rv_kms, visits.rv_err_kms)
    weight = visits.rv_err_kms**-2
    velocity_origin = float(np.sum(weight * visits.rv_kms) / np.sum(weight))
    time_origin = 0.5 * float(visits.time_days.min() + visits.time_days.max())
    sd = model.standard_deviations(visits)
    mean = np.zeros(len(sd))
    mean[2 * model.harmonics] = -velocity_origin
    ln_determinant = np.sum(np.log(2 * np.pi * noise.variance), axis=1)
    return LinearModel(
        visits.time_days - time_origin,
        np.ascontiguousarray(1 / noise.variance.T),
        visits.rv_kms - velocity_origin,
        model.static_columns(visits),
        model.harmonics,
        sd**-2,
        mean,
        noise.ln_weight - 0.5 * ln_determinant - np.sum(np.log(sd)) - ln_prior_share(sd, model.harmonics),
        time_origin,
        velocity_origin,
    )


def lattice(period_range_days: tuple[float, float], baseline_days: float, visits: int) -> Lattice:
    """Frequencies inside a period range, fine enough to bracket the maxima of ln L; at least 100."""
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    points = POINTS_PER_RESOLUTION * (1 + (CROWDED_VISITS / visits) ** 2)
    return uniform_lattice(low, high, max(int(np.ceil(points * (high - low) * baseline_days)), 100))


def uniform_lattice(low: float, high: float, steps: int) -> Lattice:
    """A lattice of about so many steps inside [low, high]."""
    mantissa, exponent = math.frexp((high - low) / steps)
    step = math.ldexp(math.floor(math.ldexp(mantissa, 24)), exponent - 24)
    first, last = math.ceil(low / step), math.floor(high / step)
    return Lattice(first, last - first + 1, step)


def scan(model: LinearModel, grid: Lattice, noise: int = 0) -> np.ndarray:
    """(count,) ln-likelihood on a lattice of frequencies, at one point of the noise's lattice."""
    values = np.empty(grid.count)
    scan_kernel(model.at_noise(noise, noise + 1), grid.first, grid.step, values)
    return values


@njit(cache=True, nogil=True)
def turns(frequency, time):
    """Fraction of a turn of frequency * time, the product carried to twice the precision (Dekker 1971)."""
    product = frequency * time
    split = 134217729.0 * frequency
    f_high = split - (split - frequency)
    f_low = frequency - f_high
    split = 134217729.0 * time
    t_high = split - (split - time)
    t_low = time - t_high
    error = ((f_high * t_high - product) + f_high * t_low + f_low * t_high) + f_low * t_low
    return (product - np.rint(product)) + error


@njit(cache=True, nogil=True, error_model="numpy")
def _phase_tables(time, step, tables):
    """cos, then sin, of 2 pi m (l + 1/2) step t_j: tables[m - 1, j], for the half lanes l of a block."""
    half = LANES // 2
    for j in range(len(time)):
        turn = 2 * np.pi * turns(step, time[j])
        turn_c, turn_s = np.cos(turn), np.sin(turn)
        start = 2 * np.pi * turns(0.5 * step, time[j])
        c, s = np.cos(start), np.sin(start)
        for lane in range(half):
            tables[0, j, lane], tables[0, j, half + lane] = c, s
            c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s
    for m in range(1, tables.shape[0]):
        for j in range(len(time)):
            for lane in range(half):
                c, s = tables[0, j, lane], tables[0, j, half + lane]
                before_c, before_s = tables[m - 1, j, lane], tables[m - 1, j, half + lane]
                tables[m, j, lane] = before_c * c - before_s * s
                tables[m, j, half + lane] = before_s * c + before_c * s


@njit(cache=True, nogil=True, error_model="numpy")
def _phase_rows(frequency, time, turn_c, turn_s, base_c, base_s):
    """cos and sin of 2 pi f t_j at the centre f of every block of a chunk: the first exact, the others rotated."""
    for j in range(len(time)):
        angle = 2 * np.pi * turns(frequency, time[j])
        c, s = np.cos(angle), np.sin(angle)
        for block in range(BLOCKS):
            base_c[block, j], base_s[block, j] = c, s
            c, s = c * turn_c[j] - s * turn_s[j], s * turn_c[j] + c * turn_s[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _unfold(cosine, sine, sums_c, sums_s):
    """Sums of cos and sin at f + (l + 1/2) df and f - (l + 1/2) df, ascending, from the four products of a block.

    cos(x + y) = cx cy - sx sy and cos(x - y) = cx cy + sx sy, and likewise for sin.
    """
    half = LANES // 2
    for lane in range(half):
        cc, cs = cosine[lane], cosine[half + lane]
        sc, ss = sine[lane], sine[half + lane]
        sums_c[half + lane], sums_c[half - 1 - lane] = cc - ss, cc + ss
        sums_s[half + lane], sums_s[half - 1 - lane] = sc + cs, sc - cs


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _eliminate(cc, cs, ss, c, s, yc, ys, y0, inverse_total):
    """The determinant of the circular orbit's three equations without v0's pivot, and y'B^-1 y without v0's share.

    v0 is eliminated first, then a.
    """
    cc -= c * c * inverse_total
    cs -= c * s * inverse_total
    ss -= s * s * inverse_total
    yc -= c * y0 * inverse_total
    ys -= s * y0 * inverse_total
    inverse = 1 / cc
    ratio = cs * inverse
    pivot = ss - cs * ratio
    rest = ys - ratio * yc
    return cc * pivot, yc * yc * inverse + rest * rest / pivot


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _solve_circular(first_c, first_s, second_c, second_s, data_c, data_s, sign, constants, determinant, quadratic):
    """`_eliminate` at f + sign (l + 1/2) df for all l.

    The sums of the weights at f and 2 f and of the weighted velocities come as products of `_unfold`'s kind.
    """
    half = LANES // 2
    half_weight, prior_precision, inverse_total, y0 = constants
    for lane in range(half):
        c = first_c[lane] - sign * first_s[half + lane]
        s = first_s[lane] + sign * first_c[half + lane]
        c2 = 0.5 * (second_c[lane] - sign * second_s[half + lane])
        s2 = 0.5 * (second_s[lane] + sign * second_c[half + lane])
        determinant[lane], quadratic[lane] = _eliminate(
            half_weight + c2 + prior_precision,
            s2,
            half_weight - c2 + prior_precision,
            c,
            s,
            data_c[lane] - sign * data_s[half + lane],
            data_s[lane] + sign * data_c[half + lane],
            y0,
            inverse_total,
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _assemble(cosine, sine, harmonics, channels, lane, static_matrix, static_vector, precision, mean, matrix, vector):
    """B and y of one frequency, from the sums of every harmonic m and channel: weight, weighted statics, velocity."""
    last = channels - 1
    for k in range(harmonics):
        for i in range(k + 1):
            total, difference = k + i + 1, k - i - 1
            plus_c, plus_s = cosine[total, 0, lane], sine[total, 0, lane]
            if difference >= 0:
                minus_c, minus_s = cosine[difference, 0, lane], sine[difference, 0, lane]
            else:
                minus_c, minus_s = static_matrix[0, 0], 0.0
            matrix[2 * k, 2 * i] = 0.5 * (minus_c + plus_c)
            matrix[2 * k + 1, 2 * i + 1] = 0.5 * (minus_c - plus_c)
            matrix[2 * k + 1, 2 * i] = 0.5 * (plus_s + minus_s)
            matrix[2 * k, 2 * i + 1] = 0.5 * (plus_s - minus_s)
        vector[2 * k], vector[2 * k + 1] = cosine[k, last, lane], sine[k, last, lane]
        for q in range(last):
            matrix[2 * harmonics + q, 2 * k] = cosine[k, q, lane]
            matrix[2 * harmonics + q, 2 * k + 1] = sine[k, q, lane]
    for q in range(last):
        vector[2 * harmonics + q] = static_vector[q]
        for i in range(q + 1):
            matrix[2 * harmonics + q, 2 * harmonics + i] = static_matrix[q, i]
    for k in range(len(precision)):
        matrix[k, k] += precision[k]
        vector[k] += precision[k] * mean[k]


@njit(cache=True, nogil=True, error_model="numpy")
def scan_kernel(model, first, step, values):
    """ln-likelihood at the frequencies (first + k) * step; the model has one point of noise."""
    time, velocity, static, harmonics = model.time, model.velocity, model.static, model.harmonics
    precision, mean = model.precision, model.mean
    weight, constant = model.weight[:, 0], model.constant[0]
    visits, count, channels = len(time), len(values), static.shape[1] + 1
    columns = len(precision)
    weighted = np.empty((channels, visits))
    static_matrix, static_vector = np.zeros((channels, channels)), np.zeros(channels)
    unexplained = 0.0
    for j in range(visits):
        for q in range(channels - 1):
            weighted[q, j] = weight[j] * static[j, q]
            static_vector[q] += weighted[q, j] * velocity[j]
            for i in range(q + 1):
                static_matrix[q, i] += weighted[q, j] * static[j, i]
        weighted[channels - 1, j] = weight[j] * velocity[j]
        unexplained += weight[j] * velocity[j] ** 2
    for k in range(columns):
        unexplained += precision[k] * mean[k] ** 2
    offset = constant - 0.5 * unexplained

    tables = np.empty((2 * harmonics, visits, LANES))
    _phase_tables(time, step, tables)
    turn_c, turn_s = np.empty(visits), np.empty(visits)
    for j in range(visits):
        angle = 2 * np.pi * turns(LANES * step, time[j])
        turn_c[j], turn_s[j] = np.cos(angle), np.sin(angle)
    base_c, base_s = np.empty((BLOCKS, visits)), np.empty((BLOCKS, visits))
    power_c, power_s = np.empty((BLOCKS, visits)), np.empty((BLOCKS, visits))
    rows = np.empty((2 * channels * BLOCKS, visits))
    products = np.empty((2 * harmonics, 2 * channels * BLOCKS, LANES))
    cosine, sine = np.empty((2 * harmonics, channels, LANES)), np.empty((2 * harmonics, channels, LANES))
    determinant, quadratic = np.empty(LANES // 2), np.empty(LANES // 2)
    room = workspace(model)
    matrix, vector = room.matrix, room.vector
    diagonal = np.empty(columns)
    circular = columns == 3
    total = static_matrix[0, 0] + precision[2]
    y0 = static_vector[0] + precision[2] * mean[2]
    level = offset + 0.5 * (y0 * y0 / total - np.log(total))
    half = LANES // 2

    for start in range(0, count, LANES * BLOCKS):
        _phase_rows((first + start + 0.5 * (LANES - 1)) * step, time, turn_c, turn_s, base_c, base_s)
        power_c[:], power_s[:] = base_c, base_s
        blocks = min(BLOCKS, (count - start + LANES - 1) // LANES)
        for m in range(2 * harmonics):
            # weights alone serve the harmonics above H, of which only sums with each other are needed
            used = channels if m < harmonics else 1
            for q in range(used):
                for block in range(blocks):
                    row = 2 * (q * blocks + block)
                    for j in range(visits):
                        rows[row, j] = weighted[q, j] * power_c[block, j]
                        rows[row + 1, j] = weighted[q, j] * power_s[block, j]
            np.dot(rows[: 2 * used * blocks], tables[m], products[m, : 2 * used * blocks])
            for block in range(blocks):
                for j in range(visits):
                    c, s = power_c[block, j], power_s[block, j]
                    power_c[block, j] = c * base_c[block, j] - s * base_s[block, j]
                    power_s[block, j] = s * base_c[block, j] + c * base_s[block, j]
        for block in range(blocks):
            here = start + block * LANES
            lanes = min(LANES, count - here)
            if circular:
                row, data = 2 * block, 2 * (blocks + block)
                for sign in (-1.0, 1.0):
                    _solve_circular(
                        products[0, row],
                        products[0, row + 1],
                        products[1, row],
                        products[1, row + 1],
                        products[0, data],
                        products[0, data + 1],
                        sign,
                        (0.5 * static_matrix[0, 0], precision[0], 1 / total, y0),
                        determinant,
                        quadratic,
                    )
                    for lane in range(half):
                        at = half + lane if sign > 0 else half - 1 - lane
                        if at >= lanes:
                            continue
                        values[here + at] = level + 0.5 * (quadratic[lane] - np.log(determinant[lane]))
                        if determinant[lane] < NEAR_SINGULAR * static_matrix[0, 0] ** 2:
                            fill_design((first + here + at) * step, model, room)
                            values[here + at] = _without_condition(weight, constant, model, room)
            else:
                for m in range(2 * harmonics):
                    for q in range(channels if m < harmonics else 1):
                        row = 2 * (q * blocks + block)
                        _unfold(products[m, row], products[m, row + 1], cosine[m, q], sine[m, q])
                for lane in range(lanes):
                    _assemble(
                        cosine,
                        sine,
                        harmonics,
                        channels,
                        lane,
                        static_matrix,
                        static_vector,
                        precision,
                        mean,
                        matrix,
                        vector,
                    )
                    for k in range(columns):
                        diagonal[k] = matrix[k, k]
                    half_ln_determinant = _cholesky(matrix, precision)
                    _forward(columns, matrix, vector)
                    explained, smallest = 0.0, 1.0
                    for k in range(columns):
                        explained += vector[k] ** 2
                        smallest = min(smallest, matrix[k, k] ** 2 / diagonal[k])
                    values[here + lane] = offset + 0.5 * explained - half_ln_determinant
                    if smallest < NEAR_SINGULAR:
                        fill_design((first + here + lane) * step, model, room)
                        values[here + lane] = _without_condition(weight, constant, model, room)


@njit(cache=True, nogil=True, error_model="numpy")
def _cholesky(matrix, least):
    """Replace the lower half of a matrix by its Cholesky factor; returns 1/2 ln of its determinant.

    No pivot is below the least it can be. The matrix is a diagonal of precisions plus what the visits add, so that no
    pivot can be below its precision; but where there are fewer visits than columns rounding would have it so, and even
    negative, when the errors are tiny.
    """
    ln_diagonal = 0.0
    for k in range(len(least)):
        for i in range(k + 1):
            total = matrix[k, i]
            for m in range(i):
                total -= matrix[k, m] * matrix[i, m]
            matrix[k, i] = np.sqrt(max(total, least[k])) if i == k else total / matrix[i, i]
        ln_diagonal += np.log(matrix[k, k])
    return ln_diagonal


@njit(cache=True, nogil=True, error_model="numpy")
def _forward(count, factor, vector):
    """Solve factor x = vector in place."""
    for k in range(count):
        for i in range(k):
            vector[k] -= factor[k, i] * vector[i]
        vector[k] /= factor[k, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _backward(count, factor, vector):
    """Solve factor' x = vector in place."""
    for k in range(count - 1, -1, -1):
        for i in range(k + 1, count):
            vector[k] -= factor[i, k] * vector[i]
        vector[k] /= factor[k, k]


@njit(cache=True, nogil=True)
def workspace(model):
    """Room for `ln_likelihood_at`."""
    columns, (visits, points) = len(model.precision), model.weight.shape
    weights, velocities, squares = np.zeros(points), np.zeros(points), np.zeros(points)
    for j in range(visits):
        weights += model.weight[j]
        velocities += model.velocity[j] * model.weight[j]
        squares += model.velocity[j] ** 2 * model.weight[j]
    squares += np.sum(model.precision * model.mean**2)
    return Room(
        np.empty((columns, columns)),
        np.empty(columns),
        np.empty((columns, columns, points)),
        np.empty((columns, points)),
        np.empty((visits, columns)),
        np.empty((7, visits)),
        np.empty((7, points)),
        weights,
        velocities,
        squares,
        np.empty(points),
        np.empty(points),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def fill_design(frequency, model, room):
    """The design matrix at a frequency."""
    design, harmonics = room.design, model.harmonics
    for j in range(len(model.time)):
        angle = 2 * np.pi * turns(frequency, model.time[j])
        c, s = np.cos(angle), np.sin(angle)
        design[j, 0], design[j, 1] = c, s
        for k in range(1, harmonics):
            design[j, 2 * k] = design[j, 2 * k - 2] * c - design[j, 2 * k - 1] * s
            design[j, 2 * k + 1] = design[j, 2 * k - 1] * c + design[j, 2 * k - 2] * s
        for q in range(model.static.shape[1]):
            design[j, 2 * harmonics + q] = model.static[j, q]


@njit(cache=True, nogil=True, error_model="numpy")
def factorise(weight, precision, least, model, room):
    """Cholesky factor of B (lower half of the matrix), theta = B^-1 y (the vector), and 1/2 ln|B|, at a noise.

    The precisions are the prior's, or others of which B is positive definite; no pivot is below the least.
    """
    matrix, vector, design = room.matrix, room.vector, room.design
    count = len(precision)
    for k in range(count):
        for i in range(k + 1):
            matrix[k, i] = 0.0
        matrix[k, k] = precision[k]
        vector[k] = precision[k] * model.mean[k]
    for j in range(len(weight)):
        for k in range(count):
            scaled = weight[j] * design[j, k]
            vector[k] += scaled * model.velocity[j]
            for i in range(k + 1):
                matrix[k, i] += scaled * design[j, i]
    half_ln_determinant = _cholesky(matrix, least)
    _forward(count, matrix, vector)
    _backward(count, matrix, vector)
    return half_ln_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def ln_likelihood_given_noise(weight, constant, model, room):
    """ln-likelihood at one noise and the frequency of the design matrix."""
    value = _without_condition(weight, constant, model, room)
    return value + ln_share(room.matrix, room.vector, model.harmonics) if model.harmonics > 1 else value


@njit(cache=True, nogil=True, error_model="numpy")
def _without_condition(weight, constant, model, room):
    """The same, whichever harmonic is the strongest.

    From residuals: it keeps its digits where sum (v/sigma)^2 is large.
    """
    half_ln_determinant = factorise(weight, model.precision, model.precision, model, room)
    vector, design = room.vector, room.design
    chi2 = 0.0
    for k in range(len(vector)):
        chi2 += model.precision[k] * (model.mean[k] - vector[k]) ** 2
    for j in range(len(weight)):
        residual = model.velocity[j]
        for k in range(len(vector)):
            residual -= design[j, k] * vector[k]
        chi2 += weight[j] * residual * residual
    return constant - 0.5 * chi2 - half_ln_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def ln_likelihood_at(frequency, model, room):
    """ln-likelihood at any one frequency, with the noise summed over."""
    fill_design(frequency, model, room)
    terms = room.terms
    if len(terms) == 1:
        terms[0] = ln_likelihood_given_noise(model.weight[:, 0], model.constant[0], model, room)
        return terms[0]
    _fill_terms(model, room)
    top = terms.max()
    total = 0.0
    for n in range(len(terms)):
        total += np.exp(terms[n] - top)
    return top + np.log(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_terms(model, room):
    """`ln_likelihood_given_noise` for all points of noise.

    From residuals, but for a circular orbit where the squares are small.
    """
    terms = room.terms
    exact = len(terms)
    small = len(model.precision) == 3 and room.squares[-1] <= LARGEST_SQUARES
    if small and not _fill_circular_terms(model, room):
        exact = np.sum(room.squares > LARGEST_SQUARES)
    if exact > 0:
        _fill_terms_from_residuals(exact, model, room)
    if model.harmonics > 1:
        # the condition lowers a term: what is negligible without it is so with it
        best = -np.inf
        for n in np.argsort(-terms):
            if terms[n] < best - NEGLIGIBLE:
                break
            room.matrix[:], room.vector[:] = room.matrices[:, :, n], room.vectors[:, n]
            terms[n] += ln_share(room.matrix, room.vector, model.harmonics)
            best = max(best, terms[n])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill_circular_terms(model, room):
    """The terms of a circular orbit from differences of squares, at all points of noise; whether one loses digits."""
    design, products, sums, terms = room.design, room.products, room.sums, room.terms
    for j in range(len(design)):
        c, s, v = design[j, 0], design[j, 1], model.velocity[j]
        products[0, j], products[1, j], products[2, j] = c * c, c * s, s * s
        products[3, j], products[4, j], products[5, j], products[6, j] = c, s, c * v, s * v
    np.dot(products, model.weight, sums)
    precision, prior_y0 = model.precision, model.precision[2] * model.mean[2]
    near_singular = 0
    for n in range(len(terms)):
        weight = room.weights[n]
        inverse_total, y0 = 1 / (weight + precision[2]), room.velocities[n] + prior_y0
        determinant, quadratic = _eliminate(
            sums[0, n] + precision[0],
            sums[1, n],
            sums[2, n] + precision[0],
            sums[3, n],
            sums[4, n],
            sums[5, n],
            sums[6, n],
            y0,
            inverse_total,
        )
        near_singular += determinant < NEAR_SINGULAR * weight**2
        room.chi2[n] = room.squares[n] - quadratic - y0 * y0 * inverse_total
        terms[n] = determinant / inverse_total
    for n in range(len(terms)):
        terms[n] = model.constant[n] - 0.5 * (room.chi2[n] + np.log(terms[n]))
    return near_singular > 0


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_terms_from_residuals(points, model, room):
    """The terms of the first points of noise, which are the innermost loops."""
    matrices, vectors, design, terms, chi2 = room.matrices, room.vectors, room.design, room.terms, room.chi2
    count = len(vectors)
    for k in range(count):
        vectors[k, :points] = model.precision[k] * model.mean[k]
        matrices[k, :k, :points] = 0.0
        matrices[k, k, :points] = model.precision[k]
    for j in range(len(design)):
        weight = model.weight[j]
        for k in range(count):
            scaled = design[j, k] * model.velocity[j]
            for n in range(points):
                vectors[k, n] += scaled * weight[n]
            for i in range(k + 1):
                product = design[j, k] * design[j, i]
                for n in range(points):
                    matrices[k, i, n] += product * weight[n]
    terms[:points] = 1.0
    for k in range(count):
        for i in range(k + 1):
            for m in range(i):
                for n in range(points):
                    matrices[k, i, n] -= matrices[k, m, n] * matrices[i, m, n]
            if i < k:
                for n in range(points):
                    matrices[k, i, n] /= matrices[i, i, n]
                    vectors[k, n] -= matrices[k, i, n] * vectors[i, n]
            else:
                for n in range(points):
                    matrices[k, k, n] = np.sqrt(max(matrices[k, k, n], model.precision[k]))
                    terms[n] *= matrices[k, k, n]
        for n in range(points):
            vectors[k, n] /= matrices[k, k, n]
    chi2[:points] = 0.0
    for k in range(count - 1, -1, -1):
        for i in range(k + 1, count):
            for n in range(points):
                vectors[k, n] -= matrices[i, k, n] * vectors[i, n]
        for n in range(points):
            vectors[k, n] /= matrices[k, k, n]
            chi2[n] += model.precision[k] * (model.mean[k] - vectors[k, n]) ** 2
    residual = matrices[0, 1]  # in the half that is not used
    for j in range(len(design)):
        weight = model.weight[j]
        residual[:points] = model.velocity[j]
        for k in range(count):
            for n in range(points):
                residual[n] -= design[j, k] * vectors[k, n]
        for n in range(points):
            chi2[n] += weight[n] * residual[n] * residual[n]
    for n in range(points):
        terms[n] = model.constant[n] - 0.5 * chi2[n] - np.log(terms[n])


@njit(cache=True, nogil=True, error_model="numpy")
def scan_at(frequencies, model):
    """(F,) ln-likelihood as `scan` gives it, at any frequencies [1/d]; the model has one point of noise."""
    room = workspace(model)
    values = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        fill_design(frequencies[k], model, room)
        values[k] = _without_condition(model.weight[:, 0], model.constant[0], model, room)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def ln_shares(frequencies, noise, model):
    """(F,) ln of the probability that the fundamental is the strongest, at frequencies [1/d] and a noise for each."""
    room = workspace(model)
    values = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        fill_design(frequencies[k], model, room)
        factorise(model.weight[:, noise[k]], model.precision, model.precision, model, room)
        values[k] = ln_share(room.matrix, room.vector, model.harmonics)
    return values
