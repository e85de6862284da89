"""An orbit's fundamental is at least as strong as its other harmonics: what that does to a posterior.

    |z_1|^2 >= sum over h >= 2 of |z_h|^2,        z_h = a_h - i b_h.

Keplerian orbits of the eccentricities that a few harmonics can describe fulfil it. Without it, an orbit of twice the
period whose second harmonic is the signal and whose first is none would be nearly as likely as the orbit itself.

With the coefficients normal, of precision B = F F' and mean m, the condition is that the quadratic form Q = z'D z of
the harmonics, D = diag(1, 1, -1, ...), is not negative. It multiplies L by Pr(Q >= 0), and the prior by a constant:
amplitudes squared of prior variance s_h^2 are exponential, so that Pr(Q >= 0) = prod_h s_1^2 / (s_1^2 + s_h^2).

Let C = L L' be the covariance of the harmonics, U and lambda the eigenvectors and eigenvalues of L'D L, b = U'L^-1 m.
Then Q = sum_j lambda_j (eta_j + b_j)^2 with eta normal, and its moment generating function is

    M(s) = prod_j (1 - 2 lambda_j s)^(-1/2) exp(lambda_j b_j^2 s / (1 - 2 lambda_j s)),

    Pr(Q >= 0) = 1 / (2 pi i) times the integral of M(s) / s along s = c + i y, c > 0 (Rice 1980, SIAM J. Sci. Stat.
    Comput. 1, 438),

and Pr(Q < 0) minus the same with c < 0. With c at the saddle point and y = w sinh(t), w its width, the trapezium rule
in t converges exponentially; its step is halved until the sum stands. The smaller of the two is computed, so that
neither loses digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Of the trapezium rule in t, the first step and the last, and by how much two steps may differ.
STEP = 0.5
SMALLEST_STEP = 0.005
CONVERGED = 1e-5
# The rule ends at a term this small, but not where t is so small that terms change sign.
NEGLIGIBLE = 1e-10
LEAST_T = 3.0
LARGEST_T = 60.0
# Below this ln a probability of Q < 0, or of Q >= 0, is known well enough from the saddle point alone.
NEVER, HOPELESS = -25.0, -100.0
SWEEPS = 20
# Of a coefficient that others and few visits determine, this share of the variance is left by rounding.
ROUNDING = 1e-15


def ln_prior_share(standard_deviations: np.ndarray, harmonics: int) -> float:
    """Ln of the prior probability of the condition, without it."""
    first, *others = standard_deviations[: 2 * harmonics : 2] ** 2
    return -float(np.sum(np.log1p(np.array(others) / first)))


def excess(theta: Any, harmonics: int) -> Any:
    """Q of coefficients, harmonics first, of whatever kind."""
    return theta[0] ** 2 + theta[1] ** 2 - sum(theta[k] ** 2 for k in range(2, 2 * harmonics))


@njit(cache=True, nogil=True, error_model="numpy")
def quadratic_form(factor, mean, harmonics):
    """Lambda and b of Q, from the Cholesky factor of B (in its lower half) and the mean, harmonics first."""
    count, size = len(mean), 2 * harmonics
    # C = G'G with G the first columns of F^-1
    inverse = np.zeros((count, size))
    for column in range(size):
        for k in range(column, count):
            total = 1.0 if k == column else 0.0
            for i in range(column, k):
                total -= factor[k, i] * inverse[i, column]
            inverse[k, column] = total / factor[k, k]
    root = np.zeros((size, size))
    for k in range(size):
        for i in range(k + 1):
            total = 0.0
            for j in range(count):
                total += inverse[j, k] * inverse[j, i]
            least = ROUNDING * total
            for j in range(i):
                total -= root[k, j] * root[i, j]
            root[k, i] = np.sqrt(max(total, least)) if i == k else total / root[i, i]
    form = np.zeros((size, size))
    for k in range(size):
        for i in range(size):
            for j in range(max(k, i), size):
                form[k, i] += root[j, k] * root[j, i] * (1.0 if j < 2 else -1.0)
    shift = np.empty(size)
    for k in range(size):
        total = mean[k]
        for i in range(k):
            total -= root[k, i] * shift[i]
        shift[k] = total / root[k, k]
    return _diagonalise(form, shift)


@njit(cache=True, nogil=True, error_model="numpy")
def _diagonalise(form, shift):
    """Eigenvalues of a symmetric matrix, and a vector in its eigenvectors' coordinates, by Jacobi's rotations."""
    size = len(shift)
    for _ in range(SWEEPS):
        off = 0.0
        for p in range(size):
            for q in range(p):
                off = max(off, abs(form[p, q]) / np.sqrt(abs(form[p, p] * form[q, q]) + 1e-300))
        if off < 1e-15:
            break
        for p in range(1, size):
            for q in range(p):
                if form[p, q] == 0.0:
                    continue
                ratio = 0.5 * (form[q, q] - form[p, p]) / form[p, q]
                t = (1.0 if ratio >= 0 else -1.0) / (abs(ratio) + np.sqrt(1 + ratio * ratio))
                c = 1 / np.sqrt(1 + t * t)
                s = t * c
                for k in range(size):
                    one, other = form[k, p], form[k, q]
                    form[k, p], form[k, q] = c * one - s * other, s * one + c * other
                for k in range(size):
                    one, other = form[p, k], form[q, k]
                    form[p, k], form[q, k] = c * one - s * other, s * one + c * other
                shift[p], shift[q] = c * shift[p] - s * shift[q], s * shift[p] + c * shift[q]
    return np.diag(form).copy(), shift


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(s, values, shift):
    """First and second derivative of ln M at a real s."""
    first, second = 0.0, 0.0
    for j in range(len(values)):
        x = values[j] / (1 - 2 * values[j] * s)
        square = shift[j] * shift[j] / (1 - 2 * values[j] * s)
        first += x * (1 + square)
        second += 2 * x * x * (1 + 2 * square)
    return first, second


@njit(cache=True, nogil=True, error_model="numpy")
def saddle(values, shift, pole):
    """Where ln M(s) - pole ln|s| is lowest, on the side of 0 where M falls at first; 0 if without pole it rises.

    Parameters
    ----------
    pole : 1 to look for the saddle point of M(s) / s, else 0
    """
    mean = _slope(0.0, values, shift)[0]
    sign = 1.0 if mean < 0 else -1.0
    end = 1e300
    for value in values:
        if sign * value > 0:
            end = min(end, 0.5 / abs(value))
    low, high = 0.0, end
    s = 0.5 * end
    for _ in range(200):
        first, second = _slope(sign * s, values, shift)
        down, up = sign * first - pole / s, second + pole / (s * s)
        if down > 0:
            high = s
        else:
            low = s
        nearer = s - down / up
        if not low < nearer < high:
            nearer = 0.5 * (low + high)
        if abs(nearer - s) <= 1e-10 * s:
            break
        s = nearer
    return sign * s


@njit(cache=True, nogil=True, error_model="numpy")
def _integrand(y, at, values, shift):
    """Real part of M(s) / s at s = at + iy, over M(at) / at.

    With r_j = 2 lambda_j y / (1 - 2 lambda_j at) the factors of M are (1 - i r_j)^(-1/2) and
    exp(b_j^2 / (2 (1 - 2 lambda_j at)) (1 / (1 - i r_j) - 1)) times their values at y = 0.
    """
    slant = y / at
    modulus, phase, exponent = (1 + slant * slant) ** -2.0, -np.arctan(slant), 0.0
    for j in range(len(values)):
        here = 1 - 2 * values[j] * at
        r = 2 * values[j] * y / here
        square = 1 + r * r
        rate = 0.5 * shift[j] * shift[j] / here * r / square
        modulus /= square
        exponent -= rate * r
        phase += 0.5 * np.arctan(r) + rate
    return modulus**0.25 * np.exp(exponent) * np.cos(phase)


@njit(cache=True, nogil=True, error_model="numpy")
def ln_share(factor, mean, harmonics):
    """Ln of the probability that the condition holds, of coefficients as in `quadratic_form`."""
    values, shift = quadratic_form(factor, mean, harmonics)
    at = saddle(values, shift, 1.0)
    width = 1 / np.sqrt(_slope(at, values, shift)[1] + 1 / at**2)
    # M(s) / s at the saddle point, times the width of its peak
    ln_tail = np.log(width) - np.log(abs(at))
    for j in range(len(values)):
        x = 1 - 2 * values[j] * at
        ln_tail += values[j] * shift[j] ** 2 * at / x - 0.5 * np.log(x)
    if ln_tail < (HOPELESS if at > 0 else NEVER):
        ln_tail -= 0.5 * np.log(2 * np.pi)
    else:
        step = STEP
        coarse = 0.5 + _sum(step, step, at, width, values, shift)
        while True:
            fine = coarse + _sum(0.5 * step, step, at, width, values, shift)
            step *= 0.5
            # the coarser sum's error; the finer one's is smaller by a factor of fifty or more
            if abs(fine - 2 * coarse) <= CONVERGED * abs(fine) or step < SMALLEST_STEP:
                break
            coarse = fine
        ln_tail += np.log(max(fine * step / np.pi, 1e-300))
    return ln_tail if at > 0 else np.log1p(-np.exp(min(ln_tail, -1e-300)))


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(start, step, at, width, values, shift):
    """The integrand's real part at t = start, start + step, ..., until it adds nothing more."""
    total, t = 0.0, start
    while t < LARGEST_T:
        term = _integrand(width * np.sinh(t), at, values, shift) * np.cosh(t)
        total += term
        if abs(term) < NEGLIGIBLE and t > LEAST_T:
            break
        t += step
    return total
