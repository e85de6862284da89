"""Every density: normalised, bounded by its peaks, drawn as it says, one for NumPy and PyTensor, found by name."""

import itertools
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from conftest import ROOT
from starpop.inference import densities
from starpop.inference.densities import Normal, TruncatedNormal, UniformPeriod, density_from_settings
from starpop.inference.density import Density
from starpop.inference.numerics import tensors
from starpop.inference.priors import StandardNormal, Uniform
from starpop.inference.priors import draw as draw_from
from starpop.run.errors import InputError

RANGE = (1.5, 20.0)
SETTINGS = {
    "normal": {"mu": [1, 10], "ln_sigma": [-2, 3]},
    "truncated_normal": {"mu": [0, 4], "ln_sigma": [-2, 1]},
    "student_t": {"mu": [1, 4], "ln_sigma": [-2, 1], "ln_nu": [0, 4]},
    "normal_mixture": {"mu": [0, 2], "separation": [0, 2], "ln_sigma": [-2, 0]},
    "power_law": {"beta": [-4, 4]},
    "histogram": {"bins": 7, "ln_tau": [-2, 1]},
}
DENSITIES = {name: density_from_settings({"density": name, **keys}, RANGE) for name, keys in SETTINGS.items()}
ALL = {**DENSITIES, "uniform_period": UniformPeriod(RANGE)}


def parameters_of(density, rng, size=()):
    return [draw_from(prior, rng, size) for prior in density.parameters.values()]


def test_every_registered_density_is_tested():
    assert set(SETTINGS) == set(Density.registered)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_a_density_integrates_to_one(name, seed):
    density = ALL[name]
    parameters = parameters_of(density, np.random.default_rng(seed))
    low, high = density.support
    if np.isinf(low):
        # in u with x = sinh(u), so that heavy tails end
        low, high = -40.0, 40.0

        def integrand(u):
            return np.exp(density.ln_pdf(np.sinh(u), *parameters)) * np.cosh(u)

    else:

        def integrand(x):
            return float(np.exp(density.ln_pdf(x, *parameters)))

    edges = np.linspace(low, high, 7 * 100 + 1)
    total = sum(quad(integrand, a, b, epsabs=1e-11)[0] for a, b in itertools.pairwise(edges))
    assert total == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_the_peak_bounds_the_density_and_is_tight_in_narrow_intervals(name):
    density, rng = ALL[name], np.random.default_rng(0)
    parameters = parameters_of(density, rng, (200, 1))
    low = rng.uniform(0.2, 3.0, 200)[:, None]
    high = low + 10 ** rng.uniform(-6, 0, (200, 1))
    x = low + (high - low) * np.linspace(0, 1, 101)
    with np.errstate(invalid="ignore"):
        values = density.ln_pdf(x, *parameters)
    if name == "uniform_period":
        values = np.where((x >= density.support[0]) & (x <= density.support[1]), values, -np.inf)
    peak = density.ln_peak(low, high, *parameters)
    highest = values.max(axis=1, keepdims=True)
    assert (peak >= highest - 1e-12 * np.abs(highest)).all()
    narrow = (high - low < 1e-3) & np.isfinite(highest)
    assert narrow.any()
    assert (peak[narrow] - highest[narrow]).max() < 0.1
    assert np.isneginf(peak[high < density.support[0]]).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_draws_follow_the_density(name, seed):
    density, rng = ALL[name], np.random.default_rng(seed)
    parameters = parameters_of(density, rng)
    drawn = density.draw(parameters, 20_000, rng)
    low, high = np.clip(density.support, -60, 60)
    grid = np.linspace(low, high, 400_001)
    cdf = np.cumsum(np.exp(density.ln_pdf(grid, *parameters))) * (grid[1] - grid[0])
    assert drawn.shape == (20_000,)
    assert kstest(drawn[np.abs(drawn) < 60], lambda t: np.interp(t, grid, cdf / cdf[-1])).pvalue > 1e-4


@pytest.mark.parametrize("name", DENSITIES)
def test_each_draw_can_have_parameters_of_its_own(name):
    density, rng = DENSITIES[name], np.random.default_rng(0)
    two = parameters_of(density, rng, 2)
    drawn = density.draw([np.repeat(p, 20_000) for p in two], 40_000, rng)
    for half, parameters in zip(np.split(drawn, 2), np.transpose(two), strict=True):
        assert kstest(half, density.draw(parameters, 20_000, rng)).pvalue > 1e-4


def test_a_normal_density_truncated_far_out_is_drawn_at_the_near_end():
    density = DENSITIES["truncated_normal"]
    for mu, end in ((-40.0, density.support[0]), (60.0, density.support[1])):
        drawn = density.draw((mu, -2.0), 1000, np.random.default_rng(0))
        np.testing.assert_allclose(drawn, end, atol=0.02)


@pytest.mark.parametrize("name", DENSITIES)
def test_numpy_and_pytensor_agree_and_the_slope_is_finite(name):
    density, rng = DENSITIES[name], np.random.default_rng(1)
    x = np.linspace(0.3, 3.2, 40)
    variables = [pt.dscalar(p) for p in density.parameters]
    value = density.ln_pdf(x, *variables, math=tensors())
    inside = pt.where(pt.isinf(value), 0.0, value).sum()
    evaluate = pytensor.function(variables, [value, *pytensor.grad(inside, variables)])
    trials = [parameters_of(density, rng) for _ in range(5)]
    if name == "power_law":
        trials += [[0.0], [1e-9], [-7e-3]]
    for parameters in trials:
        ours, *slopes = evaluate(*parameters)
        # PyTensor's erfcx is good to 1e-8
        np.testing.assert_allclose(ours, density.ln_pdf(x, *parameters), rtol=1e-9, atol=2e-8)
        assert np.isfinite(slopes).all()


def test_a_power_law_is_smooth_through_zero():
    density = DENSITIES["power_law"]
    beta = np.linspace(-0.02, 0.02, 401)
    values = density.ln_pdf(2.0, beta)
    assert values[200] == pytest.approx(-np.log(np.log(20 / 1.5)), rel=1e-14)
    third = np.diff(values, 3)
    assert np.abs(third).max() < 1e-11


@pytest.mark.parametrize("prior", [Uniform(-2, 3), StandardNormal()])
def test_a_prior_is_standard_normal_in_its_coordinate(prior):
    u = np.linspace(-3, 3, 13)
    value = prior.from_normal(u)
    np.testing.assert_allclose(prior.to_normal(value), u, atol=1e-12)
    slope = (prior.from_normal(u + 1e-5) - prior.from_normal(u - 1e-5)) / 2e-5
    np.testing.assert_allclose(prior.ln_pdf(value) + np.log(slope), -0.5 * u**2 - 0.5 * np.log(2 * np.pi), atol=1e-8)
    assert np.isneginf(Uniform(0, 1).ln_pdf(np.array([-0.1, 1.1]))).all()


def test_a_range_of_periods_of_its_own_replaces_the_scanned_one():
    density = density_from_settings({"density": "power_law", "beta": [-1, 1], "period_range_days": [2, 10]}, RANGE)
    assert density.support == pytest.approx(np.log([2, 10]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density": "norml", "mu": [0, 1]}, "'norml' is not known; use one of normal, .* Did you mean 'normal'"),
        ({"density": "student_t", "mu": [0, 1], "ln_sigma": [0, 1]}, "student_t lacks ln_nu; its keys are"),
        ({"density": "power_law", "beta": [0, 1], "mu": [0, 1]}, "power_law does not know mu; its keys are"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        density_from_settings(settings, RANGE)


def test_the_exact_answer_does_not_load_pymc():
    code = "import sys, starpop.populations.population; sys.exit(bool({'pymc', 'pytensor'} & set(sys.modules)))"
    path = str(ROOT / "workflow" / "src")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, check=False).returncode == 0


@pytest.mark.parametrize("ln_sigma", [-8.0, -6.0, -3.0])
def test_moments_of_a_narrow_density_are_its_own(ln_sigma):
    density, ends = densities.Normal((1, 10), (-9, 3)), (np.log(1.5), np.log(20))
    mean, sd = density.moments(ends, np.array([1.8]), np.array([ln_sigma]))
    assert mean[0] == pytest.approx(1.8, abs=1e-12)
    assert np.log(sd[0]) == pytest.approx(ln_sigma, abs=1e-6)


@pytest.mark.parametrize("bins", [7, 11])
def test_moments_of_a_histogram_are_exact_whatever_its_bins(bins):
    density = densities.Histogram(bins, (-2, 1), (1.5, 20))
    parameters = [np.array([p]) for p in (*np.random.default_rng(0).normal(size=bins - 1), 0.3)]
    heights = np.exp(np.concatenate(density.ln_heights(*parameters)))
    middle, width = 0.5 * (density.edges[1:] + density.edges[:-1]), density.edges[1] - density.edges[0]
    mean = np.sum(heights * width * middle)
    sd = np.sqrt(np.sum(heights * width * ((middle - mean) ** 2 + width**2 / 12)))
    found = density.moments((np.log(1.5), np.log(20)), *parameters)
    assert [values[0] for values in found] == pytest.approx([mean, sd], rel=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformPeriod((20, 1.5)), r"period_range_days: \(20, 1.5\) is no range of periods"),
        (lambda: TruncatedNormal((1, 3), (-2, 1), (0, 5)), r"\(0, 5\) is no range"),
        (lambda: Normal(mu=(10, 1), ln_sigma=(-2, 3)).parameters, "no uniform prior is from 10 to 1; expected two"),
        (lambda: Normal(mu=(np.nan, 1), ln_sigma=(-2, 3)).parameters, "no uniform prior is from nan to 1"),
    ],
)
def test_a_range_that_is_none_is_said(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_uniform_period_is_none_outside_its_range_and_its_ends_are_within():
    density = UniformPeriod((1.5, 20))
    inside = -np.log([1 / 20, 1 / 1.5])
    np.testing.assert_allclose(density.ln_pdf(inside), inside - np.log(18.5))
    assert (density.ln_pdf(np.log([1.4999, 20.001])) == -np.inf).all()
