"""The period distribution of all systems, as one PyMC model: the tutorial's Part 2, vectorised over systems.

mu ~ U(mu range),   lnsigma ~ U(ln sigma range),   ln P_n ~ N(mu, exp(lnsigma)),
a_n, b_n ~ N(0, s_amplitude),   v0_n ~ N(0, s_v0),
v_nj ~ N(a_n cos(2 pi t_nj / P_n) + b_n sin(2 pi t_nj / P_n) + v0_n, sigma_nj).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm

from starpop.orbit import COEFFICIENTS, OrbitPrior
from starpop.visits import Visits

# The least spread of ln P that the hyper-parameters start with, for systems of nearly one period.
STARTING_WIDTH = 1e-2


@dataclass(frozen=True)
class NormalPopulation:
    """A normal density of ln P [ln day] with uniform priors on its mean and the ln of its standard deviation."""

    mu: tuple[float, float]
    ln_sigma: tuple[float, float]


def build_model(systems: Sequence[Visits], prior: OrbitPrior, population: NormalPopulation) -> pm.Model:
    """The PyMC model of all systems."""
    index = np.repeat(np.arange(len(systems)), [len(s) for s in systems])
    time, rv, rv_err = (
        np.concatenate([getattr(s, name) for s in systems]) for name in ("time_days", "rv_kms", "rv_err_kms")
    )
    with pm.Model(coords={"system": [s.system for s in systems]}) as model:
        mu = pm.Uniform("mu", *population.mu)
        lnsigma = pm.Uniform("lnsigma", *population.ln_sigma)
        ln_period = pm.Normal("lnP", mu, pm.math.exp(lnsigma), dims="system")
        a = pm.Normal("a", 0, prior.amplitude_sd_kms, dims="system")
        b = pm.Normal("b", 0, prior.amplitude_sd_kms, dims="system")
        v0 = pm.Normal("v0", 0, prior.systemic_velocity_sd_kms, dims="system")
        phase = 2 * np.pi * time * pm.math.exp(-ln_period)[index]
        velocity = a[index] * pm.math.cos(phase) + b[index] * pm.math.sin(phase) + v0[index]
        pm.Normal("rv", velocity, rv_err, observed=rv)
    return model


def draw_starts(
    system_starts: Sequence[dict[str, np.ndarray]], population: NormalPopulation, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draws near the posterior: each system's own, and hyper-parameters that suit their periods.

    Parameters
    ----------
    system_starts : for each system, (S,) draws of P, a, b, v0, as `single.draw_starts` makes them
    population : the priors, within which the hyper-parameters are kept
    rng : the source of randomness
    """
    starts = {name: np.stack([s[name] for s in system_starts], axis=1) for name in ("P", *COEFFICIENTS)}
    ln_period = starts["lnP"] = np.log(starts.pop("P"))
    size, count = ln_period.shape
    spread = max(float(ln_period[0].std()), STARTING_WIDTH)
    mu = rng.normal(ln_period[0].mean(), spread / np.sqrt(count), size)
    ln_sigma = rng.normal(np.log(spread), 1 / np.sqrt(2 * count), size)
    for name, values, bounds in (("mu", mu, population.mu), ("lnsigma", ln_sigma, population.ln_sigma)):
        margin = 0.01 * np.ptp(bounds)
        starts[name] = np.clip(values, bounds[0] + margin, bounds[1] - margin)
    return starts
