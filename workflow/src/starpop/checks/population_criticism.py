"""Do the systems' periods look like what a population predicts: posterior predictive checks with calibrated p-values.

A replicate is a catalogue of as many systems, with x = ln(P / day) drawn from p(x | h) at an exact draw of the
hyper-parameters, within the range where periods are looked for, and from p(x | h) S(x) where only stars are in the
sample that are seen with a probability S(x) (`inference.seen`): others would not have been found. A statistic T
(`STATISTICS`) of the systems' own x, which are drawn jointly with h, has the two-sided posterior predictive p

    p0 = 2 min(u, 1 - u),        u = P[T(replicate) > T(systems)] + P[equal] / 2.

It is conservative, and that of the mean can never be small: the population has been fitted to these very systems. So
the same is done to replicates: the population is fitted to each (its periods are known, so that its likelihood is
prod_n p(x_n | h)), p0 is computed from that posterior, and

    p = (1 + number of replicates with p0 at most as large) / (1 + number of replicates)

is nearly uniform if the model is right (Hjort, Dahl & Steinbakk 2006, JASA 101, 1157). Populations of more than
three hyper-parameters would have to be sampled for each replicate; for these p is p0, and `calibrated` says so. So it
is where the systems are a sample of very many, who have fitted the population to others more than to these.
Without replicates there is no p.

Of a star that may have no orbit, a draw without one has a period from the population in its place (`completed`), and
p is p0 again, which is then far from uniform: small values count, and others say little.
Of a population of eccentricities, or of amplitudes, these are judged by `joint_criticism`.

A normal density fits mean and sd whatever they are: their p say little there, those of the others what it cannot fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from starpop.inference.density import Density, Range
from starpop.inference.priors import draw as draw_from
from starpop.inference.quadrature import MOST_INTEGRATED, posterior_given
from starpop.inference.weighted import Posterior

STATISTICS = ("mean", "sd", "skewness", "smallest", "largest", "largest_gap")
QUANTILES = {"predicted_5%": 0.05, "predicted_median": 0.5, "predicted_95%": 0.95}
COLUMNS = ("statistic", "observed", "observed_sd", *QUANTILES, "p_posterior_predictive", "p_value", "calibrated")
# p0 is computed from so many predicted catalogues, or from fewer if the systems are more than a hundred.
MOST_PREDICTIONS, FEWEST_PREDICTIONS, PERIODS_AT_ONCE = 2000, 100, 200_000
# Of a replicate's posterior: far below the Monte Carlo error of p0.
TOLERANCE = 1e-3


def statistics(ln_period: np.ndarray) -> np.ndarray:
    """(M, 6) statistics of (M, N) values of ln P, in the order of `STATISTICS`."""
    mean, sd = ln_period.mean(axis=1), ln_period.std(axis=1)
    scale = np.maximum(sd, np.finfo(float).tiny)  # one system alone has no spread
    z = (ln_period - mean[:, None]) / scale[:, None]
    skewness = np.mean(z * z * z, axis=1)
    ordered = np.sort(ln_period, axis=1)
    gap = np.diff(ordered, axis=1).max(axis=1, initial=0)
    return np.column_stack([mean, sd, skewness, ordered[:, 0], ordered[:, -1], gap])


def predict(
    density: Density,
    parameters: Sequence[np.ndarray],
    systems: int,
    rng: np.random.Generator,
    period_range_days: Range = (0.0, np.inf),
) -> np.ndarray:
    """(M, N) ln periods of N systems within a range, at M values of the hyper-parameters."""
    repeated = [np.repeat(p, systems) for p in parameters]
    return density.draw_within(period_range_days, repeated, rng).reshape(-1, systems)


def predict_prior(density: Density, size: int, systems: int, rng: np.random.Generator) -> np.ndarray:
    """(M, N) ln periods of N systems, with M draws of the hyper-parameters from their priors."""
    return predict(density, [draw_from(p, rng, size) for p in density.parameters.values()], systems, rng)


def two_sided(predicted: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(6,) p0 of (M, 6) predicted statistics, with one's own at the same M draws or at all of them."""
    above = np.mean(predicted > own, axis=0) + 0.5 * np.mean(predicted == own, axis=0)
    return 2 * np.minimum(above, 1 - above)


def posterior_of_known(ln_period: np.ndarray, density: Density) -> Posterior:
    """The posterior of up to three hyper-parameters, given (N,) exactly known ln periods."""

    def ln_likelihood(*h: np.ndarray) -> np.ndarray:
        return density.ln_pdf(ln_period[:, None], *h).sum(axis=0) - len(ln_period) * density.ln_seen(*h)

    return posterior_given(density.parameters, ln_likelihood, TOLERANCE)


def some_points(posterior: Posterior, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """(size,) values of each hyper-parameter, at points of a posterior drawn by their weights."""
    return list(posterior.points[rng.choice(len(posterior.points), size, p=posterior.weights)].T)


def replicated_p0(
    ln_period: np.ndarray, density: Density, size: int, rng: np.random.Generator, period_range_days: Range
) -> np.ndarray:
    """(6,) p0 of a replicate of (N,) ln periods, from predictions of its own posterior."""
    some = some_points(posterior_of_known(ln_period, density), size, rng)
    predicted = statistics(predict(density, some, len(ln_period), rng, period_range_days))
    return two_sided(predicted, statistics(ln_period[None]))


def criticise_population(
    density: Density,
    parameters: Sequence[np.ndarray],
    ln_period: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
    period_range_days: Range,
    sample: bool = False,
) -> pd.DataFrame:
    """One row a statistic.

    Parameters
    ----------
    parameters, ln_period : joint draws: (S,) of each hyper-parameter, and (S, N) of the systems
    replicates : number of replicates that are fitted; 0 leaves the p-values out
    period_range_days : where periods are looked for [d]
    sample : whether the systems are a sample of those that the hyper-parameters were fitted to
    """
    systems, size = ln_period.shape[1], number_of_predictions(*ln_period.shape)
    drawn = predict(density, [p[:size] for p in parameters], systems, rng, period_range_days)

    def p0_of(replicate: int) -> np.ndarray:
        return replicated_p0(drawn[replicate % size], density, size, rng, period_range_days)

    own, calibrated = statistics(ln_period[:size]), len(parameters) <= MOST_INTEGRATED and not sample
    return table_of(STATISTICS, own, statistics(drawn), replicates, p0_of if calibrated else None)


def completed(
    density: Density,
    parameters: Sequence[np.ndarray],
    ln_period: np.ndarray,
    rng: np.random.Generator,
    period_range_days: Range,
) -> np.ndarray:
    """(S, N) ln periods with those of stars that have no orbit in a draw, NaN, taken from the population itself.

    So there are as many in each draw; what is taken from the population dilutes what the others say of it.
    """
    predicted = predict(density, parameters, ln_period.shape[1], rng, period_range_days)
    return np.where(np.isnan(ln_period), predicted, ln_period)


def number_of_predictions(draws: int, systems: int) -> int:
    """Catalogues to predict, of a posterior of so many draws."""
    return min(int(np.clip(PERIODS_AT_ONCE // systems, FEWEST_PREDICTIONS, MOST_PREDICTIONS)), draws)


def table_of(
    names: Sequence[str],
    own: np.ndarray,
    predicted: np.ndarray,
    replicates: int,
    p0_of: Callable[[int], np.ndarray] | None,
) -> pd.DataFrame:
    """The rows of K statistics, from (M, K) of the systems and of predictions.

    Parameters
    ----------
    replicates : number of replicates that are fitted; 0 leaves the p-values out
    p0_of : gives (K,) p0 of a replicate; without it p is p0, and not calibrated
    """
    p0, calibrated = two_sided(predicted, own), p0_of is not None and replicates > 0
    p_value = p0 if replicates else np.full(len(names), np.nan)
    if p0_of is not None and replicates:
        replicated = np.array([p0_of(i) for i in range(replicates)])
        p_value = (1 + np.sum(replicated <= p0, axis=0)) / (1 + replicates)
    columns = names, own.mean(axis=0), own.std(axis=0), *np.quantile(predicted, list(QUANTILES.values()), axis=0)
    return pd.DataFrame(dict(zip(COLUMNS, (*columns, p0, p_value, calibrated), strict=True)))
