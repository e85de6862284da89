"""Small linear systems within compiled loops: a Cholesky factor whose pivots have a floor, and what it solves."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def cholesky(matrix, least):
    """Replace the lower half of a matrix by its Cholesky factor; returns 1/2 ln of its determinant.

    No pivot is below the least it can be. The matrix is a diagonal of precisions plus what the visits add, so that no
    pivot can be below its precision; but where there are fewer visits than columns rounding would have it so, and even
    negative, when the errors are tiny.
    """
    ln_diagonal = 0.0
    for k in range(len(least)):
        for i in range(k + 1):
            total = matrix[k, i]
            for m in range(i):
                total -= matrix[k, m] * matrix[i, m]
            matrix[k, i] = np.sqrt(max(total, least[k])) if i == k else total / matrix[i, i]
        ln_diagonal += np.log(matrix[k, k])
    return ln_diagonal


@njit(cache=True, nogil=True, error_model="numpy")
def forward(count, factor, vector):
    """Solve factor x = vector in place."""
    for k in range(count):
        for i in range(k):
            vector[k] -= factor[k, i] * vector[i]
        vector[k] /= factor[k, k]


@njit(cache=True, nogil=True, error_model="numpy")
def backward(count, factor, vector):
    """Solve factor' x = vector in place."""
    for k in range(count - 1, -1, -1):
        for i in range(k + 1, count):
            vector[k] -= factor[i, k] * vector[i]
        vector[k] /= factor[k, k]
