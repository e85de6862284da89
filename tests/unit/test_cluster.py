"""The star cluster: the tutorial's data, the model's density, and its exact posterior."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm, truncnorm

from starpop import cluster
from starpop.simulate import simulate_cluster

PRIOR = cluster.ClusterPrior(1, 2, (-8, 0))


@pytest.fixture(scope="module")
def stars():
    return simulate_cluster(256, 500, 8.7, (-2, -1), seed=42)


def test_the_data_are_the_tutorials_to_the_last_digit(stars):
    rng = np.random.default_rng(seed=42)
    distance = rng.normal(500, 8.7, size=256)
    error = 10 ** rng.uniform(-2, -1.0, size=256)
    parallax = rng.normal(1e3 / distance, error)
    np.testing.assert_array_equal(stars["parallax_error"].value, error)
    np.testing.assert_allclose(stars["parallax"].value, parallax, rtol=1e-14)
    np.testing.assert_allclose(stars["distance"].value, distance / 1e3, rtol=1e-14)


def test_the_models_density_is_the_tutorials(stars):
    parallax, error = stars["parallax"].value[:4], stars["parallax_error"].value[:4]
    model = cluster.build_model(parallax, error, PRIOR)
    mu, ln_std, r = 0.52, -4.2, np.array([0.5, 0.51, 0.49, 0.53])
    expected = truncnorm.logpdf(mu, -0.5, np.inf, 1, 2) - np.log(8)
    expected += truncnorm.logpdf(r, -mu / np.exp(ln_std), np.inf, mu, np.exp(ln_std)).sum()
    expected += norm.logpdf(parallax, 1 / r, error).sum()
    point = {
        "mu_r_interval__": np.log(mu),
        "ln_std_r_interval__": np.log((ln_std + 8) / (0 - ln_std)),
        "r_interval__": np.log(r),
    }
    assert model.compile_logp(jacobian=False)(point) == pytest.approx(expected, abs=1e-7)  # of the cdf


def integral(parallax, error, mu, std):
    """p(parallax | mu, std) by adaptive quadrature over the distance."""

    def integrand(r):
        return norm.pdf(parallax, 1 / r, error) * truncnorm.pdf(r, -mu / std, np.inf, mu, std)

    edges = np.unique(np.clip([mu + k * std for k in (-9, -3, -1, 0, 1, 3, 9)], 1e-6, None))
    edges = np.unique(
        np.concatenate(
            [edges, np.clip(1 / np.clip(parallax + error * np.arange(-9, 10), 1e-3, None), edges[0], edges[-1])]
        )
    )
    return sum(quad(integrand, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in itertools.pairwise(edges))


@pytest.mark.parametrize(
    ("parallax", "error", "mu", "ln_std"),
    [
        (2.0, 0.05, 0.5, -4.8),
        (1.9, 0.1, 0.52, -7.5),
        (2.1, 0.01, 0.48, -3.0),
        (1.0, 0.3, 1.2, -1.0),
        (0.3, 0.2, 1.0, -1.5),
        # the prior's maximum and the likelihood's far apart
        (2.0, 0.06, 1.0, -2.5),
        (2.0, 0.2, 3.0, -2.3),
    ],
)
def test_a_stars_likelihood_is_the_integral_over_its_distance(parallax, error, mu, ln_std):
    expected = np.log(integral(parallax, error, mu, np.exp(ln_std)))
    data = np.array([parallax]), np.array([error])
    assert cluster.ln_likelihood(np.array([mu]), np.array([ln_std]), *data)[0] == pytest.approx(expected, abs=1e-8)


def test_the_posterior_is_that_of_a_dense_grid(stars):
    data = stars["parallax"].value[:40].copy(), stars["parallax_error"].value[:40].copy()
    hyper = cluster.posterior(*data, PRIOR)
    mu, ln_std = np.linspace(0.49, 0.515, 201), np.linspace(-7.999, -3, 301)
    y, z = (axis.ravel() for axis in np.meshgrid(mu, ln_std))
    values = cluster.ln_likelihood(y, z, *data) - 0.125 * (y - 1) ** 2
    mass = np.exp(values - values.max()).reshape(301, 201)
    mass[[0, -1]] *= 0.5
    mass = mass.ravel() / mass.sum()
    assert hyper.moments()["mu_r"][0] == pytest.approx(mass @ y, abs=1e-6)
    assert hyper.moments()["ln_std_r"][0] == pytest.approx(mass @ z, abs=1e-3)


def test_the_published_numbers(stars):
    """To the printed digit, but for ln_std_r: printed -4.787 +- 0.078 with a Monte Carlo error of 0.003."""
    hyper = cluster.posterior(stars["parallax"].value, stars["parallax_error"].value, PRIOR)
    values = cluster.exact_summary(hyper)["value"]
    assert [round(float(v), 3) for v in values.sel(parameter="mu_r")[:4]] == [0.500, 0.001, 0.499, 0.502]
    assert [round(float(v), 3) for v in values.sel(parameter="std_r")[:4]] == [0.008, 0.001, 0.007, 0.010]
    assert float(values.sel(parameter="ln_std_r", statistic="mean")) == pytest.approx(-4.787, abs=0.003)
    assert float(values.sel(parameter="ln_std_r", statistic="sd")) == pytest.approx(0.078, abs=0.003)


def test_distances_are_drawn_from_their_posterior():
    parallax, error = np.array([2.0, 0.4]), np.array([0.05, 0.2])
    size, mu, ln_std = 20_000, 0.9, -1.2
    drawn = np.empty((size, 2))
    cluster._draw_distances(np.full(size, mu), np.full(size, ln_std), parallax, error, np.random.default_rng(0), drawn)
    for n in range(2):
        grid = np.linspace(1e-3, 6, 200_001)
        density = norm.pdf(parallax[n], 1 / grid, error[n]) * norm.pdf(grid, mu, np.exp(ln_std))
        cdf = np.cumsum(density) / density.sum()
        assert kstest(drawn[:, n], lambda t, grid=grid, cdf=cdf: np.interp(t, grid, cdf)).pvalue > 1e-4


@pytest.mark.parametrize("depth", [8.7, 0.0])
def test_the_mass_is_found_wherever_the_prior_puts_its_bounds(depth):
    stars = simulate_cluster(60, 500, depth, (-2, -1), seed=3)
    data = stars["parallax"].value, stars["parallax_error"].value
    narrow = cluster.posterior(*data, PRIOR)
    wide = cluster.posterior(*data, cluster.ClusterPrior(1, 20, (-8, 2)))
    mean, sd = narrow.moments()["mu_r"]
    assert mean == pytest.approx(0.5, abs=0.005)
    assert wide.moments()["mu_r"] == pytest.approx((mean, sd), rel=1e-3)
    assert max(narrow.error, wide.error) < 1e-6
