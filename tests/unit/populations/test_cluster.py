"""The star cluster: the tutorial's data, the model's density, and its exact posterior."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm, truncnorm

from starpop.inference.convergence import columns_of
from starpop.populations import cluster, distance
from starpop.populations.simulate import simulate_cluster

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
    model = cluster.build_model(range(4), parallax, error, PRIOR)
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


def test_the_posterior_is_that_of_a_dense_grid(stars):
    data = stars["parallax"].value[:40].copy(), stars["parallax_error"].value[:40].copy()
    hyper = cluster.posterior(*data, PRIOR)
    mu, ln_std = np.linspace(0.49, 0.515, 201), np.linspace(-7.999, -3, 301)
    y, z = (axis.ravel() for axis in np.meshgrid(mu, ln_std))
    values = distance.ln_likelihood(y, z, *data) - 0.125 * (y - 1) ** 2
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


def test_draws_bear_the_names_of_the_stars():
    parallax, error, names = np.array([2.0, -0.4]), np.array([0.05, 0.2]), ["Gaia 1", "Gaia 2"]
    hyper = cluster.posterior(parallax, error, PRIOR)
    tree = cluster.draw(names, parallax, error, PRIOR, hyper, 50, np.random.default_rng(0))
    assert list(columns_of(tree["posterior"].to_dataset())) == ["mu_r", "ln_std_r", "std_r", "r[Gaia 1]", "r[Gaia 2]"]
    assert list(cluster.build_model(names, parallax, error, PRIOR).coords["star"]) == names


def test_a_marginal_density_is_whole_where_the_posterior_ends_at_a_cliff():
    """Of so many stars of the mean parallax 0.25 mas, none is at 0 kpc: ln density falls by 10^4 in a panel."""
    rng = np.random.default_rng(67)
    hyper = cluster.posterior(rng.normal(0.25, 1.92, 120), np.full(120, 1.92), PRIOR)
    grid, density = hyper.marginal("mu_r")
    mean, _ = hyper.moments()["mu_r"]
    assert trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    assert trapezoid(density * grid, grid) == pytest.approx(mean, rel=1e-3)


@pytest.mark.parametrize("seed", range(24))
def test_any_table_of_parallaxes_has_an_answer_or_says_that_it_has_not(seed):
    """A larger number of larger tables: `benchmarks/bench_clusters.py`."""
    rng = np.random.default_rng([4, seed])
    stars = int(rng.integers(1, 15))
    error = 10 ** rng.uniform(-2, 1, stars)
    parallax = rng.normal(0 if seed % 3 == 0 else 10 ** rng.uniform(-1, 1.5), error + (seed % 2) * 0.5, stars)
    hyper = cluster.posterior(parallax, error, PRIOR)
    values = cluster.exact_summary(hyper)
    drawn = cluster.draw(range(stars), parallax, error, PRIOR, hyper, 200, rng)["posterior"]["r"].values
    assert np.isfinite(drawn).all()
    assert (drawn > 0).all()
    mean, sd = values["value"].sel(parameter="mu_r").values[:2]
    assert 0 < mean < 21
    assert 0 < sd < 10
    assert float(values["error"]) < 1e-3


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
