"""The columns of the table of orbits, and all its batches as one, for which nothing is needed that makes a row."""

from __future__ import annotations

import pandas as pd

# Median and 68% of what may have a heavy tail: an orbit of few visits may be a long ellipse of any amplitude.
PERCENTILES = (16, 50, 84)
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
    "eccentricity_upper_95",
    "periastron_jd",
    "periastron_sd_days",
    "mass_function_msun",
    "mass_function_sd_msun",
    "a_sin_i_au",
    "a_sin_i_sd_au",
    "ln_bayes_keplerian",
    "companion_mass_min_msun",
    "companion_mass_min_sd_msun",
    *(f"semi_amplitude_p{percent}_kms" for percent in PERCENTILES),
    *(f"mass_function_p{percent}_msun" for percent in PERCENTILES),
    *(f"companion_mass_min_p{percent}_msun" for percent in PERCENTILES),
    "ln_bayes_orbit",
    "ln_bayes_drift",
)


def join_orbits(batches: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    """The rows of all batches, as texts, and one for every system of which no visit was used."""
    rows = [
        {"system": str(name), "n_visits": "0", "status": f"not used: {'; '.join(sorted(set(group['reason'])))}"}
        for name, group in rejected[~rejected["system"].isin(batches["system"])].groupby("system")
    ]
    offsets = sorted(set(batches.columns) - set(ORBIT_COLUMNS))
    table = pd.concat([batches, pd.DataFrame(rows, columns=batches.columns)])[[*ORBIT_COLUMNS, *offsets]]
    return table.fillna("").sort_values("system", ignore_index=True, kind="stable")
