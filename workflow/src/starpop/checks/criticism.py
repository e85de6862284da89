"""Do a system's visits look like what its model predicts: posterior and prior predictive checks.

A data set is fitted at the highest peak of its period likelihood (`best_fit`): with z_j the residuals in units of the
errors s_j, and t_j = z_j / sqrt(1 - h_j), whose variance is one whatever the leverage h_j,

| statistic T | is large where |
|---|---|
| misfit = sum z_j^2 | the errors are too small, or the orbit is another |
| outlier = max abs(t_j) / median abs(t_j) | one visit is wrong |
| harmonic = share of the misfit that the second harmonic would take | the orbit is eccentric |
| trend = share of the misfit that the next power of time would take | a third body |
| correlation = sum z_j z_(j+1) / misfit | the noise lasts from visit to visit |
| second_period = share of the misfit that a sinusoid of another period would take | another body, or spots |
| zero_points = share of the misfit that offsets of instruments take | they are missing |

All but the misfit are free of scale: errors that are wrong by one factor show in the misfit alone. The second period
is that which alone takes the most of the residuals, from the shortest of the range to twice the baseline, 1/T or more
from the orbit's frequency and twice that.

Replicates have the same times and reported errors; period, noise and coefficients are exact draws of the posterior.
Comparing T at the drawn parameters would be conservative, for the data have been used to find these, and the replicate
has not (Meng 1994, Ann. Statist. 22, 1142). So each replicate is fitted again, in the same way: after a fit T hardly
depends on the parameters, and

    p = (1 + number of replicates with T at least as large) / (1 + number of replicates)

is nearly uniform if the model is right (Robins, van der Vaart & Ventura 2000, JASA 95, 1143). Where the noise is
uncertain it is fitted to the misfit, whose p is then conservative. A statistic of too few visits to leave it free has
no p.

No p is below 1 / (1 + number of replicates). How far beyond them all a value lies its excess tells: in standard
deviations of the replicates, on a scale where these are about normal. For a correlation that is Fisher's artanh T;
for the share of a few columns, whose -ln(1 - T) goes as chi-squared, its cube root (Wilson & Hilferty 1931, PNAS 17,
684). The -ln(1 - T) of one sinusoid is exponential, the largest of many has Gumbel's density: with that of the
replicates' mean and standard deviation, the excess is the normal quantile of the same probability.

The prior predictive check draws all parameters from their priors, and says in which quantile of the predictions the
scatter and the range of the observed velocities lie: near 0 or 1, the prior did not expect such a system.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri_exp

from starpop.checks.best_fit import ROUNDING, Fits, best_fits
from starpop.checks.highest_peaks import BLOCK
from starpop.checks.sinusoids import eliminate_static, explain, without_static
from starpop.checks.statistics import EXCESSES, FIRST, NEEDED, STATISTICS
from starpop.inference.densities import UniformPeriod
from starpop.orbits.noise import UncertainNoise
from starpop.orbits.orbit import design_matrix, harmonic_columns, middle_of, shape_points
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.scan import uniform_lattice
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.run.progress import progress
from starpop.run.seeds import generator_for

logger = logging.getLogger("starpop")

# Of the velocities, what the prior predicts.
SCATTERS: dict[str, Callable[..., Any]] = {"rms_velocity": np.std, "velocity_range": np.ptp}
# The columns of the table of residuals, of one system.
type Residuals = dict[str, np.ndarray]

COLUMNS = (
    "system",
    "n_visits",
    *(column for name in FIRST for column in (name, f"{name}_p")),
    "rms_velocity_kms",
    "rms_velocity_prior_quantile",
    "velocity_range_kms",
    "velocity_range_prior_quantile",
    "second_period",
    "second_period_p",
    "second_period_days",
    "zero_points",
    "zero_points_p",
    *(f"{name}_excess" for name in EXCESSES),
)
RESIDUAL_COLUMNS = ("system", "time_days", "residual_kms", "error_kms", "standardised_residual")
# Of the second period: frequencies to a resolution element 1/T, and the longest period in baselines.
POINTS_PER_RESOLUTION, LONGEST = 10, 2.0
# The multiples of an orbit's frequency where what is left may be the orbit's own.
MULTIPLES = {"circular": 2, "keplerian": 5}
EULER = 0.5772156649015329
# Where Gumbel's exponent is so small (in ln) it is the probability beyond.
LEAST_LN = -30.0


def statistics(fits: Fits, visits: Visits, model: SystemModel) -> np.ndarray:
    """(R, 7) statistics of some fits, in the order of `STATISTICS`, but the second period, which is NaN.

    Others are where the visits are too few, and zero points where the model has offsets or the visits one instrument.
    """
    z, size = fits.normalised, np.abs(fits.standardised)
    misfit = np.sum(z**2, axis=1)
    second = harmonic_columns(fits.frequency, visits.time_days, 2)[..., -2:]
    bent = (visits.time_days[:, None] - middle_of(visits)) ** (model.trend + 1)
    free = len(visits) - fits.span.shape[2]
    values = np.full((len(STATISTICS), len(fits)), np.nan)
    measured = {
        "misfit": lambda: misfit,
        "outlier": lambda: np.nanmax(size, axis=1) / medians(size),
        "harmonic": lambda: fits.share_taken(second) if model.orbit == "circular" else np.nan,
        "trend": lambda: fits.share_taken(bent),
        "correlation": lambda: np.sum(z[:, 1:] * z[:, :-1], axis=1) / misfit,
    }
    for place, name in enumerate(FIRST):
        if free >= NEEDED[name]:
            values[place] = measured[name]()
    offsets = instrument_columns(visits)
    if not model.offsets and 0 < offsets.shape[1] <= free - NEEDED["zero_points"]:
        values[STATISTICS.index("zero_points")] = fits.share_taken(offsets)
    return values.T


def medians(values: np.ndarray) -> np.ndarray:
    """(R,) medians of the numbers in each row of (R, J), which NaN is none of: `np.nanmedian`, but for few quickly."""
    ordered, number, row = np.sort(values, axis=1), np.sum(~np.isnan(values), axis=1), np.arange(len(values))
    return 0.5 * (ordered[row, (number - 1) // 2] + ordered[row, number // 2])


def instrument_columns(visits: Visits) -> np.ndarray:
    """(J, n) which visits are of each instrument but the first that a system has."""
    if visits.instrument is None:
        return np.empty((len(visits), 0))
    return (visits.instrument[:, None] == np.unique(visits.instrument)[1:]).astype(float)


def second_frequencies(
    fits: Fits, error: np.ndarray, visits: Visits, model: SystemModel, shortest_days: float
) -> np.ndarray:
    """(R,) frequencies [1/d] of the sinusoids that take the most of some fits' residuals; NaN where there is none.

    Parameters
    ----------
    error : (J,) by which all are weighted [km/s]
    shortest_days : the shortest period of a sinusoid
    """
    baseline, weight = visits.baseline_days, error**-2
    low, high = 1 / (LONGEST * baseline), 1 / shortest_days
    best, most = np.full(len(fits), np.nan), np.zeros(len(fits))
    if low >= high:
        return best
    static = model.static_columns(visits)
    precision = model.standard_deviations(visits)[2:] ** -2
    waves, factor = eliminate_static(visits.time_days - 0.5 * baseline, weight, static, precision)
    _, rest = without_static(fits.residual_kms, weight, static, factor)
    weighted = np.ascontiguousarray((rest * weight).T)
    grid = uniform_lattice(low, high, POINTS_PER_RESOLUTION * (high - low) * baseline).frequencies
    at_once = max(BLOCK // (2 * len(visits) + len(fits)), 16)
    for start in range(0, len(grid), at_once):
        here = grid[start : start + at_once]
        values = np.empty((len(here), len(fits)))
        explain(here, waves, weighted, values, np.empty(len(here)))
        for k in range(1, MULTIPLES[model.orbit] + 1):
            values[np.abs(here[:, None] - k * fits.frequency) < 1 / baseline] = 0
        top = values.argmax(axis=0)
        value = values[top, np.arange(len(fits))]
        best, most = np.where(value > most, here[top], best), np.maximum(value, most)
    return best


def replicates(
    visits: Visits, draws: Mapping[str, np.ndarray], model: SystemModel, rng: np.random.Generator
) -> np.ndarray:
    """(R, J) velocities [km/s] at the visits' times, from (R,) draws of each parameter of a system."""
    design = design_matrix(shape_points(1 / draws["P"], draws), visits, model)
    theta = np.stack([draws[name] for name in model.coefficients(visits)], axis=-1)
    velocity = (design @ theta[..., None])[..., 0]
    sd = np.sqrt(model.noise.variances(model.noise_of(draws, visits), visits))
    return velocity + rng.normal(0, sd, velocity.shape)


def draw_prior(
    visits: Visits,
    model: SystemModel,
    period_range_days: tuple[float, float],
    size: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """(size,) draws of each parameter of a system from its prior."""
    draws = {"P": np.exp(UniformPeriod(period_range_days).draw((), size, rng))}
    if isinstance(model.noise, UncertainNoise):
        draws |= model.noise.draw(visits, size, rng)
    draws |= model.draw_shape(size, rng)
    theta = model.draw_coefficients(shape_points(1 / draws["P"], draws), visits, rng)
    return draws | dict(zip(model.coefficients(visits), theta.T, strict=True))


def p_values(own: np.ndarray, replicated: np.ndarray) -> np.ndarray:
    """(K,) shares of (R, K) replicated statistics at least as large as one's own, the own among them."""
    shares = (1 + np.sum(replicated >= own, axis=0)) / (1 + len(replicated))
    return np.where(np.isnan(own), np.nan, shares)


def excesses(own: np.ndarray, replicated: np.ndarray) -> dict[str, float]:
    """By how many standard deviations statistics lie beyond the replicated ones, where these are made normal."""
    found = {}
    for name in EXCESSES:
        place = STATISTICS.index(name)
        values = np.append(own[place], replicated[:, place])
        if name == "correlation":
            score = np.arctanh(np.clip(values, ROUNDING - 1, 1 - ROUNDING))
        else:
            score = -np.log1p(-np.clip(values, 0, 1 - np.finfo(float).eps))
        score = np.cbrt(score) if name == "zero_points" else score
        z = (score[0] - score[1:].mean()) / score[1:].std()
        found[name] = float(z if name != "second_period" else gumbel_as_normal(z))
    return found


def gumbel_as_normal(z: float) -> float:
    """The normal quantile of what has Gumbel's density, given in standard deviations from its mean."""
    ln_exponent = -(np.pi / np.sqrt(6) * z + EULER)
    if ln_exponent > 0:
        return float(ndtri_exp(-np.exp(ln_exponent)))
    return -float(ndtri_exp(ln_exponent if ln_exponent < LEAST_LN else np.log(-np.expm1(-np.exp(ln_exponent)))))


def measure(
    likelihood: PeriodLikelihood,
    velocities: np.ndarray,
    period_range_days: tuple[float, float],
    made_of: np.ndarray | None = None,
) -> tuple[np.ndarray, float, Residuals]:
    """(R, 7) statistics of (R, J) velocities; the second period [d] and the residuals of the first of them."""
    visits, model = likelihood.visits, likelihood.system_model
    found: list[np.ndarray] = []
    second: list[np.ndarray] = []
    for fits in best_fits(likelihood, velocities, period_range_days, made_of):
        if not found:
            first = fits
        found.append(statistics(fits, visits, model))
        if len(visits) - fits.span.shape[2] >= NEEDED["second_period"]:
            second.append(second_frequencies(fits, first.error_kms[0], visits, model, period_range_days[0]))
            taken = fits.share_taken(harmonic_columns(np.nan_to_num(second[-1]), visits.time_days, 1))
            found[-1][:, STATISTICS.index("second_period")] = np.where(np.isnan(second[-1]), np.nan, taken)
    names = np.full(len(visits), visits.system)
    columns = names, visits.time_days, first.residual_kms[0], first.error_kms[0], first.standardised[0]
    residuals = dict(zip(RESIDUAL_COLUMNS, columns, strict=True))
    return np.concatenate(found), float(1 / second[0][0]) if second else np.nan, residuals


def criticise_system(
    likelihood: PeriodLikelihood,
    draws: Mapping[str, np.ndarray],
    period_range_days: tuple[float, float],
    size: int,
    rng: np.random.Generator,
) -> tuple[dict[str, float | int | str], Residuals]:
    """One system's row of the table of criticism, and its residuals.

    Parameters
    ----------
    likelihood : of the system's period, under the model that it has
    draws : (S,) independent draws of each parameter from its posterior; the first `size` of them are used
    size : number of replicates; without any there are neither p-values nor quantiles
    """
    visits, model = likelihood.visits, likelihood.system_model
    velocities, some = visits.rv_kms[None], np.arange(size) % len(draws["P"])
    if size:
        drawn = {name: values[some] for name, values in draws.items()}
        velocities = np.vstack([velocities, replicates(visits, drawn, model, rng)])
    made_of = shape_points(1 / draws["P"], draws)[np.append(0, some)]
    table, second, residuals = measure(likelihood, velocities, period_range_days, made_of)
    own, replicated = table[0], table[1:]
    row: dict[str, float | int | str] = {"system": visits.system, "n_visits": len(visits)}
    row |= dict(zip(STATISTICS, map(float, own), strict=True)) | {"second_period_days": second}
    row |= {f"{name}_kms": float(scatter(visits.rv_kms)) for name, scatter in SCATTERS.items()}
    if size:
        expected = replicates(visits, draw_prior(visits, model, period_range_days, size, rng), model, rng)
        for name, scatter in SCATTERS.items():
            row[f"{name}_prior_quantile"] = float(np.mean(scatter(expected, axis=1) < row[f"{name}_kms"]))
        p = dict(zip(STATISTICS, p_values(own, replicated), strict=True))
        row |= {f"{name}_p": float(value) for name, value in p.items()}
        row |= {f"{name}_excess": value for name, value in excesses(own, replicated).items()}
    return row, residuals


def criticise_systems(
    likelihoods: Sequence[PeriodLikelihood],
    exact: xr.DataTree,
    period_range_days: tuple[float, float],
    size: int,
    base_seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of criticism and the residuals of a batch's systems, by their names.

    Parameters
    ----------
    likelihoods : of their periods
    exact : the exact draws of the same systems
    size : number of replicates of each system
    """
    posterior = exact["posterior"].to_dataset()
    place = {str(name): i for i, name in enumerate(posterior["system"].values)}
    rows, residuals = [], []
    for likelihood in progress(likelihoods):
        name = likelihood.system
        draws = {str(k): v.values[place[name]].ravel() for k, v in posterior.data_vars.items()}
        rng = generator_for(base_seed, "criticise_systems", name)
        try:
            if not np.isfinite(draws["P"]).all():
                raise FloatingPointError("it could not be drawn")
            row, left = criticise_system(likelihood, draws, period_range_days, size, rng)
        except Exception:  # one system must not stop the others
            logger.exception("System %s:", name)
            row, left = {"system": name, "n_visits": len(likelihood.visits)}, {}
        rows.append(row)
        residuals.append(left)
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("system", ignore_index=True)
    filled = [left for left in residuals if left]
    columns = {
        name: np.concatenate([left[name] for left in filled] or [np.empty(0, object)]) for name in RESIDUAL_COLUMNS
    }
    return table, pd.DataFrame(columns).sort_values(["system", "time_days"], ignore_index=True)
