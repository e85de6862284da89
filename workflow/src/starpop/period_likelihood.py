"""The likelihood of a system's period as nodes: integrals against any smooth density of ln P become sums.

For x = ln P and L(x) the likelihood with the orbit's coefficients integrated out (`scan`), nodes (x_k, w_k) satisfy

    sum_k w_k g(x_k) = integral of L(x) g(x) dx,        over the period range,

to about 1e-9 (1e-6 with an uncertain noise) for every g that is smooth on the scale of 0.05 in ln P. L may be one
peak of width 1e-6 or hundreds of comparable ones; the mechanism is the same:

1. `scan` gives ln L on a grid that brackets its maxima. Each local maximum that could come within 45 of the highest,
   by a parabola or by a change of sign of the residual, is refined by Brent's method, best first.
2. The range is cut at every tenth of a resolution element 1/T, at the peaks and at 3 and 9 widths from each. Pieces
   where ln L stays 45 below the highest are dropped: they hold less than e^-45 of the mass per unit of width.
3. The other pieces are integrated by the 15-point Gauss-Kronrod rule, and halved until the rule and its 7-point part
   agree to 1e-10 of the whole (or to the rounding noise of ln L). Adjacent panels are taken together while they span
   at most 0.05 in ln P. The points of such a group are a discrete measure; its 4-point Gauss rule (2 points below a
   span of 2e-3, the mean below 2e-5), which has the same moments up to the seventh, gives the nodes. Against a normal
   g of standard deviation 0.135 (ln sigma = -2) the error is below 1e-9.

The panels also serve to draw periods exactly: within one, L varies little, and uniform proposals are often accepted.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from starpop.densities import UniformPeriod
from starpop.density import Density
from starpop.errors import InputError
from starpop.noise import Jitter
from starpop.peaks import DEPTH, Landscape, ground_level, ground_share, mass_of, survey
from starpop.scan import LinearModel, lattice, linear_model, ln_likelihood_at, workspace
from starpop.system_model import SystemModel
from starpop.visits import Visits

TOLERANCE = 1e-10
# Steps of ln L between samples of the ground that are smooth enough to be integrated by the trapezium rule.
SMOOTH = 0.7
SMOOTH_STRIDES = 5
# Samples so low that they hold no more than this share of the whole need not be smooth, and are taken as interpolated.
NOTHING = 1e-12
# Samples of the ground within so much of ln P are taken as one point.
POINT_SPAN = 0.01
# Peaks so many steps of the grid wide need no cuts of their own.
RESOLVED = 1.0
# Spans in ln P of a group of panels: the largest, and those from which on it takes 4 and 2 nodes.
WIDEST_GROUP, WIDE_GROUP, NARROW_GROUP = 0.05, 2e-3, 2e-5

# The 15-point Kronrod rule and the 7-point Gauss rule in it (Piessens et al. 1983, QUADPACK), from the middle out.
_ABSCISSAE = np.array(
    [
        0.000000000000000000000000000000000,
        0.207784955007898467600689403773245,
        0.405845151377397166906606412076961,
        0.586087235467691130294144691693013,
        0.741531185599394439863864773280788,
        0.864864423359769072789712788640926,
        0.949107912342758524526189684047851,
        0.991455371120812639206854697526329,
    ]
)
_KRONROD = np.array(
    [
        0.209482141084727828012999174891714,
        0.204432940075298892414161999234649,
        0.190350578064785409913256402421014,
        0.169004726639267902826583426598550,
        0.140653259715525918745189590510238,
        0.104790010322250183839876322541518,
        0.063092092629978553290700663189204,
        0.022935322010529224963732008058970,
    ]
)
_GAUSS = np.array(
    [
        0.417959183673469387755102040816327,
        0.0,
        0.381830050505118944950369775488975,
        0.0,
        0.279705391489276667901467771423780,
        0.0,
        0.129484966168869693270611432679082,
        0.0,
    ]
)
POINTS = np.concatenate([-_ABSCISSAE[:0:-1], _ABSCISSAE])
KRONROD = np.concatenate([_KRONROD[:0:-1], _KRONROD])
GAUSS = np.concatenate([_GAUSS[:0:-1], _GAUSS])


@dataclass(frozen=True)
class PeriodLikelihood:
    """Nodes, panels and peaks of one system's period likelihood.

    Attributes
    ----------
    ln_period, ln_weight, node_group : (K,) nodes x_k [ln day], ln w_k, and the group of panels each stands for
    panel_low, panel_high : (M,) ends of the panels in frequency [1/d], ascending
    panel_top : (M,) highest ln L among the panel's points
    panel_ln_mass : (M,) ln of the integral of L over the panel
    panel_group : (M,) the group of each panel, ascending
    peak_ln_period, peak_ln_period_sd, peak_ln_likelihood : (Q,) refined peaks, highest first; at an end of the range
        the sd is the width within which ln L falls by about one, and it is infinite where ln L does not fall
    visits, system_model : what it is the likelihood of; the model has this system's own width of the offsets' prior
    linear : both, as the compiled functions take them, with the points of the noise's lattice that matter
    first_noise : which of the lattice's points the first of these is
    """

    ln_period: np.ndarray
    ln_weight: np.ndarray
    node_group: np.ndarray
    panel_low: np.ndarray
    panel_high: np.ndarray
    panel_top: np.ndarray
    panel_ln_mass: np.ndarray
    panel_group: np.ndarray
    peak_ln_period: np.ndarray
    peak_ln_period_sd: np.ndarray
    peak_ln_likelihood: np.ndarray
    visits: Visits
    system_model: SystemModel
    linear: LinearModel
    first_noise: int

    @property
    def system(self) -> str:
        """The system's name."""
        return self.visits.system

    def ln_evidence(self, ln_prior: np.ndarray) -> float:
        """ln of the integral of L against a prior, given the ln of its density of ln P at the nodes."""
        terms = self.ln_weight + ln_prior
        top = terms.max()
        return float(top + np.log(np.sum(np.exp(terms - top))))

    @cached_property
    def panel_mode(self) -> np.ndarray:
        """(M,) the peak that each panel belongs to: the nearest."""
        middle = 0.5 * (self.panel_low + self.panel_high)
        order = np.argsort(-self.peak_ln_period)
        frequency = np.exp(-self.peak_ln_period[order])
        return order[np.searchsorted(0.5 * (frequency[1:] + frequency[:-1]), middle)]

    @cached_property
    def group_start(self) -> np.ndarray:
        """(G,) first panel of each group."""
        return np.flatnonzero(np.diff(self.panel_group, prepend=-1))


def mode_weights(likelihood: PeriodLikelihood, density: Density, parameters: Sequence[Any] = ()) -> np.ndarray:
    """(Q,) posterior probability of each peak under a density of ln P, which is taken as flat across a panel."""
    middle = -np.log(0.5 * (likelihood.panel_low + likelihood.panel_high))
    terms = likelihood.panel_ln_mass + density.ln_pdf(middle, *parameters)
    weights = np.exp(terms - terms.max())
    return np.bincount(likelihood.panel_mode, weights / weights.sum(), minlength=len(likelihood.peak_ln_period))


def survey_period_range(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> Landscape:
    """Scan one system, of at least three visits, over the range where its period may lie [d], and find its peaks."""
    model = linear_model(visits, system_model)
    grid = lattice(period_range_days, model.baseline_days, len(visits))
    return survey(model, grid, 1 / period_range_days[1], 1 / period_range_days[0])


def integrate_landscape(landscape: Landscape, visits: Visits, system_model: SystemModel) -> PeriodLikelihood:
    """The nodes of one system, from its scan."""
    stride = max(int(0.1 / (landscape.model.baseline_days * landscape.step)), 1)
    peaks = landscape.peak_frequency, landscape.peak_height, landscape.peak_width
    nodes = integrate(landscape.frequency, landscape.values, stride, *peaks, landscape.model)
    highest_first = np.argsort(-landscape.peak_height, kind="stable")
    frequency, height, width = (values[highest_first] for values in peaks)
    system = visits, system_model, landscape.model, landscape.first_noise
    return PeriodLikelihood(*(*nodes, -np.log(frequency), width / frequency, height, *system))


def likeliest(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> tuple[Landscape, PeriodLikelihood]:
    """The scan and the nodes of one system, with the width of its offsets' prior that has the highest evidence."""
    uniform = UniformPeriod(period_range_days)
    found = []
    for model in system_model.offset_models(visits):
        landscape = survey_period_range(visits, model, period_range_days)
        found.append((landscape, integrate_landscape(landscape, visits, model)))
    evidences = [n.ln_evidence(uniform.ln_pdf(n.ln_period)) for _, n in found] if len(found) > 1 else [0.0]
    return found[int(np.argmax(evidences))]


def period_likelihood(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> PeriodLikelihood:
    """The nodes of one system.

    Parameters
    ----------
    visits : at least three
    system_model : basis, priors and noise
    period_range_days : where the period may lie [d]

    Raises
    ------
    InputError : the range is none
    """
    _check_range(period_range_days)
    return likeliest(visits, system_model, period_range_days)[1]


def _check_range(period_range_days: tuple[float, float]) -> None:
    """Say that a range of periods is none."""
    try:
        low, high = map(float, period_range_days)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low < high < np.inf:
        raise InputError(
            f"period_range_days: {period_range_days!r} is no range of periods; expected two positive numbers of days, "
            "the lower first, such as (1.5, 20)."
        )


def compile_kernels() -> None:
    """Compile what a scan needs, or load it; of many processes that start at once one compiles, the others wait."""
    with Path(__file__).open() as lock:
        with suppress(OSError):  # a file system without locks: each compiles for itself
            fcntl.flock(lock, fcntl.LOCK_EX)
        time = np.array([0.0, 1.1, 2.7, 3.9])
        period_likelihood(
            Visits("none", time, np.sin(time), np.ones(4)), SystemModel(1, 1, noise=Jitter(0, 1)), (1.5, 2.5)
        )


def period_likelihoods(
    systems: Sequence[Visits], system_model: SystemModel, period_range_days: tuple[float, float], threads: int = 1
) -> list[PeriodLikelihood]:
    """The nodes of some systems, in their order; the compiled parts of several run at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda visits: period_likelihood(visits, system_model, period_range_days), systems))


@njit(cache=True, nogil=True, error_model="numpy")
def _pieces(frequency, values, stride, peak_frequency, peak_height, peak_width, ground, bottom, model, room):
    """The pieces of the period range that can hold something: their lower and upper ends, and samples that suffice.

    Cuts are every stride-th grid point, the peaks, and 3 and 9 widths from each; of those at an end of the range, from
    which L falls exponentially, DEPTH widths as well. A piece between grid points is judged
    by its samples; one that ends beside a peak by ln L at its ends as well. Where the first and the last of a piece's
    samples are given it is on the ground, and smooth or next to nothing.
    """
    count, threshold = len(values), peak_height.max() - DEPTH
    cuts = np.empty(5 * len(peak_frequency))  # of seven, no peak has more than five inside the range
    used = 0
    step = frequency[2] - frequency[1]
    for k in range(len(peak_frequency)):
        if RESOLVED * step < peak_width[k] < np.inf:
            continue
        inside = frequency[0] < peak_frequency[k] < frequency[count - 1]
        for factor in (-DEPTH, -9.0, -3.0, 0.0, 3.0, 9.0, DEPTH):
            at = peak_frequency[k] + (factor * peak_width[k] if factor != 0 else 0.0)
            if frequency[0] < at < frequency[count - 1] and not (inside and abs(factor) == DEPTH):
                cuts[used] = at
                used += 1
    cuts = np.sort(cuts[:used])
    capacity = count // stride + used + 2
    lows, highs = np.empty(capacity), np.empty(capacity)
    sampled, joined = np.zeros((capacity, 2), np.int64), np.zeros(capacity, np.int64)
    kept, cut = 0, 0
    for first in range(0, count - 1, stride):
        last = min(first + stride, count - 1)
        low, end, sample = frequency[first], frequency[last], first
        while cut < used and cuts[cut] <= low:
            cut += 1
        uncut = cut == used or cuts[cut] >= end
        high_enough, smooth = values[first] >= threshold, True
        on_ground = values[first] < ground and end - low <= WIDEST_GROUP * low
        for i in range(first + 1, last + 1):
            high_enough = high_enough or values[i] >= threshold
            on_ground = on_ground and values[i] < ground
            low_enough = values[i] < bottom and values[i - 1] < bottom
            smooth = smooth and (low_enough or abs(values[i] - values[i - 1]) < SMOOTH)
        if uncut and not high_enough:
            continue
        if uncut and smooth:
            before = kept - 1
            longest = SMOOTH_STRIDES * stride
            if on_ground and kept > 0:
                longest = (len(POINTS) - 1) * _samples_per_point(frequency, sampled[before, 0], stride)
            if (
                kept > 0
                and joined[before] == 1 + on_ground
                and highs[before] == low
                and last - sampled[before, 0] <= longest
                and end - lows[before] <= WIDEST_GROUP * lows[before]
            ):
                sampled[before, 1], highs[before] = last, end
            else:
                sampled[kept], lows[kept], highs[kept] = (first, last), low, end
                joined[kept] = 1 + on_ground
                kept += 1
            continue
        at_low = values[first]
        while low < end:
            while cut < used and cuts[cut] <= low:
                cut += 1
            inner = cut < used and cuts[cut] < end
            high = cuts[cut] if inner else end
            at_high = ln_likelihood_at(high, model, room) if inner else values[last]
            relevant = at_low >= threshold or at_high >= threshold
            while sample <= last and frequency[sample] <= high:
                relevant = relevant or (frequency[sample] >= low and values[sample] >= threshold)
                sample += 1
            if relevant:
                lows[kept], highs[kept] = low, high
                kept += 1
            low, at_low = high, at_high
    for k in range(kept):
        if joined[k] != 2:
            sampled[k] = 0
    return lows[:kept], highs[:kept], sampled[:kept]


@njit(cache=True, nogil=True)
def _samples_per_point(frequency, first, stride):
    """How many samples of a panel of the ground are taken as one point."""
    return max(min(int(POINT_SPAN * frequency[first] / (frequency[2] - frequency[1])), stride), 1)


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(frequency, values, stride, peak_frequency, peak_height, peak_width, model):
    """Cut, drop and integrate, as the module says.

    Returns
    -------
    nodes: ln P, ln weight, group; panels, in ascending frequency: low, high [1/d], highest ln L, ln mass, group
    """
    room = workspace(model)
    best = peak_height.max()
    whole = mass_of(frequency, values, peak_frequency, peak_height, peak_width)
    # samples at one noise are exact but may be far apart; a sum over noises has wide wings
    ground, bottom = -np.inf, -np.inf
    if len(model.constant) > 1:
        ground = best - ground_level(frequency, values, best, ground_share(model) * whole)
        bottom = best - ground_level(frequency, values, best, NOTHING * whole)
    lows, highs, sampled = _pieces(
        frequency, values, stride, peak_frequency, peak_height, peak_width, ground, bottom, model, room
    )
    # The phase of a visit is known to an ulp of its turns; ln L changes with it by up to sqrt(2 DEPTH sum (v/s)^2)
    total_square = 0.0
    for j in range(len(model.time)):
        total_square += model.weight[j, 0] * model.velocity[j] ** 2
    noise = 1e-15 + 4e-16 * np.pi * frequency[-1] * model.time.max() * np.sqrt(2 * DEPTH * total_square)

    capacity, panels = len(lows) + 256, 0
    panel_low, panel_high, panel_top = np.empty(capacity), np.empty(capacity), np.empty(capacity)
    panel_mass = np.empty(capacity)
    point_x, point_w = np.zeros((capacity, 15)), np.zeros((capacity, 15))
    stack_low, stack_high = np.empty(128), np.empty(128)
    known, off = -1, 0.0
    for piece in range(len(lows)):
        stack_low[0], stack_high[0] = lows[piece], highs[piece]
        first, last = sampled[piece]
        depth = 1
        while depth > 0:
            depth -= 1
            low, high = stack_low[depth], stack_high[depth]
            half, middle = 0.5 * (high - low), 0.5 * (high + low)
            if panels == capacity:
                capacity *= 2
                panel_low, panel_high, panel_top = _grow(panel_low), _grow(panel_high), _grow(panel_top)
                panel_mass = _grow(panel_mass)
                point_x, point_w = _grow_rows(point_x), _grow_rows(point_w)
            point_w[panels] = 0.0
            mass, gauss, top = 0.0, 0.0, -np.inf
            if last > first:
                # samples of a sum over noises are interpolated: off by a factor that hardly changes within a panel,
                # and need not be known where there is next to nothing
                top = values[first : last + 1].max() + SMOOTH
                off_first, off_last = 0.0, 0.0
                if top > bottom:
                    off_first = off if known == first else ln_likelihood_at(low, model, room) - values[first]
                    off_last = ln_likelihood_at(high, model, room) - values[last]
                    known, off = last, off_last
                share = _samples_per_point(frequency, first, stride)
                for i in range(first, last + 1):
                    here = values[i] + off_first + (off_last - off_first) * (i - first) / (last - first)
                    width = 0.5 * (frequency[min(i + 1, last)] - frequency[max(i - 1, first)])
                    weight = np.exp(here - best) * width / frequency[i]
                    k = (i - first) // share
                    point_w[panels, k] += weight
                    mean = point_x[panels, k] if i > first + k * share else frequency[i]
                    point_x[panels, k] = mean + (frequency[i] - mean) * weight / max(point_w[panels, k], 1e-300)
                    mass += weight
                    top = max(top, here + SMOOTH)
                points = (last - first) // share + 1
                point_x[panels, :points] = -np.log(point_x[panels, :points])
                done = True
            else:
                for k in range(15):
                    at = middle + half * POINTS[k]
                    value = ln_likelihood_at(at, model, room)
                    top = max(top, value)
                    weight = np.exp(value - best) * half / at
                    mass += KRONROD[k] * weight
                    gauss += GAUSS[k] * weight
                    point_x[panels, k], point_w[panels, k] = -np.log(at), KRONROD[k] * weight
                exact = abs(mass - gauss) <= max(TOLERANCE * whole, noise * mass)
                done = exact and high - low <= WIDEST_GROUP * low
            if not done and high - low > 1e-14 * high and depth < 126:
                stack_low[depth], stack_high[depth] = middle, high
                stack_low[depth + 1], stack_high[depth + 1] = low, middle
                depth += 2
            elif mass > 1e-18 * whole:
                panel_low[panels], panel_high[panels], panel_top[panels] = low, high, top
                panel_mass[panels] = mass
                panels += 1
    panel_group = np.empty(panels, np.int64)
    node_x, node_w, node_group = np.empty(4 * panels), np.empty(4 * panels), np.empty(4 * panels, np.int64)
    nodes, groups, first = 0, 0, 0
    while first < panels:
        last = first
        while (
            last + 1 < panels
            and panel_low[last + 1] == panel_high[last]
            and panel_high[last + 1] - panel_low[first] <= WIDEST_GROUP * panel_low[first]
        ):
            last += 1
        panel_group[first : last + 1] = groups
        span = (panel_high[last] - panel_low[first]) / panel_low[first]
        size = 4 if span > WIDE_GROUP else (2 if span > NARROW_GROUP else 1)
        x, w = _gauss_rule(point_x[first : last + 1].ravel(), point_w[first : last + 1].ravel(), size)
        for k in range(len(x)):
            if w[k] > 0:
                node_x[nodes], node_w[nodes], node_group[nodes] = x[k], np.log(w[k]) + best, groups
                nodes += 1
        groups += 1
        first = last + 1
    return (
        node_x[:nodes].copy(),
        node_w[:nodes].copy(),
        node_group[:nodes].copy(),
        panel_low[:panels].copy(),
        panel_high[:panels].copy(),
        panel_top[:panels].copy(),
        np.log(panel_mass[:panels]) + best,
        panel_group,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _gauss_rule(x, w, size):
    """The Gauss rule of a discrete measure: Stieltjes' recurrence, and the eigenvectors of its Jacobi matrix.

    Golub & Welsch 1969, Math. Comp. 23, 221.
    """
    mass = w.sum()
    mean = (w * x).sum() / mass
    scale = np.sqrt((w * (x - mean) ** 2).sum() / mass)
    if size == 1 or scale < 1e-15:
        return np.array([mean]), np.array([mass])
    u = (x - mean) / scale
    jacobi = np.zeros((size, size))
    before, here = np.zeros(len(x)), np.full(len(x), 1 / np.sqrt(mass))
    norm = 0.0
    for k in range(size):
        jacobi[k, k] = (w * u * here**2).sum()
        if k + 1 == size:
            break
        following = (u - jacobi[k, k]) * here - norm * before
        norm = np.sqrt((w * following**2).sum())
        if norm < 1e-8:  # the measure has no more than k + 1 distinct points
            jacobi = jacobi[: k + 1, : k + 1].copy()
            break
        jacobi[k, k + 1] = jacobi[k + 1, k] = norm
        before, here = here, following / norm
    values, vectors = np.linalg.eigh(jacobi)
    return mean + scale * values, mass * vectors[0] ** 2


@njit(cache=True, nogil=True)
def _grow(array):
    bigger = np.empty(2 * len(array), array.dtype)
    bigger[: len(array)] = array
    return bigger


@njit(cache=True, nogil=True)
def _grow_rows(array):
    bigger = np.zeros((2 * array.shape[0], array.shape[1]), array.dtype)
    bigger[: array.shape[0]] = array
    return bigger
