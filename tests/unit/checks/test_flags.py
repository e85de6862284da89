"""The flags: one system for each, and none for a clean one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from starpop.checks import criticism, flags
from starpop.inference.densities import UniformPeriod
from starpop.orbits import no_orbit, periods
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import radial_velocity
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import mode_weights, period_likelihood
from starpop.orbits.periods import best_outside, lomb_scargle, scan_systems
from starpop.orbits.single import draw
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.pages import tables
from starpop.populations.cadences import visit_times
from starpop.run import status

RANGE = (1.5, 20)
MODEL = SystemModel(50, 100)
CLEAN = {f"{name}_p": 0.5 for name in criticism.STATISTICS}
THETA = np.array([12.0, -8.0, 30.0])


def visits_of(rng, count=25, baseline=400.0, error=0.2):
    return Visits("S", visit_times(count, baseline, rng), np.zeros(count), np.full(count, error))


def with_velocity(visits, rv, rng):
    return replace(visits, rv_kms=rv + rng.normal(0, visits.rv_err_kms))


def clean(rng, period=5.3, **kwargs):
    visits = visits_of(rng, **kwargs)
    return with_velocity(visits, radial_velocity(visits.time_days, period, THETA), rng)


def known_of(visits, model, rng, criticised=CLEAN):
    """What the flags are raised from, with the numbers that tabulate_orbits has."""
    likelihood = period_likelihood(visits, model, RANGE)
    drawn = draw_orbits(likelihood, UniformPeriod(RANGE), (), 400, rng)
    drawn["P"] = np.exp(drawn.pop("lnP"))
    best = {name: values[0] for name, values in drawn.items()}
    row = tables.orbit_row(visits, drawn, best, model)
    frequency, power = lomb_scargle(visits, RANGE)
    weights = mode_weights(likelihood, UniformPeriod(RANGE))
    row |= {"mode_weight": weights.max(), "lomb_scargle_period_days": 1 / frequency[power.argmax()]}
    evidence = likelihood.ln_evidence(UniformPeriod(RANGE).ln_pdf(likelihood.ln_period))
    row["ln_bayes_orbit"] = evidence - no_orbit.ln_evidence(visits, model)
    row["ln_bayes_drift"] = evidence - no_orbit.ln_evidence_of_drift(visits, model)
    row |= tables.best_mode(likelihood, RANGE, drawn["P"]) | {"outside_ln_gain": best_outside(likelihood, RANGE)[1]}
    return row, criticised, likelihood, RANGE, model


def flags_of(visits, model, rng, criticised=CLEAN):
    """The flags as a set."""
    raised = flags.flags_of(*known_of(visits, model, rng, criticised))
    return {flag for flag, is_raised in raised.items() if is_raised}


def test_each_flag_has_its_meaning_in_words():
    rng = np.random.default_rng(1)
    assert list(flags.flags_of(*known_of(clean(rng), MODEL, rng))) == list(flags.MEANING)
    assert set(status.SERIOUS) < set(flags.MEANING)


@pytest.mark.parametrize(
    "model",
    [MODEL, replace(MODEL, noise=Jitter(-2, 2)), replace(MODEL, trend=1)],
    ids=["tutorial", "jitter", "trend"],
)
def test_a_clean_system_has_no_flags(model):
    rng = np.random.default_rng(1)
    assert flags_of(clean(rng, period=11.3), model, rng) == set()


@pytest.mark.parametrize(
    ("statistic", "flag"),
    [("misfit", "misfit"), ("outlier", "outlier"), ("trend", "trend"), ("harmonic", "eccentric")],
)
def test_a_small_p_value_is_a_flag_and_one_at_the_threshold_is_none(statistic, flag):
    rng = np.random.default_rng(0)
    visits = clean(rng)
    for p, expected in ((0.005, {flag}), (flags.SIGNIFICANT_P, set()), (np.nan, set())):
        assert flags_of(visits, MODEL, rng, CLEAN | {f"{statistic}_p": p}) == expected


def test_a_fitted_trend_is_a_flag():
    rng = np.random.default_rng(1)
    visits = clean(rng)
    bent = replace(visits, rv_kms=visits.rv_kms - 1.5 * visits.time_days / 365.25)
    assert flags_of(bent, replace(MODEL, trend=1), rng) == {"trend"}


def test_a_fitted_bend_is_a_flag_too():
    rng = np.random.default_rng(1)
    visits = clean(rng)
    years = (visits.time_days - 200) / 365.25
    bent = replace(visits, rv_kms=visits.rv_kms + 3 * (years**2 - np.mean(years**2)))
    assert flags_of(bent, replace(MODEL, trend=2), rng) == {"trend"}


@pytest.mark.parametrize("period", [1.9995, 1.9945, 2.0])
def test_a_period_whose_mirror_image_it_is_itself_has_no_alias(period):
    rng = np.random.default_rng(3)
    visits = clean(rng, period=period, baseline=1500.0, count=40)
    assert flags_of(visits, MODEL, rng) == set()


@pytest.mark.parametrize(("ln_bayes", "expected"), [(2.9, False), (3.1, True), (-5.0, False)])
def test_an_ellipse_that_is_much_likelier_than_a_circle_is_a_flag(ln_bayes, expected):
    row = {"jitter_kms": 0.0, "semi_amplitude_kms": 14.0, "best_mode_period_days": 5.0, "eccentricity": 0.5}
    row["ln_bayes_keplerian"] = ln_bayes
    assert flags.of_fit(row, CLEAN, MODEL)["eccentric"] == expected


def test_a_period_of_several_modes_is_a_flag():
    rng = np.random.default_rng(3)
    assert "multimodal" in flags_of(clean(rng, count=5, baseline=60.0, error=5.0), MODEL, rng)


@pytest.mark.parametrize(
    ("window", "flag"), [(1.0, "alias_day"), (flags.SIDEREAL_DAYS, "alias_day"), (365.25, "alias_year")]
)
def test_visits_at_one_time_of_the_window_have_aliases(window, flag):
    """Visits at the same clock time (sidereal time, season) cannot tell f from f +- 1/window."""
    rng = np.random.default_rng(4)
    nights = np.sort(rng.choice(np.arange(1, 30 if window > 2 else 1500), 12, replace=False))
    season = np.arange(12) * 365.25 if window > 2 else 0.0
    time = np.concatenate([[0.0], nights * min(window, 1.0) + season + rng.normal(0, 0.01, 12)])
    visits = Visits("S", time, np.zeros(13), np.full(13, 2.0))
    visits = with_velocity(visits, radial_velocity(time, 2.3, THETA), rng)
    assert flag in flags_of(visits, MODEL, rng)


def test_a_lomb_scargle_period_at_an_alias_is_a_flag():
    rng = np.random.default_rng(5)
    visits = clean(rng, period=2.3)
    row = {"baseline_days": visits.baseline_days}
    likelihood = period_likelihood(visits, MODEL, RANGE)
    f = np.exp(-likelihood.peak_ln_period[0])
    for g, expected in (
        (f, ""),
        (1 - f, "alias_day"),
        (1 / flags.SIDEREAL_DAYS - f + 0.4 / visits.baseline_days, "alias_day"),
        (1 / flags.SIDEREAL_DAYS - f + 0.6 / visits.baseline_days, ""),
        (f + 2 / 365.25, "alias_year"),
        (f - 0.031, ""),
    ):
        found = flags.aliases(row | {"lomb_scargle_period_days": 1 / g}, likelihood, RANGE)
        assert [name for name, is_one in found.items() if is_one] == list(filter(None, [expected])), g


@pytest.mark.parametrize(
    ("apart", "baseline", "alias"),
    [
        (1.0, 100, True),
        (2.0, 100, True),
        (3.0, 100, False),
        (1 / flags.SIDEREAL_DAYS, 3000, True),
        (1.001, 3000, False),
        (0.006, 100, False),
    ],
)
def test_an_alias_lies_at_the_frequencies_of_day_and_sidereal_day(apart, baseline, alias):
    for g in (0.4 + apart, abs(0.4 - apart)):
        found = flags.is_alias(np.array([g]), 0.4, baseline, flags.WINDOWS["alias_day"])
        assert found[0] == alias, g


def test_a_year_is_not_resolved_by_a_short_baseline():
    frequencies = np.array([0.2 + 1 / 365.25])
    assert flags.is_alias(frequencies, 0.2, 700, flags.WINDOWS["alias_year"])[0]
    assert not flags.is_alias(frequencies, 0.2, 120, flags.WINDOWS["alias_year"])[0]


def test_the_table_of_orbits_has_the_flags_of_its_systems():
    rng = np.random.default_rng(6)
    systems = {name: replace(clean(rng), system=name) for name in ("A", "B")}
    scan = scan_systems(list(systems.values()), MODEL, RANGE, 50)
    tree = draw([period_likelihood(v, MODEL, RANGE) for v in systems.values()], RANGE, 100, 1)
    fit = tree.copy()
    fit["map"] = tree["posterior"].to_dataset().isel(chain=0, draw=0).assign(status=("system", ["", ""]))
    criticised = pd.DataFrame([{"system": "A"} | CLEAN, {"system": "B"} | CLEAN | {"misfit_p": 0.005, "trend_p": 0.0}])
    table = tables.tabulate_orbits(systems, scan, tree, fit, criticised, {}, MODEL, RANGE)
    assert table.set_index("system")["flags"].to_dict() == {"A": "", "B": "misfit;trend"}


def simulated(seed):
    """A circular system whose period lies within the range, from hardly to very well measured."""
    rng = np.random.default_rng([11, seed])
    count, period = int(rng.integers(6, 37)), np.exp(rng.uniform(*np.log(RANGE)))
    time = visit_times(count, float(np.exp(rng.uniform(np.log(60), np.log(2000)))), rng)
    error, amplitude = np.exp(rng.uniform(np.log([0.05, 2]), np.log([0.5, 60])))
    rv = rng.normal(0, 40) + amplitude * np.cos(2 * np.pi * (time / period + rng.random()))
    return Visits(f"S{seed}", time, rv + rng.normal(0, error, count), np.full(count, error))


NEW_OF_PERIOD = {"at_range_end", "better_outside_range", "longer_than_baseline", "jitter_dominates", "far_from_prior"}


@pytest.mark.parametrize("noise", [MODEL.noise, Jitter(-2, 2)], ids=["reported", "jitter"])
def test_few_right_systems_have_a_flag_that_says_not_to_trust_them(noise):
    model, flagged = SystemModel(100, 150, noise=noise), 0
    for seed in range(150):
        flagged += bool(flags_of(simulated(seed), model, np.random.default_rng(seed)) & NEW_OF_PERIOD)
    assert flagged <= 3


@pytest.mark.parametrize(("period", "baseline"), [(33.0, 400.0), (55.0, 400.0), (0.9, 300.0), (22.0, 100.0)])
def test_a_better_period_beyond_the_range_is_a_flag_and_found(period, baseline):
    rng = np.random.default_rng(7)
    visits = clean(rng, period=period, baseline=baseline)
    assert "better_outside_range" in flags_of(visits, MODEL, rng)
    found, gain = best_outside(period_likelihood(visits, MODEL, RANGE), RANGE)
    assert found == pytest.approx(period, rel=1e-3)
    assert gain > 100


def test_beyond_the_range_the_highest_is_that_of_a_whole_search_there():
    for seed in range(25):
        visits = simulated(seed)
        likelihood = period_likelihood(visits, MODEL, RANGE)
        outside = [(RANGE[0] / 3, RANGE[0]), (RANGE[1], min(3 * RANGE[1], 2 * visits.baseline_days))]
        best = max(period_likelihood(visits, MODEL, each).peak_ln_likelihood[0] for each in outside)
        _, gain = best_outside(likelihood, RANGE)
        assert gain == pytest.approx(best - likelihood.peak_ln_likelihood[0], abs=1e-6)


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_of_few_visits_no_flag_is_lost_to_a_coarser_grid(count):
    for seed in range(8):
        rng = np.random.default_rng([12, seed])
        visits = clean(rng, period=float(rng.uniform(0.6, 1.4)), count=count, baseline=300.0)
        likelihood = period_likelihood(visits, MODEL, RANGE)
        outside = [(RANGE[0] / 3, RANGE[0]), (RANGE[1], min(3 * RANGE[1], 2 * visits.baseline_days))]
        best = max(period_likelihood(visits, MODEL, each).peak_ln_likelihood[0] for each in outside)
        whole = best - likelihood.peak_ln_likelihood[0]
        _, gain = best_outside(likelihood, RANGE)
        assert (gain > flags.BETTER) == (whole > flags.BETTER)
        assert gain <= whole + 1e-6


def test_beyond_the_range_is_looked_for_as_far_as_a_grid_can_go(monkeypatch):
    rng = np.random.default_rng(13)
    visits = clean(rng)
    likelihood = period_likelihood(visits, MODEL, RANGE)
    monkeypatch.setattr(periods, "MOST_FREQUENCIES", 1000)
    found, gain = best_outside(likelihood, RANGE)
    assert 1 / (1 / RANGE[0] + 0.26) < found < 3 * RANGE[1]
    assert np.isfinite(gain)


def test_a_period_at_an_end_of_the_range_is_a_flag():
    rng = np.random.default_rng(8)
    visits = clean(rng, period=20.05)
    assert "at_range_end" in flags_of(visits, MODEL, rng)
    assert "at_range_end" not in flags_of(clean(rng, period=19.5), MODEL, rng)


def test_a_range_known_better_than_the_visits_tell_is_none():
    rng = np.random.default_rng(9)
    likelihood = period_likelihood(clean(rng), MODEL, (5.2999, 5.3001))
    row = {"outside_ln_gain": 0.0, "best_mode_period_days": 5.3, "baseline_days": 400.0, "mode_weight": 1.0}
    assert not flags.of_period(row, likelihood, (5.2999, 5.3001))["at_range_end"]


def test_a_star_without_an_orbit_and_one_that_drifts_are_flags():
    rng = np.random.default_rng(12)
    visits = visits_of(rng)
    constant = replace(visits, rv_kms=5 + rng.normal(0, visits.rv_err_kms))
    years = (visits.time_days - visits.baseline_days / 2) / 365.25
    drifts = replace(constant, rv_kms=constant.rv_kms + 6 * years)
    assert "no_orbit" in flags_of(constant, MODEL, rng)
    assert {"no_orbit", "drift"} & flags_of(drifts, replace(MODEL, trend_sd_kms_per_year=5), rng) == {"drift"}
    assert not {"no_orbit", "drift"} & flags_of(clean(rng), MODEL, rng)


def test_a_jitter_as_large_as_the_orbit_is_a_flag():
    rng, model = np.random.default_rng(10), replace(MODEL, noise=Jitter(-2, 2))
    visits = clean(rng, count=200)
    noisy = replace(visits, rv_kms=0.8 * visits.rv_kms + rng.normal(0, 0.8 * np.hypot(*THETA[:2]), len(visits)))
    assert {"jitter_dominates", "no_orbit"} & flags_of(noisy, model, rng) == {"jitter_dominates"}


def test_where_there_is_no_orbit_nothing_is_said_of_it():
    rng = np.random.default_rng(10)
    visits = visits_of(rng)
    noise = replace(visits, rv_kms=rng.normal(0, 10, len(visits)))
    raised = flags_of(noise, replace(MODEL, noise=Jitter(-2, 2)), rng)
    assert "no_orbit" in raised and not raised & set(flags.OF_AN_ORBIT)


def test_less_than_one_period_seen_is_a_flag():
    rng = np.random.default_rng(11)
    visits = clean(rng, period=18.0, baseline=14.0, count=10, error=0.02)
    assert "longer_than_baseline" in flags_of(visits, MODEL, rng)


def test_a_coefficient_far_out_in_its_prior_is_a_flag():
    rng = np.random.default_rng(12)
    visits = clean(rng)
    fast = replace(visits, rv_kms=visits.rv_kms + 600)
    assert flags_of(fast, MODEL, rng) == {"far_from_prior"}
    apart = Visits("S", visits.time_days, visits.rv_kms, visits.rv_err_kms, ("a", "b"), np.arange(len(visits)) % 2)
    apart = replace(apart, rv_kms=apart.rv_kms + 40 * apart.instrument)
    assert flags_of(apart, replace(MODEL, offsets=True), rng) == {"far_from_prior"}


def test_an_excess_beyond_the_replicates_is_a_flag():
    rng = np.random.default_rng(13)
    visits = clean(rng)
    for statistic, flag in (("correlation", "correlated"), ("second_period", "second_period"), ("zero_points",) * 2):
        for excess, expected in ((4.0, {flag}), (3.0, set()), (np.nan, set())):
            assert flags_of(visits, MODEL, rng, CLEAN | {f"{statistic}_excess": excess}) == expected


def test_the_summary_names_the_worst_first_and_counts_each_orbit_once():
    table = pd.DataFrame(
        {
            "system": list("ABCDEFGH"),
            "flags": ["misfit", np.nan, "at_range_end;better_outside_range"] + ["at_range_end"] * 5,
            "status": ["ok", f"{status.UNUSED}: 2 visits"] + ["ok"] * 6,
        }
    )
    assert status.of_orbits(table) == (
        "6 of 7 orbits are not to be trusted: better_outside_range 1 (C); at_range_end 6 (C, D, E, F, G and 1 more)."
    )
    assert status.of_orbits(table[:2]) == ""
    assert status.doubts("misfit;at_range_end;trend") == "at_range_end"
    assert status.doubts("zero_points;eccentric;no_orbit") == "zero_points;no_orbit"
    assert status.of_stars(table) == ""
    none = table.assign(flags=["no_orbit", "misfit", "no_orbit;multimodal"] + ["better_outside_range;no_orbit"] * 5)
    assert status.of_stars(none) == "2 of 7 hardly have an orbit (no_orbit): A, C."
