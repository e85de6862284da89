"""The likelihood of a system's period as nodes: integrals against any smooth density of ln P become sums.

For x = ln P and L(x) the likelihood with the orbit's coefficients integrated out (`scan`), nodes (x_k, w_k) satisfy

    sum_k w_k g(x_k) = integral of L(x) g(x) dx,        over the period range,

to about 1e-9 for every g that is smooth on the scale of 0.05 in ln P. L may be one peak of width 1e-6
or hundreds of comparable ones; the mechanism is the same:

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

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from starpop.densities import Density
from starpop.orbit import COEFFICIENTS, OrbitPrior
from starpop.scan import LinearModel, factorise, lattice, linear_model, ln_likelihood_at, scan, turns, workspace
from starpop.visits import Visits

# Pieces this far below the highest ln L hold nothing.
DEPTH = 45.0
TOLERANCE = 1e-10
# Spans in ln P of a group of panels: the largest, and those from which on it takes 4 and 2 nodes.
WIDEST_GROUP, WIDE_GROUP, NARROW_GROUP = 0.05, 2e-3, 2e-5
DRAWS_AT_ONCE = 500
# Within an accepted panel the likelihood exceeds the highest of the 15 points by less than this factor.
ENVELOPE = 1.15

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
    system : its name
    ln_period, ln_weight, node_group : (K,) nodes x_k [ln day], ln w_k, and the group of panels each stands for
    panel_low, panel_high : (M,) ends of the panels in frequency [1/d], ascending
    panel_top : (M,) highest ln L among the panel's points
    panel_ln_mass : (M,) ln of the integral of L over the panel
    panel_group : (M,) the group of each panel, ascending
    peak_ln_period, peak_ln_period_sd, peak_ln_likelihood : (Q,) refined peaks, highest first; the sd is infinite where
        ln L does not curve downwards (at an edge of the range)
    model : the system's basis and prior
    """

    system: str
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
    model: LinearModel

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


def period_likelihood(visits: Visits, prior: OrbitPrior, period_range_days: tuple[float, float]) -> PeriodLikelihood:
    """The nodes of one system.

    Parameters
    ----------
    visits : at least three
    prior : of the orbit's coefficients
    period_range_days : where the period may lie [d]
    """
    model = linear_model(visits, prior)
    grid = lattice(period_range_days, model.baseline_days, len(visits))
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    frequency = np.concatenate([[low], grid.frequencies, [high]])
    values = np.empty(grid.count + 2)
    values[1:-1] = scan(model, grid)
    values[0], values[-1] = evaluate(np.array([low, high]), *model.arrays)
    stride = max(int(0.1 / (model.baseline_days * grid.step)), 1)
    peaks = find_peaks(frequency, values, *model.arrays)
    nodes = integrate(frequency, values, stride, *peaks, *model.arrays)
    peak_frequency, peak_height, peak_width = peaks
    order = np.argsort(-peak_height, kind="stable")
    highest_first = (-np.log(peak_frequency[order]), (peak_width / peak_frequency)[order], peak_height[order])
    return PeriodLikelihood(*(visits.system, *nodes, *highest_first, model))


def period_likelihoods(
    systems: Sequence[Visits], prior: OrbitPrior, period_range_days: tuple[float, float], threads: int = 1
) -> list[PeriodLikelihood]:
    """The nodes of some systems, in their order; the compiled parts of several run at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda visits: period_likelihood(visits, prior, period_range_days), systems))


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(frequencies, time, weight, velocity, static, harmonics, precision, mean, constant):
    """(F,) ln L at any frequencies [1/d]."""
    matrix, vector, design = workspace(len(time))
    values = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        values[k] = ln_likelihood_at(
            frequencies[k],
            time,
            weight,
            velocity,
            static,
            harmonics,
            precision,
            mean,
            constant,
            matrix,
            vector,
            design,
        )
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def find_peaks(frequency, values, time, weight, velocity, static, harmonics, precision, mean, constant):
    """Refine every local maximum of ln L that can come within DEPTH of the highest.

    Returns
    -------
    (Q,) frequencies, ascending; heights; widths (standard deviations in frequency)
    """
    matrix, vector, design = workspace(len(time))
    count = len(values)
    best = values.max()
    tops = np.empty(count, np.int64)
    predicted = np.empty(count)
    bound = np.empty(count)
    found = 0
    for i in range(count):
        left = values[i - 1] if i > 0 else -np.inf
        right = values[i + 1] if i < count - 1 else -np.inf
        if values[i] >= left and values[i] > right:
            rise = 0.0
            if 0 < i < count - 1:
                bend = 2 * values[i] - left - right
                rise = (left - right) ** 2 / (8 * bend) if bend > 0 else 0.0
            elif count > 1:
                rise = abs(values[i] - (right if i == 0 else left))
            tops[found], predicted[found] = i, values[i] + rise
            # a parabola through three samples is good to a factor; what it cannot see is small
            bound[found] = values[i] + 3 * rise + 5
            if bound[found] < best - DEPTH and _may_cross(values, i, best):
                bound[found] = best
            found += 1
    order = np.argsort(-predicted[:found])
    peak_frequency, peak_height, peak_width = np.empty(found), np.empty(found), np.empty(found)
    refined = 0
    for k in order:
        if bound[k] < best - DEPTH:
            continue
        i = tops[k]
        low, high = frequency[max(i - 1, 0)], frequency[min(i + 1, count - 1)]
        at, height = _brent(
            low,
            frequency[i],
            high,
            values[i],
            time,
            weight,
            velocity,
            static,
            harmonics,
            precision,
            mean,
            constant,
            matrix,
            vector,
            design,
        )
        best = max(best, height)
        step = 0.05 * (high - low)
        width = np.inf
        for _ in range(3):
            ends = 0.0
            for sign in (-1.0, 1.0):
                ends += ln_likelihood_at(
                    at + sign * step,
                    time,
                    weight,
                    velocity,
                    static,
                    harmonics,
                    precision,
                    mean,
                    constant,
                    matrix,
                    vector,
                    design,
                )
            bend = (2 * height - ends) / step**2
            width = 1 / np.sqrt(bend) if bend > 0 else np.inf
            step = min(step, width)
        if at <= frequency[0] or at >= frequency[-1]:
            width = np.inf
        peak_frequency[refined], peak_height[refined], peak_width[refined] = at, height, width
        refined += 1
    keep = np.flatnonzero(peak_height[:refined] >= best - DEPTH)
    keep = keep[np.argsort(peak_frequency[keep])]
    return peak_frequency[keep], peak_height[keep], peak_width[keep]


@njit(cache=True, nogil=True, error_model="numpy")
def _may_cross(values, top, best):
    """Whether a narrow peak can hide beside a sample, as it does with few visits.

    There -2 ln L is the square of a smooth residual r, whose zeros are the peaks and which the samples give but for
    its sign. A change of sign beside the sample is plausible where |r| + |r'| of the two is no more than twice the
    steps of |r| to the samples around them.
    """
    for side in (-1, 1):
        if not (0 <= top - side < len(values) and 0 <= top + 2 * side < len(values)):
            continue
        before, here = np.sqrt(2 * (best - values[top - side])), np.sqrt(2 * (best - values[top]))
        there, after = np.sqrt(2 * (best - values[top + side])), np.sqrt(2 * (best - values[top + 2 * side]))
        if here + there <= 2 * max(abs(before - here), abs(after - there)):
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _brent(
    low,
    start,
    high,
    value,
    time,
    weight,
    velocity,
    static,
    harmonics,
    precision,
    mean,
    constant,
    matrix,
    vector,
    design,
):
    """The maximum of ln L in a bracket, by Brent's method (1973): parabolas, and golden sections where they fail."""
    golden = 0.3819660112501051
    tolerance = 1e-6 * (high - low)
    x = w = v = start
    fx = fw = fv = value
    step = previous = high - low
    for _ in range(60):
        middle = 0.5 * (low + high)
        if abs(x - middle) <= 2 * tolerance - 0.5 * (high - low):
            break
        parabolic = False
        if abs(previous) > tolerance:
            r, q = (x - w) * (fx - fv), (x - v) * (fx - fw)
            p = (x - v) * q - (x - w) * r
            q = 2 * (q - r)
            p = -p if q > 0 else p
            q = abs(q)
            if abs(p) < abs(0.5 * q * previous) and q * (low - x) < p < q * (high - x):
                previous, step = step, p / q
                parabolic = True
                if x + step - low < 2 * tolerance or high - x - step < 2 * tolerance:
                    step = tolerance if x < middle else -tolerance
        if not parabolic:
            previous = (low if x >= middle else high) - x
            step = golden * previous
        u = x + (step if abs(step) >= tolerance else (tolerance if step > 0 else -tolerance))
        fu = ln_likelihood_at(
            u, time, weight, velocity, static, harmonics, precision, mean, constant, matrix, vector, design
        )
        if fu >= fx:
            low, high = (x, high) if u >= x else (low, x)
            v, fv, w, fw, x, fx = w, fw, x, fx, u, fu
        else:
            low, high = (low, u) if u >= x else (u, high)
            if fu >= fw or w == x:
                v, fv, w, fw = w, fw, u, fu
            elif fu >= fv or v in (x, w):
                v, fv = u, fu
    return x, fx


@njit(cache=True, nogil=True, error_model="numpy")
def _pieces(
    frequency,
    values,
    stride,
    peak_frequency,
    peak_height,
    peak_width,
    time,
    weight,
    velocity,
    static,
    harmonics,
    precision,
    mean,
    constant,
    matrix,
    vector,
    design,
):
    """The pieces of the period range that can hold something: their lower and upper ends.

    Cuts are every stride-th grid point, the peaks, and 3 and 9 widths from each. A piece between grid points is judged
    by its samples; one that ends beside a peak by ln L at its ends as well.
    """
    count, threshold = len(values), peak_height.max() - DEPTH
    cuts = np.empty(5 * len(peak_frequency))
    used = 0
    for k in range(len(peak_frequency)):
        for factor in (0.0, -9.0, -3.0, 3.0, 9.0):
            at = peak_frequency[k] + (factor * peak_width[k] if factor != 0 else 0.0)
            if frequency[0] < at < frequency[count - 1]:
                cuts[used] = at
                used += 1
    cuts = np.sort(cuts[:used])
    lows, highs = np.empty(count // stride + used + 2), np.empty(count // stride + used + 2)
    kept, cut = 0, 0
    for first in range(0, count - 1, stride):
        last = min(first + stride, count - 1)
        high_enough = False
        for i in range(first, last + 1):
            high_enough = high_enough or values[i] >= threshold
        low, end, sample = frequency[first], frequency[last], first
        at_low = values[first]
        while low < end:
            while cut < used and cuts[cut] <= low:
                cut += 1
            inner = cut < used and cuts[cut] < end
            high = cuts[cut] if inner else end
            if not high_enough and not inner and low == frequency[first]:
                break
            at_high = values[last]
            if inner:
                at_high = ln_likelihood_at(
                    high, time, weight, velocity, static, harmonics, precision, mean, constant, matrix, vector, design
                )
            relevant = at_low >= threshold or at_high >= threshold
            while sample <= last and frequency[sample] <= high:
                relevant = relevant or (frequency[sample] >= low and values[sample] >= threshold)
                sample += 1
            if relevant:
                lows[kept], highs[kept] = low, high
                kept += 1
            low, at_low = high, at_high
    return lows[:kept], highs[:kept]


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(
    frequency,
    values,
    stride,
    peak_frequency,
    peak_height,
    peak_width,
    time,
    weight,
    velocity,
    static,
    harmonics,
    precision,
    mean,
    constant,
):
    """Cut, drop and integrate, as the module says.

    Returns
    -------
    nodes: ln P, ln weight, group; panels, in ascending frequency: low, high [1/d], highest ln L, ln mass, group
    """
    matrix, vector, design = workspace(len(time))
    best = peak_height.max()
    lows, highs = _pieces(
        frequency,
        values,
        stride,
        peak_frequency,
        peak_height,
        peak_width,
        time,
        weight,
        velocity,
        static,
        harmonics,
        precision,
        mean,
        constant,
        matrix,
        vector,
        design,
    )
    # The scale of the whole, to set tolerances by: Laplace's approximation, or the sum over the grid
    laplace, samples = 0.0, 0.0
    for k in range(len(peak_frequency)):
        if np.isfinite(peak_width[k]):
            laplace += np.exp(peak_height[k] - best) * peak_width[k] * 2.5 / peak_frequency[k]
    for i in range(len(values)):
        if values[i] >= best - DEPTH:
            samples += np.exp(values[i] - best) * (frequency[2] - frequency[1]) / frequency[i]
    whole = max(laplace, samples)
    # The phase of a visit is known to an ulp of its turns; ln L changes with it by up to sqrt(2 DEPTH sum (v/s)^2)
    total_square = 0.0
    for j in range(len(time)):
        total_square += weight[j] * velocity[j] ** 2
    noise = 1e-15 + 4e-16 * np.pi * frequency[-1] * time.max() * np.sqrt(2 * DEPTH * total_square)

    capacity, panels = 256, 0
    panel_low, panel_high, panel_top = np.empty(capacity), np.empty(capacity), np.empty(capacity)
    panel_mass = np.empty(capacity)
    point_x, point_w = np.empty((capacity, 15)), np.empty((capacity, 15))
    stack_low, stack_high = np.empty(128), np.empty(128)
    for piece in range(len(lows)):
        stack_low[0], stack_high[0] = lows[piece], highs[piece]
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
            kronrod, gauss, top = 0.0, 0.0, -np.inf
            for k in range(15):
                at = middle + half * POINTS[k]
                value = ln_likelihood_at(
                    at, time, weight, velocity, static, harmonics, precision, mean, constant, matrix, vector, design
                )
                top = max(top, value)
                mass = np.exp(value - best) * half / at
                kronrod += KRONROD[k] * mass
                gauss += GAUSS[k] * mass
                point_x[panels, k], point_w[panels, k] = -np.log(at), KRONROD[k] * mass
            wide = high - low > WIDEST_GROUP * low
            exact = abs(kronrod - gauss) <= max(TOLERANCE * whole, noise * kronrod)
            if (wide or not exact) and high - low > 1e-14 * high and depth < 126:
                stack_low[depth], stack_high[depth] = middle, high
                stack_low[depth + 1], stack_high[depth + 1] = low, middle
                depth += 2
            elif kronrod > 1e-18 * whole:
                panel_low[panels], panel_high[panels], panel_top[panels] = low, high, top
                panel_mass[panels] = kronrod
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
    bigger = np.empty((2 * array.shape[0], array.shape[1]), array.dtype)
    bigger[: array.shape[0]] = array
    return bigger


def draw_ln_periods(
    likelihood: PeriodLikelihood,
    density: Density,
    parameters: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
    mode: int | None = None,
) -> np.ndarray:
    """Independent exact draws of ln P from L(x) p(x | parameters).

    A group of panels is proposed by its mass times the highest p in it, a panel of it by its mass, a period in that by
    rejection under L, and the period is kept with the probability p(x) over that highest p. What is refused is drawn
    anew, from the choice of the group on.

    Parameters
    ----------
    density, parameters : the density of ln P, and one value, or `size` values, of each of its parameters
    mode : keep to the panels of one peak (an index into `peak_ln_period`)
    """
    parameters = [np.broadcast_to(p, size) for p in parameters]
    starts = likelihood.group_start
    ends = np.append(starts[1:], len(likelihood.panel_low))
    low, high = -np.log(likelihood.panel_high[ends - 1]), -np.log(likelihood.panel_low[starts])
    weight = np.exp(likelihood.panel_ln_mass - likelihood.panel_ln_mass.max())
    if mode is not None:
        weight = np.where(likelihood.panel_mode == mode, weight, 0.0)
    cumulated = np.cumsum(weight)
    with np.errstate(divide="ignore"):  # a group outside the mode
        mass = np.log(np.add.reduceat(weight, starts))
    drawn = np.empty(size)
    waiting = np.arange(size)
    while len(waiting):
        panels = np.empty(len(waiting), np.int64)
        ceiling = np.empty(len(waiting))
        for at in range(0, len(waiting), DRAWS_AT_ONCE):
            some = slice(at, at + DRAWS_AT_ONCE)
            here = [p[waiting[some], None] for p in parameters]
            highest = np.broadcast_to(density.ln_peak(low, high, *here), (len(waiting[some]), len(mass)))
            terms = mass + highest
            share = np.cumsum(np.exp(terms - terms.max(axis=1, keepdims=True)), axis=1)
            group = np.sum(share < share[:, -1:] * rng.random((len(share), 1)), axis=1)
            before = np.where(starts[group] > 0, cumulated[starts[group] - 1], 0.0)
            target = before + rng.random(len(group)) * (cumulated[ends[group] - 1] - before)
            panels[some] = np.clip(np.searchsorted(cumulated, target), starts[group], ends[group] - 1)
            ceiling[some] = np.take_along_axis(highest, group[:, None], axis=1)[:, 0]
        x = draw_in_panels(
            panels, likelihood.panel_low, likelihood.panel_high, likelihood.panel_top, rng, *likelihood.model.arrays
        )
        ln_pdf = density.ln_pdf(x, *(p[waiting] for p in parameters))
        accepted = np.log(rng.random(len(x))) < ln_pdf - ceiling
        drawn[waiting[accepted]] = x[accepted]
        waiting = waiting[~accepted]
    return drawn


@njit(cache=True, nogil=True, error_model="numpy")
def draw_in_panels(panels, low, high, top, rng, time, weight, velocity, static, harmonics, precision, mean, constant):
    """Rejection from the uniform density in frequency, whose Jacobian 1/f is part of what is accepted."""
    matrix, vector, design = workspace(len(time))
    drawn = np.empty(len(panels))
    for k in range(len(panels)):
        a, b = low[panels[k]], high[panels[k]]
        while True:
            at = a + (b - a) * rng.random()
            value = ln_likelihood_at(
                at, time, weight, velocity, static, harmonics, precision, mean, constant, matrix, vector, design
            )
            if rng.random() * ENVELOPE < np.exp(value - top[panels[k]]) * a / at:
                drawn[k] = -np.log(at)
                break
    return drawn


def draw_orbits(
    likelihood: PeriodLikelihood,
    density: Density,
    parameters: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
    mode: int | None = None,
) -> dict[str, np.ndarray]:
    """Independent exact draws of ln P [ln day], and of a, b, v0 [km/s] given it; arguments as `draw_ln_periods`."""
    ln_period = draw_ln_periods(likelihood, density, parameters, size, rng, mode)
    return {"lnP": ln_period} | draw_coefficients(likelihood, ln_period, rng)


def draw_coefficients(
    likelihood: PeriodLikelihood, ln_period: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Exact draws of (a, b, v0) [km/s] given each period, with times from the system's first visit."""
    model = likelihood.model
    frequency = np.exp(-ln_period)
    centred = draw_theta(frequency, rng.standard_normal((len(frequency), len(model.precision))), *model.arrays[:-1])
    a, b, v0 = centred.T[:3]
    angle = 2 * np.pi * turns_of(frequency, model.time_origin)
    c, s = np.cos(angle), np.sin(angle)
    values = (a * c - b * s, a * s + b * c, v0 + model.velocity_origin)
    return dict(zip(COEFFICIENTS, values, strict=True))


@njit(cache=True)
def turns_of(frequencies, time):
    """Fractions of a turn of each frequency at one time."""
    result = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        result[k] = turns(frequencies[k], time)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def draw_theta(frequencies, normals, time, weight, velocity, static, harmonics, precision, mean):
    """theta = mean + F^-T z with F the Cholesky factor of B, one row a frequency, about the model's origins."""
    matrix, vector, design = workspace(len(time))
    count = len(precision)
    theta = np.empty((len(frequencies), count))
    for f in range(len(frequencies)):
        factorise(frequencies[f], time, weight, velocity, static, harmonics, precision, mean, matrix, vector, design)
        for k in range(count - 1, -1, -1):
            total = normals[f, k]
            for i in range(k + 1, count):
                total -= matrix[i, k] * (theta[f, i] - vector[i])
            theta[f, k] = vector[k] + total / matrix[k, k]
    return theta
