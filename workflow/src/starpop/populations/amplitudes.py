"""Populations of periods and amplitudes: the nodes of each system at every scale of its amplitudes, and exact draws.

With a, b ~ N(0, s), y = ln(s / (km/s)) of a density of its own (`inference.amplitudes`), and L_n(x, y) the period
likelihood of a system whose amplitudes have that scale,

    p(D_n | h) = integral of p(y | h) [integral of L_n(x, y) p(x | h) dx] dy.

The outer integral is a sum over a lattice of y, the inner one over nodes, which a scan of the system at each scale
gives; all are condensed (`condensed`). Stars without an orbit have the evidence of that, whatever the scale.

A draw, given h: the scale y_j by its share of the sum; the orbit from the likelihood at that scale (`orbit_draws`);
and in the place of y_j the scale itself, of which the visits say no more than the drawn amplitudes do. What is drawn
of the orbit is as exact as the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from starpop.inference.amplitudes import SCALE
from starpop.inference.density import Density, Range
from starpop.inference.weighted import Posterior
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import PeriodLikelihood, scan_and_integrate
from starpop.populations import condensed
from starpop.populations.condensed import Condensed, Scaled
from starpop.populations.population import DrawSystem, undrawn
from starpop.run.errors import InputError
from starpop.run.progress import progress


def at_scale(likelihood: PeriodLikelihood, y: float, period_range_days: Range) -> PeriodLikelihood:
    """The period likelihood of the same system with amplitudes of another scale; its offsets' width stays its own."""
    model = replace(likelihood.system_model, amplitude_sd_kms=float(np.exp(y)))
    _, scaled = scan_and_integrate(likelihood.visits, model, period_range_days)
    return scaled


def condense(
    batches: Iterable[Sequence[PeriodLikelihood]], density: Density, period_range_days: Range, threads: int = 1
) -> Condensed:
    """The condensed nodes of the systems of some batches, at every scale of a population with a density of these.

    Raises
    ------
    InputError : there are no systems, or the density has none of the amplitudes, or one of what cannot stand beside it
    """
    if density.of_s is None or density.of_e is not None or density.seen is not None:
        raise InputError(
            "a population of amplitudes has a density of these, and neither one of the eccentricity nor a selection."
        )
    y, ln_weight = density.of_s.lattice

    def at_all(batch: Sequence[PeriodLikelihood]) -> Iterator[tuple[float, list[PeriodLikelihood]]]:
        with ThreadPoolExecutor(threads) as pool:
            for at, factor in progress(list(zip(y, ln_weight, strict=True)), "scales of the amplitudes"):
                yield factor, list(pool.map(partial(at_scale, y=at, period_range_days=period_range_days), batch))

    def scaled() -> Iterator[tuple[Sequence[PeriodLikelihood], Scaled]]:
        for batch in filter(len, batches):
            yield batch, at_all(batch)

    return condensed.condense_scaled(scaled(), density, period_range_days, y)


def posterior(
    likelihoods: Sequence[PeriodLikelihood], density: Density, period_range_days: Range, seed: int = 0
) -> tuple[Posterior, DrawSystem]:
    """The posterior of the hyper-parameters, and what draws the systems (`population.draw`).

    Parameters
    ----------
    likelihoods : of the systems, with amplitudes of any scale
    density : of periods and amplitudes
    period_range_days : where periods are looked for [d]
    seed : of the sampler, which more than three hyper-parameters need
    """
    hyper, nodes = condensed.posterior(condense([likelihoods], density, period_range_days), density, seed)
    return hyper, partial(draw_system, nodes, period_range_days)


def draw_system(
    nodes: Condensed,
    period_range_days: Range,
    likelihood: PeriodLikelihood,
    density: Density,
    h: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Exact draws of a system's orbit and its scale; and whether it is a binary, where a star need not be one.

    Parameters
    ----------
    nodes : condensed ones, of this system and others
    period_range_days : where periods are looked for [d]
    likelihood, density : the system's, and the population
    h : (size,) values of each hyper-parameter

    Raises
    ------
    FloatingPointError : a population has next to nothing where the system is
    """
    of_binaries, own = density.of_binaries, h[1:] if density.has_singles else h
    share = np.cumsum(nodes.by_amplitude(nodes.systems.index(likelihood.system), density, h), axis=1)
    if not (share[:, -1] > 0).all():
        raise FloatingPointError("the density of the amplitudes is next to nothing at all scales of the system")
    # before the scales, that of no orbit
    scale = np.sum(share < share[:, -1:] * rng.random((size, 1)), axis=1) - density.has_singles
    drawn = undrawn(likelihood, density, size)
    if density.has_singles:
        drawn["binary"] = (scale >= 0).astype(float)
    for j in np.unique(scale[scale >= 0]):
        some = np.flatnonzero(scale == j)
        here = [values[some] for values in own]
        scaled = at_scale(likelihood, nodes.amplitudes[j], period_range_days)
        orbits = draw_orbits(scaled, of_binaries, here, len(some), rng)
        amplitude = np.exp(scaled.system_model.ln_amplitude(orbits))
        orbits[SCALE] = of_binaries.of_s.draw_given(amplitude, of_binaries.parameters_of_s(here), rng)  # type: ignore[union-attr]
        for name, values in orbits.items():
            drawn[name][some] = values
    return drawn
