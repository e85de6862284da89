"""The peaks of the period likelihood: all found, refined, and better than the tutorial's where it errs."""

import numpy as np
import pytest

from conftest import random_visits
from starpop.orbit import OrbitPrior, ln_likelihood
from starpop.scan import best_peaks, envelope, find_peaks, frequency_grid, lomb_scargle, scan_systems

PRIOR = OrbitPrior(100, 150)
RANGE = (1.5, 20.0)
# Periods of the tutorial's systems [d], in sorted order, and the sd of their ln, from an independent exact analysis.
APOGEE_PERIODS = [2.841144, 11.709710, 8.146561, 15.610248, 6.430672, 8.662572, 5.818556, 2.923376, 10.104035]
APOGEE_PERIODS += [14.400857, 4.286036, 2.151399, 2.660310, 7.615192]
APOGEE_SD = [4.4e-7, 8.0e-6, 1.4e-6, 9.7e-6, 2.2e-5, 1.2e-5, 1.3e-6, 4.9e-6, 5.5e-6, 9.8e-5, 3.7e-6, 1.2e-6, 5.8e-7]
APOGEE_SD += [1.9e-5]


def peaks_of(visits):
    grid = frequency_grid(RANGE, visits)
    return find_peaks(visits, PRIOR, grid, ln_likelihood(grid, visits, PRIOR))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [4, 7, 25])
def test_no_sample_of_a_dense_grid_lies_above_the_best_peak(seed, count):
    visits, _ = random_visits(np.random.default_rng(seed), count, baseline=300)
    dense = np.linspace(1 / 20, 1 / 1.5, 400_001)
    values = ln_likelihood(dense, visits, PRIOR)
    peaks = peaks_of(visits)
    # Rounding of ln L: a few ulp of sum (v / sigma)^2
    assert peaks.ln_likelihood[0] >= values.max() - 1e-9 * np.abs(values).max()
    top = (values[1:-1] > values[:-2]) & (values[1:-1] > values[2:]) & (values[1:-1] > values.max() - 25)
    for frequency in dense[1:-1][top]:
        assert np.min(np.abs(np.exp(-peaks.ln_period) - frequency)) < 2 * (dense[1] - dense[0])


def test_a_peak_has_the_width_of_the_likelihood_around_it():
    visits, _ = random_visits(np.random.default_rng(3), 30)
    peaks = peaks_of(visits)
    offset = peaks.ln_period_sd[0] * np.linspace(-1, 1, 5)
    drop = ln_likelihood(np.exp(-(peaks.ln_period[0] + offset)), visits, PRIOR) - peaks.ln_likelihood[0]
    np.testing.assert_allclose(drop, -0.5 * np.linspace(-1, 1, 5) ** 2, atol=0.01)


def test_a_peak_at_the_edge_has_no_width():
    time = np.linspace(0, 3, 9)
    from starpop.visits import Visits

    visits = Visits("slow", time, 0.05 * time, np.full(9, 0.1))
    peaks = peaks_of(visits)
    at_edge = np.isclose(np.exp(peaks.ln_period), 20)
    assert at_edge.any()
    assert np.isinf(peaks.ln_period_sd[at_edge]).all()


def test_the_periods_of_the_tutorial_systems(apogee):
    best = [peaks_of(visits) for visits in apogee]
    ln_period = np.array([p.ln_period[0] for p in best])
    np.testing.assert_array_less(np.abs(ln_period - np.log(APOGEE_PERIODS)), 3 * np.array(APOGEE_SD))
    np.testing.assert_allclose([p.ln_period_sd[0] for p in best], APOGEE_SD, rtol=0.05)


def test_lomb_scargle_as_in_the_tutorial_starts_one_system_at_an_alias(apogee):
    starts = []
    for visits in apogee:
        frequency, power = lomb_scargle(visits, RANGE)
        starts.append(1 / frequency[power.argmax()])
    wrong = np.abs(np.log(np.array(starts) / APOGEE_PERIODS)) > 0.02
    assert [v.system for v, w in zip(apogee, wrong, strict=True) if w] == ["2M19320489+4230318"]
    assert starts[9] == pytest.approx(9.617, abs=0.001)


def test_envelope_keeps_every_bins_highest_value_and_leaves_no_gap():
    frequency = np.array([0.1, 0.12, 0.35, 0.9])
    binned = envelope(frequency, np.array([1.0, 5.0, 2.0, 3.0]), np.linspace(0, 1, 6))
    assert list(binned[[0, 1, 4]]) == [5.0, 2.0, 3.0]
    assert np.isfinite(binned).all()


def test_scan_of_a_batch_lists_each_systems_peaks_best_first(twin):
    scan = scan_systems(twin[:3], PRIOR, RANGE, bins=300)
    assert list(scan["system"].values) == [v.system for v in twin[:3]]
    for i, (ln_period, _) in enumerate(best_peaks(scan)):
        mine = scan["peak_system"].values == i
        assert scan["peak_ln_likelihood"].values[mine].argmax() == 0
        assert scan["peak_ln_period"].values[mine][0] == ln_period
        assert scan["ln_likelihood"].values[i].max() == scan["peak_ln_likelihood"].values[mine][0]


def test_scan_of_an_empty_batch_is_empty():
    scan = scan_systems([], PRIOR, RANGE, bins=10)
    assert scan.sizes["system"] == 0
    assert best_peaks(scan) == []
