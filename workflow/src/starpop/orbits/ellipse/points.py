"""ln L of one system at any period, eccentricity and phase, its linear coefficients integrated and its noise summed.

Kepler's equation is solved for up to MOST points side by side, which then are the lanes of `lanes.fill`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS
from starpop.inference.exponential import exp_of_negative
from starpop.orbits.ellipse import lanes as side_by_side
from starpop.orbits.ellipse.kepler import TWO_PI, Orbits, fill_anomalies, shape
from starpop.orbits.ellipse.lanes import EIGHT, Lanes, rounded_up
from starpop.orbits.linear_model import precision_ratio

# As many lanes as boxes have points, and a few more.
MOST = 128


class Room(NamedTuple):
    """Room for the points of one system.

    Attributes
    ----------
    orbits : the points, as `put` does
    cosine, sine : (J MOST,) anomalies, those of a visit side by side
    lanes : of one noise
    terms : (K, MOST) ln of the term of each noise in L
    values : (MOST,) ln L
    """

    orbits: Orbits
    cosine: np.ndarray
    sine: np.ndarray
    lanes: Lanes
    terms: np.ndarray
    values: np.ndarray


@njit(cache=True, nogil=True)
def room_for(system):
    """Room for the points of a system."""
    each, tables = np.zeros((6, MOST)), np.zeros((2, len(system.time) * MOST))
    lanes = side_by_side.lanes_for(system, MOST)
    lanes.starts[:] = MOST * np.arange(len(system.time))
    orbits = Orbits(each[0], each[1], each[2], each[3], each[4])
    return Room(orbits, tables[0], tables[1], lanes, np.empty((len(system.level), MOST)), each[5])


@njit(**NO_ARRAYS)
def put(k, frequency, e, phase, room):
    """Let point k be at a frequency [1/d], an eccentricity and a phase [rad]."""
    orbits = room.orbits
    orbits.frequency[k], orbits.e[k], orbits.start[k] = frequency, e, phase / TWO_PI
    orbits.root[k], orbits.slope[k] = shape(e)


@njit(**NO_ARRAYS)
def fill(count, system, room):
    """Fill in ln L of the first points, and their terms."""
    wide, lanes, terms = rounded_up(count, EIGHT), room.lanes, room.terms
    orbits, starts = room.orbits, lanes.starts
    for j in range(len(starts)):
        cosine, sine = room.cosine[starts[j] : starts[j] + wide], room.sine[starts[j] : starts[j] + wide]
        fill_anomalies(system.time[j], orbits, cosine, sine)
    if system.scaled:
        for k in range(wide):
            ratio = precision_ratio(orbits.frequency[k], orbits.e[k], True)
            lanes.precision[k], lanes.inverse[k] = system.precision * ratio, 1 / (ratio * ratio)
    for n in range(len(terms)):
        side_by_side.fill(n, orbits.e, wide, room.cosine, room.sine, system, lanes)
        for k in range(count):
            terms[n, k] = system.level[n] + lanes.values[k] - 0.5 * np.log(lanes.determinant[k])
    _add_up(count, terms, lanes.values, room.values)


@njit(**NO_ARRAYS)
def _add_up(count, terms, totals, values):
    """ln L of the first points from their terms, with room for the totals."""
    for k in range(count):
        values[k] = terms[0, k]
    if len(terms) == 1:
        return
    for n in range(1, len(terms)):
        for k in range(count):
            values[k] = max(values[k], terms[n, k])
    for k in range(count):
        totals[k] = 0.0
    for n in range(len(terms)):
        for k in range(count):
            totals[k] += exp_of_negative(terms[n, k] - values[k])
    for k in range(count):
        values[k] += np.log(totals[k])


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(points, system):
    """(N,) ln L at (N, 3) points: frequency [1/d], eccentricity and phase [rad]."""
    room, values = room_for(system), np.empty(len(points))
    for first in range(0, len(points), MOST):
        count = _put_some(points[first : first + MOST], room)
        fill(count, system, room)
        values[first : first + count] = room.values[:count]
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def noise_terms(points, system):
    """(N, K) the term of every noise in L at (N, 3) points, as its ln."""
    room = room_for(system)
    terms = np.empty((len(points), len(system.level)))
    for first in range(0, len(points), MOST):
        count = _put_some(points[first : first + MOST], room)
        fill(count, system, room)
        terms[first : first + count] = room.terms[:, :count].T
    return terms


@njit(cache=True, nogil=True, error_model="numpy")
def _put_some(points, room):
    """Put some points into a room; how many there are."""
    for k in range(len(points)):
        put(k, points[k, 0], points[k, 1], points[k, 2], room)
    return len(points)
