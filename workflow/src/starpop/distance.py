"""A star's distance behind its parallax, given the population it is drawn from: the integral over it, and draws.

    p(parallax | mu, s) = integral of N(parallax | 1/r, error) TN(r | mu, s; > 0) dr          [mas, kpc]

In x = ln r the integrand, times r, is analytic and falls to nothing faster than any exponential on both sides, whatever
the parallax: towards r = 0 the parallax cuts it, towards infinity the population. Its slope in x is, with w = 1/r,

    w (w - parallax) / error^2 + r (mu - r) / s^2 + 1,

a quartic in r with one root where parallax <= 0, and else one or three: a maximum near mu, one near 1/parallax, a
valley between them, and between these the quartic's own turning points. The trapezium rule with steps of 0.6 of the
width of the narrower maximum, halved until the rule with every other point agrees to 1e-5, is then good to 1e-9; two
maxima with nothing between them have a rule each.

The rule's points serve the draws: a distance is proposed from the density that is linear between them, which exceeds
the true one divided by `ENVELOPE`. All loops are bounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import log_ndtr

STEP = 0.6
CONVERGED = 1e-5
MOST_HALVINGS = 10
# Of the highest value of an integrand, what is too little to count.
NEGLIGIBLE = 1e-13
# Points of a rule; few need more than a hundred.
MOST_POINTS = 16_384
# Steps towards a maximum, which need only be so near to it, in its widths.
MOST_STEPS, NEAR = 200, 0.05
ENVELOPE = 1.1
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
    """A maximum of the integrand over ln r: where, ln of the value, and the standard deviation there."""

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
        width = 1 / np.sqrt(max(-bend, least / 16))
        if slope > 0:
            low = r
        else:
            high = r
        move = slope * width * width
        # a shoulder on the way up is no maximum
        if (abs(move) < NEAR * width and -bend > least / 16) or high - low < NEAR * width * low:
            break
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
    if ln_integrand(valley, star, population) < higher.ln_height + np.log(NEGLIGIBLE):
        return higher, lower
    return Peak(higher.r, higher.ln_height, min(near.width, far.width)), NO_PEAK


@compiled
def add_points(peak, offset, spacing, star, population, r, value, count):
    """Append the distances at peak + offset + k * spacing in ln r, for all whole k where it counts, and the integrand.

    Its values are in units of that at the peak. Returns the number of points in ``r`` and ``value``, of which no more
    are filled than there is room.
    """
    top, in_errors, in_sds = peak.ln_height - np.log(peak.r), 1 / star.error, 1 / population.sd
    for sign in (1.0, -1.0):
        ratio = np.exp(offset if sign > 0 else offset - spacing)
        factor = np.exp(sign * spacing)
        for _ in range(len(r) - count):
            at = peak.r * ratio
            a, b = (star.parallax - 1 / at) * in_errors, (at - population.mean) * in_sds
            height = ratio * np.exp(-0.5 * (a * a + b * b) - top)
            if height < NEGLIGIBLE:
                break
            r[count], value[count] = at, height
            count += 1
            ratio *= factor
    return count


@compiled
def rule(peak, star, population, r, value):
    """Fill in the points around a maximum; returns their number, the sum of their values and their step in ln r."""
    step = STEP * peak.width
    count = add_points(peak, 0.0, 2 * step, star, population, r, value, 0)
    even = value[:count].sum()
    for _ in range(MOST_HALVINGS):
        before = count
        count = add_points(peak, step, 2 * step, star, population, r, value, before)
        odd = value[before:count].sum()
        # halving the step at least squares the rule's error
        if abs(odd - even) <= CONVERGED * even or count == len(r):
            return count, even + odd, step
        even += odd
        step *= 0.5
    return count, even, 2 * step


@compiled
def ln_mass(star, population, r, value):
    """Ln of the integral of `ln_integrand`; ``r`` and ``value`` are room for the points."""
    higher, lower = peaks(star, population)
    _, total, step = rule(higher, star, population, r, value)
    mass = total * step
    if lower.ln_height > higher.ln_height + np.log(NEGLIGIBLE):
        _, total, step = rule(lower, star, population, r, value)
        mass += total * step * np.exp(lower.ln_height - higher.ln_height)
    return higher.ln_height + np.log(mass)


@compiled
def draw_from_rule(count, total, step, star, population, r, value, rng):
    """A distance from the density that is linear in ln r between a rule's points, or one of them, by rejection."""
    chosen = 0
    top = np.log(value[0]) - ln_integrand(r[0], star, population)
    for _ in range(MOST_PROPOSALS):
        wanted = total * rng.random()
        for k in range(count):
            chosen = k
            wanted -= value[k]
            if wanted < 0:
                break
        side = 1.0 if rng.random() < 0.5 else -1.0
        part = 1 - np.sqrt(rng.random())  # the density falls linearly to 0 at the neighbouring point
        proposed = r[chosen] * np.exp(side * step * part)
        neighbour = np.exp(top + ln_integrand(r[chosen] * np.exp(side * step), star, population))
        linear = (1 - part) * value[chosen] + part * neighbour
        if rng.random() * ENVELOPE * linear < np.exp(top + ln_integrand(proposed, star, population)):
            return proposed
    return r[chosen]


@compiled
def draw_distance(star, population, r, value, rng):
    """A distance given the star's parallax and the population; ``r`` and ``value`` are room for the points."""
    higher, lower = peaks(star, population)
    count, total, step = rule(higher, star, population, r, value)
    ratio = np.exp(lower.ln_height - higher.ln_height)
    if ratio > NEGLIGIBLE:
        others, its_total, its_step = rule(lower, star, population, r[count:], value[count:])
        mass, its_mass = total * step, its_total * its_step * ratio
        if rng.random() * (mass + its_mass) > mass:
            r, value, count, total, step = r[count:], value[count:], others, its_total, its_step
    return draw_from_rule(count, total, step, star, population, r, value, rng)


@compiled
def _ln_likelihood(mean, sd, parallax, error, values):
    r, value = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(len(mean)):
        population, total = Population(mean[k], sd[k]), 0.0
        for n in range(len(parallax)):
            total += ln_mass(Star(parallax[n], error[n]), population, r, value)
        values[k] = total


def ln_likelihood(
    mu_r: np.ndarray, ln_std_r: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray
) -> np.ndarray:
    """(M,) sum over stars of ln p(parallax | mu_r, std_r), at mean distances [kpc] and ln depths."""
    values = np.empty(len(mu_r))
    mean, sd = np.ascontiguousarray(mu_r, float), np.exp(np.ascontiguousarray(ln_std_r, float))
    _ln_likelihood(mean, sd, parallax_mas, parallax_error_mas, values)
    stars = len(parallax_mas)
    # the normalisations of N(parallax | .) and of TN(r | .)
    values -= stars * (np.log(2 * np.pi) + ln_std_r) + np.sum(np.log(parallax_error_mas))
    return values - stars * log_ndtr(mean / sd)


@compiled
def _draw(mean, sd, parallax, error, rng, drawn):
    r, value = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(len(mean)):
        for n in range(len(parallax)):
            star, population = Star(parallax[n], error[n]), Population(mean[k], sd[k])
            drawn[k, n] = draw_distance(star, population, r, value, rng)


def draw(
    mu_r: np.ndarray,
    ln_std_r: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(M, N) independent distances [kpc] of N stars, at M mean distances [kpc] and ln depths."""
    drawn = np.empty((len(mu_r), len(parallax_mas)))
    _draw(mu_r, np.exp(ln_std_r), parallax_mas, parallax_error_mas, rng, drawn)
    return drawn
