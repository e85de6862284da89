"""A system model says in words what it cannot be."""

import numpy as np
import pytest

from starpop.inference.densities import UniformPeriod
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.run.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amplitude_sd_kms": 0}, "amplitude_sd_kms: 0 is no width of a prior; expected a positive number"),
        ({"systemic_velocity_sd_kms": np.nan}, "systemic_velocity_sd_kms: nan is no width"),
        ({"offset_sd_kms": "3"}, "offset_sd_kms: '3' is no width"),
        ({"orbit": "eccentric"}, "orbit: 'eccentric'; expected one of 'circular', 'keplerian'"),
        ({"trend": -1}, "trend: -1; expected one of 0, 1, 2"),
        ({"times": "bary"}, "times: 'bary'; expected one of 'reported', 'barycentric'"),
        ({"noise": "jitter"}, r"noise: 'jitter' is none; expected starpop.Jitter\(mean, sd\)"),
        ({"noise": Jitter}, "noise: <class .*> is none"),
    ],
)
def test_what_is_no_model_is_said(changes, message):
    with pytest.raises(InputError, match=message):
        SystemModel(**{"amplitude_sd_kms": 100, "systemic_velocity_sd_kms": 150} | changes)


@pytest.mark.parametrize(("mean", "sd"), [(0, -1), (0, 0), (np.inf, 1), (0, np.nan)])
def test_what_is_no_noise_is_said(mean, sd):
    with pytest.raises(InputError, match="no noise has a mean of"):
        Jitter(mean, sd)


def test_a_prior_that_is_zero_where_the_period_may_be_is_said(twin):
    likelihood = period_likelihood(twin[0], SystemModel(100, 150), (1.5, 20))
    with pytest.raises(InputError, match=r"System TWIN-01: its period is from 2.84.* where UniformPeriod.* is zero"):
        draw_orbits(likelihood, UniformPeriod((30, 40)), (), 10, np.random.default_rng(0))


def test_widths_that_are_whole_numbers_can_be_inverted(twin):
    model = SystemModel(100, 150, trend=1, trend_sd_kms_per_year=2, offset_sd_kms=3)
    np.testing.assert_array_equal(model.standard_deviations(twin[0]) ** -1, [0.01, 0.01, 1 / 150, 0.5])
