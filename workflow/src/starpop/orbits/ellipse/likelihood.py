"""The likelihood of a system's period and eccentricity as nodes: integrals against any smooth density become sums.

For x = ln P and L(x, e) the likelihood of a Keplerian orbit with its phase (uniform) and its linear coefficients
integrated out, and p(e) the prior of the system model, nodes (x_k, e_k, w_k) satisfy

    sum_k w_k g(x_k, e_k) = integral of L(x, e) p(e) g(x, e) dx de,     over the period range,

for every g that is smooth on the scale of 0.05 in ln P and of 0.05 in the root of e. L may be one mode of width 1e-6
or hundreds that are comparable:

1. `grid`: ln L on a grid of frequencies, eccentricities and phases.
2. `climb`: from the highest maxima along the frequency to the modes beside them (`search`).
3. `integral`: the grid where L is smooth on it, `boxes` elsewhere.

Cells of the grid and boxes are the panels, of which each has a highest ln L: they serve to draw from L exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import CubicSpline

from starpop.inference.eccentricities import EccentricityPrior
from starpop.orbits.ellipse.boxes import POINTS, RULE, WEIGHTS, Leaves
from starpop.orbits.ellipse.climb import Bounds
from starpop.orbits.ellipse.grid import Grid, cells, grid
from starpop.orbits.ellipse.integral import Boxes, integral, mass_at_middles, scanned_mass
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.search import Search, search
from starpop.orbits.linear_model import linear_model
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# Nodes within so much in ln P, and in the root of e, are taken together, and within this share of the standard
# deviation of all; groups of panels are as wide in ln P.
NODE_SPANS, NODE_SHARE, TINY = (0.02, 0.007), 0.2, 1e-12
# Of ln P within a cell of condensed nodes, the standard deviation up to which one node will do.
ONE_NODE = 1e-3
# Eccentricities of the points of scanned cells, by a Gauss rule of their roots on [0, 1]; and
# the ln of what is too little to be interpolated.
FINE, SMOOTH = 24, 30.0
FINE_ROOT, FINE_WEIGHTS = 0.5 * (leggauss(FINE)[0] + 1), 0.5 * leggauss(FINE)[1]
# Of the whole mass, what is none.
NOTHING = 1e-30
# Of the rule of boxes: its points on [0, 1], and its weights where these are roots.
ROOT = 0.5 * (POINTS + 1)
ROOT_WEIGHTS = 2 * ROOT * WEIGHTS
# Of the whole, what panels are left out together.
LEFT_OUT = 1e-8
# By how much ln L may be higher in a cell of the grid than at its middle and those beside it.
GRID_MARGIN = 0.7
# Cells of the grid of one group that are as high within this, in ln L, are one panel.
ONE_HEIGHT = 0.7
# Modes within this of a resolution element 1/T are peaks of one period.
ONE_PEAK = 0.5


@dataclass(frozen=True)
class EllipseLikelihood(PeriodLikelihood):
    """Nodes, panels and modes of one system; ``ln_weight`` and ``panel_ln_mass`` are with the prior of e.

    Attributes
    ----------
    e : (K,) eccentricities of the nodes
    panel_e_low, panel_e_high : (M,) ends of the panels in eccentricity
    panel_turn, panel_turns : (M,) the phase that a panel begins with in the middle of its frequencies and
        eccentricities, and how far it goes [turns]
    panel_slant, panel_slant_e : (M,) how that beginning moves with frequency [d] and with eccentricity [turns]
    peak_e, peak_e_sd, peak_turn : (Q,) eccentricity and phase [turns] of each peak's highest mode
    """

    e: np.ndarray
    panel_e_low: np.ndarray
    panel_e_high: np.ndarray
    panel_turn: np.ndarray
    panel_turns: np.ndarray
    panel_slant: np.ndarray
    panel_slant_e: np.ndarray
    peak_e: np.ndarray
    peak_e_sd: np.ndarray
    peak_turn: np.ndarray

    def condensed(self, with_e: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fewer nodes, for what is as smooth: ln P, e and ln weights; or of ln P alone.

        Two for each cell of NODE_SPANS, a standard deviation of its ln P on either side of the mean, or one where
        they are too near to each other to matter.
        """
        best = self.ln_weight.max()
        points = Points(self.ln_period, self.e, np.exp(self.ln_weight - best), self.node_group)
        place = _places(points, np.array(NODE_SPANS))
        (x, e, mass, _), node = _together(points, place if with_e else place[:1])
        sd = np.sqrt(np.bincount(node, points.mass * (self.ln_period - x[node]) ** 2) / mass)
        two = sd > ONE_NODE
        shift = np.append(np.where(two, -sd, 0.0), sd[two])
        ln_mass = np.log(np.where(two, 0.5, 1.0) * mass) + best
        every = np.append(np.arange(len(x)), np.flatnonzero(two))
        order = np.argsort(x[every] + shift, kind="stable")
        return (x[every] + shift)[order], e[every][order], ln_mass[every][order]


class Panels(NamedTuple):
    """Of some panels the ends of frequency, eccentricity and turns, the slants, highest ln L and mass by the prior."""

    f_low: np.ndarray
    f_high: np.ndarray
    e_low: np.ndarray
    e_high: np.ndarray
    turn: np.ndarray
    turns: np.ndarray
    slant: np.ndarray
    slant_e: np.ndarray
    top: np.ndarray
    mass: np.ndarray


class Points(NamedTuple):
    """ln P, eccentricity and mass by the prior of the points of the integral, and the panel of each."""

    ln_period: np.ndarray
    e: np.ndarray
    mass: np.ndarray
    panel: np.ndarray


def ellipse_likelihood(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> EllipseLikelihood:
    """The nodes of one system, of at least three visits, with a model whose orbit is Keplerian."""
    return likelihood_of(searched(visits, system_model, period_range_days), visits, system_model)


def searched(visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]) -> Search:
    """Search one system over the range where its period may lie [d]."""
    model, largest = linear_model(visits, system_model), system_model.eccentricity.up_to
    bounds = Bounds(1 / period_range_days[1], 1 / period_range_days[0], largest)
    return search(model, cells(period_range_days, model.baseline_days, len(visits)), grid(largest), bounds)


def likelihood_of(found: Search, visits: Visits, system_model: SystemModel) -> EllipseLikelihood:
    """The nodes of one system, from its search.

    Raises
    ------
    FloatingPointError : higher modes are found again and again
    """
    found, boxes, best = integral(found)
    prior = system_model.eccentricity
    (panels, points), (boxed, inside) = _scanned(found, boxes, best, prior), _boxed(boxes.filled(), best, prior)
    inside = inside._replace(panel=inside.panel + len(panels.top))
    panels = Panels(*(np.concatenate(both) for both in zip(panels, boxed, strict=True)))
    points = Points(*(np.concatenate(both) for both in zip(points, inside, strict=True)))
    panels, group, points = _in_groups(found, panels, points)
    nodes = _nodes(points, group[points.panel])
    return EllipseLikelihood(
        ln_period=nodes.ln_period,
        ln_weight=np.log(nodes.mass) + best,
        node_group=nodes.panel,
        panel_low=panels.f_low,
        panel_high=panels.f_high,
        panel_top=panels.top,
        panel_ln_mass=np.log(panels.mass) + best,
        panel_group=group,
        **_peaks(found),
        visits=visits,
        system_model=system_model,
        linear=found.model,
        noise=found.noise,
        e=nodes.e,
        panel_e_low=panels.e_low,
        panel_e_high=panels.e_high,
        panel_turn=panels.turn,
        panel_turns=panels.turns,
        panel_slant=panels.slant,
        panel_slant_e=panels.slant_e,
    )


def _scanned(found: Search, boxes: Boxes, best: float, prior: EccentricityPrior) -> tuple[Panels, Points]:
    """The cells of the grid that are not boxed, side by side where they are as high."""
    cells, grid = found.cells, found.grid
    bare = scanned_mass(mass_at_middles(found, best), boxes.done)
    density = np.exp(prior.ln_pdf(grid.e))
    # of a density that is not smooth at e = 0 the sum over the grid is not one
    mass = bare * density / np.sum(density * grid.weight)
    beside = np.pad(found.highest, 1, mode="edge")
    around = [beside[i : i + cells.number, m : m + len(grid.e)] for i in range(3) for m in range(3)]
    top = np.max(around, axis=0) + GRID_MARGIN
    m, cell = np.nonzero(mass.T > 0)
    top, mass = top[cell, m], mass[cell, m]
    group = _group_of(cell, found)
    first = _runs(m, cell, np.floor(top / ONE_HEIGHT), group)
    last = first + np.diff(first, append=len(cell)) - 1
    low, none = cells.low + cells.step * cell, np.zeros(len(first))
    ends = low[first], low[last] + cells.step, grid.edge[m[first]], grid.edge[m[first] + 1]
    heights, masses = np.maximum.reduceat(top, first), np.add.reduceat(mass, first)
    panels = Panels(*ends, none, none + 1, none, none, heights, masses)
    whole = bare.sum() + boxes.mass()
    return panels, _between_eccentricities(found, bare, whole, prior, (group[first], masses))


def _between_eccentricities(
    found: Search, bare: np.ndarray, whole: float, prior: EccentricityPrior, panels: tuple[np.ndarray, np.ndarray]
) -> Points:
    """Points of scanned cells at more eccentricities than the grid's, many of them small ones, by groups of cells.

    Parameters
    ----------
    bare, whole : (F, E) mass without the prior, and that of all
    panels : groups and masses of the panels made of these cells
    """
    some = np.flatnonzero(bare.sum(axis=1) > NOTHING * whole)
    if len(some) == 0:
        return Points(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64))
    of_cell = _group_of(some, found)
    first = np.flatnonzero(np.diff(of_cell, prepend=np.inf))
    x = -np.log(found.cells.middle_of(some))[:, None]
    mass = np.add.reduceat(bare[some], first)
    middle = np.add.reduceat(x * bare[some], first) / np.maximum(mass, TINY)
    middle = np.where(mass > TINY, middle, np.add.reduceat(x, first) / np.diff(first, append=len(some))[:, None])
    e, weight = prior.up_to * FINE_ROOT**2, 2 * prior.up_to * FINE_ROOT * FINE_WEIGHTS
    density = np.exp(prior.ln_pdf(e))
    fine = _splined(mass, found.grid, e, weight) * density / np.sum(density * weight)
    x = np.array([np.interp(e, found.grid.e, row) for row in middle])
    # a point goes with the heaviest panel of its group
    group, masses = panels
    order = np.lexsort((masses, group))
    heaviest = order[np.searchsorted(group[order], of_cell[first], side="right") - 1]
    return Points(x.ravel(), np.tile(e, len(first)), fine.ravel(), np.repeat(heaviest, FINE))


def _splined(mass: np.ndarray, grid: Grid, e: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(G, FINE) masses at other eccentricities, of these weights: ln of the (G, E) given ones is a cubic spline of e.

    What those of a group sum up to stays.
    """
    least = np.exp(-SMOOTH) * mass.max(axis=1, keepdims=True)
    fine = np.exp(CubicSpline(grid.e, np.log(np.maximum(mass, least) / grid.weight), axis=1)(e)) * weight
    return fine * mass.sum(axis=1, keepdims=True) / fine.sum(axis=1, keepdims=True)


def _runs(e: np.ndarray, cell: np.ndarray, *same: np.ndarray) -> np.ndarray:
    """Where runs begin of cells that follow each other, of one eccentricity, and the same in other respects."""
    breaks = np.append(True, (np.diff(e) != 0) | (np.diff(cell) != 1))[: len(cell)]
    for values in same:
        breaks[1:] |= np.diff(values) != 0
    return np.flatnonzero(breaks)


def _group_of(cell: np.ndarray, found: Search) -> np.ndarray:
    """The group of some cells, a number that ascends with their frequency."""
    return np.floor(np.log(found.cells.middle_of(cell)) / NODE_SPANS[0])


def _near_circles(leaves: Leaves) -> Leaves:
    """The boxes with the nodes of those that begin at e = 0 at Gauss points of its root: densities may rise there."""
    begins = leaves.ends[:, 2] == 0
    # of the polynomials through the box's points
    others = ROOT[:, None] - ROOT + np.eye(RULE)
    factors = np.where(np.eye(RULE, dtype=bool), 1.0, (ROOT[:, None, None] ** 2 - ROOT) / others)
    weight = np.prod(factors, axis=2) * (ROOT_WEIGHTS[:, None] / WEIGHTS)
    share, e = leaves.share.copy(), leaves.e.copy()
    moved = np.maximum(share[begins] @ weight.T, 0)
    moved *= share[begins].sum(axis=2, keepdims=True) / np.maximum(moved.sum(axis=2, keepdims=True), TINY**20)
    share[begins], e[begins] = moved, leaves.ends[begins, 3, None, None] * ROOT**2
    return leaves._replace(share=share, e=e)


def _boxed(leaves: Leaves, best: float, prior: EccentricityPrior) -> tuple[Panels, Points]:
    """The boxes."""
    leaves = _near_circles(leaves)
    f_low, f_high, e_low, e_high, z_low, z_high = leaves.ends.T
    density = np.exp(prior.ln_pdf(leaves.e))
    # exactly the prior's where L is constant, even where its density is not smooth at e = 0
    weight = np.where(e_low[:, None] == 0, ROOT_WEIGHTS, WEIGHTS)
    mean = np.maximum(np.sum(density[:, 0] * weight, axis=1), TINY)
    held = (prior.cdf(e_high) - prior.cdf(e_low)) / (e_high - e_low) / mean
    mass = leaves.share * density * held[:, None, None]
    slants = leaves.slant.T / TWO_PI
    start, turns = (z_low + leaves.start) / TWO_PI, (z_high - z_low) / TWO_PI
    ends = f_low, f_high, e_low, e_high
    panels = Panels(*ends, start, turns, slants[0], slants[1], leaves.ceiling, mass.sum(axis=(1, 2)))
    panel = np.repeat(np.arange(len(mass)), mass[:1].size)
    return panels, Points(leaves.ln_period.ravel(), leaves.e.ravel(), mass.ravel(), panel)


def _in_groups(found: Search, panels: Panels, points: Points) -> tuple[Panels, np.ndarray, Points]:
    """The panels by their groups, these, and the points with the panels' new numbers; less what is nothing."""
    order = np.argsort(panels.mass, kind="stable")
    kept = order[np.cumsum(panels.mass[order]) > LEFT_OUT * panels.mass.sum()]
    cell = np.floor((0.5 * (panels.f_low + panels.f_high) - found.cells.low) / found.cells.step)
    group = _group_of(cell, found)[kept]
    kept = kept[np.lexsort((panels.f_low[kept], group))]
    _, group = np.unique(np.sort(group), return_inverse=True)
    number = np.full(len(panels.top), -1)
    number[kept] = np.arange(len(kept))
    points = points._replace(panel=number[points.panel])
    present = (points.panel >= 0) & (points.mass > NOTHING * points.mass.max())
    return Panels(*(v[kept] for v in panels)), group, Points(*(v[present] for v in points))


def _nodes(points: Points, group: np.ndarray) -> Points:
    """Points that are near to each other, of one group, taken together; with that group in the place of the panel."""
    at = np.stack([points.ln_period, np.sqrt(points.e)])
    mean = np.average(at, axis=1, weights=points.mass)
    spread = np.sqrt(np.average((at - mean[:, None]) ** 2, axis=1, weights=points.mass))
    place = _places(points, np.minimum(NODE_SPANS, np.maximum(NODE_SHARE * spread, TINY)))
    return _together(points._replace(panel=group), np.stack([group, *place]))[0]


def _places(points: Points, span: np.ndarray) -> np.ndarray:
    """(2, N) whole numbers, the same where points are within a span in ln P and in the root of e."""
    at = np.stack([points.ln_period, np.sqrt(points.e)])
    return np.floor((at - at.min(axis=1, keepdims=True)) / span[:, None]).astype(np.int64)


def _together(points: Points, key: np.ndarray) -> tuple[Points, np.ndarray]:
    """Points of the same (K, N) key, of whole numbers from 0 on, as one at their mean; (N,) which each is in."""
    one = key[0]
    for more in key[1:]:
        one = np.unique(one, return_inverse=True)[1] * (more.max() + 1) + more
    _, first, node = np.unique(one, return_index=True, return_inverse=True)
    mass = np.bincount(node, points.mass)
    x, e = (np.bincount(node, points.mass * values) / mass for values in (points.ln_period, points.e))
    return Points(x, e, mass, points.panel[first]), node


def _peaks(found: Search) -> dict[str, np.ndarray]:
    """The modes of distinct periods, highest first: of each period the highest."""
    kept: list[int] = []
    for n, mode in enumerate(found.modes):
        if np.all(np.abs(found.modes[kept, 0] - mode[0]) > ONE_PEAK / found.model.baseline_days):
            kept.append(n)
    modes = found.modes[kept]
    return {
        "peak_ln_period": -np.log(modes[:, 0]),
        "peak_ln_period_sd": modes[:, 4] / modes[:, 0],
        "peak_ln_likelihood": modes[:, 3],
        "peak_e": modes[:, 1],
        "peak_e_sd": modes[:, 5],
        "peak_turn": modes[:, 2] / TWO_PI,
    }
