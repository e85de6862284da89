"""The period distribution of all systems: the tutorial's Part 2, exactly and as PyMC models.

    ln P_n ~ p(x | mu, lnsigma),        mu, lnsigma ~ U(their ranges),
    a_n, b_n ~ N(0, s_amplitude),   v0_n ~ N(0, s_v0),
    v_nj ~ N(a_n cos(2 pi t_nj / P_n) + b_n sin(2 pi t_nj / P_n) + v0_n, sigma_nj).

With the nodes (x_nk, w_nk) of each system's period likelihood, everything but mu and lnsigma integrates out:

    p(D | mu, lnsigma) = prod_n sum_k w_nk p(x_nk | mu, lnsigma),

a function of two numbers, which `quadrature` integrates. Given (mu, lnsigma) the periods are independent, and given
its period a system's coefficients are normal: joint draws of all parameters are independent and exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numba import njit

from starpop import pymc_orbit
from starpop.densities import Normal, TruncatedNormal
from starpop.orbit_draws import draw_orbits
from starpop.period_likelihood import PeriodLikelihood
from starpop.quadrature import HyperPosterior, integrate
from starpop.system_model import SystemModel
from starpop.visits import Visits

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

HYPER_PARAMETERS = ("mu", "lnsigma")
# The least spread of ln P that the search for the hyper-parameters starts with, for systems of nearly one period.
STARTING_WIDTH = 1e-2


def ln_likelihood(
    likelihoods: Sequence[PeriodLikelihood], density: Normal
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The ln-likelihood of (M,) values of mu and lnsigma, as a function."""
    x = np.concatenate([n.ln_period for n in likelihoods])
    tops = np.array([n.ln_weight.max() for n in likelihoods])
    weight = np.concatenate([np.exp(n.ln_weight - top) for n, top in zip(likelihoods, tops, strict=True)])
    ends = np.cumsum([len(n.ln_period) for n in likelihoods])

    def evaluate(mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        values = np.empty(len(mu))
        _sum_over_systems(np.ascontiguousarray(mu, float), np.exp(-lnsigma), x, weight, ends, values)
        return values + len(likelihoods) * density.ln_norm(mu, lnsigma) + tops.sum()

    return evaluate


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_over_systems(mu, inverse_sigma, x, weight, ends, values):
    """sum_n ln sum_k w_nk exp(-((x_nk - mu) / sigma)^2 / 2), for each (mu, sigma)."""
    for m in range(len(mu)):
        total, product, first = 0.0, 1.0, 0
        for end in ends:
            system = 0.0
            for k in range(first, end):
                z = (x[k] - mu[m]) * inverse_sigma[m]
                system += weight[k] * np.exp(-0.5 * z * z)
            first = end
            # one logarithm for the systems whose product is in range
            if system < 1e-100 or product < 1e-150:
                total += np.log(product) + np.log(system)
                product = 1.0
            else:
                product *= system
        values[m] = total + np.log(product)


def starting_point(likelihoods: Sequence[PeriodLikelihood], density: Normal) -> tuple[float, float]:
    """Hyper-parameters that suit the systems' best periods, within their ranges."""
    best = np.array([n.peak_ln_period[0] for n in likelihoods])
    guess = {"mu": best.mean(), "lnsigma": np.log(max(best.std(), STARTING_WIDTH))}
    inside = []
    for name in HYPER_PARAMETERS:
        low, high = density.bounds[name]
        margin = 0.01 * (high - low)
        inside.append(float(np.clip(guess[name], low + margin, high - margin)))
    return inside[0], inside[1]


def posterior(likelihoods: Sequence[PeriodLikelihood], density: Normal) -> HyperPosterior:
    """The exact posterior of (mu, lnsigma): y is mu, z is lnsigma; ln_evidence is that of all visits."""
    mu, ln_sigma = (density.bounds[name] for name in HYPER_PARAMETERS)
    ln_prior = -np.log(mu[1] - mu[0]) - np.log(ln_sigma[1] - ln_sigma[0])
    evaluate = ln_likelihood(likelihoods, density)
    return integrate(lambda y, z: evaluate(y, z) + ln_prior, mu, ln_sigma, starting_point(likelihoods, density))


def draw(
    likelihoods: Sequence[PeriodLikelihood],
    density: Normal,
    hyper: HyperPosterior,
    size: int,
    rng_of: Callable[[str], np.random.Generator],
) -> xr.DataTree:
    """Independent exact draws of all parameters, in ArviZ's layout: one chain.

    Parameters
    ----------
    hyper : the posterior of the hyper-parameters
    size : number of draws
    rng_of : the generator for a name: of each system, and "population"
    """
    parameters = hyper.draw(size, rng_of("population"))
    columns: dict[str, list[np.ndarray]] = {}
    for likelihood in likelihoods:
        drawn = draw_orbits(likelihood, density, parameters, size, rng_of(likelihood.system))
        for name, values in drawn.items():
            columns.setdefault(name, []).append(values)
    data: dict[str, tuple] = {
        n: (("chain", "draw"), v[None]) for n, v in zip(HYPER_PARAMETERS, parameters, strict=True)
    }
    data |= {name: (("chain", "draw", "system"), np.stack(listed, axis=1)[None]) for name, listed in columns.items()}
    coords = {"chain": [0], "draw": np.arange(size), "system": [n.system for n in likelihoods]}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, coords=coords)})


def build_model(systems: Sequence[Visits], system_model: SystemModel, density: Normal) -> pm.Model:
    """The full PyMC model: the hyper-parameters, and the orbit of every system."""
    import pymc as pm

    values, index = pymc_orbit.concatenated(systems, system_model)
    with pm.Model(coords={"system": [s.system for s in systems]}) as model:
        mu = pm.Uniform("mu", *density.mu)
        lnsigma = pm.Uniform("lnsigma", *density.ln_sigma)
        sigma = pm.math.exp(lnsigma)
        if isinstance(density, TruncatedNormal):
            low, high = np.log(density.period_range_days)
            ln_period = pm.TruncatedNormal("lnP", mu, sigma, lower=low, upper=high, dims="system")
        else:
            ln_period = pm.Normal("lnP", mu, sigma, dims="system")
        pymc_orbit.observe(system_model, systems[0], values, pm.math.exp(ln_period)[index], index)
    return model


def build_node_model(likelihoods: Sequence[PeriodLikelihood], density: Normal) -> pm.Model:
    """The PyMC model of the hyper-parameters alone, over the nodes of the systems' period likelihoods."""
    import pymc as pm
    import pytensor.tensor as pt

    count = max(len(n.ln_period) for n in likelihoods)
    x = np.stack([np.resize(n.ln_period, count) for n in likelihoods])
    ln_weight = np.full(x.shape, -np.inf)
    for row, n in zip(ln_weight, likelihoods, strict=True):
        row[: len(n.ln_weight)] = n.ln_weight
    with pm.Model() as model:
        mu = pm.Uniform("mu", *density.mu)
        lnsigma = pm.Uniform("lnsigma", *density.ln_sigma)
        if isinstance(density, TruncatedNormal):
            low, high = np.log(density.period_range_days)
            population = pm.TruncatedNormal.dist(mu, pm.math.exp(lnsigma), lower=low, upper=high)
        else:
            population = pm.Normal.dist(mu, pm.math.exp(lnsigma))
        terms = pm.logp(population, x) + ln_weight
        pm.Potential("visits", pt.sum(pt.logsumexp(terms, axis=1)))
    return model
