"""From points of the search to the modes beside them: least squares with the linear coefficients projected out.

Levenberg and Marquardt's method on chi^2 of visits and prior at one noise, with the coefficients at their best at each
step (variable projection: Golub & Pereyra 1973; of the derivative the part that moves the columns alone is kept:
Kaufman 1975, BIT 15, 49). Coordinates are f and (e cos phase, e sin phase), in which circles are nothing special.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import backward, forward
from starpop.orbits.ellipse import system as systems
from starpop.orbits.ellipse.kepler import TWO_PI, true_anomalies
from starpop.orbits.ln_likelihood import factorise, scale_prior, workspace

MOST_STEPS, MOST_CALM, MOST_POLISHED = 40, 2, 10
# Gains in ln L that are none; the damping at first, and beyond which no step helps.
NO_GAIN, DAMPING, HOPELESS = 1e-4, 1e-2, 1e8
# The longest step in units of 1 / (2 pi t), and in e cos and e sin of the phase.
LONGEST = np.array([0.6, 0.3, 0.3])
# Of a mode: frequency, eccentricity, phase, ln L; the standard deviations of the first two, its volume in
# d ln P de d(phase) / 2 pi, and how its phase changes with frequency and eccentricity along its ridge.
MODE = 9
# A second derivative, per step, that is none.
FLAT = 1e-3


class Bounds(NamedTuple):
    """Of the frequency [1/d], and the largest eccentricity."""

    low: float
    high: float
    eccentricity: float


@njit(cache=True, nogil=True, error_model="numpy")
def climb_all(points, noise, bounds, model, system):
    """(N, MODE) the modes reached from (N, 3) points, at one noise."""
    room, other = workspace(model), systems.room_for(system)
    room.design[:, 2:] = model.static
    modes = np.empty((len(points), MODE))
    for n in range(len(points)):
        start, widths = climb(points[n], noise, bounds, model, room)
        modes[n] = polish(start, widths, bounds, system, other)
    return modes


@njit(cache=True, nogil=True, error_model="numpy")
def fill_design(frequency, e, phase, model, room):
    """The orbit's two columns of the design matrix, and the prior's precisions."""
    design = room.design
    scale_prior(frequency, e, model, room)
    cosine, sine = np.empty(len(model.time)), np.empty(len(model.time))
    true_anomalies(frequency * model.time + phase / TWO_PI, e, cosine, sine)
    design[:, 0], design[:, 1] = cosine + e, -sine


@njit(cache=True, nogil=True, error_model="numpy")
def climb(start, noise, bounds, model, room):
    """The mode reached from a point (frequency, eccentricity, phase); its widths in the coordinates of `polish`."""
    weight = np.ascontiguousarray(model.weight[:, noise])
    scale = 1 / (TWO_PI * np.abs(model.time).max())
    here, proposed = start.copy(), start.copy()
    residual, slopes = np.empty(len(weight)), np.empty((3, len(weight)))
    gradient, hessian = np.zeros(3), np.zeros((3, 3))
    best, damping, calm = -np.inf, DAMPING, 0
    for _ in range(MOST_STEPS):
        fill_design(proposed[0], proposed[1], proposed[2], model, room)
        value = _value(weight, residual, model, room)
        if value > best:
            calm = calm + 1 if value - best < NO_GAIN else 0
            best, damping = value, max(0.2 * damping, 1e-9)
            here[:] = proposed
            _slopes(here[1], here[2], scale, weight, slopes, model, room)
            for a in range(3):
                gradient[a] = np.sum(weight * slopes[a] * residual)
                for b in range(3):
                    hessian[a, b] = np.sum(weight * slopes[a] * slopes[b])
        else:
            damping *= 5
        if calm == MOST_CALM or damping > HOPELESS:
            break
        damped = hessian + np.diag(damping * (np.diag(hessian) + 1e-6) + 1e-12)
        step = np.linalg.solve(damped, gradient)
        step /= max(np.max(np.abs(step) / LONGEST), 1.0)
        x, y = here[1] * np.cos(here[2]) + step[1], here[1] * np.sin(here[2]) + step[2]
        proposed[0] = min(max(here[0] + step[0] * scale, bounds.low), bounds.high)
        proposed[1], proposed[2] = min(np.hypot(x, y), bounds.eccentricity), np.arctan2(y, x)
    widths = np.minimum(1 / np.sqrt(np.diag(hessian) + 1e-9), LONGEST)
    widths[0] *= scale
    return here, widths


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


@njit(cache=True, nogil=True, error_model="numpy")
def _at(point, bounds, system, room):
    """ln L at f, e cos and e sin of the phase, or at the nearest point within the bounds."""
    frequency = min(max(point[0], bounds.low), bounds.high)
    e = min(np.hypot(point[1], point[2]), bounds.eccentricity)
    return systems.ln_likelihood_at(frequency, e, np.arctan2(point[2], point[1]), system, room)


@njit(cache=True, nogil=True, error_model="numpy")
def _differences(here, steps, value, bounds, system, room):
    """The gradient of ln L, and minus its second derivatives, in units of the steps."""
    gradient, hessian = np.empty(3), np.empty((3, 3))
    up, down = np.empty(3), np.empty(3)
    for a in range(3):
        away = np.zeros(3)
        away[a] = steps[a]
        up[a] = _at(here + away, bounds, system, room)
        down[a] = _at(here - away, bounds, system, room)
        gradient[a] = 0.5 * (up[a] - down[a])
        hessian[a, a] = 2 * value - up[a] - down[a]
        for b in range(a):
            other = np.zeros(3)
            other[b] = steps[b]
            both = _at(here + away + other, bounds, system, room) + _at(here - away - other, bounds, system, room)
            hessian[a, b] = 0.5 * (up[a] + down[a] + up[b] + down[b] - 2 * value - both)
            hessian[b, a] = hessian[a, b]
    return gradient, hessian


@njit(cache=True, nogil=True, error_model="numpy")
def _value(weight, residual, model, room):
    """ln L but for a constant, at the orbit of the design matrix; the residuals of its best coefficients."""
    half_ln_determinant = factorise(weight, model, room)
    theta, design = room.vector, room.design
    chi2 = np.sum(room.precision * (model.mean - theta) ** 2)
    for j in range(len(weight)):
        residual[j] = model.velocity[j]
        for k in range(len(theta)):
            residual[j] -= design[j, k] * theta[k]
        chi2 += weight[j] * residual[j] ** 2
    return room.ln_ratio[0] - 0.5 * chi2 - half_ln_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def _slopes(e, phase, scale, weight, slopes, model, room):
    """(3, J) how the velocities change with f, e cos phase and e sin phase, less what the coefficients can undo."""
    design, (a, b) = room.design, room.vector[:2]
    inverse, least = 1 / (1 - e * e), max(e, 1e-9)
    c_phase, s_phase = np.cos(phase), np.sin(phase)
    for j in range(len(weight)):
        c, s = design[j, 0] - e, -design[j, 1]
        by_nu = -a * s - b * c
        by_mean = by_nu * (1 + e * c) ** 2 * inverse * np.sqrt(inverse)
        by_e = by_nu * s * (2 + e * c) * inverse + a
        slopes[0, j] = by_mean * TWO_PI * model.time[j] * scale
        slopes[1, j] = c_phase * by_e - s_phase / least * by_mean
        slopes[2, j] = s_phase * by_e + c_phase / least * by_mean
    count = design.shape[1]
    undone = np.empty(count)
    for slope in slopes:
        for k in range(count):
            undone[k] = np.sum(design[:, k] * weight * slope)
        forward(count, room.matrix, undone)
        backward(count, room.matrix, undone)
        for j in range(len(weight)):
            for k in range(count):
                slope[j] -= design[j, k] * undone[k]
