"""The orbit of one system, as a PyMC model: the tutorial's Part 1, for every system.

    P ~ U(period range),   a, b ~ N(0, s_amplitude),   v0 ~ N(0, s_v0),
    v_j ~ N(a cos(2 pi t_j / P) + b sin(2 pi t_j / P) + v0, sigma_j).

The model is compiled once; the visits are `pm.Data`, so each further system costs only its sampling. Each system is
sampled on its own, with a seed of its own: its draws do not depend on what else is in its batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pymc as pm
import xarray as xr
from scipy.optimize import minimize_scalar

from starpop.orbit import COEFFICIENTS, OrbitPrior, conditional
from starpop.sampling import Sampler, SamplerSettings
from starpop.seeds import generator_for, seed_for
from starpop.visits import Visits

PARAMETERS = ("P", *COEFFICIENTS)
STARTS = 64


def build_model(visits: Visits, prior: OrbitPrior, period_range_days: tuple[float, float]) -> pm.Model:
    """The PyMC model of one system."""
    with pm.Model() as model:
        t = pm.Data("t", visits.time_days)
        rv_err = pm.Data("rv_err", visits.rv_err_kms)
        observed = pm.Data("rv_observed", visits.rv_kms)
        period = pm.Uniform("P", *period_range_days)
        a = pm.Normal("a", 0, prior.amplitude_sd_kms)
        b = pm.Normal("b", 0, prior.amplitude_sd_kms)
        v0 = pm.Normal("v0", 0, prior.systemic_velocity_sd_kms)
        phase = 2 * np.pi * t / period
        pm.Normal("rv", a * pm.math.cos(phase) + b * pm.math.sin(phase) + v0, rv_err, observed=observed)
    return model


def draw_starts(
    visits: Visits,
    prior: OrbitPrior,
    period_range_days: tuple[float, float],
    ln_period: float,
    ln_period_sd: float,
    rng: np.random.Generator,
    size: int = STARTS,
) -> dict[str, np.ndarray]:
    """Draws near a peak of the period likelihood: P from the peak's Gaussian, (a, b, v0) given P exactly."""
    period = np.exp(ln_period)
    # A peak at an edge of the range has no width of its own; a tenth of the frequency resolution is safe.
    width = min(ln_period_sd, 0.1 * period / visits.baseline_days)
    edges = np.log(period_range_days)
    inside = edges + np.array([1e-9, -1e-9]) * np.ptp(edges)
    periods = np.exp(np.clip(rng.normal(ln_period, width, size), *inside))
    fit = conditional(1 / periods, visits, prior)
    noise = rng.standard_normal((size, len(COEFFICIENTS)))
    # theta = mean + L^-T z has covariance (L L')^-1 = B^-1
    theta = fit.mean + np.linalg.solve(fit.cholesky.transpose(0, 2, 1), noise[..., None])[..., 0]
    return {"P": periods, **dict(zip(COEFFICIENTS, theta.T, strict=True))}


def maximum_a_posteriori(
    visits: Visits, prior: OrbitPrior, period_range_days: tuple[float, float], ln_period: float, width: float
) -> dict[str, float]:
    """The highest point of the posterior density of (P, a, b, v0), within 10 widths of a peak.

    With P uniform it is where the penalised chi-squared of the linear fit is smallest, so one bounded search over
    ln P finds it: a draw can only come near it.
    """
    low, high = np.log(period_range_days)
    reach = 10 * min(width, 0.1 * np.exp(ln_period) / visits.baseline_days)

    def cost(x: float) -> float:
        return float(conditional(np.array([np.exp(-x)]), visits, prior).penalised_chi2[0])

    bounds = (max(ln_period - reach, low), min(ln_period + reach, high))
    best = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6 * reach})
    fit = conditional(np.array([np.exp(-best.x)]), visits, prior)
    return {"P": float(np.exp(best.x)), **dict(zip(COEFFICIENTS, map(float, fit.mean[0]), strict=True))}


def fit_systems(
    systems: Sequence[Visits],
    peaks: Sequence[tuple[float, float]],
    prior: OrbitPrior,
    period_range_days: tuple[float, float],
    settings: SamplerSettings,
    base_seed: int,
    cores: int = 1,
) -> xr.DataTree:
    """Sample each system at its best peak.

    Parameters
    ----------
    systems : the systems of a batch, possibly none
    peaks : (ln P, its sd) of the best peak of each
    prior, period_range_days, settings, base_seed : as configured
    cores : chains to run at once

    Returns
    -------
    groups ``posterior`` and ``sample_stats`` with dimensions (system, chain, draw), and ``map`` with (system,);
    ``status`` in ``map`` is empty, or says why a system could not be sampled (its draws are then NaN)
    """
    shape = (len(systems), settings.chains, settings.draws)
    posterior = {name: np.full(shape, np.nan) for name in PARAMETERS}
    stats = {name: np.full(shape, np.nan) for name in ("diverging", "energy", "tree_depth", "n_steps")}
    best = {name: np.full(len(systems), np.nan) for name in PARAMETERS}
    status = [""] * len(systems)
    sampler = None
    for i, (visits, (ln_period, ln_period_sd)) in enumerate(zip(systems, peaks, strict=True)):
        if sampler is None:
            sampler = Sampler(build_model(visits, prior, period_range_days), settings, cores)
        rng = generator_for(base_seed, "starts", visits.system)
        starts = draw_starts(visits, prior, period_range_days, ln_period, ln_period_sd, rng)
        data = {"t": visits.time_days, "rv_err": visits.rv_err_kms, "rv_observed": visits.rv_kms}
        highest = maximum_a_posteriori(visits, prior, period_range_days, ln_period, ln_period_sd)
        for name in PARAMETERS:
            best[name][i] = highest[name]
        try:
            tree = sampler.run(starts, seed_for(base_seed, "fit_systems", visits.system), data)
        except (RuntimeError, pm.exceptions.SamplingError) as error:
            status[i] = f"not sampled: {error}"
            continue
        for target, group in ((posterior, "posterior"), (stats, "sample_stats")):
            for name, values in target.items():
                values[i] = tree[group][name].transpose("chain", "draw")
    dims = ("system", "chain", "draw")
    names = {"system": [s.system for s in systems]}
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({k: (dims, v) for k, v in posterior.items()}, coords=names),
            "sample_stats": xr.Dataset({k: (dims, v) for k, v in stats.items()}, coords=names),
            "map": xr.Dataset(
                {k: ("system", v) for k, v in best.items()} | {"status": ("system", np.array(status, object))},
                coords=names,
            ),
        }
    )
