"""Instruments whose zero points are far apart: the orbit is as if they were not."""

from dataclasses import replace

import numpy as np
import pytest

from starpop.inference.densities import UniformPeriod
from starpop.orbits.noise import Jitter, Reported, Scaled
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.periods import read_likelihoods, scan_systems
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

RANGE = (2.0, 20.0)
NOISES = {"reported": Reported(), "jitter": Jitter(-2, 2), "scaled": Scaled(0, 1.5)}
ORBITS = {"planet": (0.08, 0.002, 24), "binary": (25.0, 0.5, 16), "few visits": (60.0, 0.1, 8)}


def two_instruments(amplitude, error, count, apart=0.0):
    """Visits that two spectrographs take in turns, with zero points so far apart [km/s]."""
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 300, count))
    instrument = np.arange(count) % 2
    rv = 20 + amplitude * np.cos(2 * np.pi * (time / 6.3 + rng.random())) + rng.normal(0, error, count)
    return Visits("S", time - time[0], rv + apart * instrument, np.full(count, error), ("a", "b"), instrument)


def orbit(visits, model):
    """Posterior draws of what does not know of the zero points."""
    drawn = draw_orbits(
        period_likelihood(visits, model, RANGE), UniformPeriod(RANGE), (), 8000, np.random.default_rng(1)
    )
    kept = {"lnP": drawn["lnP"], "K": np.hypot(drawn["a"], drawn["b"])}
    return kept | ({"jitter": np.exp(drawn["ln_jitter"])} if "ln_jitter" in drawn else {})


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("which", ORBITS)
def test_an_orbit_is_that_of_visits_with_the_offset_taken_off(noise, which):
    model = SystemModel(100, 150, offsets=True, noise=NOISES[noise])
    expected = orbit(two_instruments(*ORBITS[which]), model)
    for apart in (2, 6, 15, 53, 500):
        found = orbit(two_instruments(*ORBITS[which], apart), model)
        for name, draws in expected.items():
            assert abs(found[name].mean() - draws.mean()) < 0.1 * draws.std(), (apart, name)
            assert found[name].std() == pytest.approx(draws.std(), rel=0.1), (apart, name)


def test_the_width_is_the_configured_one_where_the_data_do_not_want_another():
    model = SystemModel(100, 150, offsets=True)
    for apart, width in ((0, 3), (5, 3), (53, 30), (500, 300)):
        visits = two_instruments(*ORBITS["binary"], apart)
        assert period_likelihood(visits, model, RANGE).system_model.offset_sd_kms == width
    alone = replace(two_instruments(*ORBITS["binary"], 500), instruments=(), instrument=None)
    assert period_likelihood(alone, SystemModel(100, 150), RANGE).system_model == SystemModel(100, 150)


def test_the_width_is_kept_with_the_nodes():
    model = SystemModel(100, 150, offsets=True)
    visits = two_instruments(*ORBITS["binary"], 53)
    (read,) = read_likelihoods([scan_systems([visits], model, RANGE, 50)], {"S": visits}, model)
    assert read.system_model == replace(model, offset_sd_kms=30)
    whole = period_likelihood(visits, model, RANGE)
    np.testing.assert_array_equal(read.linear.precision, whole.linear.precision)
