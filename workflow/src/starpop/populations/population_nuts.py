"""The population by NUTS: the road that checks the exact one, in full and over the nodes, as far as it leads.

The full model has the orbit of every system. Where a system has several modes NUTS does not change between them, of
hundreds of parameters it takes hours, and one or two systems leave it a funnel: there the population is left to the
nodes, where its hyper-parameters alone are sampled, and the product says why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pymc as pm
import xarray as xr

from starpop.inference.densities import UniformPeriod
from starpop.inference.density import Density, Range
from starpop.inference.sampling import SamplerSettings, sample_from
from starpop.orbits.period_likelihood import PeriodLikelihood, mode_weights
from starpop.orbits.single import for_orbit, free_shape
from starpop.orbits.system_model import SystemModel
from starpop.populations import population
from starpop.populations.condensed import Condensed
from starpop.populations.pymc_condensed import build_model
from starpop.run.errors import how_many
from starpop.run.seeds import seed_for
from starpop.run.status import LEFT_OUT

logger = logging.getLogger("starpop")

# A population needs this many systems; the full model all their posterior mass in one mode each but for this much.
FEWEST_SYSTEMS, LARGEST_SHARE_OUTSIDE = 3, 0.05
MANY_NODES = "many nodes, of periods that are hardly known, which NUTS cannot change between"
SINGLES = "stars that may have no orbit, between which and an orbit NUTS cannot change"


def why_not(systems: int, settings: SamplerSettings) -> str:
    """Why NUTS would tell nothing, or empty."""
    if settings.backend == "none":
        return LEFT_OUT
    if systems < FEWEST_SYSTEMS:
        return f"of {how_many(systems, 'system')}, and {FEWEST_SYSTEMS} make a population"
    return ""


def too_many(systems: int, settings: SamplerSettings) -> str:
    """Why the full model of so many systems is not sampled."""
    return f"{systems} systems are more than sampler.max_systems, {settings.max_systems}"


def why_not_in_full(
    likelihoods: Sequence[PeriodLikelihood],
    period_range_days: Range,
    settings: SamplerSettings,
    has_singles: bool = False,
) -> str:
    """Why NUTS of the full model would tell nothing, or empty; modes are counted with the amplitudes' prior width."""
    if reason := why_not(len(likelihoods), settings):
        return reason
    if len(likelihoods) > settings.max_systems:
        return too_many(len(likelihoods), settings)
    if has_singles:
        return SINGLES
    uniform = UniformPeriod(period_range_days)
    outside = {n.system: 1 - mode_weights(n, uniform).max() for n in likelihoods}
    if sum(outside.values()) > LARGEST_SHARE_OUTSIDE:
        worst = max(outside, key=outside.__getitem__)
        several = sum(share > LARGEST_SHARE_OUTSIDE for share in outside.values())
        of_which = f"{how_many(max(several, 1), 'system')}, the worst of them {worst}"
        return f"many modes, which NUTS cannot change between ({of_which})"
    return ""


def also_in_full(nodes: Condensed, density: Density, settings: SamplerSettings) -> bool:
    """Whether systems with condensed nodes are sampled in full: few binaries, condensed for the scales' sake."""
    return density.of_s is not None and not density.has_singles and len(nodes) <= settings.max_systems


def with_free_shape(exact: xr.DataTree, system_model: SystemModel) -> xr.DataTree:
    """Exact draws with what the full model samples in the place of the shape of Keplerian orbits."""
    posterior = exact["posterior"].to_dataset()
    return xr.DataTree.from_dict({"posterior": posterior.assign(free_shape(posterior, system_model))})


def run_named(
    name: str, model: pm.Model, starts: xr.DataTree, settings: SamplerSettings, base_seed: int
) -> tuple[xr.DataTree, str]:
    """Draws of a model that start at some exact ones, by the seed of its name; or none, and why."""
    return sample_from(starts, model, settings, seed_for(base_seed, f"fit_population {name}"))


def sample(
    likelihoods: Sequence[PeriodLikelihood],
    density: Density,
    period_range_days: Range,
    exact: xr.DataTree,
    settings: SamplerSettings,
    base_seed: int,
    nodes: Condensed | None = None,
) -> dict[str, tuple[xr.DataTree, str]]:
    """Draws of the full model (``posterior``) and over the nodes (``hyper_posterior``).

    Parameters
    ----------
    likelihoods, density, period_range_days : of the systems, and of the population
    exact : exact draws, of which the chains start at some
    settings, base_seed : of the sampler
    nodes : the condensed ones, where the exact posterior is over these

    Returns
    -------
    for each name its draws, and why they are not what the name says: the full model's are then those over the nodes,
    and those over the nodes are none where NUTS is left out, would tell nothing, or is too slow
    """
    over_nodes, reason = xr.DataTree(), why_not(len(likelihoods), settings)
    if not reason:
        model = population.build_node_model(likelihoods, density) if nodes is None else build_model(nodes, density)
        over_nodes, reason = run_named("hyper_posterior", model, exact, settings, base_seed)
    result = {"hyper_posterior": (over_nodes, reason)}
    reason = why_not_in_full(likelihoods, period_range_days, settings, density.has_singles)
    if not reason:
        systems, models = zip(*((n.visits, n.system_model) for n in likelihoods), strict=True)
        model = population.build_model(systems, models, density, period_range_days)
        starts, how = with_free_shape(exact, models[0]), for_orbit(settings, models[0])
        tree, reason = run_named("posterior", model, starts, how, base_seed)
        if not reason:
            return result | {"posterior": (tree, "")}
    logger.info("The population is left to the nodes: %s.", reason)
    return result | {"posterior": (over_nodes, reason)}


def sample_condensed(
    nodes: Condensed, density: Density, exact: xr.DataTree, settings: SamplerSettings, base_seed: int
) -> dict[str, tuple[xr.DataTree, str]]:
    """The same of systems whose orbits are left to their condensed nodes."""
    draws, reason = xr.DataTree(), why_not(len(nodes), settings)
    if not reason:
        draws, reason = run_named("hyper_posterior", build_model(nodes, density), exact, settings, base_seed)
    many = too_many(len(nodes), settings) if len(nodes) > settings.max_systems else MANY_NODES
    return {"hyper_posterior": (draws, reason), "posterior": (draws, reason or many)}
