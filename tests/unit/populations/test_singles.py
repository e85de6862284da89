"""A population with stars that have no orbit: its sum over nodes, its draws, and that it is calibrated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from starpop.checks import diagnostics
from starpop.inference.densities import density_from_settings
from starpop.orbits import no_orbit
from starpop.orbits.noise import Jitter
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.periods import read_likelihoods, scan_systems
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import condensed, population, predictive, survey
from starpop.run.seeds import generator_for

RANGE = (2.0, 60.0)
MODEL = SystemModel(1.0, 10)
SETTINGS = {"density": "truncated_normal", "mu": [1, 3.5], "ln_sigma": [-1, 0.5], "fraction": [0, 1]}
DENSITY = density_from_settings(SETTINGS, RANGE)


def star(name, rng, hyper, model=MODEL, density=DENSITY):
    """A star's visits, and whether it is a binary."""
    fraction, mu, lnsigma = hyper
    count = int(rng.integers(4, 12))
    time, error = np.sort(rng.uniform(0, 300, count)), np.full(count, 0.3)
    is_binary, velocity = rng.random() < fraction, rng.normal(0, 10) + rng.normal(0, error)
    if is_binary:
        (x,) = density.of_binaries.draw([np.array([mu]), np.array([lnsigma])], 1, rng)
        a, b = rng.normal(0, model.amplitude_sd_kms, 2)
        angle = 2 * np.pi * time / np.exp(x)
        velocity = velocity + a * np.cos(angle) + b * np.sin(angle)
    return Visits(name, time, velocity, error), is_binary


@pytest.fixture(scope="module")
def stars():
    rng = np.random.default_rng(1)
    found = [star(f"S{i:02d}", rng, (0.5, 2.2, -0.5)) for i in range(24)]
    return [period_likelihood(visits, MODEL, RANGE) for visits, _ in found], np.array([b for _, b in found])


def hyper_of(size, rng):
    return rng.uniform(0.05, 0.95, size), rng.uniform(1.5, 3, size), rng.uniform(-0.8, 0.3, size)


@pytest.mark.parametrize("model", [MODEL, replace(MODEL, noise=Jitter(-1, 0.5))])
def test_the_likelihood_is_that_of_the_two_hypotheses(model):
    rng = np.random.default_rng(2)
    visits, _ = star("S", rng, (0.5, 2.2, -0.5))
    likelihood, (fraction, mu, lnsigma) = period_likelihood(visits, model, RANGE), hyper_of(6, rng)
    orbit = [
        likelihood.ln_evidence(DENSITY.of_binaries.ln_pdf(likelihood.ln_period, m, s))
        for m, s in zip(mu, lnsigma, strict=True)
    ]
    none = no_orbit.ln_evidence(visits, model)
    expected = np.logaddexp(np.log(fraction) + orbit, np.log1p(-fraction) + none)
    values = population.ln_likelihood([likelihood], DENSITY)(fraction, mu, lnsigma)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)


def test_with_a_fraction_of_one_it_is_the_population_of_binaries(stars):
    likelihoods, _ = stars
    _, mu, lnsigma = hyper_of(5, np.random.default_rng(3))
    ours = population.ln_likelihood(likelihoods, DENSITY)(np.full(5, 1 - 1e-15), mu, lnsigma)
    theirs = population.ln_likelihood(likelihoods, DENSITY.of_binaries)(mu, lnsigma)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_condensed_it_is_the_same(stars):
    likelihoods, _ = stars
    nodes = condensed.condense([likelihoods[:10], likelihoods[10:]], DENSITY, RANGE)
    hyper = hyper_of(20, np.random.default_rng(4))
    full = population.ln_likelihood(likelihoods, DENSITY)(*hyper)
    for factor in (8, 2):
        coarse = nodes.coarser(DENSITY, factor)
        apart = np.abs(coarse.ln_likelihood(DENSITY)(*hyper) - full)
        assert (apart <= coarse.error(DENSITY, hyper) + 1e-9).all()
    np.testing.assert_allclose(nodes.ln_likelihood(DENSITY)(*hyper), full, rtol=0, atol=1e-7)
    stored = condensed.Condensed.from_dataset(nodes.as_dataset())
    np.testing.assert_array_equal(stored.ln_likelihood(DENSITY)(*hyper), nodes.ln_likelihood(DENSITY)(*hyper))
    left = nodes.without(3).system_ln_likelihoods(DENSITY)(*hyper)
    others = np.delete(nodes.system_ln_likelihoods(DENSITY)(*hyper), 3, axis=1)
    np.testing.assert_allclose(left, others, rtol=1e-14, atol=0)


def test_posterior_draws_and_probabilities_agree_and_know_who_is_a_binary(stars):
    likelihoods, is_binary = stars
    hyper = population.posterior(likelihoods, DENSITY)
    probability = survey.binary_probability(hyper, len(likelihoods), population.as_either(likelihoods, DENSITY))
    size = 4000
    tree = population.draw(likelihoods, DENSITY, hyper, size, lambda name: generator_for(99, name))
    drawn = tree["posterior"].to_dataset().isel(chain=0)
    held = drawn["binary"].mean("draw").values
    error = np.sqrt(probability * (1 - probability) / size) + 1e-3
    assert (np.abs(held - probability) < 5 * error).all()
    np.testing.assert_array_equal(np.isfinite(drawn["lnP"].values), drawn["binary"].values == 1)
    low, high = np.log(RANGE)
    periods = drawn["lnP"].values
    assert ((periods >= low) & (periods <= high))[np.isfinite(periods)].all()
    z = (is_binary.sum() - probability.sum()) / np.sqrt(np.sum(probability * (1 - probability)))
    assert abs(z) < 3.5
    assert probability[is_binary].mean() > probability[~is_binary].mean() + 0.3
    mean, sd = hyper.moments()["F"]
    assert abs(mean - is_binary.mean()) < 4 * sd
    left_out = predictive.leave_one_out(likelihoods, DENSITY, hyper)
    assert np.isfinite(left_out["ln_predictive"].values).all()


def test_draws_are_those_of_the_joint_posterior():
    """Of one star the share of binaries is that of the two evidences with the prior's mean fraction."""
    rng = np.random.default_rng(6)
    visits, _ = star("S", rng, (0.3, 2.2, -0.5))
    likelihood = period_likelihood(visits, MODEL, RANGE)
    hyper = population.posterior([likelihood], DENSITY)
    grid = np.linspace(-1, 1, 41) * 0.4999
    mu, lnsigma = (a.ravel() for a in np.meshgrid(2.25 + 2.5 * grid, -0.25 + 1.5 * grid))
    orbit = population.ln_likelihood([likelihood], DENSITY.of_binaries)(mu, lnsigma)
    orbit, none = logsumexp(orbit) - np.log(len(mu)), likelihood.no_orbit_ln_evidence
    expected = 1 / (1 + np.exp(none - orbit))
    found = survey.binary_probability(hyper, 1, population.as_either([likelihood], DENSITY))
    assert found[0] == pytest.approx(expected, abs=0.01)
    assert hyper.ln_evidence == pytest.approx(np.logaddexp(orbit, none) - np.log(2), abs=0.01)


def test_it_is_calibrated():
    """The ranks of true hyper-parameters among draws of their posteriors are uniform."""
    ranks, bins = [], 5
    for k in range(60):
        rng = np.random.default_rng([7, k])
        hyper = [prior.low + (prior.high - prior.low) * rng.random() for prior in DENSITY.parameters.values()]
        stars = [star(f"S{i}", rng, hyper)[0] for i in range(12)]
        # over condensed nodes, which is ten times as fast
        nodes = condensed.condense([[period_likelihood(v, MODEL, RANGE) for v in stars]], DENSITY, RANGE)
        found = condensed.posterior_of(nodes.coarser(DENSITY, 8), DENSITY)
        drawn = np.stack(list(found.draw(bins * 20 - 1, rng).values()))
        ranks.append((drawn < np.array(hyper)[:, None]).sum(axis=1) // 20)
    for of_parameter in np.array(ranks).T:
        counts = np.bincount(of_parameter, minlength=bins)
        assert np.sum((counts - 12) ** 2 / 12) < 18.5  # a chance of 1e-3 each


def test_a_star_that_cannot_be_drawn_is_lost_and_said_and_stops_none(stars, monkeypatch):
    likelihoods = stars[0][:4]

    def failing(likelihood, *arguments):
        if likelihood.system == likelihoods[0].system:
            raise FloatingPointError("planted")
        return draw_star(likelihood, *arguments)

    draw_star = population.draw_star
    monkeypatch.setattr(population, "draw_star", failing)
    hyper = condensed.posterior_of(condensed.condense([likelihoods], DENSITY, RANGE).coarser(DENSITY, 8), DENSITY)
    tree = population.draw(likelihoods, DENSITY, hyper, 50, lambda name: np.random.default_rng(1))
    binary = tree["posterior"]["binary"].isel(chain=0)
    assert list(np.isnan(binary).all("draw").values) == [True, False, False, False]
    assert diagnostics._not_drawn(tree) == [likelihoods[0].system]


def test_offsets_without_an_orbit_have_the_width_that_the_scan_found_for_that():
    rng = np.random.default_rng(3)
    visits, _ = star("S", rng, (0.5, 2.2, -0.5))
    visits = replace(visits, instruments=("a", "b"), instrument=np.arange(len(visits)) % 2)
    visits = replace(visits, rv_kms=visits.rv_kms + 30.0 * visits.instrument)
    model = replace(MODEL, offsets=True, offset_sd_kms=1.0)
    scan = scan_systems([visits], model, RANGE, 20)
    (likelihood,) = read_likelihoods([scan], {"S": visits}, model)
    assert likelihood.no_orbit_ln_evidence == no_orbit.ln_evidence(visits, model)
