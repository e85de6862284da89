"""The mean distance and the depth of a star cluster, from noisy parallaxes.

mu_r ~ TN(m, s; > 0),   ln_std_r ~ U(range),   r_n ~ TN(mu_r, exp(ln_std_r); > 0)      [kpc]
parallax_n ~ N(1 / r_n, error_n)                                                        [mas]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm


@dataclass(frozen=True)
class ClusterPrior:
    """Priors on the mean distance (a normal truncated at 0) and on the ln of the depth (uniform), in kpc."""

    mean_distance_kpc: float
    mean_distance_sd_kpc: float
    ln_depth_kpc: tuple[float, float]


def build_model(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior) -> pm.Model:
    """The PyMC model of the cluster."""
    with pm.Model() as model:
        mu_r = pm.TruncatedNormal("mu_r", prior.mean_distance_kpc, prior.mean_distance_sd_kpc, lower=0)
        ln_std_r = pm.Uniform("ln_std_r", *prior.ln_depth_kpc)
        std_r = pm.Deterministic("std_r", pm.math.exp(ln_std_r))
        r = pm.TruncatedNormal("r", mu_r, std_r, lower=0, shape=len(parallax_mas))
        pm.Normal("parallax", 1 / r, parallax_error_mas, observed=parallax_mas)
    return model


def draw_starts(
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
    rng: np.random.Generator,
    size: int = 64,
) -> dict[str, np.ndarray]:
    """Starting points from the inverse-variance weighted mean parallax, as in the tutorial, and its scatter."""
    weight = parallax_error_mas**-2
    mean_parallax = np.sum(weight * parallax_mas) / np.sum(weight)
    excess = np.sum(weight**2 * ((parallax_mas - mean_parallax) ** 2 - parallax_error_mas**2)) / np.sum(weight**2)
    distance = 1 / mean_parallax
    low, high = prior.ln_depth_kpc
    depth = np.sqrt(max(excess, 0)) * distance**2
    ln_depth = np.clip(np.log(max(depth, 1e-300)), low + 0.1 * (high - low), high - 0.1 * (high - low))
    depth = np.exp(ln_depth)
    count = len(parallax_mas)
    return {
        "mu_r": rng.normal(distance, depth / np.sqrt(count), size),
        "ln_std_r": ln_depth + 0.1 * rng.uniform(-1, 1, size),
        "r": np.abs(rng.normal(distance, depth, (size, count))),
    }
