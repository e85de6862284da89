"""The density of the amplitudes' scale: its lattice, the density of ln K, draws, and what is refused."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from starpop.inference.densities import amplitudes_from_settings, density_from_settings
from starpop.run.errors import InputError

NORMAL = {"density": "truncated_normal", "range_kms": [0.1, 200], "mu": "auto", "ln_sigma": [-1.6, 1.5]}
SLOPE = {"density": "power_law", "range_kms": [0.5, 50], "beta": [-3, 3]}


def rayleigh(ln_ratio):
    return np.exp(2 * ln_ratio - 0.5 * np.exp(2 * ln_ratio))


@pytest.mark.parametrize(
    ("settings", "hyper"),
    [
        (NORMAL, (1.5, -1.6)),
        (NORMAL, (1.61, 0.3)),
        (NORMAL, (-2.3, -1.2)),  # about an end of the range
        (NORMAL, (5.2, 1.5)),
        (SLOPE, (0.0,)),
        (SLOPE, (-3.0,)),
        (SLOPE, (2.7,)),
    ],
)
def test_sums_over_the_lattice_are_integrals(settings, hyper):
    density = amplitudes_from_settings(settings)
    y, ln_weight = density.lattice
    low, high = np.log(settings["range_kms"])
    for centre in (-1.0, 0.4, 2.0, 4.0):  # of what a likelihood of amplitudes can be
        expected, _ = quad(
            lambda at, c=centre: np.exp(density.ln_pdf(np.array(at), *hyper)) * rayleigh(c - at),
            low,
            high,
            epsabs=1e-13,
            epsrel=1e-12,
            limit=500,
            points=[min(max(hyper[0], low), high)],
        )
        summed = np.sum(np.exp(density.ln_pdf(y, *hyper) + ln_weight) * rayleigh(centre - y))
        narrow = settings is NORMAL and hyper[1] < np.log(0.3)
        assert summed == pytest.approx(expected, rel=1e-5 if narrow else 1e-6, abs=1e-10)


def test_the_density_of_ln_amplitude_is_that_of_drawn_ones():
    density, rng = amplitudes_from_settings(NORMAL), np.random.default_rng(1)
    hyper = np.array([1.0]), np.array([-0.5])
    y = density.draw([np.broadcast_to(h, 20_000) for h in hyper], 20_000, rng)
    ln_amplitude = np.log(np.hypot(*rng.normal(0, np.exp(y), (2, 20_000))))
    grid = np.linspace(-9, 7, 4001)
    pdf = np.exp(density.of_ln_amplitude.ln_pdf(grid, None, *hyper)[0])
    cdf = np.append(0, np.cumsum(0.5 * (pdf[1:] + pdf[:-1]))) * (grid[1] - grid[0])
    assert cdf[-1] == pytest.approx(1, abs=1e-5)
    assert kstest(ln_amplitude, lambda q: np.interp(q, grid, cdf)).pvalue > 1e-3
    mean = np.trapezoid(grid * pdf, grid)
    variance = np.trapezoid((grid - mean) ** 2 * pdf, grid)
    assert mean == pytest.approx(1.0 + 0.5 * (np.log(2) - np.euler_gamma), abs=1e-4)
    assert variance == pytest.approx(np.exp(-1.0) + np.pi**2 / 24, rel=1e-3)


@pytest.mark.parametrize("amplitude", [1e-3, 2.0, 300.0])
def test_a_scale_given_the_amplitudes_is_of_its_posterior(amplitude):
    density, rng = amplitudes_from_settings(NORMAL), np.random.default_rng(2)
    hyper = np.full(5000, 1.0), np.full(5000, -0.3)
    drawn = density.draw_given(np.full(5000, amplitude), hyper, rng)
    y = np.linspace(*np.log(NORMAL["range_kms"]), 20_001)
    pdf = np.exp(density.ln_pdf(y, 1.0, -0.3)) * rayleigh(np.log(amplitude) - y)
    cdf = np.append(0, np.cumsum(pdf[1:] + pdf[:-1]))
    assert kstest(drawn, lambda q: np.interp(q, y, cdf / cdf[-1])).pvalue > 1e-3


def test_a_population_has_it_after_its_periods():
    of_x = {"density": "power_law", "beta": [-3, 3], "fraction": [0, 1]}
    density = density_from_settings(of_x | {"amplitude": NORMAL}, (2.0, 50.0))
    assert list(density.parameters) == ["F", "beta", "mu_s", "lnsigma_s"]
    assert density.parameters_of_s((0.5, 1, 2, 3)) == (2, 3)
    assert density.parameters_of_periods((0.5, 1, 2, 3)) == (1,)
    assert density.of_s == amplitudes_from_settings(NORMAL)
    assert density_from_settings(of_x, (2.0, 50.0)).of_s is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"density": "normal"}, r"amplitude\.density 'normal' is not one of truncated_normal, power_law"),
        ({"range_kms": [5, 2]}, r"amplitude\.range_kms: \[5\.0, 2\.0\]; expected two positive numbers"),
        ({"ln_sigma": [-3, 1]}, r"amplitude\.ln_sigma: \[-3, 1\]; expected it within -1\.6 and inf"),
        ({"mu": [-8, 12]}, r"amplitude\.mu: \[-8, 12\]; expected it within -3\.303 and 6\.298"),
        (SLOPE | {"beta": [-100, 100], "mu": None, "ln_sigma": None}, r"beta: \[-100, 100\]; expected it within -20"),
        ({"mu": None}, "lacks mu"),
        ({"range_kms": None}, "lacks range_kms"),
    ],
)
def test_what_is_refused_is_named(changed, message):
    settings = {key: value for key, value in (NORMAL | changed).items() if value is not None}
    with pytest.raises(InputError, match=message):
        amplitudes_from_settings(settings)


def test_the_moments_of_ln_amplitude_are_those_of_its_density():
    of_k = amplitudes_from_settings(NORMAL).of_ln_amplitude
    hyper = np.array([0.5, 2.0]), np.array([-1.0, 0.4])
    grid = np.linspace(-12, 9, 8001)
    pdf = np.exp(of_k.ln_pdf(grid, None, *hyper))
    mean = np.trapezoid(grid * pdf, grid, axis=1)
    sd = np.sqrt(np.trapezoid((grid - mean[:, None]) ** 2 * pdf, grid, axis=1))
    np.testing.assert_allclose(of_k.moments(*hyper), (mean, sd), rtol=2e-4)
