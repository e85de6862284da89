"""The PyMC model of one system: its density, its starts, its maximum and its draws."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from conftest import random_visits
from starpop import single
from starpop.orbit import COEFFICIENTS, OrbitPrior, conditional, ln_likelihood, radial_velocity
from starpop.sampling import SamplerSettings
from starpop.scan import best_peaks, find_peaks, frequency_grid, scan_systems

PRIOR = OrbitPrior(100, 150)
RANGE = (1.5, 20.0)
SETTINGS = SamplerSettings("nutpie", chains=2, tune=300, draws=300, target_accept=0.8, max_treedepth=10)


def best_peak(visits):
    grid = frequency_grid(RANGE, visits)
    peaks = find_peaks(visits, PRIOR, grid, ln_likelihood(grid, visits, PRIOR))
    return peaks.ln_period[0], peaks.ln_period_sd[0]


def test_the_models_density_is_the_tutorials():
    visits, _ = random_visits(np.random.default_rng(0), 9)
    model = single.build_model(visits, PRIOR, RANGE)
    ln_density = model.compile_logp(jacobian=False)
    for period, theta in ((3.3, [5.0, -2.0, 10.0]), (17.0, [0.1, 30.0, -80.0])):
        point = dict(zip(COEFFICIENTS, theta, strict=True)) | {
            "P_interval__": np.log((period - RANGE[0]) / (RANGE[1] - period))
        }
        expected = -np.log(RANGE[1] - RANGE[0]) + norm.logpdf(theta, 0, [100, 100, 150]).sum()
        velocity = radial_velocity(visits.time_days, period, np.array(theta))
        expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
        assert ln_density(point) == pytest.approx(expected, rel=1e-10)


def test_starts_follow_the_peak_and_the_coefficients_given_the_period():
    visits, _ = random_visits(np.random.default_rng(1), 20, error=2.0)
    centre, width = best_peak(visits)
    starts = single.draw_starts(visits, PRIOR, RANGE, centre, width, np.random.default_rng(0), size=20_000)
    ln_period = np.log(starts["P"])
    assert abs(ln_period.mean() - centre) < 5 * width / np.sqrt(20_000)
    assert ln_period.std() == pytest.approx(width, rel=0.03)
    fixed = single.draw_starts(visits, PRIOR, RANGE, centre, 1e-12, np.random.default_rng(0), size=20_000)
    theta = np.stack([fixed[name] for name in COEFFICIENTS])
    fit = conditional(np.array([np.exp(-centre)]), visits, PRIOR)
    sd = np.sqrt(np.diag(fit.covariance()))
    np.testing.assert_allclose((theta.mean(axis=1) - fit.mean[0]) / sd, 0, atol=0.04)
    np.testing.assert_allclose(np.cov(theta) / np.outer(sd, sd), fit.covariance() / np.outer(sd, sd), atol=0.04)


def test_starts_stay_inside_the_period_range():
    visits, _ = random_visits(np.random.default_rng(1), 5)
    starts = single.draw_starts(visits, PRIOR, RANGE, np.log(20.0), np.inf, np.random.default_rng(0), size=500)
    assert ((starts["P"] > RANGE[0]) & (starts["P"] < RANGE[1])).all()


def test_the_maximum_a_posteriori_is_higher_than_every_point_around_it():
    visits, _ = random_visits(np.random.default_rng(4), 15, error=1.0)
    centre, width = best_peak(visits)
    best = single.maximum_a_posteriori(visits, PRIOR, RANGE, centre, width)

    def ln_density(point):
        theta = np.array([point[name] for name in COEFFICIENTS])
        velocity = radial_velocity(visits.time_days, point["P"], theta)
        ln_likelihood_ = norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
        return ln_likelihood_ + norm.logpdf(theta, 0, [100, 100, 150]).sum()

    top = ln_density(best)
    rng = np.random.default_rng(5)
    for scale in (1.0, 0.1, 0.01):
        for _ in range(200):
            shift = scale * rng.normal(size=4)
            point = {"P": best["P"] * np.exp(width * shift[0])}
            point |= {name: best[name] + 0.5 * shift[i + 1] for i, name in enumerate(COEFFICIENTS)}
            assert ln_density(point) <= top + 1e-9


@pytest.fixture(scope="module")
def fitted(twin):
    """Two systems of the twin, fitted in one batch."""
    systems = [twin[2], twin[9]]
    peaks = best_peaks(scan_systems(systems, PRIOR, RANGE, bins=10))
    return systems, peaks, single.fit_systems(systems, peaks, PRIOR, RANGE, SETTINGS, base_seed=1)


def test_a_systems_draws_do_not_depend_on_its_batch(fitted):
    systems, peaks, together = fitted
    alone = single.fit_systems(systems[1:], peaks[1:], PRIOR, RANGE, SETTINGS, base_seed=1)
    for name in single.PARAMETERS:
        np.testing.assert_array_equal(together["posterior"][name][1], alone["posterior"][name][0])


def test_draws_have_the_moments_of_the_peak(fitted):
    systems, peaks, tree = fitted
    for i, (visits, (centre, width)) in enumerate(zip(systems, peaks, strict=True)):
        ln_period = np.log(tree["posterior"]["P"].values[i])
        assert abs(ln_period.mean() - centre) < 0.3 * width
        assert ln_period.std() == pytest.approx(width, rel=0.25)
        fit = conditional(np.array([np.exp(-centre)]), visits, PRIOR)
        v0 = tree["posterior"]["v0"].values[i]
        assert abs(v0.mean() - fit.mean[0, 2]) < 0.5 * np.sqrt(fit.covariance()[2, 2])
    assert not tree["sample_stats"]["diverging"].values.any()


def test_pymcs_own_sampler_gives_the_same_posterior(fitted):
    systems, peaks, tree = fitted
    other = single.fit_systems(systems[:1], peaks[:1], PRIOR, RANGE, replace(SETTINGS, backend="pymc"), base_seed=1)
    for name in single.PARAMETERS:
        ours, theirs = other["posterior"][name].values[0], tree["posterior"][name].values[0]
        # 600 draws of some 300 effective each: the means agree within 5 Monte Carlo errors
        assert abs(ours.mean() - theirs.mean()) < 5 * ours.std() * np.sqrt(2 / 300)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.25)


def test_an_empty_batch_has_no_draws():
    tree = single.fit_systems([], [], PRIOR, RANGE, SETTINGS, base_seed=1)
    assert tree["posterior"].sizes["system"] == 0
