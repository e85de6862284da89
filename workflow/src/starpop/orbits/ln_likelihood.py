"""ln L of a system at any one frequency, with its orbital coefficients integrated out and its noise summed over.

The equations are those of `scan`, the sums over the visits are made outright. For a circular orbit a difference of
squares is precise enough where the sum of (v/sigma)^2 is small, and serves all points of the noise at once; else chi^2
is computed from the residuals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.cholesky import backward, cholesky, forward
from starpop.inference.exponential import ln_sum
from starpop.orbits.linear_model import precision_ratio

# Where a pivot of B loses three digits (few visits, aliased) the difference of squares loses too many: at such
# frequencies ln L is evaluated from residuals.
NEAR_SINGULAR = 1e-3
# Up to this sum of (v/sigma)^2 a difference of squares is good to 1e-10.
LARGEST_SQUARES = 1e5


class Room(NamedTuple):
    """Room for `ln_likelihood_at`: B and its factor, y and theta, at one noise and at all; the design matrix.

    At the period and shape of the design matrix, the prior's precisions, and the (1,) ln of `precision_ratio`.
    For a circular orbit, products of its columns and their sums with the weights. At each point of noise, sums of the
    weights with 1, the velocities, and their squares; the term of `ln_likelihood_at`; chi2.
    """

    matrix: np.ndarray
    vector: np.ndarray
    matrices: np.ndarray
    vectors: np.ndarray
    design: np.ndarray
    precision: np.ndarray
    ln_ratio: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    velocities: np.ndarray
    squares: np.ndarray
    terms: np.ndarray
    chi2: np.ndarray


class Circle(NamedTuple):
    """Of a circular orbit, sums over the visits of the weights with products of its columns, and of the velocities.

    With cos^2, cos sin, sin^2, cos, sin; and of the weighted velocities with cos and sin.
    """

    cc: float
    cs: float
    ss: float
    c: float
    s: float
    yc: float
    ys: float


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
        model.precision.copy(),
        np.zeros(1),
        np.empty((7, visits)),
        np.empty((7, points)),
        weights,
        velocities,
        squares,
        np.empty(points),
        np.empty(points),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def scale_prior(frequency, e, model, room):
    """Let the precisions of the amplitudes' prior be those at a period and an eccentricity."""
    if model.scaled:
        ratio = precision_ratio(frequency, e, model.scaled)
        room.precision[0] = room.precision[1] = ratio * model.precision[0]
        room.ln_ratio[0] = np.log(ratio)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_design(frequency, model, room):
    """The design matrix at a frequency, and the prior's precisions."""
    design = room.design
    scale_prior(frequency, 0.0, model, room)
    for j in range(len(model.time)):
        angle = 2 * np.pi * turns(frequency, model.time[j])
        design[j, 0], design[j, 1] = np.cos(angle), np.sin(angle)
        for q in range(model.static.shape[1]):
            design[j, 2 + q] = model.static[j, q]


@njit(cache=True, nogil=True, error_model="numpy")
def ln_likelihood_at(frequency, model, room):
    """ln-likelihood at any one frequency, with the noise summed over."""
    fill_design(frequency, model, room)
    terms = room.terms
    if len(terms) == 1:
        terms[0] = ln_likelihood_given_noise(model.weight[:, 0], model.constant[0], model, room)
        return terms[0]
    _fill_terms(model, room)
    return ln_sum(terms)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_ln_likelihoods(frequencies, model, room, values):
    """`ln_likelihood_at` of some frequencies, to the last bit; that of a, b and v0 alone, at one noise, far faster."""
    if len(room.terms) > 1 or len(room.vector) > 3 or model.scaled:
        for k in range(len(frequencies)):
            values[k] = ln_likelihood_at(frequencies[k], model, room)
        return
    time, velocity, weight, constant = model.time, model.velocity, model.weight, model.constant[0]
    design, precision, mean = room.design, room.precision, model.mean
    for k in range(len(frequencies)):
        for j in range(len(time)):
            angle = 2 * np.pi * turns(frequencies[k], time[j])
            design[j, 0], design[j, 1] = np.cos(angle), np.sin(angle)
        values[k] = _of_three(constant, design, velocity, weight, precision, mean)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _of_three(constant, design, velocity, weight, precision, mean):
    """The ln-likelihood of a, b and v0 alone, in the order of `ln_likelihood_given_noise`."""
    p0, p1, p2 = precision[0], precision[1], precision[2]
    m0, m1, m2 = mean[0], mean[1], mean[2]
    b00, b10, b11, b20, b21, b22 = p0, 0.0, p1, 0.0, 0.0, p2
    y0, y1, y2 = p0 * m0, p1 * m1, p2 * m2
    for j in range(len(velocity)):
        c, s, v, w = design[j, 0], design[j, 1], velocity[j], weight[j, 0]
        wc, ws = w * c, w * s
        y0, y1, y2 = y0 + wc * v, y1 + ws * v, y2 + w * v
        b00, b10, b11 = b00 + wc * c, b10 + ws * c, b11 + ws * s
        b20, b21, b22 = b20 + w * c, b21 + w * s, b22 + w
    # Cholesky's factor, and the solution forward and backward (`inference.cholesky`)
    f00 = np.sqrt(max(b00, p0))
    f10, f20 = b10 / f00, b20 / f00
    f11 = np.sqrt(max(b11 - f10 * f10, p1))
    f21 = (b21 - f20 * f10) / f11
    f22 = np.sqrt(max(b22 - f20 * f20 - f21 * f21, p2))
    y0 = y0 / f00
    y1 = (y1 - f10 * y0) / f11
    y2 = (y2 - f20 * y0 - f21 * y1) / f22 / f22
    y1 = (y1 - f21 * y2) / f11
    y0 = (y0 - f10 * y1 - f20 * y2) / f00
    chi2 = p0 * (m0 - y0) ** 2 + p1 * (m1 - y1) ** 2 + p2 * (m2 - y2) ** 2
    for j in range(len(velocity)):
        residual = velocity[j] - design[j, 0] * y0 - design[j, 1] * y1 - y2
        chi2 += weight[j, 0] * residual * residual
    return constant - 0.5 * chi2 - (np.log(f00) + np.log(f11) + np.log(f22))


@njit(cache=True, nogil=True, error_model="numpy")
def ln_likelihood_given_noise(weight, constant, model, room):
    """ln-likelihood at one noise and the frequency of the design matrix.

    From residuals: it keeps its digits where sum (v/sigma)^2 is large.
    """
    half_ln_determinant = factorise(weight, model, room)
    vector, design = room.vector, room.design
    chi2 = 0.0
    for k in range(len(vector)):
        chi2 += room.precision[k] * (model.mean[k] - vector[k]) ** 2
    for j in range(len(weight)):
        residual = model.velocity[j]
        for k in range(len(vector)):
            residual -= design[j, k] * vector[k]
        chi2 += weight[j] * residual * residual
    return constant - 0.5 * chi2 - half_ln_determinant + room.ln_ratio[0]


@njit(cache=True, nogil=True, error_model="numpy")
def factorise(weight, model, room):
    """Cholesky factor of B (lower half of the matrix), theta = B^-1 y (the vector), and 1/2 ln|B|, at a noise."""
    matrix, vector, design, precision = room.matrix, room.vector, room.design, room.precision
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
    half_ln_determinant = cholesky(matrix, precision)
    forward(count, matrix, vector)
    backward(count, matrix, vector)
    return half_ln_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_terms(model, room):
    """`ln_likelihood_given_noise` for all points of noise.

    From residuals, but for a circular orbit where the squares are small.
    """
    terms = room.terms
    exact = len(terms)
    small = len(model.precision) == 3 and room.squares[-1] <= LARGEST_SQUARES
    if small and not _fill_circular_terms(model, room):
        exact = 0
        for n in range(len(terms)):  # of several numbers of the noise the squares do not fall from point to point
            exact = n + 1 if room.squares[n] > LARGEST_SQUARES else exact
    if exact > 0:
        _fill_terms_from_residuals(exact, model, room)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _fill_circular_terms(model, room):
    """The terms of a circular orbit from differences of squares, at all points of noise; whether one loses digits."""
    design, products, sums, terms = room.design, room.products, room.sums, room.terms
    for j in range(len(design)):
        c, s, v = design[j, 0], design[j, 1], model.velocity[j]
        products[0, j], products[1, j], products[2, j] = c * c, c * s, s * s
        products[3, j], products[4, j], products[5, j], products[6, j] = c, s, c * v, s * v
    np.dot(products, model.weight, sums)
    precision, prior_y0 = room.precision, model.precision[2] * model.mean[2]
    near_singular, ln_ratio = 0, room.ln_ratio[0]
    for n in range(len(terms)):
        weight = room.weights[n]
        inverse_total, y0 = 1 / (weight + precision[2]), room.velocities[n] + prior_y0
        circle = Circle(
            sums[0, n] + precision[0],
            sums[1, n],
            sums[2, n] + precision[0],
            sums[3, n],
            sums[4, n],
            sums[5, n],
            sums[6, n],
        )
        determinant, quadratic = eliminate(circle, y0, inverse_total)
        near_singular += determinant < NEAR_SINGULAR * weight**2
        room.chi2[n] = room.squares[n] - quadratic - y0 * y0 * inverse_total
        terms[n] = determinant / inverse_total
    for n in range(len(terms)):
        terms[n] = model.constant[n] - 0.5 * (room.chi2[n] + np.log(terms[n])) + ln_ratio
    return near_singular > 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def eliminate(sums, y0, inverse_total):
    """The determinant of the circular orbit's three equations without v0's pivot, and y'B^-1 y without v0's share.

    v0 is eliminated first, then a; the priors' precisions are part of the sums.
    """
    cc = sums.cc - sums.c * sums.c * inverse_total
    cs = sums.cs - sums.c * sums.s * inverse_total
    ss = sums.ss - sums.s * sums.s * inverse_total
    yc = sums.yc - sums.c * y0 * inverse_total
    ys = sums.ys - sums.s * y0 * inverse_total
    inverse = 1 / cc
    ratio = cs * inverse
    pivot = ss - cs * ratio
    rest = ys - ratio * yc
    return cc * pivot, yc * yc * inverse + rest * rest / pivot


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_terms_from_residuals(points, model, room):
    """The terms of the first points of noise, which are the innermost loops."""
    _normal_equations(points, model, room)
    _solve_all(points, model, room)
    _chi2_of_all(points, model, room)
    terms, chi2, ln_ratio = room.terms, room.chi2, room.ln_ratio[0]
    for n in range(points):
        terms[n] = model.constant[n] - 0.5 * chi2[n] - np.log(terms[n]) + ln_ratio


@njit(cache=True, nogil=True, error_model="numpy")
def _normal_equations(points, model, room):
    """B (its lower half) and y at the first points of noise."""
    matrices, vectors, design = room.matrices, room.vectors, room.design
    for k in range(len(vectors)):
        vectors[k, :points] = room.precision[k] * model.mean[k]
        matrices[k, :k, :points] = 0.0
        matrices[k, k, :points] = room.precision[k]
    for j in range(len(design)):
        weight = model.weight[j]
        for k in range(len(vectors)):
            scaled = design[j, k] * model.velocity[j]
            for n in range(points):
                vectors[k, n] += scaled * weight[n]
            for i in range(k + 1):
                product = design[j, k] * design[j, i]
                for n in range(points):
                    matrices[k, i, n] += product * weight[n]


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_all(points, model, room):
    """Cholesky factors in place of B, theta in place of y, and the root of |B| in place of the terms."""
    matrices, vectors, roots = room.matrices, room.vectors, room.terms
    count = len(vectors)
    roots[:points] = 1.0
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
                    matrices[k, k, n] = np.sqrt(max(matrices[k, k, n], room.precision[k]))
                    roots[n] *= matrices[k, k, n]
        for n in range(points):
            vectors[k, n] /= matrices[k, k, n]
    for k in range(count - 1, -1, -1):
        for i in range(k + 1, count):
            for n in range(points):
                vectors[k, n] -= matrices[i, k, n] * vectors[i, n]
        for n in range(points):
            vectors[k, n] /= matrices[k, k, n]


@njit(cache=True, nogil=True, error_model="numpy")
def _chi2_of_all(points, model, room):
    """chi^2 of visits and prior at theta."""
    vectors, design, chi2 = room.vectors, room.design, room.chi2
    chi2[:points] = 0.0
    for k in range(len(vectors) - 1, -1, -1):
        for n in range(points):
            chi2[n] += room.precision[k] * (model.mean[k] - vectors[k, n]) ** 2
    residual = room.matrices[0, 1]  # in the half that is not used
    for j in range(len(design)):
        weight = model.weight[j]
        residual[:points] = model.velocity[j]
        for k in range(len(vectors)):
            for n in range(points):
                residual[n] -= design[j, k] * vectors[k, n]
        for n in range(points):
            chi2[n] += weight[n] * residual[n] * residual[n]


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(frequencies, model):
    """(F,) ln L at any frequencies [1/d]."""
    room = workspace(model)
    values = np.empty(len(frequencies))
    fill_ln_likelihoods(frequencies, model, room, values)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def noise_terms(frequencies, model):
    """(F, K) the term of every noise in L at any frequencies [1/d], as its ln."""
    room = workspace(model)
    terms = np.empty((len(frequencies), len(model.constant)))
    for k in range(len(frequencies)):
        ln_likelihood_at(frequencies[k], model, room)
        terms[k] = room.terms
    return terms
