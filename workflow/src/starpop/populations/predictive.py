"""How well a population predicts each of its systems from all others: leave-one-system-out.

Given the hyper-parameters h the systems are independent, so that with the posterior of h given all of them

    p(D_n | D_-n) = p(D) / p(D_-n) = 1 / E[1 / p(D_n | h)],

a sum over the points of the posterior: exact over those of a quadrature, and smoothed importance sampling over draws.

A system far from all others moves the posterior to where the others alone would have little or no mass. Then points
of theirs are missing: of a quadrature, the share of the sum near the ends of its range tells, and of draws, the tail
of the weights 1 / p(D_n | h). For such a system p(D_-n) is found anew, from the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from starpop.inference.density import Density
from starpop.inference.weighted import Posterior
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.populations import population


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
    rows = []
    for i, likelihood in enumerate(likelihoods):
        ln_likelihood = population.system_ln_likelihoods([likelihood], density)(*hyper.points.T)[:, 0]
        value, error, believable = hyper.ln_predictive(ln_likelihood)
        others = [*likelihoods[:i], *likelihoods[i + 1 :]]
        if not others:
            value, error, believable = hyper.ln_evidence, hyper.error, True
        elif not believable:
            without = population.posterior(others, density, seed)
            value, error = hyper.ln_evidence - without.ln_evidence, float(np.hypot(hyper.error, without.error))
        rows.append((value, error, not believable))
    values, errors, refitted = zip(*rows, strict=True)
    return xr.Dataset(
        {
            "ln_predictive": ("system", np.array(values)),
            "ln_predictive_error": ("system", np.array(errors)),
            "refitted": ("system", np.array(refitted)),
        },
        coords={"system": [n.system for n in likelihoods]},
    )
