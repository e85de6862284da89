"""Criticism of the populations: p-values that are uniform where the model is right, and faults that are found."""

import numpy as np
import pytest
from scipy.stats import kstest

from starpop.checks import population_criticism as criticism
from starpop.inference.densities import Histogram, Normal, PowerLaw
from starpop.inference.priors import draw as draw_from
from starpop.inference.seen import Seen
from starpop.populations.population import posterior as population_posterior

NORMAL = Normal((1, 10), (-2, 3))
RANGE = (1.5, 20)


def table_of(density, ln_period, replicates, rng, draws=400):
    parameters = list(criticism.posterior_of_known(ln_period, density).draw(draws, rng).values())
    drawn = np.broadcast_to(ln_period, (draws, len(ln_period)))
    table = criticism.criticise_population(density, parameters, drawn, replicates, rng, RANGE)
    return table.set_index("statistic")


@pytest.mark.parametrize("density", [PowerLaw((-3, 3), RANGE), Normal((1.2, 2.2), (-1, 0.5))], ids=str)
def test_p_values_are_uniform_where_the_population_is_right_and_would_not_be_without_calibration(density):
    """Of catalogues whose periods are all within the range, as those of systems are."""
    found, raw = [], []
    for i in range(100):
        rng = np.random.default_rng([11, i])
        ln_period = np.full(10, np.inf)
        while not np.all((np.exp(ln_period) > RANGE[0]) & (np.exp(ln_period) < RANGE[1])):
            hyper = [draw_from(prior, rng) for prior in density.parameters.values()]
            ln_period = density.draw(hyper, 10, rng)
        table = table_of(density, ln_period, 39, rng)
        found.append(table["p_value"].to_numpy())
        raw.append(table["p_posterior_predictive"].to_numpy())
    for name, p in zip(criticism.STATISTICS, np.array(found).T, strict=True):
        assert kstest(p, "uniform").pvalue > 1e-3, name
    assert kstest(np.array(raw)[:, 0], "uniform").pvalue < 1e-6


def test_periods_of_two_kinds_are_found_under_one_normal_density():
    rng = np.random.default_rng(2)
    ln_period = np.concatenate([rng.normal(1, 0.08, 16), rng.normal(2.5, 0.08, 16)])
    table = table_of(NORMAL, ln_period, 99, rng)
    assert table.loc["largest_gap", "p_value"] <= 0.03
    assert table.loc["largest_gap", "observed"] > table.loc["largest_gap", "predicted_95%"]


def test_a_straggler_is_found_in_the_skewness():
    rng = np.random.default_rng(3)
    table = table_of(NORMAL, np.append(rng.normal(1.5, 0.1, 13), 2.9), 99, rng)
    assert table.loc["skewness", "p_value"] == 0.01
    assert table.loc["largest_gap", "p_value"] <= 0.02


def test_statistics_are_those_of_their_names():
    values = criticism.statistics(np.array([[1.0, 4.0, 2.0, 2.0]]))[0]
    deviation = np.array([1.0, 4.0, 2.0, 2.0]) - 2.25
    sd = np.sqrt(np.mean(deviation**2))
    expected = [2.25, sd, np.mean(deviation**3) / sd**3, 1.0, 4.0, 2.0]
    np.testing.assert_allclose(values, expected)


def test_one_system_alone_is_as_predicted():
    hyper, drawn = [np.full(50, 2.0), np.zeros(50)], np.full((50, 1), 2.0)
    table = criticism.criticise_population(NORMAL, hyper, drawn, 9, rng(), RANGE)
    assert table["p_value"].between(0, 1).all()
    assert (table.set_index("statistic").loc[["sd", "largest_gap"], "p_value"] == 1).all()


def test_without_replicates_there_are_no_p_values_and_all_else():
    hyper, drawn = [np.full(50, 2.0), np.zeros(50)], rng().normal(2, 1, (50, 6))
    without, table = (criticism.criticise_population(NORMAL, hyper, drawn, n, rng(), RANGE) for n in (0, 9))
    assert without["p_value"].isna().all()
    assert not without["calibrated"].any()
    said = ["p_value", "calibrated"]
    assert without.drop(columns=said).equals(table.drop(columns=said))


def rng():
    return np.random.default_rng(0)


def test_many_hyper_parameters_are_not_calibrated_and_the_table_says_so():
    density = Histogram(5, (-2, 1), RANGE)
    parameters = [draw_from(prior, rng(), 60) for prior in density.parameters.values()]
    drawn = np.broadcast_to(density.draw([p[0] for p in parameters], 6, rng()), (60, 6))
    table = criticism.criticise_population(density, parameters, drawn, 9, rng(), RANGE)
    assert not table["calibrated"].any()
    np.testing.assert_array_equal(table["p_value"], table["p_posterior_predictive"])


def test_the_posterior_of_known_periods_is_that_of_narrow_likelihoods(twin):
    from starpop.orbits.period_likelihood import period_likelihoods
    from starpop.orbits.system_model import SystemModel

    likelihoods = period_likelihoods(twin[:6], SystemModel(100, 150), RANGE)
    known = criticism.posterior_of_known(np.array([n.peak_ln_period[0] for n in likelihoods]), NORMAL)
    for name, moments in population_posterior(likelihoods, NORMAL).moments().items():
        assert known.moments()[name] == pytest.approx(moments, abs=1e-3)


def test_a_sample_looks_like_one_if_it_is_known_who_is_seen_and_else_not():
    """Stars of which only short periods are seen: the density of all is the flatter one."""
    rng, points = np.random.default_rng(5), np.linspace(*np.log(RANGE), 201)
    probability = np.clip(1 - 2 * (points - points[0]) / np.ptp(points), 0, 1)
    step = np.ptp(points) / 200 * np.append(np.ones(200), 0.5)
    seen = Seen(points, step * probability, np.zeros(201), probability, 80)
    everyone = PowerLaw((-3, 3), RANGE)
    x = everyone.draw([0.0], 4000, rng)
    sample = x[rng.random(4000) < seen.relative_probability(x)][:80]
    known = table_of(everyone.in_sample(seen), sample, 99, rng)
    assert known.loc[["sd", "skewness", "largest"], "p_value"].min() > 0.05
    assert (criticism.posterior_of_known(sample, everyone.in_sample(seen)).moments()["beta"][0]) ** 2 < 1
    unknown = table_of(everyone, sample, 99, rng)
    assert unknown.loc["largest", "p_value"] < 0.05
