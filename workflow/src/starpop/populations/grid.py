"""A grid of ln P in pieces, between whose points a smooth function is a polynomial of degree five."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit
from scipy.sparse import csr_array

# Points of a polynomial.
SIX = 6


@dataclass(frozen=True)
class Grid:
    """Points of ln P in pieces, between which a density jumps: (G,) points, and the first of each piece, and G."""

    points: np.ndarray
    starts: np.ndarray

    @classmethod
    def between(cls, ends: Sequence[float], step: float) -> Grid:
        """Of pieces that end at some places, with about a step between the points, and in each eight at least."""
        sizes = [max(int(np.ceil((high - low) / step)) + 1, SIX + 2) for low, high in pairwise(ends)]
        pieces = [np.linspace(*pair, size) for pair, size in zip(pairwise(ends), sizes, strict=True)]
        for piece in pieces[:-1]:  # where it ends the density is that before the jump
            piece[-1] = np.nextafter(piece[-1], -np.inf)
        return cls(np.concatenate(pieces), np.cumsum([0, *sizes]))

    def interpolation(self, x: np.ndarray) -> csr_array:
        """(len(x), G) of values at the points to those at (ascending) places between them."""
        first, weight = _lagrange(np.asarray(x, float), self.points, self.starts)
        column = (first[:, None] + np.arange(SIX)).ravel()
        return csr_array((weight.ravel(), column, SIX * np.arange(len(x) + 1)), (len(x), len(self.points)))

    @property
    def between_points(self) -> np.ndarray:
        """The places half-way between neighbours of a piece."""
        middle = 0.5 * (self.points[1:] + self.points[:-1])
        return np.delete(middle, self.starts[1:-1] - 1)


@njit(cache=True, error_model="numpy")
def _lagrange(x, points, starts):
    """The first of the six points about each place, and the (len(x), 6) weights of their values there."""
    first, weight = np.empty(len(x), np.int64), np.empty((len(x), SIX))
    for k in range(len(x)):
        piece = max(np.searchsorted(points[starts[:-1]], x[k], side="right") - 1, 0)
        low, end = starts[piece], starts[piece + 1]
        step = points[low + 1] - points[low]
        cell = int(np.floor((x[k] - points[low]) / step))
        first[k] = low + min(max(cell - SIX // 2 + 1, 0), end - low - SIX)
        t = (x[k] - points[first[k]]) / step
        for i in range(SIX):
            weight[k, i] = 1.0
            for j in range(SIX):
                if j != i:
                    weight[k, i] *= (t - j) / (i - j)
    return first, weight
