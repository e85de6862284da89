"""Nodes that integrate a likelihood of period against any smooth density: panels, their groups, and their Gauss rules.

Pieces are integrated by the 15-point Gauss-Kronrod rule, and halved until the rule and its 7-point part agree to 1e-10
of the whole (or to the rounding noise of ln L); those of the ground by the trapezium rule on the samples there are.
Adjacent panels are taken together while they span at most 0.05 in ln P. The points of such a group are a discrete
measure; its 4-point Gauss rule (2 points below a span of 2e-3, the mean below 2e-5), which has the same moments up to
the seventh, gives the nodes. Against a normal g of standard deviation 0.135 (ln sigma = -2) the error is below 1e-9.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.orbits.ln_likelihood import fill_ln_likelihoods, ln_likelihood_at, workspace
from starpop.orbits.pieces import MOST_POINTS, SMOOTH, WIDEST_GROUP, cut, samples_per_point, scale_of

TOLERANCE = 1e-10
# Of a panel, of the whole mass.
NEGLIGIBLE = 1e-18
# Spans in ln P of a group of panels, from which on it takes 4 and 2 nodes.
WIDE_GROUP, NARROW_GROUP = 2e-3, 2e-5
MOST_HALVINGS = 126

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


class Panels(NamedTuple):
    """(M,) lower and upper ends [1/d], ascending, highest ln L, and mass; (M, 15) ln P and weight of its points.

    Masses and weights are in units of the highest L.
    """

    low: np.ndarray
    high: np.ndarray
    top: np.ndarray
    mass: np.ndarray
    point_x: np.ndarray
    point_w: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(samples, peaks, stride, model):
    """Cut at every stride-th sample, drop and integrate.

    Returns
    -------
    nodes: ln P, ln weight, group; panels, in ascending frequency: low, high [1/d], highest ln L, ln mass, group
    """
    room, scale = workspace(model), scale_of(samples, peaks, stride, model)
    pieces = cut(samples, peaks, scale, model, room)
    panels = _panels(pieces, samples, scale, model, room)
    group = _groups(panels)
    ln_mass = np.log(panels.mass) + scale.best
    return (*_nodes(panels, group, scale.best), panels.low, panels.high, panels.top, ln_mass, group)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _panels(pieces, samples, scale, model, room):
    """The `Panels` of all pieces."""
    panels, count = _room_for(len(pieces.low) + 256), 0
    off = _corrections(pieces, samples, scale, model, room)
    waiting = np.empty((MOST_HALVINGS + 2, 2))
    for piece in range(len(pieces.low)):
        if pieces.sampled[piece, 1] > 0:
            panels = _with_room(panels, count)
            _add_up_samples(pieces.sampled[piece], off[piece], samples, scale, panels, count)
            count += panels.mass[count] > NEGLIGIBLE * scale.whole
            continue
        waiting[0] = pieces.low[piece], pieces.high[piece]
        depth = 1
        while depth > 0:
            depth -= 1
            low, high = waiting[depth]
            panels = _with_room(panels, count)
            done = _apply_rule(low, high, scale, panels, count, model, room)
            if not done and high - low > 1e-14 * high and depth < MOST_HALVINGS:
                middle = 0.5 * (high + low)
                waiting[depth] = middle, high
                waiting[depth + 1] = low, middle
                depth += 2
            else:
                count += panels.mass[count] > NEGLIGIBLE * scale.whole
    return Panels(
        panels.low[:count].copy(),
        panels.high[:count].copy(),
        panels.top[:count].copy(),
        panels.mass[:count].copy(),
        panels.point_x[:count],
        panels.point_w[:count],
    )


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _corrections(pieces, samples, scale, model, room):
    """(M, 2) what the samples of a sum over noises lack at their ends.

    They are interpolated: off by a factor that hardly changes within a piece, and need not be known where there is
    next to nothing.
    """
    off = np.zeros((len(pieces.low), 2))
    known, value = -1, 0.0
    for k in range(len(off)):
        first, last = pieces.sampled[k]
        if last > 0 and samples.values[first : last + 1].max() + SMOOTH > scale.bottom:
            if known != first:
                value = ln_likelihood_at(pieces.low[k], model, room) - samples.values[first]
            off[k, 0] = value
            known, value = last, ln_likelihood_at(pieces.high[k], model, room) - samples.values[last]
            off[k, 1] = value
    return off


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add_up_samples(ends, off, samples, scale, panels, row):
    """A panel from its samples by the trapezium rule; neighbours are taken together as one point."""
    (first, last), frequency, values = ends, samples.frequency, samples.values
    share = samples_per_point(frequency, first, scale.stride)
    x, w = panels.point_x[row], panels.point_w[row]
    w[:] = 0.0
    mass, top = 0.0, values[first : last + 1].max() + SMOOTH
    for i in range(first, last + 1):
        here = values[i] + off[0] + (off[1] - off[0]) * (i - first) / (last - first)
        width = 0.5 * (frequency[min(i + 1, last)] - frequency[max(i - 1, first)])
        weight = np.exp(here - scale.best) * width / frequency[i]
        k = (i - first) // share
        w[k] += weight
        mean = x[k] if i > first + k * share else frequency[i]
        x[k] = mean + (frequency[i] - mean) * weight / max(w[k], 1e-300)
        mass += weight
        top = max(top, here + SMOOTH)
    points = (last - first) // share + 1
    x[:points] = -np.log(x[:points])
    panels.low[row], panels.high[row], panels.top[row], panels.mass[row] = frequency[first], frequency[last], top, mass


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _apply_rule(low, high, scale, panels, row, model, room):
    """A panel by the Gauss-Kronrod rule; whether that is precise enough."""
    half, middle = 0.5 * (high - low), 0.5 * (high + low)
    x, w = panels.point_x[row], panels.point_w[row]
    mass, gauss, top = 0.0, 0.0, -np.inf
    for k in range(len(POINTS)):
        x[k] = middle + half * POINTS[k]
    fill_ln_likelihoods(x, model, room, w)
    for k in range(len(POINTS)):
        at, value = x[k], w[k]
        top = max(top, value)
        weight = np.exp(value - scale.best) * half / at
        mass += KRONROD[k] * weight
        gauss += GAUSS[k] * weight
        x[k], w[k] = -np.log(at), KRONROD[k] * weight
    panels.low[row], panels.high[row], panels.top[row], panels.mass[row] = low, high, top, mass
    exact = abs(mass - gauss) <= max(TOLERANCE * scale.whole, scale.rounding * mass)
    return exact and high - low <= WIDEST_GROUP * low


@njit(cache=True, nogil=True)
def _room_for(count):
    """Panels to be filled; points without weight are none."""
    low, high, top, mass = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    return Panels(low, high, top, mass, np.zeros((count, MOST_POINTS)), np.zeros((count, MOST_POINTS)))


@njit(cache=True, nogil=True, inline="always")
def _with_room(panels, count):
    """The panels, in a place twice as large if they fill theirs."""
    if count < len(panels.low):
        return panels
    bigger = _room_for(2 * count)
    bigger.low[:count], bigger.high[:count], bigger.top[:count] = panels.low, panels.high, panels.top
    bigger.mass[:count], bigger.point_x[:count], bigger.point_w[:count] = panels.mass, panels.point_x, panels.point_w
    return bigger


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _groups(panels):
    """(M,) the group of each panel: adjacent ones, within the widest span."""
    group = np.empty(len(panels.low), np.int64)
    first, number = 0, 0
    for k in range(len(group)):
        if k > 0 and (
            panels.low[k] != panels.high[k - 1]
            or panels.high[k] - panels.low[first] > WIDEST_GROUP * panels.low[first]
        ):
            first, number = k, number + 1
        group[k] = number
    return group


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _nodes(panels, group, best):
    """ln P, ln weight and group of the nodes: each group's Gauss rule."""
    capacity = 4 * len(group)
    node_x, node_w, node_group = np.empty(capacity), np.empty(capacity), np.empty(capacity, np.int64)
    nodes, first = 0, 0
    while first < len(group):
        end = np.searchsorted(group, group[first], "right")
        span = (panels.high[end - 1] - panels.low[first]) / panels.low[first]
        size = 4 if span > WIDE_GROUP else (2 if span > NARROW_GROUP else 1)
        x, w = _gauss_rule(panels.point_x[first:end].ravel(), panels.point_w[first:end].ravel(), size)
        for k in range(len(x)):
            if w[k] > 0:
                node_x[nodes], node_w[nodes], node_group[nodes] = x[k], np.log(w[k]) + best, group[first]
                nodes += 1
        first = end
    return node_x[:nodes].copy(), node_w[:nodes].copy(), node_group[:nodes].copy()


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
