"""Exact posteriors of one to four hyper-parameters, by adaptive quadrature.

In the cube that a `chart` maps onto where the mass is, composite 10-point Gauss-Legendre rules take more and more
panels until the ln evidence, means and standard deviations change by less than 1e-7, or there are as many as there may
be. The last change is the reported error, far above the error of the last rule; `diagnostics` judges it.

Marginal densities are the rule's sums, with ln density interpolated by each panel's polynomial. Draws are independent
and exact: by rejection under a ceiling that is constant around each point, the highest density of its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from scipy.interpolate import CubicSpline
from scipy.ndimage import maximum_filter
from scipy.special import logsumexp

from starpop.inference import rejection
from starpop.inference.chart import DEPTH, Bounds, Chart, LnDensity, find_chart, mesh
from starpop.inference.priors import Prior
from starpop.inference.weighted import Posterior

# Hyper-parameters of a density: more are sampled. (Four are integrated where most points cost next to nothing.)
MOST_INTEGRATED = 3
POINTS = 10
TOLERANCE = 1e-7
# Panels to be tried, for one to four coordinates.
PANELS = {
    1: (8, 12, 16, 24, 32, 48, 64),
    2: (6, 10, 16, 24, 36, 50, 64),
    3: (3, 4, 5, 6, 8, 10, 12, 15),
    4: (2, 3, 4, 5),
}
# Between a point and its neighbours, the density exceeds the highest of them by less than this factor a coordinate.
ENVELOPE = 1.06
# Between its points a panel's polynomial is no higher than the highest of them by more than this, in the ln.
MOST_ABOVE = 1.0
MARGINAL_POINTS = 161
# So little above the depth where the chart ends a point is near its ends.
MARGIN = 8.0
LINES_AT_ONCE = 500
# A panel's points and weights on [-1, 1]; from values there to the coefficients of the Legendre polynomials of their
# interpolant.
RULE = leggauss(POINTS)
LEGENDRE = np.linalg.inv(legvander(RULE[0], POINTS - 1)).T


@dataclass(frozen=True)
class HyperPosterior(Posterior):
    """A posterior on the points of the last rule.

    Attributes
    ----------
    ln_density : (n, ..., n) ln of likelihood times prior times Jacobian, on the rule's points in the cube
    chart : from the cube to the coordinates
    panels : panels of the rule in each direction
    evaluate : ln of likelihood times prior
    """

    ln_density: np.ndarray
    chart: Chart
    panels: int
    evaluate: LnDensity

    def marginal(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Uniform grid and marginal density of a hyper-parameter, where it is not negligible."""
        k, shape = self.names.index(name), self.ln_density.shape
        ln_weight = np.log(gauss_legendre(self.panels)[1])
        # the coordinates before it summed over, and a line for each value of those that follow
        values = self.ln_density - self.ln_evidence
        for _ in range(k):
            values = logsumexp(values + ln_weight.reshape(-1, *[1] * (values.ndim - 1)), axis=0)
        lines = values.reshape(shape[0], -1).T + mesh([ln_weight] * (values.ndim - 1)).sum(axis=1)[:, None]
        following = self.points.reshape(*shape, -1)[(0,) * (k + 1)][..., k + 1 :].reshape(len(lines), -1)
        low, high = self.chart.range_of(k, following)
        lines = lines - np.log(high - low)[:, None]
        first, last = low.min(), high.max()
        for points in (MARGINAL_POINTS // 4, MARGINAL_POINTS):
            grid = np.linspace(first, last, points)
            density = np.zeros(points)
            for at in range(0, len(lines), LINES_AT_ONCE):
                part = slice(at, at + LINES_AT_ONCE)
                density += self._sum(lines[part], (grid - low[part, None]) / (high - low)[part, None])
            some = np.flatnonzero(density > 1e-12 * density.max())
            first, last = grid[max(some[0] - 1, 0)], grid[min(some[-1] + 1, len(grid) - 1)]
        return grid, density

    def _sum(self, lines: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(G,) sum of exp of (L, n) functions, given on the rule's points, at (L, G) places; they are 0 off [0, 1]."""
        line, where = np.nonzero((places >= -1e-9) & (places <= 1 + 1e-9))
        at = places[line, where] * self.panels
        panel = np.clip(at.astype(int), 0, self.panels - 1)
        by_panel = lines.reshape(len(lines), self.panels, POINTS)
        coefficients = (by_panel @ LEGENDRE)[line, panel]
        values = np.einsum("ij,ij->i", coefficients, legvander(2 * (at - panel) - 1, POINTS - 1))
        # the polynomial swings wildly only where a panel holds a cliff
        values = np.minimum(values, by_panel.max(axis=2)[line, panel] + MOST_ABOVE)
        return np.bincount(where, np.exp(values), minlength=places.shape[1])

    def shortest_interval(self, name: str, probability: float) -> tuple[float, float]:
        """The shortest interval that holds a probability."""
        return shortest_interval(*self.marginal(name), probability)

    def ln_predictive(self, ln_likelihood: np.ndarray) -> tuple[float, float, bool]:
        """Ln of the predictive density of one datum; what comes from near the chart's ends tells of what is beyond."""
        terms = self._ln_weights - ln_likelihood
        top = terms.max()
        terms = np.exp(terms - top)
        total = terms.sum()
        share = float(terms[self._near_ends].sum() / total)
        return -float(top + np.log(total)), self.error + share, share < TOLERANCE

    @cached_property
    def _ln_weights(self) -> np.ndarray:
        with np.errstate(divide="ignore"):  # of weights that underflow
            return np.log(self.weights)

    @cached_property
    def _near_ends(self) -> np.ndarray:
        """The places of the points near the chart's ends."""
        return np.flatnonzero(self.ln_density.ravel() < self.ln_density.max() - (DEPTH - MARGIN))

    def draw(self, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Independent exact draws."""
        dimensions, side = len(self.names), POINTS * self.panels
        _, weight = gauss_legendre(self.panels)
        # a point's weights are the sides of a cell around it (Chebyshev, Markov and Stieltjes)
        edges = np.concatenate([[0.0], np.cumsum(weight)])
        ceiling = maximum_filter(self.ln_density, 3, mode="nearest").ravel() + dimensions * np.log(ENVELOPE)
        mass = np.cumsum(np.exp(ceiling - ceiling.max()) * mesh([weight] * dimensions).prod(axis=1))
        drawn = np.empty((size, dimensions))

        def propose(waiting: np.ndarray) -> np.ndarray:
            cell = np.searchsorted(mass, mass[-1] * rng.random(len(waiting)))
            index = np.stack(np.unravel_index(cell, (side,) * dimensions), axis=1)
            points, ln_jacobian = self.chart(edges[index] + weight[index] * rng.random(index.shape))
            ln_accept = self.evaluate(*points.T) + ln_jacobian - ceiling[cell]
            accepted = np.log(rng.random(len(cell))) < ln_accept
            drawn[waiting[accepted]] = points[accepted]
            return accepted

        rejection.draw(size, propose)
        return dict(zip(self.names, drawn.T, strict=True))


def gauss_legendre(panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the composite 10-point Gauss-Legendre rule on [0, 1]."""
    points, weights = RULE
    return (np.arange(panels)[:, None] + 0.5 + 0.5 * points).ravel() / panels, np.tile(0.5 * weights / panels, panels)


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
    names: Sequence[str],
    bounds: Bounds,
    tolerance: float = TOLERANCE,
    most_points: float = np.inf,
) -> HyperPosterior:
    """The posterior of some hyper-parameters.

    Parameters
    ----------
    ln_density : ln of likelihood times prior at (M,) values of each
    names : of one to four; locations before the scales that their widths go with
    bounds : between which all that counts of the prior lies
    tolerance : the error to reach
    most_points : where ln_density may be evaluated for the rules, whatever the error then is
    """
    chart = find_chart(ln_density, bounds)
    before, points_taken = np.array(np.inf), np.cumsum([(POINTS * n) ** len(names) for n in PANELS[len(names)]])
    for panels, taken in zip(PANELS[len(names)], points_taken, strict=True):
        if np.isfinite(before).all() and taken > most_points:
            break
        unit, weight = gauss_legendre(panels)
        points, ln_jacobian = chart.on_grid(unit)
        values = ln_density(*points.T) + ln_jacobian
        mass = reduce(np.multiply.outer, [weight] * len(names)).ravel() * np.exp(values - values.max())
        posterior = HyperPosterior(
            tuple(names),
            points,
            mass / mass.sum(),
            float(values.max() + np.log(mass.sum())),
            np.inf,
            values.reshape((len(unit),) * len(names)),
            chart,
            panels,
            ln_density,
        )
        now = np.array([posterior.ln_evidence, *np.ravel(list(posterior.moments().values()))])
        change = float(np.max(np.abs(now - before)))
        if change < tolerance:
            break
        before = now
    return replace(posterior, error=change)


def posterior_given(
    priors: Mapping[str, Prior], ln_likelihood: LnDensity, tolerance: float = TOLERANCE
) -> HyperPosterior:
    """The posterior of up to three hyper-parameters, given the ln-likelihood at (M,) values of each."""

    def ln_density(*h: np.ndarray) -> np.ndarray:
        return ln_likelihood(*h) + sum(prior.ln_pdf(p) for prior, p in zip(priors.values(), h, strict=True))

    return integrate(ln_density, tuple(priors), [prior.bounds for prior in priors.values()], tolerance)
