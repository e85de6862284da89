"""The differentiable solver and the shape's prior, against bisection, differences and quadrature."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.stats import kstest

from starpop.inference.eccentricities import EccentricityPrior
from starpop.inference.numerics import tensors
from starpop.orbits import pymc_kepler
from starpop.orbits.ellipse import kepler


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_the_solution_of_keplers_equation_and_its_derivatives(mode):
    m, e = pt.dvector("m"), pt.dvector("e")
    anomaly = pymc_kepler.eccentric_anomaly(m, e)
    gradient = pytensor.grad(anomaly.sum(), [m, e])
    solve = pytensor.function([m, e], [anomaly, *gradient], mode=mode)
    rng = np.random.default_rng(0)
    at, shape = rng.uniform(-50, 50, 4000), rng.uniform(0, 0.98, 4000)
    at[:200] = rng.uniform(-1, 1, 200) * 1e-3
    found, by_m, by_e = solve(at, shape)
    away = found - shape * np.sin(found) - at
    np.testing.assert_allclose(away, 2 * np.pi * np.rint(away / (2 * np.pi)), atol=1e-9)
    assert np.abs(found).max() <= np.pi
    np.testing.assert_allclose(by_m, 1 / (1 - shape * np.cos(found)), rtol=1e-7)
    np.testing.assert_allclose(by_e, np.sin(found) / (1 - shape * np.cos(found)), rtol=1e-7, atol=1e-9)


def test_the_columns_are_those_of_the_engine():
    rng = np.random.default_rng(1)
    time = np.linspace(-40, 60, 30)
    for frequency, e, phase in rng.uniform([0.01, 0, -3], [0.5, 0.95, 9], (20, 3)):
        found = pymc_kepler.columns(pt.as_tensor(2 * np.pi * frequency * time + phase), e, phase)
        expected = kepler.columns(np.array([[frequency, e, phase]]), time)[0]
        np.testing.assert_allclose(np.stack([one.eval() for one in found], axis=1), expected, atol=1e-9)


def test_the_prior_of_the_shape_is_uniform():
    prior = EccentricityPrior(up_to=0.7)
    with pm.Model():
        _, angle = pymc_kepler.shape(prior)
        pm.Deterministic("angle", angle)
        drawn = pm.sample_prior_predictive(4000, random_seed=0)["prior"]
    assert kstest(drawn["e"].values.ravel() / 0.7, "uniform").pvalue > 1e-3
    assert kstest(drawn["angle"].values.ravel() / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(drawn["h"] ** 2 + drawn["k"] ** 2, drawn["e"])
    np.testing.assert_allclose(np.arctan2(drawn["k"], drawn["h"]), drawn["angle"])
    free = pymc_kepler.free_shape({name: drawn[name].values for name in "ehk"}, prior)
    for name, values in free.items():
        np.testing.assert_allclose(values, drawn[name].values, rtol=1e-6)


@pytest.mark.parametrize("prior", [EccentricityPrior(0.9, 3, 0.95), EccentricityPrior(2, 5, 0.6)], ids=str)
def test_another_prior_of_the_eccentricity_is_a_factor(prior):
    e = np.linspace(0.01, prior.up_to - 0.01, 50)
    np.testing.assert_allclose(prior.ln_pdf(pt.as_tensor(e), math=tensors()).eval(), prior.ln_pdf(e))
    fine = (np.arange(200_000) + 0.5) / 200_000 * prior.up_to
    assert np.exp(prior.ln_pdf(fine)).mean() * prior.up_to == pytest.approx(1, abs=3e-3)
    np.testing.assert_allclose(prior.quantile(prior.cdf(e)), e)
    assert prior.cdf(np.array([0.0, prior.up_to])) == pytest.approx([0, 1])
    assert np.isneginf(prior.ln_pdf(np.array([-0.1, prior.up_to + 0.01]))).all()
