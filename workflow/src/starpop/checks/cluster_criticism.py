"""Do the parallaxes look like those of one cluster: posterior predictive checks with calibrated p-values.

A replicate has the stars' own errors; mean distance and depth are an exact draw from their posterior, distances and
parallaxes follow. The statistics (`STATISTICS`) are of the standardised parallaxes

    z_n = (parallax_n - 1/m) / sqrt(error_n^2 + (s / m^2)^2),

with m and s the mean distance and the depth where the posterior of these very parallaxes is highest. With stars of the
field, F_n(z) the distribution of a parallax in the cluster, as normal, and G_n that in the field, it is

    z_n = Phi^-1((1 - f) F_n + f G_n).

Of each replicate m, s and all other hyper-parameters are its own: the comparison is of like with like, and

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
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtr, ndtri

from starpop.populations.cluster import ClusterPrior, highest_point, simulate
from starpop.populations.field import Field
from starpop.run.progress import progress

# Largest |z|, fourth and third standardised moment of z, rank correlation of |z| with the errors; what is a misfit on
# either side, and what only where it is large.
STATISTICS = {"largest_deviation": False, "kurtosis": True, "skewness": True, "error_correlation": True}
QUANTILES = {"predicted_5%": 0.05, "predicted_median": 0.5, "predicted_95%": 0.95}
COLUMNS = ("statistic", "observed", *QUANTILES, "p_value", "replicates", "star", "misfit")
# A p below the first asks for so many times the replicates, one below the second is a misfit; both can be reached
# with a hundred replicates.
SUSPICIOUS, TIMES, MISFIT = 0.02, 5, 0.004
# Of an integral over the error of a parallax; and the least share of parallaxes that may be farther out than one.
RULE, LEAST = hermegauss(40), 1e-30
# What of a kurtosis, say, of two stars is rounding.
DIGITS = 9


def standardised(
    parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, values: np.ndarray, prior: ClusterPrior
) -> np.ndarray:
    """(N,) deviations from the parallax of the mean distance, by error and depth together, at (D,) hyper-parameters.

    With a field the normal variable that is as far out in its distribution as the parallax is in the mixture's.
    """
    hyper = prior.hyper(*values)
    error = parallax_error_mas * np.exp(hyper.ln_error_factor)
    z = (parallax_mas - 1 / hyper.mu_r) / np.hypot(error, np.exp(hyper.ln_std_r) / hyper.mu_r**2)
    if prior.field is None:
        return z
    f, below_in_field = hyper.f_field, share_below(parallax_mas, error, prior.field)
    below, above = (1 - f) * ndtr(z) + f * below_in_field, (1 - f) * ndtr(-z) + f * (1 - below_in_field)
    return np.where(below < above, ndtri(np.maximum(below, LEAST)), -ndtri(np.maximum(above, LEAST)))


def share_below(parallax_mas: np.ndarray, error_mas: np.ndarray, field: Field) -> np.ndarray:
    """(N,) share of the stars of the field whose parallaxes, with these errors, are below each of some."""
    node, weight = RULE
    without_error = np.maximum(parallax_mas[:, None] - error_mas[:, None] * node, LEAST)
    farther = ndtr((field.mean_distance_kpc - 1 / without_error) / field.sd_kpc)
    return farther @ weight / (weight.sum() * ndtr(field.mean_distance_kpc / field.sd_kpc))


def statistics(z: np.ndarray, parallax_error_mas: np.ndarray) -> np.ndarray:
    """(4,) statistics of (N,) standardised parallaxes, in the order of `STATISTICS`."""
    size, scaled = np.abs(z), (z - z.mean()) / max(z.std(), np.finfo(float).tiny)
    ranks = [pd.Series(values).rank().to_numpy() - (len(z) + 1) / 2 for values in (size, parallax_error_mas)]
    norm = np.sqrt(np.prod([np.sum(rank**2) for rank in ranks]))
    correlation = np.sum(ranks[0] * ranks[1]) / norm if norm > 0 else 0.0
    return np.round([size.max(), np.mean(scaled**4), np.mean(scaled**3), correlation], DIGITS)


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
    hyper : (S, D) exact draws of the hyper-parameters
    replicates : at first; none leaves the p-values out
    """
    sd = hyper.std(axis=0)

    def fitted(parallax: np.ndarray, start: np.ndarray) -> np.ndarray:
        point = highest_point(parallax, parallax_error_mas, prior, start, sd)
        return standardised(parallax, parallax_error_mas, point, prior)

    z = fitted(parallax_mas, hyper.mean(axis=0))
    observed, replicated = statistics(z, parallax_error_mas), np.empty((0, len(STATISTICS)))
    for times in (1, TIMES - 1):
        some = hyper[(len(replicated) + np.arange(times * replicates)) % len(hyper)]
        new = [
            statistics(fitted(simulate(parallax_error_mas, h, prior, rng)[0], h), parallax_error_mas)
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
