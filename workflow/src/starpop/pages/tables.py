"""The tables a reader opens: the orbits of all systems, and the stars of the cluster, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr, ndtri

from starpop.checks.flags import flags_of
from starpop.orbits import masses
from starpop.orbits.fitted import highest_points, names_of
from starpop.orbits.orbit import angles, conditional, middle_of, shape_points
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.periods import read_likelihoods
from starpop.orbits.single import sampled_range
from starpop.orbits.system_model import SHAPE, SystemModel
from starpop.orbits.visits import Visits
from starpop.pages.joined import ORBIT_COLUMNS, PERCENTILES
from starpop.run.progress import progress
from starpop.run.seeds import generator_for

# What a row has of a system's modes and of its scan.
MODE_COLUMNS = ("mode_weight", "ln_evidence", "n_modes")
OF_SCAN = ("lomb_scargle_period_days", "outside_ln_gain", "outside_period_days")
# Other hypotheses than the model's orbit, whose evidence the scan has, and the column of the ln Bayes factor.
# How the columns begin that there are for each instrument.
OF_INSTRUMENTS = ("jitter_of_", "jitter_sd_of_", "offset_")
OTHERS = {"no_orbit_ln_evidence": "ln_bayes_orbit", "drift_ln_evidence": "ln_bayes_drift"}


def orbit_row(
    visits: Visits,
    draws: Mapping[str, np.ndarray],
    best: Mapping[str, float],
    model: SystemModel,
    primary: tuple[float, float] = (np.nan, np.nan),
) -> dict[str, float | int | str]:
    """What one system's posterior draws, and its highest point, say of its orbit and its noise.

    Parameters
    ----------
    primary : mass of the visible star, and its standard deviation [solar masses]
    """
    ln_period, amplitude = np.log(draws["P"]), np.abs(draws["a"] - 1j * draws["b"])
    row: dict[str, float | int | str] = {
        "system": visits.system,
        "n_visits": len(visits),
        "baseline_days": visits.baseline_days,
        **spread("period", draws["P"], "_days"),
        "ln_period": ln_period.mean(),
        "ln_period_sd": ln_period.std(ddof=1),
        **spread("semi_amplitude", amplitude, "_kms"),
        **percentiles("semi_amplitude", amplitude, "_kms"),
        "a_kms": draws["a"].mean(),
        "b_kms": draws["b"].mean(),
        **spread("v0", draws["v0"], "_kms"),
        "jitter_kms": 0.0,
        "chi2_reduced": reduced_chi2(visits, best, model),
    }
    if "ln_jitter" in draws:
        row |= spread("jitter", np.exp(draws["ln_jitter"]), "_kms")
    elif model.noise.of_instruments:
        row |= jitters_of(visits, np.exp(model.noise_of(draws, visits)).T)
    if "ln_error_scale" in draws:
        row |= spread("error_scale", np.exp(draws["ln_error_scale"]))
    if "trend_1" in draws:
        row |= spread("trend", draws["trend_1"], "_kms_per_year")
    if "trend_2" in draws:
        row |= spread("trend_2", draws["trend_2"], "_kms_per_year2")
    for name in draws:
        if name.startswith("offset_"):
            row |= spread(name, draws[name], "_kms")
    return row | (shape_of(visits, draws) if "e" in draws else {}) | masses_of(visits.system, draws, primary)


def jitters_of(visits: Visits, jitters: np.ndarray) -> dict[str, float]:
    """What (D, S) draws of the jitters of all instruments say [km/s]: of the visits together, and of each.

    Of an instrument that the system has no visits of there is nothing but the prior, and nothing is said.
    """
    row = spread("jitter", np.sqrt(np.mean(jitters[visits.instrument] ** 2, axis=0)), "_kms")
    for g, name in enumerate(visits.instruments):
        own = jitters[g] if np.any(visits.instrument == g) else np.full(jitters.shape[1], np.nan)
        row |= {f"jitter_of_{name}_kms": float(own.mean()), f"jitter_sd_of_{name}_kms": float(own.std(ddof=1))}
    return row


def masses_of(system: str, draws: Mapping[str, np.ndarray], primary: tuple[float, float]) -> dict[str, float]:
    """What drawn orbits say of sizes and masses, with that of the companion where the star's own is known."""
    orbit = draws["P"], np.hypot(draws["a"], draws["b"]), draws.get("e", np.zeros(len(draws["P"])))
    function = masses.mass_function(*orbit)
    row = spread("mass_function", function, "_msun") | percentiles("mass_function", function, "_msun")
    row |= spread("a_sin_i", masses.a_sin_i(*orbit), "_au")
    if not np.isfinite(primary).all():
        return row
    # as many stars as orbits, of a normal density cut off at zero
    mean, sd = primary
    shares = generator_for(0, "primary mass", system).permutation(np.arange(len(function)) + 0.5) / len(function)
    least = ndtr(-mean / sd) if sd else 0.0
    star = mean + sd * ndtri(least + shares * (1 - least))
    companion = masses.smallest_companion(function, star)
    return (
        row | spread("companion_mass_min", companion, "_msun") | percentiles("companion_mass_min", companion, "_msun")
    )


def shape_of(visits: Visits, draws: Mapping[str, np.ndarray]) -> dict[str, float]:
    """What drawn Keplerian orbits say of their shape, and of the time of periastron nearest to the middle."""
    from scipy.stats import circmean, circstd  # half a second

    e, period = draws["e"], draws["P"]
    anomaly, omega = angles(draws)
    mean_anomaly = circmean(anomaly, np.pi, -np.pi)
    # of the draws that which is within half a turn of the mean
    turn = (mean_anomaly + (anomaly - mean_anomaly + np.pi) % (2 * np.pi) - np.pi) / (2 * np.pi)
    return {
        **spread("eccentricity", e),
        "eccentricity_upper_95": float(np.quantile(e, 0.95)),
        "omega_deg": float(np.degrees(circmean(omega)) % 360),
        "omega_sd_deg": float(np.degrees(circstd(omega))),
        "periastron_jd": visits.first_jd + middle_of(visits) - float(np.mean(period * turn)),
        "periastron_sd_days": float(np.std(period * turn, ddof=1)),
    }


def spread(name: str, values: np.ndarray, unit: str = "") -> dict[str, float]:
    """Mean and standard deviation of draws, under the names of their columns."""
    return {f"{name}{unit}": float(values.mean()), f"{name}_sd{unit}": float(values.std(ddof=1))}


def percentiles(name: str, values: np.ndarray, unit: str) -> dict[str, float]:
    """`PERCENTILES` of draws, under the names of their columns."""
    found = np.percentile(values, PERCENTILES)
    return {f"{name}_p{percent}{unit}": float(value) for percent, value in zip(PERCENTILES, found, strict=True)}


def reduced_chi2(visits: Visits, best: Mapping[str, float], model: SystemModel) -> float:
    """Chi-squared at the highest point, by the visits that the period and the coefficients leave free."""
    shape = {name: np.array([best[name]]) for name in SHAPE if name in best}
    fit = conditional(shape_points(np.array([1 / best["P"]]), shape), visits, model, model.noise_of(best, visits))
    freedom = len(visits) - (3 if shape else 1) - fit.mean.shape[1]
    return float(fit.chi2[0]) / freedom if freedom > 0 else np.nan


def best_mode(likelihood: PeriodLikelihood, period_range_days: tuple[float, float], period: np.ndarray) -> dict:
    """Mean and standard deviation of the drawn periods [d] that belong to the heaviest mode."""
    _, (shortest, longest) = sampled_range(likelihood, period_range_days)
    return spread("best_mode_period", period[(period >= shortest) & (period <= longest)], "_days")


def tabulate_orbits(
    systems: Mapping[str, Visits],
    scan: xr.Dataset,
    exact: xr.DataTree,
    posteriors: xr.DataTree,
    criticism: pd.DataFrame,
    primaries: Mapping[str, tuple[float, float]],
    model: SystemModel,
    period_range_days: tuple[float, float],
) -> pd.DataFrame:
    """One row for every system of a batch; those that were not fitted say why in ``status``.

    The numbers and the ``status`` are those of the exact draws, ``flags`` those of `starpop.checks.flags`.
    ``period_days`` is the mean over all modes, ``best_mode_period_days`` that over the heaviest.
    """
    criticised = criticism.set_index("system").to_dict("index")
    likelihoods = {n.system: n for n in read_likelihoods([scan], systems, model)}
    highest, modes = highest_points([posteriors]), exact["modes"].to_dataset()
    of_scan = {name: scan[name].values for name in OF_SCAN}
    of_modes = {name: modes[name].values for name in (*MODE_COLUMNS, "status")}
    against = {column: of_modes["ln_evidence"] - scan[name].values for name, column in OTHERS.items()}
    posterior = {str(name): values.values for name, values in exact["posterior"].data_vars.items()}
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(progress(names_of(exact))):
        draws = {parameter: values[i].ravel() for parameter, values in posterior.items()}
        likelihood = likelihoods[name]
        primary = primaries.get(name, (np.nan, np.nan))
        row = orbit_row(systems[name], draws, highest[name], likelihood.system_model, primary)
        row |= best_mode(likelihood, period_range_days, draws["P"])
        row |= {key: float(of_modes[key][i]) for key in MODE_COLUMNS}
        row |= {key: float(values[i]) for key, values in of_scan.items()}
        row |= {column: float(values[i]) for column, values in against.items()}
        if model.orbit == "keplerian":
            row["ln_bayes_keplerian"] = float(of_modes["ln_evidence"][i] - scan["circular_ln_evidence"].values[i])
        raised = flags_of(row, criticised[name], likelihood, period_range_days, model)
        if raised["better_outside_range"]:
            row["better_period_days"] = row["outside_period_days"]
        flags = ";".join(flag for flag, is_raised in raised.items() if is_raised)
        rows.append(row | {"status": str(of_modes["status"][i]) or "ok", "flags": flags})
    for name, reason in zip(scan["failed_system"].values, scan["reason"].values, strict=True):
        facts = {"system": str(name), "n_visits": len(systems[name]), "baseline_days": systems[name].baseline_days}
        rows.append(facts | {"status": f"not fitted: {reason}"})
    of_instruments = sorted({name for row in rows for name in row if name.startswith(OF_INSTRUMENTS)})
    table = pd.DataFrame(rows, columns=[*ORBIT_COLUMNS, *of_instruments]).sort_values("system", ignore_index=True)
    return table.astype({"n_modes": "Int64"})
