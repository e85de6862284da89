"""The velocity of a Keplerian orbit: linear in two numbers, given its period, eccentricity and phase.

    v = A (cos nu + e) - B sin nu + v0 + ...,        A = K cos w,  B = K sin w,

with the true anomaly nu at the mean anomaly M = 2 pi f t + phase, t from the middle of the visits, f = 1 / P, and
E - e sin E = M:

    cos nu = (cos E - e) / (1 - e cos E),        sin nu = sqrt(1 - e^2) sin E / (1 - e cos E).

A circle is e = 0, where the phase only turns A and B. Coefficients that know nothing of that are those of the columns

    cos(nu - phase) + e cos phase,    sin(nu - phase) - e sin phase:    a = K cos(phase + w), b = -K sin(phase + w),

for a circle a and b of a cos 2 pi f t + b sin 2 pi f t.

Kepler's equation is solved for all visits side by side, some of which a processor does at once: four steps of fourth
order from E = M + 0.85 e (Danby 1987, Celest. Mech. 40, 303), with sines and cosines from their series about a right
angle. Anomalies are good to 1e-11, and for e of 0.97 to 1e-9.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TWO_PI = 2 * np.pi
# For functions that call no others: else sums are ordered differently in code just compiled and out of the cache.
FAST = {"contract", "reassoc", "nsz", "arcp"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _sine_and_cosine(x):
    """sin x and cos x for x from 0 to pi."""
    y = x - 0.5 * np.pi
    h = y * y
    odd = 1 + h * (-1 / 6 + h * (1 / 120 + h * (-1 / 5040 + h * (1 / 362880 + h * (-1 / 39916800)))))
    odd += h**6 * (1 / 6227020800 - h / 1307674368000)
    even = 1 + h * (-1 / 2 + h * (1 / 24 + h * (-1 / 720 + h * (1 / 40320 + h * (-1 / 3628800)))))
    even += h**6 * (1 / 479001600 - h * (1 / 87178291200 - h / 20922789888000))
    return even, -y * odd


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def true_anomalies(turn, e, cosine, sine):
    """Fill cos nu and sin nu at mean anomalies in turns, of any number, for e < 1."""
    root = np.sqrt(1 - e * e)
    for j in range(len(turn)):
        away = turn[j] - np.floor(turn[j] + 0.5)
        m = TWO_PI * abs(away)
        x = min(m + 0.85 * e, np.pi)
        for _ in range(4):
            s, c = _sine_and_cosine(x)
            f2, f3 = e * s, e * c
            f0, f1 = x - f2 - m, 1 - f3
            d = -f0 / f1
            d = -f0 / (f1 + 0.5 * d * f2)
            d = -f0 / (f1 + d * (0.5 * f2 + d * f3 * (1 / 6)))
            x = min(max(x + d, 0.0), np.pi)
        s, c = _sine_and_cosine(x)
        inverse = 1 / (1 - e * c)
        cosine[j], sine[j] = (c - e) * inverse, np.copysign(root * s * inverse, away)


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
