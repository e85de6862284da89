"""Eccentric orbits: their velocities, and eccentricity and argument of periastron from the harmonics of a fit.

With mean anomaly M = 2 pi t / P - phi, true anomaly nu, and E - e sin E = M,

    v / K = cos(nu + w) + e cos(w) = sum_h [C_h cos(w) cos(h M) - S_h sin(w) sin(h M)],
    C_h = 2 (1 - e^2) / e J_h(h e),        S_h = 2 sqrt(1 - e^2) J_h'(h e)

(Watson 1922, A Treatise on the Theory of Bessel Functions, sec. 17.2): harmonic h is of the order e^(h-1). As a
complex number it is z_h = a_h - i b_h = K F_h e^(-i h phi) with F_h = C_h cos(w) + i S_h sin(w), so that the first two
determine e and w,

    q = z_2 |z_1| / z_1^2 = F_2 |F_1| / F_1^2 = e e^(-i w) (1 + O(e^2)),

which is solved by iteration. The basis leaves out the harmonics above H. The first of these has the amplitude
C_(H+1)(e) K, and where that exceeds the standard deviation with which an amplitude is measured, the expansion is no
longer good enough for e and w: they are flagged. The semi-amplitude is K = |z_1| / |F_1|.
"""

from __future__ import annotations

import numpy as np
from scipy.special import jv, jvp

ITERATIONS = 40
# Beyond it the iteration need not converge; the harmonics used here are of no use there anyway.
LARGEST_ECCENTRICITY = 0.6
# An e that is found above it says that the data do not know e: no limit is higher.
LARGEST_LIMIT = 0.5


def radial_velocity(
    time_days: np.ndarray, period_days: float, semi_amplitude: float, e: float, omega: float, phase: float
) -> np.ndarray:
    """(J,) velocities about the systemic one, in units of the semi-amplitude's; `phase` is phi [rad]."""
    mean_anomaly = 2 * np.pi * time_days / period_days - phase
    anomaly = mean_anomaly + e * np.sin(mean_anomaly)
    for _ in range(50):
        anomaly -= (anomaly - e * np.sin(anomaly) - mean_anomaly) / (1 - e * np.cos(anomaly))
    nu = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(anomaly / 2), np.sqrt(1 - e) * np.cos(anomaly / 2))
    return semi_amplitude * (np.cos(nu + omega) + e * np.cos(omega))


def harmonic(h: int, e: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """F_h, of any shape."""
    e = np.maximum(e, 1e-12)
    cosine = 2 * (1 - e**2) / e * jv(h, h * e)
    sine = 2 * np.sqrt(1 - e**2) * jvp(h, h * e)
    return cosine * np.cos(omega) + 1j * sine * np.sin(omega)


def eccentricity(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eccentricity and argument of periastron [rad] of (S,) complex first and second harmonics a - i b."""
    wanted = second * np.abs(first) / first**2
    estimate = wanted.copy()
    for _ in range(ITERATIONS):
        e = np.abs(estimate)
        estimate *= np.minimum(1.0, LARGEST_ECCENTRICITY / np.maximum(e, 1e-300))
        e, omega = np.abs(estimate), -np.angle(estimate)
        here = harmonic(1, e, omega)
        found = harmonic(2, e, omega) * np.abs(here) / here**2
        estimate = estimate * np.where(e > 0, wanted / np.where(found == 0, 1, found), 1)
    return np.minimum(np.abs(estimate), LARGEST_ECCENTRICITY), -np.angle(estimate)


def semi_amplitude(first: np.ndarray, e: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """K of an orbit with this complex first harmonic, eccentricity and argument of periastron."""
    return np.abs(first) / np.abs(harmonic(1, e, omega))


def largest_valid_eccentricity(harmonics: int, semi_amplitude: float, amplitude_sd: float) -> float:
    """The eccentricity at which the first harmonic that a basis leaves out has an amplitude of one standard deviation.

    Parameters
    ----------
    semi_amplitude, amplitude_sd : of the orbit, and the standard deviation with which it is measured [km/s]
    """
    e = np.linspace(0, LARGEST_LIMIT, 2001)
    omitted = np.abs(harmonic(harmonics + 1, e, np.zeros(1)))
    return float(e[np.searchsorted(omitted, amplitude_sd / semi_amplitude, side="right") - 1])
