"""The tables a reader opens: the orbits of all systems, and this run beside the tutorial's printed numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy
import xarray as xr

from starpop.checks.flags import flags_of
from starpop.orbits import kepler
from starpop.orbits.orbit import conditional
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.periods import read_likelihoods
from starpop.orbits.single import sampled_range
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.run.errors import InputError, nearest

# An eccentricity of which more of the draws are at the largest that harmonics can tell is not known.
MOST_AT_LIMIT = 0.05
# What stands beside the coordinates of the highest point of a system's posterior.
NO_COORDINATES = ("status", "shortest_period", "longest_period")
ORBIT_COLUMNS = (
    "system",
    "n_visits",
    "baseline_days",
    "period_days",
    "period_sd_days",
    "ln_period",
    "ln_period_sd",
    "lomb_scargle_period_days",
    "semi_amplitude_kms",
    "semi_amplitude_sd_kms",
    "a_kms",
    "b_kms",
    "v0_kms",
    "v0_sd_kms",
    "jitter_kms",
    "chi2_reduced",
    "n_modes",
    "mode_weight",
    "ln_evidence",
    "status",
    "jitter_sd_kms",
    "error_scale",
    "error_scale_sd",
    "eccentricity",
    "eccentricity_sd",
    "omega_deg",
    "omega_sd_deg",
    "trend_kms_per_year",
    "trend_sd_kms_per_year",
    "flags",
    "trend_2_kms_per_year2",
    "trend_2_sd_kms_per_year2",
    "best_mode_period_days",
    "best_mode_period_sd_days",
    "better_period_days",
)


def orbit_row(
    visits: Visits, draws: Mapping[str, np.ndarray], best: Mapping[str, float], model: SystemModel
) -> dict[str, float | int | str]:
    """What one system's posterior draws, and its highest point, say of its orbit and its noise."""
    ln_period = np.log(draws["P"])
    first, eccentric = draws["a"] - 1j * draws["b"], {}
    amplitude = np.abs(first)
    if model.harmonics > 1:
        e, omega = kepler.eccentricity(first, draws["a_2"] - 1j * draws["b_2"])
        amplitude = kepler.semi_amplitude(first, e, omega)
        if np.mean(e >= kepler.LARGEST_ECCENTRICITY) > MOST_AT_LIMIT:
            e, omega = np.full((2, len(e)), np.nan)
        eccentric = spread("eccentricity", e) | {
            "omega_deg": np.degrees(scipy.stats.circmean(omega)) % 360,
            "omega_sd_deg": np.degrees(scipy.stats.circstd(omega)),
        }
    row: dict[str, float | int | str] = {
        "system": visits.system,
        "n_visits": len(visits),
        "baseline_days": visits.baseline_days,
        **spread("period", draws["P"], "_days"),
        "ln_period": ln_period.mean(),
        "ln_period_sd": ln_period.std(ddof=1),
        **spread("semi_amplitude", amplitude, "_kms"),
        "a_kms": draws["a"].mean(),
        "b_kms": draws["b"].mean(),
        **spread("v0", draws["v0"], "_kms"),
        "jitter_kms": 0.0,
        "chi2_reduced": reduced_chi2(visits, best, model),
    }
    if "ln_jitter" in draws:
        row |= spread("jitter", np.exp(draws["ln_jitter"]), "_kms")
    if "ln_error_scale" in draws:
        row |= spread("error_scale", np.exp(draws["ln_error_scale"]))
    if "trend_1" in draws:
        row |= spread("trend", draws["trend_1"], "_kms_per_year")
    if "trend_2" in draws:
        row |= spread("trend_2", draws["trend_2"], "_kms_per_year2")
    for name in draws:
        if name.startswith("offset_"):
            row |= spread(name, draws[name], "_kms")
    return row | eccentric


def spread(name: str, values: np.ndarray, unit: str = "") -> dict[str, float]:
    """Mean and standard deviation of draws, under the names of their columns."""
    return {f"{name}{unit}": float(values.mean()), f"{name}_sd{unit}": float(values.std(ddof=1))}


def reduced_chi2(visits: Visits, best: Mapping[str, float], model: SystemModel) -> float:
    """Chi-squared at the highest point, by the visits that the period and the coefficients leave free."""
    ln_noise = 0.0 if model.noise.parameter is None else best[model.noise.parameter]
    fit = conditional(np.array([1 / best["P"]]), visits, model, ln_noise)
    freedom = len(visits) - 1 - fit.mean.shape[1]
    return float(fit.chi2[0]) / freedom if freedom > 0 else np.nan


def best_mode(likelihood: PeriodLikelihood, period_range_days: tuple[float, float], period: np.ndarray) -> dict:
    """Mean and standard deviation of the drawn periods [d] that belong to the heaviest mode."""
    _, (shortest, longest) = sampled_range(likelihood, period_range_days)
    return spread("best_mode_period", period[(period >= shortest) & (period <= longest)], "_days")


def tabulate_orbits(
    systems: Mapping[str, Visits],
    periods: Sequence[xr.Dataset],
    exact: Sequence[xr.DataTree],
    posteriors: Sequence[xr.DataTree],
    rejected: pd.DataFrame,
    criticism: pd.DataFrame,
    model: SystemModel,
    period_range_days: tuple[float, float],
) -> pd.DataFrame:
    """One row for every system of the catalogue; those that were not fitted say why in ``status``.

    The numbers and the ``status`` are those of the exact draws, ``flags`` those of `starpop.checks.flags`.
    ``period_days`` is the mean over all modes, ``best_mode_period_days`` that over the heaviest.
    """
    criticised = criticism.set_index("system").to_dict("index")
    likelihoods = {n.system: n for n in read_likelihoods(periods, systems, model)}
    highest = highest_points(posteriors)
    rows: list[dict[str, Any]] = []
    for scan, tree in zip(periods, exact, strict=True):
        modes = tree["modes"].to_dataset()
        for i, name in enumerate(names_of(tree)):
            draws = {str(k): v.values[i].ravel() for k, v in tree["posterior"].data_vars.items()}
            likelihood = likelihoods[name]
            row = orbit_row(systems[name], draws, highest[name], likelihood.system_model)
            row |= best_mode(likelihood, period_range_days, draws["P"])
            row |= {k: float(modes[k][i]) for k in ("mode_weight", "ln_evidence")} | {
                "n_modes": float(modes["n_modes"][i])
            }
            names = ("lomb_scargle_period_days", "outside_ln_gain", "outside_period_days")
            row |= {key: float(scan[key][i]) for key in names}
            flags = flags_of(row, criticised[name], likelihood, period_range_days, model)
            if "better_outside_range" in flags:
                row["better_period_days"] = row["outside_period_days"]
            rows.append(row | {"status": str(modes["status"].values[i]) or "ok", "flags": flags})
    for scan in periods:
        for name, reason in zip(scan["failed_system"].values, scan["reason"].values, strict=True):
            facts = {"system": str(name), "n_visits": len(systems[name]), "baseline_days": systems[name].baseline_days}
            rows.append(facts | {"status": f"not fitted: {reason}"})
    for left_out, group in rejected[~rejected["system"].isin(list(systems))].groupby("system"):
        reasons = "; ".join(sorted(set(group["reason"])))
        rows.append({"system": str(left_out), "n_visits": 0, "status": f"not used: {reasons}"})
    offsets = sorted({name for row in rows for name in row if name.startswith("offset_")})
    table = pd.DataFrame(rows, columns=[*ORBIT_COLUMNS, *offsets]).sort_values("system", ignore_index=True)
    return table.astype({"n_modes": "Int64"})


PUBLISHED_COLUMNS = (
    "section",
    "quantity",
    "published",
    "published_sd",
    "mean",
    "sd",
    "mcse",
    "difference_in_sd",
    "agrees",
    "note",
)
# Means must agree within this share of the published sd, and all numbers within so many Monte Carlo errors.
MEAN_TOLERANCE_SD = 0.2
MONTE_CARLO_ERRORS = 3


def half_unit(printed: str) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


def monte_carlo_error(statistic: str, sd: float, sample: Any) -> float:
    """Monte Carlo error of a statistic of draws with this standard deviation and these effective sizes."""
    if np.isinf(float(sample["ess_bulk"] or np.inf)) or np.isnan(float(sample["ess_bulk"])):
        return 0.0  # not from draws
    if statistic.startswith("hdi"):
        return sd * float(sample["ess_tail"]) ** (-1 / 3)
    return sd / np.sqrt((1 if statistic == "mean" else 2) * float(sample["ess_bulk"]))


def compare_published(published: pd.DataFrame, summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each number printed in the tutorial beside this run's exact answer.

    Two numbers agree when they differ by no more than half a printed digit and three Monte Carlo errors, theirs and
    ours together; a mean outside the cluster, besides, by less than 0.2 published sd and half a digit (one draw: by
    less than its Monte Carlo error, one sd). The Monte Carlo error is sd / sqrt(ess) for a mean, sd / sqrt(2 ess) for
    a standard deviation and sd / ess^(1/3) for an end of the shortest interval (whose ends converge at that rate:
    Kim & Pollard 1990, Ann. Statist. 18, 191).

    Parameters
    ----------
    published : the tutorial's tables as text, to keep the printed digits: ``section``, ``parameter``, ``mean``,
        ``sd``, ``hdi_3%``, ``hdi_97%``, ``ess_bulk``, ``ess_tail``, ``note``
    summaries : this run's summary of each section
    """
    rows = []
    for row in published.to_dict("records"):
        summary = summaries[row["section"]]
        ours = summary[summary["method"] == "exact"].set_index("parameter").loc[row["parameter"]]
        scale = float(row["sd"] or ours["sd"])
        for statistic in ("mean", "sd", "hdi_3%", "hdi_97%"):
            if not row[statistic]:
                continue
            error = monte_carlo_error(statistic, scale, row)
            ours_error = monte_carlo_error(statistic, ours["sd"], ours)
            value, rounding = float(row[statistic]), half_unit(row[statistic])
            difference = abs(float(ours[statistic]) - value)
            agrees = difference <= rounding + MONTE_CARLO_ERRORS * np.hypot(error, ours_error)
            if statistic == "mean" and row["section"] != "cluster":
                agrees &= difference < rounding + max(MEAN_TOLERANCE_SD * scale, error)
            rows.append(
                {
                    "section": row["section"],
                    "quantity": row["parameter"] + ("" if statistic == "mean" else f" {statistic}"),
                    "published": row[statistic],
                    "published_sd": row["sd"],
                    "mean": ours[statistic],
                    "sd": ours["sd"],
                    "mcse": ours_error,
                    "difference_in_sd": (ours[statistic] - value) / scale if scale else np.nan,
                    "agrees": bool(agrees),
                    "note": row["note"],
                }
            )
    return pd.DataFrame(rows, columns=PUBLISHED_COLUMNS)


def find_system(posteriors: Sequence[xr.DataTree], wanted: str) -> str:
    """The name of a system that has been fitted: the one wanted, or the first in sorted order."""
    names = [name for tree in posteriors for name in names_of(tree)]
    name = min(names) if wanted == "first" else wanted
    if name not in names:
        raise InputError(
            f"focus_system: {wanted!r} is not among the {len(names)} systems used; give one of their names, or first."
            + nearest(wanted, names)
        )
    return name


def names_of(posteriors: xr.DataTree) -> list[str]:
    """The systems of a batch's posteriors."""
    return [str(name) for name in posteriors["posterior"].to_dataset()["system"].values]


def highest_points(posteriors: Sequence[xr.DataTree]) -> dict[str, dict[str, float]]:
    """The highest point of each system's posterior, by name, from the posteriors of all batches."""
    return {
        name: {str(k): float(v.values[i]) for k, v in tree["map"].data_vars.items() if k not in NO_COORDINATES}
        for tree in posteriors
        for i, name in enumerate(names_of(tree))
    }
