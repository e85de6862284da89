"""The population: its PyMC models' densities, its exact posterior against a dense grid, and its draws."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import CubicSpline
from scipy.stats import kstest, norm

from conftest import random_visits
from starpop import population
from starpop.densities import Normal, TruncatedNormal
from starpop.orbit import radial_velocity
from starpop.period_likelihood import period_likelihood
from starpop.seeds import generator_for
from starpop.system_model import SystemModel

PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
HYPER = Normal((1, 10), (-2, 3))


def test_the_models_density_is_the_tutorials(twin):
    systems = twin[:3]
    rng = np.random.default_rng(0)
    ln_period, theta = rng.normal(2, 0.5, 3), rng.normal(0, 30, (3, 3))
    mu, ln_sigma = 2.2, -0.4
    expected = -np.log(9) - np.log(5) + norm.logpdf(ln_period, mu, np.exp(ln_sigma)).sum()
    expected += norm.logpdf(theta, 0, [100, 100, 150]).sum()
    for visits, x, coefficients in zip(systems, ln_period, theta, strict=True):
        velocity = radial_velocity(visits.time_days, np.exp(x), coefficients)
        expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
    model = population.build_model(systems, PRIOR, HYPER)
    point = {
        "mu_interval__": np.log((mu - 1) / (10 - mu)),
        "lnsigma_interval__": np.log((ln_sigma + 2) / (3 - ln_sigma)),
        "lnP": ln_period,
        **dict(zip("ab", theta.T[:2], strict=True)),
        "v0": theta[:, 2],
    }
    assert model.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)


@pytest.fixture(scope="module")
def likelihoods(twin):
    return [period_likelihood(v, PRIOR, RANGE) for v in twin]


@pytest.fixture(scope="module")
def sparse():
    """Six systems of four to six visits, with many comparable periods each."""
    rng = np.random.default_rng(5)
    visits = [
        replace(random_visits(rng, int(rng.integers(4, 7)), 40.0, 5.0, 1.0)[0], system=f"S{i}") for i in range(6)
    ]
    return [period_likelihood(v, PRIOR, RANGE) for v in visits]


def test_the_likelihood_is_the_product_of_the_systems_evidences(sparse):
    evaluate = population.ln_likelihood(sparse, HYPER)
    mu, lnsigma = np.array([1.2, 2.5]), np.array([-1.9, 0.3])
    expected = [
        sum(n.ln_evidence(HYPER.ln_pdf(n.ln_period, m, s)) for n in sparse) for m, s in zip(mu, lnsigma, strict=True)
    ]
    np.testing.assert_allclose(evaluate(mu, lnsigma), expected, rtol=1e-12)


@pytest.mark.parametrize("which", ["likelihoods", "sparse"])
@pytest.mark.parametrize("density", [HYPER, TruncatedNormal((0, 4), (-2, 1), RANGE)], ids=["normal", "truncated"])
def test_the_posterior_is_that_of_a_dense_grid(which, density, request):
    nodes = request.getfixturevalue(which)
    hyper = population.posterior(nodes, density)
    points, weights = leggauss(6)
    axes = []
    for name in population.HYPER_PARAMETERS:
        edges = np.linspace(*density.bounds[name], 81)
        half = 0.5 * (edges[1] - edges[0])
        axes.append(((0.5 * (edges[1:] + edges[:-1])[:, None] + half * points).ravel(), np.tile(weights * half, 80)))
    (mu, mu_weight), (lnsigma, lnsigma_weight) = axes
    evaluate = population.ln_likelihood(nodes, density)
    total, sums = 0.0, np.zeros(4)
    top = evaluate(np.array([hyper.moments()["y"][0]]), np.array([hyper.moments()["z"][0]]))[0]
    for z, weight in zip(lnsigma, lnsigma_weight, strict=True):
        mass = weight * mu_weight * np.exp(evaluate(mu, np.full(len(mu), z)) - top)
        total += mass.sum()
        sums += [np.sum(mass * mu), np.sum(mass * mu**2), mass.sum() * z, mass.sum() * z**2]
    sums /= total
    moments = hyper.moments()
    assert moments["y"] == pytest.approx((sums[0], np.sqrt(sums[1] - sums[0] ** 2)), abs=1e-6)
    assert moments["z"] == pytest.approx((sums[2], np.sqrt(sums[3] - sums[2] ** 2)), abs=1e-6)
    area = np.prod([np.ptp(density.bounds[name]) for name in population.HYPER_PARAMETERS])
    assert hyper.ln_evidence == pytest.approx(top + np.log(total / area), abs=1e-6)
    assert hyper.error < 1e-6


def test_the_tutorials_posterior_to_the_last_digit(apogee):
    """The reference was computed independently, by quadrature on 601 x 801 points."""
    hyper = population.posterior([period_likelihood(v, PRIOR, RANGE) for v in apogee], HYPER)
    assert [round(value, 4) for value in hyper.moments()["y"]] == [1.8155, 0.1900]
    assert [round(value, 4) for value in hyper.moments()["z"]] == [-0.3831, 0.2037]


def test_joint_draws_follow_the_posterior(sparse):
    hyper = population.posterior(sparse, HYPER)
    tree = population.draw(sparse, HYPER, hyper, 20_000, lambda name: generator_for(1, name))
    posterior = tree["posterior"]
    assert posterior["a"].shape == (1, 20_000, 6)
    for key, name in (("y", "mu"), ("z", "lnsigma")):
        grid, density = hyper.marginal(key)
        cdf = CubicSpline(grid, density).antiderivative()
        assert float(cdf(grid[-1])) == pytest.approx(1, abs=1e-6)
        assert kstest(posterior[name].values.ravel(), cdf).pvalue > 1e-4
    # the mean of ln P_n over the posterior, from the nodes and the quadrature
    for i, n in enumerate(sparse):
        terms = n.ln_weight + HYPER.ln_pdf(n.ln_period, hyper.y.reshape(-1, 1), hyper.z.reshape(-1, 1))
        share = np.exp(terms - terms.max(axis=1, keepdims=True))
        means = share @ n.ln_period / share.sum(axis=1)
        drawn = posterior["lnP"].values[0, :, i]
        assert abs(drawn.mean() - hyper.weight.ravel() @ means) < 5 * drawn.std() / np.sqrt(len(drawn))


def test_shortest_intervals_hold_their_probability(likelihoods):
    hyper = population.posterior(likelihoods, HYPER)
    for key in ("y", "z"):
        low, high = hyper.shortest_interval(key, 0.94)
        grid, density = hyper.marginal(key)
        spline = CubicSpline(grid, density)
        assert float(spline.integrate(low, high)) == pytest.approx(0.94, abs=1e-6)
        assert float(spline(low)) == pytest.approx(float(spline(high)), rel=1e-3)


@pytest.mark.parametrize("density", [HYPER, TruncatedNormal((0, 4), (-2, 1), RANGE)], ids=["normal", "truncated"])
def test_the_model_over_the_nodes_has_the_exact_density(sparse, density):
    model = population.build_node_model(sparse, density)
    ln_density = model.compile_logp(jacobian=False)
    for mu, lnsigma in ((1.4, -1.2), (2.9, 0.2)):
        point = {}
        for name, value in (("mu", mu), ("lnsigma", lnsigma)):
            low, high = density.bounds[name]
            point[f"{name}_interval__"] = np.log((value - low) / (high - value))
        area = np.prod([np.ptp(density.bounds[name]) for name in population.HYPER_PARAMETERS])
        expected = population.ln_likelihood(sparse, density)(np.array([mu]), np.array([lnsigma]))[0] - np.log(area)
        assert ln_density(point) == pytest.approx(expected, rel=1e-9)
