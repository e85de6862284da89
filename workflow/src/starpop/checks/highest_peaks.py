"""Where the period likelihoods of many sets of velocities at the visits of one system are highest.

All sets share times, errors and basis. At one noise, with weights W = C^-1 and the static columns Z eliminated,

    ln L(f) = 1/2 |F^-1 A'W r|^2 - ln |F| + ...

as in `sinusoids`, for all sets in one matrix product. That tells where a set's highest peak can be: of each local
maximum on the grid of `period_likelihood`, the height that a parabola predicts and one that it cannot exceed. Those
that can be highest are climbed at that noise; what comes close to the highest then is climbed on the whole L, which
sums over the noise (`peaks`). The noise is the likeliest at the system's own highest peak.

Only frequencies that matter to the system itself, and those within 1/T, are searched: sets drawn from its posterior
have their highest peak there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.checks.sinusoids import eliminate_static, explain, without_static
from starpop.orbits.landscape import with_ends
from starpop.orbits.linear_model import LinearModel, NoisySystem
from starpop.orbits.ln_likelihood import ln_likelihood_at, noise_terms, workspace
from starpop.orbits.peaks import bracket, brent, may_cross, predicted_rise
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.scan import lattice

# Numbers of a block's columns and values: 16 MB.
BLOCK = 2_000_000
# Candidates kept for a set, at most.
MOST_CANDIDATES = 60
# What a height may exceed a parabola's prediction by: a share of its rise, and so much with many and with few visits.
RISE, LEAST_SLACK, SLACK_OF_FEW = 1.0, 0.5, 4.0
# By how much ln L at the scanned noise may be below the highest where the whole L is highest; more with few visits.
NOISE_SLACK, NOISE_SLACK_OF_FEW = 0.5, 20.0
# What a climb on the whole L may gain over the peak at one noise.
CLIMB = 2.0
# A noise whose term is so far below the highest at a set's peak is nothing to it.
MATTERS = 25.0
# How far beyond what matters to the system a set's highest peak may be, in resolution elements.
REACH = 1.0
# The noise of a set may be beyond that of the system by this share of its range.
BEYOND = 0.5


class Candidates(NamedTuple):
    """Of R sets the number of local maxima kept; (R, MOST_CANDIDATES) samples, predicted heights, and their bounds."""

    number: np.ndarray
    place: np.ndarray
    predicted: np.ndarray
    bound: np.ndarray


def highest_peaks(
    likelihood: PeriodLikelihood, velocities: np.ndarray, period_range_days: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Where the period likelihoods of sets of velocities are highest, and the errors that their noise gives there.

    Parameters
    ----------
    likelihood : of the system that they are replicates of, or its own
    velocities : (R, J) at its visits [km/s]

    Returns
    -------
    (R,) frequencies [1/d], and (R, J) geometric means of the errors over the posterior of the noise [km/s]
    """
    visits = likelihood.visits
    grid = lattice(period_range_days, visits.baseline_days, len(visits))
    frequency = with_ends(grid, 1 / period_range_days[1], 1 / period_range_days[0])
    model = with_noise_of_replicates(likelihood)
    noise = int(noise_terms(np.exp(-likelihood.peak_ln_period[:1]), model)[0].argmax())
    weight = visits.rv_err_kms**-2
    origin = velocities @ weight / weight.sum()
    velocity = np.ascontiguousarray(velocities - origin[:, None])
    slack = 0.0 if len(model.constant) == 1 else NOISE_SLACK + NOISE_SLACK_OF_FEW / len(visits)
    kept = _search(likelihood, frequency, _ln_likelihoods(model, noise, velocity, origin), slack, len(velocity))
    best, terms = climb_candidates(frequency, model, noise, velocity, origin, slack, kept)
    return best, errors_over_noise(terms, model)


def own_peak(likelihood: PeriodLikelihood) -> tuple[np.ndarray, np.ndarray]:
    """The same of the system's own velocities alone, whose highest peak is known: (1,) and (1, J)."""
    frequency = np.exp(-likelihood.peak_ln_period[:1])
    return frequency, errors_over_noise(noise_terms(frequency, likelihood.linear), likelihood.linear)


def errors_over_noise(terms: np.ndarray, model: LinearModel) -> np.ndarray:
    """(R, J) geometric means of the errors over the noise [km/s], given (R, K) the ln of its terms."""
    share = np.exp(terms - terms.max(axis=1, keepdims=True))
    return np.exp(-0.5 * (share @ np.log(model.weight).T) / share.sum(axis=1, keepdims=True))


def _ln_likelihoods(
    model: LinearModel, noise: int, velocity: np.ndarray, origin: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The (F, R) ln-likelihoods of (R, J) velocities about their origins at frequencies, at one point of the noise."""
    weights, precision = model.weight[:, noise].copy(), model.precision[2:]
    prior = model.precision[:2], model.scaled
    waves, factor = eliminate_static(model.time, weights, model.static, precision, prior)
    mean = np.zeros((len(velocity), len(precision)))
    mean[:, 0] = -origin
    theta, rest = without_static(velocity, weights, model.static, factor, mean * precision)
    level = model.constant[noise] - 0.5 * (rest**2 @ weights + (theta - mean) ** 2 @ precision)
    level -= np.sum(np.log(np.diag(factor)))
    weighted = np.ascontiguousarray((rest * weights).T)

    def ln_likelihoods(at: np.ndarray) -> np.ndarray:
        values, half_ln_determinants = np.empty((len(at), len(velocity))), np.empty(len(at))
        explain(at, waves, weighted, values, half_ln_determinants)
        values *= 0.5
        values += level
        values -= half_ln_determinants[:, None]
        return values

    return ln_likelihoods


def _search(
    likelihood: PeriodLikelihood,
    frequency: np.ndarray,
    ln_likelihoods: Callable[[np.ndarray], np.ndarray],
    slack: float,
    sets: int,
) -> Candidates:
    """The local maxima on the grid that can be a set's highest."""
    few, last = 1 / len(likelihood.visits), len(frequency) - 1
    own_peaks = np.exp(-likelihood.peak_ln_period[:MOST_CANDIDATES])
    floor = ln_likelihoods(own_peaks).max(axis=0) - slack
    none = np.full((sets, MOST_CANDIDATES), -np.inf)
    kept = Candidates(np.zeros(sets, np.int64), np.zeros((sets, MOST_CANDIDATES), np.int64), none, none.copy())
    highest, where = np.full(sets, -np.inf), np.zeros(sets, np.int64)
    at_once = max(BLOCK // (2 * len(likelihood.visits) + sets), 16)
    for first, end in pieces_to_search(likelihood, frequency):
        for start in range(first, end, at_once):
            # a maximum is seen from the two samples on either side
            before, after = max(start - 2, first), min(start + at_once + 2, end)
            values = ln_likelihoods(frequency[before:after])
            tops = values.argmax(axis=0)
            better = values[tops, np.arange(sets)] > highest
            highest, where = np.where(better, values.max(axis=0), highest), np.where(better, before + tops, where)
            floor = np.maximum(floor, highest - slack)
            begin, stop = start - before, min(start + at_once, end) - before
            collect(values, (begin, stop), (before, last), LEAST_SLACK + SLACK_OF_FEW * few, floor, kept)
    nothing = kept.number == 0
    kept.number[nothing], kept.place[nothing, 0] = 1, where[nothing]
    return kept


def pieces_to_search(likelihood: PeriodLikelihood, frequency: np.ndarray) -> list[tuple[int, int]]:
    """The first and the end of each run of frequencies [1/d] where a set's highest peak can be."""
    peaks, reach = np.exp(-likelihood.peak_ln_period), REACH / likelihood.linear.baseline_days
    low, high = np.append(likelihood.panel_low, peaks) - reach, np.append(likelihood.panel_high, peaks) + reach
    change = np.zeros(len(frequency) + 1, int)
    np.add.at(change, np.maximum(np.searchsorted(frequency, low) - 1, 0), 1)
    np.add.at(change, np.minimum(np.searchsorted(frequency, high) + 1, len(frequency)), -1)
    edges = np.flatnonzero(np.diff(np.cumsum(change) > 0, prepend=False, append=False))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def with_noise_of_replicates(likelihood: PeriodLikelihood) -> LinearModel:
    """The system with all points of its noise that can matter to a replicate."""
    system = NoisySystem.of(likelihood.visits, likelihood.system_model)
    beyond = np.ceil(BEYOND * np.array(likelihood.noise.size))
    return system.at(system.thinned(system.lattice.beyond(likelihood.noise, beyond)))


@njit(cache=True, nogil=True, error_model="numpy")
def collect(values, own, places, slack, floor, kept):
    """Keep the local maxima of (B, R) ln L that can come up to each set's floor.

    Only samples from `own[0]` to `own[1]` are looked at. In the whole grid their places count from `places[0]`, and
    it ends at `places[1]`: only at its ends can the first and the last of the samples be maxima. Of more than there is
    room for, those with the highest predictions are kept.
    """
    (samples, sets), (first, last) = values.shape, places
    count, place, predicted, bound = kept
    for i in range(own[0], own[1]):
        if (i == 0 and first > 0) or (i == samples - 1 and first + i < last):
            continue
        for r in range(sets):
            here = values[i, r]
            left = values[i - 1, r] if i > 0 else -np.inf
            right = values[i + 1, r] if i < samples - 1 else -np.inf
            if here < left or here <= right:
                continue
            rise = predicted_rise(left, here, right, 0 < i < samples - 1)
            most = here + (1 + RISE) * rise + slack
            if most < floor[r] and may_cross(values[:, r], i, floor[r]):
                most = floor[r]
            if most < floor[r]:
                continue
            k = count[r]
            if k < place.shape[1]:
                count[r] += 1
            else:
                k = predicted[r].argmin()
                if predicted[r, k] >= here + rise:
                    continue
            place[r, k], predicted[r, k], bound[r, k] = first + i, here + rise, most


@njit(cache=True, nogil=True, error_model="numpy")
def climb_candidates(frequency, model, noise, velocity, origin, slack, kept):
    """(R,) frequency of each set's highest peak, and (R, K) the terms of the noise there.

    Parameters
    ----------
    model : of any of the sets, with the points of its noise that matter
    noise : the point at which the candidates were found
    velocity, origin : (R, J) velocities about their means, and these
    slack : by how much ln L at that noise may be below the highest where the whole L is highest
    """
    count, place, predicted, bound = kept
    sets, points, last = len(velocity), len(model.constant), len(frequency) - 1
    best, terms = np.empty(sets), np.zeros((sets, points))
    at, height, score = np.empty(place.shape[1]), np.empty(place.shape[1]), np.empty(place.shape[1])
    step = np.empty(place.shape[1])
    for r in range(sets):
        one = of_set(model, velocity[r], origin[r], noise, noise + 1)
        room = workspace(one)
        top, found = -np.inf, 0
        for k in np.argsort(-predicted[r, : count[r]]):
            if bound[r, k] < top - slack:
                continue
            low, start, high = bracket(place[r, k], frequency)
            value = ln_likelihood_at(start, one, room)
            at[found], height[found] = brent(low, start, high, value, 1e-6, one, room)
            step[found] = 0.5 * (high - low)
            top = max(top, height[found])
            found += 1
        best[r] = at[height[:found].argmax()]
        if points == 1:
            continue
        whole = of_set(model, velocity[r], origin[r], 0, points)
        room = workspace(whole)
        ln_likelihood_at(best[r], whole, room)
        matter = np.flatnonzero(room.terms > room.terms.max() - MATTERS)
        some = of_set(model, velocity[r], origin[r], matter[0], matter[-1] + 1)
        room = workspace(some)
        score[:found] = -np.inf
        for k in range(found):
            if height[k] >= top - slack:
                score[k] = ln_likelihood_at(at[k], some, room)
        reached = -np.inf
        for k in np.argsort(-score[:found]):
            if score[k] < max(reached, score[:found].max()) - CLIMB:
                break
            low, high = max(at[k] - step[k], frequency[0]), min(at[k] + step[k], frequency[last])
            peak, value = brent(low, at[k], high, score[k], 1e-6, some, room)
            if value > reached:
                reached, best[r] = value, peak
        room = workspace(whole)
        ln_likelihood_at(best[r], whole, room)
        terms[r] = room.terms
    return best, terms


@njit(cache=True, nogil=True, error_model="numpy")
def of_set(model, velocity, origin, first, end):
    """The model of one set of velocities, with some of the points of its noise."""
    mean = model.mean.copy()
    mean[2] = -origin
    weight = np.ascontiguousarray(model.weight[:, first:end])
    return LinearModel(
        model.time,
        weight,
        velocity,
        model.static,
        model.precision,
        model.scaled,
        mean,
        model.constant[first:end],
        model.time_origin,
        origin,
    )
