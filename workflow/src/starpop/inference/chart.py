"""Where the mass of a density of one to four coordinates is: a map of the unit cube onto it.

Each coordinate has a range, outside which the mass at a given value lies e^-28 below its maximum, or which ends at the
prior's bounds. It is found for each value of the coordinates that follow, since the width of a location goes with the
scale, by grids that are narrowed down to where the mass is; it is interpolated between these values, for it need not
be smooth, only wide enough.

A density with more maxima than one, or a plateau, leads such grids astray: there a box grows from the maxima that are
known (`box_around`), and the grids begin with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.special import logsumexp

DEPTH = 28.0
# Points of the grid of the first coordinate, and of each of one to three others.
FIRST_GRID, OTHER_GRID = 25, {1: 33, 2: 17, 3: 11}
MOST_STEPS = 40
# Points of the grid of each coordinate in a box that grows.
BOX_GRID = 7

LnDensity = Callable[..., np.ndarray]
Bounds = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """The map from the unit cube to the coordinates.

    Attributes
    ----------
    knots : for each coordinate, a grid of those that follow it
    ends : for each coordinate, (..., 2) ends of its range on that grid
    """

    knots: tuple[tuple[np.ndarray, ...], ...]
    ends: tuple[np.ndarray, ...]

    def range_of(self, k: int, following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) ends of the range of coordinate k at (M, D - 1 - k) values of those that follow."""
        if not self.knots[k]:
            return np.full(len(following), self.ends[k][0]), np.full(len(following), self.ends[k][1])
        low, high = RegularGridInterpolator(self.knots[k], self.ends[k])(following).T
        return low, high

    def __call__(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M, D) coordinates of (M, D) points of the cube, and (M,) ln of the Jacobian determinant."""
        points, ln_jacobian = np.empty(cube.shape), np.zeros(len(cube))
        for k in reversed(range(cube.shape[1])):
            low, high = self.range_of(k, points[:, k + 1 :])
            points[:, k] = low + (high - low) * cube[:, k]
            ln_jacobian += np.log(high - low)
        return points, ln_jacobian

    def on_grid(self, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of all points of a grid, in the order of `mesh`, whose axes in the cube are all (n,) unit."""
        points, ln_jacobian = np.empty((1, 0)), np.zeros(1)
        for k in reversed(range(len(self.ends))):
            # the range is the same for all values of the coordinates before
            low, high = self.range_of(k, points)
            own = (low + (high - low) * unit[:, None]).ravel()
            points = np.column_stack([own, np.tile(points, (len(unit), 1))])
            ln_jacobian = np.tile(ln_jacobian + np.log(high - low), len(unit))
        return points, ln_jacobian


def box_around(ln_density: LnDensity, bounds: Bounds, box: Bounds, ln_top: float) -> Bounds:
    """A box that has grown until the density is negligible on its faces, or they are at the bounds.

    Parameters
    ----------
    bounds : within which the box stays
    box : at first, around the maximum
    ln_top : ln of the density there
    """
    (bottom, top), (low, high) = (np.array(ends, float).T for ends in (bounds, box))
    low, high = np.maximum(low, bottom), np.minimum(high, top)
    for _ in range(MOST_STEPS):
        axes = np.linspace(low, high, BOX_GRID).T
        values = ln_density(*mesh(list(axes)).T).reshape((BOX_GRID,) * len(low))
        counts = values > max(values.max(), ln_top) - DEPTH
        faces = [np.moveaxis(counts, k, 0)[[0, -1]].reshape(2, -1).any(axis=1) for k in range(len(low))]
        grow_low, grow_high = np.array(faces).T & [low > bottom, high < top]
        if not (grow_low.any() or grow_high.any()):
            break
        margin = (high - low) / 2
        low, high = (
            np.where(grow_low, np.maximum(low - margin, bottom), low),
            np.where(grow_high, np.minimum(high + margin, top), high),
        )
    return list(zip(low.tolist(), high.tolist(), strict=True))


def find_chart(ln_density: LnDensity, bounds: Bounds) -> Chart:
    """Narrow the bounds down to where the mass is."""
    first, others = bounds[0], list(bounds[1:])
    count = OTHER_GRID.get(len(others), 1)
    for _ in range(MOST_STEPS):
        knots = tuple(np.linspace(low, high, count) for low, high in others)
        low, high, ln_mass = _narrow(ln_density, first, mesh(knots))
        kept = (ln_mass > ln_mass.max() - DEPTH).reshape((count,) * len(others))
        first = float(low[kept.ravel()].min()), float(high[kept.ravel()].max())
        spans = [_span(kept.any(axis=tuple(i for i in range(len(others)) if i != k))) for k in range(len(others))]
        others = [(grid[i], grid[j]) for grid, (i, j) in zip(knots, spans, strict=True)]
        if all(2 * (j - i) > count for i, j in spans):
            break
    ends = [np.stack([low, high], axis=-1).reshape(*kept.shape, 2)]
    for k in range(len(others) - 1):
        # at each value of those that follow; where there is nothing, all of its range will do
        rows = kept.any(axis=tuple(range(k))).reshape(count, -1).T
        pairs = [_span(row) if row.any() else spans[k] for row in rows]
        ends.append(np.array([[knots[k][i], knots[k][j]] for i, j in pairs]).reshape(*kept.shape[k + 1 :], 2))
    ends += [np.array(span) for span in others[-1:]]
    return Chart(tuple(knots[k:] for k in range(len(bounds))), tuple(ends))


def _span(kept: np.ndarray) -> tuple[int, int]:
    """First and last index of what is kept, and one more on either side."""
    some = np.flatnonzero(kept)
    return max(int(some[0]) - 1, 0), min(int(some[-1]) + 1, len(kept) - 1)


def _narrow(
    ln_density: LnDensity, bounds: tuple[float, float], others: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Range of the first coordinate at each of (M, D - 1) values of the others, and ln of the mass in it."""
    at = np.arange(len(others))
    low, high = np.full(len(at), float(bounds[0])), np.full(len(at), float(bounds[1]))
    repeated = [np.tile(column, FIRST_GRID) for column in others.T]
    for _ in range(MOST_STEPS):
        grid = low + (high - low) * np.linspace(0, 1, FIRST_GRID)[:, None]
        values = ln_density(grid.ravel(), *repeated).reshape(grid.shape)
        inside = values > values.max(axis=0) - DEPTH
        first, last = inside.argmax(axis=0), FIRST_GRID - 1 - inside[::-1].argmax(axis=0)
        low, high = grid[np.maximum(first - 1, 0), at], grid[np.minimum(last + 1, FIRST_GRID - 1), at]
        if np.all(2 * (last - first) >= FIRST_GRID - 3):
            break
    return low, high, logsumexp(values, axis=0) + np.log(grid[1] - grid[0])


def mesh(axes: Sequence[np.ndarray]) -> np.ndarray:
    """(M, len(axes)) points of a grid; one point, of no coordinates, where there are no axes."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1) if axes else np.empty((1, 0))
