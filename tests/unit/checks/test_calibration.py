"""Calibration: right on a right chain, and able to fail."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import norm

from conftest import ROOT
from starpop.checks import calibration
from starpop.checks.calibration import Case
from starpop.inference.densities import Histogram, Normal, TruncatedNormal, density_from_settings
from starpop.inference.density import Density
from starpop.inference.eccentricities import Eccentricity, UniformEccentricity
from starpop.orbits.conditions import Conditions
from starpop.orbits.noise import Jitter, Reported
from starpop.orbits.orbit import radial_velocity
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import Survey, simulate_system
from starpop.run import progress
from starpop.run.errors import InputError
from starpop.run.settings import resolve

RANGE = (1.5, 20.0)
SURVEY = Survey((8, 20), (50, 300), (0.1, 1.0))
DENSITY = TruncatedNormal((0.8, 2.6), (-1.5, 0.5), RANGE)
BASE = Case(SystemModel(10, 20), DENSITY, RANGE, SURVEY, systems=2)
JITTER = replace(
    BASE, system_model=SystemModel(10, 20, noise=Jitter(-0.5, 0.7)), survey=replace(SURVEY, baseline_days=(30, 90))
)
OF_INSTRUMENTS = replace(JITTER, system_model=SystemModel(10, 20, noise=Jitter(-0.5, 0.7, each="instrument")))
DRAWS = 99


@dataclass(frozen=True)
class Twice(Reported):
    """True errors twice the reported ones."""

    def variance(self, ln_noise, rv_err_kms):
        return 4 * super().variance(ln_noise, rv_err_kms)


def table(truth, analysis, catalogs=300):
    """The calibration of catalogues that are drawn from one case and analysed as another."""
    rows = []
    for k in range(catalogs):
        rng = np.random.default_rng([1, k])
        ranks = calibration.rank_truth(*calibration.simulate_catalog(truth, rng), analysis, DRAWS, rng)
        rows += [("case", k, parameter, rank) for parameter, rank in ranks.items()]
    ranks = pd.DataFrame(rows, columns=["case", "catalog", "parameter", "rank"])
    return calibration.calibration_table(ranks, DRAWS).set_index("parameter")


OF_ALL = {"mu", "lnsigma", "lnP", "v0", "semi_amplitude", "ln_likelihood"}


@pytest.mark.parametrize(
    ("case", "own", "catalogs"),
    [
        (BASE, set(), 300),
        (JITTER, {"ln_jitter"}, 300),
        (OF_INSTRUMENTS, {"ln_jitter_A", "ln_jitter_B"}, 150),
    ],
    ids=["base", "jitter", "jitter of instruments"],
)
def test_a_right_chain_is_calibrated(case, own, catalogs):
    right = table(case, case, catalogs)
    assert set(right.index) == OF_ALL | own
    assert (right["status"] == "ok").all()
    assert (np.abs(right["coverage_80%"] - 0.8) < 4 * right["coverage_80%_sd"]).all()


def test_true_errors_twice_the_reported_ones_are_caught():
    wrong = table(replace(BASE, system_model=SystemModel(10, 20, noise=Twice())), BASE, catalogs=100)
    assert (wrong.loc[["v0", "semi_amplitude", "ln_likelihood"], "status"] == "not calibrated").all()
    assert wrong.loc["v0", "coverage_80%"] < 0.7


@pytest.mark.parametrize(
    ("case", "noise", "number", "catalogs"),
    [
        (JITTER, Jitter(0.2, 0.7), "ln_jitter", 200),
        (OF_INSTRUMENTS, Jitter(0.2, 0.7, each="instrument"), "ln_jitter_B", 100),
    ],
)
def test_a_prior_of_jitter_that_is_wrong_by_one_sd_is_caught(case, noise, number, catalogs):
    wrong = table(case, replace(case, system_model=SystemModel(10, 20, noise=noise)), catalogs)
    assert wrong.loc[number, "status"] == "not calibrated"


def test_a_wrong_prior_of_a_hyper_parameter_is_caught():
    narrow = replace(BASE, density=TruncatedNormal((0.8, 1.7), (-1.5, 0.5), RANGE))
    assert table(narrow, BASE).loc["mu", "status"] == "not calibrated"


def test_a_population_without_ends_is_calibrated_though_catalogues_beyond_the_range_are_drawn_anew(monkeypatch):
    case = replace(BASE, density=Normal((0.8, 2.6), (-1, 1)), systems=3)
    assert (table(case, case)["status"] == "ok").all()

    def within(case, rng):
        """Hyper-parameters from their priors, whatever the periods."""
        hyper, x = calibration.draw_population(replace(case, period_range_days=(1e-9, 1e9)), rng)
        truncated = TruncatedNormal(case.density.mu, case.density.ln_sigma, RANGE)
        return hyper, truncated.draw(tuple(hyper.values()), len(x), rng)

    monkeypatch.setattr(calibration, "simulate_catalog", lambda case, rng: simulate_with(within, case, rng))
    assert table(case, case, catalogs=100).loc["lnsigma", "status"] == "not calibrated"


def simulate_with(draw_population, case, rng):
    hyper, ln_periods = draw_population(case, rng)
    simulated = [simulate_system("S", x, case.survey, case.system_model, rng) for x in ln_periods]
    return [visits for visits, _ in simulated], hyper | {"lnP": ln_periods[0]} | simulated[0][1]


def test_a_population_that_hardly_reaches_into_the_range_is_refused():
    with pytest.raises(InputError, match=r"of 1000 catalogues .* none has all periods .* 1\.5 to 20; narrow"):
        calibration.draw_population(replace(BASE, density=Normal((9, 10), (-2, -1))), np.random.default_rng(0))


def test_a_catalogue_depends_on_its_index_and_its_cases_name_alone():
    one = calibration.rank_catalogs([3], "base", BASE, DRAWS, base_seed=1)
    many = calibration.rank_catalogs([1, 3], "base", BASE, DRAWS, base_seed=1)
    pd.testing.assert_frame_equal(one, many[many["catalog"] == 3].reset_index(drop=True))
    other = calibration.rank_catalogs([3], "other", BASE, DRAWS, base_seed=1)
    assert (one["rank"] != other["rank"]).any()


def test_a_sampled_population_is_ranked_too():
    case = replace(BASE, density=Histogram(4, (-2, 1), RANGE))
    ranks = calibration.rank_catalogs(range(3), "histogram", case, DRAWS, base_seed=1)
    assert list(ranks["parameter"][:4]) == ["step1", "step2", "step3", "lntau"]
    assert ranks["rank"].between(0, DRAWS).all()
    assert ranks["rank"].nunique() > 10


def test_the_likelihood_that_is_ranked_is_that_of_all_parameters():
    model = SystemModel(10, 20, trend=1, offsets=True, noise=Jitter(-1, 1))
    visits, parameters = simulate_system("S", 1.2, SURVEY, model, np.random.default_rng(2))
    draws = {name: np.array([value, value + 0.1]) for name, value in (parameters | {"lnP": 1.2}).items()}
    values = calibration.ranked(draws, visits, model)
    assert values.keys() == {
        "lnP", "v0", "trend_1", "offset_B", "offset_C", "ln_jitter", "semi_amplitude", "ln_likelihood",
    }  # fmt: skip
    years = (visits.time_days - 0.5 * visits.baseline_days) / 365.25
    for i in range(2):
        at = {name: value[i] for name, value in draws.items()}
        velocity = radial_velocity(visits.time_days, np.exp(at["lnP"]), [at["a"], at["b"], at["v0"]])
        velocity = velocity + at["trend_1"] * years
        velocity = velocity + np.array([0.0, at["offset_B"], at["offset_C"]])[visits.instrument]
        error = np.hypot(visits.rv_err_kms, np.exp(at["ln_jitter"]))
        expected = norm.logpdf(visits.rv_kms, velocity, error).sum()
        assert values["ln_likelihood"][i] == pytest.approx(expected, rel=1e-10)
        assert values["semi_amplitude"][i] == pytest.approx(np.hypot(at["a"], at["b"]))


def test_every_density_and_every_choice_of_a_system_model_has_its_case():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    resolved = resolve(config, "twin")["calibration"]["cases"]
    cases = [
        Case.from_settings(case) for name, case in resolved.items() if name not in config["calibration"]["clusters"]
    ]
    of_x = {type(case.density.of_periods) for case in cases}
    assert of_x == set(Density.registered.values())
    of_e = {type(case.density.of_e) for case in cases if case.density.of_e is not None}
    # the uniform one is that of the Keplerian system models
    assert of_e == set(Eccentricity.registered.values()) - {UniformEccentricity}
    models = [case.system_model for case in cases]
    for orbit in ("circular", "keplerian"):
        noises = {type(model.noise).__name__ for model in models if model.orbit == orbit}
        assert noises == {"Reported", "Scaled", "Jitter"}
    assert {model.trend for model in models} == {0, 1, 2}
    assert any(model.offsets for model in models)


def test_the_band_holds_uniform_ranks_and_not_others():
    rng = np.random.default_rng(0)
    low, high = calibration.band(1000)
    inside = [
        (lambda c: (c >= low).all() and (c <= high).all())(
            calibration.rank_counts(rng.integers(0, DRAWS + 1, 1000), DRAWS)
        )
        for _ in range(500)
    ]
    assert np.mean(inside) > 0.98
    skewed = (DRAWS * rng.beta(1.5, 1, 1000)).astype(int)
    assert calibration.rank_counts(skewed, DRAWS).max() > high


def test_a_right_table_passes_as_a_whole_and_one_wrong_parameter_fails():
    rng = np.random.default_rng(5)

    def status(last):
        names = [f"h{k}" for k in range(100)]
        ranks = np.append(rng.integers(0, DRAWS + 1, (99, 500)), [last], axis=0)
        frame = pd.DataFrame(ranks, index=pd.Index(names, name="parameter")).reset_index()
        return calibration.calibration_table(
            frame.melt("parameter", var_name="catalog", value_name="rank").assign(case="c"), DRAWS
        ).set_index("parameter")["status"]

    passed = [(status(rng.integers(0, DRAWS + 1, 500)) == "ok").all() for _ in range(20)]
    assert np.mean(passed) > 0.9
    assert status((DRAWS * rng.beta(1.5, 1, 500)).astype(int))["h99"] == "not calibrated"


@pytest.mark.parametrize("count", [5, 36])
def test_simulated_visits_keep_to_the_survey(count):
    survey = Survey((count, count), (200, 300), (0.1, 0.2))
    model = SystemModel(10, 20, offsets=True)
    visits, parameters = simulate_system("S", np.log(3.0), survey, model, np.random.default_rng(0))
    assert len(visits) == count
    assert 200 <= visits.baseline_days <= 300
    assert (np.diff(visits.time_days) > 0).all()
    assert tuple(parameters) == model.coefficients(visits)
    assert visits.instruments == ("A", "B", "C")


def test_of_stars_that_may_have_no_orbit_the_fraction_and_whether_one_has_are_ranked():
    fraction = {"density": "truncated_normal", "mu": [1, 2.5], "ln_sigma": [-1, 0], "fraction": [0, 1]}
    case = replace(BASE, density=density_from_settings(fraction, RANGE), systems=3)
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(8):
        systems, truth = calibration.simulate_catalog(case, rng)
        assert set(truth) == {"mu", "lnsigma", "F", "binary"}
        assert len(systems) == 3
        seen.add(truth["binary"])
    assert seen == {0.0, 1.0}
    ranks = calibration.rank_truth(systems, truth, case, 19, rng)
    assert set(ranks) == set(truth)
    assert all(0 <= rank <= 19 for rank in ranks.values())


def test_of_a_selection_all_stars_show_what_is_asked_for_and_the_fit_is_corrected_for_it(monkeypatch):
    monkeypatch.setattr(calibration, "SIMULATIONS", 400)
    monkeypatch.setattr(calibration, "TEMPLATES", 40)
    fraction = {"density": "truncated_normal", "mu": [1, 2.5], "ln_sigma": [-1, 0], "fraction": [0, 1]}
    asked = Conditions(delta_rv_kms=4)
    everyone = replace(BASE, density=density_from_settings(fraction, RANGE), systems=6)
    case, rng = replace(everyone, selection=asked), np.random.default_rng(3)
    systems, truth = calibration.simulate_catalog(case, rng)
    assert [s.system for s in systems] == [f"S{i}" for i in range(6)]
    assert all(np.ptp(s.rv_kms) >= 4 for s in systems)
    assert np.mean([np.ptp(s.rv_kms) >= 4 for s in calibration.simulate_catalog(everyone, rng)[0]]) < 1
    likelihoods = calibration.period_likelihoods(systems, case.system_model, RANGE)
    corrected, plain = (calibration.posterior_of(likelihoods, c, 1, rng)[0].moments()["F"] for c in (case, everyone))
    # all of them are binaries, which says little of the fraction of all stars
    assert corrected[1] > 1.3 * plain[1]
    assert corrected[0] < plain[0]
    ranks = calibration.rank_truth(systems, truth, case, 19, rng)
    assert set(ranks) == {"mu", "lnsigma", "F", "binary"}


def test_a_selection_that_nobody_meets_is_said(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_TRIES", 3)
    with pytest.raises(InputError, match=r"calibration\.selections: of \d+ stars .* fewer than \d+ meet"):
        calibration.simulate_catalog(replace(BASE, selection=Conditions(delta_rv_kms=1e6)), np.random.default_rng(1))


def test_populations_of_amplitudes_have_the_scale_of_the_first_system_ranked():
    scales = {"density": "power_law", "range_kms": [5, 50], "beta": [-1, 1]}
    settings = {"density": "power_law", "beta": [-2, 2], "amplitude": scales}
    case = replace(BASE, density=density_from_settings(settings, RANGE), systems=2)
    rng = np.random.default_rng(2)
    systems, truth = calibration.simulate_catalog(case, rng)
    assert np.log(5) <= truth["lns"] <= np.log(50)
    ranks = calibration.rank_truth(systems, truth, case, 19, rng)
    assert {"beta", "beta_s", "lns", "lnP", "semi_amplitude", "ln_likelihood"} <= set(ranks)
    assert all(0 <= rank <= 19 for rank in ranks.values())


def test_the_rank_among_equal_draws_is_any_of_theirs():
    rng = np.random.default_rng(2)
    drawn = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    of_zero = {calibration.rank_among(drawn, 0.0, rng) for _ in range(200)}
    of_one = {calibration.rank_among(drawn, 1.0, rng) for _ in range(200)}
    assert (of_zero, of_one) == ({0, 1, 2}, {2, 3, 4, 5})


def test_a_long_calibration_says_how_far_it_is(caplog, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.02)
    caplog.set_level("INFO", "starpop")
    calibration.rank_catalogs(range(5), "base", BASE, DRAWS, 1)
    assert any(" of 5 catalogues in " in message for message in caplog.messages)


def test_a_signal_that_the_grid_misses_at_every_noise_that_matters_is_ranked():
    """A signal of 440 times the errors at e = 0.93: where errors may be larger, the grid sees but what is no orbit."""
    settings = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    wanted = resolve(settings, "twin")["calibration"]["cases"]["keplerian_scaled"]
    case, draws = Case.from_settings(wanted), wanted["draws"]
    ranks = calibration.rank_catalogs([3], "keplerian_scaled", case, draws, settings["seed"])
    assert ranks["rank"].between(0, draws).all()
    assert {"lnP", "e", "ln_error_scale"} <= set(ranks["parameter"])
