"""Posteriors of more hyper-parameters than quadrature takes: draws, and the evidence by bridge sampling.

In the coordinates u of `priors`, with q the normal density fitted to half of the draws, the evidence Z is that which
satisfies (Meng & Wong 1996, Statistica Sinica 6, 831, for equal numbers of draws from both densities)

    Z = mean over q of [l / (l + Z)] / mean over the other half of [1 / (l + Z)],      l = p(D | u) p(u) / q(u).

The error of ln Z is that of Fruehwirth-Schnatter (2004, Econometrics Journal 7, 143): the relative variance of each
mean, over the number of draws from q and the effective sample size of the posterior's terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from starpop.inference.convergence import CHAIN_DRAW, convergence
from starpop.inference.weighted import Posterior, smoothed

MOST_STEPS = 1000
TOLERANCE = 1e-10
# Pareto shape of importance weights beyond which their variance is infinite.
HEAVIEST_TAIL = 0.5


def bridge_sampling(
    ln_density: Callable[[np.ndarray], np.ndarray], draws: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Ln of the integral of a density, and its standard error.

    Parameters
    ----------
    ln_density : at (M, D) unconstrained coordinates
    draws : (chain, draw, D) from it
    rng : for the draws from the normal density
    """
    chains, length, dimensions = draws.shape
    fitted, kept = (part.reshape(-1, dimensions) for part in np.split(draws, [length // 2], axis=1))
    normal = multivariate_normal(fitted.mean(axis=0), np.cov(fitted.T))
    proposed = normal.rvs(len(kept), random_state=rng).reshape(-1, dimensions)
    ours, theirs = (ln_density(u) - normal.logpdf(u) for u in (kept, proposed))
    value = float(np.median(ours))
    for _ in range(MOST_STEPS):
        over_theirs, over_ours = theirs - np.logaddexp(theirs, value), -np.logaddexp(ours, value)
        before, value = value, float(logsumexp(over_theirs) - logsumexp(over_ours))
        if abs(value - before) < TOLERANCE:
            break
    proposal_terms, terms = np.exp(over_theirs), np.exp(over_ours - over_ours.max()).reshape(chains, -1)
    effective = min(float(array_stats.ess(terms, method="mean", **CHAIN_DRAW)), terms.size)
    variance = np.var(proposal_terms) / np.mean(proposal_terms) ** 2 / len(proposed)
    variance += np.var(terms) / np.mean(terms) ** 2 / effective
    return value, float(np.sqrt(variance))


@dataclass(frozen=True)
class SampledPosterior(Posterior):
    """A posterior as the draws of a sampler, chain after chain, all of one weight.

    Attributes
    ----------
    chains : number of chains
    statistics : of the sampler: ``diverging``, ``energy``, ``tree_depth``, with dimensions chain and draw
    """

    chains: int
    statistics: xr.Dataset

    def sampler_statistics(self) -> xr.Dataset | None:
        """Those of the sampler."""
        return self.statistics

    def shortest_interval(self, name: str, probability: float) -> tuple[float, float]:
        """The shortest interval that holds a probability of the draws."""
        low, high = array_stats.hdi(self.points[:, self.names.index(name)], prob=probability)
        return float(low), float(high)

    def quality(self, name: str) -> tuple[float, float, float, float, float]:
        """Monte Carlo errors of mean and sd, bulk and tail effective sample sizes, and R-hat."""
        draws = self.points[:, self.names.index(name)].reshape(self.chains, -1)
        found = convergence(draws)
        mcse_sd = float(array_stats.mcse(draws, method="sd", **CHAIN_DRAW))
        return found["mcse_mean"], mcse_sd, found["ess_bulk"], found["ess_tail"], found["r_hat"]

    def ln_predictive(self, ln_likelihood: np.ndarray) -> tuple[float, float, bool]:
        """Ln of the predictive density of one datum, by smoothed importance sampling.

        Vehtari, Gelman & Gabry 2017, Stat. Comput. 27, 1413; the error is that of the weighted mean.
        """
        ratios = np.exp(ln_likelihood.min() - ln_likelihood).reshape(self.chains, -1)
        independent = min(float(array_stats.ess(ratios, method="mean", **CHAIN_DRAW)) / ratios.size, 1.0)
        weight, shape = smoothed(-ln_likelihood, independent)
        value = float(logsumexp(ln_likelihood, b=weight))
        relative = np.exp(ln_likelihood - value) - 1
        error = float(np.sqrt(np.sum((weight * relative) ** 2) / independent))
        return value, error, shape < HEAVIEST_TAIL

    def draw(self, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Some of the draws in random order; again and again where more are asked for than there are."""
        order = np.concatenate([rng.permutation(len(self.points)) for _ in range(-(-size // len(self.points)))])
        return dict(zip(self.names, self.points[order[:size]].T, strict=True))
