"""Where a period's likelihood is high: ln L on a grid, the noise that matters, and every peak refined.

With an uncertain noise L is a sum over the points u_k of its lattice. The grid is scanned at every third point of
those that matter, which gives ln L on the grid but for up to 0.1 that hardly changes along it. Narrower peaks are
found at each scanned noise by itself, where -2 ln L is nearly the square of a smooth residual and a peak shows in the
samples beside it. All are refined on the whole L. The points that matter are those whose term at some peak lies within
NOISE_DEPTH of the highest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from starpop.scan import Lattice, LinearModel, ln_likelihood_at, ln_shares, scan, scan_at, workspace

# What lies this far below the highest ln L holds nothing.
DEPTH = 45.0
# A noise whose term is so far below the highest at every peak holds nothing: not even on the ground, which is up to
# 10^6 times as wide as a peak.
NOISE_DEPTH = 35.0
# Points of the noise's lattice from one scanned to the next.
STRIDE = 3
# What a peak's bound adds to its prediction where the samples resolve it.
SMOOTH = 7.0
# The ground: the lowest samples, that hold no more than this share of the whole mass. They are good to a share of 3e-2
# of their own; with several harmonics to less, for they have the condition of one noise.
GROUND, GROUND_OF_HARMONICS = 3e-5, 1e-5
# Terms this far below the highest add nothing to a sample.
NEGLIGIBLE = 20.0
# Between two scanned noises a term of a width of about one rises above both by less than this.
HIGHEST_RISE = 3.0
# Beyond the last scanned noise a term may rise as it likes, but its exponential must be a number.
LARGEST_LN = 600.0
# How often, and by how much at a time, the step into the range is shortened at an end from which ln L falls.
MOST_FALLS, LARGEST_FALL = 60, 100.0
# Maxima of a scan at one noise that are followed where only the highest is wanted.
MOST_FOLLOWED = 10
# The search for the noise that matters starts with errors of this share of the velocities' scatter.
FIRST_NOISE = 0.2


@dataclass(frozen=True)
class Landscape:
    """The scans of one system.

    Attributes
    ----------
    model : the system, with the points of its noise that matter
    first_noise : which of the lattice's points its first is
    frequency : (F,) ascending; the first and the last are the ends of the range [1/d]
    values : (F,) ln L, interpolated where the noise is uncertain
    step : of the frequencies between the ends [1/d]
    peak_frequency, peak_height, peak_width : (Q,) of every peak within DEPTH of the highest, by frequency
    """

    model: LinearModel
    first_noise: int
    frequency: np.ndarray
    values: np.ndarray
    step: float
    peak_frequency: np.ndarray
    peak_height: np.ndarray
    peak_width: np.ndarray


def survey(model: LinearModel, grid: Lattice, low: float, high: float) -> Landscape:
    """Scan a system from a low to a high frequency [1/d], and find its peaks."""
    frequency = np.concatenate([[low], grid.frequencies, [high]])
    points = len(model.constant)
    scans: dict[int, np.ndarray] = {}

    def at(noise: int) -> np.ndarray:
        if noise not in scans:
            ends = scan_at(frequency[[0, -1]], model.at_noise(noise, noise + 1))
            scans[noise] = np.concatenate([ends[:1], scan(model, grid, noise), ends[1:]])
        return scans[noise]

    if points == 1:
        values = with_condition(frequency, at(0), at(0)[None], 0, model)
        peaks = find_peaks(frequency, values, np.empty((0, len(frequency))), model)
        return Landscape(model, 0, frequency, values, grid.step, *peaks)
    first, last = _noise_that_matters(model, frequency, at)
    while True:
        start, end = max(first - 1, 0), min(last + 2, points)
        window = model.at_noise(start, end)
        stacked = np.stack([at(k) for k in range(start + STRIDE // 2, end, STRIDE)])
        sums = add_up(stacked, stacked.max() - DEPTH)
        values = with_condition(frequency, sums, stacked, STRIDE // 2, window)
        peaks = find_peaks(frequency, values, stacked, window)
        terms = noise_terms(peaks[0], model)
        matter = np.flatnonzero(terms.max(axis=0) > terms.max() - NOISE_DEPTH)
        if matter[0] >= start and matter[-1] < end:
            break
        first, last = min(int(matter[0]), first), max(int(matter[-1]), last)
    return Landscape(window, start, frequency, values, grid.step, *peaks)


def _noise_that_matters(model: LinearModel, frequency: np.ndarray, at: Callable[[int], np.ndarray]) -> tuple[int, int]:
    """The first and last point of the noise whose term comes within NOISE_DEPTH of the highest, at one high peak.

    The best sample at one noise is followed to its peak and the noise that suits it, where the grid is scanned anew.
    """
    first_guess = 2 * np.log(FIRST_NOISE * np.std(model.velocity))
    noise = int(np.abs(np.median(np.log(model.weight), axis=0) + first_guess).argmin())
    seen: set[int] = set()
    while noise not in seen:
        seen.add(noise)
        top = int(at(noise).argmax())
        low, peak, high = frequency[max(top - 1, 0)], frequency[top], frequency[min(top + 1, len(frequency) - 1)]
        for _ in range(4):
            peak = climb(low, peak, high, model.at_noise(noise, noise + 1))
            terms = noise_terms(np.array([peak]), model)[0]
            if terms.argmax() == noise:
                break
            noise = int(terms.argmax())
    matter = np.flatnonzero(terms > terms.max() - NOISE_DEPTH)
    return int(matter[0]), int(matter[-1])


def with_condition(
    frequency: np.ndarray, values: np.ndarray, stacked: np.ndarray, first: int, model: LinearModel
) -> np.ndarray:
    """Samples of ln L with the condition on the `fundamental`, which the scan leaves out, where they matter.

    It lowers what the scan gives, so that what the scan has below DEPTH matters as little with it. It is taken at the
    likeliest of the scanned noises, of which the first is at point `first`.
    """
    if model.harmonics > 1:
        noise = first + STRIDE * stacked.argmax(axis=0)
        known = np.zeros(len(values), bool)
        while (high := ~known & (values > values.max() - DEPTH)).any():
            values[high] += ln_shares(frequency[high], noise[high], model)
            known |= high
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(frequencies, model):
    """(F,) ln L at any frequencies [1/d]."""
    room = workspace(model)
    values = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        values[k] = ln_likelihood_at(frequencies[k], model, room)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def noise_terms(frequencies, model):
    """(F, K) the term of every noise in L at any frequencies [1/d], as its ln."""
    room = workspace(model)
    terms = np.empty((len(frequencies), len(model.constant)))
    for k in range(len(frequencies)):
        ln_likelihood_at(frequencies[k], model, room)
        terms[k] = room.terms
    return terms


@njit(cache=True, nogil=True, error_model="numpy")
def climb(low, start, high, model):
    """The frequency of the maximum of ln L in a bracket."""
    room = workspace(model)
    return brent(low, start, high, ln_likelihood_at(start, model, room), 1e-6, model, room)[0]


def highest_of(model: LinearModel, grid: Lattice, low: float, high: float, noise: int) -> tuple[float, float]:
    """Where ln L is highest between two frequencies [1/d], and its value there, from a scan at one noise alone.

    The highest maxima of that scan are followed on the whole L: enough to know whether there is a higher one than
    another, at a cost of one scan.
    """
    frequency = np.concatenate([[low], grid.frequencies, [high]])
    one = model.at_noise(noise, noise + 1)
    ends = scan_at(frequency[[0, -1]], one)
    values = np.concatenate([ends[:1], scan(model, grid, noise), ends[1:]])
    tops, predicted, _ = candidates(values)
    best, height = low, -np.inf
    for top in tops[np.argsort(-predicted)[:MOST_FOLLOWED]]:
        around = frequency[max(top - 1, 0)], frequency[top], frequency[min(top + 1, len(frequency) - 1)]
        at = climb(*around, model)
        value = evaluate(np.array([at]), model)[0]
        if value > height:
            best, height = at, value
    return float(best), float(height)


@njit(cache=True, nogil=True, error_model="numpy")
def add_up(stacked, threshold):
    """(F,) ln of the sum over all noises, from (S, F) scans of every third; the highest term where that is low.

    Between two scanned noises ln of the term is taken from the parabola through the three nearest, which a normal
    density follows exactly. Where the term falls off like exp(-chi2) on one side the parabola overshoots on the other,
    and is not followed beyond what is possible.
    """
    scans, count = stacked.shape
    values = np.empty(count)
    for i in range(count):
        top = -np.inf
        for k in range(scans):
            top = max(top, stacked[k, i])
        total = 1.0
        if top > threshold and scans >= 3:
            total = 0.0
            for k in range(scans):
                if stacked[k, i] < top - NEGLIGIBLE:
                    continue
                middle = min(max(k, 1), scans - 2)
                slope = 0.5 * (stacked[middle + 1, i] - stacked[middle - 1, i]) / STRIDE
                bend = (stacked[middle + 1, i] - 2 * stacked[middle, i] + stacked[middle - 1, i]) / STRIDE**2
                slope += bend * STRIDE * (k - middle)
                for away in (-1.0, 0.0, 1.0):
                    rise = away * slope + 0.5 * bend * away**2
                    beside = k + int(away)
                    most = LARGEST_LN
                    if 0 <= beside < scans:
                        most = max(stacked[beside, i] - stacked[k, i], 0.0) + HIGHEST_RISE
                    total += np.exp(stacked[k, i] - top + min(rise, most))
        values[i] = top + np.log(total)
    return values


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
            rise = 0.0
            if 0 < i < count - 1:
                bend = 2 * values[i] - left - right
                rise = (left - right) ** 2 / (8 * bend) if bend > 0 else 0.0
            elif count > 1:
                rise = abs(values[i] - (right if i == 0 else left))
            tops[found], predicted[found] = i, values[i] + rise
            # a parabola through three samples is good to a factor; what it cannot see is small
            bound[found] = values[i] + 3 * rise + 5
            if bound[found] < best - DEPTH and may_cross(values, i, best):
                bound[found] = best
            found += 1
    return tops[:found], predicted[:found], bound[:found]


@njit(cache=True, nogil=True, error_model="numpy")
def find_peaks(frequency, values, stacked, model):
    """Refine every local maximum of ln L that can come within DEPTH of the highest.

    Parameters
    ----------
    frequency, values : (F,) samples of ln L
    stacked : (S, F) samples of its terms at some noises, which show what is too narrow for the samples of the sum

    Returns
    -------
    (Q,) frequencies, ascending; heights; widths: standard deviations in frequency, at an end of the range the distance
    within which ln L falls by about one
    """
    room = workspace(model)
    count = len(frequency)
    tops, predicted, bound = candidates(values)
    for k in range(len(stacked)):
        more = candidates(stacked[k])
        narrow = more[2] > more[1] + SMOOTH
        tops = np.concatenate((tops, more[0][narrow]))
        predicted = np.concatenate((predicted, more[1][narrow]))
        bound = np.concatenate((bound, more[2][narrow]))
    best = values.max()
    several = np.log(len(model.constant))
    level = DEPTH
    # where a bracket has been searched: the frequency found
    found = np.full(count, np.nan)
    peak_frequency, peak_height, peak_width = np.empty(len(tops)), np.empty(len(tops)), np.empty(len(tops))
    refined = 0
    for k in np.argsort(-predicted):
        if bound[k] + several < best - level:
            continue
        smooth = several > 0 and bound[k] < predicted[k] + SMOOTH
        i = tops[k]
        low, high = frequency[max(i - 1, 0)], frequency[min(i + 1, count - 1)]
        known = False
        for near in range(max(i - 1, 0), min(i + 2, count)):
            known = known or low <= found[near] <= high
        if known:
            continue
        value = ln_likelihood_at(frequency[i], model, room)
        at, height = brent(low, frequency[i], high, value, 1e-3 if smooth else 1e-6, model, room)
        found[i] = at
        margin = 1e-4 * (high - low)
        if (at < low + margin and i > 0) or (at > high - margin and i < count - 1):
            continue  # what rises at one noise need not at the sum
        best = max(best, height)
        step = 0.05 * (high - low)
        width = np.inf
        for _ in range(3):
            ends = 0.0
            for sign in (-1.0, 1.0):
                ends += ln_likelihood_at(at + sign * step, model, room)
            bend = (2 * height - ends) / step**2
            width = 1 / np.sqrt(bend) if bend > 0 else np.inf
            step = min(step, width)
        if at <= frequency[0] or at >= frequency[-1]:
            inward = 1.0 if at <= frequency[0] else -1.0
            width = _fall(at, height, inward * 0.05 * (high - low), model, room)
        peak_frequency[refined], peak_height[refined], peak_width[refined] = at, height, width
        refined += 1
        if refined == 1 and several > 0:
            # with one noise the samples cannot tell what lies between them; a sum has wide wings
            whole = mass_of(frequency, values, peak_frequency[:1], peak_height[:1], peak_width[:1])
            level = ground_level(frequency, values, height, ground_share(model) * whole)
    keep = np.flatnonzero(peak_height[:refined] >= best - DEPTH)
    keep = keep[np.argsort(peak_frequency[keep])]
    return peak_frequency[keep], peak_height[keep], peak_width[keep]


@njit(cache=True, nogil=True, error_model="numpy")
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
def mass_of(frequency, values, peak_frequency, peak_height, peak_width):
    """The scale of the integral of L over ln P, by its highest value: of its peaks, or of its samples.

    Between two samples ln L is taken as linear, beside an end of the range from which it falls within less as nothing.
    """
    best, count = peak_height.max(), len(values)
    laplace, samples = 0.0, 0.0
    first, last = 0, count - 1
    for k in range(len(peak_frequency)):
        if np.isfinite(peak_width[k]):
            laplace += np.exp(peak_height[k] - best) * peak_width[k] * 2.5 / peak_frequency[k]
            if peak_frequency[k] <= frequency[0] and peak_width[k] < frequency[1] - frequency[0]:
                first = 1
            if peak_frequency[k] >= frequency[-1] and peak_width[k] < frequency[-1] - frequency[-2]:
                last = count - 2
    for i in range(first, last):
        high, low = max(values[i], values[i + 1]) - best, min(values[i], values[i + 1]) - best
        if high >= -DEPTH:
            fall = high - low
            share = -np.expm1(-fall) / fall if fall > 1e-6 else 1.0
            samples += np.exp(high) * share * (frequency[i + 1] - frequency[i]) / frequency[i]
    return max(laplace, samples)


@njit(cache=True, nogil=True)
def ground_share(model):
    """The share of the mass that the ground of a system may hold."""
    return GROUND if model.harmonics == 1 else GROUND_OF_HARMONICS


@njit(cache=True, nogil=True, error_model="numpy")
def ground_level(frequency, values, best, mass):
    """How far below the highest ln L the lowest samples that hold so much lie."""
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
