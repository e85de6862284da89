"""Probabilities that are right, and such that are not."""

import numpy as np
import pytest

from starpop.checks.reliability import BINS, reliability


def drawn(rng, size=4000):
    """Probabilities, and stars that are binaries with these."""
    probability = rng.beta(0.5, 0.7, size)
    return probability, rng.random(size) < probability


def test_of_right_probabilities_the_deviations_are_standard_normal():
    rng = np.random.default_rng(1)
    deviations = np.concatenate([reliability(*drawn(rng))["deviation_sd"] for _ in range(60)])
    assert len(deviations) == 60 * BINS
    assert abs(deviations.mean()) < 4 / np.sqrt(len(deviations))
    assert deviations.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(deviations)))


def test_probabilities_that_are_too_sure_are_found():
    probability, binary = drawn(np.random.default_rng(2))
    sure = probability**2 / (probability**2 + (1 - probability) ** 2)
    assert reliability(sure, binary)["deviation_sd"].abs().max() > 6


def test_every_star_is_in_one_row_and_rows_without_stars_are_left_out():
    table = reliability(np.array([0.0, 0.05, 0.1, 0.95, 1.0]), np.array([False, False, True, True, True]))
    assert list(table["probability_min"]) == [0, 0.1, 0.9]
    assert list(table["stars"]) == [2, 1, 2]
    assert list(table["binary_share"]) == [0, 1, 1]
    assert table["mean_probability"].iloc[0] == pytest.approx(0.025)
    assert table["binary_share_sd"].iloc[1] == pytest.approx(0.3)


def test_a_certain_star_that_is_no_binary_is_no_small_matter():
    assert reliability(np.ones(3), np.array([True, True, False]))["deviation_sd"].iloc[0] < -100
