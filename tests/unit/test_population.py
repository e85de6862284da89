"""The hierarchical PyMC model: its density, and its starts."""

import numpy as np
import pytest
from scipy.stats import norm

from starpop import population, single
from starpop.orbit import OrbitPrior, radial_velocity

PRIOR = OrbitPrior(100, 150)
HYPER = population.NormalPopulation((1, 10), (-2, 3))


def test_the_models_density_is_the_tutorials(twin):
    systems = twin[:3]
    rng = np.random.default_rng(0)
    ln_period, theta = rng.normal(2, 0.5, 3), rng.normal(0, 30, (3, 3))
    mu, ln_sigma = 2.2, -0.4
    expected = -np.log(9) - np.log(5) + norm.logpdf(ln_period, mu, np.exp(ln_sigma)).sum()
    expected += norm.logpdf(theta, 0, [100, 100, 150]).sum()
    for visits, x, coefficients in zip(systems, ln_period, theta, strict=True):
        velocity = radial_velocity(visits.time_days, np.exp(x), coefficients)
        expected += norm.logpdf(visits.rv_kms, velocity, visits.rv_err_kms).sum()
    model = population.build_model(systems, PRIOR, HYPER)
    point = {
        "mu_interval__": np.log((mu - 1) / (10 - mu)),
        "lnsigma_interval__": np.log((ln_sigma + 2) / (3 - ln_sigma)),
        "lnP": ln_period,
        **dict(zip("ab", theta.T[:2], strict=True)),
        "v0": theta[:, 2],
    }
    assert model.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)


def test_starts_suit_the_systems_and_keep_to_the_priors(twin):
    rng = np.random.default_rng(1)
    periods = [2.8, 11.7, 8.1, 15.6]
    system_starts = [
        single.draw_starts(v, PRIOR, (1.5, 20), np.log(p), 1e-6, rng) for v, p in zip(twin, periods, strict=False)
    ]
    starts = population.draw_starts(system_starts, HYPER, rng)
    assert starts["lnP"].shape == (single.STARTS, 4)
    np.testing.assert_allclose(np.exp(starts["lnP"].mean(axis=0)), periods, rtol=1e-5)
    assert starts["mu"].mean() == pytest.approx(np.log(periods).mean(), abs=0.2)
    narrow = population.NormalPopulation((1, 1.5), (-2, -1.9))
    kept = population.draw_starts(system_starts, narrow, rng)
    assert ((kept["mu"] > 1) & (kept["mu"] < 1.5)).all()
    assert ((kept["lnsigma"] > -2) & (kept["lnsigma"] < -1.9)).all()
