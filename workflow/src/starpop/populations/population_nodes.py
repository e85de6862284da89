"""The nodes of the systems of a population, those of its periods and, if it asks for them, eccentricities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from starpop.inference.density import Density
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.run.errors import InputError


class Nodes(NamedTuple):
    """(K,) ln P, e and ln weights of the nodes of all systems, and (N,) the first node of each system.

    Of a density without one of e, e is not told; else the weights are without the systems' own prior of e.
    """

    x: np.ndarray
    e: np.ndarray
    ln_weight: np.ndarray
    starts: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(N,) nodes of each system."""
        return np.diff(self.starts, append=len(self.x))


def nodes_of(likelihoods: Sequence[PeriodLikelihood], density: Density) -> Nodes:
    """The nodes within the density's support."""
    parts = [_nodes_of(n, density) for n in likelihoods]
    starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
    x, e, ln_weight = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Nodes(x, e, ln_weight, starts)


def _nodes_of(likelihood: PeriodLikelihood, density: Density) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nodes of one system within the density's support."""
    x, e, ln_weight = likelihood.ln_period, np.zeros(len(likelihood.ln_period)), likelihood.ln_weight
    if isinstance(likelihood, EllipseLikelihood):
        x, e, ln_weight = likelihood.condensed(density.of_e is not None)
    elif density.of_e is not None:
        raise InputError(
            f"System {likelihood.system}: the population has a density of the eccentricity, and the system's orbit is "
            "circular. Use a system model with orbit: keplerian, or leave out the population's eccentricity."
        )
    low, high = density.support
    inside = (x >= low) & (x <= high)
    if not inside.any():
        raise InputError(
            f"System {likelihood.system}: its period cannot lie in the population's range of {np.exp(low):g} to "
            f"{np.exp(high):g} d. Widen period_range_days of the population model, or put the system under "
            "systems.drop."
        )
    if density.of_e is not None:
        prior = likelihood.system_model.eccentricity
        if not prior.uniform:
            raise InputError(
                f"The population has a density of the eccentricity, and the system model a prior of its own, {prior}: "
                "nodes are fine enough where that is uniform."
            )
        if density.of_e.up_to != prior.up_to:
            raise InputError(
                f"The population's eccentricities go up to {density.of_e.up_to}, and those of the system model up to "
                f"{prior.up_to}: give both the same up_to."
            )
        ln_weight = ln_weight - prior.ln_pdf(e)
    nodes = x[inside], e[inside], ln_weight[inside]
    if not density.has_singles:
        return nodes
    x, e, ln_weight = map(np.append, nodes, (density.NO_ORBIT, 0.0, likelihood.no_orbit_ln_evidence))
    return x, e, ln_weight
