"""Where L is narrower than the grid of the search: boxes of frequency, eccentricity and phase, halved until they fit.

A box is integrated by the products of five Gauss points an axis. Along each line of points ln L is taken for a
parabola, a + s x + c x^2 / 2 for x from -1 to 1; with D the larger of |s| + |c| / 2 and 1.98 |c|^(1/2), the rule's
error is about 4e-10 D^10 of the highest value (that of exp(D x), and of a normal density that is highest there); and
the highest value on the line bounds what it may hold. The box is halved across the axis of the largest error until all
three together are below a share of the whole, and as long as a known mode in it is not seen.
Leaves are nodes: at each frequency and eccentricity the mass, summed over the phases.

Where few visits near periastron fix its time, modes are narrow ridges: of the phase with the frequency, and with the
eccentricity. A box's phase is counted from phase = z + a (f - f_0) + b (e - e_m), slanted as the cell's best mode is;
volumes stay, and so does what all boxes of a cell cover.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.points import fill, put

RULE = 5
POINTS, WEIGHTS = (
    values * scale for values, scale in zip(np.polynomial.legendre.leggauss(RULE), (1, 0.5), strict=True)
)
# Of the rule, for exp(D x): 2^10 (5!)^4 / (11 (10!)^3) D^10, and half of it as the integral is two.
GAUSS_ERROR, GAUSS_ORDER = 4e-10, 10
# The tenth root of 945, the tenth derivative of a standard normal density over the density at 0.
NORMAL = 1.98
# A mode is seen where a point of its box is so near in ln L; what is beside a leaf counts where that is so near the
# best.
SEEN, NEIGHBOUR = 3.0, 14.0
# By so much a point is higher than the best mode that was known: all is done again with the mode that it leads to.
BETTER = 1.0
# By how much of D ln L may be higher at the ends of a box than at its last points, and between them; and the largest D
# where there is something.
BEYOND_POINTS, MARGIN, MOST_BEND = 0.15, 0.05, 6.0
# D beyond which parabolas tell nothing; and how near a mode must be for them to be asked still, in its deviations.
WILD, REACH = 30.0, 6.0
MOST_WAITING = 4096


class Slant(NamedTuple):
    """Of the phase: a [rad d] from f_0 [1/d] on, and b [rad] from e_m on."""

    by_frequency: float
    frequency: float
    by_e: float
    e: float


class Leaves(NamedTuple):
    """Boxes that fit, and the nodes they leave.

    Attributes
    ----------
    ends : (N, 6) lower and upper ends of f, e and z
    slant : (N, 2) a and b of the slants
    start : (N,) the phase of z = 0 in the middle of f and e
    top, at : (N,) highest ln L of the points, and (N, 3) f, e and z of it
    ceiling : (N,) what ln L does not exceed in the box
    ln_period, e, share : (N, 5, 5) nodes: ln P, e, and mass in units of the highest known L
    """

    ends: np.ndarray
    slant: np.ndarray
    start: np.ndarray
    top: np.ndarray
    at: np.ndarray
    ceiling: np.ndarray
    ln_period: np.ndarray
    e: np.ndarray
    share: np.ndarray


class Scale(NamedTuple):
    """By what boxes are judged: the highest known ln L, and the error that a box may have, in units of that L."""

    best: float
    error: float


@njit(cache=True, nogil=True)
def room_for(count):
    """Leaves to be filled."""
    nodes = count, RULE, RULE
    ends, slant, at, each = np.empty((count, 6)), np.empty((count, 2)), np.empty((count, 3)), np.empty((3, count))
    return Leaves(ends, slant, each[0], each[1], at, each[2], np.empty(nodes), np.empty(nodes), np.empty(nodes))


@njit(cache=True, nogil=True)
def _with_room(leaves, count):
    """The leaves, in a place twice as large if they fill theirs."""
    if count < len(leaves.top):
        return leaves
    bigger = room_for(2 * count)
    bigger.ends[:count], bigger.slant[:count], bigger.start[:count] = leaves.ends, leaves.slant, leaves.start
    bigger.top[:count], bigger.at[:count], bigger.ceiling[:count] = leaves.top, leaves.at, leaves.ceiling
    bigger.ln_period[:count], bigger.e[:count], bigger.share[:count] = leaves.ln_period, leaves.e, leaves.share
    return bigger


@njit(cache=True, nogil=True, error_model="numpy")
def integrate_box(box, slant, modes, scale, higher, leaves, count, system, room):
    """Add the leaves of a box; returns the leaves and their number.

    Where ln L is higher than the best that was known, it ends, and `higher` (4,) is that point and its ln L.
    """
    waiting = np.empty((MOST_WAITING, 6))
    values, errors = np.empty((RULE, RULE, RULE)), np.empty((3, 2))
    waiting[0], depth = box, 1
    while depth > 0:
        depth -= 1
        ends = waiting[depth].copy()
        top = _evaluate(ends, slant, values, system, room)
        if top > scale.best + BETTER:
            higher[3] = top
            _fill_point(ends, values, higher)
            higher[2] += slanted(higher[0], higher[1], slant)
            break
        volume, near = _volume(ends), _near_a_mode(ends, modes)
        for axis in range(3):
            errors[axis] = _error(axis, values, volume, near, scale)
        axis, fits = int(np.argmax(errors[:, 0])), errors[:, 0].sum() <= scale.error
        if fits and _hides_a_mode(ends, slant, top, modes):
            axis, fits = int(np.argmax(errors[:, 1])), False
        if not fits and depth < MOST_WAITING - 2:
            middle = 0.5 * (ends[2 * axis] + ends[2 * axis + 1])
            waiting[depth], waiting[depth + 1] = ends, ends
            waiting[depth, 2 * axis], waiting[depth + 1, 2 * axis + 1] = middle, middle
            depth += 2
        else:
            leaves = _with_room(leaves, count)
            _add_leaf(ends, slant, values, volume, scale, leaves, count)
            leaves.ceiling[count] = top + BEYOND_POINTS * np.minimum(errors[:, 1], MOST_BEND).sum() + MARGIN
            count += 1
    return leaves, count


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(ends, slant, values, system, room):
    """Fill (5, 5, 5) ln L at the Gauss points of a box; returns the highest."""
    for i in range(RULE):
        frequency = _point(ends[0], ends[1], i)
        for j in range(RULE):
            e = _point(ends[2], ends[3], j)
            start = slanted(frequency, e, slant)
            for k in range(RULE):
                put((RULE * i + j) * RULE + k, frequency, e, start + _point(ends[4], ends[5], k), room)
    fill(values.size, system, room)
    values.ravel()[:] = room.values[: values.size]
    return values.max()


@njit(cache=True, nogil=True)
def _fill_point(ends, values, point):
    """The frequency, eccentricity and z of the highest of a box's points."""
    k = np.argmax(values)
    point[0] = _point(ends[0], ends[1], k // RULE**2)
    point[1] = _point(ends[2], ends[3], k // RULE % RULE)
    point[2] = _point(ends[4], ends[5], k % RULE)


@njit(**NO_ARRAYS)
def slanted(frequency, e, slant):
    """The phase of z = 0 at a frequency and an eccentricity."""
    return slant.by_frequency * (frequency - slant.frequency) + slant.by_e * (e - slant.e)


@njit(**NO_ARRAYS)
def _point(low, high, k):
    """A Gauss point of an interval."""
    return 0.5 * (low + high) + 0.5 * (high - low) * POINTS[k]


@njit(**NO_ARRAYS)
def _volume(ends):
    """Of a box in d ln P de d(phase) / 2 pi, by its middle frequency."""
    return 2 * (ends[1] - ends[0]) / (ends[0] + ends[1]) * (ends[3] - ends[2]) * (ends[5] - ends[4]) / TWO_PI


@njit(cache=True, nogil=True, error_model="numpy")
def _error(axis, values, volume, near, scale):
    """The error that the rule along an axis may make, in mass; and the largest D of its lines."""
    total, largest, every, stride = 0.0, 0.0, values.ravel(), RULE ** (2 - axis)
    for i in range(RULE):
        for j in range(RULE):
            # of the other two axes the last is that of j
            first = (RULE**2 if axis > 0 else RULE) * i + (RULE if axis == 2 else 1) * j
            bend, top = _line(every, first, stride, near)
            share = (
                WEIGHTS[i] * WEIGHTS[j] * min(GAUSS_ERROR * bend**GAUSS_ORDER, 1.0) * min(3.0 / max(bend, 1e-9), 1.0)
            )
            total += share * np.exp(min(top - scale.best, 30.0))
            largest = max(largest, bend)
    return total * volume, largest


@njit(**NO_ARRAYS)
def _line(every, first, stride, near):
    """D of a line of points, by the parabola through the middle and the ends; and the highest that ln L may be on it.

    What the other points are away from the parabola counts in D as well: a narrow mode may be seen by one alone. The
    highest is that of this parabola and of those through any three neighbours; or of the points, where ln L changes
    wildly and no mode is near that could hide between them.
    """
    values = (
        every[first],
        every[first + stride],
        every[first + 2 * stride],
        every[first + 3 * stride],
        every[first + 4 * stride],
    )
    a, b, c, highest = values[0], values[2], values[4], max(values)
    slope, curvature = (c - a) / (2 * POINTS[RULE - 1]), (c - 2 * b + a) / POINTS[RULE - 1] ** 2
    bend = max(abs(slope) + 0.5 * abs(curvature), NORMAL * np.sqrt(abs(curvature)))
    top = b + max(abs(slope) + 0.5 * curvature, 0.0)
    if abs(slope) < -curvature:
        top = max(top, b - 0.5 * slope * slope / curvature)
    for k in range(RULE):
        away = values[k] - b - POINTS[k] * (slope + 0.5 * curvature * POINTS[k])
        bend = max(bend, 2 * abs(away))
    if bend > WILD and not near:
        return bend, highest
    top = max(top, highest)
    for k in range(RULE - 2):
        x, y, z = POINTS[k], POINTS[k + 1], POINTS[k + 2]
        rise = (values[k + 1] - values[k]) / (y - x)
        turn = ((values[k + 2] - values[k + 1]) / (z - y) - rise) / (z - x)
        at = 0.5 * (x + y) - 0.5 * rise / turn if turn < 0 else 2.0
        if abs(at) <= 1:
            top = max(top, values[k] + (at - x) * (rise + turn * (at - y)))
    return bend, top


@njit(**NO_ARRAYS)
def _near_a_mode(ends, modes):
    """Whether a mode reaches into a box, at whatever phase."""
    for mode in modes:
        f, e = REACH * mode[4], REACH * mode[5]
        if ends[0] - f <= mode[0] <= ends[1] + f and ends[2] - e <= mode[1] <= ends[3] + e:
            return True
    return False


@njit(**NO_ARRAYS)
def _hides_a_mode(ends, slant, top, modes):
    """Whether a mode lies in a box of which no point comes near to it."""
    for mode in modes:
        z = (mode[2] - slanted(mode[0], mode[1], slant)) % TWO_PI
        inside = ends[0] <= mode[0] <= ends[1] and ends[2] <= mode[1] <= ends[3] and ends[4] <= z <= ends[5]
        if inside and top < mode[3] - SEEN:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _add_leaf(ends, slant, values, volume, scale, leaves, row):
    """Make a leaf of a box."""
    leaves.ends[row], leaves.top[row] = ends, values.max()
    _fill_point(ends, values, leaves.at[row])
    leaves.slant[row] = slant.by_frequency, slant.by_e
    middle = 0.5 * (ends[0] + ends[1])
    leaves.start[row] = slanted(middle, 0.5 * (ends[2] + ends[3]), slant)
    for i in range(RULE):
        frequency = _point(ends[0], ends[1], i)
        ln_period, weight = -np.log(frequency), WEIGHTS[i] * volume * middle / frequency
        for j in range(RULE):
            share = 0.0
            for k in range(RULE):
                share += WEIGHTS[k] * np.exp(values[i, j, k] - scale.best)
            share *= weight * WEIGHTS[j]
            leaves.ln_period[row, i, j], leaves.e[row, i, j] = ln_period, _point(ends[2], ends[3], j)
            leaves.share[row, i, j] = share
