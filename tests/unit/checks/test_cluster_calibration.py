"""Calibration of the cluster: its cases, ranks, and whether probabilities to be a member are borne out."""

import numpy as np
import pandas as pd
import pytest

from starpop.checks import calibration, cluster_calibration
from starpop.checks.cluster_calibration import ClusterCase, case_from_settings, members, reliability
from starpop.populations.cluster import ClusterPrior, Field

PRIOR = ClusterPrior(0.5, 0.1, (-6, -3), field=Field((0, 0.4), 0.7, 0.35))
CASE = ClusterCase(PRIOR, (30, 60), (-2, -0.5))


def test_a_case_is_a_cluster_where_it_has_stars():
    prior = {"mean_distance_kpc": 0.5, "mean_distance_sd_kpc": 0.1, "ln_depth_kpc": [-6, -3]}
    prior["field"] = {"fraction": [0, 0.4], "mean_distance_kpc": 0.7, "sd_kpc": 0.35}
    settings = {"catalogs": 5, "draws": 19, "stars": [30, 60], "log10_parallax_error_mas": [-2, -0.5], "prior": prior}
    case = case_from_settings(settings)
    assert (case.stars, case.log10_parallax_error_mas) == (CASE.stars, CASE.log10_parallax_error_mas)
    assert case.prior.bounds.keys() == {"f_field", "mu_r", "ln_std_r"}


def test_clusters_are_those_of_their_case():
    drawn = [CASE.simulate(np.random.default_rng(i)) for i in range(400)]
    assert {len(one.parallax_mas) for one in drawn} == set(range(30, 61))
    truths = pd.DataFrame([one.truth for one in drawn])
    assert truths["mu_r"].mean() == pytest.approx(0.5, abs=4 * 0.1 / 20)
    assert truths["f_field"].between(0, 0.4).all()
    share = np.concatenate([one.member for one in drawn]).mean()
    assert share == pytest.approx(1 - truths["f_field"].mean(), abs=0.02)
    errors = np.concatenate([one.parallax_error_mas for one in drawn])
    assert 0.01 <= errors.min() < 0.0101 < 0.31 < errors.max() <= 10**-0.5
    one = drawn[0]
    deviation = (one.parallax_mas - 1 / one.distance_kpc) / one.parallax_error_mas
    assert np.std(deviation) == pytest.approx(1, abs=0.4)


def test_the_ranks_are_of_all_hyper_parameters_and_of_the_first_star():
    table = calibration.rank_catalogs(range(2), "mine", CASE, 19, 1)
    assert set(table["parameter"]) == {"f_field", "mu_r", "ln_std_r", "ln_likelihood", "r", "member"}
    assert table["rank"].between(0, 19).all()
    again = calibration.rank_catalogs([1], "mine", CASE, 19, 1)
    pd.testing.assert_frame_equal(again, table[table["catalog"] == 1].reset_index(drop=True))


@pytest.mark.slow
def test_mean_distance_and_depth_are_calibrated():
    ranks = calibration.rank_catalogs(range(60), "slow", CASE, 99, 3)
    table = calibration.calibration_table(ranks, 99)
    assert (table["status"] == "ok").all()


def test_stars_that_are_members_with_a_probability_are_so_in_that_share():
    table = members(range(12), "few", CASE, 5)
    found = reliability(table)
    assert found["stars"].sum() == len(table)
    z = (found["share"] - found["share_expected"]) / found["share_expected_sd"]
    assert z.abs().max() < 4
    # a probability that tells nothing would be borne out, too
    assert (table["probability"] > 0.9).mean() > 0.3


def test_a_share_that_is_not_the_expected_one_is_seen():
    rng = np.random.default_rng(0)
    probability = rng.random(3000)
    right = reliability(pd.DataFrame({"probability": probability, "member": rng.random(3000) < probability}))
    wrong = reliability(pd.DataFrame({"probability": probability, "member": rng.random(3000) < probability**2}))
    assert list(right["probability_from"]) == pytest.approx(np.arange(10) / 10)
    for table, holds in ((right, True), (wrong, False)):
        z = (table["share"] - table["share_expected"]) / table["share_expected_sd"]
        assert (z.abs().max() < 4) == holds


def test_members_are_of_the_clusters_chosen_whatever_the_others():
    both, second = members(range(2), "mine", CASE, 1), members([1], "mine", CASE, 1)
    kept = both[both["cluster"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, second)
    assert cluster_calibration.members([0], "other", CASE, 1)["probability"].iloc[0] != both["probability"].iloc[0]
