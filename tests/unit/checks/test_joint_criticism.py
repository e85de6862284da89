"""Criticism of a population's eccentricities: p-values uniform where it is right, and faults found."""

import numpy as np
import pytest
from scipy.stats import kstest

from starpop.checks import joint_criticism as criticism
from starpop.inference.densities import amplitudes_from_settings
from starpop.inference.eccentricities import Beta, Circularised, Rayleigh, UniformEccentricity
from starpop.inference.priors import draw as draw_from

BETA, RAYLEIGH = Beta((-0.5, 1.5), (0, 2)), Rayleigh((-3, 0))
SCALES = {"density": "truncated_normal", "range_kms": [0.5, 50], "mu": "auto", "ln_sigma": [-1, 0.5]}
LN_K = amplitudes_from_settings(SCALES).of_ln_amplitude
CIRCULARISED = Circularised((0.8, 2.6), (-2, 0))


def table_of(of_e, ln_period, e, replicates, rng, draws=200):
    """Of systems whose periods and eccentricities are known."""
    parameters = criticism.draw_known(of_e, e, ln_period, draws, rng)
    x, known = (np.broadcast_to(values, (draws, len(e))) for values in (ln_period, e))
    table = criticism.criticise_given_periods(of_e, parameters, x, known, replicates, rng)
    return table.set_index("statistic")


@pytest.mark.parametrize("of_e", [UniformEccentricity(), RAYLEIGH, LN_K], ids=lambda of_e: type(of_e).__name__)
def test_p_values_are_uniform_where_the_population_is_right(of_e):
    found = []
    for i in range(100):
        rng = np.random.default_rng([3, i])
        ln_period = rng.uniform(0.5, 3, 10)
        e = of_e.draw(ln_period, [draw_from(prior, rng) for prior in of_e.parameters.values()], rng)
        found.append(table_of(of_e, ln_period, e, 19, rng)["p_value"].to_numpy())
    for name, p in zip(criticism.names_of(of_e.name), np.array(found).T, strict=True):
        # of 20 possible values, each is half a step more than a uniform one
        assert kstest(p - 0.025, "uniform").pvalue > 1e-3, name


@pytest.mark.parametrize("of_e", [UniformEccentricity(), BETA, RAYLEIGH], ids=str)
def test_circularisation_is_found_where_the_population_has_none(of_e):
    rng = np.random.default_rng(1)
    ln_period = np.linspace(0.5, 3, 30)
    e = CIRCULARISED.draw(ln_period, [1.8, -2.0], rng)
    assert table_of(of_e, ln_period, e, 99, rng, 1000).loc["correlation_e", "p_value"] <= 0.02
    assert (table_of(CIRCULARISED, ln_period, e, 99, rng)["p_value"] > 0.05).all()


def test_eccentricities_that_are_hardly_known_are_not_calibrated_and_the_table_says_so():
    """What is drawn of them leans on the prediction: their p would be near one."""
    rng = np.random.default_rng(2)
    e, x = rng.uniform(0, 0.95, (300, 10)), np.broadcast_to(np.linspace(1, 2, 10), (300, 10))
    table = criticism.criticise_given_periods(UniformEccentricity(), [], x, e, 9, rng)
    assert not table["calibrated"].any()
    assert table["p_value"].equals(table["p_posterior_predictive"])


def test_statistics_are_those_of_their_names():
    e, x = np.array([[0.1, 0.5, 0.3]]), np.array([[1.0, 2.0, 4.0]])
    expected = [0.3, np.std(e), 0.1, 0.5, np.corrcoef(e, x)[0, 1]]
    np.testing.assert_allclose(criticism.statistics(e, x)[0], expected)
    assert np.isfinite(criticism.statistics(e[:, :1], x[:, :1])).all()


def test_without_replicates_there_are_no_p_values_and_all_else():
    rng = np.random.default_rng(0)
    e, x = rng.uniform(0, 0.5, (50, 6)), rng.normal(2, 1, (50, 6))
    hyper = [np.full(50, -1.0)]
    without, table = (
        criticism.criticise_given_periods(RAYLEIGH, hyper, x, e, n, np.random.default_rng(0)) for n in (0, 9)
    )
    assert without["p_value"].isna().all()
    assert not without["calibrated"].any()
    said = ["p_value", "calibrated"]
    assert without.drop(columns=said).equals(table.drop(columns=said))
