"""This run beside the numbers that the tutorial prints: whether they agree within digits and Monte Carlo errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

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
