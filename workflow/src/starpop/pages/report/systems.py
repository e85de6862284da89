"""The systems of the report: one row each, and of those that are drawn what their charts show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from starpop.orbits import fitted
from starpop.orbits.orbit import total_errors, wave, without_trend_and_offsets
from starpop.orbits.visits import Times, Visits, read_named
from starpop.pages.systems import drawn_in
from starpop.run import status, store
from starpop.run.products import describe

# Rows of the table: of more systems those that are worth a second look, and so many.
MOST_ROWS = 20_000
# Flags of systems that are worth a second look.
LOOKED_AT = (*status.SERIOUS, "multimodal", "second_period")
# Systems that have charts though no periodogram of them is kept, since they are worth a second look.
MOST_DOUBTFUL = 100
# Draws of a system, and points of its orbit, in its charts; and digits of all numbers.
DRAWS, CURVE, DIGITS = 400, 129, 7
# Of a posterior this narrow the periods are written as differences from one of them [s].
NARROW, SECONDS = 1e-3, 86400.0


@dataclass(frozen=True)
class Batches:
    """The products of a system model's batches: paths of its period likelihoods, exact draws and highest points."""

    periods: Sequence[str]
    exact: Sequence[str]
    posteriors: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A column of a table, its title, the column of its standard deviation, and whether it goes in decades."""

    name: str
    title: str
    sd: str = ""
    logarithmic: bool = False
    table: str = "results/catalog/model/orbits.csv"

    @property
    def unit(self) -> str:
        """As it is written in a heading."""
        described = describe(self.table)
        unit = described.column(self.name).unit if described else ""
        return unit.replace(" / ", "/").replace("solMass", "Msun")


OF_POPULATION = "results/catalog/model/population/systems.csv"
COLUMNS = (
    Column("best_mode_period_days", "period", "best_mode_period_sd_days", logarithmic=True),
    Column("semi_amplitude_kms", "K", "semi_amplitude_sd_kms", logarithmic=True),
    Column("n_visits", "visits"),
    Column("eccentricity", "e", "eccentricity_sd"),
    Column("eccentricity_upper_95", "e below (95%)"),
    Column("omega_deg", "omega", "omega_sd_deg"),
    Column("n_modes", "modes"),
    Column("mode_weight", "share of the mode"),
    Column("baseline_days", "baseline", logarithmic=True),
    Column("v0_kms", "v0", "v0_sd_kms"),
    Column("trend_kms_per_year", "trend", "trend_sd_kms_per_year"),
    Column("jitter_kms", "jitter", "jitter_sd_kms"),
    Column("error_scale", "factor of errors", "error_scale_sd", logarithmic=True),
    Column("chi2_reduced", "reduced chi²", logarithmic=True),
    Column("mass_function_msun", "mass function", "mass_function_sd_msun", logarithmic=True),
    Column("companion_mass_min_msun", "companion at least", "companion_mass_min_sd_msun", logarithmic=True),
    Column("binary_probability", "probability of a binary", table=OF_POPULATION),
    Column("information_nat", "tells of the population [nat]", table=OF_POPULATION),
    Column("ln_bayes_orbit", "ln Bayes, orbit"),
    Column("ln_bayes_drift", "ln Bayes, drift"),
    Column("ln_bayes_keplerian", "ln Bayes, ellipse"),
    Column("better_period_days", "better period", logarithmic=True),
)


def by_model(inputs: Any, models: Sequence[str]) -> dict[str, Batches]:
    """The products of each system model, of paths in the order of the models, and of each in that of its batches."""
    lists = [getattr(inputs, name) for name in ("periods", "exact", "posteriors")]
    each = len(lists[0]) // len(models)
    own = [slice(i * each, (i + 1) * each) for i in range(len(models))]
    return {model: Batches(*(paths[some] for paths in lists)) for model, some in zip(models, own, strict=True)}


def read_models(orbits: Mapping[str, pd.DataFrame], inputs: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The table and the charts of the systems, for each system model.

    Parameters
    ----------
    orbits : the table of orbits of each model
    inputs : the paths of the table of visits, and of all products of batches
    asked : ``system_models`` of the configuration
    """
    found = {}
    for model, products in by_model(inputs, list(orbits)).items():
        times = asked[model].get("times", "reported")
        charts = read_charts(orbits[model], products, inputs.visits, times)
        found[model] = table(orbits[model]) | {"charts": charts}
    return found


def with_membership(orbits: pd.DataFrame, members: pd.DataFrame, selection: pd.DataFrame | None) -> pd.DataFrame:
    """The table of orbits with what a population says of its systems, and with why others are not in the sample.

    Parameters
    ----------
    members, selection : tables of the population's systems, and of who is in the sample, if that is not all
    """
    found = orbits.merge(members.drop(columns="ln_predictive"), "left", "system")
    if selection is None:
        return found
    reasons = selection.set_index("system")["reason"].fillna("").reindex(found["system"], fill_value="").to_numpy()
    outside = (reasons != "") & (found["status"] == "ok").to_numpy()
    return found.assign(status=np.where(outside, "not in the sample: " + reasons, found["status"]))


def table(orbits: pd.DataFrame) -> dict[str, Any]:
    """The table of orbits of a system model, column by column, without those of which it has nothing.

    Returns
    -------
    ``names``, ``flags``, ``statuses`` and ``columns``, each of these with its values and standard deviations;
    ``all_modes``, the same of the period over all modes
    """
    rows = orbits if len(orbits) <= MOST_ROWS else orbits[doubtful(orbits)].head(MOST_ROWS)
    columns = []
    for column in COLUMNS:
        if column.name not in rows:
            continue
        values = rows[column.name].to_numpy(float)
        if not np.isfinite(values).any() or (column.name == "jitter_kms" and not np.nan_to_num(values).any()):
            continue  # nothing is known of it, or the model has none
        sd = rounded(rows[column.sd].to_numpy(float)) if column.sd in rows else None
        described = {"name": column.name, "title": column.title, "unit": column.unit}
        columns.append(described | {"values": rounded(values), "sd": sd, "log": column.logarithmic})
    every = {"values": "period_days", "sd": "period_sd_days"}
    known = {key: rounded(rows[name].to_numpy(float)) for key, name in every.items() if name in rows}
    return {
        "total": len(orbits),
        "names": [str(name) for name in rows["system"]],
        "flags": [str(flags) for flags in rows["flags"].fillna("")],
        "statuses": [str(said) for said in rows["status"].fillna("")],
        "kinds": [status.kind(flags) for flags in rows["flags"].fillna("")],
        "doubtful": np.flatnonzero(doubtful(rows)).tolist(),
        "columns": columns,
        "all_modes": known,
    }


def doubtful(orbits: pd.DataFrame) -> np.ndarray:
    """(N,) whether each system is worth a second look: a serious flag, several periods or a second, no fit."""
    raised = orbits["flags"].fillna("").str.split(";").map(lambda own: any(flag in own for flag in LOOKED_AT))
    return (raised | orbits["status"].fillna("").str.startswith(status.UNFITTED)).to_numpy(bool)


def read_charts(orbits: pd.DataFrame, products: Batches, path: str, times: Times) -> dict[str, dict[str, Any]]:
    """The charts of the systems whose periodogram is kept, and of the first that are worth a second look.

    Parameters
    ----------
    orbits : the table of orbits of a system model
    products : of its batches
    path : the table of visits
    times : which times the model takes
    """
    scans = {str(scan["system"].item()): scan for own in products.periods for scan in _kept(own)}
    wanted = scans.keys() | set(map(str, orbits["system"][doubtful(orbits)].head(MOST_DOUBTFUL)))
    visits, found = {own.system: own for own in read_named(path, wanted, times)}, {}
    for exact, posterior in zip(products.exact, products.posteriors, strict=True):
        draws = store.read_tree(exact, ["posterior"], systems=wanted)
        highest = fitted.highest_points([store.read_tree(posterior, ["map"], systems=wanted)])
        for name in sorted(wanted & highest.keys() & visits.keys()):
            if not np.isfinite(highest[name]["P"]):
                continue
            of_one = fitted.draws_of([draws], name)
            found[name] = charts(visits[name], highest[name], of_one, scans.get(name))
    return found


def _kept(path: str) -> Iterable[xr.Dataset]:
    """The periodograms of a batch that are kept, one by one."""
    kept = drawn_in(store.read_group(path))
    return (kept.isel(system=i) for i in range(kept.sizes["system"]))


def charts(
    visits: Visits, orbit: Mapping[str, float], draws: Mapping[str, np.ndarray], scan: xr.Dataset | None
) -> dict[str, Any]:
    """What the charts of one system show under one system model.

    Parameters
    ----------
    orbit : the highest point of the posterior
    draws : (S,) of each parameter, the exact ones
    scan : its periodogram, if it is kept
    """
    shown = {"folded": folded(visits, orbit), "posterior": posterior(draws, orbit["P"])}
    return shown | ({"periodogram": periodogram(scan)} if scan is not None else {})


def folded(visits: Visits, orbit: Mapping[str, float]) -> dict[str, Any]:
    """Velocities, trend and offsets taken away, folded at the period of the highest point, with the orbit there."""
    shown, phase = without_trend_and_offsets(visits, orbit), np.linspace(0, 1, CURVE)
    return {
        "period_days": precise(orbit["P"]),
        "day": rounded(shown.time_days),
        "phase": rounded(shown.time_days / orbit["P"] % 1),
        "rv": rounded(shown.rv_kms),
        "error": rounded(shown.rv_err_kms),
        "total_error": rounded(total_errors(visits, orbit)),
        "residual": rounded(shown.rv_kms - wave(visits, orbit)),
        "instrument": None if visits.instrument is None else [visits.instruments[i] for i in visits.instrument],
        "curve": rounded(wave(visits, orbit, phase * orbit["P"])),
    }


def precise(period: float) -> float:
    """A period with two digits more than other numbers."""
    return float(f"{period:.{DIGITS + 2}g}")


def posterior(draws: Mapping[str, np.ndarray], highest: float) -> dict[str, Any]:
    """Some draws of the period, and of the eccentricity of an ellipse, else of the semi-amplitude.

    Periods that are all alike are counted from that of the highest point, or, where it is not among them, from their
    median.
    """
    finite = np.flatnonzero(np.isfinite(draws["P"]))
    if not len(finite):
        return {"period": [], "other": []}
    chosen = finite[np.linspace(0, len(finite) - 1, min(DRAWS, len(finite))).astype(int)]
    period = draws["P"][chosen]
    middle = precise(highest if period.min() <= highest <= period.max() else np.median(draws["P"][finite]))
    narrow = bool(np.ptp(period) < NARROW * middle)
    label, other = ("eccentricity", draws["e"]) if "e" in draws else ("K [km/s]", np.hypot(draws["a"], draws["b"]))
    return {
        "period": rounded((period - middle) * SECONDS if narrow else period),
        "middle_days": middle if narrow else None,
        "other": rounded(other[chosen]),
        "label": label,
    }


def periodogram(scan: xr.Dataset) -> dict[str, Any]:
    """How far each period's ln-likelihood lies below the highest, and the period of the Lomb-Scargle periodogram."""
    values = scan["ln_likelihood"].values
    return {
        "period": rounded(1 / scan["frequency"].values),
        "below": rounded(values.max() - values, 4),
        "lomb_scargle": float(scan["lomb_scargle_period_days"]),
    }


def rounded(values: np.ndarray | Sequence[float], digits: int = DIGITS) -> list[float | int | None]:
    """Numbers with so many digits, as JSON has them: whole ones without a point, and None for those that are none."""
    found: list[float | int | None] = []
    for value in np.asarray(values, float).tolist():
        if not np.isfinite(value):
            found.append(None)
            continue
        short = float(f"{value:.{digits}g}")
        found.append(int(short) if short.is_integer() and abs(short) < 10**digits else short)
    return found
