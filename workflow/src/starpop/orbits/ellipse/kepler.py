"""The velocity of a Keplerian orbit: linear in two numbers, given its period, eccentricity and phase.

    v = A (cos nu + e) - B sin nu + v0 + ...,        A = K cos w,  B = K sin w,

with the true anomaly nu at the mean anomaly M = 2 pi f t + phase, t from the middle of the visits, f = 1 / P, and
E - e sin E = M:

    cos nu = (cos E - e) / (1 - e cos E),        sin nu = sqrt(1 - e^2) sin E / (1 - e cos E).

A circle is e = 0, where the phase only turns A and B. Coefficients that know nothing of that are those of the columns

    cos(nu - phase) + e cos phase,    sin(nu - phase) - e sin phase:    a = K cos(phase + w), b = -K sin(phase + w),

for a circle a and b of a cos 2 pi f t + b sin 2 pi f t.

Kepler's equation is solved at many anomalies side by side, some of which a processor does at once, without a branch:
Markley's starter (1995, Celest. Mech. 63, 101), good to 4e-4 for any e, with a cube root good to 1e-5, and one step of
fifth order. Sines and cosines are series about a right angle. Anomalies are good to 2e-12 for e to 0.95, and to 9e-12
for e of 0.99.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS

TWO_PI = 2 * np.pi
# Of Markley's starter; and the bits that less a third of a number's are its inverse cube root, within 3.5%.
ALPHA, INVERSE_ROOT = 3 * np.pi**2 / (np.pi**2 - 6), np.int64(0x553EED916872B021)
# For functions that call no others: else sums are ordered differently in code just compiled and out of the cache.
FAST = {"contract", "reassoc", "nsz", "arcp"}


class Orbits(NamedTuple):
    """(L,) frequencies [1/d], eccentricities and phases at the middle [turns], and two numbers, the `shape`."""

    frequency: np.ndarray
    e: np.ndarray
    start: np.ndarray
    root: np.ndarray
    slope: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _sine_and_cosine(x):
    """sin x and cos x for x from 0 to pi."""
    y = x - 0.5 * np.pi
    h = y * y
    odd = 1 + h * (-1 / 6 + h * (1 / 120 + h * (-1 / 5040 + h * (1 / 362880 + h * (-1 / 39916800)))))
    odd += h**6 * (1 / 6227020800 - h * (1 / 1307674368000 - h / 355687428096000))
    even = 1 + h * (-1 / 2 + h * (1 / 24 + h * (-1 / 720 + h * (1 / 40320 + h * (-1 / 3628800)))))
    even += h**6 * (1 / 479001600 - h * (1 / 87178291200 - h * (1 / 20922789888000 - h / 6402373705728000)))
    return even, -y * odd


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _two_thirds_power(x):
    """x^(2/3) for x > 0, to 1e-5: x times its inverse cube root, by a third of its bits and two of Newton's steps."""
    bits = INVERSE_ROOT - np.int64(np.float64(np.float64(x).view(np.int64)) * (1 / 3))
    y = np.int64(bits).view(np.float64)
    y *= (4 - x * y * y * y) * (1 / 3)
    y *= (4 - x * y * y * y) * (1 / 3)
    return x * y


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _true_anomaly(turn, e, root, slope):
    """cos nu and sin nu; root and slope are those of `shape`."""
    away = turn - np.floor(turn + 0.5)
    m = TWO_PI * abs(away)
    alpha = ALPHA + slope * (np.pi - m)
    d = 3 * (1 - e) + alpha * e
    q = 2 * alpha * d * (1 - e) - m * m
    r = (3 * alpha * d * (d - 1 + e) + m * m) * m
    w = _two_thirds_power(r + np.sqrt(q * q * q + r * r))
    whole = w * w + w * q + q * q
    x = (2 * r * w + m * whole) / (whole * d)
    s, c = _sine_and_cosine(x)
    # Kepler's equation about x, f + f1 y + f2 y^2 / 2 + ..., solved as a series in -f / f1
    inverse = 1 / (1 - e * c)
    y = (m + e * s - x) * inverse
    second, third, fourth = 0.5 * e * s * inverse, e * c * inverse / 6, -e * s * inverse / 24
    square = second * second
    y *= 1 - y * (second + y * (third - 2 * square + y * (fourth - 5 * second * third + 5 * second * square)))
    small = y * y
    turned_c, turned_s = 1 - small * (0.5 - small / 24), y * (1 - small / 6)
    s, c = s * turned_c + c * turned_s, c * turned_c - s * turned_s
    inverse = 1 / (1 - e * c)
    return (c - e) * inverse, np.copysign(root * s * inverse, away)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def shape(e):
    """What of an eccentricity all anomalies need: sqrt(1 - e^2), and how Markley's alpha goes with pi - M."""
    return np.sqrt(1 - e * e), 1.6 * np.pi / ((np.pi**2 - 6) * (1 + e))


@njit(**NO_ARRAYS, fastmath=FAST)
def true_anomalies(turn, e, cosine, sine):
    """Fill cos nu and sin nu at mean anomalies in turns, of any number, for e < 1."""
    root, slope = shape(e)
    for j in range(len(turn)):
        cosine[j], sine[j] = _true_anomaly(turn[j], e, root, slope)


@njit(**NO_ARRAYS, fastmath=FAST)
def fill_anomalies(time, orbits, cosine, sine):
    """Fill cos nu and sin nu at one time [d] from the middle, of as many orbits as there is room for."""
    frequency, e, start, root, slope = orbits
    for k in range(len(cosine)):
        cosine[k], sine[k] = _true_anomaly(frequency[k] * time + start[k], e[k], root[k], slope[k])


@njit(cache=True, nogil=True, error_model="numpy")
def fill_columns(frequency, e, phase, time, design):
    """Fill the first two columns of a design matrix with those of a and b, at times about the middle [d]."""
    cosine, sine = np.empty(len(time)), np.empty(len(time))
    true_anomalies(frequency * time + phase / TWO_PI, e, cosine, sine)
    c, s = np.cos(phase), np.sin(phase)
    for j in range(len(time)):
        design[j, 0] = c * (cosine[j] + e) + s * sine[j]
        design[j, 1] = c * sine[j] - s * (cosine[j] + e)


@njit(cache=True, nogil=True, error_model="numpy")
def columns(points, time):
    """(S, J, 2) columns of a and b, of (S, 3) frequencies [1/d], eccentricities and phases, at (J,) such times."""
    found = np.empty((len(points), len(time), 2))
    for k in range(len(points)):
        fill_columns(points[k, 0], points[k, 1], points[k, 2], time, found[k])
    return found
