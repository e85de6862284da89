"""What an orbit says of masses, against roots found otherwise and simulated stars."""

import numpy as np
import pytest
from scipy.optimize import brentq

from starpop.orbits.masses import a_sin_i, mass_function, smallest_companion
from starpop.pages.tables import masses_of


def test_the_smallest_companion_is_the_root_of_the_mass_function():
    rng = np.random.default_rng(0)
    function, primary = 10 ** rng.uniform(-12, 3, 300), 10 ** rng.uniform(-2, 2, 300)
    found = smallest_companion(function, primary)
    for f, m1, m2 in zip(function, primary, found, strict=True):
        assert m2 == pytest.approx(brentq(lambda m, f=f, m1=m1: m**3 - f * (m1 + m) ** 2, 0, 2e3), rel=1e-9)
    np.testing.assert_array_equal(smallest_companion(np.zeros(2), np.ones(2)), 0)


def test_the_sun_is_moved_by_jupiter_as_it_is():
    """K 12.5 m/s, a = 0.00495 au of the Sun about the centre of mass, 9.5e-4 solar masses."""
    orbit = np.array([4332.6]), np.array([0.01246]), np.array([0.0489])
    assert a_sin_i(*orbit)[0] == pytest.approx(0.00496, rel=2e-3)
    assert smallest_companion(mass_function(*orbit), np.ones(1))[0] == pytest.approx(9.545e-4, rel=3e-3)


def test_the_error_of_the_stars_mass_is_carried_through():
    draws = {"P": np.full(20_000, 10.0), "a": np.full(20_000, 3.0), "b": np.full(20_000, 4.0)}
    function = mass_function(10.0, 5.0, 0.0)
    exactly = masses_of("S", draws, (1.0, 0.0))
    assert exactly["companion_mass_min_msun"] == pytest.approx(smallest_companion(function, 1.0), rel=1e-12)
    assert exactly["companion_mass_min_sd_msun"] < 1e-12
    uncertain = masses_of("S", draws, (1.0, 0.1))
    slope = (smallest_companion(function, 1.01) - smallest_companion(function, 0.99)) / 0.02
    assert uncertain["companion_mass_min_sd_msun"] == pytest.approx(0.1 * slope, rel=0.02)
    assert uncertain == masses_of("S", draws, (1.0, 0.1))
    barely = masses_of("S", draws, (0.1, 1.0))  # cut off at zero
    assert np.isfinite(list(barely.values())).all()
    assert "companion_mass_min_msun" not in masses_of("S", draws, (np.nan, np.nan))
