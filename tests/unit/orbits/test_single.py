"""The PyMC model of one system: its density, its starts, its maximum and its draws."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from conftest import random_visits
from starpop.checks.agreement import compare_systems
from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import assess_systems, summarise_system
from starpop.inference import sampling
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import single
from starpop.orbits.fitted import names_of, sampled_of
from starpop.orbits.noise import Jitter, Reported, Scaled
from starpop.orbits.orbit import conditional, radial_velocity
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import chosen_by_name

COEFFICIENTS = ("a", "b", "v0")
NOISES = [Reported(), Scaled(0.0, 1.5), Jitter(-2.0, 2.0)]
PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
LIMITS = Thresholds(1.01, 400, 0, 0.01, 0.3)
SETTINGS = SamplerSettings("nutpie", chains=2, tune=300, draws=300, target_accept=0.8, max_treedepth=10)


def test_the_models_density_is_the_tutorials():
    visits, _ = random_visits(np.random.default_rng(0), 9)
    model = single.build_model(visits, PRIOR, RANGE)
    ln_density = model.compile_logp(jacobian=False)
    for period, theta in ((3.3, [5.0, -2.0, 10.0]), (17.0, [0.1, 30.0, -80.0])):
        point = dict(zip(COEFFICIENTS, theta, strict=True)) | {
            "P_interval__": np.log((period - RANGE[0]) / (RANGE[1] - period))
        }
        expected = -np.log(RANGE[1] - RANGE[0]) + norm.logpdf(theta, 0, [100, 100, 150]).sum()
        velocity = radial_velocity(visits.time_days, period, np.array(theta))
        expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
        assert ln_density(point) == pytest.approx(expected, rel=1e-10)


def test_starts_are_draws_from_the_heaviest_mode():
    visits, _ = random_visits(np.random.default_rng(1), 20, error=2.0)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    assert set(starts) == {"P", *COEFFICIENTS}
    centre, width = likelihood.peak_ln_period[0], likelihood.peak_ln_period_sd[0]
    assert np.abs(np.log(starts["P"]) - centre).max() < 5 * width
    assert len(starts["P"]) == single.STARTS


def test_exact_draws_and_modes_of_a_batch(twin):
    likelihoods = [period_likelihood(v, PRIOR, RANGE) for v in (twin[2], twin[9])]
    tree = single.draw(likelihoods, RANGE, 4000, base_seed=3)
    alone = single.draw(likelihoods[1:], RANGE, 4000, base_seed=3)
    for name in ("P", *COEFFICIENTS):
        np.testing.assert_array_equal(tree["posterior"][name][1], alone["posterior"][name][0])
    for i, likelihood in enumerate(likelihoods):
        ln_period = np.log(tree["posterior"]["P"].values[i, 0])
        width = likelihood.peak_ln_period_sd[0]
        assert abs(ln_period.mean() - likelihood.peak_ln_period[0]) < 5 * width / np.sqrt(4000)
        assert ln_period.std() == pytest.approx(width, rel=0.05)
    np.testing.assert_array_equal(tree["modes"]["n_modes"], [1, 1])
    np.testing.assert_allclose(tree["modes"]["mode_weight"], 1)


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)
def test_the_maximum_a_posteriori_is_higher_than_every_point_around_it(noise):
    visits, _ = random_visits(np.random.default_rng(4), 15, error=1.0)
    model = SystemModel(100, 150, noise=noise)
    likelihood = period_likelihood(visits, model, RANGE)
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    best = single.maximum_a_posteriori(visits, model, RANGE, starts)

    def ln_density(point):
        theta = np.array([point[name] for name in COEFFICIENTS])
        velocity = radial_velocity(visits.time_days, point["P"], theta)
        value, variance = 0.0, visits.rv_err_kms**2
        if noise.parameter is not None:
            u = np.array([point[noise.parameter]])
            value, variance = noise.ln_prior(u), noise.variances(u, visits)
        value += norm.logpdf(visits.rv_kms, velocity, np.sqrt(variance)).sum()
        return value + norm.logpdf(theta, 0, [100, 100, 150]).sum()

    top = ln_density(best)
    rng = np.random.default_rng(5)
    for scale in (1.0, 0.1, 0.01):
        for _ in range(200):
            shift = scale * rng.normal(size=5)
            point = {"P": best["P"] * np.exp(likelihood.peak_ln_period_sd[0] * shift[0])}
            point |= {name: best[name] + 0.5 * shift[i + 1] for i, name in enumerate(COEFFICIENTS)}
            if noise.parameter is not None:
                point[noise.parameter] = best[noise.parameter] + 0.3 * shift[4]
            # with a noise, searching in turns stops within 1e-6 of the top
            assert ln_density(point) <= top + (1e-9 if noise.parameter is None else 1e-6)


def test_the_highest_point_may_be_at_an_end_of_the_range_or_the_one_that_is_known(twin):
    visits = twin[2]
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    period = float(np.median(starts["P"]))
    shortest = (period * (1 + 2 * likelihood.peak_ln_period_sd[0]), RANGE[1])
    assert single.maximum_a_posteriori(visits, PRIOR, shortest, starts)["P"] == pytest.approx(shortest[0], rel=1e-9)
    same = {name: np.repeat(values[:1], 5) for name, values in starts.items()}
    assert single.maximum_a_posteriori(visits, PRIOR, RANGE, same)["P"] == pytest.approx(same["P"][0], rel=1e-9)


@pytest.fixture(scope="module")
def fitted(twin):
    """Two systems of the twin, fitted in one batch."""
    systems = [twin[2], twin[9]]
    likelihoods = [period_likelihood(v, PRIOR, RANGE) for v in systems]
    return systems, likelihoods, single.fit_systems(likelihoods, PRIOR, RANGE, SETTINGS, base_seed=1)


def test_a_systems_draws_do_not_depend_on_its_batch(fitted):
    _, likelihoods, together = fitted
    alone = single.fit_systems(likelihoods[1:], PRIOR, RANGE, SETTINGS, base_seed=1)
    for name in ("P", *COEFFICIENTS):
        np.testing.assert_array_equal(together["posterior"][name][1], alone["posterior"][name][0])


def test_draws_have_the_moments_of_the_peak(fitted):
    systems, likelihoods, tree = fitted
    for i, (visits, likelihood) in enumerate(zip(systems, likelihoods, strict=True)):
        centre, width = likelihood.peak_ln_period[0], likelihood.peak_ln_period_sd[0]
        ln_period = np.log(tree["posterior"]["P"].values[i])
        assert abs(ln_period.mean() - centre) < 0.3 * width
        assert ln_period.std() == pytest.approx(width, rel=0.25)
        fit = conditional(np.array([np.exp(-centre)]), visits, PRIOR)
        v0 = tree["posterior"]["v0"].values[i]
        assert abs(v0.mean() - fit.mean[0, 2]) < 0.5 * np.sqrt(fit.covariance()[2, 2])
    assert not tree["sample_stats"]["diverging"].values.any()


def test_pymcs_own_sampler_gives_the_same_posterior(fitted):
    _, likelihoods, tree = fitted
    other = single.fit_systems(likelihoods[:1], PRIOR, RANGE, replace(SETTINGS, backend="pymc"), base_seed=1)
    for name in ("P", *COEFFICIENTS):
        ours, theirs = other["posterior"][name].values[0], tree["posterior"][name].values[0]
        # 600 draws of some 300 effective each: the means agree within 5 Monte Carlo errors
        assert abs(ours.mean() - theirs.mean()) < 5 * ours.std() * np.sqrt(2 / 300)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.25)


def test_an_empty_batch_has_no_draws():
    tree = single.fit_systems([], PRIOR, RANGE, SETTINGS, base_seed=1)
    assert tree["posterior"].sizes["system"] == 0


def test_nuts_is_kept_to_the_heaviest_of_several_modes_and_agrees_with_the_exact_draws_there():
    visits, _ = random_visits(np.random.default_rng(3), 6, 60.0, 3.0, 1.0)
    likelihood = period_likelihood(visits, PRIOR, RANGE)
    mode, (shortest, longest) = single.sampled_range(likelihood, RANGE)
    assert RANGE[0] <= shortest < np.exp(likelihood.peak_ln_period[mode]) < longest <= RANGE[1]
    settings = replace(SETTINGS, tune=500, draws=1000, target_accept=0.9)
    nuts = single.fit_systems([likelihood], PRIOR, RANGE, settings, 1)
    exact = single.draw([likelihood], RANGE, 20_000, 1)
    period = nuts["posterior"]["P"].values
    assert shortest <= period.min() < period.max() <= longest
    assert list(exact["modes"]["status"].values) == [""]
    table = compare_systems(exact, nuts)
    assert table["agrees"].all(), table
    assert table["note"].str.startswith("within the heaviest of").all()


def test_draws_that_nodes_do_not_bear_out_are_told(twin, monkeypatch):
    likelihood = period_likelihood(twin[2], PRIOR, RANGE)
    right = single.draw_orbits
    width = likelihood.peak_ln_period_sd[0]

    def shifted(*args):
        drawn = right(*args)
        return drawn | {"lnP": drawn["lnP"] + 0.1 * width}

    assert list(single.draw([likelihood], RANGE, 4000, 1)["modes"]["status"].values) == [""]
    monkeypatch.setattr(single, "draw_orbits", shifted)
    (status,) = single.draw([likelihood], RANGE, 4000, 1)["modes"]["status"].values
    assert status.startswith("draws and nodes disagree: by")


def test_a_sampler_that_takes_too_long_is_stopped_and_says_so(twin, monkeypatch):
    likelihood = period_likelihood(twin[2], PRIOR, RANGE)
    monkeypatch.setattr(sampling, "LOOK", 0.05)
    for backend in ("nutpie", "pymc"):
        slow = replace(SETTINGS, backend=backend, draws=100_000, max_minutes=0.005)
        fits = single.fit_systems([likelihood], PRIOR, RANGE, slow, 1)
        (status,) = fits["map"]["status"].values
        said = r"not checked: NUTS made \d+ of 200600 steps in \d+ s, and sampler.max_minutes is 0.005"
        assert re.fullmatch(said, status)
        assert np.isnan(fits["posterior"]["P"].values).all()


def test_without_nuts_the_highest_point_is_still_there(twin):
    likelihood = period_likelihood(twin[2], PRIOR, RANGE)
    fits = single.fit_systems([likelihood], PRIOR, RANGE, replace(SETTINGS, backend="none"), 1)
    assert list(fits["map"]["status"].values) == ["not checked: sampler.backend is none"]
    assert fits["map"]["P"].item() == pytest.approx(np.exp(likelihood.peak_ln_period[0]), rel=1e-6)
    assert np.isnan(fits["posterior"]["P"].values).all()


def test_of_many_systems_some_are_sampled_and_the_others_have_all_else(fitted):
    """What is sampled is as if all were, and the tables say of how many that is."""
    systems, likelihoods, together = fitted
    first, second = (v.system for v in systems)
    some = single.fit_systems(likelihoods, PRIOR, RANGE, SETTINGS, 1, sampled={second})
    assert sampled_of(some) == [second]
    assert names_of(some) == [first, second]
    np.testing.assert_array_equal(some["posterior"]["P"][0], together["posterior"]["P"][1])
    assert some["map"].to_dataset().drop_vars("status").equals(together["map"].to_dataset().drop_vars("status"))
    exact = single.draw(likelihoods, RANGE, 4000, 1)
    nothing_lost = xr.Dataset(
        {"failed_system": ("failed", np.array([], str)), "reason": ("failed", np.array([], str))}
    )
    some.attrs["settings"] = json.dumps({"period_range_days": RANGE})
    rows = assess_systems([nothing_lost], [exact], [some], LIMITS, 10).set_index("fit")["status"]
    assert list(rows.index) == ["1 other systems", second]
    assert rows["1 other systems"].startswith("not checked: not among the systems that NUTS samples")
    assert {name.split("[")[1] for name in compare_systems(exact, some)["parameter"]} == {f"{second}]"}
    summary = summarise_system(first, exact, some, rows.to_dict())
    (status,) = summary.loc[summary["method"] == "nuts", "status"]
    assert status == some["map"]["status"].sel(system=first).item()


def test_which_systems_are_chosen_is_a_matter_of_their_names_alone():
    names = [f"S{i}" for i in range(200)]
    chosen = chosen_by_name(names, 50)
    assert len(chosen) == 50
    assert chosen == chosen_by_name(names[::-1], 50)
    assert len(chosen_by_name([*names, "new"], 50) - chosen) <= 1
    assert chosen_by_name(names[:10], 50) == set(names[:10])
    assert 15 < sum(int(name[1:]) < 100 for name in chosen) < 35
