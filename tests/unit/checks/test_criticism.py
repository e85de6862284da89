"""Criticism of the systems: p-values that are uniform where the model is right, and faults that are found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gumbel_r, kstest, norm

from starpop.checks import criticism
from starpop.checks.best_fit import best_fits
from starpop.checks.flags import SIGNIFICANT_EXCESS
from starpop.inference.densities import UniformPeriod
from starpop.orbits.ellipse.kepler import TWO_PI, true_anomalies
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import harmonic_columns, radial_velocity
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.single import draw
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.cadences import visit_times

RANGE = (1.5, 20)
MODEL = SystemModel(10, 50)
REPLICATES = 99
# Such p-values are seen once in a thousand tests of a right program.
REFUSED = 1e-3


def empty_visits(rng, count, baseline, error):
    time = visit_times(count, baseline, rng)
    return Visits("S", time, np.zeros(count), error * np.exp(rng.normal(0, 0.25, count)))


def from_the_model(model, rng):
    """A system drawn from its model, from signals lost in the errors to strong ones."""
    error = np.exp(rng.uniform(np.log(0.05), np.log(2)))
    visits = empty_visits(rng, int(rng.integers(5, 16)), np.exp(rng.uniform(np.log(60), np.log(300))), error)
    parameters = criticism.draw_prior(visits, model, RANGE, 1, rng)
    visits = replace(visits, rv_kms=criticism.replicates(visits, parameters, model, rng)[0])
    return replace(visits, instruments=("A", "B"), instrument=np.arange(len(visits)) % 2)


def row_of(visits, model, rng, replicates=REPLICATES):
    likelihood = period_likelihood(visits, model, RANGE)
    draws = draw_orbits(likelihood, UniformPeriod(RANGE), (), REPLICATES, rng)
    draws["P"] = np.exp(draws["lnP"])
    return criticism.criticise_system(likelihood, draws, RANGE, replicates, rng)[0]


@pytest.mark.parametrize(
    ("model", "systems"), [(MODEL, 150), (replace(MODEL, noise=Jitter(-2, 1)), 60)], ids=["reported", "jitter"]
)
def test_p_values_are_uniform_and_excesses_rare_where_the_model_is_right(model, systems):
    rngs = [np.random.default_rng([7, i]) for i in range(systems)]
    table = pd.DataFrame([row_of(from_the_model(model, rng), model, rng) for rng in rngs])
    for name in criticism.STATISTICS:
        p = table[f"{name}_p"].dropna()
        assert len(p) > 0.6 * systems
        if name == "misfit" and model.noise.parameter is not None:  # to which the noise is fitted
            assert np.mean(p < 0.1) < 0.1
        else:
            assert kstest(p, "uniform").pvalue > REFUSED, name
    for name in criticism.EXCESSES:
        excess = table[f"{name}_excess"].dropna()
        assert abs(excess.median()) < 0.4, name
        assert np.mean(excess > 2.5) < 0.04, name
        assert np.sum(excess > SIGNIFICANT_EXCESS) <= 1, name
    for name in ("rms_velocity", "velocity_range"):
        assert kstest(table[f"{name}_prior_quantile"], "uniform").pvalue > REFUSED


def circular(rng, visits):
    theta = np.array([12.0, -8.0, 30.0])
    return radial_velocity(visits.time_days, 5.3, theta) + rng.normal(0, visits.rv_err_kms)


def twice_the_errors(rng, visits):
    return circular(rng, visits) + rng.normal(0, np.sqrt(3) * visits.rv_err_kms)


def eccentric(rng, visits):
    e, omega, (cosine, sine) = 0.12, 0.7, np.empty((2, len(visits)))
    true_anomalies(visits.time_days / 5.3 - 1 / TWO_PI, e, cosine, sine)
    return 14 * (np.cos(omega) * (cosine + e) - np.sin(omega) * sine) + rng.normal(0, visits.rv_err_kms)


def third_body(rng, visits):
    return circular(rng, visits) + 1.5 * visits.time_days / visits.baseline_days


def one_wrong(rng, visits):
    return circular(rng, visits) + 10 * visits.rv_err_kms * (np.arange(len(visits)) == 7)


def lasting(rng, visits):
    return circular(rng, visits) + np.repeat(rng.normal(0, 1, len(visits) // 5 + 1), 5)[: len(visits)]


def fourth_body(rng, visits):
    return circular(rng, visits) + np.cos(2 * np.pi * visits.time_days / 60)


def two_zero_points(rng, visits):
    return circular(rng, visits) + 0.5 * (visits.instrument == 1)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (twice_the_errors, "misfit"),
        (eccentric, "harmonic"),
        (third_body, "trend"),
        (one_wrong, "outlier"),
        (lasting, "correlation"),
        (fourth_body, "second_period"),
        (two_zero_points, "zero_points"),
    ],
)
def test_a_planted_fault_is_found(fault, found):
    rng = np.random.default_rng(3)
    visits = replace(empty_visits(rng, 25, 400, 0.2), instruments=("A", "B"), instrument=np.arange(25) % 3 % 2)
    row = row_of(replace(visits, rv_kms=fault(rng, visits)), MODEL, rng)
    assert row[f"{found}_p"] == 1 / (1 + REPLICATES)
    if found == "misfit":  # one factor shows in the misfit alone
        assert min(row[f"{name}_p"] for name in criticism.STATISTICS[1:]) > 0.05
    if found in criticism.EXCESSES:
        assert row[f"{found}_excess"] > SIGNIFICANT_EXCESS
    if found == "second_period":
        assert row["second_period_days"] == pytest.approx(60, abs=3)


def test_offsets_that_the_model_has_are_no_zero_points_and_one_instrument_has_none():
    rng = np.random.default_rng(3)
    visits = replace(empty_visits(rng, 15, 400, 0.2), instruments=("A", "B"), instrument=np.arange(15) % 2)
    visits = replace(visits, rv_kms=two_zero_points(rng, visits))
    assert np.isnan(row_of(visits, replace(MODEL, offsets=True), rng)["zero_points"])
    assert np.isnan(row_of(replace(visits, instrument=np.ones(15, int)), MODEL, rng)["zero_points"])


def test_the_third_power_of_time_is_told_from_a_trend_of_two():
    rng = np.random.default_rng(8)
    model = replace(MODEL, trend=2)
    visits = empty_visits(rng, 20, 400, 0.2)
    away = (visits.time_days - 0.5 * visits.baseline_days) / 365.25
    orbit = radial_velocity(visits.time_days, 5.0, np.array([3.0, 4.0, 1.0])) + rng.normal(0, visits.rv_err_kms)
    p = [row_of(replace(visits, rv_kms=orbit + away**2 + c * away**3), model, rng)["trend_p"] for c in (0, 20)]
    assert p[0] > 0.02 and p[1] == 0.01


def test_the_second_period_is_that_of_least_squares():
    rng = np.random.default_rng(5)
    model = replace(MODEL, trend=1)
    visits = from_the_model(model, rng)
    velocities = visits.rv_kms + rng.normal(0, visits.rv_err_kms, (4, len(visits)))
    (fits,) = best_fits(period_likelihood(visits, model, RANGE), velocities, RANGE)
    found = criticism.second_frequencies(fits, visits.rv_err_kms, visits, model, 2.0)
    grid = np.linspace(0.5 / visits.baseline_days, 0.5, 5000)
    for residual, own, frequency in zip(fits.residual_kms, fits.frequency, found, strict=True):
        allowed = grid[
            (np.abs(grid - own) >= 1 / visits.baseline_days) & (np.abs(grid - 2 * own) >= 1 / visits.baseline_days)
        ]

        def left(at, residual=residual):
            columns = np.column_stack(
                [model.static_columns(visits), harmonic_columns(np.array([at]), visits.time_days, 1)[0]]
            )
            weighted, target = columns / visits.rv_err_kms[:, None], residual / visits.rv_err_kms
            return np.sum((target - weighted @ np.linalg.lstsq(weighted, target)[0]) ** 2)

        total = np.sum((residual / visits.rv_err_kms) ** 2)
        assert 1 - left(frequency) / total == pytest.approx(max(1 - left(at) / total for at in allowed), rel=0.05)
        assert np.abs(frequency - own) > 1 / visits.baseline_days


@pytest.mark.parametrize("z", [-1.5, 0.0, 2.0, 6.0])
def test_gumbels_density_becomes_normal(z):
    right = norm.isf(gumbel_r.sf(gumbel_r.mean() + z * gumbel_r.std()))
    assert criticism.gumbel_as_normal(z) == pytest.approx(right, rel=1e-6, abs=1e-9)


def test_far_beyond_gumbels_density_the_excess_is_a_number():
    far = [criticism.gumbel_as_normal(z) for z in (20.0, 30.0, 1e4)]
    assert np.all(np.diff(far) > 0)
    assert np.isfinite(far).all()


def test_without_replicates_there_are_statistics_and_residuals_alone():
    rng = np.random.default_rng(3)
    visits = empty_visits(rng, 15, 400, 0.2)
    visits = replace(visits, rv_kms=circular(rng, visits))
    row, whole = row_of(visits, MODEL, rng, replicates=0), row_of(visits, MODEL, rng)
    assert not any(name.endswith(("_p", "_excess", "_quantile")) for name in row)
    for name in (*criticism.STATISTICS, "second_period_days", "rms_velocity_kms"):
        assert row[name] == pytest.approx(whole[name], rel=1e-6, nan_ok=True)


def test_offsets_are_judged_with_the_width_of_prior_that_the_system_has():
    rng = np.random.default_rng(6)
    visits = replace(empty_visits(rng, 24, 400, 0.2), instruments=("A", "B"), instrument=np.arange(24) % 2)
    visits = replace(visits, rv_kms=circular(rng, visits) + 60.0 * visits.instrument)
    row = row_of(visits, replace(MODEL, offsets=True, offset_sd_kms=0.5), rng)
    assert min(row[f"{name}_p"] for name in criticism.STATISTICS if name != "zero_points") > 0.02
    assert row["misfit"] < 50


@pytest.mark.parametrize(("count", "missing"), [(4, 6), (5, 5), (6, 2), (7, 1), (8, 0)])
def test_a_statistic_of_too_few_visits_has_no_p_value(count, missing):
    rng = np.random.default_rng(4)
    visits = empty_visits(rng, count, 60, 0.2)
    row = row_of(replace(visits, rv_kms=circular(rng, visits)), MODEL, rng)
    assert sum(np.isnan(row[f"{name}_p"]) for name in criticism.STATISTICS if name != "zero_points") == missing


def test_the_smallest_p_value_counts_the_data_among_the_replicates():
    own, replicated = np.array([3.0, 0.0, np.nan]), np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [2.5, 1.0, 1.0]])
    np.testing.assert_array_equal(criticism.p_values(own, replicated), [0.25, 1.0, np.nan])


def test_a_system_has_the_same_numbers_whatever_else_is_criticised(twin):
    likelihoods = [period_likelihood(visits, MODEL, RANGE) for visits in twin[:3]]
    table, residuals = criticism.criticise_systems(likelihoods[::-1], draw(likelihoods, RANGE, 20, 1), RANGE, 20, 1)
    alone, own = criticism.criticise_systems(likelihoods[1:2], draw(likelihoods[1:2], RANGE, 20, 1), RANGE, 20, 1)
    assert tuple(table.columns) == criticism.COLUMNS
    assert list(table["system"]) == sorted(visits.system for visits in twin[:3])
    pd.testing.assert_frame_equal(table[1:2].reset_index(drop=True), alone)
    assert len(residuals) == sum(map(len, twin[:3]))
    here = residuals[residuals["system"] == twin[1].system].reset_index(drop=True)
    pd.testing.assert_frame_equal(here, own)


def test_a_batch_without_systems_has_empty_tables():
    table, residuals = criticism.criticise_systems([], draw([], RANGE, 20, 1), RANGE, 20, 1)
    assert tuple(table.columns) == criticism.COLUMNS
    assert tuple(residuals.columns) == criticism.RESIDUAL_COLUMNS
    assert len(table) == len(residuals) == 0
    assert residuals["system"].dtype == object


def test_systems_that_could_not_be_drawn_have_rows_without_numbers_and_no_residuals(twin):
    likelihoods = [period_likelihood(visits, MODEL, RANGE) for visits in twin[:2]]
    exact = draw(likelihoods, RANGE, 20, 1)
    exact["posterior"]["P"][:] = np.nan
    table, residuals = criticism.criticise_systems(likelihoods, exact, RANGE, 20, 1)
    assert list(table["system"]) == [visits.system for visits in twin[:2]]
    assert table["misfit"].isna().all() and len(residuals) == 0
