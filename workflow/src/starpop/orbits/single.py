"""The orbit of one system, as a PyMC model: the tutorial's Part 1, for every system.

    P ~ U(period range),   a, b ~ N(0, s_amplitude),   v0 ~ N(0, s_v0),
    v_j ~ N(a cos(2 pi t_j / P) + b sin(2 pi t_j / P) + v0, sigma_j),

with a shape (`pymc_kepler`), more coefficients, and a number of the noise, where the system model has them
(`pymc_orbit`).

The model is compiled once; the visits are `pm.Data`, so each further system costs only its sampling. Each system is
sampled on its own, with a seed of its own: its draws do not depend on what else is in its batch.

The same posterior is drawn from exactly, through the nodes of the period likelihood: all modes in their proportions,
where NUTS stays in the one it starts in, or wanders between a few. Where there are several, NUTS is kept to the
periods of the heaviest, which it can check.

Nodes and draws are two roads, and the verdict on the exact answer is that they agree (`verdict_on_draws`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize, minimize_scalar

from starpop.inference.densities import UniformPeriod
from starpop.inference.density import Density
from starpop.orbits import pymc_orbit
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.fitted import BOUNDS, ONE_MODE
from starpop.orbits.noise import UncertainNoise
from starpop.orbits.orbit import conditional, shape_points
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import PeriodLikelihood, mode_weights
from starpop.orbits.system_model import SystemModel, shape_values
from starpop.orbits.visits import Visits
from starpop.run.progress import progress
from starpop.run.seeds import generator_for, seed_for
from starpop.run.status import LEFT_OUT, NOT_CHECKED, UNSAMPLED

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

    from starpop.inference.sampling import SamplerSettings

logger = logging.getLogger("starpop")

STARTS = 64
# The highest point of circles is that of a parabola, on a grid of so many periods about the best of a wider one.
ZOOMS, ZOOM_POINTS = 2, 33
# With 0.8 one of 10^4 draws of a nearly circular orbit diverges, with 0.9 none of 10^5.
ACCEPT_ELLIPSES = 0.9
# A mode of less posterior probability than this is not counted.
LIGHTEST_MODE = 1e-3
# Draws and nodes may differ by so much in sqrt(n) times Kolmogorov's statistic, and by so many errors in a mean, which
# has at least this of rounding; either has a chance of 1e-5.
LARGEST_APART, LARGEST_Z, ROUNDING = 2.5, 4.5, 1e-15
MODE_COLUMNS = ("ln_evidence", "n_modes", "mode_weight")


def build_model(visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]) -> pm.Model:
    """The PyMC model of one system."""
    import pymc as pm

    data = pymc_orbit.data(visits, system_model) | bounds_of_period(period_range_days)
    with pm.Model() as model:
        values = {name: pm.Data(name, array) for name, array in data.items()}
        period = pm.Uniform("P", values["shortest_period"], values["longest_period"])
        pymc_orbit.observe(system_model, visits, values, period)
    return model


def bounds_of_period(period_range_days: tuple[float, float]) -> dict[str, np.ndarray]:
    """The model's data that say where the period may lie [d]."""
    return dict(zip(BOUNDS, map(np.array, map(float, period_range_days)), strict=True))


def sampled_range(
    likelihood: PeriodLikelihood, period_range_days: tuple[float, float]
) -> tuple[int, tuple[float, float]]:
    """The heaviest mode, and the range of periods that NUTS keeps to [d]: all, or that mode where there are others."""
    weights = mode_weights(likelihood, UniformPeriod(period_range_days))
    mode = int(weights.argmax())
    if weights[mode] >= ONE_MODE:
        return mode, (float(period_range_days[0]), float(period_range_days[1]))
    own = likelihood.panel_mode == mode
    return mode, (float(1 / likelihood.panel_high[own].max()), float(1 / likelihood.panel_low[own].min()))


def verdict_on_draws(likelihood: PeriodLikelihood, density: Density, drawn: Mapping[str, np.ndarray]) -> str:
    """Whether draws lie where the nodes have their mass: empty, or what is wrong.

    The distribution function of ln P is compared at the ends of the groups of panels that nodes stand for, by
    Kolmogorov's statistic; within the heaviest group, which may be a whole narrow peak, the mean. Of Keplerian orbits
    the mean eccentricity is compared as well.
    """
    ln_period = drawn["lnP"]
    ln_mass = likelihood.ln_weight + density.ln_pdf(likelihood.ln_period)
    mass = np.exp(ln_mass - ln_mass.max())
    starts = likelihood.group_start
    by_group = np.bincount(likelihood.node_group, mass, len(starts)) / mass.sum()
    # groups are in ascending frequency
    group = np.searchsorted(likelihood.panel_low[starts], np.exp(-ln_period), side="right") - 1
    held = np.bincount(np.maximum(group, 0), minlength=len(starts)) / len(group)
    apart = np.sqrt(len(group)) * np.abs(np.cumsum(held) - np.cumsum(by_group)).max()
    heaviest = by_group.argmax()
    own = likelihood.node_group == heaviest
    off = _errors_of_mean(ln_period[group == heaviest], likelihood.ln_period[own], mass[own])
    if not (apart <= LARGEST_APART and off <= LARGEST_Z):
        return f"draws and nodes disagree: by {apart:.1f} in Kolmogorov's statistic, {off:.1f} errors of the mean"
    if isinstance(likelihood, EllipseLikelihood):
        off = _errors_of_mean(drawn["e"], likelihood.e, mass)
        if not off <= LARGEST_Z:
            return f"draws and nodes disagree: by {off:.1f} errors of the mean eccentricity"
    return ""


def _errors_of_mean(drawn: np.ndarray, nodes: np.ndarray, mass: np.ndarray) -> float:
    """How far the mean of some draws is from that of nodes, in errors of the former; of no draws nothing.

    The error is by the spread of the nodes, where that is larger: few draws may lie too near to each other by chance.
    """
    if not len(drawn):
        return 0.0
    mean = np.average(nodes, weights=mass)
    spread = max(np.std(drawn), np.sqrt(np.average((nodes - mean) ** 2, weights=mass)))
    return float(abs(np.mean(drawn) - mean) / (spread / np.sqrt(len(drawn)) + ROUNDING))


def parameters(systems: Sequence[Visits], system_model: SystemModel) -> tuple[str, ...]:
    """The names of a system's parameters, the same for all systems of a catalogue; of none, only the period."""
    return ("P", *(system_model.parameters(systems[0]) if systems else ()))


def draw(
    likelihoods: Sequence[PeriodLikelihood],
    period_range_days: tuple[float, float],
    size: int,
    base_seed: int,
) -> xr.DataTree:
    """Independent exact draws of every system's orbit, P uniform over the range, in ArviZ's layout: one chain.

    Returns
    -------
    ``posterior`` with P and the other parameters, of dimensions (system, chain, draw); ``modes`` with the
    ``ln_evidence``, the number ``n_modes`` of peaks that have a posterior probability of 1e-3 or more, the
    ``mode_weight`` of the heaviest, and a ``status`` that is empty, or says why a system could not be drawn (its draws
    are then NaN) or is not to be trusted, each of dimension (system)
    """
    density = UniformPeriod(period_range_days)
    names = ("P",) if not likelihoods else parameters([likelihoods[0].visits], likelihoods[0].system_model)
    draws = {name: np.full((len(likelihoods), 1, size), np.nan) for name in names}
    modes = {name: np.full(len(likelihoods), np.nan) for name in MODE_COLUMNS}
    status = [""] * len(likelihoods)
    for i, likelihood in enumerate(progress(likelihoods)):
        rng = generator_for(base_seed, "draw_orbits", likelihood.system)
        try:
            drawn = draw_orbits(likelihood, density, (), size, rng)
        except Exception as error:  # one system must not stop the others
            logger.exception("System %s:", likelihood.system)
            status[i] = f"not drawn: {error}"
            continue
        drawn["P"] = np.exp(drawn["lnP"])
        for name in names:
            draws[name][i, 0] = drawn[name]
        status[i] = verdict_on_draws(likelihood, density, drawn)
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
            "modes": xr.Dataset(
                {k: ("system", v) for k, v in modes.items()} | {"status": ("system", np.array(status, object))},
                coords=coords,
            ),
        }
    )


def free_shape(draws: Mapping[Any, Any], system_model: SystemModel) -> dict[str, Any]:
    """What a PyMC model samples in the place of the shape of drawn orbits; nothing for circles."""
    if system_model.orbit == "circular":
        return {}
    from starpop.orbits import pymc_kepler

    return pymc_kepler.free_shape(draws, system_model.eccentricity)


def for_orbit(settings: SamplerSettings, system_model: SystemModel) -> SamplerSettings:
    """How to sample orbits of a model: ellipses in shorter steps, as near the circle their likelihood bends."""
    if system_model.orbit == "circular":
        return settings
    return replace(settings, target_accept=max(settings.target_accept, ACCEPT_ELLIPSES))


def best_mode_starts(
    likelihood: PeriodLikelihood, period_range_days: tuple[float, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Exact draws within the heaviest mode: where a sampler that cannot change modes starts."""
    mode, _ = sampled_range(likelihood, period_range_days)
    drawn = draw_orbits(likelihood, UniformPeriod(period_range_days), (), STARTS, rng, mode)
    starts = {"P": np.exp(drawn.pop("lnP"))} | drawn
    return starts | free_shape(starts, likelihood.system_model)


def maximum_a_posteriori(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float], starts: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """The highest point of the posterior density, near some draws of one mode.

    Given period, shape and noise the coefficients are at their conditional mean, so that only these are searched for,
    the noise and the others in turns: with P uniform, the density is highest where the penalised chi-squared of the
    linear fit, with the noise's terms, is smallest. A draw can only come near it. The density is that of P, e, mean
    anomaly, noise and coefficients.
    """
    noise, names = system_model.noise, system_model.noise.names(visits)
    u = np.array([np.median(starts[name]) for name in names])

    def cost(points: np.ndarray, u: np.ndarray) -> np.ndarray:
        value = conditional(points, visits, system_model, u).penalised_chi2
        if system_model.amplitude_scaling != "constant":
            value = value + 4 * np.log(system_model.amplitude_scale(points[:, 0], points[:, 1]))
        if system_model.orbit == "keplerian" and not system_model.eccentricity.uniform:
            value = value - 2 * system_model.eccentricity.ln_pdf(points[:, 1])
        if isinstance(noise, UncertainNoise):
            value = value + np.log(noise.variances(u, visits)).sum() - 2 * noise.ln_prior(u)
        return value

    search = _best_ellipse if system_model.orbit == "keplerian" else _best_circle
    points = shape_points(1 / np.asarray(starts["P"]), starts)
    for _ in range(4 if names else 1):
        point = search(partial(cost, u=u), points, visits, system_model, period_range_days)
        for k, name in enumerate(names):
            u[k] = _best_number(partial(cost, point[None]), u, k, 2 * float(np.ptp(starts[name])))
    theta = conditional(point[None], visits, system_model, u).mean[0]
    best = {"P": float(1 / point[0])} | dict(zip(names, map(float, u), strict=True))
    if system_model.orbit == "keplerian":
        best |= {name: float(value) for name, value in shape_values(point[1], point[2]).items()}
    return best | dict(zip(system_model.coefficients(visits), map(float, theta), strict=True))


def _best_number(cost: Callable[[np.ndarray], np.ndarray], u: np.ndarray, which: int, reach: float) -> float:
    """The value of one of the noise's numbers of the least cost, within a reach of its own, at those of the others."""

    def at(value: float) -> float:
        return cost(np.where(np.arange(len(u)) == which, value, u))[0]

    return float(minimize_scalar(at, bounds=(u[which] - reach, u[which] + reach), method="bounded").x)


# What is to be least of (F, 3) points: (F,).
Cost = Callable[[np.ndarray], np.ndarray]


def _best_circle(
    cost: Cost, points: np.ndarray, visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> np.ndarray:
    """The point of least cost near some drawn points of one mode, of circles."""
    low, high = np.log(period_range_days)
    ln_periods = -np.log(points[:, 0])
    x = float(np.median(ln_periods))
    reach = 10 * min(np.ptp(ln_periods), 0.1 * np.exp(x) / visits.baseline_days)
    low, high = max(x - reach, low), min(x + reach, high)
    for _ in range(ZOOMS):
        grid = np.linspace(low, high, ZOOM_POINTS)
        values = cost(shape_points(np.exp(-grid), {}))
        middle = int(np.clip(values.argmin(), 1, ZOOM_POINTS - 2))
        low, high = grid[middle - 1], grid[middle + 1]
    before, least, after = values[middle - 1 : middle + 2]
    bend = before - 2 * least + after
    bottom = 0.5 * (before - after) / bend if bend > 0 else float(np.argmin([before, least, after]) - 1)
    best = grid[middle] + np.clip(bottom, -1, 1) * (grid[1] - grid[0])
    return shape_points(np.exp([-best]), {})[0]


def _best_ellipse(
    cost: Cost, points: np.ndarray, visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> np.ndarray:
    """The point of least cost near some drawn points of one mode, of Keplerian orbits."""
    start = points[cost(points).argmin()]
    at_start = np.array([-np.log(start[0]), start[1] * np.cos(start[2]), start[1] * np.sin(start[2])])
    low, high = np.log(period_range_days)
    width = min(np.ptp(np.log(points[:, 0])), 0.1 / (start[0] * visits.baseline_days))
    scale = np.array([max(width, 1e-9), max(np.ptp(points[:, 1]), 1e-6), max(np.ptp(points[:, 1]), 1e-6)])

    def at(z: np.ndarray) -> np.ndarray:
        x, c, s = at_start + scale * z
        e = min(np.hypot(c, s), system_model.eccentricity.up_to)
        return np.array([np.exp(-np.clip(x, low, high)), e, np.arctan2(s, c)])

    options = {"xatol": 1e-5, "fatol": 1e-6, "initial_simplex": np.vstack([np.zeros(3), 0.1 * np.eye(3)])}
    return at(minimize(lambda z: cost(at(z)[None])[0], np.zeros(3), method="Nelder-Mead", options=options).x)


def fit_systems(
    likelihoods: Sequence[PeriodLikelihood],
    system_model: SystemModel,
    period_range_days: tuple[float, float],
    settings: SamplerSettings,
    base_seed: int,
    sampled: Collection[str] | None = None,
) -> xr.DataTree:
    """Sample systems in their heaviest modes, and find the highest point of every system's posterior.

    Parameters
    ----------
    likelihoods : the period likelihoods of a batch's systems, possibly none
    system_model, period_range_days, settings, base_seed : as configured
    sampled : the names of those to sample; all, if that is not said

    Returns
    -------
    groups ``posterior`` and ``sample_stats`` of those sampled, with dimensions (system, chain, draw), and ``map`` of
    all, with (system,): ``shortest_period`` and ``longest_period`` [d] are what NUTS is kept to, and ``status`` is
    empty, or says why a system was not sampled, or could not be (its draws are then NaN)
    """
    from starpop.inference.sampling import Sampler, TooSlow

    settings = for_orbit(settings, system_model)
    systems = [likelihood.visits for likelihood in likelihoods]
    wanted = [s.system for s in systems if sampled is None or s.system in sampled]
    place = {} if settings.backend == "none" else {name: i for i, name in enumerate(wanted)}
    shape = (len(place), settings.chains, settings.draws)
    names = parameters(systems, system_model)
    posterior = {name: np.full(shape, np.nan) for name in names}
    stats = {name: np.full(shape, np.nan) for name in ("diverging", "energy", "tree_depth", "n_steps")}
    best = {name: np.full(len(systems), np.nan) for name in (*names, *bounds_of_period(period_range_days))}
    status = [""] * len(systems)
    sampler, whole = None, bounds_of_period(period_range_days)
    for i, likelihood in enumerate(progress(likelihoods)):
        visits = likelihood.visits
        if sampler is None and visits.system in place:
            sampler = Sampler(build_model(visits, system_model, period_range_days), settings)
        try:
            starts, highest, bounds = _heaviest_mode(likelihood, period_range_days, base_seed)
            for name, value in (highest | bounds).items():
                best[name][i] = value
            if sampler is None or visits.system not in place:
                status[i] = f"{NOT_CHECKED}{LEFT_OUT if settings.backend == 'none' else UNSAMPLED}"
                continue
            data = pymc_orbit.data(visits, likelihood.system_model) | bounds
            run = sampler.run_carefully if bounds == whole else sampler.run  # the ends of a mode make chains diverge
            tree = run(starts, seed_for(base_seed, "fit_systems", visits.system), data)
        except TooSlow as error:
            status[i] = f"{NOT_CHECKED}{error}"
        except Exception as error:  # one system must not stop the others
            logger.exception("System %s:", visits.system)
            status[i] = f"not sampled: {error}"
        else:
            for target, group in ((posterior, "posterior"), (stats, "sample_stats")):
                for name, values in target.items():
                    values[place[visits.system]] = tree[group][name].transpose("chain", "draw")
    best |= {"status": np.array(status, object)}
    return _as_tree([s.system for s in systems], list(place), posterior, stats, best)


def _heaviest_mode(
    likelihood: PeriodLikelihood, period_range_days: tuple[float, float], base_seed: int
) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, np.ndarray]]:
    """Where NUTS starts, the highest point of the posterior, and the ends of the periods that NUTS is kept to."""
    visits = likelihood.visits
    starts = best_mode_starts(likelihood, period_range_days, generator_for(base_seed, "starts", visits.system))
    highest = maximum_a_posteriori(visits, likelihood.system_model, period_range_days, starts)
    return starts, highest, bounds_of_period(sampled_range(likelihood, period_range_days)[1])


def _as_tree(
    systems: Sequence[str],
    sampled: Sequence[str],
    posterior: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    best: Mapping[str, np.ndarray],
) -> xr.DataTree:
    """What `fit_systems` gives, from its groups."""
    dims = ("system", "chain", "draw")
    groups = {
        "posterior": (dims, posterior, sampled),
        "sample_stats": (dims, stats, sampled),
        "map": (dims[:1], best, systems),
    }
    return xr.DataTree.from_dict(
        {
            name: xr.Dataset({k: (its_dims, values) for k, values in variables.items()}, coords={"system": list(of)})
            for name, (its_dims, variables, of) in groups.items()
        }
    )
