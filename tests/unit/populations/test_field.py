"""Stars of the field among those of a cluster: the mixture against brute force, its posterior, and who is a member."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm, truncnorm

from conftest import ROOT
from starpop.checks import agreement
from starpop.inference import mixture
from starpop.inference.sampling import SamplerSettings
from starpop.populations import cluster, cluster_nuts, field
from starpop.populations.cluster import ClusterPrior, Field, Hyper

FIELD = Field((0, 1), 0.6, 0.3)
PRIOR = ClusterPrior(1, 2, (-8, 0), field=FIELD)
BOTH = replace(PRIOR, ln_error_factor=(-1, 1.5))
TABLE = ROOT.parent / "shared/data/faults/cluster_with_field/F5_cluster_with_field_stars.csv"


def simulated(stars, f=0.3, seed=0, factor=1.0):
    rng = np.random.default_rng(seed)
    error = 10 ** rng.uniform(-2, -0.7, stars)
    values = np.array([f, 0.5, np.log(0.009)])
    parallax, _, member = cluster.simulate(factor * error, values, PRIOR, rng)
    return parallax, error, member


def by_quad(parallax, error, mean, sd):
    """Ln of the integral over the distance, by adaptive quadrature around the stars' and the cluster's places."""
    constant = 2 * np.pi * error * sd * norm.cdf(mean / sd)

    def integrand(r):
        return math.exp(-0.5 * ((parallax - 1 / r) / error) ** 2 - 0.5 * ((r - mean) / sd) ** 2) / constant

    marks = sorted({mean + k * sd for k in range(-8, 9) if mean + k * sd > 0} | {1e-9, 5.0})
    near = [1 / (parallax + k * error) for k in range(-8, 9) if parallax + k * error > 0.2]
    marks = sorted({*marks, *near})
    return np.log(sum(quad(integrand, *ends, epsabs=0, epsrel=1e-11)[0] for ends in itertools.pairwise(marks)))


def test_the_likelihood_is_that_of_brute_force():
    parallax, error, _ = simulated(8)
    for f, mu, ln_std, ln_factor in ((0.2, 0.5, -4.5, 0.0), (0.7, 0.52, -3.0, 0.4), (1e-9, 0.45, -2.0, -0.3)):
        expected = 0.0
        for one, its_error in zip(parallax, error * np.exp(ln_factor), strict=True):
            as_member = by_quad(one, its_error, mu, np.exp(ln_std))
            of_field = by_quad(one, its_error, FIELD.mean_distance_kpc, FIELD.sd_kpc)
            expected += np.logaddexp(np.log1p(-f) + as_member, np.log(f) + of_field)
        hyper = Hyper(*np.array([[f], [mu], [ln_std], [ln_factor]]))
        assert field.ln_likelihood(hyper, parallax, error, FIELD)[0] == pytest.approx(expected, abs=1e-8)


def test_on_a_grid_the_integrals_of_a_place_serve_every_fraction_and_change_nothing():
    parallax, error, _ = simulated(60)
    axes = np.linspace(0.01, 0.9, 5), np.linspace(0.49, 0.51, 3), np.linspace(-5, -4, 4), np.linspace(-0.2, 0.2, 2)
    grid = Hyper(*(axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")))
    assert mixture.places(grid[1:]) == 24
    shuffled = np.random.default_rng(0).permutation(len(grid.mu_r))
    apart = Hyper(*(values[shuffled] for values in grid))
    assert mixture.places(apart[1:]) == 120
    values = field.ln_likelihood(grid, parallax, error, FIELD)
    np.testing.assert_allclose(field.ln_likelihood(apart, parallax, error, FIELD), values[shuffled], atol=1e-9)


def test_the_posterior_is_that_of_a_dense_grid():
    parallax, error, _ = simulated(60)
    hyper = cluster.posterior(parallax, error, PRIOR)
    assert hyper.error < 1e-6
    f, mu, ln_std = np.linspace(0.005, 0.995, 100), np.linspace(0.488, 0.512, 81), np.linspace(-7.95, -2.95, 101)
    points = [axis.ravel() for axis in np.meshgrid(f, mu, ln_std, indexing="ij")]
    values = cluster.ln_posterior(points, parallax, error, PRIOR)
    ln_cell = np.log((f[1] - f[0]) * (mu[1] - mu[0]) * (ln_std[1] - ln_std[0]))
    assert hyper.ln_evidence == pytest.approx(logsumexp(values) + ln_cell, abs=2e-3)
    mass = np.exp(values - logsumexp(values))
    for (mean, sd), column in zip(hyper.moments().values(), points, strict=True):
        assert mean == pytest.approx(mass @ column, abs=0.01 * sd)
        assert sd == pytest.approx(np.sqrt(mass @ (column - mean) ** 2), rel=0.01)


def test_four_hyper_parameters_are_integrated_as_three_at_each_factor_on_the_errors():
    parallax, error, _ = simulated(25, factor=1.3)
    hyper = cluster.posterior(parallax, error, replace(PRIOR, ln_error_factor=(-0.6, 1.0)))
    node, weight = leggauss(16)
    ln_factors = 0.2 + 0.8 * node
    terms = [cluster.posterior(parallax, error * np.exp(k), PRIOR).ln_evidence for k in ln_factors]
    assert hyper.ln_evidence == pytest.approx(logsumexp(terms, b=weight / 2), abs=1e-5)
    mass = weight * np.exp(np.array(terms) - max(terms))
    assert hyper.moments()["ln_error_factor"][0] == pytest.approx(mass @ ln_factors / mass.sum(), abs=1e-5)


def test_an_error_factor_alone_is_found():
    parallax, error, _ = simulated(50, f=0, factor=1.5, seed=3)
    mean, sd = cluster.posterior(parallax, error, replace(BOTH, field=None)).moments()["ln_error_factor"]
    assert sd < 0.3
    assert mean == pytest.approx(np.log(1.5), abs=3 * sd)


def test_the_probability_to_be_a_member_is_that_of_the_draws_of_members_and_their_distances_go_with_it():
    parallax, error, member = simulated(60, seed=1)
    hyper = cluster.posterior(parallax, error, PRIOR)
    probability = cluster.membership_probability(parallax, error, PRIOR, hyper)
    drawn = cluster.draw(range(60), parallax, error, PRIOR, hyper, 4000, np.random.default_rng(0))["posterior"]
    share, r = drawn["member"].values[0].mean(axis=0), drawn["r"].values[0]
    np.testing.assert_allclose(share, probability, atol=4.5 * 0.5 / np.sqrt(4000))
    assert probability[member].mean() > 0.9 > 0.5 > probability[~member].mean()
    far = r[drawn["member"].values[0] == 0]
    assert np.std(far) > 10 * np.std(r[drawn["member"].values[0] == 1])


def test_the_cluster_is_found_in_the_widest_prior_and_with_no_star_of_the_field():
    for f in (0.4, 0.0):
        parallax, error, member = simulated(150, f=f, seed=5)
        hyper = cluster.posterior(parallax, error, replace(PRIOR, mean_distance_sd_kpc=20, ln_depth_kpc=(-8, 2)))
        moments = hyper.moments()
        assert hyper.error < 1e-6
        assert moments["mu_r"][0] == pytest.approx(0.5, abs=4 * moments["mu_r"][1])
        assert moments["f_field"][0] == pytest.approx(1 - member.mean(), abs=4 * moments["f_field"][1] + 0.01)


def test_of_two_clusters_that_either_may_be_none_is_lost():
    rng, error = np.random.default_rng(7), np.full(60, 0.02)
    parallax = np.concatenate([rng.normal(2.0, 0.03, 30), rng.normal(2.06, 0.03, 30) + 0.34])
    hyper = cluster.posterior(parallax, error, replace(PRIOR, field=Field((0, 1), 0.45, 0.05)))
    grid, density = hyper.marginal("mu_r")
    near = [np.trapezoid(np.where(np.abs(grid - at) < 0.02, density, 0), grid) for at in (1 / 2.0, 1 / 2.4)]
    assert hyper.error < 0.02
    assert min(near) > 0.01
    assert sum(near) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("prior", [PRIOR, BOTH])
def test_the_models_density_is_the_sum_over_memberships(prior):
    parallax, error, _ = simulated(4)
    model = cluster.build_model(range(4), parallax, error, prior)
    f, mu, ln_std, r, ln_factor = 0.3, 0.52, -4.2, np.array([0.5, 0.51, 0.49, 0.53]), 0.37
    ln_factor = ln_factor if prior.ln_error_factor else 0.0
    point = {"f_field": f, "mu_r": mu, "ln_std_r": ln_std, "ln_error_factor": ln_factor, "r_member": r}
    values = {rv.name: point[rv.name] for rv in model.free_RVs}
    inputs = {model.rvs_to_values[rv].name: model.rvs_to_transforms[rv] for rv in model.free_RVs}
    given = {
        name: np.asarray(transform.forward(values[rv.name], *rv.owner.inputs).eval())
        for (name, transform), rv in zip(inputs.items(), model.free_RVs, strict=True)
    }
    expected = truncnorm.logpdf(mu, -0.5, np.inf, 1, 2) - np.log(8)
    expected -= np.log(2.5) if prior.ln_error_factor else 0
    expected += truncnorm.logpdf(r, -mu / np.exp(ln_std), np.inf, mu, np.exp(ln_std)).sum()
    for n in range(4):
        its_error = error[n] * np.exp(ln_factor)
        of_field = by_quad(parallax[n], its_error, FIELD.mean_distance_kpc, FIELD.sd_kpc)
        as_member = norm.logpdf(parallax[n], 1 / r[n], its_error)
        expected += np.logaddexp(np.log1p(-f) + as_member, np.log(f) + of_field)
    assert model.compile_logp(jacobian=False)(given) == pytest.approx(expected, abs=1e-6)


def test_nuts_agrees_on_the_distances_of_all_stars_members_or_not():
    parallax, error, _ = simulated(40, seed=2)
    hyper = cluster.posterior(parallax, error, PRIOR)
    names = [f"S{i}" for i in range(40)]
    exact = cluster.draw(names, parallax, error, PRIOR, hyper, 4000, np.random.default_rng(0))
    exact["exact"] = cluster.exact_summary(hyper)
    settings = SamplerSettings("nutpie", 2, 500, 1500, 0.9, 10)
    tree, reason = cluster_nuts.sample(names, parallax, error, PRIOR, exact, settings, 1)
    assert reason == ""
    assert tree["posterior"]["r"].sizes == {"chain": 2, "draw": 1500, "star": 40}
    table = agreement.compare_fit("cluster", "nuts", exact, tree)
    assert set(table["parameter"]) == {"mu_r", "ln_std_r", "std_r", "f_field", *(f"r[{name}]" for name in names)}
    assert table["agrees"].all()


@pytest.mark.skipif(not TABLE.is_file(), reason="the table is not beside this folder")
def test_stars_of_the_field_no_longer_widen_the_cluster():
    stars = pd.read_csv(TABLE)
    data = stars["parallax"].to_numpy(), stars["parallax_error"].to_numpy()
    depth = {}
    for name, its_field in {"without": None, "with": Field((0, 1), 0.2, 0.05)}.items():
        hyper = cluster.posterior(*data, replace(PRIOR, field=its_field))
        depth[name] = 1e3 * cluster.exact_summary(hyper)["value"].sel(parameter="std_r", statistic="mean").item()
    assert depth["without"] > 12
    assert 2 < depth["with"] < 4.5
