"""ln L of one system at many points side by side, from a table of anomalies and at one point of its noise.

With the static columns eliminated (`system`) it takes six sums over the visits for a constant, and two for each
column more:

    sum w u u, sum w u s, sum w v u, sum w v s, sum r_q u, sum r_q s,      u = cos nu, s = sin nu.

They run over the points in the innermost loop, in the precision of the table: that of the system and of all arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS

HALF = np.float32(0.5)  # of either precision
# Visits are summed in fours, of which some may weigh nothing, and anomalies found in eights.
FOUR, EIGHT = 4, 8


@njit(**NO_ARRAYS)
def rounded_up(count, unit):
    """The next whole multiple of a unit."""
    return unit * ((count + unit - 1) // unit)


class Lanes(NamedTuple):
    """Room for ln L at L points.

    Attributes
    ----------
    values, determinant : (L,) ln L less its level and -1/2 ln of the determinant, and the latter
    sums : (5 + 2 q, L) over the visits
    precision, inverse : (L,) that of an amplitude's prior, and 1 / its ratio squared, which is part of the determinant
    starts : (J,) where the anomalies of each visit start in their table
    """

    values: np.ndarray
    determinant: np.ndarray
    sums: np.ndarray
    precision: np.ndarray
    inverse: np.ndarray
    starts: np.ndarray


@njit(cache=True, nogil=True)
def lanes_for(system, count):
    """Room for so many points, in the precision of the system's sums."""
    rows = system.rows
    each = np.empty((4, count), rows.dtype)
    each[2], each[3] = system.precision, 1.0
    sums = np.empty((5 + 2 * (rows.shape[1] - 2), count), rows.dtype)
    return Lanes(each[0], each[1], sums, each[2], each[3], np.empty(len(system.time), np.int64))


@njit(**NO_ARRAYS)
def fill(n, e, count, cosine, sine, system, lanes):
    """Fill the first lanes, of (L,) eccentricities, at point n of the noise, from a table of anomalies."""
    rows, ones, explained, sums, starts = system.rows[n], system.ones[n], system.explained[n], lanes.sums, lanes.starts
    _sum_visits(starts, count, cosine, sine, rows, sums)
    for q in range(1, len(ones)):
        _sum_static(starts, count, cosine, sine, rows[2 + q], sums[5 + 2 * q :])
        _eliminate(e, count, ones[q], explained[q], sums[5 + 2 * q :], sums)
    total, velocities, root, chi2 = system.totals[n]
    _solve(e, count, (total, velocities, root, ones[0], explained[0], chi2), lanes)


@njit(**NO_ARRAYS, fastmath=True)
def _sum_visits(starts, count, cosine, sine, rows, sums):
    """Sum over the visits, four at a time, with weights, velocities and the first static column."""
    cc, cs, yc, ys, lack, rc, rs = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]
    for k in range(count):
        cc[k], cs[k], yc[k], ys[k], lack[k], rc[k], rs[k] = 0, 0, 0, 0, 0, 0, 0
    for j in range(0, len(starts), FOUR):
        w0, w1, w2, w3 = rows[0, j], rows[0, j + 1], rows[0, j + 2], rows[0, j + 3]
        y0, y1, y2, y3 = rows[1, j], rows[1, j + 1], rows[1, j + 2], rows[1, j + 3]
        r0, r1, r2, r3 = rows[2, j], rows[2, j + 1], rows[2, j + 2], rows[2, j + 3]
        c0, c1 = cosine[starts[j] : starts[j] + count], cosine[starts[j + 1] : starts[j + 1] + count]
        c2, c3 = cosine[starts[j + 2] : starts[j + 2] + count], cosine[starts[j + 3] : starts[j + 3] + count]
        s0, s1 = sine[starts[j] : starts[j] + count], sine[starts[j + 1] : starts[j + 1] + count]
        s2, s3 = sine[starts[j + 2] : starts[j + 2] + count], sine[starts[j + 3] : starts[j + 3] + count]
        for k in range(count):
            # read before anything is written, which might be the same place for all that a compiler knows
            a0, a1, a2, a3 = c0[k], c1[k], c2[k], c3[k]
            b0, b1, b2, b3 = s0[k], s1[k], s2[k], s3[k]
            p0, p1, p2, p3 = w0 * a0, w1 * a1, w2 * a2, w3 * a3
            cc[k] += p0 * a0 + p1 * a1 + p2 * a2 + p3 * a3
            cs[k] += p0 * b0 + p1 * b1 + p2 * b2 + p3 * b3
            yc[k] += y0 * a0 + y1 * a1 + y2 * a2 + y3 * a3
            ys[k] += y0 * b0 + y1 * b1 + y2 * b2 + y3 * b3
            rc[k] += r0 * a0 + r1 * a1 + r2 * a2 + r3 * a3
            rs[k] += r0 * b0 + r1 * b1 + r2 * b2 + r3 * b3


@njit(**NO_ARRAYS, fastmath=True)
def _sum_static(starts, count, cosine, sine, row, sums):
    """Sum over the visits with another static column."""
    rc, rs = sums[0], sums[1]
    for k in range(count):
        rc[k], rs[k] = 0, 0
    for j in range(len(starts)):
        c, s = cosine[starts[j] : starts[j] + count], sine[starts[j] : starts[j] + count]
        for k in range(count):
            rc[k] += row[j] * c[k]
            rs[k] += row[j] * s[k]


@njit(**NO_ARRAYS, fastmath=True)
def _eliminate(e, count, one, velocity, rows, sums):
    """Take a static column but the first out of the sums: its own are the rows; the fifth sum is what ss lacks."""
    for k in range(count):
        c, s = rows[0, k] + e[k] * one, rows[1, k]
        sums[0, k] -= c * c
        sums[1, k] -= c * s
        sums[2, k] -= c * velocity
        sums[3, k] -= s * velocity
        sums[4, k] += c * c + s * s


@njit(**NO_ARRAYS, fastmath=True)
def _solve(e, count, constants, lanes):
    """The lanes from their sums: the constant is eliminated, then both amplitudes."""
    total, velocities, root, one, velocity, chi2 = constants
    values, determinant, sums, precision, inverse, _ = lanes
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
        # divided first: tiny errors leave single precision no room for three such factors
        values[k] = HALF * min(yc / whole * (yc * ss - (ys + ys) * cs) + ys / whole * ys * cc, chi2)
        determinant[k] = whole * inverse[k]
