"""A rough sample of any posterior of hyper-parameters, with all its modes: where NUTS starts.

Particles drawn from the prior, a standard normal density in the coordinates u (`priors`), are carried to the posterior
through p(u) L(u)^t, t from 0 to 1 (sequential Monte Carlo, Del Moral et al. 2006, J. R. Stat. Soc. B 68, 411). Each t
leaves half of the particles effective; they are resampled, and moved by steps of random-walk Metropolis.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

PARTICLES = 400
MOVES = 8


def temper(ln_likelihood: Callable[[np.ndarray], np.ndarray], dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """(400, D) particles of the posterior, given the ln-likelihood of (M, D) coordinates u."""
    u = rng.standard_normal((PARTICLES, dimensions))
    value, power = ln_likelihood(u), 0.0
    while power < 1:
        step = _step(value, 1 - power)
        power = min(power + step, 1.0)
        weight = np.exp(step * (value - value.max()))
        chosen = rng.choice(PARTICLES, PARTICLES, p=weight / weight.sum())
        u, value = u[chosen], value[chosen]
        jump = 2.38 / np.sqrt(dimensions) * np.linalg.cholesky(np.atleast_2d(np.cov(u.T)) + 1e-12 * np.eye(dimensions))
        # long steps across modes, and short ones within
        for scale in np.resize([1.0, 0.3], MOVES):
            new = u + scale * rng.standard_normal(u.shape) @ jump.T
            new_value = ln_likelihood(new)
            ln_ratio = power * (new_value - value) - 0.5 * np.sum(new**2 - u**2, axis=1)
            accepted = np.log(rng.random(PARTICLES)) < ln_ratio
            u, value = np.where(accepted[:, None], new, u), np.where(accepted, new_value, value)
    return u


def _step(value: np.ndarray, most: float) -> float:
    """The step in t whose weights leave half of the particles effective, or the most there is."""

    def excess(step: float) -> float:
        weight = np.exp(step * (value - value.max()))
        return float(weight.sum() ** 2 / np.sum(weight**2) - 0.5 * len(value))

    return most if excess(most) > 0 else float(brentq(excess, 0.0, most, xtol=1e-12 * most))
