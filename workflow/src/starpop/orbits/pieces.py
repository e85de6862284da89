"""The pieces of a range of periods that can hold something, cut where the integrand changes its character.

Cuts are every stride-th sample, the peaks, and 3 and 9 widths from each; of those at an end of the range, from which L
falls exponentially, DEPTH widths as well. A piece between samples is judged by these, one that ends beside a peak by
ln L at its ends as well. What stays DEPTH below the highest is dropped.

Samples of a sum over noises are nearly ln L, but for a factor that hardly changes along them. Where they are smooth
they need not be made anew: adjacent stretches are taken together, on the ground as far as its points may lie apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.orbits.ln_likelihood import ln_likelihood_at
from starpop.orbits.peaks import DEPTH, GROUND, ground_level, mass_of

# Steps of ln L between samples of the ground that are smooth enough to be integrated by the trapezium rule.
SMOOTH = 0.7
SMOOTH_STRIDES = 5
# Samples so low that they hold no more than this share of the whole need not be smooth, and are taken as interpolated.
NOTHING = 1e-12
# Samples of the ground within so much of ln P are taken as one point, and no more than this many make a panel.
POINT_SPAN, MOST_POINTS = 0.01, 15
# Peaks so many steps of the grid wide need no cuts of their own.
RESOLVED = 1.0
# Of a group of panels, in ln P.
WIDEST_GROUP = 0.05
# What a stretch between two cuts is: not smooth, or sampled well enough.
ROUGH, ON_GROUND, ABOVE_GROUND = 1, 2, 3


class Scale(NamedTuple):
    """By what the pieces of an integral are judged.

    Attributes
    ----------
    best : the highest ln L
    whole : the integral's scale, in units of that
    ground, bottom : ln L below which samples hold next to nothing, and nothing
    rounding : relative, of L
    stride : samples from one cut to the next
    """

    best: float
    whole: float
    ground: float
    bottom: float
    rounding: float
    stride: int


class Pieces(NamedTuple):
    """(M,) lower and upper ends [1/d], the first and last sample (M, 2) that serve as they are, else 0; what it is."""

    low: np.ndarray
    high: np.ndarray
    sampled: np.ndarray
    kind: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def scale_of(samples, peaks, stride, model):
    """`Scale` of an integral."""
    best = peaks.height.max()
    whole = mass_of(samples, peaks)
    # samples at one noise are exact but may be far apart; a sum over noises has wide wings
    ground, bottom = -np.inf, -np.inf
    if len(model.constant) > 1:
        ground = best - ground_level(samples, best, GROUND * whole)
        bottom = best - ground_level(samples, best, NOTHING * whole)
    # The phase of a visit is known to an ulp of its turns; ln L changes with it by up to sqrt(2 DEPTH sum (v/s)^2)
    total_square = 0.0
    for j in range(len(model.time)):
        total_square += model.weight[j, 0] * model.velocity[j] ** 2
    rounding = 1e-15 + 4e-16 * np.pi * samples.frequency[-1] * model.time.max() * np.sqrt(2 * DEPTH * total_square)
    return Scale(best, whole, ground, bottom, rounding, stride)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def cut(samples, peaks, scale, model, room):
    """The `Pieces`, in ascending frequency."""
    frequency, values, cuts = samples.frequency, samples.values, _cuts(samples, peaks)
    capacity = len(values) // scale.stride + len(cuts) + 2
    pieces = Pieces(
        np.empty(capacity), np.empty(capacity), np.zeros((capacity, 2), np.int64), np.zeros(capacity, np.int64)
    )
    count, after, threshold = 0, 0, scale.best - DEPTH
    for first in range(0, len(values) - 1, scale.stride):
        last = min(first + scale.stride, len(values) - 1)
        while after < len(cuts) and cuts[after] <= frequency[first]:
            after += 1
        end = after
        while end < len(cuts) and cuts[end] < frequency[last]:
            end += 1
        if end == after and not _holds_something(first, last, values, threshold):
            continue
        kind = ROUGH if end > after else _kind(first, last, samples, scale)
        if kind == ROUGH:
            count = _add_between(cuts[after:end], first, last, samples, scale, pieces, count, model, room)
        else:
            count = _add_sampled(first, last, kind, samples, scale, pieces, count)
    for k in range(count):
        if pieces.kind[k] != ON_GROUND:
            pieces.sampled[k] = 0
    return Pieces(pieces.low[:count], pieces.high[:count], pieces.sampled[:count], pieces.kind[:count])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _cuts(samples, peaks):
    """The cuts beside the peaks, ascending."""
    frequency = samples.frequency
    cuts = np.empty(5 * len(peaks.frequency))  # of seven, no peak has more than five inside the range
    used = 0
    for k in range(len(peaks.frequency)):
        at, width = peaks.frequency[k], peaks.width[k]
        if RESOLVED * (frequency[2] - frequency[1]) < width < np.inf:
            continue
        inside = frequency[0] < at < frequency[-1]
        for factor in (-DEPTH, -9.0, -3.0, 0.0, 3.0, 9.0, DEPTH):
            beside = at + (factor * width if factor != 0 else 0.0)
            if frequency[0] < beside < frequency[-1] and not (inside and abs(factor) == DEPTH):
                cuts[used] = beside
                used += 1
    return np.unique(cuts[:used])


@njit(cache=True, nogil=True, inline="always")
def _holds_something(first, last, values, threshold):
    """Whether a sample of a stretch is high enough."""
    highest = values[first]
    for i in range(first + 1, last + 1):
        highest = max(highest, values[i])
    return highest >= threshold


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _kind(first, last, samples, scale):
    """What a stretch from a sample to another is."""
    frequency, values = samples.frequency, samples.values
    smooth = True
    on_ground = values[first] < scale.ground and frequency[last] - frequency[first] <= WIDEST_GROUP * frequency[first]
    for i in range(first + 1, last + 1):
        on_ground = on_ground and values[i] < scale.ground
        low_enough = values[i] < scale.bottom and values[i - 1] < scale.bottom
        smooth = smooth and (low_enough or abs(values[i] - values[i - 1]) < SMOOTH)
    if not smooth:
        return ROUGH
    return ON_GROUND if on_ground else ABOVE_GROUND


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add_sampled(first, last, kind, samples, scale, pieces, count):
    """Add a smooth stretch, to the piece before it if that goes on; returns the number of pieces."""
    frequency, before = samples.frequency, count - 1
    longest = SMOOTH_STRIDES * scale.stride
    if kind == ON_GROUND and count > 0:
        longest = (MOST_POINTS - 1) * samples_per_point(frequency, pieces.sampled[before, 0], scale.stride)
    if (
        count > 0
        and pieces.kind[before] == kind
        and pieces.high[before] == frequency[first]
        and last - pieces.sampled[before, 0] <= longest
        and frequency[last] - pieces.low[before] <= WIDEST_GROUP * pieces.low[before]
    ):
        pieces.high[before], pieces.sampled[before, 1] = frequency[last], last
        return count
    pieces.low[count], pieces.high[count], pieces.kind[count] = frequency[first], frequency[last], kind
    pieces.sampled[count] = first, last
    return count + 1


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add_between(cuts, first, last, samples, scale, pieces, count, model, room):
    """Add what counts of a stretch, cut at these frequencies; returns the number of pieces."""
    frequency, values, threshold = samples.frequency, samples.values, scale.best - DEPTH
    low, at_low, sample = frequency[first], values[first], first
    for k in range(len(cuts) + 1):
        high, at_high = frequency[last], values[last]
        if k < len(cuts):
            high, at_high = cuts[k], ln_likelihood_at(cuts[k], model, room)
        relevant = at_low >= threshold or at_high >= threshold
        while sample <= last and frequency[sample] <= high:
            relevant = relevant or (frequency[sample] >= low and values[sample] >= threshold)
            sample += 1
        if relevant:
            pieces.low[count], pieces.high[count], pieces.kind[count] = low, high, ROUGH
            count += 1
        low, at_low = high, at_high
    return count


@njit(cache=True, nogil=True)
def samples_per_point(frequency, first, stride):
    """How many samples of a panel of the ground are taken as one point."""
    return max(min(int(POINT_SPAN * frequency[first] / (frequency[2] - frequency[1])), stride), 1)
