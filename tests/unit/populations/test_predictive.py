"""Leave-one-system-out: the posterior's harmonic mean against fits without each system."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.polynomial.hermite import hermgauss

from starpop.inference.densities import Histogram, Normal, NormalMixture, PowerLaw, StudentT, TruncatedNormal
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import population
from starpop.populations.predictive import leave_one_out

RANGE = (1.5, 20.0)
DENSITIES = {
    "normal": Normal((1, 10), (-2, 3)),
    "truncated": TruncatedNormal((0, 4), (-2, 1), RANGE),
    "student_t": StudentT((0, 4), (-2, 1), (0, 3)),
    "power_law": PowerLaw((-3, 3), RANGE),
    "three bins": Histogram(3, (-2, 1), RANGE),
}


def nodes(places, width=0.1):
    """Stand-ins for period likelihoods: normal ones of x, by three nodes each."""
    points, weights = hermgauss(3)
    return [
        SimpleNamespace(
            system=f"S{i}", ln_period=x + np.sqrt(2) * width * points, ln_weight=np.log(weights / np.sqrt(np.pi))
        )
        for i, x in enumerate(places)
    ]


def evidence_ratios(likelihoods, density, hyper):
    """Ln p(D) - ln p(D_-n), every p(D_-n) from a fit of its own."""
    others = [[*likelihoods[:i], *likelihoods[i + 1 :]] for i in range(len(likelihoods))]
    return [hyper.ln_evidence - population.posterior(rest, density).ln_evidence for rest in others]


@pytest.mark.parametrize("name", DENSITIES)
def test_leaving_one_out_is_fitting_without_it(name):
    density, likelihoods = DENSITIES[name], nodes([0.8, 1.6, 1.8, 2.6])
    hyper = population.posterior(likelihoods, density)
    left_out = leave_one_out(likelihoods, density, hyper)
    np.testing.assert_allclose(left_out["ln_predictive"], evidence_ratios(likelihoods, density, hyper), atol=1e-6)
    assert (left_out["ln_predictive_error"] < 1e-6).all()


def test_the_tutorials_systems_one_by_one(twin):
    density = DENSITIES["normal"]
    likelihoods = [period_likelihood(visits, SystemModel(100, 150), RANGE) for visits in twin]
    hyper = population.posterior(likelihoods, density)
    left_out = leave_one_out(likelihoods, density, hyper)
    assert list(left_out["system"].values) == [visits.system for visits in twin]
    np.testing.assert_allclose(left_out["ln_predictive"], evidence_ratios(likelihoods, density, hyper), atol=1e-6)


@pytest.mark.parametrize("name", ["normal", "truncated"])
def test_a_system_far_from_all_others_is_left_out_by_a_fit(name):
    """The posterior of all has no points where that of the others has its mass: a sum over them is wrong."""
    density = DENSITIES[name]
    likelihoods = nodes([*np.random.default_rng(2).normal(0.7, 0.1, 9), 2.8], 0.05)
    hyper = population.posterior(likelihoods, density)
    left_out = leave_one_out(likelihoods, density, hyper)
    assert left_out["refitted"].values[-1]
    ln_likelihood = population.system_ln_likelihoods(likelihoods[-1:], density)(*hyper.points.T)[:, 0]
    alone, error, believable = hyper.ln_predictive(ln_likelihood)
    assert not believable
    assert abs(alone - float(left_out["ln_predictive"][-1])) > 5e-4
    assert error > 5e-4
    np.testing.assert_allclose(left_out["ln_predictive"], evidence_ratios(likelihoods, density, hyper), atol=1e-6)


def test_the_only_system_is_predicted_by_the_prior():
    likelihoods = nodes([1.4])
    hyper = population.posterior(likelihoods, DENSITIES["normal"])
    left_out = leave_one_out(likelihoods, DENSITIES["normal"], hyper)
    assert float(left_out["ln_predictive"][0]) == pytest.approx(hyper.ln_evidence, abs=1e-6)


@pytest.mark.parametrize(
    "density", [NormalMixture((0, 3), (0, 3), (-2, 1)), Histogram(6, (-2, 1), RANGE)], ids=["mixture", "six bins"]
)
def test_draws_leave_one_out_within_their_error(density):
    """Against importance sampling from the prior."""
    likelihoods = nodes([0.8, 1.1, 1.3, 1.6, 1.7, 2.2, 2.75])
    hyper = population.posterior(likelihoods, density, seed=1)
    left_out = leave_one_out(likelihoods, density, hyper, seed=2)
    rng, size = np.random.default_rng(4), 400_000
    values = [prior.from_normal(rng.standard_normal(size)) for prior in density.parameters.values()]
    ln_likelihood = population.system_ln_likelihoods(likelihoods, density)(*values)
    for i in range(len(likelihoods)):
        others = np.exp(ln_likelihood.sum(axis=1) - ln_likelihood[:, i] - 1)
        share = others / others.sum()
        terms = np.exp(ln_likelihood[:, i])
        expected = share @ terms
        error = np.sqrt(np.sum((share * (terms - expected)) ** 2)) / expected
        error = np.hypot(error, float(left_out["ln_predictive_error"][i]))
        assert error < 0.1
        assert abs(float(left_out["ln_predictive"][i]) - np.log(expected)) < 4 * error


@pytest.mark.parametrize("name", ["normal", "power_law"])
def test_what_a_system_tells_is_how_far_it_moves_the_posterior(name):
    density, likelihoods = DENSITIES[name], nodes([0.8, 1.6, 1.8, 2.6])
    hyper = population.posterior(likelihoods, density)
    left_out = leave_one_out(likelihoods, density, hyper)
    for i in range(len(likelihoods)):
        others = [*likelihoods[:i], *likelihoods[i + 1 :]]
        apart = hyper.ln_evidence - population.posterior(others, density).ln_evidence
        # of ln(posterior / posterior of the others), whose priors are the same
        ratio = population.ln_likelihood(likelihoods, density)(*hyper.points.T)
        ratio -= population.ln_likelihood(others, density)(*hyper.points.T) + apart
        assert left_out["information"].values[i] == pytest.approx(hyper.weights @ ratio, abs=1e-5)
    assert (left_out["information"] > 1e-3).all()


def test_one_system_alone_tells_all_there_is():
    density, likelihoods = DENSITIES["normal"], nodes([1.6])
    hyper = population.posterior(likelihoods, density)
    left_out = leave_one_out(likelihoods, density, hyper)
    assert left_out["ln_predictive"].values[0] == pytest.approx(hyper.ln_evidence, abs=1e-9)
    ratio = population.ln_likelihood(likelihoods, density)(*hyper.points.T) - hyper.ln_evidence
    assert left_out["information"].values[0] == pytest.approx(hyper.weights @ ratio, abs=1e-9)
