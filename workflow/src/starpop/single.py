"""The orbit of one system, as a PyMC model: the tutorial's Part 1, for every system.

    P ~ U(period range),   a, b ~ N(0, s_amplitude),   v0 ~ N(0, s_v0),
    v_j ~ N(a cos(2 pi t_j / P) + b sin(2 pi t_j / P) + v0, sigma_j).

The model is compiled once; the visits are `pm.Data`, so each further system costs only its sampling. Each system is
sampled on its own, with a seed of its own: its draws do not depend on what else is in its batch.

The same posterior is drawn from exactly, through the nodes of the period likelihood: all modes in their proportions,
where NUTS stays in the one it starts in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar

from starpop.densities import UniformPeriod
from starpop.orbit import COEFFICIENTS, OrbitPrior, conditional
from starpop.period_likelihood import PeriodLikelihood, draw_orbits, mode_weights
from starpop.seeds import generator_for, seed_for
from starpop.visits import Visits

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

    from starpop.sampling import SamplerSettings

PARAMETERS = ("P", *COEFFICIENTS)
STARTS = 64
# A mode of less posterior probability than this is not counted.
LIGHTEST_MODE = 1e-3
MODE_COLUMNS = ("ln_evidence", "n_modes", "mode_weight")


def build_model(visits: Visits, prior: OrbitPrior, period_range_days: tuple[float, float]) -> pm.Model:
    """The PyMC model of one system."""
    import pymc as pm

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


def draw(
    likelihoods: Sequence[PeriodLikelihood],
    period_range_days: tuple[float, float],
    size: int,
    base_seed: int,
) -> xr.DataTree:
    """Independent exact draws of every system's orbit, P uniform over the range, in ArviZ's layout: one chain.

    Returns
    -------
    ``posterior`` with P, a, b, v0 of dimensions (system, chain, draw); ``modes`` with the ``ln_evidence``, the number
    ``n_modes`` of peaks that have a posterior probability of 1e-3 or more, the ``mode_weight`` of the heaviest,
    each of dimension (system)
    """
    density = UniformPeriod(period_range_days)
    draws = {name: np.empty((len(likelihoods), 1, size)) for name in PARAMETERS}
    modes = {name: np.empty(len(likelihoods)) for name in MODE_COLUMNS}
    for i, likelihood in enumerate(likelihoods):
        rng = generator_for(base_seed, "draw_orbits", likelihood.system)
        drawn = draw_orbits(likelihood, density, (), size, rng)
        for name in COEFFICIENTS:
            draws[name][i, 0] = drawn[name]
        draws["P"][i, 0] = np.exp(drawn["lnP"])
        ln_prior = density.ln_pdf(likelihood.ln_period)
        weights = mode_weights(likelihood, density)
        values = likelihood.ln_evidence(ln_prior), np.sum(weights >= LIGHTEST_MODE), weights.max()
        for name, value in zip(MODE_COLUMNS, values, strict=True):
            modes[name][i] = value
    coords = {"system": np.array([n.system for n in likelihoods], dtype=str)}
    dims = ("system", "chain", "draw")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({k: (dims, v) for k, v in draws.items()}, coords=coords),
            "modes": xr.Dataset({k: ("system", v) for k, v in modes.items()}, coords=coords),
        }
    )


def best_mode_starts(
    likelihood: PeriodLikelihood, period_range_days: tuple[float, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Exact draws within the heaviest mode: where a sampler that cannot change modes starts."""
    density = UniformPeriod(period_range_days)
    mode = int(mode_weights(likelihood, density).argmax())
    drawn = draw_orbits(likelihood, density, (), STARTS, rng, mode)
    return {"P": np.exp(drawn.pop("lnP"))} | drawn


def maximum_a_posteriori(
    visits: Visits, prior: OrbitPrior, period_range_days: tuple[float, float], ln_period: float, width: float
) -> dict[str, float]:
    """The highest point of the posterior density of (P, a, b, v0), within 10 widths of a period.

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
    likelihoods: Sequence[PeriodLikelihood],
    prior: OrbitPrior,
    period_range_days: tuple[float, float],
    settings: SamplerSettings,
    base_seed: int,
    cores: int = 1,
) -> xr.DataTree:
    """Sample each system in its heaviest mode.

    Parameters
    ----------
    systems : the systems of a batch, possibly none
    likelihoods : the period likelihood of each
    prior, period_range_days, settings, base_seed : as configured
    cores : chains to run at once

    Returns
    -------
    groups ``posterior`` and ``sample_stats`` with dimensions (system, chain, draw), and ``map`` with (system,);
    ``status`` in ``map`` is empty, or says why a system could not be sampled (its draws are then NaN)
    """
    from pymc.exceptions import SamplingError

    from starpop.sampling import Sampler

    shape = (len(systems), settings.chains, settings.draws)
    posterior = {name: np.full(shape, np.nan) for name in PARAMETERS}
    stats = {name: np.full(shape, np.nan) for name in ("diverging", "energy", "tree_depth", "n_steps")}
    best = {name: np.full(len(systems), np.nan) for name in PARAMETERS}
    status = [""] * len(systems)
    sampler = None
    for i, (visits, likelihood) in enumerate(zip(systems, likelihoods, strict=True)):
        if sampler is None:
            sampler = Sampler(build_model(visits, prior, period_range_days), settings, cores)
        starts = best_mode_starts(likelihood, period_range_days, generator_for(base_seed, "starts", visits.system))
        data = {"t": visits.time_days, "rv_err": visits.rv_err_kms, "rv_observed": visits.rv_kms}
        centre, width = np.median(np.log(starts["P"])), np.ptp(np.log(starts["P"]))
        highest = maximum_a_posteriori(visits, prior, period_range_days, centre, width)
        for name in PARAMETERS:
            best[name][i] = highest[name]
        try:
            tree = sampler.run(starts, seed_for(base_seed, "fit_systems", visits.system), data)
        except (RuntimeError, SamplingError) as error:
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
