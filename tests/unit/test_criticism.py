"""Criticism of the systems: p-values that are uniform where the model is right, and faults that are found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from starpop import criticism, kepler
from starpop.densities import UniformPeriod
from starpop.noise import Jitter
from starpop.orbit import conditional, radial_velocity
from starpop.orbit_draws import draw_orbits
from starpop.period_likelihood import period_likelihood, survey_period_range
from starpop.simulate import visit_times
from starpop.system_model import SystemModel
from starpop.visits import Visits

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
    return replace(visits, rv_kms=criticism.replicates(visits, parameters, model, rng)[0])


def row_of(visits, model, rng):
    draws = draw_orbits(period_likelihood(visits, model, RANGE), UniformPeriod(RANGE), (), REPLICATES, rng)
    draws["P"] = np.exp(draws["lnP"])
    return criticism.criticise_system(visits, draws, model, RANGE, REPLICATES, rng)[0]


@pytest.mark.parametrize(
    ("model", "systems"), [(MODEL, 100), (replace(MODEL, noise=Jitter(-2, 1)), 30)], ids=["reported", "jitter"]
)
def test_p_values_are_uniform_where_the_model_is_right(model, systems):
    rngs = [np.random.default_rng([7, i]) for i in range(systems)]
    table = pd.DataFrame([row_of(from_the_model(model, rng), model, rng) for rng in rngs])
    for name in criticism.STATISTICS:
        p = table[f"{name}_p"].dropna()
        assert len(p) > 0.6 * systems
        assert kstest(p, "uniform").pvalue > REFUSED, name
    for name in ("rms_velocity", "velocity_range"):
        assert kstest(table[f"{name}_prior_quantile"], "uniform").pvalue > REFUSED


def circular(rng, visits):
    theta = np.array([12.0, -8.0, 30.0])
    return radial_velocity(visits.time_days, 5.3, theta) + rng.normal(0, visits.rv_err_kms)


def twice_the_errors(rng, visits):
    return circular(rng, visits) + rng.normal(0, np.sqrt(3) * visits.rv_err_kms)


def eccentric(rng, visits):
    return kepler.radial_velocity(visits.time_days, 5.3, 14.0, 0.12, 0.7, 1.0) + rng.normal(0, visits.rv_err_kms)


def third_body(rng, visits):
    return circular(rng, visits) + 1.5 * visits.time_days / visits.baseline_days


def one_wrong(rng, visits):
    return circular(rng, visits) + 10 * visits.rv_err_kms * (np.arange(len(visits)) == 7)


def lasting(rng, visits):
    return circular(rng, visits) + np.repeat(rng.normal(0, 0.6, len(visits) // 5 + 1), 5)[: len(visits)]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (twice_the_errors, "misfit"),
        (eccentric, "harmonic"),
        (third_body, "trend"),
        (one_wrong, "outlier"),
        (lasting, "correlation"),
    ],
)
def test_a_planted_fault_is_found(fault, found):
    rng = np.random.default_rng(3)
    visits = empty_visits(rng, 25, 400, 0.2)
    row = row_of(replace(visits, rv_kms=fault(rng, visits)), MODEL, rng)
    assert row[f"{found}_p"] == 1 / (1 + REPLICATES)
    if found == "misfit":  # one factor shows in the misfit alone
        assert min(row[f"{name}_p"] for name in criticism.STATISTICS[1:]) > 0.05


def test_the_fit_is_that_of_the_slow_reference():
    rng = np.random.default_rng(1)
    visits = empty_visits(rng, 15, 200, 0.3)
    visits = replace(visits, rv_kms=circular(rng, visits))
    fitted = criticism.fit(visits, MODEL, RANGE)
    landscape = survey_period_range(visits, MODEL, RANGE)
    best = conditional(landscape.peaks.frequency[[landscape.peaks.height.argmax()]], visits, MODEL)
    np.testing.assert_allclose(fitted.error_kms, visits.rv_err_kms)
    # the misfit has the prior's term as well, where it is negligible
    assert fitted.statistics[0] == pytest.approx(best.chi2[0], rel=1e-3)
    assert np.sum((fitted.residual_kms / fitted.error_kms) ** 2) == pytest.approx(best.chi2[0], rel=1e-6)


def test_standardised_residuals_have_a_variance_of_one_at_every_visit():
    rng = np.random.default_rng(2)
    visits = empty_visits(rng, 8, 100, 0.2)
    model = SystemModel(100, 100)
    fits = [criticism.fit(replace(visits, rv_kms=circular(rng, visits)), model, (5.2, 5.4)) for _ in range(1500)]
    raw = np.array([fitted.residual_kms / fitted.error_kms for fitted in fits])
    assert raw.var(axis=0).max() < 0.8
    np.testing.assert_allclose(np.var([fitted.standardised for fitted in fits], axis=0), 1, atol=0.15)


def test_a_replicate_near_the_peaks_is_fitted_as_over_the_whole_range():
    for seed in range(8):
        rng = np.random.default_rng([5, seed])
        visits = from_the_model(MODEL, rng)
        near = criticism.where_replicates_peak(survey_period_range(visits, MODEL, RANGE), RANGE)
        draws = draw_orbits(period_likelihood(visits, MODEL, RANGE), UniformPeriod(RANGE), (), 10, rng)
        draws["P"] = np.exp(draws["lnP"])
        for rv in criticism.replicates(visits, draws, MODEL, rng):
            again = replace(visits, rv_kms=rv)
            ours, theirs = criticism.fit(again, MODEL, near), criticism.fit(again, MODEL, RANGE)
            np.testing.assert_allclose(ours.statistics, theirs.statistics, rtol=1e-3)


@pytest.mark.parametrize(("count", "missing"), [(4, 5), (5, 4), (6, 1), (7, 0)])
def test_a_statistic_of_too_few_visits_has_no_p_value(count, missing):
    rng = np.random.default_rng(4)
    visits = empty_visits(rng, count, 60, 0.2)
    row = row_of(replace(visits, rv_kms=circular(rng, visits)), MODEL, rng)
    assert sum(np.isnan(row[f"{name}_p"]) for name in criticism.STATISTICS) == missing


def test_the_smallest_p_value_counts_the_data_among_the_replicates():
    own, replicated = np.array([3.0, 0.0, np.nan]), np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [2.5, 1.0, 1.0]])
    np.testing.assert_array_equal(criticism.p_values(own, replicated), [0.25, 1.0, np.nan])


def test_a_system_has_the_same_numbers_whatever_else_is_criticised(twin):
    from starpop.single import draw

    systems = {visits.system: visits for visits in twin[:3]}
    exact = [draw([period_likelihood(v, MODEL, RANGE)], RANGE, 20, 1) for v in systems.values()]
    table, residuals = criticism.criticise_systems(systems, exact[::-1], MODEL, RANGE, 20, 1)
    alone, own = criticism.criticise_systems(systems, exact[1:2], MODEL, RANGE, 20, 1)
    assert tuple(table.columns) == criticism.COLUMNS
    assert list(table["system"]) == sorted(systems)
    pd.testing.assert_frame_equal(table[1:2].reset_index(drop=True), alone)
    assert len(residuals) == sum(map(len, twin[:3]))
    here = residuals[residuals["system"] == twin[1].system].reset_index(drop=True)
    pd.testing.assert_frame_equal(here, own)
