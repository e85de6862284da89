"""How well a population predicts each of its systems from all others: leave-one-system-out.

Given the hyper-parameters h the systems are independent, so that with the posterior of h given all of them

    p(D_n | D_-n) = p(D) / p(D_-n) = 1 / E[1 / p(D_n | h)],

a sum over the points of the posterior: exact over those of a quadrature, and smoothed importance sampling over draws.

A system far from all others moves the posterior to where the others alone would have little or no mass. Then points
of theirs are missing: of a quadrature, the share of the sum near the ends of its range tells, and of draws, the tail
of the weights 1 / p(D_n | h). For such a system p(D_-n) is found anew, from the others.
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
    ``ln_predictive``, its numerical error ``ln_predictive_error``, and whether the posterior of the others was found
    anew, ``refitted``; all of dimension (system)
    """
    if len(likelihoods) == 1:
        return _as_dataset([likelihoods[0].system], [(hyper.ln_evidence, hyper.error, False)])

    def without(i: int) -> Posterior:
        return population.posterior([*likelihoods[:i], *likelihoods[i + 1 :]], density, seed)

    rows, ln_seen = [], density.ln_seen(*hyper.points.T)
    for i, likelihood in enumerate(likelihoods):
        ln_likelihood = population.system_ln_likelihoods([likelihood], density)(*hyper.points.T)[:, 0]
        rows.append(_row(hyper, ln_likelihood - ln_seen, partial(without, i)))
    return _as_dataset([n.system for n in likelihoods], rows)


def leave_one_out_condensed(condensed: Condensed, density: Density, hyper: Posterior) -> xr.Dataset:
    """The same of the systems of condensed nodes."""

    def without(i: int) -> Posterior:
        return posterior_of(condensed.without(i), density)

    rows, at_once = [], max(VALUES_AT_ONCE // len(hyper.points), 1)
    ln_likelihoods, ln_seen = condensed.at(density, list(hyper.points.T)), density.ln_seen(*hyper.points.T)
    for first in progress(range(0, len(condensed), at_once), "groups of systems"):
        some = slice(first, first + at_once)
        values = ln_likelihoods(some) - ln_seen[:, None]
        rows += [_row(hyper, values[:, i], partial(without, first + i)) for i in range(values.shape[1])]
    return _as_dataset(condensed.systems, rows)


Row = tuple[float, float, bool]


def _row(hyper: Posterior, ln_likelihood: np.ndarray, without: Callable[[], Posterior]) -> Row:
    """One system's ln predictive density, its error, and whether it took the posterior of the others."""
    value, error, believable = hyper.ln_predictive(ln_likelihood)
    if believable:
        return value, error, False
    others = without()
    return hyper.ln_evidence - others.ln_evidence, float(np.hypot(hyper.error, others.error)), True


def _as_dataset(systems: Sequence[str], rows: Sequence[Row]) -> xr.Dataset:
    values, errors, refitted = zip(*rows, strict=True)
    return xr.Dataset(
        {
            "ln_predictive": ("system", np.array(values)),
            "ln_predictive_error": ("system", np.array(errors)),
            "refitted": ("system", np.array(refitted)),
        },
        coords={"system": list(systems)},
    )
