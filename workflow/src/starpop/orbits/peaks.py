"""Where samples of ln L have their peaks, each refined; and what these and the samples hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.orbits.ln_likelihood import ln_likelihood_at, workspace

# What lies this far below the highest ln L holds nothing.
DEPTH = 45.0
# What a peak's bound adds to its prediction where the samples resolve it.
SMOOTH = 7.0
# The ground: the lowest samples, that hold no more than this share of the whole mass. They are good to a share of 3e-2
# of their own.
GROUND = 3e-5
# How often, and by how much at a time, the step into the range is shortened at an end from which ln L falls.
MOST_FALLS, LARGEST_FALL = 60, 100.0


class Samples(NamedTuple):
    """(F,) frequencies [1/d], ascending and at even steps but for the ends of the range, and ln L there."""

    frequency: np.ndarray
    values: np.ndarray

    @property
    def step(self) -> float:
        """Of the frequencies between the ends [1/d]."""
        return self.frequency[2] - self.frequency[1]


class Peaks(NamedTuple):
    """(Q,) frequencies [1/d], ascending; heights; and widths.

    These are standard deviations in frequency; at an end of the range the distance within which ln L falls by about
    one.
    """

    frequency: np.ndarray
    height: np.ndarray
    width: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def find_peaks(samples, stacked, model):
    """Refine every local maximum of ln L that can come within DEPTH of the highest: `Peaks`.

    Parameters
    ----------
    samples : of ln L
    stacked : (S, F) samples of its terms at some noises, which show what is too narrow for the samples of the sum
    """
    frequency, room = samples.frequency, workspace(model)
    tops, predicted, bound = _all_candidates(samples.values, stacked)
    several, best, level = np.log(len(model.constant)), samples.values.max(), DEPTH
    # where a bracket has been searched: the frequency found
    found = np.full(len(frequency), np.nan)
    peaks = Peaks(np.empty(len(tops)), np.empty(len(tops)), np.empty(len(tops)))
    refined = 0
    for k in np.argsort(-predicted):
        low, start, high = bracket(tops[k], frequency)
        if bound[k] + several < best - level or _is_known(tops[k], low, high, found):
            continue
        smooth = several > 0 and bound[k] < predicted[k] + SMOOTH
        value = ln_likelihood_at(start, model, room)
        at, height = brent(low, start, high, value, 1e-3 if smooth else 1e-6, model, room)
        found[tops[k]] = at
        margin = 1e-4 * (high - low)
        if (at < low + margin and low < start) or (at > high - margin and high > start):
            continue  # what rises at one noise need not at the sum
        best = max(best, height)
        peaks.frequency[refined], peaks.height[refined] = at, height
        peaks.width[refined] = _width(at, height, 0.05 * (high - low), frequency, model, room)
        refined += 1
        if refined == 1 and several > 0:
            # with one noise the samples cannot tell what lies between them; a sum has wide wings
            whole = mass_of(samples, Peaks(peaks.frequency[:1], peaks.height[:1], peaks.width[:1]))
            level = ground_level(samples, height, GROUND * whole)
    keep = np.flatnonzero(peaks.height[:refined] >= best - DEPTH)
    keep = keep[np.argsort(peaks.frequency[keep])]
    return Peaks(peaks.frequency[keep], peaks.height[keep], peaks.width[keep])


@njit(cache=True, nogil=True)
def bracket(top, frequency):
    """The frequencies of a sample and of those beside it."""
    return frequency[max(top - 1, 0)], frequency[top], frequency[min(top + 1, len(frequency) - 1)]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _all_candidates(values, stacked):
    """`candidates` of the sum, and what is narrow of those at each noise."""
    tops, predicted, bound = candidates(values)
    for k in range(len(stacked)):
        more = candidates(stacked[k])
        narrow = more[2] > more[1] + SMOOTH
        tops = np.concatenate((tops, more[0][narrow]))
        predicted = np.concatenate((predicted, more[1][narrow]))
        bound = np.concatenate((bound, more[2][narrow]))
    return tops, predicted, bound


@njit(cache=True, nogil=True, error_model="numpy")
def candidates(values):
    """Local maxima of ln L at one noise: samples, heights that a parabola predicts, and heights they cannot exceed."""
    count = len(values)
    best = values.max()
    tops, predicted, bound = np.empty(count, np.int64), np.empty(count), np.empty(count)
    found = 0
    for i in range(count):
        left = values[i - 1] if i > 0 else -np.inf
        right = values[i + 1] if i < count - 1 else -np.inf
        if values[i] >= left and values[i] > right:
            rise = predicted_rise(left, values[i], right, 0 < i < count - 1) if count > 1 else 0.0
            tops[found], predicted[found] = i, values[i] + rise
            # a parabola through three samples is good to a factor; what it cannot see is small
            bound[found] = values[i] + 3 * rise + 5
            if bound[found] < best - DEPTH and may_cross(values, i, best):
                bound[found] = best
            found += 1
    return tops[:found], predicted[:found], bound[:found]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def predicted_rise(left, here, right, inside):
    """How far above a sample its maximum is: by a parabola; at an end of the samples no more than to its neighbour."""
    if not inside:
        return here - max(left, right)
    bend = 2 * here - left - right
    return (left - right) ** 2 / (8 * bend) if bend > 0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def may_cross(values, top, best):
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


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _is_known(top, low, high, found):
    """Whether a search from beside this sample has ended in its bracket."""
    near = found[max(top - 1, 0) : top + 2]
    return np.any((low <= near) & (near <= high))


@njit(cache=True, nogil=True, error_model="numpy")
def climb(low, start, high, model):
    """The frequency of the maximum of ln L in a bracket."""
    room = workspace(model)
    return brent(low, start, high, ln_likelihood_at(start, model, room), 1e-6, model, room)[0]


@njit(cache=True, nogil=True, error_model="numpy")
def brent(low, start, high, value, precision, model, room):
    """The maximum of ln L, to a share of its bracket, by Brent's method (1973): parabolas, else golden sections."""
    golden = 0.3819660112501051
    tolerance = precision * (high - low)
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
        fu = ln_likelihood_at(u, model, room)
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


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _width(at, height, step, frequency, model, room):
    """The width of a peak, from steps that shorten towards it."""
    if at <= frequency[0] or at >= frequency[-1]:
        return _fall(at, height, step if at <= frequency[0] else -step, model, room)
    width = np.inf
    for _ in range(3):
        ends = ln_likelihood_at(at - step, model, room) + ln_likelihood_at(at + step, model, room)
        bend = (2 * height - ends) / step**2
        width = 1 / np.sqrt(bend) if bend > 0 else np.inf
        step = min(step, width)
    return width


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _fall(end, height, step, model, room):
    """How far from an end of the range ln L has fallen by about one, if it does so within a step; else infinity."""
    for _ in range(MOST_FALLS):
        drop = height - ln_likelihood_at(end + step, model, room)
        if drop <= 0:
            break
        if drop <= 1:
            return abs(step) / drop
        step /= min(drop, LARGEST_FALL)
    return np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def mass_of(samples, peaks):
    """The scale of the integral of L over ln P, by its highest value: of its peaks, or of its samples.

    Between two samples ln L is taken as linear, beside an end of the range from which it falls within less as nothing.
    """
    frequency, values = samples.frequency, samples.values
    best, count = peaks.height.max(), len(values)
    laplace, samples = 0.0, 0.0
    first, last = 0, count - 1
    for k in range(len(peaks.frequency)):
        if np.isfinite(peaks.width[k]):
            laplace += np.exp(peaks.height[k] - best) * peaks.width[k] * 2.5 / peaks.frequency[k]
            if peaks.frequency[k] <= frequency[0] and peaks.width[k] < frequency[1] - frequency[0]:
                first = 1
            if peaks.frequency[k] >= frequency[-1] and peaks.width[k] < frequency[-1] - frequency[-2]:
                last = count - 2
    for i in range(first, last):
        high, low = max(values[i], values[i + 1]) - best, min(values[i], values[i + 1]) - best
        if high >= -DEPTH:
            fall = high - low
            share = -np.expm1(-fall) / fall if fall > 1e-6 else 1.0
            samples += np.exp(high) * share * (frequency[i + 1] - frequency[i]) / frequency[i]
    return max(laplace, samples)


@njit(cache=True, nogil=True, error_model="numpy")
def ground_level(samples, best, mass):
    """How far below the highest ln L the lowest samples that hold so much lie."""
    frequency, values = samples.frequency, samples.values
    held = np.zeros(int(DEPTH))
    for i in range(len(values)):
        depth = max(best - values[i], 0.0)
        if depth < DEPTH:
            held[int(depth)] += np.exp(-depth) * (frequency[2] - frequency[1]) / frequency[i]
    total = 0.0
    for level in range(len(held) - 1, -1, -1):
        total += held[level]
        if total > mass:
            return level + 1.0
    return 0.0
