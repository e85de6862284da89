"""Do the systems' eccentricities look like what a population predicts at their periods: as `population_criticism`.

A replicate has the systems' own x = ln(P / day), and e drawn from p(e | x, h) at the draw of the hyper-parameters that
x is drawn jointly with. A statistic of the systems' own e, drawn with them, has the two-sided p0; the hyper-parameters
of e are fitted to each replicate anew, with its x and e known, so that p is nearly uniform if the model is right. The
correlation is that of e with x, which a density of e that does not see the period cannot predict.

That holds where the systems' e are known well against what they scatter by. Where they are not, what is drawn of them
leans on the prediction itself: p is then p0, which is the more conservative the less is known, and not `calibrated`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from starpop.checks.population_criticism import (
    TOLERANCE,
    completed,
    criticise_population,
    number_of_predictions,
    some_points,
    table_of,
    two_sided,
)
from starpop.inference.density import Density, Range
from starpop.inference.eccentricities import Eccentricity
from starpop.inference.quadrature import posterior_given

# Of the variance that is predicted, what the systems' own may have at most for their eccentricities to count as known.
LARGEST_SHARE = 0.1
STATISTICS = ("mean_e", "sd_e", "smallest_e", "largest_e", "correlation_e")


def statistics(e: np.ndarray, ln_period: np.ndarray) -> np.ndarray:
    """(M, 5) statistics of (M, N) eccentricities at (M, N) values of ln P, in the order of `STATISTICS`."""
    mean, sd = e.mean(axis=1), e.std(axis=1)
    x = ln_period - ln_period.mean(axis=1, keepdims=True)
    spread = np.maximum(sd * x.std(axis=1), np.finfo(float).tiny)  # one system alone has none
    correlation = np.mean(x * (e - mean[:, None]), axis=1) / spread
    return np.column_stack([mean, sd, e.min(axis=1), e.max(axis=1), correlation])


def predict(
    of_e: Eccentricity, parameters: Sequence[np.ndarray], ln_period: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(M, N) eccentricities at (M, N) values of ln P, each row with its own hyper-parameters."""
    repeated = [np.repeat(p, ln_period.shape[1]) for p in parameters]
    return of_e.draw(ln_period.ravel(), repeated, rng).reshape(ln_period.shape)


def draw_known(
    of_e: Eccentricity, e: np.ndarray, ln_period: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """(size,) draws of each hyper-parameter, given (N,) exactly known eccentricities and ln periods."""
    if not of_e.parameters:
        return []

    def ln_likelihood(*h: np.ndarray) -> np.ndarray:
        return of_e.ln_pdf(e, ln_period, *(p[:, None] for p in h)).sum(axis=1)

    return some_points(posterior_given(of_e.parameters, ln_likelihood, TOLERANCE), size, rng)


def replicated_p0(
    of_e: Eccentricity, e: np.ndarray, ln_period: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """(5,) p0 of a replicate of (N,) eccentricities, from predictions of its own posterior."""
    at = np.broadcast_to(ln_period, (size, len(ln_period)))
    predicted = predict(of_e, draw_known(of_e, e, ln_period, size, rng), at, rng)
    return two_sided(statistics(predicted, at), statistics(e[None], ln_period[None]))


def criticise_eccentricities(
    of_e: Eccentricity,
    parameters: Sequence[np.ndarray],
    ln_period: np.ndarray,
    e: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
    sample: bool = False,
) -> pd.DataFrame:
    """One row a statistic, as `population_criticism.criticise_population` gives.

    Parameters
    ----------
    parameters, ln_period, e : joint draws: (S,) of each hyper-parameter of e, and (S, N) of the systems
    replicates : number of replicates that are fitted; 0 leaves the p-values out
    sample : whether the systems are a sample, or completed by others
    """
    size = number_of_predictions(*ln_period.shape)
    x = ln_period[:size]
    drawn = predict(of_e, [p[:size] for p in parameters], x, rng)

    def p0_of(replicate: int) -> np.ndarray:
        return replicated_p0(of_e, drawn[replicate % size], x[replicate % size], size, rng)

    known = e.var(axis=0).mean() <= LARGEST_SHARE * drawn.var(axis=1).mean()
    own, predicted = statistics(e[:size], x), statistics(drawn, x)
    return table_of(STATISTICS, own, predicted, replicates, p0_of if known and not sample else None)


def criticise_fit(
    density: Density,
    draws: xr.Dataset,
    replicates: int,
    rng: np.random.Generator,
    period_range_days: Range,
    sample: bool = False,
) -> pd.DataFrame:
    """All that a population predicts: of the systems' periods, and of their eccentricities if it has these.

    Parameters
    ----------
    draws : joint draws of the hyper-parameters, and of ``lnP`` and ``e`` with the dimension ``system``
    replicates, rng, period_range_days, sample : as `criticise_population` takes them
    """
    hyper, x, ln_period = [draws[name].values for name in density.parameters], density.of_periods, draws["lnP"].values
    of_x = density.parameters_of_periods(hyper)
    if density.has_singles:
        ln_period = completed(x, of_x, ln_period, rng, period_range_days)
    sample = sample or density.has_singles
    tables = [criticise_population(x, of_x, ln_period, replicates, rng, period_range_days, sample)]
    if density.of_e is not None:
        of_shape, e = density.parameters_of_e(hyper), draws["e"].values
        if density.has_singles:
            missing, predicted = np.isnan(e), predict(density.of_e, of_shape, ln_period, rng)
            e = np.where(missing, predicted, e)
        tables.append(criticise_eccentricities(density.of_e, of_shape, ln_period, e, replicates, rng, sample))
    return pd.concat(tables)
