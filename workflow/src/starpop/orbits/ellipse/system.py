"""ln L of one system at any period, eccentricity and phase, its linear coefficients integrated and its noise summed.

At each point n of the noise's lattice the static columns Z (the constant first) are eliminated once: with
F F' = Z'WZ + 1/L their factor and r_q the rows of F^-1 Z'W, the orbit's columns x = cos nu + e and s = sin nu leave

    B = [sum w x x - sum_q (r_q x)^2 + p,  sum w x s - sum_q (r_q x)(r_q s);  ..,  sum w s s - sum_q (r_q s)^2 + p],
    y = [sum w v x - sum_q h_q (r_q x),  sum w v s - sum_q h_q (r_q s)],        h = F^-1 (Z'W v + prior),

p the precision of an amplitude's prior, and ln L = level + 1/2 y'B^-1 y - 1/2 ln|B| + ln(p / p_0), level that without
an orbit and with the share of p_0, which is p where that does not go with period and eccentricity. Differences of
squares leave some 16 digits less those of the sum of (v / sigma)^2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import cholesky, forward
from starpop.orbits.ellipse.kepler import FAST, TWO_PI, true_anomalies
from starpop.orbits.linear_model import LinearModel, precision_ratio

# Visits come in fours, of which some may weigh nothing.
FOUR = 4


class System(NamedTuple):
    """One system at every point of its noise, with its static columns eliminated.

    Attributes
    ----------
    time : (J,) about the middle of the visits [d], padded to a multiple of four
    weight, velocity : (J, K) inverse variances, and times the velocities; zero where padded
    rows : (q, J, K) r_q
    ones, explained : (q, K) sums of r_q, and h
    total, velocities, root : (K,) sums of the weights and of the weighted velocities, and F_00
    level, chi2 : (K,) ln L without an orbit, and the chi^2 of visits and prior in it
    precision : p_0
    scaled : whether p goes with period and eccentricity
    """

    time: np.ndarray
    weight: np.ndarray
    velocity: np.ndarray
    rows: np.ndarray
    ones: np.ndarray
    explained: np.ndarray
    total: np.ndarray
    velocities: np.ndarray
    root: np.ndarray
    level: np.ndarray
    chi2: np.ndarray
    precision: float
    scaled: bool


class Room(NamedTuple):
    """Room for `ln_likelihood_at`: (J,) turns and anomalies; (4 + 2 q, K) sums; (K,) terms of L as their ln."""

    turn: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    sums: np.ndarray
    terms: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(model: LinearModel) -> System:
    """Take the static columns out of a model."""
    visits, statics = model.static.shape
    points, padded = model.weight.shape[1], FOUR * ((visits + FOUR - 1) // FOUR)
    time, weight, velocity = np.zeros(padded), np.zeros((padded, points)), np.zeros((padded, points))
    rows, ones, explained = (
        np.zeros((statics, padded, points)),
        np.zeros((statics, points)),
        np.zeros((statics, points)),
    )
    level, root, chi2 = model.constant.copy(), np.empty(points), np.zeros(points)
    time[:visits] = model.time
    for j in range(visits):
        weight[j] = model.weight[j]
        velocity[j] = model.weight[j] * model.velocity[j]
        chi2 += velocity[j] * model.velocity[j]
    for n in range(points):
        factor, h, row = np.zeros((statics, statics)), np.zeros(statics), np.empty(statics)
        for q in range(statics):
            factor[q, q] = model.precision[2 + q]
            h[q] = model.precision[2 + q] * model.mean[2 + q]
            chi2[n] += h[q] * model.mean[2 + q]
            for j in range(visits):
                h[q] += velocity[j, n] * model.static[j, q]
                for i in range(q + 1):
                    factor[q, i] += weight[j, n] * model.static[j, q] * model.static[j, i]
        level[n] -= cholesky(factor, model.precision[2:])
        forward(statics, factor, h)
        explained[:, n], root[n] = h, factor[0, 0]
        chi2[n] -= np.sum(h**2)
        for j in range(visits):
            row[:] = weight[j, n] * model.static[j]
            forward(statics, factor, row)
            rows[:, j, n] = row
            ones[:, n] += row
    total, velocities = weight.sum(axis=0), velocity.sum(axis=0)
    level -= 0.5 * chi2
    sums, prior = (total, velocities, root, level, chi2), (model.precision[0], model.scaled)
    return System(time, weight, velocity, rows, ones, explained, *sums, *prior)


@njit(cache=True, nogil=True)
def room_for(system):
    """Room for `ln_likelihood_at`."""
    visits, points = system.weight.shape
    sums = np.empty((4 + 2 * len(system.rows), points))
    return Room(np.empty(visits), np.empty(visits), np.empty(visits), sums, np.empty(points))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def ln_likelihood_at(frequency, e, phase, system, room):
    """ln L at a frequency [1/d], an eccentricity and a phase [rad]."""
    turn, terms = room.turn, room.terms
    for j in range(len(turn)):
        turn[j] = frequency * system.time[j] + phase / TWO_PI
    true_anomalies(turn, e, room.cosine, room.sine)
    if len(terms) == 1:
        _sum_at_one_noise(system, room)
        _fill_terms(frequency, e, system, room)
        return terms[0]
    _sum_at_all(system, room)
    _fill_terms(frequency, e, system, room)
    top, total = terms.max(), 0.0
    for n in range(len(terms)):
        total += np.exp(terms[n] - top)
    return top + np.log(total)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _sum_at_one_noise(system, room):
    """The sums, visits side by side."""
    c, s, sums = room.cosine, room.sine, room.sums
    weight, velocity = system.weight[:, 0], system.velocity[:, 0]
    cc, cs, vc, vs = 0.0, 0.0, 0.0, 0.0
    for j in range(len(c)):
        weighted = weight[j] * c[j]
        cc += weighted * c[j]
        cs += weighted * s[j]
        vc += velocity[j] * c[j]
        vs += velocity[j] * s[j]
    sums[0, 0], sums[1, 0], sums[2, 0], sums[3, 0] = cc, cs, vc, vs
    for q in range(len(system.rows)):
        row = system.rows[q, :, 0]
        rc, rs = 0.0, 0.0
        for j in range(len(c)):
            rc += row[j] * c[j]
            rs += row[j] * s[j]
        sums[4 + 2 * q, 0], sums[5 + 2 * q, 0] = rc, rs


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _sum_at_all(system, room):
    """The sums, points of noise side by side."""
    sums, weight, velocity = room.sums, system.weight, system.velocity
    sums[:] = 0.0
    for j in range(len(room.cosine)):
        c, s = room.cosine[j], room.sine[j]
        square, product = c * c, c * s
        for n in range(weight.shape[1]):
            sums[0, n] += weight[j, n] * square
            sums[1, n] += weight[j, n] * product
            sums[2, n] += velocity[j, n] * c
            sums[3, n] += velocity[j, n] * s
        for q in range(len(system.rows)):
            for n in range(weight.shape[1]):
                sums[4 + 2 * q, n] += system.rows[q, j, n] * c
                sums[5 + 2 * q, n] += system.rows[q, j, n] * s


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill_terms(frequency, e, system, room):
    """The term of each noise, from its sums."""
    sums, terms, ratio = room.sums, room.terms, precision_ratio(frequency, e, system.scaled)
    precision = ratio * system.precision
    for n in range(len(terms)):
        plain_c, plain_s = system.root[n] * sums[4, n], system.root[n] * sums[5, n]
        cc = sums[0, n] + e * (2 * plain_c + e * system.total[n]) + precision
        cs = sums[1, n] + e * plain_s
        ss = system.total[n] - sums[0, n] + precision
        vc, vs = sums[2, n] + e * system.velocities[n], sums[3, n]
        for q in range(len(system.rows)):
            c, s = sums[4 + 2 * q, n] + e * system.ones[q, n], sums[5 + 2 * q, n]
            cc -= c * c
            cs -= c * s
            ss -= s * s
            vc -= c * system.explained[q, n]
            vs -= s * system.explained[q, n]
        determinant = max(cc * ss - cs * cs, precision * precision)
        terms[n] = system.level[n] + 0.5 * (vc * vc * ss - 2 * vc * vs * cs + vs * vs * cc) / determinant
        terms[n] -= 0.5 * np.log(determinant)
    if system.scaled:
        terms += np.log(ratio)


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(points, system):
    """(N,) ln L at (N, 3) points: frequency [1/d], eccentricity and phase [rad]."""
    room = room_for(system)
    values = np.empty(len(points))
    for k in range(len(points)):
        values[k] = ln_likelihood_at(points[k, 0], points[k, 1], points[k, 2], system, room)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def noise_terms(points, system):
    """(N, K) the term of every noise in L at (N, 3) points, as its ln."""
    room = room_for(system)
    terms = np.empty((len(points), len(room.terms)))
    for k in range(len(points)):
        ln_likelihood_at(points[k, 0], points[k, 1], points[k, 2], system, room)
        terms[k] = room.terms
    return terms
