"""What to know of a system before its orbit is used: words in the column ``flags`` of orbits.csv, with semicolons.

`MEANING` says of each where it is raised.

With f the best frequency and T the baseline, g is an alias if it lies within 1/2T of f +- k/period for the periods
below, or of its mirror image k/period - f. That can only be said where k/period exceeds 1/T: else g is a side lobe.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from starpop.checks.statistics import EXCESSES, SIGNIFICANT_EXCESS, SIGNIFICANT_P
from starpop.inference.densities import UniformPeriod
from starpop.orbits.period_likelihood import PeriodLikelihood, mode_weights
from starpop.orbits.single import LIGHTEST_MODE
from starpop.orbits.system_model import DAYS_PER_YEAR, SystemModel

# What each flag says, in the order in which they are raised.
MEANING = {
    "at_range_end": "The heaviest mode lies at an end of the range of periods: what is found is a limit, if an orbit.",
    "better_outside_range": "A period within a factor of three beyond the range is likelier: better_period_days.",
    "longer_than_baseline": "Less than one period has been seen.",
    "multimodal": "More than one period is possible: the heaviest mode leaves more than one part in twenty to others.",
    "zero_points": "Offsets between the instruments would take much of the misfit, and the model has none.",
    "jitter_dominates": "The jitter is larger than the orbit's own scatter, its semi-amplitude over the root of two.",
    "misfit": "The residuals are larger than the model's errors say (predictive p below 0.01).",
    "outlier": "One residual is far larger than the others (predictive p below 0.01).",
    "trend": "The visits ask for the next power of time, or a fitted trend is significant.",
    "eccentric": "The visits ask for the next harmonic of the orbit, or for an ellipse rather than a circle.",
    "second_period": "A second period takes much of the misfit: second_period_days of the table of criticism.",
    "correlated": "The residuals last from visit to visit.",
    "far_from_prior": "A coefficient is five standard deviations of its configured prior from zero.",
    "alias_day": "Another possible frequency, or that of the Lomb-Scargle period, is an alias by the day.",
    "alias_year": "Another possible frequency, or that of the Lomb-Scargle period, is an alias by the year.",
    "no_orbit": "No orbit at all is nearly as likely, or likelier: ln_bayes_orbit is below 3. A prior of amplitudes "
    "far wider than K, or a jitter that takes up an ellipse, can be why.",
    "drift": "There is more than none, but a trend is nearly as likely as an orbit: ln_bayes_drift is below 3.",
}
# Of these nothing is said where there is no orbit.
OF_AN_ORBIT = ("at_range_end", "longer_than_baseline", "jitter_dominates", "alias_day", "alias_year")
# A peak so many of its widths from an end of the range is at it.
END_SD = 2.0
# ln L of a better period less that of the best within: the range counts for odds of a hundred to one.
BETTER = 5.0
# Coefficients so many standard deviations of their prior from zero.
FAR_SD = 5.0
# A fitted parameter this many standard deviations from zero: by chance one in 400.
SIGNIFICANT_SD = 3.0
TRENDS = (
    ("trend_kms_per_year", "trend_sd_kms_per_year"),
    ("trend_2_kms_per_year2", "trend_2_sd_kms_per_year2"),
)
# Twenty times as likely: an ellipse as a circle, an orbit as none.
LN_BAYES = 3.0
# One period in twenty that is another than the one quoted is more than most uses of a table bear.
CERTAIN_WEIGHT = 0.95
# Visits are made at night, and the star is best seen at the same sidereal time and season.
SIDEREAL_DAYS = 0.99726957
WINDOWS = {"alias_day": (1.0, SIDEREAL_DAYS), "alias_year": (DAYS_PER_YEAR,)}
HARMONICS_OF_WINDOW = (1, 2)


def flags_of(
    row: Mapping[str, Any],
    criticism: Mapping[Hashable, Any],
    likelihood: PeriodLikelihood,
    period_range_days: tuple[float, float],
    model: SystemModel,
) -> dict[str, bool]:
    """Whether each flag of one system is raised, in the order of `MEANING`.

    Parameters
    ----------
    row : its row of orbits.csv, as far as it is known, Bayes factors too, with the ``outside_ln_gain`` of its scan
    criticism : its row of the table of criticism
    model : as configured
    """
    found = of_period(row, likelihood, period_range_days) | of_fit(row, criticism, model)
    found |= aliases(row, likelihood, period_range_days) | of_evidence(row)
    # which mean nothing where there is no orbit
    return {flag: raised and not (found["no_orbit"] and flag in OF_AN_ORBIT) for flag, raised in found.items()}


def of_period(
    row: Mapping[str, Any], likelihood: PeriodLikelihood, period_range_days: tuple[float, float]
) -> dict[str, bool]:
    """Where the period of the heaviest mode is, and whether there is a better one outside the range."""
    mode = mode_weights(likelihood, UniformPeriod(period_range_days)).argmax()
    ends, reach = np.log(period_range_days), END_SD * likelihood.peak_ln_period_sd[mode]
    # a range narrower than the peak is what the user knows of the period
    at_end = np.abs(likelihood.peak_ln_period[mode] - ends).min() <= reach < 0.5 * np.ptp(ends)
    return {
        "at_range_end": bool(at_end),
        "better_outside_range": row["outside_ln_gain"] > BETTER,
        "longer_than_baseline": row["best_mode_period_days"] > row["baseline_days"],
        "multimodal": row["mode_weight"] < CERTAIN_WEIGHT,
    }


def of_evidence(row: Mapping[str, Any]) -> dict[str, bool]:
    """Whether an orbit is what the visits ask for at all."""
    none, drift = (row[name] < LN_BAYES for name in ("ln_bayes_orbit", "ln_bayes_drift"))
    return {"no_orbit": none, "drift": drift and not none}


def of_fit(row: Mapping[str, Any], criticism: Mapping[Hashable, Any], model: SystemModel) -> dict[str, bool]:
    """What the residuals and the fitted parameters say."""
    p = {name: criticism[f"{name}_p"] < SIGNIFICANT_P for name in ("misfit", "outlier", "trend", "harmonic")}
    excess = {name: criticism.get(f"{name}_excess", np.nan) > SIGNIFICANT_EXCESS for name in EXCESSES}
    return {
        "zero_points": excess["zero_points"],
        "jitter_dominates": row["jitter_kms"] > row["semi_amplitude_kms"] / np.sqrt(2),
        "misfit": p["misfit"],
        "outlier": p["outlier"],
        "trend": p["trend"] or any(significant(row, *names) for names in TRENDS),
        "eccentric": p["harmonic"] or row.get("ln_bayes_keplerian", -np.inf) > LN_BAYES,
        "second_period": excess["second_period"],
        "correlated": excess["correlation"],
        "far_from_prior": far_from_prior(row, model),
    }


def far_from_prior(row: Mapping[str, Any], model: SystemModel) -> bool:
    """Whether a coefficient is many standard deviations of its configured prior from zero."""
    trends = {name: model.trend_sd_kms_per_year for name, _ in TRENDS}
    # an instrument may have a name such as sdss, or end in _sd
    offsets = {name: model.offset_sd_kms for name in row if name.startswith("offset_") and not is_sd(name, row)}
    amplitude = model.amplitude_sd_kms * model.amplitude_scale(
        1 / row["best_mode_period_days"], row.get("eccentricity", 0.0)
    )
    widths = {
        "a_kms": amplitude,
        "b_kms": amplitude,
        "v0_kms": model.systemic_velocity_sd_kms,
    }
    return any(abs(row[name]) > FAR_SD * sd for name, sd in (widths | trends | offsets).items() if name in row)


def is_sd(name: str, row: Mapping[str, Any]) -> bool:
    """Whether a column is the standard deviation of another."""
    return name.endswith("_sd_kms") and f"{name.removesuffix('_sd_kms')}_kms" in row


def aliases(
    row: Mapping[str, Any], likelihood: PeriodLikelihood, period_range_days: tuple[float, float]
) -> dict[str, bool]:
    """Whether another possible frequency is an alias of the best."""
    weights = mode_weights(likelihood, UniformPeriod(period_range_days))
    frequencies = np.exp(-likelihood.peak_ln_period)
    possible = np.append(frequencies[weights >= LIGHTEST_MODE], 1 / row["lomb_scargle_period_days"])
    possible = possible[np.isfinite(possible)]
    best, baseline = frequencies[weights.argmax()], row["baseline_days"]
    others = possible[np.abs(possible - best) > 0.5 / baseline]
    return {name: bool(np.any(is_alias(others, best, baseline, window))) for name, window in WINDOWS.items()}


def significant(row: Mapping[str, Any], name: str, sd: str) -> bool:
    """Whether a fitted parameter, if the model has it, differs from zero."""
    return name in row and abs(row[name]) > SIGNIFICANT_SD * row[sd]


def is_alias(frequencies: np.ndarray, best: float, baseline_days: float, window_days: tuple[float, ...]) -> np.ndarray:
    """(F,) whether each frequency [1/d] is an alias of the best one, given the periods of the visits' window [d]."""
    offsets = np.array([k / days for days in window_days for k in HARMONICS_OF_WINDOW])
    offsets = offsets[offsets > 1 / baseline_days]
    aliases = np.concatenate([best + offsets, np.abs(best - offsets)])
    return np.any(np.abs(frequencies[:, None] - aliases) < 0.5 / baseline_days, axis=1)
