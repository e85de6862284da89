"""What an orbit says of sizes and masses: the mass function, a sin i, and the smallest mass of the companion.

    f = P K^3 (1 - e^2)^(3/2) / (2 pi G) = (m2 sin i)^3 / (m1 + m2)^2,        a sin i = P K (1 - e^2)^(1/2) / (2 pi),

of the visible star's orbit; m2 is smallest where sin i = 1.
"""

from __future__ import annotations

import numpy as np

# P K^3 / (2 pi G) of days and km/s in solar masses, and P K / (2 pi) in astronomical units: IAU 2015 and 2012.
MASS_FUNCTION = 86400e9 / (2 * np.pi * 1.3271244e20)
A_SIN_I = 86400e3 / (2 * np.pi * 149597870700.0)
STEPS, TINY = 60, 1e-300


def mass_function(period_days: np.ndarray, semi_amplitude_kms: np.ndarray, e: np.ndarray) -> np.ndarray:
    """The mass function [solar masses]."""
    return MASS_FUNCTION * period_days * (semi_amplitude_kms * np.sqrt(1 - e**2)) ** 3


def a_sin_i(period_days: np.ndarray, semi_amplitude_kms: np.ndarray, e: np.ndarray) -> np.ndarray:
    """The projected semi-major axis of the visible star's orbit [au]."""
    return A_SIN_I * period_days * semi_amplitude_kms * np.sqrt(1 - e**2)


def smallest_companion(function: np.ndarray, primary: np.ndarray) -> np.ndarray:
    """The positive root m of m^3 = f (m1 + m)^2, by Newton's method from above, where the cubic bends upwards."""
    mass = function + 2 * np.cbrt(function * primary**2)
    for _ in range(STEPS):
        total = primary + mass
        slope = np.maximum(3 * mass**2 - 2 * function * total, TINY)
        mass = mass - (mass**3 - function * total**2) / slope
    return mass
