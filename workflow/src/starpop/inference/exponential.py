"""exp(x) for x <= 0 within compiled loops, of which a processor then does several at once.

x = (n + r) ln 2 with a whole n and |r| <= 1/2: 2^n is made of its bits, and 2^r is a series, good to the last digit.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numba import njit

from starpop.inference.compiled import NO_ARRAYS

LOG2_E, FEWEST_TWOS, BIAS, MANTISSA = float(np.log2(np.e)), -1022.0, 1023, 52
# Of the series of 2^r, from the highest on.
SERIES = tuple(float(np.log(2) ** k / factorial(k)) for k in range(12, -1, -1))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def exp_of_negative(x):
    """exp(x) for x <= 0, no less than 2^-1022."""
    twos = max(x * LOG2_E, FEWEST_TWOS)
    whole = np.floor(twos + 0.5)
    r = twos - whole
    power = np.int64((np.int64(whole) + BIAS) << MANTISSA).view(np.float64)
    value = 0.0
    for term in SERIES:
        value = value * r + term
    return power * value


@njit(**NO_ARRAYS, fastmath={"contract", "reassoc", "nsz"})
def ln_sum(terms):
    """ln of the sum of the exponentials of some terms."""
    top, total = terms[0], 0.0
    for n in range(1, len(terms)):
        top = max(top, terms[n])
    for n in range(len(terms)):
        total += exp_of_negative(terms[n] - top)
    return top + np.log(total)
