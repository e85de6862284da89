"""Every density of the eccentricity: normalised, bounded by its peak, drawn as it says, the same for PyTensor."""

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import kstest

from starpop.inference.densities import density_from_settings
from starpop.inference.eccentricities import Eccentricity, EccentricityPrior, eccentricity_from_settings
from starpop.inference.joint import Joint
from starpop.inference.numerics import tensors
from starpop.inference.priors import draw as draw_from
from starpop.run.errors import InputError

RANGE = (1.5, 20.0)
SETTINGS = {
    "uniform": {},
    "beta": {"ln_alpha": [-0.69, 3], "ln_beta": [0, 3]},
    "rayleigh": {"ln_sigma": [-5, 3]},
    "circularised": {"mu": "auto", "ln_width": [-2, 0.5]},
}
DENSITIES = {name: eccentricity_from_settings({"density": name, **keys}, RANGE) for name, keys in SETTINGS.items()}
ALL = {
    **DENSITIES,
    "prior": EccentricityPrior(0.6, 3, 0.9),
    "other prior": EccentricityPrior(3, 0.6, 0.9),
    "narrow prior": EccentricityPrior(up_to=0.3),
    "as many as may be near 0": eccentricity_from_settings(
        {"density": "beta", "ln_alpha": [-0.69, -0.689], "ln_beta": [0, 0.001]}, RANGE
    ),
    "nearly flat": eccentricity_from_settings({"density": "rayleigh", "ln_sigma": [2.9, 3]}, RANGE),
}


def parameters_of(density, rng, size=()):
    return [draw_from(prior, rng, size) for prior in density.parameters.values()]


def test_every_registered_density_is_tested():
    assert set(SETTINGS) == set(Eccentricity.registered)


def cumulated(density, x, parameters):
    """Roots of e, and the integral of the root's density up to each, by a Gauss rule between them.

    They are close near both ends, where powers of e and of 1 - e are steep.
    """
    near = np.geomspace(1e-14, 0.5, 6000)
    ends = np.sqrt(density.up_to) * np.concatenate([[0], near, 1 - near[-2::-1], [1]])
    half, (points, weights) = 0.5 * np.diff(ends), leggauss(6)
    root = ends[:-1, None] + half[:, None] * (1 + points)
    masses = half * (np.exp(density.ln_pdf_of_root(root**2, x, *parameters)) @ weights)
    return ends, np.concatenate([[0], np.cumsum(masses)])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(4))
def test_a_density_integrates_to_one_and_is_drawn_from(name, seed):
    density, rng = ALL[name], np.random.default_rng(seed)
    parameters, x = parameters_of(density, rng), rng.uniform(*np.log(RANGE))
    root, cdf = cumulated(density, x, parameters)
    assert cdf[-1] == pytest.approx(1, abs=1e-8)
    drawn = density.draw(np.full(4000, x), parameters, rng)
    assert drawn.max() <= density.up_to
    assert kstest(drawn, lambda e: np.interp(np.sqrt(e), root, cdf)).pvalue > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_the_peak_bounds_the_density_of_the_root(name):
    density, rng = ALL[name], np.random.default_rng(0)
    low = rng.uniform(0, 0.9 * density.up_to, (300, 1)) * (rng.random((300, 1)) < 0.8)
    high = np.minimum(low + 10 ** rng.uniform(-4, 0, (300, 1)), density.up_to)
    first = rng.uniform(*np.log(RANGE), (300, 1))
    parameters = parameters_of(density, rng, (300, 1))
    peak = density.ln_peak((low, high), (first, first + 0.02), *parameters)
    e = low + (high - low) * np.linspace(0, 1, 101)
    values = [density.ln_pdf_of_root(e, first + step, *parameters).max(axis=1) for step in (0, 0.01, 0.02)]
    highest = np.max(values, axis=0)
    assert (peak[:, 0] >= highest - 1e-9).all()
    narrow = (high - low)[:, 0] < 1e-3
    assert np.median(peak[narrow, 0] - highest[narrow]) < 0.1


@pytest.mark.parametrize("name", ALL)
def test_numpy_and_pytensor_give_the_same(name):
    density, rng = ALL[name], np.random.default_rng(1)
    parameters, e, x = parameters_of(density, rng), rng.uniform(0, density.up_to, 20), rng.uniform(0, 3, 20)
    tensor = density.ln_pdf(pt.as_tensor(e), pt.as_tensor(x), *map(pt.as_tensor, parameters), math=tensors())
    np.testing.assert_allclose(tensor.eval(), density.ln_pdf(e, x, *parameters), rtol=1e-10)


def test_orbits_are_circular_below_the_period_of_circularisation_and_any_above():
    density = DENSITIES["circularised"]
    rng, x = np.random.default_rng(2), np.repeat([0.0, 2.0, 4.0], 40_000)
    circular, between, wide = density.draw(x, (2.0, -2.0), rng).reshape(3, -1).mean(axis=1)
    assert circular == pytest.approx(0.95 * 0.01, rel=0.02)
    assert between == pytest.approx(0.95 / (1 + np.sqrt(99)), rel=0.02)
    assert wide == pytest.approx(0.95 / 2, rel=0.02)


def test_a_population_of_both_is_made_of_settings_and_of_periods_alone_is_that_of_the_period():
    of_x = {"density": "normal", "mu": [0, 4], "ln_sigma": [-2, 1]}
    both = density_from_settings(of_x | {"eccentricity": {"density": "rayleigh", "ln_sigma": [-4, 0]}}, RANGE)
    alone = density_from_settings(of_x, RANGE)
    assert isinstance(both, Joint)
    assert list(both.parameters) == ["mu", "lnsigma", "lnsigma_e"]
    h = (1.0, -0.5, -2.0)
    x, rng = np.linspace(-1, 4, 7), np.random.default_rng
    np.testing.assert_array_equal(both.ln_pdf(x, *h), alone.ln_pdf(x, *h[:2]))
    np.testing.assert_allclose(both.ln_joint(x, 0.3, *h), alone.ln_pdf(x, *h[:2]) + both.of_e.ln_pdf(0.3, x, -2.0))
    np.testing.assert_array_equal(alone.ln_joint(x, None, *h[:2]), alone.ln_pdf(x, *h[:2]))
    np.testing.assert_array_equal(both.draw(h, 5, rng(0)), alone.draw(h[:2], 5, rng(0)))
    columns = [np.array([value]) for value in h]
    np.testing.assert_array_equal(both.moments((0, 3), *columns), alone.moments((0, 3), *columns[:2]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density": "reyleigh"}, "eccentricity.density 'reyleigh' is not known; .* Did you mean 'rayleigh'"),
        ({"density": "rayleigh"}, "density rayleigh, lacks or does not know ln_sigma; its keys are ln_sigma, up_to"),
        ({"density": "uniform", "mu": [0, 1]}, "density uniform, lacks or does not know mu"),
        ({"density": "uniform", "up_to": 1.0}, "up_to: 1.0; expected a number above 0, of 0.98 at most"),
        (
            {"density": "beta", "ln_alpha": [-1, 1], "ln_beta": [0, 1]},
            r"ln_alpha -1 to 1; expected it within -0\.69 to",
        ),
        ({"density": "rayleigh", "ln_sigma": [-12, 0]}, r"ln_sigma -12 to 0; expected it within -5"),
        ({"density": "circularised", "mu": [0, 1], "ln_width": [-9, 1]}, r"ln_width -9 to 1; expected it within"),
        (
            {"density": "circularised", "mu": [0, 1], "ln_width": [0, 1], "circular": 0.6},
            "circular 0.6 to 0.6; expected it",
        ),
    ],
)
def test_what_is_no_density_of_the_eccentricity_is_said(settings, message):
    with pytest.raises(InputError, match=message):
        eccentricity_from_settings(settings, RANGE)
