"""Chains that diverge are sampled again with smaller steps, while there is the time for it."""

import numpy as np
import pymc as pm
import pytest

from starpop.inference.sampling import Sampler, SamplerSettings, TooSlow

SETTINGS = SamplerSettings("nutpie", chains=2, tune=300, draws=500, target_accept=0.8, max_treedepth=10)
STARTS = {"ln_width": np.full(4, 0.3), "x": np.ones((4, 3))}


@pytest.fixture(scope="module")
def funnel() -> Sampler:
    """A model whose neck the steps of a target_accept of 0.8 are too long for."""
    with pm.Model() as model:
        ln_width = pm.Normal("ln_width", 0, 1)
        pm.Normal("x", 0, pm.math.exp(ln_width), shape=3)
    return Sampler(model, SETTINGS)


def divergences(tree) -> int:
    return int(tree["sample_stats"]["diverging"].sum())


def asked_for(sampler, monkeypatch, fails_after=9):
    """The target_accept of each run of a sampler, of which some fail."""
    right, asked = sampler.run, []

    def run(starts, seed, data=None, settings=SETTINGS):
        asked.append(settings.target_accept)
        if len(asked) > fails_after:
            raise TooSlow("it takes too long")
        return right(starts, seed, data, settings)

    monkeypatch.setattr(sampler, "run", run)
    return asked


def test_smaller_steps_follow_divergences(funnel, monkeypatch):
    once = funnel.run(STARTS, 1)
    asked = asked_for(funnel, monkeypatch)
    assert divergences(funnel.run_carefully(STARTS, 1)) < divergences(once)
    assert asked == pytest.approx([0.8, 0.95, 0.9875][: len(asked)]) and len(asked) > 1


def test_chains_that_do_not_diverge_are_kept(funnel, monkeypatch):
    calm = funnel.run(STARTS, 1)
    calm["sample_stats"]["diverging"][:] = False
    monkeypatch.setattr(funnel, "run", lambda *_: calm)
    assert funnel.run_carefully(STARTS, 1) is calm


def test_without_the_time_the_chains_before_are_kept(funnel, monkeypatch):
    once = funnel.run(STARTS, 1)
    asked = asked_for(funnel, monkeypatch, fails_after=1)
    kept = funnel.run_carefully(STARTS, 1)
    assert len(asked) == 2 and divergences(kept) == divergences(once) > 0
    np.testing.assert_array_equal(kept["posterior"]["x"], once["posterior"]["x"])


def test_of_several_runs_that_with_the_fewest_divergences_is_kept_and_all_share_the_time(funnel, monkeypatch):
    tree, left, counts = funnel.run(STARTS, 1), [], iter([3, 1, 9])

    def run(starts, seed, data=None, settings=SETTINGS):
        left.append(settings.max_minutes)
        found = tree.copy(deep=True)
        found["sample_stats"]["diverging"][:] = np.arange(1000).reshape(2, 500) < next(counts)
        return found

    monkeypatch.setattr(funnel, "run", run)
    assert divergences(funnel.run_carefully(STARTS, 1)) == 1
    assert left[0] > left[1] > left[2] > 9
