"""The population: its PyMC models' densities, its exact posterior against a dense grid, and its draws."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from numpy.polynomial.hermite import hermgauss
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import CubicSpline
from scipy.stats import chisquare, kstest, norm

from conftest import random_visits
from starpop.inference import quadrature
from starpop.inference.bridge import SampledPosterior, bridge_sampling
from starpop.inference.densities import Histogram, Normal, NormalMixture, PowerLaw, StudentT, TruncatedNormal
from starpop.inference.priors import Uniform
from starpop.inference.priors import draw as draw_from
from starpop.orbits.orbit import radial_velocity
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import population
from starpop.run.errors import InputError
from starpop.run.seeds import generator_for

PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
HYPER = Normal((1, 10), (-2, 3))


def test_the_models_density_is_the_tutorials(twin):
    systems = twin[:3]
    rng = np.random.default_rng(0)
    ln_period, theta = rng.uniform(*np.log(RANGE), 3), rng.normal(0, 30, (3, 3))
    low, high = np.log(RANGE)
    mu, ln_sigma = 2.2, -0.4
    expected = -np.log(9) - np.log(5) + norm.logpdf(ln_period, mu, np.exp(ln_sigma)).sum()
    expected += norm.logpdf(theta, 0, [100, 100, 150]).sum()
    for visits, x, coefficients in zip(systems, ln_period, theta, strict=True):
        velocity = radial_velocity(visits.time_days, np.exp(x), coefficients)
        expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
    model = population.build_model(systems, [PRIOR] * 3, HYPER, RANGE)
    point = {
        "mu_interval__": np.log((mu - 1) / (10 - mu)),
        "lnsigma_interval__": np.log((ln_sigma + 2) / (3 - ln_sigma)),
        "lnP_interval__": np.log((ln_period - low) / (high - ln_period)),
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
    for prior in density.parameters.values():
        edges = np.linspace(*prior.bounds, 41)
        half = 0.5 * (edges[1] - edges[0])
        axes.append(((0.5 * (edges[1:] + edges[:-1])[:, None] + half * points).ravel(), np.tile(weights * half, 40)))
    (mu, mu_weight), (lnsigma, lnsigma_weight) = axes
    evaluate = population.ln_likelihood(nodes, density)
    total, sums = 0.0, np.zeros(4)
    top = evaluate(np.array([hyper.moments()["mu"][0]]), np.array([hyper.moments()["lnsigma"][0]]))[0]
    for z, weight in zip(lnsigma, lnsigma_weight, strict=True):
        mass = weight * mu_weight * np.exp(evaluate(mu, np.full(len(mu), z)) - top)
        total += mass.sum()
        sums += [np.sum(mass * mu), np.sum(mass * mu**2), mass.sum() * z, mass.sum() * z**2]
    sums /= total
    moments = hyper.moments()
    assert moments["mu"] == pytest.approx((sums[0], np.sqrt(sums[1] - sums[0] ** 2)), abs=1e-6)
    assert moments["lnsigma"] == pytest.approx((sums[2], np.sqrt(sums[3] - sums[2] ** 2)), abs=1e-6)
    area = np.prod([np.ptp(prior.bounds) for prior in density.parameters.values()])
    assert hyper.ln_evidence == pytest.approx(top + np.log(total / area), abs=1e-6)
    assert hyper.error < 1e-6


def test_the_tutorials_posterior_to_the_last_digit(apogee):
    """The reference was computed independently, by quadrature on 601 x 801 points."""
    hyper = population.posterior([period_likelihood(v, PRIOR, RANGE) for v in apogee], HYPER)
    assert [round(value, 4) for value in hyper.moments()["mu"]] == [1.8155, 0.1900]
    assert [round(value, 4) for value in hyper.moments()["lnsigma"]] == [-0.3831, 0.2037]


def test_joint_draws_follow_the_posterior(sparse):
    hyper = population.posterior(sparse, HYPER)
    tree = population.draw(sparse, HYPER, hyper, 20_000, lambda name: generator_for(1, name))
    posterior = tree["posterior"]
    assert posterior["a"].shape == (1, 20_000, 6)
    for name in hyper.names:
        grid, density = hyper.marginal(name)
        cdf = CubicSpline(grid, density).antiderivative()
        assert float(cdf(grid[-1])) == pytest.approx(1, abs=1e-6)
        assert kstest(posterior[name].values.ravel(), cdf).pvalue > 1e-4
    # the mean of ln P_n over the posterior, from the nodes and the quadrature
    for i, n in enumerate(sparse):
        terms = n.ln_weight + HYPER.ln_pdf(n.ln_period, *hyper.points.T[:, :, None])
        share = np.exp(terms - terms.max(axis=1, keepdims=True))
        means = share @ n.ln_period / share.sum(axis=1)
        drawn = posterior["lnP"].values[0, :, i]
        assert abs(drawn.mean() - hyper.weights @ means) < 5 * drawn.std() / np.sqrt(len(drawn))


def test_shortest_intervals_hold_their_probability(likelihoods):
    hyper = population.posterior(likelihoods, HYPER)
    for name in hyper.names:
        low, high = hyper.shortest_interval(name, 0.94)
        grid, density = hyper.marginal(name)
        spline = CubicSpline(grid, density)
        assert float(spline.integrate(low, high)) == pytest.approx(0.94, abs=1e-6)
        assert float(spline(low)) == pytest.approx(float(spline(high)), rel=1e-3)


DENSITIES = {
    "normal": HYPER,
    "truncated": TruncatedNormal((0, 4), (-2, 1), RANGE),
    "student_t": StudentT((0, 4), (-2, 1), (0, 3)),
    "power_law": PowerLaw((-3, 3), RANGE),
    "three bins": Histogram(3, (-2, 1), RANGE),
    "mixture": NormalMixture((0, 3), (0, 3), (-2, 1)),
    "six bins": Histogram(6, (-2, 1), RANGE),
}
INTEGRATED = [name for name, density in DENSITIES.items() if len(density.parameters) <= 3]


def prior_draws(density, size, rng):
    return [draw_from(prior, rng, size) for prior in density.parameters.values()]


def few_nodes(name, rng, x, width=0.3, nodes=3):
    """A stand-in for a period likelihood: some nodes about x + noise, in place of a normal likelihood of x."""
    centre = x + width * rng.standard_normal()
    points, weights = hermgauss(nodes)
    return SimpleNamespace(
        system=name, ln_period=centre + np.sqrt(2) * width * points, ln_weight=np.log(weights / np.sqrt(np.pi))
    )


def flat_nodes(likelihood, count):
    """So many nodes of one weight, about the first."""
    x = likelihood.ln_period[0] + np.linspace(0, 0.01, count)
    return SimpleNamespace(system=likelihood.system, ln_period=x, ln_weight=np.zeros(count))


@pytest.fixture(scope="module")
def stand_ins():
    rng = np.random.default_rng(2)
    return [few_nodes(f"S{i}", rng, x, 0.1) for i, x in enumerate(rng.normal(1.7, 0.4, 8))]


@pytest.mark.parametrize("name", DENSITIES)
def test_the_model_over_the_nodes_has_the_exact_density(stand_ins, name):
    density = DENSITIES[name]
    model = population.build_node_model(stand_ins, density)
    values = prior_draws(density, 3, np.random.default_rng(1))
    expected = population.ln_likelihood(stand_ins, density)(*values)
    for (_, prior), value in zip(density.parameters.items(), values, strict=True):
        expected = expected + prior.ln_pdf(value)
    ln_density = model.compile_logp(jacobian=False)
    for i, target in enumerate(expected):
        point = {}
        for (parameter, prior), value in zip(density.parameters.items(), values, strict=True):
            if isinstance(prior, Uniform):
                point[f"{parameter}_interval__"] = np.log((value[i] - prior.low) / (prior.high - value[i]))
            else:
                point[parameter] = value[i]
        assert ln_density(point) == pytest.approx(target, rel=1e-8)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_full_model_has_the_density_of_the_population(twin, name):
    density = DENSITIES[name]
    model = population.build_model(twin[:3], [PRIOR] * 3, density, RANGE)
    values = prior_draws(density, 1, np.random.default_rng(3))
    x = np.array([1.1, 1.8, 2.6])
    point = {"a": np.zeros(3), "b": np.zeros(3), "v0": np.zeros(3)}
    for (parameter, prior), (value,) in zip(density.parameters.items(), values, strict=True):
        if isinstance(prior, Uniform):
            point[f"{parameter}_interval__"] = np.log((value - prior.low) / (prior.high - value))
        else:
            point[parameter] = value
    low, high = np.clip(np.log(RANGE), *density.support)
    point["lnP_interval__"] = np.log((x - low) / (high - x))
    ln_density = model.compile_logp(vars=[model["lnP"]], jacobian=False)
    assert ln_density(point) == pytest.approx(density.ln_pdf(x, *values).sum(), rel=1e-8)


@pytest.mark.parametrize("name", ["normal", "truncated"])
def test_the_fast_sum_over_nodes_is_the_slow_one(sparse, name):
    density = DENSITIES[name]
    values = prior_draws(density, 500, np.random.default_rng(0))
    slow = population.system_ln_likelihoods(sparse, density)(*values)
    assert slow.shape == (500, len(sparse))
    np.testing.assert_allclose(population.ln_likelihood(sparse, density)(*values), slow.sum(axis=1), rtol=1e-11)


def test_the_fast_sum_does_not_overflow(stand_ins):
    many = [flat_nodes(n, 30) for n in 200 * stand_ins]
    values = np.array([1.5, 1.7]), np.array([-0.5, 0.9])
    slow = population.system_ln_likelihoods(many, HYPER)(*values).sum(axis=1)
    np.testing.assert_allclose(population.ln_likelihood(many, HYPER)(*values), slow, rtol=1e-12)


def test_the_fast_sum_does_not_underflow(stand_ins):
    narrow = Normal((-30, 30), (-6, -5))
    values = np.array([-25.0, 1.7]), np.array([-5.9, -5.1])
    slow = population.system_ln_likelihoods(stand_ins, narrow)(*values).sum(axis=1)
    np.testing.assert_allclose(population.ln_likelihood(stand_ins, narrow)(*values), slow, rtol=1e-12)


def test_sums_in_pieces_are_the_whole(stand_ins, monkeypatch):
    density = DENSITIES["six bins"]
    values = prior_draws(density, 50, np.random.default_rng(0))
    whole = population.ln_likelihood(stand_ins, density)(*values)
    monkeypatch.setattr(population, "TERMS_AT_ONCE", 100)
    np.testing.assert_allclose(population.ln_likelihood(stand_ins, density)(*values), whole, rtol=1e-14)


def test_a_system_that_the_population_rules_out_is_named(stand_ins):
    with pytest.raises(InputError, match=r"System S0: .* 15 to 20 d"):
        population.posterior(stand_ins, PowerLaw((-3, 3), (15, 20)))


@pytest.mark.parametrize(
    ("name", "cells"), [("student_t", (20, 10, 6)), ("power_law", (40,)), ("three bins", (12, 12, 8))]
)
def test_a_posterior_of_one_or_three_hyper_parameters_is_that_of_a_dense_grid(stand_ins, name, cells):
    density = DENSITIES[name]
    hyper = population.posterior(stand_ins, density)
    points, weights = leggauss(8)
    axes = []
    for prior, count in zip(density.parameters.values(), cells, strict=True):
        edges = np.linspace(*np.clip(prior.bounds, -7.5, 7.5), count + 1)
        half = 0.5 * np.diff(edges)
        grid = 0.5 * (edges[1:] + edges[:-1])[:, None] + half[:, None] * points
        axes.append((grid.ravel(), (half[:, None] * weights).ravel()))
    values = [v.ravel() for v in np.meshgrid(*(grid for grid, _ in axes), indexing="ij")]
    mass = np.prod([v.ravel() for v in np.meshgrid(*(weight for _, weight in axes), indexing="ij")], axis=0)
    ln_density = population.ln_likelihood(stand_ins, density)(*values)
    ln_density += sum(prior.ln_pdf(v) for prior, v in zip(density.parameters.values(), values, strict=True))
    mass *= np.exp(ln_density - ln_density.max())
    assert hyper.ln_evidence == pytest.approx(ln_density.max() + np.log(mass.sum()), abs=1e-6)
    assert hyper.error < 1e-6
    for (parameter, (mean, sd)), v in zip(hyper.moments().items(), values, strict=True):
        expected = mass @ v / mass.sum()
        assert (mean, sd) == pytest.approx((expected, np.sqrt(mass @ (v - expected) ** 2 / mass.sum())), abs=1e-6)
        drawn = hyper.draw(20_000, np.random.default_rng(0))[parameter]
        grid, marginal = hyper.marginal(parameter)
        cdf = CubicSpline(grid, marginal).antiderivative()
        assert float(cdf(grid[-1])) == pytest.approx(1, abs=1e-5)
        assert kstest(drawn, cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", ["normal", "student_t", "three bins"])
def test_bridge_sampling_gives_the_evidence_of_the_quadrature(stand_ins, name):
    density = DENSITIES[name]
    hyper = population.posterior(stand_ins, density)
    priors = list(density.parameters.values())

    def ln_density(u):
        h = [prior.from_normal(column) for prior, column in zip(priors, u.T, strict=True)]
        return population.ln_likelihood(stand_ins, density)(*h) - 0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1)

    z = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = hyper.draw(2000, rng).values()
        u = np.stack([prior.to_normal(h) for prior, h in zip(priors, drawn, strict=True)], axis=-1)
        value, error = bridge_sampling(ln_density, u.reshape(4, 500, -1), rng)
        assert error < 0.1
        z.append((value - hyper.ln_evidence) / error)
    assert np.mean(z) == pytest.approx(0, abs=4 / np.sqrt(20))
    assert 0.6 < np.std(z) < 1.6


def importance(likelihoods, density, size=400_000):
    """Evidence with its error, and weighted draws, by importance sampling from the prior."""
    values = prior_draws(density, size, np.random.default_rng(4))
    ln_weight = population.ln_likelihood(likelihoods, density)(*values)
    weight = np.exp(ln_weight - ln_weight.max())
    error = weight.std() / weight.mean() / np.sqrt(size)
    return ln_weight.max() + np.log(weight.mean()), error, np.stack(values), weight / weight.sum()


@pytest.mark.parametrize("name", ["mixture", "six bins"])
def test_a_sampled_posterior_is_that_of_importance_sampling(stand_ins, name):
    density = DENSITIES[name]
    hyper = population.posterior(stand_ins, density, seed=1)
    ln_evidence, error, values, weight = importance(stand_ins, density)
    assert abs(hyper.ln_evidence - ln_evidence) < 4 * np.hypot(hyper.error, error)
    assert hyper.error < 0.05
    table = hyper.summary()["value"].to_pandas()
    assert (table["r_hat"] < 1.02).all()
    for (parameter, row), v in zip(table.iterrows(), values, strict=True):
        expected = weight @ v
        spread = np.sqrt(np.sum(weight**2 * (v - expected) ** 2))
        assert abs(row["mean"] - expected) < 4.5 * np.hypot(row["mcse_mean"], spread), parameter
    drawn = hyper.draw(5000, np.random.default_rng(0))
    assert tuple(drawn) == tuple(density.parameters)
    assert drawn["lntau" if name == "six bins" else "weight"].std() == pytest.approx(table["sd"].iloc[-1], rel=0.05)


@pytest.mark.parametrize("name", DENSITIES)
def test_hyper_parameters_drawn_from_their_priors_are_calibrated(name, monkeypatch):
    """Simulation-based calibration; by importance sampling where the posterior would need NUTS."""
    monkeypatch.setitem(quadrature.PANELS, 3, (3,))  # coarse, for speed; draws are exact with any rule
    density, ranks = DENSITIES[name], []
    low, high = density.support
    for k in range(100):
        rng = np.random.default_rng([7, k])
        truth = prior_draws(density, (), rng)
        # a width that neither moves nodes out of a bounded support nor blurs the bins
        width = 1e-3 if np.isfinite(low) else 0.3
        x = np.clip(density.draw(truth, 4, rng), low + 0.01, high - 0.01)
        systems = [few_nodes(f"S{i}", rng, value, width) for i, value in enumerate(x)]
        if name in INTEGRATED:
            drawn = np.array(list(population.posterior(systems, density).draw(19, rng).values()))
        else:
            values = np.stack(prior_draws(density, 4000, rng))
            weight = population.ln_likelihood(systems, density)(*values)
            weight = np.exp(weight - weight.max())
            drawn = values[:, rng.choice(values.shape[1], 19, p=weight / weight.sum())]
        ranks.append(np.sum(drawn < np.array(truth)[:, None], axis=1))
    for of_one in np.array(ranks).T:
        counts = np.bincount(of_one // 4, minlength=5)
        assert chisquare(counts).pvalue > 1e-4


def test_joint_draws_of_a_mixture_have_its_hyper_parameters_and_the_orbits(sparse):
    density = DENSITIES["mixture"]
    values = np.stack(prior_draws(density, 200, np.random.default_rng(0)), axis=1)
    hyper = SampledPosterior(tuple(density.parameters), values, np.full(200, 1 / 200), 0.0, 0.0, 4, xr.Dataset())
    posterior = population.draw(sparse, density, hyper, 300, lambda name: generator_for(1, name))["posterior"]
    assert {"mu1", "weight", "lnP", "v0"} <= set(posterior.data_vars)
    assert posterior["lnP"].shape == (1, 300, 6)
    assert posterior["weight"].shape == (1, 300)
