"""Do the systems' eccentricities, or ln K, look like what a population predicts at their periods.

A replicate has the systems' own x = ln(P / day), and q, which is e or ln K, drawn from p(q | x, h) at the draw of the
hyper-parameters that x is drawn jointly with. A statistic of the systems' own q, drawn with them, has the two-sided p0
of `population_criticism`; the hyper-parameters of q are fitted to each replicate anew, with its x and q known, so that
p is nearly uniform if the model is right. The correlation is that of q with x, which a density of q that does not see
the period cannot predict.

That holds where the systems' q are known well against what they scatter by. Where they are not, what is drawn of them
leans on the prediction itself: p is then p0, which is the more conservative the less is known, and not `calibrated`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from starpop.inference.amplitudes import LnAmplitude
from starpop.inference.density import Density, Range
from starpop.inference.eccentricities import Eccentricity
from starpop.inference.quadrature import posterior_given

# Of the variance that is predicted, what the systems' own may have at most for their q to count as known.
LARGEST_SHARE = 0.1
STATISTICS = ("mean", "sd", "smallest", "largest", "correlation")


# Of q given x: a density called `name`, with parameters, `ln_pdf` and `draw`.
Given = Eccentricity | LnAmplitude


def names_of(name: str) -> list[str]:
    """What the statistics of a quantity are called in the table."""
    return [f"{statistic}_{name}" for statistic in STATISTICS]


def statistics(q: np.ndarray, ln_period: np.ndarray) -> np.ndarray:
    """(M, 5) statistics of (M, N) values of q at (M, N) values of ln P, in the order of `STATISTICS`."""
    mean, sd = q.mean(axis=1), q.std(axis=1)
    x = ln_period - ln_period.mean(axis=1, keepdims=True)
    spread = np.maximum(sd * x.std(axis=1), np.finfo(float).tiny)  # one system alone has none
    correlation = np.mean(x * (q - mean[:, None]), axis=1) / spread
    return np.column_stack([mean, sd, q.min(axis=1), q.max(axis=1), correlation])


def predict(
    of_q: Given, parameters: Sequence[np.ndarray], ln_period: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(M, N) values of q at (M, N) values of ln P, each row with its own hyper-parameters."""
    repeated = [np.repeat(p, ln_period.shape[1]) for p in parameters]
    return of_q.draw(ln_period.ravel(), repeated, rng).reshape(ln_period.shape)


def draw_known(
    of_q: Given, q: np.ndarray, ln_period: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """(size,) draws of each hyper-parameter, given (N,) exactly known values of q and ln periods."""
    if not of_q.parameters:
        return []

    def ln_likelihood(*h: np.ndarray) -> np.ndarray:
        return of_q.ln_pdf(q, ln_period, *(p[:, None] for p in h)).sum(axis=1)

    return some_points(posterior_given(of_q.parameters, ln_likelihood, TOLERANCE), size, rng)


def replicated_p0(
    of_q: Given, q: np.ndarray, ln_period: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """(5,) p0 of a replicate of (N,) values of q, from predictions of its own posterior."""
    at = np.broadcast_to(ln_period, (size, len(ln_period)))
    predicted = predict(of_q, draw_known(of_q, q, ln_period, size, rng), at, rng)
    return two_sided(statistics(predicted, at), statistics(q[None], ln_period[None]))


def criticise_given_periods(
    of_q: Given,
    parameters: Sequence[np.ndarray],
    ln_period: np.ndarray,
    q: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
    sample: bool = False,
) -> pd.DataFrame:
    """One row a statistic, as `population_criticism.criticise_population` gives.

    Parameters
    ----------
    parameters, ln_period, q : joint draws: (S,) of each hyper-parameter of q, and (S, N) of the systems
    replicates : number of replicates that are fitted; 0 leaves the p-values out
    sample : whether the systems are a sample, or completed by others
    """
    size = number_of_predictions(*ln_period.shape)
    x = ln_period[:size]
    drawn = predict(of_q, [p[:size] for p in parameters], x, rng)

    def p0_of(replicate: int) -> np.ndarray:
        return replicated_p0(of_q, drawn[replicate % size], x[replicate % size], size, rng)

    known = q.var(axis=0).mean() <= LARGEST_SHARE * drawn.var(axis=1).mean()
    own, predicted = statistics(q[:size], x), statistics(drawn, x)
    return table_of(names_of(of_q.name), own, predicted, replicates, p0_of if known and not sample else None)


def criticise_fit(
    density: Density,
    draws: xr.Dataset,
    replicates: int,
    rng: np.random.Generator,
    period_range_days: Range,
    sample: bool = False,
) -> pd.DataFrame:
    """All that a population predicts: of the systems' periods, and of their eccentricities or ln K if it has these.

    Parameters
    ----------
    draws : joint draws of the hyper-parameters, and of ``lnP``, and ``e`` or ``lnK``, with the dimension ``system``
    replicates, rng, period_range_days, sample : as `criticise_population` takes them
    """
    hyper, x, ln_period = [draws[name].values for name in density.parameters], density.of_periods, draws["lnP"].values
    of_x = density.parameters_of_periods(hyper)
    if density.has_singles:
        ln_period = completed(x, of_x, ln_period, rng, period_range_days)
    sample = sample or density.has_singles
    tables = [criticise_population(x, of_x, ln_period, replicates, rng, period_range_days, sample)]
    for of_q, own in given_periods(density, hyper):
        q = draws[of_q.name].values
        if density.has_singles:
            q = np.where(np.isnan(q), predict(of_q, own, ln_period, rng), q)
        tables.append(criticise_given_periods(of_q, own, ln_period, q, replicates, rng, sample))
    return pd.concat(tables)


def given_periods(density: Density, hyper: Sequence[np.ndarray]) -> Iterator[tuple[Given, Sequence[np.ndarray]]]:
    """What a population has densities of besides the period, and the hyper-parameters of each."""
    if density.of_e is not None:
        yield density.of_e, density.parameters_of_e(hyper)
    if density.of_s is not None:
        yield density.of_s.of_ln_amplitude, density.parameters_of_s(hyper)
