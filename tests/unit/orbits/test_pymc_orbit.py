"""The PyMC models of every noise and basis have the density that the module states."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from conftest import random_visits
from starpop.inference.densities import Normal
from starpop.orbits import pymc_orbit, single
from starpop.orbits.noise import Jitter, Reported, Scaled
from starpop.orbits.orbit import design_matrix
from starpop.orbits.system_model import SystemModel
from starpop.populations import population

RANGE = (1.5, 20.0)
MODELS = [
    SystemModel(100, 150, noise=Jitter(-2, 2)),
    SystemModel(100, 150, noise=Scaled(0, 1.5)),
    SystemModel(100, 150, trend=2, offsets=True, noise=Jitter(-1, 1)),
    SystemModel(100, 150, trend=1, noise=Reported()),
]


def system(seed, name):
    rng = np.random.default_rng(seed)
    visits, _ = random_visits(rng, 11)
    return replace(visits, system=name, instruments=("A", "B", "C"), instrument=rng.integers(0, 3, 11))


def ln_density(visits, model, period, theta, u):
    """Of the visits and the parameters of one system but its period."""
    velocity = design_matrix(np.array([1 / period]), visits, model)[0] @ theta
    error = np.sqrt(model.noise.variances(np.atleast_1d(u), visits))
    value = norm.logpdf(visits.rv_kms, velocity, error).sum()
    value += norm.logpdf(theta, 0, model.standard_deviations(visits)).sum()
    return value if model.noise.parameter is None else value + model.noise.ln_prior(np.atleast_1d(u))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{type(m.noise).__name__} {m.trend}")
def test_one_systems_density(model):
    visits = system(0, "S0")
    names = model.coefficients(visits)
    theta, u, period = np.random.default_rng(1).normal(0, 5, len(names)), -0.7, 4.2
    point = dict(zip(names, theta, strict=True))
    point["P_interval__"] = np.log((period - RANGE[0]) / (RANGE[1] - period))
    if model.noise.parameter is not None:
        point[model.noise.parameter] = u
    built = single.build_model(visits, model, RANGE)
    expected = ln_density(visits, model, period, theta, u) - np.log(RANGE[1] - RANGE[0])
    assert built.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{type(m.noise).__name__} {m.trend}")
def test_the_density_of_a_population(model):
    systems = [system(seed, f"S{seed}") for seed in (3, 4)]
    names = model.coefficients(systems[0])
    rng = np.random.default_rng(2)
    theta, u, ln_period = rng.normal(0, 5, (2, len(names))), rng.normal(-1, 0.5, 2), rng.normal(1.8, 0.3, 2)
    mu, lnsigma = 1.7, -0.3
    low, high = np.log(RANGE)
    point = {"lnP_interval__": np.log((ln_period - low) / (high - ln_period))}
    point["mu_interval__"] = np.log((mu - 1) / (10 - mu))
    point["lnsigma_interval__"] = np.log((lnsigma + 2) / (3 - lnsigma))
    point |= dict(zip(names, theta.T, strict=True))
    if model.noise.parameter is not None:
        point[model.noise.parameter] = u
    expected = norm.logpdf(ln_period, mu, np.exp(lnsigma)).sum() - np.log(9) - np.log(5)
    for visits, x, coefficients, number in zip(systems, ln_period, theta, u, strict=True):
        expected += ln_density(visits, model, np.exp(x), coefficients, number)
    built = population.build_model(systems, [model] * 2, Normal((1, 10), (-2, 3)), RANGE)
    assert built.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)


def test_whole_numbers_of_a_configuration_are_no_whole_numbers_of_a_model():
    # the arrays of the next system are floating-point numbers, which an array of whole ones cannot take
    model = SystemModel(100, 150, trend=1, offsets=True, offset_sd_kms=3)
    values = pymc_orbit.data(system(0, "S0"), model) | single.bounds_of_period((1, 20))
    assert {array.dtype for array in values.values()} == {np.dtype(float)}
