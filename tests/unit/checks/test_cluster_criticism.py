"""Criticism of the cluster: p-values that are uniform where it is one, and tables of more than a cluster found."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from conftest import ROOT
from starpop.checks import cluster_criticism as criticism
from starpop.checks import diagnostics
from starpop.populations import cluster
from starpop.populations.simulate import simulate_cluster
from starpop.run import status

PRIOR = cluster.ClusterPrior(1, 2, (-8, 0))
FIELD = ROOT.parent / "shared/data/faults/cluster_with_field/F5_cluster_with_field_stars.csv"


def table_of(parallax, error, seed=0, replicates=119, prior=PRIOR):
    rng = np.random.default_rng(seed)
    hyper = np.column_stack(list(cluster.posterior(parallax, error, prior).draw(500, rng).values()))
    names = [f"S{i}" for i in range(len(parallax))]
    return criticism.criticise_cluster(names, parallax, error, prior, hyper, replicates, rng)


def random_cluster(rng, stars=40):
    error = 10 ** rng.uniform(-2, -0.5, stars)
    mean, ln_depth = 10 ** rng.uniform(-1, 0.3), rng.uniform(-6, -1.5)
    return cluster.simulate(error, np.array([mean, min(ln_depth, np.log(0.4 * mean))]), PRIOR, rng)[0], error


def test_p_values_are_uniform_where_the_stars_are_a_cluster():
    tables = []
    for i in range(60):
        rng = np.random.default_rng([5, i])
        tables.append(table_of(*random_cluster(rng, int(rng.integers(3, 40))), seed=i, replicates=39))
    table = pd.concat(tables)
    for name, p in table.groupby("statistic")["p_value"]:
        assert kstest(p, "uniform").pvalue > 1e-3, name


def test_a_misfit_is_as_rare_among_right_clusters_as_is_said_and_can_be_reached():
    rng, trials, first = np.random.default_rng(11), 3000, 100
    found = np.zeros(4)
    for _ in range(trials):
        values = rng.normal(size=(1 + criticism.TIMES * first, 4))
        found += criticism.p_values(values[0], values[1:]) <= criticism.MISFIT
    expected = criticism.MISFIT * trials
    assert (np.abs(found - expected) < 4 * np.sqrt(expected)).all()
    farthest, others = np.full(4, 9.0), rng.normal(size=(criticism.TIMES * first, 4))
    assert (criticism.p_values(farthest, others) <= criticism.MISFIT).all()
    # and the first replicates alone are enough to ask for the others
    assert (criticism.p_values(farthest, others[:first]) <= criticism.SUSPICIOUS).all()


def test_the_tutorials_cluster_is_one():
    stars = simulate_cluster(256, 500, 8.7, (-2, -1), seed=42)
    table = table_of(stars["parallax"].value, stars["parallax_error"].value)
    assert not table["misfit"].any()
    assert diagnostics.misfit(table) == ""


@pytest.mark.skipif(not FIELD.is_file(), reason="the table is not beside this folder")
def test_field_stars_among_members_are_a_misfit_that_the_status_says_in_words():
    stars = pd.read_csv(FIELD)
    table = table_of(stars["parallax"].to_numpy(), stars["parallax_error"].to_numpy())
    said = diagnostics.misfit(table)
    assert said.startswith("misfit: not the parallaxes of one cluster: largest_deviation 10.9 (star S")
    assert said.endswith("(of stars of the field among the members: cluster.prior.field)")
    assert status.has_failed(said)
    assert diagnostics.misfit(table, with_field=True).startswith(
        "misfit: not the parallaxes of a cluster in this field"
    )


def test_stars_of_the_field_are_no_misfit_of_a_model_that_has_them_and_a_star_that_is_of_neither_is():
    rng, error = np.random.default_rng(4), np.full(120, 0.02)
    prior = cluster.ClusterPrior(1, 2, (-8, 0), field=cluster.Field((0, 1), 0.5, 0.06))
    parallax, *_ = cluster.simulate(error, np.array([0.2, 0.5, -4.9]), prior, rng)
    assert table_of(parallax, error)["misfit"].any()
    assert not table_of(parallax, error, prior=prior)["misfit"].any()
    parallax[9] = 9.0
    table = table_of(parallax, error, prior=prior).set_index("statistic")
    assert table.loc["largest_deviation", ["misfit", "star"]].tolist() == [True, "S9"]


def test_a_parallax_in_the_mixture_is_as_far_out_as_among_simulated_ones():
    rng, values = np.random.default_rng(6), np.array([0.3, 0.5, -4.7])
    prior = cluster.ClusterPrior(1, 2, (-8, 0), field=cluster.Field((0, 1), 0.6, 0.3))
    error = np.full(20_000, 0.05)
    parallax, *_ = cluster.simulate(error, values, prior, rng)
    assert kstest(criticism.standardised(parallax, error, values, prior), "norm").pvalue > 1e-3
    far = criticism.standardised(np.array([1e4, -3.0]), np.full(2, 0.05), values, prior)
    assert np.isfinite(far).all()
    assert far[0] > 4 > -4 > far[1]


def test_one_star_of_the_field_and_two_clusters_are_found():
    rng = np.random.default_rng(1)
    error = np.full(60, 0.02)
    parallax, *_ = cluster.simulate(error, np.array([0.5, -4.5]), PRIOR, rng)
    parallax[7] = 2.9
    table = table_of(parallax, error).set_index("statistic")
    assert table.loc["largest_deviation", "misfit"]
    assert table.loc["largest_deviation", "star"] == "S7"
    parallax = np.concatenate([rng.normal(2.0, 0.03, 80), rng.normal(2.5, 0.03, 80)])
    assert table_of(parallax, np.full(160, 0.02)).set_index("statistic").loc["kurtosis", "misfit"]


def test_errors_that_are_too_small_where_they_are_large_are_found():
    rng = np.random.default_rng(2)
    error = 10 ** rng.uniform(-2, 0, 150)
    parallax = rng.normal(2, np.where(error > 0.1, 2.5, 1) * error)
    assert table_of(parallax, error).set_index("statistic").loc["error_correlation", "misfit"]


def test_statistics_are_those_of_their_names():
    largest, kurtosis, skewness, correlation = criticism.statistics(np.array([1.0, -3.0, 2.0]), np.array([1, 3, 2.0]))
    deviation = np.array([1.0, -3.0, 2.0])
    assert largest == 3
    assert kurtosis == pytest.approx(np.mean(deviation**4) / np.mean(deviation**2) ** 2)
    assert skewness == pytest.approx(np.mean(deviation**3) / np.mean(deviation**2) ** 1.5)
    assert correlation == 1
    assert criticism.statistics(np.zeros(2), np.ones(2)).tolist() == [0, 0, 0, 0]


def test_the_highest_point_is_that_of_a_grid():
    parallax, error = random_cluster(np.random.default_rng(8))
    hyper = cluster.posterior(parallax, error, PRIOR)
    (mean, sd), (ln_depth, ln_depth_sd) = hyper.moments().values()
    found = cluster.highest_point(parallax, error, PRIOR, np.array([mean, ln_depth]), np.array([sd, ln_depth_sd]))
    best = hyper.points[np.argmax(cluster.ln_posterior(hyper.points.T, parallax, error, PRIOR))]
    values = cluster.ln_posterior(np.array([found, best]).T, parallax, error, PRIOR)
    assert values[0] > values[1] - 0.01


def test_without_replicates_there_are_statistics_and_no_p_values():
    table = table_of(*random_cluster(np.random.default_rng(3)), replicates=0)
    assert table["p_value"].isna().all()
    assert table["observed"].notna().all()
    assert not table["misfit"].any()
