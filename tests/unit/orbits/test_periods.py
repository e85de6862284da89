"""The periods of a batch: the tutorial's 14, Lomb-Scargle beside them, and the product read back."""

import numpy as np
import pytest

from conftest import random_visits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.periods import LISTS, envelope, lomb_scargle, read_likelihoods, scan_systems
from starpop.orbits.system_model import SystemModel
from starpop.run.errors import InputError

PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
# Periods of the tutorial's systems [d], in sorted order, and the sd of their ln, from an independent exact analysis.
APOGEE_PERIODS = [2.841144, 11.709710, 8.146561, 15.610248, 6.430672, 8.662572, 5.818556, 2.923376, 10.104035]
APOGEE_PERIODS += [14.400857, 4.286036, 2.151399, 2.660310, 7.615192]
APOGEE_SD = [4.4e-7, 8.0e-6, 1.4e-6, 9.7e-6, 2.2e-5, 1.2e-5, 1.3e-6, 4.9e-6, 5.5e-6, 9.8e-5, 3.7e-6, 1.2e-6, 5.8e-7]
APOGEE_SD += [1.9e-5]


def test_the_periods_of_the_tutorial_systems(apogee):
    best = [period_likelihood(visits, PRIOR, RANGE) for visits in apogee]
    ln_period = np.array([n.peak_ln_period[0] for n in best])
    np.testing.assert_array_less(np.abs(ln_period - np.log(APOGEE_PERIODS)), 3 * np.array(APOGEE_SD))
    np.testing.assert_allclose([n.peak_ln_period_sd[0] for n in best], APOGEE_SD, rtol=0.05)


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


def test_likelihoods_are_read_back_from_the_products_as_they_were(twin):
    by_name = {v.system: v for v in twin}
    products = [scan_systems(batch, PRIOR, RANGE, bins=50) for batch in (twin[3:5], [], twin[:1])]
    read = read_likelihoods(products, by_name, PRIOR)
    assert [n.system for n in read] == ["TWIN-01", "TWIN-04", "TWIN-05"]
    for likelihood in read:
        fresh = period_likelihood(by_name[likelihood.system], PRIOR, RANGE)
        for names in LISTS.values():
            for name in names:
                np.testing.assert_array_equal(getattr(likelihood, name), getattr(fresh, name))


def test_the_drawn_periodogram_reaches_the_highest_peak(twin):
    scan = scan_systems(twin[:3], PRIOR, RANGE, bins=300)
    for i in range(3):
        mine = scan["peak_system"].values == i
        assert scan["ln_likelihood"].values[i].max() == scan["peak_ln_likelihood"].values[mine].max()


def test_a_range_with_more_frequencies_than_can_be_looked_at_is_said():
    visits = random_visits(np.random.default_rng(0), 20)[0]
    with pytest.raises(InputError, match=r"period_range_days: from 1e-09 to 20 d .* raise the shortest period"):
        period_likelihood(visits, PRIOR, (1e-9, 20))


def test_periodograms_are_kept_of_those_drawn_and_all_else_is_as_it_was(twin):
    systems = twin[:3]
    whole = scan_systems(systems, PRIOR, (1.5, 20), 50)
    some = scan_systems(systems, PRIOR, (1.5, 20), 50, drawn={systems[1].system})
    drawn = {name: np.isfinite(some[name].values) for name in ("ln_likelihood", "lomb_scargle_power")}
    for name, kept in drawn.items():
        assert list(kept.any(axis=1)) == [False, True, False]
        np.testing.assert_array_equal(some[name].values[1], whole[name].values[1])
    assert np.isnan(some["lomb_scargle_period_days"].values[[0, 2]]).all()
    for name in set(whole.data_vars) - {"lomb_scargle_period_days", *drawn}:
        np.testing.assert_array_equal(some[name].values, whole[name].values)
