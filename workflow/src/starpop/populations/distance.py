"""A star's distance behind its parallax, given the population it is drawn from: the integral over it, and draws.

    p(parallax | mu, s) = integral of N(parallax | 1/r, error) TN(r | mu, s; > 0) dr          [mas, kpc]

In x = ln r the integrand, times r, is analytic and falls to nothing on both sides faster than any exponential: towards
r = 0 the parallax cuts it, whatever that is, towards infinity the population. Its slope in x is, with w = 1/r,

    w (w - parallax) / error^2 + r (mu - r) / s^2 + 1,

a quartic in r with one root where parallax <= 0, and else one or three: a maximum near mu, one near 1/parallax, a
valley between them, and between these the quartic's own turning points. The trapezium rule with steps of 0.62 of the
width of the narrower maximum, halved until the rule with every other point agrees to 2e-5, is then good to 1e-9; two
maxima with nothing between them have a rule each.

The rule's points serve the draws: a distance is proposed from the density that is linear between them, which exceeds
the true one divided by `ENVELOPE`. All loops are bounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import log_ndtr

STEP = 0.62
CONVERGED = 2e-5
MOST_HALVINGS = 10
# Of the highest value of an integrand, what is too little to count.
NEGLIGIBLE = 1e-11
# Points of a rule; few need more than a hundred.
MOST_POINTS = 16_384
# Steps towards a maximum, which need only be so near to it, in its widths.
MOST_STEPS, NEAR = 200, 0.2
ENVELOPE = 1.08
# Proposals for a draw, of which one in ENVELOPE is accepted; after so many refusals a point of the rule is drawn.
MOST_PROPOSALS = 1000


class Star(NamedTuple):
    """A parallax and its error [mas]."""

    parallax: float
    error: float


class Population(NamedTuple):
    """Mean and standard deviation [kpc] of the normal density of distances, before it is truncated at 0."""

    mean: float
    sd: float


class Peak(NamedTuple):
    """A maximum of the integrand over ln r: where, ln of the highest value, and its standard deviation."""

    r: float
    ln_height: float
    width: float


NO_PEAK = Peak(1.0, -np.inf, 1.0)
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def ln_integrand(r, star, population):
    """Ln of the integrand over ln r, without the normalisations of the two densities."""
    a, b = (star.parallax - 1 / r) / star.error, (r - population.mean) / population.sd
    return np.log(r) - 0.5 * (a * a + b * b)


@compiled
def slope_and_bend(r, star, population):
    """First and second derivative of `ln_integrand` by ln r."""
    w, in_errors, in_sds = 1 / r, 1 / star.error**2, 1 / population.sd**2
    slope = w * (w - star.parallax) * in_errors + r * (population.mean - r) * in_sds + 1
    return slope, w * (star.parallax - 2 * w) * in_errors + r * (population.mean - 2 * r) * in_sds


@compiled
def climb(low, high, start, star, population):
    """The maximum between distances where the slope is positive and where it is negative: Newton, or bisection."""
    r = min(max(start, low), high)
    width = 1.0
    for _ in range(MOST_STEPS):
        slope, bend = slope_and_bend(r, star, population)
        # where the maximum is flat, no wider than some widths of what would be there if all residuals were zero
        least = (r / population.sd) ** 2 + (1 / (r * star.error)) ** 2
        width = 1 / np.sqrt(max(-bend, least / 16, 1.0))
        if slope > 0:
            low = r
        else:
            high = r
        move = slope * width * width
        if abs(move) < NEAR * width:
            beyond = r * (1 + (2 if move > 0 else -2) * NEAR * width)
            if slope_and_bend(beyond, star, population)[0] * slope <= 0:
                break
            r = min(max(beyond, low), high)  # a shoulder on the way up is no maximum
            continue
        new = r * np.exp(move)
        r = new if low < new < high else np.sqrt(low * high)
    return Peak(r, ln_integrand(r, star, population), width)


@compiled
def ends(star, population):
    """Distances below which the slope is positive, and above which it is negative."""
    mu, s, error = population.mean, population.sd, star.error
    low = min(mu, 1 / star.parallax) if star.parallax > 0 else mu
    # each term that is positive there is below a third of the negative one, -(r - mu)^2 / s^2
    beyond = max(np.sqrt(3.0) * s, 3**0.25 * np.sqrt(s / error))
    if star.parallax < 0:
        beyond = max(beyond, np.cbrt(-3 * star.parallax * (s / error) ** 2))
    return low, mu + beyond


@compiled
def turning_points(low, high, star, population):
    """The two turning points of the slope's quartic between which there may be a valley; NaN where there are none."""
    mu, s = population.mean, population.sd
    least = (3 * mu + np.sqrt(9 * mu**2 + 24 * s**2)) / 12  # where the cubic, its derivative, is lowest
    constant = star.parallax * (s / star.error) ** 2

    def cubic(r):
        return ((4 * r - 3 * mu) * r - 2 * s**2) * r + constant

    if star.parallax <= 0 or cubic(least) >= 0 or (low >= least and cubic(low) >= 0) or cubic(high) <= 0:
        return np.nan, np.nan
    left, right, inner, outer = 0.0, max(high, least), least, least
    for _ in range(60):
        middle = 0.5 * (left + inner)
        if cubic(middle) > 0:
            left = middle
        else:
            inner = middle
        middle = 0.5 * (outer + right)
        if cubic(middle) > 0:
            right = middle
        else:
            outer = middle
    return inner, outer


@compiled
def peaks(star, population):
    """The maxima that have a rule each: one, which may have another on its flank, or two with nothing between."""
    low, high = ends(star, population)
    mu, parallax = population.mean, max(star.parallax, 0.0)
    in_errors, in_sds = (parallax / star.error) ** 2, 1 / population.sd**2
    start = (parallax * in_errors + mu * in_sds) / (parallax**2 * in_errors + in_sds)
    inner, outer = turning_points(low, high, star, population)
    if not (slope_and_bend(inner, star, population)[0] < 0 < slope_and_bend(outer, star, population)[0]):
        return climb(low, high, start, star, population), NO_PEAK
    near, far = climb(low, inner, low, star, population), climb(outer, high, mu, star, population)
    for _ in range(60):
        valley = 0.5 * (inner + outer)
        if slope_and_bend(valley, star, population)[0] < 0:
            inner = valley
        else:
            outer = valley
    higher, lower = (near, far) if near.ln_height > far.ln_height else (far, near)
    least = higher.ln_height + np.log(NEGLIGIBLE)
    if lower.ln_height < least:
        return higher, NO_PEAK
    if ln_integrand(valley, star, population) < least:
        return higher, Peak(lower.r, higher.ln_height, lower.width)
    return Peak(higher.r, higher.ln_height, min(near.width, far.width)), NO_PEAK


@compiled
def add_points(peak, start, factor, star, population, r, value, count):
    """Append the distances r_peak * start * factor^k, for all whole k where it counts, and the integrand there.

    Its values are in units of the highest. Returns the number of points in ``r`` and ``value``, of which no more
    are filled than there is room, and the sum of the values appended.
    """
    in_errors, in_sds, inverse, total = 1 / star.error, 1 / population.sd, 1 / factor, 0.0
    for up in (True, False):
        at = peak.r * (start if up else start * inverse)
        step, back = (factor, inverse) if up else (inverse, factor)
        w = 1 / at
        for _ in range(len(r) - count):
            a, b = (star.parallax - w) * in_errors, (at - population.mean) * in_sds
            height = at * np.exp(-0.5 * (a * a + b * b) - peak.ln_height)
            if height < NEGLIGIBLE:
                break
            r[count], value[count] = at, height
            total += height
            count += 1
            at *= step
            w *= back
    return count, total


@compiled
def rule(peak, star, population, r, value):
    """Fill in the points around a maximum; returns their number, the sum of their values and their step in ln r."""
    step = STEP * peak.width
    factor = np.exp(step)
    count, even = add_points(peak, 1.0, factor * factor, star, population, r, value, 0)
    for _ in range(MOST_HALVINGS):
        count, odd = add_points(peak, factor, factor * factor, star, population, r, value, count)
        # halving the step at least squares the rule's error
        if abs(odd - even) <= CONVERGED * even or count == len(r):
            return count, even + odd, step
        even += odd
        step *= 0.5
        factor = np.exp(step)
    return count, even, 2 * step


@compiled
def ln_mass(star, population, r, value):
    """Ln of the integral of `ln_integrand`; ``r`` and ``value`` are room for the points."""
    higher, lower = peaks(star, population)
    _, total, step = rule(higher, star, population, r, value)
    mass = total * step
    if lower.ln_height == higher.ln_height:
        _, total, step = rule(lower, star, population, r, value)
        mass += total * step
    return higher.ln_height + np.log(mass)


@compiled
def draw_from_rule(ln_height, total, step, star, population, r, value, rng):
    """A distance from what is linear in ln r between a rule's points, or one of these, by rejection."""
    chosen = 0
    for _ in range(MOST_PROPOSALS):
        wanted = total * rng.random()
        for k in range(len(r)):
            chosen = k
            wanted -= value[k]
            if wanted < 0:
                break
        side = step if rng.random() < 0.5 else -step
        part = 1 - np.sqrt(rng.random())  # of the point chosen, what falls to 0 at its neighbour
        proposed, neighbour = r[chosen] * np.exp(side * part), r[chosen] * np.exp(side)
        linear = (1 - part) * value[chosen] + part * np.exp(ln_integrand(neighbour, star, population) - ln_height)
        height = np.exp(ln_integrand(proposed, star, population) - ln_height)
        if rng.random() * ENVELOPE * linear < height:
            return proposed
    return r[chosen]


@compiled
def draw_distance(star, population, r, value, rng):
    """A distance given the star's parallax and the population; ``r`` and ``value`` are room for the points."""
    higher, lower = peaks(star, population)
    count, total, step = rule(higher, star, population, r, value)
    first, last = 0, count
    if lower.ln_height == higher.ln_height:
        others, its_total, its_step = rule(lower, star, population, r[count:], value[count:])
        mass = total * step
        if rng.random() * (mass + its_total * its_step) > mass:
            first, last, total, step = count, count + others, its_total, its_step
    return draw_from_rule(higher.ln_height, total, step, star, population, r[first:last], value[first:last], rng)


@compiled
def _ln_likelihood(mean, sd, factor, parallax, error, values):
    r, value = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(len(mean)):
        population, total = Population(mean[k], sd[k]), 0.0
        for n in range(len(parallax)):
            total += ln_mass(Star(parallax[n], error[n] * factor[k]), population, r, value)
        values[k] = total


@compiled
def _ln_likelihood_of_each(mean, sd, factor, parallax, error, values):
    r, value = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(len(mean)):
        population = Population(mean[k], sd[k])
        for n in range(len(parallax)):
            values[k, n] = ln_mass(Star(parallax[n], error[n] * factor[k]), population, r, value)


def ln_likelihood(
    mu_r: np.ndarray,
    ln_std_r: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    ln_error_factor: np.ndarray | float = 0.0,
) -> np.ndarray:
    """(M,) sum over stars of ln p(parallax | mu_r, std_r), at mean distances [kpc] and ln depths.

    All errors may be wrong by one factor, of which (M,) ln is given.
    """
    values = np.empty(len(mu_r))
    mean, sd, factor = _flat(mu_r, ln_std_r, ln_error_factor)
    _ln_likelihood(mean, sd, factor, parallax_mas, parallax_error_mas, values)
    stars = len(parallax_mas)
    # the normalisations of N(parallax | .) and of TN(r | .)
    values -= stars * (np.log(2 * np.pi) + ln_std_r + ln_error_factor) + np.sum(np.log(parallax_error_mas))
    return values - stars * log_ndtr(mean / sd)


def ln_likelihood_of_each(
    mu_r: np.ndarray,
    ln_std_r: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    ln_error_factor: np.ndarray | float = 0.0,
) -> np.ndarray:
    """(M, N) ln p(parallax | mu_r, std_r) of each of N stars, whose sum over stars `ln_likelihood` is."""
    values = np.empty((len(mu_r), len(parallax_mas)))
    mean, sd, factor = _flat(mu_r, ln_std_r, ln_error_factor)
    _ln_likelihood_of_each(mean, sd, factor, parallax_mas, parallax_error_mas, values)
    values -= (np.log(2 * np.pi) + np.log(sd * factor) + log_ndtr(mean / sd))[:, None]
    return values - np.log(parallax_error_mas)


def _flat(mu_r, ln_std_r, ln_error_factor):
    """(M,) mean distances, depths and factors."""
    sd = np.exp(np.ascontiguousarray(ln_std_r, float))
    return np.ascontiguousarray(mu_r, float), sd, np.exp(np.broadcast_to(ln_error_factor, sd.shape))


@compiled
def _draw(mean, sd, factor, parallax, error, rng, drawn):
    r, value = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(len(mean)):
        for n in range(len(parallax)):
            star, population = Star(parallax[n], error[n] * factor[k]), Population(mean[k, n], sd[k, n])
            drawn[k, n] = draw_distance(star, population, r, value, rng)


def draw(
    mu_r: np.ndarray,
    ln_std_r: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    rng: np.random.Generator,
    ln_error_factor: np.ndarray | float = 0.0,
) -> np.ndarray:
    """(M, N) independent distances [kpc] of N stars, at M mean distances [kpc] and ln depths.

    These are (M,), or (M, N) where stars are of different populations.
    """
    drawn = np.empty((len(mu_r), len(parallax_mas)))
    each = (np.reshape(values, (len(drawn), -1)) for values in (mu_r, np.exp(ln_std_r)))
    mean, sd = (np.array(np.broadcast_to(values, drawn.shape)) for values in each)
    factor = np.exp(np.broadcast_to(ln_error_factor, len(drawn)))
    _draw(mean, sd, factor, parallax_mas, parallax_error_mas, rng, drawn)
    return drawn
