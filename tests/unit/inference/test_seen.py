"""What a sample's selection does to a posterior, and the error of the simulations that tell of it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from starpop.inference.densities import density_from_settings
from starpop.inference.quadrature import posterior_given
from starpop.inference.seen import Seen

RANGE = (1.0, np.exp(5.0))
DENSITY = density_from_settings({"density": "truncated_normal", "mu": [0, 5], "ln_sigma": [-1.5, 1]}, RANGE)
WITH_SINGLES = density_from_settings(
    {"density": "truncated_normal", "mu": [0, 5], "ln_sigma": [-1.5, 1], "fraction": [0, 1]}, RANGE
)
POINTS = np.linspace(0, 5, 201)
STARS = 60


def probability(x):
    """Long periods are rarely seen."""
    return 0.02 + 0.9 * norm.cdf(-(x - 2.0) / 0.7)


def seen(variance=0.0, points=POINTS):
    step = points[1] - points[0]
    share = step * probability(points)
    share[[0, -1]] /= 2
    return Seen(points, share, np.full(len(points), variance * step), probability(points), STARS)


def sample(rng):
    """ln P of stars that are seen, of a normal density about 2.5."""
    x = DENSITY.draw([2.5, -0.3], 20000, rng)
    return x[rng.random(len(x)) < probability(x)][:STARS]


def posterior_of(x, density):
    def ln_likelihood(*h):
        return density.ln_pdf(x[:, None], *h).sum(axis=0) - len(x) * density.ln_seen(*h)

    return posterior_given(density.parameters, ln_likelihood, 1e-6)


def test_the_likelihood_of_what_is_seen_is_a_density():
    """Over all x that may be seen, p(x | h) S(x) / alpha(h) is one, at every h."""
    selected = DENSITY.in_sample(seen())
    mu, lnsigma = np.array([0.5, 2.5, 4.5]), np.array([-1.5, 0.0, 1.0])
    x = np.linspace(0, 5, 4001)
    density = np.exp(DENSITY.ln_pdf(x[:, None], mu, lnsigma) - selected.ln_seen(mu, lnsigma))
    np.testing.assert_allclose(np.trapezoid(density * probability(x)[:, None], x, axis=0), 1, rtol=3e-4)
    assert np.array_equal(DENSITY.ln_seen(mu, lnsigma), np.zeros(3))


def test_who_is_not_seen_is_put_back():
    biased, right = [], []
    for k in range(40):
        x = sample(np.random.default_rng(k))
        for found, density in ((biased, DENSITY), (right, DENSITY.in_sample(seen()))):
            mean, sd = posterior_of(x, density).moments()["mu"]
            found.append((mean - 2.5) / sd)
    assert abs(np.mean(right)) < 4 / np.sqrt(40)
    assert np.mean(biased) < -2


def test_draws_of_the_sample_are_of_what_is_seen():
    rng = np.random.default_rng(1)
    selected, size = DENSITY.in_sample(seen()), 20_000
    h = [np.full(size, 2.5), np.full(size, -0.3)]
    x = np.linspace(0, 5, 4001)
    density = np.exp(DENSITY.ln_pdf(x, 2.5, -0.3)) * probability(x)
    mean, second = (np.trapezoid(x**k * density, x) / np.trapezoid(density, x) for k in (1, 2))
    for drawn in (selected.draw_within(RANGE, h, rng), selected._draw_on_grid(RANGE, [p[:2000] for p in h], rng)):
        assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt((second - mean**2) / len(drawn)))
    assert DENSITY.draw_within(RANGE, h, rng).mean() > mean + 0.3


def test_stars_without_an_orbit_are_seen_as_often_as_they_are():
    of_orbits = seen()
    both = of_orbits.with_singles(WITH_SINGLES.NO_ORBIT, 0.1, 1e-6)
    h = np.array([0.3]), np.array([2.5]), np.array([-0.3])
    binaries = np.exp(DENSITY.in_sample(of_orbits).ln_seen(*h[1:]))
    selected = WITH_SINGLES.in_sample(both)
    assert np.exp(selected.ln_seen(*h)) == pytest.approx(0.3 * binaries + 0.7 * 0.1, rel=1e-9)
    assert np.exp(selected.of_periods.ln_seen(*h[1:])) == pytest.approx(binaries, rel=1e-12)
    assert WITH_SINGLES.seen is None and selected.in_sample(None).of_binaries.seen is None


def test_the_error_of_the_simulations_widens_the_posterior_as_the_mean_over_them_does():
    x, scale = sample(np.random.default_rng(3)), 8e-4
    exact = seen()
    plain = posterior_of(x, DENSITY.in_sample(exact))
    known = replace(exact, variance=scale * exact.share).about(DENSITY, plain)
    share, error = known.summary(DENSITY, plain)
    assert 0.25 < error < 0.35
    assert share == pytest.approx(plain.mean(lambda *h: np.exp(DENSITY.in_sample(exact).ln_seen(*h))), rel=1e-6)
    widened = posterior_of(x, DENSITY.in_sample(known)).moments()
    held = plain.weights > 1e-7 * plain.weights.max()
    points, rng = plain.points[held], np.random.default_rng(4)
    before = plain.weights[held] * np.exp(STARS * DENSITY.in_sample(exact).ln_seen(*points.T))
    height, mixed = np.exp(DENSITY.ln_pdf(POINTS[:, None], *points.T)), np.zeros(len(points))
    for _ in range(2000):
        weight = before * (rng.gamma(exact.share / scale, scale) @ height) ** -STARS
        mixed += weight / weight.sum() / 2000
    for k, (name, (_, before_sd)) in enumerate(plain.moments().items()):
        mean = mixed @ points[:, k]
        wider = np.sqrt(mixed @ (points[:, k] - mean) ** 2) / before_sd - 1
        our_mean, our_sd = widened[name]
        assert 0.005 < wider < 0.1
        assert our_sd / before_sd - 1 == pytest.approx(wider, rel=0.35)
        assert our_mean == pytest.approx(mean, abs=0.04 * before_sd)


def test_no_error_can_gain_more_than_its_bound():
    x = sample(np.random.default_rng(3))
    plain = posterior_of(x, DENSITY.in_sample(seen()))
    wild = seen(variance=1e6).about(DENSITY, plain)
    h = [np.array([0.1, 2.5, 4.9]), np.array([-1.4, 0.0, 1.0])]
    gained = STARS * (DENSITY.in_sample(seen()).ln_seen(*h) - DENSITY.in_sample(wild).ln_seen(*h))
    assert ((gained >= 0) & (gained <= 4)).all() and gained.max() > 3.9


def test_pymc_has_the_same_and_it_comes_back_as_it_was_stored():
    pm = pytest.importorskip("pymc")
    x = sample(np.random.default_rng(5))
    plain = posterior_of(x, DENSITY.in_sample(seen()))
    stored = Seen.from_dataset(seen(variance=1e-5).about(DENSITY, plain).as_dataset())
    selected = DENSITY.in_sample(stored)
    with pm.Model() as model:
        parameters = [prior.variable(name) for name, prior in selected.parameters.items()]
        selected.select(parameters, STARS)
    compiled = model["selection"].eval
    for mu, lnsigma in ((1.0, -1.0), (3.3, 0.4)):
        ours = -STARS * selected.ln_seen(np.array([mu]), np.array([lnsigma]))[0]
        assert compiled({model["mu"]: mu, model["lnsigma"]: lnsigma}) == pytest.approx(ours, rel=1e-7)
    with pm.Model() as everyone:
        DENSITY.select(parameters, STARS)
    assert not everyone.potentials
