"""The mean distance and the depth of a star cluster, from noisy parallaxes: exactly, and as a PyMC model.

    mu_r ~ TN(m, s; > 0),   ln_std_r ~ U(range),   r_n ~ TN(mu_r, exp(ln_std_r); > 0)      [kpc]
    parallax_n ~ N(1 / r_n, error_n)                                                        [mas]

Each star's distance is integrated out in `distance`, and `quadrature` integrates over the two hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline
from scipy.special import log_ndtr

from starpop.inference.priors import FARTHEST
from starpop.inference.quadrature import HyperPosterior, integrate, shortest_interval
from starpop.inference.weighted import HDI_PROBABILITY
from starpop.populations import distance

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

HYPER_PARAMETERS = ("mu_r", "ln_std_r")
# Of the quadrature: the error to reach; and how often a star's integral may be evaluated, some microsecond each, or at
# least at so many points.
TOLERANCE, MOST_INTEGRALS, LEAST_POINTS = 1e-6, 4e7, 40_000


@dataclass(frozen=True)
class ClusterPrior:
    """Priors on the mean distance (a normal truncated at 0) and on the ln of the depth (uniform), in kpc."""

    mean_distance_kpc: float
    mean_distance_sd_kpc: float
    ln_depth_kpc: tuple[float, float]


def bounds(prior: ClusterPrior) -> list[tuple[float, float]]:
    """Between which all that counts of the prior lies, for `HYPER_PARAMETERS`."""
    # a distance is positive; the smallest that double precision tells from 0 stands for the bound
    return [(1e-12, prior.mean_distance_kpc + FARTHEST * prior.mean_distance_sd_kpc), prior.ln_depth_kpc]


def ln_posterior(
    mu_r: np.ndarray,
    ln_std_r: np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
) -> np.ndarray:
    """(M,) ln of likelihood times prior, within the prior's bounds."""
    mean, sd = prior.mean_distance_kpc, prior.mean_distance_sd_kpc
    low, high = prior.ln_depth_kpc
    likelihood = distance.ln_likelihood(mu_r, ln_std_r, parallax_mas, parallax_error_mas)
    ln_constant = np.log(sd * np.sqrt(2 * np.pi)) + log_ndtr(mean / sd) + np.log(high - low)
    return likelihood - 0.5 * ((mu_r - mean) / sd) ** 2 - ln_constant


def posterior(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior) -> HyperPosterior:
    """The exact posterior of mu_r [kpc] and ln_std_r."""

    def ln_density(mu_r: np.ndarray, ln_std_r: np.ndarray) -> np.ndarray:
        return ln_posterior(mu_r, ln_std_r, parallax_mas, parallax_error_mas, prior)

    most_points = max(LEAST_POINTS, MOST_INTEGRALS / len(parallax_mas))
    return integrate(ln_density, HYPER_PARAMETERS, bounds(prior), TOLERANCE, most_points)


def exact_summary(hyper: HyperPosterior) -> xr.Dataset:
    """Exact mean, sd and 94% shortest interval of mu_r, ln_std_r and std_r."""
    summary = hyper.summary()
    mean = hyper.mean(lambda _, ln_std_r: np.exp(ln_std_r))
    sd = np.sqrt(hyper.mean(lambda _, ln_std_r: (np.exp(ln_std_r) - mean) ** 2))
    grid, density = hyper.marginal("ln_std_r")
    std = np.linspace(np.exp(grid[0]), np.exp(grid[-1]), len(grid))
    interval = shortest_interval(std, CubicSpline(grid, density)(np.log(std)) / std, HDI_PROBABILITY)
    row = xr.Dataset(
        {"value": (("parameter", "statistic"), [[mean, sd, *interval, *hyper.quality("ln_std_r")]])},
        coords={"parameter": ["std_r"], "statistic": summary["statistic"]},
    )
    value = xr.concat([summary["value"], row["value"]], dim="parameter")
    return xr.Dataset({"value": value, "ln_evidence": summary["ln_evidence"], "error": summary["error"]})


def draw(
    stars: Sequence[object],
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    hyper: HyperPosterior,
    size: int,
    rng: np.random.Generator,
) -> xr.DataTree:
    """Independent exact draws of the hyper-parameters and the named stars' distances [kpc], in ArviZ's layout."""
    drawn = hyper.draw(size, rng)
    r = distance.draw(drawn["mu_r"], drawn["ln_std_r"], parallax_mas, parallax_error_mas, rng)
    dims = ("chain", "draw")
    data = drawn | {"std_r": np.exp(drawn["ln_std_r"])}
    dataset = xr.Dataset(
        {name: (dims, values[None]) for name, values in data.items()} | {"r": ((*dims, "star"), r[None])},
        coords={"chain": [0], "draw": np.arange(size), "star": list(stars)},
    )
    return xr.DataTree.from_dict({"posterior": dataset})


def build_model(
    stars: Sequence[object], parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior
) -> pm.Model:
    """The PyMC model of the cluster, with the names of its stars."""
    import pymc as pm

    with pm.Model(coords={"star": list(stars)}) as model:
        mu_r = pm.TruncatedNormal("mu_r", prior.mean_distance_kpc, prior.mean_distance_sd_kpc, lower=0)
        ln_std_r = pm.Uniform("ln_std_r", *prior.ln_depth_kpc)
        std_r = pm.Deterministic("std_r", pm.math.exp(ln_std_r))
        r = pm.TruncatedNormal("r", mu_r, std_r, lower=0, dims="star")
        pm.Normal("parallax", 1 / r, parallax_error_mas, observed=parallax_mas)
    return model
