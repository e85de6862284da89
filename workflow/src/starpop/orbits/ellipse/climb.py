"""From points of the search to the modes beside them: least squares with the linear coefficients projected out.

Levenberg and Marquardt's method on chi^2 of visits and prior at one noise, with the coefficients at their best at each
step (variable projection: Golub & Pereyra 1973; of the derivative the part that moves the columns alone is kept:
Kaufman 1975, BIT 15, 49). Coordinates are f and (e cos phase, e sin phase), in which circles are nothing special.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import backward, cholesky, forward
from starpop.inference.compiled import NO_ARRAYS
from starpop.orbits.ellipse.kepler import TWO_PI, true_anomalies
from starpop.orbits.ellipse.lanes import EIGHT, rounded_up
from starpop.orbits.ellipse.points import evaluate, fill, put, room_for
from starpop.orbits.ellipse.system import System
from starpop.orbits.linear_model import LinearModel
from starpop.orbits.ln_likelihood import factorise, scale_prior, workspace

MOST_STEPS, MOST_CALM, MOST_POLISHED = 40, 2, 10
# Gains in ln L that are none; the damping at first, and beyond which no step helps.
NO_GAIN, DAMPING, HOPELESS = 1e-4, 1e-2, 1e8
# The longest step in units of 1 / (2 pi t), and in e cos and e sin of the phase.
LONGEST = np.array([0.6, 0.3, 0.3])
# The least pivots that the matrix of a step can have.
LEAST = np.full(3, 1e-12)
# Of their widths, by how much two modes are the same; and what is so far below the highest is none.
SAME_WIDTHS, TOO_LOW = 0.3, 50.0
# Of a mode: frequency, eccentricity, phase, ln L; the standard deviations of the first two, its volume in
# d ln P de d(phase) / 2 pi, and how its phase changes with frequency and eccentricity along its ridge.
MODE = 9
# Second derivatives: (a, b <= a) is the a (a + 1) / 2 + b-th. One, per step, that is none.
PAIRS = 6
FLAT = 1e-3


class Bounds(NamedTuple):
    """Of the frequency [1/d], and the largest eccentricity."""

    low: float
    high: float
    eccentricity: float


class Climbed(NamedTuple):
    """(N, 3) where climbs at one noise have led, (N, 3) the widths there as in `polish`, and (N,) the `_value`s."""

    at: np.ndarray
    width: np.ndarray
    value: np.ndarray


def climb_all(points: np.ndarray, noise: int, bounds: Bounds, model: LinearModel, system: System) -> np.ndarray:
    """(M, MODE) the modes reached from (N, 3) points at one noise, each once; not those that are far too low."""
    return polish_all(climb_from(points, noise, bounds, model), bounds, system)


@njit(cache=True, nogil=True, error_model="numpy")
def climb_from(points, noise, bounds, model):
    """Climb at one noise from (N, 3) points."""
    room, track = workspace(model), _track_for(model, noise)
    room.design[:, 2:] = model.static
    found = Climbed(np.empty((len(points), 3)), np.empty((len(points), 3)), np.empty(len(points)))
    for n in range(len(points)):
        found.at[n], found.width[n], found.value[n] = climb(points[n], bounds, track, model, room)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def polish_all(climbed, bounds, system):
    """(M, MODE) the modes beside some points, each once, and less those that are far too low."""
    room, values = room_for(system), evaluate(climbed.at, system)
    modes, kept, count = np.empty((len(values), MODE)), np.empty(len(values), np.int64), 0
    order = np.argsort(-values, kind="mergesort")
    for n in order:
        if values[n] >= values[order[0]] - TOO_LOW and not _is_among(n, kept[:count], climbed):
            modes[count] = polish(climbed.at[n], climbed.width[n], bounds, system, room)
            kept[count] = n
            count += 1
    return modes[:count]


@njit(cache=True, nogil=True, error_model="numpy")
def _is_among(n, others, climbed):
    """Whether a point is one of others, within SAME_WIDTHS of the smaller widths."""
    at = climbed.at
    x, y = at[n, 1] * np.cos(at[n, 2]), at[n, 1] * np.sin(at[n, 2])
    for m in others:
        near = SAME_WIDTHS * np.minimum(climbed.width[n], climbed.width[m])
        if abs(at[n, 0] - at[m, 0]) < near[0]:
            by_x, by_y = x - at[m, 1] * np.cos(at[m, 2]), y - at[m, 1] * np.sin(at[m, 2])
            if abs(by_x) < near[1] and abs(by_y) < near[2]:
                return True
    return False


class Track(NamedTuple):
    """Room for a climb at one noise: visits, padded to whole eights of anomalies, and the equations of a step.

    Attributes
    ----------
    scale : the unit of f [1/d]
    weight, residual : (J,) inverse variances, and what the best coefficients leave
    turn, cosine, sine : (8 ceil(J / 8),) mean anomalies in turns, and true ones
    slopes : (3, J) how the velocities change with f, e cos phase and e sin phase
    gradient, hessian : (3,), (3, 3) of chi^2 / 2
    damped : (3, 3) the matrix of a step
    """

    scale: float
    weight: np.ndarray
    residual: np.ndarray
    turn: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    slopes: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    damped: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def _track_for(model, noise):
    """Room for climbs of a model."""
    visits = len(model.time)
    padded, square = np.zeros((3, rounded_up(visits, EIGHT))), np.zeros((2, 3, 3))
    weight, scale = np.ascontiguousarray(model.weight[:, noise]), 1 / (TWO_PI * np.abs(model.time).max())
    slopes, gradient = np.empty((3, visits)), np.zeros(3)
    anomalies, equations = (padded[0], padded[1], padded[2]), (slopes, gradient, square[0], square[1])
    return Track(scale, weight, np.empty(visits), *anomalies, *equations)


@njit(cache=True, nogil=True, error_model="numpy")
def climb(start, bounds, track, model, room):
    """The mode reached from a point (frequency, eccentricity, phase), its widths as in `polish`, and its `_value`."""
    here, proposed, step = start.copy(), start.copy(), np.empty(3)
    best, damping, calm = -np.inf, DAMPING, 0
    track.gradient[:], track.hessian[:] = 0.0, 0.0
    for _ in range(MOST_STEPS):
        _fill_design(proposed, track, model, room)
        value = _value(track, model, room)
        if value > best:
            calm = calm + 1 if value - best < NO_GAIN else 0
            best, damping = value, max(0.2 * damping, 1e-9)
            here[:] = proposed
            _fill_slopes(here[1], here[2], track, model, room)
            _fill_equations(track)
        else:
            damping *= 5
        if calm == MOST_CALM or damping > HOPELESS:
            break
        _find_step(damping, track, step)
        x, y = here[1] * np.cos(here[2]) + step[1], here[1] * np.sin(here[2]) + step[2]
        proposed[0] = min(max(here[0] + step[0] * track.scale, bounds.low), bounds.high)
        proposed[1], proposed[2] = min(np.hypot(x, y), bounds.eccentricity), np.arctan2(y, x)
    widths = np.minimum(1 / np.sqrt(np.diag(track.hessian) + 1e-9), LONGEST)
    widths[0] *= track.scale
    return here, widths, best


@njit(**NO_ARRAYS)
def _fill_design(point, track, model, room):
    """The orbit's two columns of the design matrix, and the prior's precisions."""
    frequency, e, phase = point
    scale_prior(frequency, e, model, room)
    for j in range(len(model.time)):
        track.turn[j] = frequency * model.time[j] + phase / TWO_PI
    true_anomalies(track.turn, e, track.cosine, track.sine)
    for j in range(len(model.time)):
        room.design[j, 0], room.design[j, 1] = track.cosine[j] + e, -track.sine[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_equations(track):
    """The gradient, and the matrix of second derivatives by those of first order."""
    weight, residual, slopes = track.weight, track.residual, track.slopes
    track.gradient[:], track.hessian[:] = 0.0, 0.0
    for j in range(len(weight)):
        for a in range(3):
            scaled = weight[j] * slopes[a, j]
            track.gradient[a] += scaled * residual[j]
            for b in range(a + 1):
                track.hessian[a, b] += scaled * slopes[b, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _find_step(damping, track, step):
    """The damped step, no longer than the longest."""
    track.damped[:], step[:], length = track.hessian, track.gradient, 1.0
    for a in range(3):
        track.damped[a, a] += damping * (track.hessian[a, a] + 1e-6) + LEAST[a]
    cholesky(track.damped, LEAST)
    forward(3, track.damped, step)
    backward(3, track.damped, step)
    for a in range(3):
        length = max(length, abs(step[a]) / LONGEST[a])
    for a in range(3):
        step[a] /= length


@njit(cache=True, nogil=True, error_model="numpy")
def polish(start, widths, bounds, system, room):
    """The mode beside a start: the highest point of ln L itself, by Newton's method on differences.

    The determinant of the coefficients, and the noise, move a mode from where chi^2 is least.
    """
    here = np.array([start[0], start[1] * np.cos(start[2]), start[1] * np.sin(start[2])])
    best, damping, steps = _at(here, bounds, system, room), DAMPING, 0.3 * widths
    gradient, hessian = np.zeros(3), np.eye(3)
    for _ in range(MOST_POLISHED):
        gradient, hessian = _differences(here, steps, best, bounds, system, room)
        proposed, value = here, best
        while damping < HOPELESS:
            least = max(1e-6, -2 * np.linalg.eigvalsh(hessian)[0])
            step = np.linalg.solve(hessian + np.eye(3) * (damping + (least if least > 1e-6 else 0.0)), gradient)
            proposed = here + steps * step / max(np.max(np.abs(step)) / 10, 1.0)
            value = _at(proposed, bounds, system, room)
            if value > best:
                break
            damping *= 10
        if not value > best:
            break
        gain, best, here, damping = value - best, value, proposed, 0.1 * damping
        if gain < NO_GAIN:
            break
    mode = np.empty(MODE)
    mode[0] = min(max(here[0], bounds.low), bounds.high)
    mode[1], mode[2] = min(np.hypot(here[1], here[2]), bounds.eccentricity), np.arctan2(here[2], here[1])
    mode[3] = best
    _describe(mode, hessian, steps)
    return mode


@njit(cache=True, nogil=True, error_model="numpy")
def _describe(mode, hessian, steps):
    """Fill in the extent of a mode, from minus the second derivatives of ln L in units of the steps."""
    scaled = hessian / np.outer(steps, steps)
    values, vectors = np.linalg.eigh(hessian)
    values = np.maximum(values, FLAT)
    covariance = (vectors / values) @ vectors.T * np.outer(steps, steps)
    e, c, s = max(mode[1], 1e-6), np.cos(mode[2]), np.sin(mode[2])
    outwards = np.array([0.0, c, s])
    mode[4] = np.sqrt(covariance[0, 0])
    mode[5] = np.sqrt(outwards @ covariance @ outwards)
    mode[6] = np.prod(steps) / np.sqrt(np.prod(values)) * np.sqrt(TWO_PI) / (mode[0] * max(e, mode[5]))
    # how the phase changes along the ridge with f and e, where it is the best for both
    around = np.array([0.0, -e * s, e * c])
    curvature = max(around @ scaled @ around, FLAT * e * e * max(scaled[1, 1], scaled[2, 2]))
    mode[7] = -(around @ scaled[:, 0].copy()) / curvature
    mode[8] = -(around @ scaled @ outwards) / curvature


@njit(**NO_ARRAYS)
def _put(k, point, bounds, room):
    """Let point k be at f, e cos and e sin of the phase, or at the nearest point within the bounds."""
    frequency = min(max(point[0], bounds.low), bounds.high)
    e = min(np.hypot(point[1], point[2]), bounds.eccentricity)
    put(k, frequency, e, np.arctan2(point[2], point[1]), room)


@njit(cache=True, nogil=True, error_model="numpy")
def _at(point, bounds, system, room):
    """ln L at such a point."""
    _put(0, point, bounds, room)
    fill(1, system, room)
    return room.values[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _differences(here, steps, value, bounds, system, room):
    """The gradient of ln L, and minus its second derivatives, in units of the steps."""
    pair = 0
    for a in range(3):
        for b in range(a + 1):
            away = np.zeros(3)
            away[a] = away[b] = 1.0
            _put(pair, here + steps * away, bounds, room)
            _put(PAIRS + pair, here - steps * away, bounds, room)
            pair += 1
    fill(2 * PAIRS, system, room)
    up, down = room.values[:PAIRS], room.values[PAIRS : 2 * PAIRS]
    gradient, hessian, rise = np.empty(3), np.empty((3, 3)), up + down - 2 * value
    for a in range(3):
        own = a * (a + 3) // 2
        gradient[a], hessian[a, a] = 0.5 * (up[own] - down[own]), -rise[own]
        for b in range(a):
            hessian[a, b] = 0.5 * (rise[own] + rise[b * (b + 3) // 2] - rise[a * (a + 1) // 2 + b])
            hessian[b, a] = hessian[a, b]
    return gradient, hessian


@njit(**NO_ARRAYS)
def _value(track, model, room):
    """ln L but for a constant, at the orbit of the design matrix; the residuals of its best coefficients."""
    half_ln_determinant = factorise(track.weight, model, room)
    theta, design, chi2 = room.vector, room.design, 0.0
    for k in range(len(theta)):
        chi2 += room.precision[k] * (model.mean[k] - theta[k]) ** 2
    for j in range(len(track.weight)):
        residual = model.velocity[j]
        for k in range(len(theta)):
            residual -= design[j, k] * theta[k]
        chi2 += track.weight[j] * residual**2
        track.residual[j] = residual
    return room.ln_ratio[0] - 0.5 * chi2 - half_ln_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_slopes(e, phase, track, model, room):
    """How the velocities change with f, e cos phase and e sin phase, less what the coefficients can undo."""
    design, slopes, (a, b) = room.design, track.slopes, room.vector[:2]
    inverse, least = 1 / (1 - e * e), max(e, 1e-9)
    c_phase, s_phase = np.cos(phase), np.sin(phase)
    for j in range(len(model.time)):
        c, s = design[j, 0] - e, -design[j, 1]
        by_nu = -a * s - b * c
        by_mean = by_nu * (1 + e * c) ** 2 * inverse * np.sqrt(inverse)
        by_e = by_nu * s * (2 + e * c) * inverse + a
        slopes[0, j] = by_mean * TWO_PI * model.time[j] * track.scale
        slopes[1, j] = c_phase * by_e - s_phase / least * by_mean
        slopes[2, j] = s_phase * by_e + c_phase / least * by_mean
    count = design.shape[1]
    undone = np.empty(count)
    for axis in range(3):
        undone[:] = 0.0
        for j in range(len(model.time)):
            for k in range(count):
                undone[k] += design[j, k] * track.weight[j] * slopes[axis, j]
        forward(count, room.matrix, undone)
        backward(count, room.matrix, undone)
        for j in range(len(model.time)):
            for k in range(count):
                slopes[axis, j] -= design[j, k] * undone[k]
