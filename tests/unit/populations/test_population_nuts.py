"""When a population is left to the nodes, and what is said of one that its systems hardly inform."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from conftest import random_visits
from starpop.checks import diagnostics
from starpop.inference.densities import Normal, TruncatedNormal
from starpop.inference.sampling import SamplerSettings
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import population, population_nuts
from starpop.run import status
from starpop.run.seeds import generator_for

PRIOR, RANGE = SystemModel(100, 150), (1.5, 20.0)
TRUNCATED = TruncatedNormal((np.log(1.5), np.log(20.0)), (-2, 3), RANGE)
SETTINGS = SamplerSettings("nutpie", 2, 200, 200, 0.9, 10)
LIMITS = diagnostics.Thresholds(1.01, 400, 0, 0.01, 0.3)


@pytest.fixture(scope="module")
def likelihoods(twin):
    return [period_likelihood(visits, PRIOR, RANGE) for visits in twin[:4]]


def ambiguous():
    visits, _ = random_visits(np.random.default_rng(3), 5, 60.0, 3.0, 1.0)
    return period_likelihood(replace(visits, system="ambiguous"), PRIOR, RANGE)


def test_a_population_is_sampled_in_full_where_nuts_can(likelihoods):
    assert population_nuts.why_not_in_full(likelihoods, RANGE, SETTINGS) == ""


def test_why_a_population_is_left_to_the_nodes(likelihoods):
    def why(systems, **changes):
        return population_nuts.why_not_in_full(systems, RANGE, replace(SETTINGS, **changes))

    assert why(likelihoods, backend="none") == "sampler.backend is none"
    assert why(likelihoods[:1]) == "of 1 system, and 3 make a population"
    assert why(likelihoods, max_systems=3) == "4 systems are more than sampler.max_systems, 3"
    said = why([*likelihoods, ambiguous()])
    assert said == "many modes, which NUTS cannot change between (1 system, the worst of them ambiguous)"


def exact_of(likelihoods, density):
    hyper = population.posterior(likelihoods, density)
    return hyper, population.draw(likelihoods, density, hyper, 400, lambda name: generator_for(1, name))


def test_left_to_the_nodes_the_product_is_that_over_the_nodes(likelihoods):
    density = Normal((1, 10), (-2, 3))
    _, exact = exact_of(likelihoods, density)
    trees = population_nuts.sample(likelihoods, density, RANGE, exact, replace(SETTINGS, max_systems=2), 1)
    assert trees["posterior"][0] is trees["hyper_posterior"][0]
    assert trees["posterior"][1] == "4 systems are more than sampler.max_systems, 2"
    assert trees["hyper_posterior"][1] == ""
    row, summary = diagnostics.assess_tree("p", trees["posterior"][0], LIMITS, 10, trees["posterior"][1])
    assert row["status"] == "not checked: 4 systems are more than sampler.max_systems, 2"
    assert list(summary["parameter"]) == ["mu", "lnsigma"]
    assert not status.has_failed(row["status"])


@pytest.mark.parametrize(
    ("systems", "backend", "why"),
    [(4, "none", "sampler.backend is none"), (2, "nutpie", "of 2 systems, and 3 make a population")],
)
def test_where_nuts_would_tell_nothing_there_is_nothing_to_summarise(likelihoods, systems, backend, why):
    some = likelihoods[:systems]
    _, exact = exact_of(some, TRUNCATED)
    trees = population_nuts.sample(some, TRUNCATED, RANGE, exact, replace(SETTINGS, backend=backend), 1)
    for tree, reason in trees.values():
        row, summary = diagnostics.assess_tree("p", tree, LIMITS, 10, reason)
        assert row["status"] == f"not checked: {why}"
        assert summary.empty


def informed(likelihoods, density):
    hyper, _ = exact_of(likelihoods, density)
    before = ("parameter", [prior.sd for prior in density.parameters.values()])
    exact = hyper.summary().assign(prior_sd=before)
    return diagnostics.assess_exact("p exact", xr.DataTree.from_dict({"exact": exact}), LIMITS)["status"]


def constant_star(seed):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 300, 12))
    return period_likelihood(Visits(f"C{seed}", time, rng.normal(0, 0.2, 12), np.full(12, 0.2)), PRIOR, RANGE)


def test_a_population_that_its_systems_hardly_inform_says_so(likelihoods):
    constant = [constant_star(seed) for seed in range(12)]
    for systems in (constant, likelihoods[:1]):
        said = informed(systems, TRUNCATED)
        assert said.startswith("hardly informed: each parameter is 0."), said
        assert not status.has_failed(said)
    assert informed(likelihoods, TRUNCATED) == "ok"
