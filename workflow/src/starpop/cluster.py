"""The mean distance and the depth of a star cluster, from noisy parallaxes: exactly, and as a PyMC model.

    mu_r ~ TN(m, s; > 0),   ln_std_r ~ U(range),   r_n ~ TN(mu_r, exp(ln_std_r); > 0)      [kpc]
    parallax_n ~ N(1 / r_n, error_n)                                                        [mas]

Each star's distance is a one-dimensional integral,

    p(parallax_n | mu_r, std_r) = integral of N(parallax_n | 1/r, error_n) TN(r | mu_r, std_r; > 0) dr,

whose integrand is analytic and falls to nothing on both sides: the trapezium rule with steps of 0.6 of its width,
halved until the rule with every other point agrees to 1e-5, is then good to 1e-10. `quadrature` integrates over the
two hyper-parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numba import njit
from scipy.interpolate import CubicSpline
from scipy.special import log_ndtr

from starpop.priors import FARTHEST
from starpop.quadrature import HyperPosterior, integrate, shortest_interval
from starpop.weighted import HDI_PROBABILITY

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

HYPER_PARAMETERS = ("mu_r", "ln_std_r")
STEP = 0.6
CONVERGED = 1e-5
MOST_HALVINGS = 12
NEGLIGIBLE = -42.0
# A star's density exceeds its envelope at the rule's points by less than this factor in between.
ENVELOPE = 1.3


@dataclass(frozen=True)
class ClusterPrior:
    """Priors on the mean distance (a normal truncated at 0) and on the ln of the depth (uniform), in kpc."""

    mean_distance_kpc: float
    mean_distance_sd_kpc: float
    ln_depth_kpc: tuple[float, float]


@njit(cache=True, nogil=True, error_model="numpy")
def _ln_integrand(r, parallax, inverse_error, mu, inverse_std):
    a, b = (parallax - 1 / r) * inverse_error, (r - mu) * inverse_std
    return -0.5 * (a * a + b * b)


@njit(cache=True, nogil=True, error_model="numpy")
def _peak(parallax, inverse_error, mu, inverse_std):
    """Where the integrand over r is highest, its ln there and its width: Newton's method, kept at r > 0."""
    r, value = mu, _ln_integrand(mu, parallax, inverse_error, mu, inverse_std)
    if parallax > 0:
        # far from the stars, prior and likelihood have a maximum each: start at the higher, or between them
        likelihood = (inverse_error * parallax * parallax) ** 2
        between = (likelihood / parallax + inverse_std**2 * mu) / (likelihood + inverse_std**2)
        for trial in (1 / parallax, between):
            trial_value = _ln_integrand(trial, parallax, inverse_error, mu, inverse_std)
            if trial_value >= value:
                r, value = trial, trial_value
    width = 1 / inverse_std
    for _ in range(60):
        residual, slope = (parallax - 1 / r) * inverse_error, inverse_error / (r * r)
        gradient = -residual * slope - (r - mu) * inverse_std**2
        bend = slope * slope - 2 * residual * slope / r + inverse_std**2
        if bend <= 0:
            bend = slope * slope + inverse_std**2
        width = 1 / np.sqrt(bend)
        move = gradient / bend
        new = r + move
        while new <= 0:
            move *= 0.5
            new = r + move
        new_value = _ln_integrand(new, parallax, inverse_error, mu, inverse_std)
        while new_value < value - 1e-12 and abs(move) > 1e-9 * width:
            move *= 0.5
            new = r + move
            new_value = _ln_integrand(new, parallax, inverse_error, mu, inverse_std)
        r, value = new, new_value
        if abs(move) < 1e-4 * width:
            break
    return r, value, width


@njit(cache=True, nogil=True, error_model="numpy")
def _trapezium(offset, spacing, peak, top, parallax, error, mu, inverse_std):
    """Sum of the integrand over its top, at peak + offset + k * spacing for all whole k where it counts."""
    mass = 0.0
    for sign in (-1.0, 1.0):
        r = peak + offset if sign > 0 else peak + offset - spacing
        while r > 0:
            term = _ln_integrand(r, parallax, 1 / error, mu, inverse_std) - top
            if term < NEGLIGIBLE:
                break
            mass += np.exp(term)
            r += sign * spacing
    return mass


@njit(cache=True, nogil=True, error_model="numpy")
def _ln_likelihood(mu, ln_std, parallax, error, values):
    """Sum over stars of the ln of the integral, without the factors that `ln_likelihood` adds."""
    for k in range(len(mu)):
        inverse_std = np.exp(-ln_std[k])
        total = 0.0
        for n in range(len(parallax)):
            peak, top, width = _peak(parallax[n], 1 / error[n], mu[k], inverse_std)
            step = STEP * width
            even, odd = _trapezium(0.0, 2 * step, peak, top, parallax[n], error[n], mu[k], inverse_std), 0.0
            for _ in range(MOST_HALVINGS):
                odd = _trapezium(step, 2 * step, peak, top, parallax[n], error[n], mu[k], inverse_std)
                # halving the step at least squares the rule's error
                if abs(odd - even) <= CONVERGED * even:
                    break
                even += odd
                step *= 0.5
            mass = even + odd
            total += top + np.log(mass * step)
        values[k] = total


def ln_likelihood(
    mu_r: np.ndarray, ln_std_r: np.ndarray, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray
) -> np.ndarray:
    """(M,) ln-likelihood of mean distances [kpc] and ln depths, every star's distance integrated out."""
    values = np.empty(len(mu_r))
    _ln_likelihood(
        np.ascontiguousarray(mu_r, float),
        np.ascontiguousarray(ln_std_r, float),
        parallax_mas,
        parallax_error_mas,
        values,
    )
    stars = len(parallax_mas)
    # the normalisations of N(parallax | .) and of TN(r | .)
    values -= stars * (np.log(2 * np.pi) + ln_std_r) + np.sum(np.log(parallax_error_mas))
    return values - stars * log_ndtr(mu_r * np.exp(-ln_std_r))


def posterior(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior) -> HyperPosterior:
    """The exact posterior of mu_r [kpc] and ln_std_r."""
    mean, sd = prior.mean_distance_kpc, prior.mean_distance_sd_kpc
    low, high = prior.ln_depth_kpc
    ln_constant = -np.log(sd * np.sqrt(2 * np.pi)) - log_ndtr(mean / sd) - np.log(high - low)

    def ln_density(mu_r: np.ndarray, ln_std_r: np.ndarray) -> np.ndarray:
        likelihood = ln_likelihood(mu_r, ln_std_r, parallax_mas, parallax_error_mas)
        return likelihood - 0.5 * ((mu_r - mean) / sd) ** 2 + ln_constant

    # a distance is positive; the smallest that double precision tells from 0 stands for the bound
    return integrate(ln_density, HYPER_PARAMETERS, [(1e-12, mean + FARTHEST * sd), (low, high)])


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


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_distances(mu, ln_std, parallax, error, rng, drawn):
    """For each (mu, ln_std), every star's distance: rejection under a Cauchy-like envelope around its maximum."""
    for k in range(len(mu)):
        inverse_std = np.exp(-ln_std[k])
        for n in range(len(parallax)):
            inverse_error = 1 / error[n]
            peak, top, width = _peak(parallax[n], inverse_error, mu[k], inverse_std)
            # q(r) = 1 / (1 + u^2 / 4)^2 with u = (r - peak) / width; the highest ratio at the rule's points
            highest = 1.0
            for sign in (-1.0, 1.0):
                r = peak + sign * STEP * width
                while r > 0:
                    term = _ln_integrand(r, parallax[n], inverse_error, mu[k], inverse_std) - top
                    if term < NEGLIGIBLE:
                        break
                    u = (r - peak) / width
                    highest = max(highest, np.exp(term) * (1 + 0.25 * u * u) ** 2)
                    r += sign * STEP * width
            while True:
                # Student's t with 3 degrees of freedom has the density (1 + t^2/3)^-2
                t = rng.standard_normal() / np.sqrt(2 * rng.standard_gamma(1.5) / 3)
                u = t * np.sqrt(4 / 3)
                r = peak + u * width
                if r <= 0:
                    continue
                term = _ln_integrand(r, parallax[n], inverse_error, mu[k], inverse_std) - top
                if rng.random() * highest * ENVELOPE < np.exp(term) * (1 + 0.25 * u * u) ** 2:
                    drawn[k, n] = r
                    break


def draw(
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    hyper: HyperPosterior,
    size: int,
    rng: np.random.Generator,
) -> xr.DataTree:
    """Independent exact draws of the hyper-parameters and all distances [kpc], in ArviZ's layout: one chain."""
    drawn = hyper.draw(size, rng)
    r = np.empty((size, len(parallax_mas)))
    _draw_distances(drawn["mu_r"], drawn["ln_std_r"], parallax_mas, parallax_error_mas, rng, r)
    dims = ("chain", "draw")
    data = drawn | {"std_r": np.exp(drawn["ln_std_r"])}
    dataset = xr.Dataset(
        {name: (dims, values[None]) for name, values in data.items()} | {"r": ((*dims, "star"), r[None])},
        coords={"chain": [0], "draw": np.arange(size), "star": np.arange(r.shape[1])},
    )
    return xr.DataTree.from_dict({"posterior": dataset})


def build_model(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior) -> pm.Model:
    """The PyMC model of the cluster."""
    import pymc as pm

    with pm.Model(coords={"star": np.arange(len(parallax_mas))}) as model:
        mu_r = pm.TruncatedNormal("mu_r", prior.mean_distance_kpc, prior.mean_distance_sd_kpc, lower=0)
        ln_std_r = pm.Uniform("ln_std_r", *prior.ln_depth_kpc)
        std_r = pm.Deterministic("std_r", pm.math.exp(ln_std_r))
        r = pm.TruncatedNormal("r", mu_r, std_r, lower=0, dims="star")
        pm.Normal("parallax", 1 / r, parallax_error_mas, observed=parallax_mas)
    return model
