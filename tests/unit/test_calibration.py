"""Calibration: right on a right chain, and able to fail."""

import numpy as np
import pandas as pd
import pytest

from starpop import calibration
from starpop.densities import TruncatedNormal

RANGE = (1.5, 20.0)
DENSITY = TruncatedNormal((0.8, 2.6), (-1.5, 0.5), RANGE)
SURVEY = calibration.Survey((8, 20), (50, 300), (0.1, 1.0), 10, 20)
DRAWS = 99


def ranks(survey, catalogs):
    return calibration.rank_catalogs(range(catalogs), DENSITY, 2, survey, DRAWS, base_seed=1)


def test_the_chain_is_calibrated_and_a_wrong_error_scale_is_caught():
    right = calibration.calibration_table(ranks(SURVEY, 300), DRAWS).set_index("parameter")
    assert set(right.index) == {"mu", "lnsigma", "lnP", "v0", "semi_amplitude"}
    assert (right["status"] == "ok").all()
    assert (np.abs(right["coverage_80%"] - 0.8) < 4 * right["coverage_80%_sd"]).all()
    faulty = calibration.Survey(**{**SURVEY.__dict__, "error_scale": 2.0})
    wrong = calibration.calibration_table(ranks(faulty, 300), DRAWS).set_index("parameter")
    assert wrong.loc["v0", "status"] == "not calibrated"
    assert wrong.loc["semi_amplitude", "status"] == "not calibrated"
    assert wrong.loc["v0", "coverage_80%"] < 0.7


def test_a_catalogue_depends_on_its_index_alone():
    one = calibration.rank_catalogs([3], DENSITY, 2, SURVEY, DRAWS, base_seed=1)
    many = calibration.rank_catalogs([1, 3], DENSITY, 2, SURVEY, DRAWS, base_seed=1)
    pd.testing.assert_frame_equal(one, many[1:].reset_index(drop=True))


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


def test_weights_of_modes_are_borne_out():
    weak = calibration.Survey((5, 9), (30, 100), (0.5, 2.0), 3, 20)
    recovered = calibration.recover_systems(range(300), weak, RANGE, base_seed=2)
    table = calibration.recovery_table(recovered).set_index("quantity")["value"]
    assert table["wrong by the heaviest mode"] > 0.2
    assert abs(table["difference of the last two in standard errors"]) < 4
    reliability = calibration.reliability(recovered, groups=4)
    z = (reliability["share_right"] - reliability["weight_mean"]) / reliability["share_expected_sd"]
    assert (z.abs() < 4).all()
    assert reliability["systems"].sum() == 300


def test_weights_that_are_not_borne_out_are_seen():
    rng = np.random.default_rng(3)
    weight = rng.uniform(0.3, 1, 2000)
    boastful = pd.DataFrame(
        {
            "mode_weight": weight,
            "mode_right": rng.random(2000) < weight**2,
            "lomb_scargle_right": True,
            "refined_right": True,
        }
    )
    table = calibration.recovery_table(boastful).set_index("quantity")["value"]
    assert table["difference of the last two in standard errors"] > 5


@pytest.mark.parametrize("count", [5, 36])
def test_simulated_visits_keep_to_the_survey(count):
    survey = calibration.Survey((count, count), (200, 300), (0.1, 0.2), 10, 20)
    visits, theta = calibration.simulate_system("S", np.log(3.0), survey, np.random.default_rng(0))
    assert len(visits) == count
    assert 200 <= visits.baseline_days <= 300
    assert (np.diff(visits.time_days) > 0).all()
    assert theta.shape == (3,)
