"""The integral over a star's distance and its draws, against dense rules, for any parallax there may be."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad
from scipy.stats import kstest, norm, truncnorm

from starpop.populations import distance
from starpop.populations.distance import MOST_POINTS, NO_PEAK, Population, Star

POINTS, WEIGHTS = leggauss(20)
# A parallax, its error, the population's mean and depth: of either sign, two maxima apart and on one flank, a plateau
# that the depth alone cuts, a steep end at r = 0, a shoulder that is no maximum.
CASES = {
    "tutorial": (2.0, 0.05, 0.5, 0.0087),
    "negative": (-0.2, 0.3, 0.9, 0.02),
    "negative, mean at 0": (-0.2, 0.3, 1e-12, 0.018),
    "zero": (0.0, 10.0, 3.0, 1.0),
    "plateau": (0.01, 0.5, 8.0, 2.0),
    "far too large": (900.0, 0.01, 0.5, 0.01),
    "two maxima": (32.53262322075965, 4.793851540144875, 1.1046562243521683, 0.11757801672401338),
    "two like maxima": (10.0, 1.0, 1.0, 0.1),
    "two on a flank": (3.0, 0.7, 1.0, 0.25),
    "shoulder": (33.35292781228449, 5.643712600732249, 20.46179487179487, 0.36787944117144233),
    "wide": (0.5, 0.01, 20.0, 1.0),
}


def ln_mass(parallax, error, mu, s):
    room = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    return distance.ln_mass(Star(parallax, error), Population(mu, s), *room)


def brute_force(parallax, error, mu, s):
    """The same by Gauss-Legendre rules in very many panels of ln r, finest where maxima can be."""

    def ln_integrand(x):
        return x - 0.5 * ((parallax - np.exp(-x)) / error) ** 2 - 0.5 * ((np.exp(x) - mu) / s) ** 2

    places = [np.linspace(np.log(1e-13), np.log(1e4), 20_001)]
    places += [np.log(mu) + np.linspace(-1, 1, 10_001) * min(1, 12 * s / mu)]
    if parallax > 0:
        places += [-np.log(parallax) + np.linspace(-1, 1, 10_001) * min(1, 12 * error / parallax)]
    for _ in range(4):  # and around what is highest
        edges = np.unique(np.concatenate(places))
        value = ln_integrand(edges)
        best = int(value.argmax())
        places.append(np.linspace(edges[max(best - 1, 0)], edges[min(best + 1, len(edges) - 1)], 2001))
    kept = np.maximum(value[1:], value[:-1]) > value.max() - 45
    middle, half = 0.5 * (edges[1:] + edges[:-1])[kept], 0.5 * np.diff(edges)[kept]
    values = ln_integrand(middle[:, None] + half[:, None] * POINTS)
    return value.max() + np.log(np.sum(np.exp(values - value.max()) * WEIGHTS * half[:, None]))


@pytest.mark.parametrize("name", CASES)
def test_the_integral_is_that_of_a_dense_rule(name):
    expected = brute_force(*CASES[name])
    assert ln_mass(*CASES[name]) == pytest.approx(expected, abs=1e-8, rel=1e-14)


def test_it_is_so_for_random_parallaxes_errors_and_populations():
    rng = np.random.default_rng(3)
    for _ in range(300):
        error, s = float(10 ** rng.uniform(-2.3, 1.3)), float(np.exp(rng.uniform(-9, 1.5)))
        mu = float(rng.choice([10 ** rng.uniform(-12, 1.4), rng.uniform(0, 21)]))
        parallax = float(rng.choice([rng.normal() * 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-3, 3)]))
        if rng.random() < 0.3:  # a maximum at either of two places, about as high
            s = min(abs(mu - 1 / abs(parallax)) / (abs(1 / mu - parallax) / error + 0.1) + 1e-4, 30.0)
        case = parallax, error, mu, s
        assert ln_mass(*case) == pytest.approx(brute_force(*case), abs=1e-8, rel=1e-14), case


def test_there_are_two_rules_only_where_nothing_lies_between_two_maxima():
    star, population = Star(10.0, 0.02), Population(1.0, 0.002)
    higher, lower = distance.peaks(star, population)
    assert sorted([higher.r, lower.r]) == pytest.approx([0.1, 1.0], rel=0.15)
    for name in ("tutorial", "negative", "two on a flank", "shoulder"):
        parallax, error, mu, s = CASES[name]
        assert distance.peaks(Star(parallax, error), Population(mu, s))[1] == NO_PEAK, name


def test_the_likelihood_is_the_normalised_density_of_all_parallaxes():
    parallax, error, mu, s = np.array([2.0, -0.3]), np.array([0.05, 0.4]), 0.5, 0.1

    def density(n):
        def integrand(r):
            return norm.pdf(parallax[n], 1 / r, error[n]) * truncnorm.pdf(r, -mu / s, np.inf, mu, s)

        return quad(integrand, 1e-9, 2, points=[0.4, 0.5, 0.6], epsabs=0, epsrel=1e-12, limit=500)[0]

    value = distance.ln_likelihood(np.array([mu]), np.array([np.log(s)]), parallax, error)
    assert value[0] == pytest.approx(np.log(density(0) * density(1)), abs=1e-8)


@pytest.mark.parametrize("name", [name for name in CASES if name != "far too large"])
def test_distances_are_drawn_from_their_posterior(name):
    parallax, error, mu, s = CASES[name]
    size = 20_000
    rng = np.random.default_rng(0)
    data = np.array([parallax]), np.array([error])
    drawn = np.log(distance.draw(np.full(size, mu), np.full(size, np.log(s)), *data, rng)[:, 0])
    x = np.linspace(drawn.min() - 0.1, drawn.max() + 0.1, 400_001)
    value = x - 0.5 * ((parallax - np.exp(-x)) / error) ** 2 - 0.5 * ((np.exp(x) - mu) / s) ** 2
    cdf = np.cumsum(np.exp(value - value.max()))
    assert kstest(drawn, lambda t: np.interp(t, x, cdf / cdf[-1])).pvalue > 1e-4


def test_draws_take_both_of_two_maxima_in_their_proportions():
    """Far apart and about as high: with the exponents of both equal, the masses are as their widths."""
    star, population = Star(10.0, 0.5), Population(1.0, 0.05)
    room = np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    higher, lower = distance.peaks(star, population)
    masses = [total * step for _, total, step in (distance.rule(p, star, population, *room) for p in (higher, lower))]
    data = np.array([star.parallax]), np.array([star.error])
    sizes = np.full(20_000, population.mean), np.full(20_000, np.log(population.sd))
    drawn = distance.draw(*sizes, *data, np.random.default_rng(1))[:, 0]
    near = np.abs(np.log(drawn / higher.r)) < np.abs(np.log(drawn / lower.r))
    assert np.mean(near) == pytest.approx(masses[0] / sum(masses), abs=0.015)
