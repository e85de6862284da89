"""Populations with a density of their amplitudes: likelihood, draws and PyMC models, by other roads."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from starpop.inference.densities import density_from_settings
from starpop.inference.quadrature import posterior_given
from starpop.inference.weighted import Posterior
from starpop.orbits.noise import Jitter
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import amplitudes, condensed, population, predictive, pymc_condensed
from starpop.populations.condensed import Condensed
from starpop.populations.simulate import Survey, simulate_system
from starpop.run.errors import InputError
from starpop.run.seeds import generator_for

RANGE = (2.0, 20.0)
MODEL = SystemModel(30.0, 20.0)
SURVEY = Survey((5, 9), (40, 60), (0.5, 1.0))
SCALES = {"density": "truncated_normal", "range_kms": [0.2, 50], "mu": "auto", "ln_sigma": [-1.6, 1]}
SETTINGS = {"density": "power_law", "beta": [-3, 3], "amplitude": SCALES}
DENSITY = density_from_settings(SETTINGS, RANGE)
OF_STARS = density_from_settings(SETTINGS | {"fraction": [0, 1]}, RANGE)
HYPER = [np.array([-0.5, 1.0, 2.0]), np.array([0.7, 1.5, -0.5]), np.array([-1.4, -0.3, 0.6])]


RNG = np.random.default_rng(11)


def simulated(i, model=MODEL, scale=2.0, binary=True):
    rng = generator_for(1, "amplitudes", str(i))
    own = replace(model, amplitude_sd_kms=scale)
    return simulate_system(f"S{i}", rng.uniform(*np.log(RANGE)), SURVEY, own, rng, None, binary)[0]


@pytest.fixture(scope="module")
def likelihoods():
    """Of six systems: weak ones, strong ones, and two stars without an orbit."""
    stars = [simulated(i, scale=(0.5, 2, 8, 20, 1, 1)[i], binary=i < 4) for i in range(6)]
    return [period_likelihood(visits, MODEL, RANGE) for visits in stars]


@pytest.fixture(scope="module")
def nodes(likelihoods):
    return amplitudes.condense([likelihoods[:4], [], likelihoods[4:]], DENSITY, RANGE)


def on_a_grid(visits, model, y, x):
    """(Y, X) ln p(D | x, y) by the normal density of all velocities together."""
    values, rest = np.empty((len(y), len(x))), np.diag(visits.rv_err_kms**2) + model.systemic_velocity_sd_kms**2
    for j, at in enumerate(x):
        phase = 2 * np.pi * visits.time_days / np.exp(at)
        scale = np.exp(y) * model.amplitude_scale(np.exp(-at), 0.0)
        covariance = rest + scale[:, None, None] ** 2 * np.cos(phase[:, None] - phase)
        chi2 = visits.rv_kms @ np.linalg.solve(covariance, visits.rv_kms[None, :, None])[..., 0].T
        values[:, j] = -0.5 * (chi2 + np.linalg.slogdet(2 * np.pi * covariance).logabsdet)
    return values


def simpson(count, step):
    weight = np.where(np.arange(count) % 2, 4.0, 2.0)
    weight[[0, -1]] = 1
    return weight * step / 3


@pytest.fixture(scope="module")
def brute(likelihoods):
    """Places of y and x, the ln of their weights, and ln p(D | x, y) of a weak system."""
    y, x = np.linspace(*np.log(SCALES["range_kms"]), 321), np.linspace(*np.log(RANGE), 3001)
    ln_weight = np.log(np.multiply.outer(simpson(321, y[1] - y[0]), simpson(3001, x[1] - x[0])))
    return y, x, ln_weight, on_a_grid(likelihoods[0].visits, MODEL, y, x)


def terms(brute, m):
    """The integrand at the m-th hyper-parameters."""
    y, x, ln_weight, ln_likelihood = brute
    beta, *own = (h[m] for h in HYPER)
    return ln_likelihood + ln_weight + DENSITY.of_x.ln_pdf(x, beta) + DENSITY.of_s.ln_pdf(y, *own)[:, None]


def test_the_likelihood_is_the_integral_over_periods_and_scales(nodes, brute):
    ours = nodes.system_ln_likelihoods(DENSITY)(*HYPER)[:, nodes.systems.index("S0")]
    expected = [logsumexp(terms(brute, m)) for m in range(3)]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    coarse = nodes.coarser(DENSITY, 8)
    apart = np.abs(coarse.ln_likelihood(DENSITY)(*HYPER) - nodes.ln_likelihood(DENSITY)(*HYPER))
    assert (apart <= coarse.error(DENSITY, HYPER) + 1e-9).all()


def test_scales_that_go_with_the_period_are_those_of_a_year(brute, likelihoods):
    y, x = brute[0][::2], brute[1][::2]
    ln_weight = np.log(np.multiply.outer(simpson(len(y), y[1] - y[0]), simpson(len(x), x[1] - x[0])))
    model = replace(MODEL, amplitude_scaling="kepler")
    likelihood = period_likelihood(likelihoods[0].visits, model, RANGE)
    nodes = amplitudes.condense([[likelihood]], DENSITY, RANGE)
    ours = nodes.system_ln_likelihoods(DENSITY)(*HYPER)[:, 0]
    of_grid = y, x, ln_weight, on_a_grid(likelihood.visits, model, y, x)
    np.testing.assert_allclose(ours, [logsumexp(terms(of_grid, m)) for m in range(3)], rtol=0, atol=1e-5)
    drawn = amplitudes.draw_system(nodes, RANGE, likelihood, DENSITY, [np.full(500, h[1]) for h in HYPER], 500, RNG)
    mass = np.exp(terms(of_grid, 1) - logsumexp(terms(of_grid, 1))).sum(axis=1)
    mean = mass @ y
    assert abs(drawn["lns"].mean() - mean) < 4.5 * np.sqrt(mass @ (y - mean) ** 2 / 500)
    unscaled = np.log(np.hypot(drawn["a"], drawn["b"]))
    assert (unscaled > model.ln_amplitude(drawn) + 0.9).all()  # of periods below 20 days


def test_draws_are_those_of_the_integrand(nodes, likelihoods, brute):
    y, x, *_ = brute
    size = 4000
    weight = np.exp(terms(brute, 1) - logsumexp(terms(brute, 1)))
    h = [np.full(size, values[1]) for values in HYPER]
    rng = np.random.default_rng(3)
    drawn = amplitudes.draw_system(nodes, RANGE, likelihoods[0], DENSITY, h, size, rng)
    for name, places, mass in (("lns", y, weight.sum(axis=1)), ("lnP", x, weight.sum(axis=0))):
        mean = mass @ places
        sd = np.sqrt(mass @ (places - mean) ** 2)
        assert abs(drawn[name].mean() - mean) < 4.5 * sd / np.sqrt(size)
        assert drawn[name].std() == pytest.approx(sd, rel=0.06)
        cdf = np.cumsum(mass)
        below = np.searchsorted(np.sort(drawn[name]), places, side="right") / size
        assert np.abs(below - cdf).max() * np.sqrt(size) < 2.2  # Kolmogorov's statistic
    assert set(drawn) == {"a", "b", "v0", "lnP", "lns"}


def test_of_a_strong_system_the_amplitude_is_known_whatever_the_population(nodes, likelihoods):
    likelihood = likelihoods[3]
    h = [np.full(300, values[1]) for values in HYPER]
    drawn = amplitudes.draw_system(nodes, RANGE, likelihood, DENSITY, h, 300, np.random.default_rng(4))
    plain = population.draw_orbits(likelihood, DENSITY.of_x, [h[0]], 300, np.random.default_rng(5))
    ours, theirs = (np.hypot(d["a"], d["b"]) for d in (drawn, plain))
    assert abs(ours.mean() - theirs.mean()) < 0.3 * theirs.std()
    assert ours.mean() > 10 * ours.std()


def test_a_narrow_population_is_that_of_the_scale_itself(nodes, likelihoods):
    """Of hardly any width, with the scale of the model in the middle: the likelihood of the model itself.

    Of systems whose amplitudes are not many times that, for which it changes too fast.
    """
    model = replace(MODEL, amplitude_sd_kms=3.0)
    fixed = [period_likelihood(n.visits, model, RANGE) for n in likelihoods]
    beta, mu = np.array([0.3]), np.array([np.log(3.0)])
    expected = population.system_ln_likelihoods(fixed, DENSITY.of_x)(beta)
    by_width = {
        ln_sigma: (nodes.system_ln_likelihoods(DENSITY)(beta, mu, np.array([ln_sigma])) - expected)[0, [0, 1, 2, 4, 5]]
        for ln_sigma in (-1.0, -1.6)
    }
    # to second order the difference goes as the variance
    np.testing.assert_allclose(by_width[-1.6], by_width[-1.0] * np.exp(-1.2), rtol=0.3, atol=0.01)


@pytest.mark.parametrize("filled", [0.0, 2.0])
@pytest.mark.parametrize("density", [DENSITY, OF_STARS], ids=["binaries", "stars"])
def test_pymc_has_the_same_likelihood_as_an_array_or_not(likelihoods, density, filled, monkeypatch):
    monkeypatch.setattr(condensed, "FILLED", filled)
    fine = amplitudes.condense([likelihoods], density, RANGE).coarser(density, 4)
    fine = Condensed.from_dataset(fine.as_dataset())
    assert isinstance(fine.matrix, np.ndarray) == (filled == 0)
    hyper = HYPER if density is DENSITY else [np.array([0.2, 0.5, 0.9]), *HYPER]
    model = pymc_condensed.build_model(fine, density)
    logp = model.compile_logp(jacobian=False)
    names = [rv.name for rv in model.free_RVs]
    assert names == list(density.parameters)
    for m, expected in enumerate(fine.ln_likelihood(density)(*hyper)):
        values = {
            model.rvs_to_values[rv].name: model.rvs_to_transforms[rv].forward(h[m], *rv.owner.inputs).eval()
            for rv, h in zip(model.free_RVs, hyper, strict=True)
        }
        prior = sum(float(p.ln_pdf(h[m])) for p, h in zip(density.parameters.values(), hyper, strict=True))
        assert float(logp(values)) == pytest.approx(expected + prior, abs=1e-7)


def test_stars_without_an_orbit_are_told_apart_and_so_are_their_draws(likelihoods):
    nodes = amplitudes.condense([likelihoods], OF_STARS, RANGE)
    hyper = [np.array([0.3]), *(h[1:2] for h in HYPER)]
    orbit = nodes.as_binaries.system_ln_likelihoods(DENSITY)(*hyper[1:])[0]
    single = np.array([n.no_orbit_ln_evidence for n in likelihoods])
    both = nodes.system_ln_likelihoods(OF_STARS)(*hyper)[0]
    np.testing.assert_allclose(both, np.logaddexp(np.log(0.3) + orbit, np.log(0.7) + single), rtol=0, atol=1e-9)
    probability = np.exp(np.log(0.3) + orbit - both)
    size, rng = 2000, np.random.default_rng(6)
    h = [np.broadcast_to(values, size) for values in hyper]
    for n in (0, 3, 5):
        drawn = amplitudes.draw_system(nodes, RANGE, likelihoods[n], OF_STARS, h, size, rng)
        error = np.sqrt(probability[n] * (1 - probability[n]) / size) + 1e-3
        assert abs(drawn["binary"].mean() - probability[n]) < 4.5 * error
        for name in ("lns", "lnP", "a"):
            np.testing.assert_array_equal(np.isfinite(drawn[name]), drawn["binary"] == 1)


def test_the_full_model_is_the_density_of_all_parameters(likelihoods):
    systems = [n.visits for n in likelihoods[:2]]
    models = [replace(MODEL, noise=Jitter(-1, 1))] * 2
    model = population.build_model(systems, models, DENSITY, RANGE)
    rng = np.random.default_rng(7)
    values = {
        "beta": 0.4,
        "mu_s": 0.9,
        "lnsigma_s": -0.4,
        "lnP": np.array([1.1, 2.2]),
        "lns": np.array([0.3, 1.9]),
        "ln_jitter": np.array([-1.2, 0.1]),
        **{name: rng.normal(0, 2, 2) for name in ("a", "b", "v0")},
    }
    expected = sum(float(p.ln_pdf(values[name])) for name, p in DENSITY.parameters.items())
    expected += DENSITY.of_x.ln_pdf(values["lnP"], 0.4).sum() + DENSITY.of_s.ln_pdf(values["lns"], 0.9, -0.4).sum()
    expected += norm.logpdf(values["ln_jitter"], -1, 1).sum() + norm.logpdf(values["v0"], 0, 20).sum()
    for name in ("a", "b"):
        expected += norm.logpdf(values[name], 0, np.exp(values["lns"])).sum()
    for n, visits in enumerate(systems):
        phase = 2 * np.pi * visits.time_days / np.exp(values["lnP"][n])
        velocity = values["a"][n] * np.cos(phase) + values["b"][n] * np.sin(phase) + values["v0"][n]
        error = np.hypot(visits.rv_err_kms, np.exp(values["ln_jitter"][n]))
        expected += norm.logpdf(visits.rv_kms, velocity, error).sum()
    point = {}
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        value = values[rv.name] if transform is None else transform.forward(values[rv.name], *rv.owner.inputs)
        point[model.rvs_to_values[rv].name] = (
            value if transform is None else value.eval({p: values[p.name] for p in _inputs(value, model)})
        )
    assert float(model.compile_logp(jacobian=False)(point)) == pytest.approx(expected, abs=1e-7)


def _inputs(value, model):
    """The model's variables that a value depends on."""
    from pytensor.graph.traversal import ancestors

    return [rv for rv in model.free_RVs if rv in set(ancestors([value]))]


def test_the_posterior_knows_the_amplitudes_and_leaves_each_system_out(likelihoods):
    fine = amplitudes.condense([likelihoods[:4]], DENSITY, RANGE)
    hyper, nodes = condensed.posterior(fine, DENSITY)
    assert isinstance(hyper, Posterior)
    mean, sd = hyper.moments()["mu_s"]
    assert abs(mean - np.log([0.5, 2, 8, 20]).mean()) < 3 * sd
    left_out = predictive.leave_one_out_condensed(nodes, DENSITY, hyper)
    without = condensed.posterior_of(nodes.without(2), DENSITY)
    assert left_out["ln_predictive"].values[2] == pytest.approx(hyper.ln_evidence - without.ln_evidence, abs=1e-4)
    draw = partial(amplitudes.draw_system, nodes, RANGE)
    tree = population.draw(likelihoods[:2], DENSITY, hyper, 50, lambda name: generator_for(1, name), draw)
    posterior = tree["posterior"].to_dataset()
    assert posterior["lns"].shape == (1, 50, 2)
    assert np.isfinite(posterior["lns"].values).all()


def test_more_than_three_hyper_parameters_are_sampled_to_the_same_posterior(likelihoods):
    """With one that hardly varies before the data, by quadrature without it and by NUTS over the nodes with it."""
    free = density_from_settings(
        {"density": "truncated_normal", "mu": [2.0, 2.0001], "ln_sigma": [-0.2, 0.4], "amplitude": SCALES}, RANGE
    )
    nodes = amplitudes.condense([likelihoods], free, RANGE).coarser(free, 8)
    sampled = condensed.posterior_of(nodes, free, seed=1)
    assert sampled.names == ("mu", "lnsigma", "mu_s", "lnsigma_s")
    evaluate, middle = nodes.ln_likelihood(free), np.array([2.00005])
    priors = {name: prior for name, prior in free.parameters.items() if name != "mu"}
    exact = posterior_given(priors, lambda *h: evaluate(np.broadcast_to(middle, h[0].shape), *h))
    for name, (mean, sd) in exact.moments().items():
        ours = sampled.moments()[name]
        assert abs(ours[0] - mean) < 0.08 * sd
        assert ours[1] == pytest.approx(sd, rel=0.06)
    # the prior of mu is a density of its own
    assert sampled.ln_evidence == pytest.approx(exact.ln_evidence, abs=6 * sampled.error + 0.02)


def test_what_takes_no_scales_refuses_a_population_of_amplitudes_and_the_other_way_round(likelihoods):
    for refused in (
        lambda: population.posterior(likelihoods, DENSITY),
        lambda: population.posterior(likelihoods, OF_STARS),
        lambda: population.build_node_model(likelihoods, DENSITY),
        lambda: population.draw(likelihoods, DENSITY, None, 5, None),
        lambda: condensed.condense([likelihoods], DENSITY, RANGE),
    ):
        with pytest.raises(InputError, match="density of the amplitudes, for which each system needs nodes at every"):
            refused()
    with pytest.raises(InputError, match="a population of amplitudes has a density of these, and neither"):
        amplitudes.condense([likelihoods], DENSITY.of_x, RANGE)


def test_what_the_lattice_misses_is_a_part_of_the_error(nodes):
    far = np.array([[0.0, np.log(0.2) - 1.0, -1.6]])
    missed = DENSITY.of_s.missed(list(far[:, 1:].T))
    assert missed[0] > 1e-9
    there = SimpleNamespace(points=far, weights=np.ones(1))
    assert nodes.missed(DENSITY, there) == pytest.approx(len(nodes) * missed[0])
    assert nodes.missed(DENSITY.of_x, there) == 0
    assert DENSITY.of_s.missed(HYPER[1:]).max() < 1e-6


def test_of_a_population_that_cannot_hold_a_system_no_draw_is_made(nodes, likelihoods):
    narrow = [np.zeros(5), np.full(5, np.log(0.2) - 1), np.full(5, -1.6)]
    strong = replace(nodes, shares=0 * nodes.shares)
    with pytest.raises(FloatingPointError, match="next to nothing at all scales"):
        amplitudes.draw_system(strong, RANGE, likelihoods[3], DENSITY, narrow, 5, np.random.default_rng(1))


def test_the_posterior_of_likelihoods_is_had_with_what_draws_them(likelihoods):
    hyper, draw_system = amplitudes.posterior(likelihoods[:3], DENSITY, RANGE)
    tree = population.draw(likelihoods[:1], DENSITY, hyper, 20, lambda name: generator_for(1, name), draw_system)
    assert np.isfinite(tree["posterior"]["lns"].values).all()
