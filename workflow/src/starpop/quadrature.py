"""Exact posteriors of two hyper-parameters: a location y and the ln of a scale z, by adaptive quadrature.

The range of z is where the highest posterior density over y lies within 40 of the maximum, or ends at the prior's
bounds; the range of y is found the same way at every z, since its width goes with the scale. Both are covered by
composite 10-point Gauss-Legendre rules whose panels are doubled until the ln evidence, means and standard deviations
change by less than 1e-7; that change is the reported error, far above the error of the last rule.

Draws are independent and exact: a cell of the last rule is chosen by its mass, a point in it is proposed uniformly and
accepted against the cell's highest density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import CubicSpline

POINTS = 10
DEPTH = 40.0
TOLERANCE = 1e-7
MOST_PANELS = 64
# The density within a cell exceeds its highest at the rule's points by less than this factor.
ENVELOPE = 1.15
MARGINAL_POINTS = 161
HDI_PROBABILITY = 0.94

LnDensity = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class HyperPosterior:
    """The posterior of (y, z) on the points of the last rule.

    Attributes
    ----------
    y, z : (I, J) points; z is constant along the second axis
    ln_density : (I, J) ln of likelihood times prior
    weight : (I, J) posterior mass of each point; sums to one
    ln_evidence : ln of the integral
    error : last change of (ln evidence, means, standard deviations), the largest
    low, high : (I,) range of y at each z
    z_range : range of z
    panels : panels of the rule in each direction
    evaluate : the function that was integrated
    """

    y: np.ndarray
    z: np.ndarray
    ln_density: np.ndarray
    weight: np.ndarray
    ln_evidence: float
    error: float
    low: np.ndarray
    high: np.ndarray
    z_range: tuple[float, float]
    panels: int
    evaluate: LnDensity
    range_of_y: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

    def mean(self, function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        """Posterior mean of a function of (y, z)."""
        return float(np.sum(self.weight * function(self.y, self.z)))

    def moments(self) -> dict[str, tuple[float, float]]:
        """Posterior mean and standard deviation of y and of z."""
        result = {}
        for name, values in (("y", self.y), ("z", self.z)):
            mean = float(np.sum(self.weight * values))
            result[name] = mean, float(np.sqrt(np.sum(self.weight * (values - mean) ** 2)))
        return result

    def marginal(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Uniform grid and marginal density of y or z where it is not negligible, by the rule of the other."""
        first, last = (float(self.low.min()), float(self.high.max())) if name == "y" else self.z_range
        marginal = self._marginal_of_y if name == "y" else self._marginal_of_z
        for points in (MARGINAL_POINTS // 4, MARGINAL_POINTS):
            grid = np.linspace(first, last, points)
            density = marginal(grid)
            some = np.flatnonzero(density > 1e-12 * density.max())
            first, last = grid[max(some[0] - 1, 0)], grid[min(some[-1] + 1, len(grid) - 1)]
        return grid, density

    @property
    def _coarser(self) -> int:
        """Panels of the rule before the last, whose error is that reported: enough for a marginal density."""
        return max(self.panels // 2, 1)

    def _marginal_of_y(self, grid: np.ndarray) -> np.ndarray:
        nodes, weights = gauss_legendre(*self.z_range, self._coarser)
        y, z = np.broadcast_arrays(grid[:, None], nodes)
        low, high = self.range_of_y(nodes)
        # outside the range found for a z there is nothing, and the density there need not be evaluated
        margin = 1e-9 * (high - low)
        inside = (y >= low - margin) & (y <= high + margin)
        values = np.full(y.shape, -np.inf)
        values[inside] = self.evaluate(y[inside], z[inside])
        return np.exp(values + np.log(weights) - self.ln_evidence).sum(axis=1)

    def _marginal_of_z(self, grid: np.ndarray) -> np.ndarray:
        low, high = self.range_of_y(grid)
        unit, weights = gauss_legendre(0.0, 1.0, self._coarser)
        y = low[:, None] + (high - low)[:, None] * unit
        z = np.broadcast_to(grid[:, None], y.shape)
        values = self.evaluate(y.ravel(), z.ravel()).reshape(y.shape)
        return (np.exp(values - self.ln_evidence) * weights * (high - low)[:, None]).sum(axis=1)

    def shortest_interval(self, name: str, probability: float) -> tuple[float, float]:
        """The shortest interval that holds a probability."""
        return shortest_interval(*self.marginal(name), probability)

    def summary(self, names: tuple[str, str]) -> xr.Dataset:
        """Exact mean, sd and 94% shortest interval of (y, z), under the names given, and the quadrature's quality."""
        moments = self.moments()
        rows = [(*moments[key], *self.shortest_interval(key, HDI_PROBABILITY)) for key in ("y", "z")]
        return xr.Dataset(
            {
                "value": (("parameter", "statistic"), np.array(rows)),
                "ln_evidence": self.ln_evidence,
                "error": self.error,
            },
            coords={"parameter": list(names), "statistic": ["mean", "sd", "hdi_3%", "hdi_97%"]},
        )

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent exact draws of (y, z)."""
        cells = self.panels
        shape = (cells, POINTS, cells, POINTS)
        mass = self.weight.reshape(shape).sum(axis=(1, 3)).ravel()
        jacobian = np.broadcast_to((self.high - self.low)[:, None], self.y.shape)
        top = (self.ln_density + np.log(jacobian)).reshape(shape).max(axis=(1, 3)).ravel()
        step = (self.z_range[1] - self.z_range[0]) / cells
        drawn_y, drawn_z = np.empty(size), np.empty(size)
        waiting = np.arange(size)
        cell = rng.choice(cells * cells, size, p=mass / mass.sum())
        while len(waiting):
            here = cell[waiting]
            z = self.z_range[0] + step * (here // cells + rng.random(len(here)))
            low, high = self.range_of_y(z)
            y = low + (high - low) * (here % cells + rng.random(len(here))) / cells
            ln_accept = self.evaluate(y, z) + np.log(high - low) - top[here] - np.log(ENVELOPE)
            accepted = np.log(rng.random(len(here))) < ln_accept
            drawn_y[waiting[accepted]], drawn_z[waiting[accepted]] = y[accepted], z[accepted]
            waiting = waiting[~accepted]
        return drawn_y, drawn_z


def gauss_legendre(low: float, high: float, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the composite 10-point Gauss-Legendre rule."""
    points, weights = leggauss(POINTS)
    edges = np.linspace(low, high, panels + 1)
    half = 0.5 * np.diff(edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * points).ravel(), (half[:, None] * weights).ravel()


def shortest_interval(grid: np.ndarray, density: np.ndarray, probability: float) -> tuple[float, float]:
    """The shortest interval that holds a probability, of a density given on a uniform grid.

    The best of many intervals, then Newton's method: at its ends the density is the same, unless it begins or ends
    where the density does.
    """
    pdf = CubicSpline(grid, density)
    cdf, slope = pdf.antiderivative(), pdf.derivative()
    total = float(cdf(grid[-1]))
    fine = np.linspace(grid[0], grid[-1], 20 * len(grid))
    cumulated = cdf(fine) / total
    shares = np.linspace(0, 1 - probability, 400)
    lows, highs = np.interp(shares, cumulated, fine), np.interp(shares + probability, cumulated, fine)
    best = int(np.argmin(highs - lows))
    low, high = float(lows[best]), float(highs[best])
    inside = 0 < best < len(shares) - 1
    for _ in range(12):
        if inside:
            ratio = float(pdf(low) / pdf(high))
            low -= float(pdf(low) - pdf(high)) / float(slope(low) - slope(high) * ratio)
        high -= (float(cdf(high) - cdf(low)) - probability * total) / float(pdf(high))
    return low, min(high, float(grid[-1]))


def integrate(
    ln_density: LnDensity,
    y_bounds: tuple[float, float],
    z_bounds: tuple[float, float],
    start: tuple[float, float],
    tolerance: float = TOLERANCE,
) -> HyperPosterior:
    """The posterior of (y, z).

    Parameters
    ----------
    ln_density : ln of likelihood times prior at (M,) points y and z
    y_bounds, z_bounds : the prior's bounds; an infinite one is found by the density's fall
    start : a point where the density is not negligible
    """
    modes = _ConditionalModes(ln_density, y_bounds, start)
    z_range = _range_of_z(modes, z_bounds, start[1])
    # the range of y is found at some z and interpolated: it need not be smooth, only wide enough
    knots = np.linspace(*z_range, 65)
    lows, highs = modes.ranges(knots)

    def range_of_y(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.interp(z, knots, lows), np.interp(z, knots, highs)
        return np.maximum(low, y_bounds[0]), np.minimum(high, y_bounds[1])

    before = None
    panels = 2
    while True:
        panels *= 2
        z, z_weight = gauss_legendre(*z_range, panels)
        low, high = range_of_y(z)
        unit, unit_weight = gauss_legendre(0.0, 1.0, panels)
        y = low[:, None] + (high - low)[:, None] * unit
        z = np.broadcast_to(z[:, None], y.shape)
        values = ln_density(y.ravel(), z.ravel()).reshape(y.shape)
        measure = z_weight[:, None] * unit_weight * (high - low)[:, None]
        top = values.max()
        mass = measure * np.exp(values - top)
        ln_evidence = float(top + np.log(mass.sum()))
        posterior = HyperPosterior(
            y, z, values, mass / mass.sum(), ln_evidence, np.inf, low, high, z_range, panels, ln_density, range_of_y
        )
        now = np.array([ln_evidence, *np.ravel(list(posterior.moments().values()))])
        change = np.inf if before is None else float(np.max(np.abs(now - before)))
        if change < tolerance or 2 * panels > MOST_PANELS:
            return HyperPosterior(**{**posterior.__dict__, "error": change})
        before = now


class _ConditionalModes:
    """Where, at given z, the density is high in y."""

    def __init__(self, ln_density: LnDensity, bounds: tuple[float, float], start: tuple[float, float]):
        self.ln_density, self.bounds, self.start = ln_density, bounds, start

    def find(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mode, width and height in y at each z: by Newton's method from the best of some widely spread points."""
        low, high = self.bounds
        spread = np.concatenate([[0.0], np.geomspace(1e-4, 4.0, 12), -np.geomspace(1e-4, 4.0, 12)])
        trial = np.clip(self.start[0] + np.outer(np.exp(z), spread), low, high)
        values = self.ln_density(trial.ravel(), np.repeat(z, len(spread))).reshape(trial.shape)
        best = values.argmax(axis=1)
        y, height = trial[np.arange(len(z)), best], values.max(axis=1)
        width = 0.1 * np.exp(z)
        for _ in range(25):
            step = 0.1 * width
            above, below = self.ln_density(y + step, z), self.ln_density(y - step, z)
            slope, bend = (above - below) / (2 * step), (2 * height - above - below) / step**2
            curved = (bend > 0) & np.isfinite(bend)
            new_width = np.where(curved, 1 / np.sqrt(np.where(curved, bend, 1.0)), 2 * width)
            move = np.where(curved, slope * new_width**2, np.sign(slope) * width)
            new = np.clip(y + np.clip(move, -5 * width, 5 * width), low, high)
            value = self.ln_density(new, z)
            better = value >= height
            done = np.all((np.abs(new - y) < 1e-3 * new_width) & (np.abs(new_width - width) < 0.1 * width))
            y, height = np.where(better, new, y), np.where(better, value, height)
            width = np.where(better, new_width, 0.5 * width)
            if done:
                break
        return y, width, height

    def ranges(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The range of y at each z outside which the density lies DEPTH below its height there.

        It may reach beyond the bounds: cut off only where it is used, it can be interpolated over z.
        """
        y, width, height = self.find(z)
        ends = []
        for sign, bound in ((-1.0, self.bounds[0]), (1.0, self.bounds[1])):
            reach = 9 * width
            for _ in range(60):
                end = y + sign * reach
                outside = sign * (end - bound) >= 0
                value = self.ln_density(np.where(outside, bound, end), z)
                short = ~outside & (value > height - DEPTH)
                if not short.any():
                    break
                reach = np.where(short, 1.3 * reach, reach)
            ends.append(y + sign * reach)
        return ends[0], ends[1]


def _range_of_z(modes: _ConditionalModes, bounds: tuple[float, float], start: float) -> tuple[float, float]:
    """Where the mass in y at a given z, by Laplace's approximation, lies within DEPTH of its highest."""
    finite = [b if np.isfinite(b) else start + s * 20.0 for b, s in zip(bounds, (-1, 1), strict=True)]

    def profile(z: np.ndarray) -> np.ndarray:
        _, width, height = modes.find(z)
        return height + np.log(width)

    grid = np.linspace(finite[0], finite[1], 61)
    for _ in range(3):
        values = profile(grid)
        inside = np.flatnonzero(values > values.max() - DEPTH)
        low, high = grid[max(inside[0] - 1, 0)], grid[min(inside[-1] + 1, len(grid) - 1)]
        if inside[-1] - inside[0] > 30:
            break
        grid = np.linspace(low, high, 61)
    return float(low), float(high)
