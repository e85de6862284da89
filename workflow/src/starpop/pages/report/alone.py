"""What the report answers where no population was fitted: of a star alone its orbit, under each system model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from starpop.checks.flags import CERTAIN_WEIGHT, MEANING
from starpop.run import status

# What is shown of an orbit, with what its value and its error are called in the table of orbits.
SHOWN = {
    "period": ("best_mode_period_days", "best_mode_period_sd_days"),
    "amplitude": ("semi_amplitude_kms", "semi_amplitude_sd_kms"),
    "eccentricity": ("eccentricity", "eccentricity_sd"),
    "jitter": ("jitter_kms", "jitter_sd_kms"),
    "companion": ("companion_mass_min_msun", "companion_mass_min_sd_msun"),
}
# Median and 68% of the amplitude, at whichever period.
OF_ALL_PERIODS = ("semi_amplitude_p50_kms", "semi_amplitude_p16_kms", "semi_amplitude_p84_kms")


def by_evidence(orbits: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """The ln odds of each system model to the best, the best first.

    They are by the evidence of the systems that all models were fitted to; a model that was fitted to none is last.
    """
    each = pd.DataFrame({model: table.set_index("system")["ln_evidence"] for model, table in orbits.items()})
    fitted = each.dropna(axis=1, how="all").dropna().sum().sort_values(ascending=False, kind="stable")
    return (fitted - fitted.max()).reindex([*fitted.index, *each.columns.difference(fitted.index)]).to_dict()


def answer(orbits: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The answer, in plain values.

    Parameters
    ----------
    orbits : the table of each system model

    Returns
    -------
    ``systems``, their number; ``odds``, of the models; ``figure``, that of the answer; and of a single system its
    ``name``, what ``models`` say of it, the likeliest first, and what their ``flags`` mean
    """
    odds = by_evidence(orbits)
    found = {"systems": _with_orbit(orbits[next(iter(odds))]).shape[0], "odds": odds, "figure": "overview"}
    if found["systems"] != 1:
        return found
    rows = {model: _with_orbit(orbits[model]) for model in odds}
    models = [of_star(table.iloc[0]) | {"model": name} for name, table in rows.items() if len(table)]
    raised = {flag for said in models for flag in said["flags"]}
    return found | {
        "name": models[0]["system"],
        "models": models,
        "flags": {flag: meaning for flag, meaning in MEANING.items() if flag in raised},
        "figure": "focus_time_series" if models[0]["hardly"] else "focus_folded",
    }


def _with_orbit(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the systems that have one."""
    return table[~status.without_orbit(table)]


def of_star(row: pd.Series) -> dict[str, Any]:
    """What one system model says of a star: its orbit, how sure its period is, and its flags."""
    flags = row["flags"].split(";") if isinstance(row["flags"], str) and row["flags"] else []
    values = {name: row.reindex(columns) for name, columns in SHOWN.items()}
    known = {name: tuple(map(float, pair)) if pd.notna(pair.iloc[0]) else None for name, pair in values.items()}
    spread = row.reindex(OF_ALL_PERIODS)
    said = {
        "system": str(row["system"]),
        "weight": float(row["mode_weight"]),
        "ln_bayes_orbit": row.get("ln_bayes_orbit"),
        "flags": flags,
        "hardly": "no_orbit" in flags,  # within the range, whatever lies beyond, which `status.kind` asks for too
        "sure": row["mode_weight"] >= CERTAIN_WEIGHT,
        "spread": tuple(map(float, spread)) if spread.notna().all() else None,
    }
    return known | said
