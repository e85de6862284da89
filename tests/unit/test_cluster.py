"""The star cluster: the tutorial's data, the model's density, and its starts."""

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

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


@pytest.mark.parametrize("depth", [8.7, 0.0])
def test_starts_are_near_the_cluster_and_inside_the_priors(depth):
    stars = simulate_cluster(200, 500, depth, (-2, -1), seed=3)
    data = stars["parallax"].value, stars["parallax_error"].value
    starts = cluster.draw_starts(*data, PRIOR, np.random.default_rng(0))
    assert starts["mu_r"].mean() == pytest.approx(0.5, abs=0.005)
    assert ((starts["ln_std_r"] > -8) & (starts["ln_std_r"] < 0)).all()
    assert (starts["r"] > 0).all()
