"""Do the parallaxes look like those of one cluster: posterior predictive checks with calibrated p-values.

A replicate has the stars' own errors; mean distance and depth are an exact draw from their posterior, distances and
parallaxes follow. The statistics (`STATISTICS`) are of the standardised parallaxes

    z_n = (parallax_n - 1/m) / sqrt(error_n^2 + (s / m^2)^2),

with m and s the mean distance and the depth where the posterior of these very parallaxes is highest. Of each replicate
m and s are its own: the comparison is of like with like, and

    p = (1 + number of replicates that are at least as extreme) / (1 + number of replicates)

is nearly uniform where the model is right, twice the smaller of the two where either side would be a misfit. Depths
that are a large share of the distance make z skewed and long-tailed; the replicates' are so too.

Where a p is small, more replicates tell how small. A misfit is what less than one in 250 right clusters has in a
statistic: of the right clusters, one in a hundred has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from starpop.populations.cluster import ClusterPrior, bounds, ln_posterior
from starpop.run.progress import progress

# Largest |z|, fourth and third standardised moment of z, rank correlation of |z| with the errors; what is a misfit on
# either side, and what only where it is large.
STATISTICS = {"largest_deviation": False, "kurtosis": True, "skewness": True, "error_correlation": True}
QUANTILES = {"predicted_5%": 0.05, "predicted_median": 0.5, "predicted_95%": 0.95}
COLUMNS = ("statistic", "observed", *QUANTILES, "p_value", "replicates", "star", "misfit")
# A p below the first asks for so many times the replicates, one below the second is a misfit; both can be reached
# with a hundred replicates.
SUSPICIOUS, TIMES, MISFIT = 0.02, 5, 0.004
# Of the highest point, in posterior standard deviations.
NEAR = 0.02
# What of a kurtosis, say, of two stars is rounding.
DIGITS = 9


def highest_point(
    parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior, start: np.ndarray, sd: np.ndarray
) -> np.ndarray:
    """Mean distance [kpc] and ln depth where their posterior is highest.

    Parameters
    ----------
    start, sd : a point to start at, and the standard deviations of such a posterior
    """

    def cost(x: np.ndarray) -> float:
        mu_r, ln_std_r = (start + sd * x)[:, None]
        return -float(ln_posterior(mu_r, ln_std_r, parallax_mas, parallax_error_mas, prior)[0])

    simplex = np.array([[0, 0], [1, 0], [0, 1]])
    limits = [tuple((np.array(ends) - s) / d) for ends, s, d in zip(bounds(prior), start, sd, strict=True)]
    options = {"initial_simplex": simplex, "xatol": NEAR, "fatol": NEAR**2, "maxfev": 200}
    return start + sd * minimize(cost, np.zeros(2), method="Nelder-Mead", bounds=limits, options=options).x


def standardised(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, mu_r: float, ln_std_r: float) -> np.ndarray:
    """(N,) deviations from the parallax of the mean distance, by error and depth together."""
    return (parallax_mas - 1 / mu_r) / np.hypot(parallax_error_mas, np.exp(ln_std_r) / mu_r**2)


def statistics(z: np.ndarray, parallax_error_mas: np.ndarray) -> np.ndarray:
    """(4,) statistics of (N,) standardised parallaxes, in the order of `STATISTICS`."""
    size, scaled = np.abs(z), (z - z.mean()) / max(z.std(), np.finfo(float).tiny)
    ranks = [rankdata(values) - (len(z) + 1) / 2 for values in (size, parallax_error_mas)]
    norm = np.sqrt(np.prod([np.sum(rank**2) for rank in ranks]))
    correlation = np.sum(ranks[0] * ranks[1]) / norm if norm > 0 else 0.0
    return np.round([size.max(), np.mean(scaled**4), np.mean(scaled**3), correlation], DIGITS)


def replicate(parallax_error_mas: np.ndarray, mu_r: float, ln_std_r: float, rng: np.random.Generator) -> np.ndarray:
    """(N,) parallaxes of a cluster, with these errors."""
    std = np.exp(ln_std_r)
    beyond = ndtr(mu_r / std)  # of the normal density, the part at distances above 0
    distance = mu_r - std * ndtri(beyond * (1 - rng.random(len(parallax_error_mas))))
    return rng.normal(1 / np.maximum(distance, np.finfo(float).tiny), parallax_error_mas)


def p_values(observed: np.ndarray, replicated: np.ndarray) -> np.ndarray:
    """(4,) p of the observed statistics, among (R, 4) of replicates."""
    above, below = (
        (1 + np.sum(extreme, axis=0)) / (1 + len(replicated))
        for extreme in (replicated >= observed, replicated <= observed)
    )
    two_sided = np.minimum(2 * np.minimum(above, below), 1)
    return np.where(list(STATISTICS.values()), two_sided, above)


def criticise_cluster(
    stars: Sequence[str],
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
    hyper: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row a statistic, with the star that the largest deviation is that of.

    Parameters
    ----------
    stars : names
    prior : of the cluster
    hyper : (S, 2) exact draws of mu_r [kpc] and ln_std_r
    replicates : at first; none leaves the p-values out
    """
    sd = hyper.std(axis=0)

    def fitted(parallax: np.ndarray, start: np.ndarray) -> np.ndarray:
        point = highest_point(parallax, parallax_error_mas, prior, start, sd)
        return standardised(parallax, parallax_error_mas, *point)

    z = fitted(parallax_mas, hyper.mean(axis=0))
    observed, replicated = statistics(z, parallax_error_mas), np.empty((0, len(STATISTICS)))
    for times in (1, TIMES - 1):
        some = hyper[(len(replicated) + np.arange(times * replicates)) % len(hyper)]
        new = [
            statistics(fitted(replicate(parallax_error_mas, h[0], h[1], rng), h), parallax_error_mas)
            for h in progress(some, "replicates")
        ]
        replicated = np.concatenate([replicated, np.reshape(new, (-1, len(STATISTICS)))])
        if p_values(observed, replicated).min() > SUSPICIOUS:
            break
    empty = np.full((len(QUANTILES) + 1, len(STATISTICS)), np.nan)
    quantiles = np.quantile(replicated, list(QUANTILES.values()), axis=0) if replicates else empty[1:]
    p = p_values(observed, replicated) if replicates else empty[0]
    outlier = [str(stars[int(np.abs(z).argmax())]), "", "", ""]
    columns = list(STATISTICS), observed, *quantiles, p, len(replicated), outlier, p <= MISFIT
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
