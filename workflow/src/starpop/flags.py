"""What to know of a system before its orbit is used: words in the column ``flags`` of orbits.csv, with semicolons.

| flag | where |
|---|---|
| misfit, outlier | the p-value of `criticism` says so |
| trend | the visits ask for the next power of time, or a fitted trend is significant |
| eccentric | the visits ask for the next harmonic, or a fitted eccentricity is significant |
| eccentricity_limit | the harmonics are too few for the fitted eccentricity: neither it nor omega can be trusted |
| multimodal | the heaviest mode leaves something to others |
| alias_day, alias_year | another possible frequency, or that of the Lomb-Scargle period, is an alias of the best |

With f the best frequency and T the baseline, g is an alias if it lies within 1/2T of f +- k/period for the periods
below, or of its mirror image k/period - f. That can only be said where k/period exceeds 1/T: else g is a side lobe.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from starpop import kepler
from starpop.densities import UniformPeriod
from starpop.period_likelihood import PeriodLikelihood, mode_weights
from starpop.single import LIGHTEST_MODE
from starpop.system_model import DAYS_PER_YEAR, SystemModel

# Of a right model, one system in a hundred is flagged by each test: few enough to look at.
SIGNIFICANT_P = 0.01
# A fitted parameter this many standard deviations from zero: by chance one in 400, one eccentricity in 90.
SIGNIFICANT_SD = 3.0
TRENDS = (
    ("trend_kms_per_year", "trend_sd_kms_per_year"),
    ("trend_2_kms_per_year2", "trend_2_sd_kms_per_year2"),
)
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
) -> str:
    """The flags of one system.

    Parameters
    ----------
    row : its row of orbits.csv, as far as it is known
    criticism : its row of the table of criticism
    """
    p = {name: criticism[f"{name}_p"] < SIGNIFICANT_P for name in ("misfit", "outlier", "trend", "harmonic")}
    raised = {
        "misfit": p["misfit"],
        "outlier": p["outlier"],
        "trend": p["trend"] or any(significant(row, *names) for names in TRENDS),
        "eccentric": p["harmonic"] or significant(row, "eccentricity", "eccentricity_sd"),
        "eccentricity_limit": model.harmonics > 1 and row["eccentricity"] > valid_eccentricity(row, model),
        "multimodal": row["mode_weight"] < CERTAIN_WEIGHT,
    }
    weights = mode_weights(likelihood, UniformPeriod(period_range_days))
    frequencies = np.exp(-likelihood.peak_ln_period)
    possible = np.append(frequencies[weights >= LIGHTEST_MODE], 1 / row["lomb_scargle_period_days"])
    best, baseline = frequencies[weights.argmax()], row["baseline_days"]
    others = possible[np.abs(possible - best) > 0.5 / baseline]
    raised |= {name: any(is_alias(others, best, baseline, window)) for name, window in WINDOWS.items()}
    return ";".join(name for name, is_raised in raised.items() if is_raised)


def significant(row: Mapping[str, Any], name: str, sd: str) -> bool:
    """Whether a fitted parameter, if the model has it, differs from zero."""
    return name in row and abs(row[name]) > SIGNIFICANT_SD * row[sd]


def valid_eccentricity(row: Mapping[str, Any], model: SystemModel) -> float:
    """The eccentricity up to which the basis is good enough for this orbit."""
    amplitude, sd = row["semi_amplitude_kms"], row["semi_amplitude_sd_kms"]
    return kepler.largest_valid_eccentricity(model.harmonics, amplitude, sd)


def is_alias(frequencies: np.ndarray, best: float, baseline_days: float, window_days: tuple[float, ...]) -> np.ndarray:
    """(F,) whether each frequency [1/d] is an alias of the best one, given the periods of the visits' window [d]."""
    offsets = np.array([k / days for days in window_days for k in HARMONICS_OF_WINDOW])
    offsets = offsets[offsets > 1 / baseline_days]
    aliases = np.concatenate([best + offsets, np.abs(best - offsets)])
    return np.any(np.abs(frequencies[:, None] - aliases) < 0.5 / baseline_days, axis=1)
