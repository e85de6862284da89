"""What a sinusoid of each frequency takes of what the static columns leave of many sets of velocities.

All sets share times, weights W and static columns Z with prior precisions L_Z^-1. With A(f) the cos and sin, and r
what Z alone leaves of a set,

    |F^-1 A'W r|^2,        F F' = A'W A + L^-1 - (A'W Z)(Z'W Z + L_Z^-1)^-1 (Z'W A),

where A and F are those of all sets, and A'W r is one matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.linalg import cho_solve

from starpop.inference.cholesky import cholesky
from starpop.orbits.linear_model import precision_ratio
from starpop.orbits.ln_likelihood import turns

# Of the sum of the weights, the precision of an amplitude that has hardly a prior.
HARDLY = 1e-9
# Frequencies in a row of even steps whose waves are turned on from the first of them.
TURNED = 16


class Waves(NamedTuple):
    """What all sets of velocities share at one noise.

    Attributes
    ----------
    time : (J,) [d]
    weight : (J,) inverse variances
    static : (J, q) weighted static columns, whose products with a wave are its components along them
    precision : (2,) prior precisions of a and b
    scaled : whether these go with the period
    """

    time: np.ndarray
    weight: np.ndarray
    static: np.ndarray
    precision: np.ndarray
    scaled: bool


def eliminate_static(
    time: np.ndarray,
    weight: np.ndarray,
    static: np.ndarray,
    precision: np.ndarray,
    of_waves: tuple[np.ndarray, bool] | None = None,
) -> tuple[Waves, np.ndarray]:
    """The shared part, and the Cholesky factor of the static columns' precision.

    Parameters
    ----------
    precision, of_waves : the priors' precisions of the static columns, and of a and b with whether they go with the
        period; a and b have hardly a prior if that is not given
    """
    weighted = static * weight[:, None]
    factor = np.linalg.cholesky(static.T @ weighted + np.diag(precision))
    along = np.ascontiguousarray(np.linalg.solve(factor, weighted.T).T)
    of_waves = (np.full(2, HARDLY * weight.sum()), False) if of_waves is None else of_waves
    return Waves(time, weight, along, *of_waves), factor


def without_static(
    velocity: np.ndarray, weight: np.ndarray, static: np.ndarray, factor: np.ndarray, prior: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(R, q) coefficients of the static columns alone of (R, J) velocities, and what these leave.

    Parameters
    ----------
    factor : of `eliminate_static`
    prior : the precisions times the prior means
    """
    theta = cho_solve((factor, True), ((velocity * weight) @ static + prior).T).T
    return theta, velocity - theta @ static.T


@njit(cache=True, nogil=True, error_model="numpy")
def waves_of(frequency, time):
    """(2 F, J) cos and sin, in turns, of the phases at some frequencies [1/d].

    Of a run of even steps the first is computed, and the others are rotated from it, which is fast.
    """
    count, visits = len(frequency), len(time)
    columns, turn, turned_by = np.empty((2 * count, visits)), np.empty((2, visits)), np.nan
    for first in range(0, count, TURNED):
        run = frequency[first : first + TURNED]
        step = run[1] - run[0] if len(run) > 1 else 0.0
        even = (run[1:] - run[:-1] == step).all()
        if even and step != turned_by:
            fill_wave(step, time, turn)
            turned_by = step
        for b in range(first, first + len(run)):
            wave = columns[2 * b : 2 * b + 2]
            if b == first or not even:
                fill_wave(frequency[b], time, wave)
                continue
            for j in range(visits):
                c, s = columns[2 * b - 2, j], columns[2 * b - 1, j]
                wave[0, j] = c * turn[0, j] - s * turn[1, j]
                wave[1, j] = s * turn[0, j] + c * turn[1, j]
    return columns


@njit(cache=True, nogil=True, error_model="numpy")
def fill_wave(frequency, time, wave):
    """Fill (2, J) the cos and the sin of the phases at a frequency [1/d]."""
    for j in range(len(time)):
        angle = 2 * np.pi * turns(frequency, time[j])
        wave[0, j], wave[1, j] = np.cos(angle), np.sin(angle)


@njit(cache=True, nogil=True, error_model="numpy")
def explain(frequency, waves, weighted, values, half_ln_determinant):
    """Fill (F, R) |F^-1 A'W r|^2 and (F,) ln |F| at frequencies [1/d], given (J, R) W r."""
    weight, precision, count, visits = waves.weight, waves.precision.copy(), len(frequency), len(waves.time)
    columns = waves_of(frequency, waves.time)
    products = np.dot(columns, weighted)
    along = np.dot(columns, waves.static)
    factor = np.empty((2, 2))
    values[:] = 0.0
    for b in range(count):
        ratio = precision_ratio(frequency[b], 0.0, waves.scaled)
        precision[:] = ratio * waves.precision
        for k in range(2):
            row = 2 * b + k
            for i in range(k + 1):
                other = 2 * b + i
                total = precision[k] if i == k else 0.0
                for j in range(visits):
                    total += weight[j] * columns[row, j] * columns[other, j]
                for q in range(along.shape[1]):
                    total -= along[row, q] * along[other, q]
                factor[k, i] = total
        half_ln_determinant[b] = cholesky(factor, precision) - np.log(ratio)
        for k in range(2):
            row = 2 * b + k
            for i in range(k):
                for r in range(values.shape[1]):
                    products[row, r] -= factor[k, i] * products[2 * b + i, r]
            for r in range(values.shape[1]):
                products[row, r] /= factor[k, k]
                values[b, r] += products[row, r] ** 2
