"""One system with its static columns eliminated: what ln L of any orbit is made of.

At each point n of the noise's lattice the static columns Z (the constant first) are eliminated once: with
F F' = Z'WZ + 1/L their factor and r_q the rows of F^-1 Z'W, the orbit's columns x = cos nu + e and s = sin nu leave

    B = [sum w x x - sum_q (r_q x)^2 + p,  sum w x s - sum_q (r_q x)(r_q s);  ..,  sum w s s - sum_q (r_q s)^2 + p],
    y = [sum w v x - sum_q h_q (r_q x),  sum w v s - sum_q h_q (r_q s)],        h = F^-1 (Z'W v + prior),

p the precision of an amplitude's prior, and ln L = level + 1/2 y'B^-1 y - 1/2 ln|B| + ln(p / p_0), level that without
an orbit and with the share of p_0, which is p where that does not go with period and eccentricity. Differences of
squares leave some 16 digits less those of the sum of (v / sigma)^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import cholesky, forward
from starpop.orbits.ellipse.lanes import FOUR, rounded_up
from starpop.orbits.linear_model import LinearModel


class System(NamedTuple):
    """One system at some points of its noise, with its static columns eliminated.

    Attributes
    ----------
    time : (J,) about the middle of the visits [d], padded to a multiple of four
    rows : (K, 2 + q, J) weights, weighted velocities and r_q; zero where padded
    ones, explained : (K, q) sums of r_q, and h
    totals : (K, 4) sums of weights and of weighted velocities, F_00, and the chi^2 of visits and prior without an
        orbit
    constant, level : (K,) what of ln L depends on the noise alone, and ln L without an orbit
    precision : p_0
    scaled : whether p goes with period and eccentricity
    """

    time: np.ndarray
    rows: np.ndarray
    ones: np.ndarray
    explained: np.ndarray
    totals: np.ndarray
    constant: np.ndarray
    level: np.ndarray
    precision: float
    scaled: bool

    def in_single_precision(self, noises: Sequence[int]) -> System:
        """The system at some points of its noise, in single precision where it is summed."""
        some = list(noises)
        summed = self.rows, self.ones, self.explained, self.totals
        rows, ones, explained, totals = (values[some].astype(np.float32) for values in summed)
        of_noise = self.constant[some], self.level[some]
        return System(self.time, rows, ones, explained, totals, *of_noise, self.precision, self.scaled)


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(model: LinearModel) -> System:
    """Take the static columns out of a model."""
    visits, statics = model.static.shape
    points, padded = model.weight.shape[1], rounded_up(visits, FOUR)
    time, rows = np.zeros(padded), np.zeros((points, 2 + statics, padded))
    ones, explained, totals = np.zeros((points, statics)), np.empty((points, statics)), np.empty((points, 4))
    level = model.constant.copy()
    time[:visits] = model.time
    for n in range(points):
        factor, h, row = np.zeros((statics, statics)), np.zeros(statics), np.empty(statics)
        weight, velocity = rows[n, 0, :visits], rows[n, 1, :visits]
        weight[:] = model.weight[:, n]
        velocity[:] = weight * model.velocity
        chi2 = np.sum(velocity * model.velocity)
        for q in range(statics):
            factor[q, q] = model.precision[2 + q]
            h[q] = model.precision[2 + q] * model.mean[2 + q]
            chi2 += h[q] * model.mean[2 + q]
            for j in range(visits):
                h[q] += velocity[j] * model.static[j, q]
                for i in range(q + 1):
                    factor[q, i] += weight[j] * model.static[j, q] * model.static[j, i]
        level[n] -= cholesky(factor, model.precision[2:])
        forward(statics, factor, h)
        explained[n], chi2 = h, chi2 - np.sum(h**2)
        for j in range(visits):
            row[:] = weight[j] * model.static[j]
            forward(statics, factor, row)
            rows[n, 2:, j] = row
            ones[n] += row
        totals[n, 0], totals[n, 1], totals[n, 2], totals[n, 3] = (
            weight.sum(),
            velocity.sum(),
            factor[0, 0],
            chi2,
        )
        level[n] -= 0.5 * chi2
    return System(time, rows, ones, explained, totals, model.constant, level, model.precision[0], model.scaled)
