"""Eccentric orbits: the harmonics of an exact one, and what the fits say of e and omega up to the stated limit."""

import numpy as np
import pytest

from conftest import random_visits
from starpop.orbits import kepler
from starpop.orbits.orbit import conditional
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits


def harmonics_of(e, omega, phase, count, amplitude=7.0):
    """The complex amplitudes a - i b of an exact orbit, by a discrete Fourier transform over one period."""
    time = np.arange(4096) / 4096
    velocity = kepler.radial_velocity(time, 1.0, amplitude, e, omega, phase)
    return 2 * np.fft.rfft(velocity)[1 : count + 1] / len(time)


@pytest.mark.parametrize(("e", "omega", "phase"), [(0.02, 0.4, 2.0), (0.3, 4.0, 0.3), (0.55, 2.2, 5.0)])
def test_harmonics_are_those_of_the_exact_orbit(e, omega, phase):
    expected = harmonics_of(e, omega, phase, 4)
    for h in range(1, 5):
        # v = Re z e^(2 pi i h t), z = a - i b
        ours = 7.0 * kepler.harmonic(h, e, omega) * np.exp(-1j * h * phase)
        assert ours == pytest.approx(expected[h - 1], abs=1e-9)


@pytest.mark.parametrize("e", [0.001, 0.05, 0.2, 0.4])
def test_eccentricity_and_omega_come_back_from_the_first_two_harmonics(e):
    for omega in np.linspace(-3, 3, 7):
        first, second = (np.array([z]) for z in harmonics_of(e, omega, 1.1, 2))
        found, angle = kepler.eccentricity(first, second)
        assert found[0] == pytest.approx(e, abs=1e-7)
        assert angle[0] == pytest.approx(omega, abs=1e-5)


def test_noise_alone_gives_no_eccentricity_beyond_the_bound():
    rng = np.random.default_rng(0)
    first = np.full(500, 1.0 + 0j)
    second = rng.normal(0, 2, 500) + 1j * rng.normal(0, 2, 500)
    e, omega = kepler.eccentricity(first, second)
    assert np.isfinite(e).all() and np.isfinite(omega).all()
    assert (e <= kepler.LARGEST_ECCENTRICITY).all()


def pulls(harmonics, share_of_limit, fits=400):
    """Errors of e cos(omega), e sin(omega), and K in their standard deviations, at a share of the largest valid e."""
    rng = np.random.default_rng(harmonics)
    model = SystemModel(100, 150, harmonics=harmonics, eccentricity_scale=0.3)
    found, amplitudes = [], []
    for _ in range(fits):
        visits, period = random_visits(rng, 40, 300.0, 0.0, 0.1)
        amplitude, omega, phase = 20.0, rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
        amplitude_sd = 0.1 * np.sqrt(2 / 40)
        e = share_of_limit * kepler.largest_valid_eccentricity(harmonics, amplitude, amplitude_sd)
        orbit = kepler.radial_velocity(visits.time_days, period, amplitude, e, omega, phase)
        visits = Visits("e", visits.time_days, orbit + rng.normal(0, visits.rv_err_kms), visits.rv_err_kms)
        fit = conditional(np.array([1 / period]), visits, model)
        theta = rng.multivariate_normal(fit.mean[0], fit.covariance(), 200).T
        first, second = theta[0] - 1j * theta[1], theta[2] - 1j * theta[3]
        drawn, angle = kepler.eccentricity(first, second)
        for wave in (np.cos, np.sin):
            values = drawn * wave(angle)
            found.append((values.mean() - e * wave(omega)) / values.std())
        drawn = kepler.semi_amplitude(first, drawn, angle)
        amplitudes.append((drawn.mean() - amplitude) / drawn.std())
    return np.array(found), np.array(amplitudes)


@pytest.mark.parametrize("harmonics", [2, 3])
def test_eccentricities_are_unbiased_up_to_the_stated_limit_and_not_far_beyond(harmonics):
    for within in pulls(harmonics, 1.0):
        assert abs(within.mean()) < 4 / np.sqrt(len(within))
        assert within.std() == pytest.approx(1, abs=0.12)
    beyond, _ = pulls(harmonics, 3.0, fits=60)
    assert beyond.std() > 1.5
