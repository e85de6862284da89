"""How well a population predicts each of its systems from all others: leave-one-system-out.

Given the hyper-parameters h the systems are independent, so that with the posterior of h given all of them

    p(D_n | D_-n) = p(D) / p(D_-n) = 1 / E[1 / p(D_n | h)],

a sum over the points of the posterior: exact over those of a quadrature, and smoothed importance sampling over draws.

A system far from all others moves the posterior to where the others alone would have little or no mass. Then points
of theirs are missing: of a quadrature, the share of the sum near the ends of its range tells, and of draws, the tail
of the weights 1 / p(D_n | h). For such a system p(D_-n) is found anew, from the others.

What a system tells of the population is how far the posterior lies from that of the others, their Kullback-Leibler
divergence

    E[ln p(D_n | h)] - ln p(D_n | D_-n),

in nats: zero of a system that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr

from starpop.inference.density import Density
from starpop.inference.weighted import Posterior
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.populations import population
from starpop.populations.condensed import Condensed, posterior_of
from starpop.run.progress import progress

# Systems and hyper-parameters whose likelihoods are in memory at once.
VALUES_AT_ONCE = 5_000_000


def leave_one_out(
    likelihoods: Sequence[PeriodLikelihood], density: Density, hyper: Posterior, seed: int = 0
) -> xr.Dataset:
    """Each system's ln p(D_n | D_-n).

    Parameters
    ----------
    likelihoods, density : of the systems, and of ln P
    hyper : the posterior of the hyper-parameters given all systems
    seed : of the sampler

    Returns
    -------
    ``ln_predictive``, its numerical error ``ln_predictive_error``, whether the posterior of the others was found
    anew, ``refitted``, and ``information``, what it tells of the population in nats; all of dimension (system)
    """

    def without(i: int) -> tuple[float, float]:
        others = [*likelihoods[:i], *likelihoods[i + 1 :]]
        return _evidence(population.posterior(others, density, seed)) if others else (0.0, 0.0)

    rows, ln_seen = [], density.ln_seen(*hyper.points.T)
    for i, likelihood in enumerate(progress(likelihoods)):
        ln_likelihood = population.system_ln_likelihoods([likelihood], density)(*hyper.points.T)[:, 0]
        rows.append(_row(hyper, ln_likelihood - ln_seen, partial(without, i)))
    return _as_dataset([n.system for n in likelihoods], rows)


def leave_one_out_condensed(condensed: Condensed, density: Density, hyper: Posterior, seed: int = 0) -> xr.Dataset:
    """The same of the systems of condensed nodes."""

    def without(i: int) -> tuple[float, float]:
        return _evidence(posterior_of(condensed.without(i), density, seed)) if len(condensed) > 1 else (0.0, 0.0)

    rows, at_once = [], max(VALUES_AT_ONCE // len(hyper.points), 1)
    ln_likelihoods, ln_seen = condensed.at(density, list(hyper.points.T)), density.ln_seen(*hyper.points.T)
    for first in progress(range(0, len(condensed), at_once), "groups of systems"):
        some = slice(first, first + at_once)
        values = ln_likelihoods(some) - ln_seen[:, None]
        rows += [_row(hyper, values[:, i], partial(without, first + i)) for i in range(values.shape[1])]
    return _as_dataset(condensed.systems, rows)


Row = tuple[float, float, bool, float]


def _evidence(posterior: Posterior) -> tuple[float, float]:
    return posterior.ln_evidence, posterior.error


def _row(hyper: Posterior, ln_likelihood: np.ndarray, without: Callable[[], tuple[float, float]]) -> Row:
    """One system's ln predictive density, its error, whether it took the evidence of the others, and information."""
    value, error, believable = hyper.ln_predictive(ln_likelihood)
    if not believable:
        ln_evidence, its_error = without()
        value, error = hyper.ln_evidence - ln_evidence, float(np.hypot(hyper.error, its_error))
    held = hyper.weights > 0
    information = float(hyper.weights[held] @ ln_likelihood[held]) - value
    return value, error, not believable, max(information, 0.0)


def _as_dataset(systems: Sequence[str], rows: Sequence[Row]) -> xr.Dataset:
    values, errors, refitted, information = zip(*rows, strict=True)
    return xr.Dataset(
        {
            "ln_predictive": ("system", np.array(values)),
            "ln_predictive_error": ("system", np.array(errors)),
            "refitted": ("system", np.array(refitted)),
            "information": ("system", np.array(information)),
        },
        coords={"system": list(systems)},
    )
