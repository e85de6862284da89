"""Do a system's visits look like what its model predicts: posterior and prior predictive checks.

A data set is fitted at the highest peak of its period likelihood: with the geometric mean, over the posterior of the
noise at that period, of each visit's error s_j, and the conditional mean of the coefficients given these errors. With
z_j the residuals in units of s_j, and t_j = z_j / sqrt(1 - h_j), whose variance is one whatever the leverage h_j,

| statistic T | is large where |
|---|---|
| misfit = sum z_j^2 | the errors are too small, or the orbit is another |
| outlier = max abs(t_j) / median abs(t_j) | one visit is wrong |
| harmonic = share of the misfit that the next harmonic of the basis would take | the orbit is (more) eccentric |
| trend = share of the misfit that the next power of time would take | a third body |
| correlation = sum z_j z_(j+1) / misfit | the noise lasts from visit to visit |

All but the misfit are free of scale: errors that are wrong by one factor show in the misfit alone.

Replicates have the same times and reported errors; period, noise and coefficients are exact draws of the posterior.
Comparing T at the drawn parameters would be conservative, for the data have been used to find these, and the replicate
has not (Meng 1994, Ann. Statist. 22, 1142). So each replicate is fitted again, in the same way: after a fit T hardly
depends on the parameters, and

    p = (1 + number of replicates with T at least as large) / (1 + number of replicates)

is nearly uniform if the model is right (Robins, van der Vaart & Ventura 2000, JASA 95, 1143). Where the noise is
uncertain it is fitted to the misfit, whose p is then conservative. A statistic of too few visits to leave it free has
no p. A replicate's highest peak can only be where the data have a peak that matters at all, so that it is looked for
from the first to the last of these and a resolution element 1/T beyond.

The prior predictive check draws all parameters from their priors, and says in which quantile of the predictions the
scatter and the range of the observed velocities lie: near 0 or 1, the prior did not expect such a system.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from starpop.densities import UniformPeriod
from starpop.landscape import Landscape
from starpop.ln_likelihood import noise_terms
from starpop.noise import UncertainNoise
from starpop.orbit import design_matrix, harmonic_columns
from starpop.period_likelihood import survey_period_range
from starpop.seeds import generator_for
from starpop.system_model import SystemModel
from starpop.visits import Visits

logger = logging.getLogger("starpop")

# Each statistic with the visits that it needs beyond one for every parameter.
NEEDED = {"misfit": 1, "outlier": 2, "harmonic": 3, "trend": 2, "correlation": 2}
STATISTICS = tuple(NEEDED)
COLUMNS = (
    "system",
    "n_visits",
    *(column for name in STATISTICS for column in (name, f"{name}_p")),
    "rms_velocity_kms",
    "rms_velocity_prior_quantile",
    "velocity_range_kms",
    "velocity_range_prior_quantile",
)
RESIDUAL_COLUMNS = ("system", "time_days", "residual_kms", "error_kms", "standardised_residual")
# A visit that alone fixes a parameter has no residual of its own.
LEAST_FREEDOM = 1e-9


@dataclass(frozen=True)
class Fit:
    """What a fit leaves.

    Attributes
    ----------
    residual_kms, error_kms, leverage : (J,) of the visits
    statistics : (5,) as the module says, in the order of `STATISTICS`; NaN where the visits are too few
    landscape : the scan of the period range
    """

    residual_kms: np.ndarray
    error_kms: np.ndarray
    leverage: np.ndarray
    statistics: np.ndarray
    landscape: Landscape

    @property
    def standardised(self) -> np.ndarray:
        """(J,) residuals over the standard deviations that a right model gives them; NaN where that is zero."""
        freedom = np.where(self.leverage < 1 - LEAST_FREEDOM, 1 - self.leverage, np.nan)
        return self.residual_kms / self.error_kms / np.sqrt(freedom)


def fit(visits: Visits, model: SystemModel, period_range_days: tuple[float, float]) -> Fit:
    """Fit a system at the highest peak of its period likelihood."""
    landscape = survey_period_range(visits, model, period_range_days)
    frequency = landscape.peaks.frequency[[landscape.peaks.height.argmax()]]
    terms = noise_terms(frequency, landscape.model)[0]
    share = np.exp(terms - terms.max())
    error = np.exp(-0.5 * np.log(landscape.model.weight) @ share / share.sum())
    design = design_matrix(frequency, visits, model)[0]
    # the priors are observations of the coefficients as zero
    prior = np.diag(1 / model.standard_deviations(visits))
    basis, target = np.vstack([design / error[:, None], prior]), np.append(visits.rv_kms / error, np.zeros(len(prior)))
    theta = np.linalg.lstsq(basis, target)[0]
    waves = range(model.harmonics)
    turning = [(h + 1) * (design[:, 2 * h] * theta[2 * h + 1] - design[:, 2 * h + 1] * theta[2 * h]) for h in waves]
    by_period = np.append(visits.time_days * np.sum(turning, axis=0) / error, np.zeros(len(prior)))
    span = np.linalg.qr(np.column_stack([basis, by_period]))[0]
    left = target - basis @ theta

    def share_taken(columns: np.ndarray) -> float:
        more = np.vstack([columns / error[:, None], np.zeros((len(prior), columns.shape[1]))])
        direction = np.linalg.qr(more - span @ (span.T @ more))[0]
        return float(np.sum((direction.T @ left) ** 2) / np.sum(left**2))

    z = left[: len(visits)]
    fitted = Fit(z * error, error, np.sum(span[: len(visits)] ** 2, axis=1), np.full(len(NEEDED), np.nan), landscape)
    free = len(visits) - span.shape[1]
    if free <= 0:
        return fitted
    size = np.abs(fitted.standardised)
    bent = replace(model, trend=model.trend + 1).static_columns(visits)[:, [model.trend + 1]]
    values = {
        "misfit": z @ z,
        "outlier": np.nanmax(size) / np.nanmedian(size),
        "harmonic": share_taken(harmonic_columns(frequency, visits.time_days, model.harmonics + 1)[0][:, -2:]),
        "trend": share_taken(bent),
        "correlation": z[1:] @ z[:-1] / (z @ z),
    }
    return replace(fitted, statistics=np.array([values[k] if free >= NEEDED[k] else np.nan for k in STATISTICS]))


def where_replicates_peak(landscape: Landscape, period_range_days: tuple[float, float]) -> tuple[float, float]:
    """The range of periods [d] in which a replicate's highest peak can lie."""
    element = 1 / landscape.model.baseline_days
    longest = 1 / max(landscape.peaks.frequency.min() - element, 1 / period_range_days[1])
    return max(1 / (landscape.peaks.frequency.max() + element), period_range_days[0]), longest


def replicates(
    visits: Visits, draws: Mapping[str, np.ndarray], model: SystemModel, rng: np.random.Generator
) -> np.ndarray:
    """(R, J) velocities [km/s] at the visits' times, from (R,) draws of each parameter of a system."""
    design = design_matrix(1 / draws["P"], visits, model)
    theta = np.stack([draws[name] for name in model.coefficients(visits)], axis=-1)
    ln_noise = np.zeros(len(theta)) if model.noise.parameter is None else draws[model.noise.parameter]
    sd = np.sqrt(model.noise.variance(ln_noise[:, None], visits.rv_err_kms))
    return (design @ theta[..., None])[..., 0] + rng.normal(0, sd)


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
        draws[model.noise.parameter] = rng.normal(model.noise.mean, model.noise.sd, size)
    theta = model.draw_coefficients(visits, size, rng)
    return draws | dict(zip(model.coefficients(visits), theta.T, strict=True))


def p_values(own: np.ndarray, replicated: np.ndarray) -> np.ndarray:
    """(K,) shares of (R, K) replicated statistics at least as large as one's own, the own among them."""
    shares = (1 + np.sum(replicated >= own, axis=0)) / (1 + len(replicated))
    return np.where(np.isnan(own), np.nan, shares)


def criticise_system(
    visits: Visits,
    draws: Mapping[str, np.ndarray],
    model: SystemModel,
    period_range_days: tuple[float, float],
    size: int,
    rng: np.random.Generator,
) -> tuple[dict[str, float | int | str], pd.DataFrame]:
    """One system's row of the table of criticism, and its residuals.

    Parameters
    ----------
    draws : (S,) independent draws of each parameter from its posterior; the first `size` of them are used
    size : number of replicates
    """
    own = fit(visits, model, period_range_days)
    near = where_replicates_peak(own.landscape, period_range_days)
    some = np.arange(size) % len(draws["P"])
    simulated = replicates(visits, {name: values[some] for name, values in draws.items()}, model, rng)
    replicated = np.array([fit(replace(visits, rv_kms=rv), model, near).statistics for rv in simulated])
    row: dict[str, float | int | str] = {"system": visits.system, "n_visits": len(visits)}
    for name, value, p in zip(STATISTICS, own.statistics, p_values(own.statistics, replicated), strict=True):
        row |= {name: float(value), f"{name}_p": float(p)}
    expected = replicates(visits, draw_prior(visits, model, period_range_days, size, rng), model, rng)
    for name, measure in (("rms_velocity", np.std), ("velocity_range", np.ptp)):
        value = measure(visits.rv_kms)
        row[f"{name}_kms"] = float(value)
        row[f"{name}_prior_quantile"] = float(np.mean(measure(expected, axis=1) < value))
    columns = visits.system, visits.time_days, own.residual_kms, own.error_kms, own.standardised
    return row, pd.DataFrame(dict(zip(RESIDUAL_COLUMNS, columns, strict=True)))


def criticise_systems(
    systems: Mapping[str, Visits],
    exact: Sequence[xr.DataTree],
    model: SystemModel,
    period_range_days: tuple[float, float],
    size: int,
    base_seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of criticism and the residuals of all systems, by their names.

    Parameters
    ----------
    exact : the exact draws of all batches
    size : number of replicates of each system
    """
    rows, residuals = [], [pd.DataFrame(columns=RESIDUAL_COLUMNS)]
    for tree in exact:
        posterior = tree["posterior"].to_dataset()
        for i, name in enumerate(map(str, posterior["system"].values)):
            draws = {str(k): v.values[i].ravel() for k, v in posterior.data_vars.items()}
            rng = generator_for(base_seed, "criticise_systems", name)
            try:
                row, left = criticise_system(systems[name], draws, model, period_range_days, size, rng)
            except Exception:  # one system must not stop the others
                logger.exception("System %s:", name)
                row, left = {"system": name, "n_visits": len(systems[name])}, residuals[0]
            rows.append(row)
            residuals.append(left)
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("system", ignore_index=True)
    return table, pd.concat(residuals).sort_values(["system", "time_days"], ignore_index=True)
