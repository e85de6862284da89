"""From a user's table of radial velocities to the table of visits: what is used, what is not, and why.

Every row of the table ends in exactly one of two places: the visits, or the rejected rows with a reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from starpop.errors import InputError, nearest
from starpop.light_travel import Observatory, coordinates_from_name, is_designation, light_travel_days

UNITS = {"time": u.day, "rv": u.km / u.s, "rv_err": u.km / u.s, "ra": u.deg, "dec": u.deg}
# What a number without a unit means, where there is only one custom.
USUAL_UNITS = {"ra": u.deg, "dec": u.deg}
# A unit given for the velocities is the unit of their errors too, unless these have one of their own.
UNIT_FALLBACK = {"rv_err": "rv"}
# JD of 1900 and of 2100: a day outside is a table in another time format, not an observation.
PLAUSIBLE_JD = (2415020.5, 2488069.5)


@dataclass(frozen=True)
class Selection:
    """``systems`` of the configuration: names to keep (or "all") and to drop, and the fewest visits of a system."""

    keep: str | list[str]
    drop: list[str]
    min_visits: int


@dataclass(frozen=True)
class Prepared:
    """A catalogue after the gate: visits, systems, and the rows that were not used."""

    visits: Table
    systems: Table
    rejected: Table


def read_table(path: str | Path) -> QTable:
    """Read any table that astropy recognises."""
    try:
        return QTable.read(path)
    except Exception as error:
        raise InputError(f"{path}: astropy cannot read this table ({error}).") from error


def sha256(path: str | Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def column(table: QTable, kind: str, settings: Mapping[str, Any]) -> np.ndarray:
    """A column as float64 in the project's unit: the table's own unit, else the configured one."""
    name = settings["columns"][kind]
    values, unit = table[name], UNITS[kind]
    own = getattr(values, "unit", None)
    units = settings.get("units", {})
    given = units.get(kind, units.get(UNIT_FALLBACK.get(kind, kind), USUAL_UNITS.get(kind)))
    if own is None and given is None:
        raise InputError(
            f"Column {name!r} has no unit in the table and none in the configuration; "
            f"add e.g. units: {{{kind}: {unit}}} to the catalogue's entry."
        )
    try:
        filled = np.ma.filled(np.ma.asarray(getattr(values, "value", values), dtype=float), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"Column {name!r}: {error}; expected numbers, in a unit convertible to {unit}.") from error
    try:
        return u.Quantity(filled, own if own is not None else u.Unit(given)).to_value(unit)
    except (u.UnitConversionError, ValueError) as error:
        raise InputError(f"Column {name!r}: {error}; expected a unit convertible to {unit}.") from error


def names(table: QTable, column_name: str) -> np.ndarray:
    """Names as text, without surrounding blanks; empty where masked."""
    values = np.asarray(table[column_name])
    text = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(str)
    return np.where(np.ma.getmaskarray(table[column_name]), "", np.char.strip(text))


def coordinates(table: QTable, system: np.ndarray, settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination of each row's star [deg], from their columns or the systems' names.

    They are not a number where a name holds none; where no name does, that is an InputError.
    """
    if settings.get("coordinates", "columns") == "columns":
        return column(table, "ra", settings), column(table, "dec", settings)
    present, index = np.unique(system, return_inverse=True)
    named = np.array([is_designation(name) for name in present], dtype=bool)
    if not named.any():
        coordinates_from_name(present)
    ra, dec = np.full((2, len(present)), np.nan)
    ra[named], dec[named] = coordinates_from_name(present[named])
    return ra[index], dec[index]


def prepare(table: QTable, settings: Mapping[str, Any], selection: Selection) -> Prepared:
    """Pass a user's table through the gate.

    Parameters
    ----------
    table : the user's table
    settings : the catalogue's entry: ``columns``, ``units``, ``coordinates``, ``observatory``
    selection : which systems to keep

    Returns
    -------
    the visits have a column ``light_travel_days`` where the catalogue has an observatory, ``instrument`` where it has
    one

    Raises
    ------
    InputError : a column or unit is missing, a selected name is not in the table, or nothing is left
    """
    for kind, name in settings["columns"].items():
        if name not in table.colnames:
            raise InputError(
                f"columns.{kind}: the table has no column {name!r}; it has {', '.join(table.colnames)}."
                + nearest(name, table.colnames)
            )
    system = names(table, settings["columns"]["system"])
    time, rv, rv_err = (column(table, kind, settings) for kind in ("time", "rv", "rv_err"))
    present = np.unique(system[system != ""])
    kept = list(present) if selection.keep == "all" else list(selection.keep)
    for key, listed in (("keep", kept), ("drop", selection.drop)):
        for name in listed:
            if name not in present:
                raise InputError(
                    f"systems.{key}: {name!r} is not in the table, which has {len(present)} systems."
                    + nearest(name, present)
                )

    reason = np.full(len(table), "", dtype=object)

    def reject(rows: np.ndarray, why: str) -> None:
        reason[rows & (reason == "")] = why

    reject(system == "", "no name of a system")
    reject(~np.isin(system, kept), "not in systems.keep")
    reject(np.isin(system, selection.drop), "in systems.drop")
    reject(~np.isfinite(time), "time is not a number")
    reject((time < PLAUSIBLE_JD[0]) | (time > PLAUSIBLE_JD[1]), "time is not a Julian date of 1900 to 2100")
    reject(~np.isfinite(rv), "velocity is not a number")
    reject(~np.isfinite(rv_err), "velocity error is not a number")
    reject(rv_err <= 0, "velocity error is not positive")
    if "observatory" in settings:
        ra, dec = coordinates(table, system, settings)
        reject(~np.isfinite(ra + dec), f"no coordinates in its {settings.get('coordinates', 'columns')}")
        reject((ra < 0) | (ra > 360), "right ascension is not within 0 to 360 deg")
        reject(np.abs(dec) > 90, "declination is not within -90 to 90 deg")
    if "instrument" in settings["columns"]:
        instrument = names(table, settings["columns"]["instrument"])
        reject(instrument == "", "no name of an instrument")
    used_names, counts = np.unique(system[reason == ""], return_counts=True)
    few = used_names[counts < selection.min_visits]
    reject(np.isin(system, few), f"fewer than {selection.min_visits} usable visits")
    ends = {name: np.ptp(time[(system == name) & (reason == "")]) for name in set(system[reason == ""])}
    reject(np.isin(system, [name for name, span in ends.items() if span == 0]), "all visits at one time")

    used = reason == ""
    rows = np.arange(len(table))
    rejected = Table(
        {
            "row": rows[~used],
            "system": system[~used],
            "time_jd": time[~used] * u.day,
            "rv_kms": rv[~used] * u.km / u.s,
            "rv_err_kms": rv_err[~used] * u.km / u.s,
            "reason": reason[~used].astype(str),
        }
    )
    if not used.any():
        reasons, many = np.unique(rejected["reason"], return_counts=True)
        listing = ", ".join(f"{count} {why}" for why, count in zip(reasons, many, strict=True))
        raise InputError(f"No visit of the table's {len(table)} rows is left: {listing or 'the table is empty'}.")
    order = np.lexsort((rows[used], time[used], system[used]))
    visits = Table(
        {
            "system": system[used][order],
            "time_jd": time[used][order] * u.day,
            "rv_kms": rv[used][order] * u.km / u.s,
            "rv_err_kms": rv_err[used][order] * u.km / u.s,
            "row": rows[used][order],
        }
    )
    if "observatory" in settings:
        shift = light_travel_days(time[used], ra[used], dec[used], Observatory(**settings["observatory"]))
        visits["light_travel_days"] = shift[order] * u.day
    if "instrument" in settings["columns"]:
        visits["instrument"] = instrument[used][order]
    return Prepared(visits, summarise(visits), rejected)


def summarise(visits: Table) -> Table:
    """One row a system: its number of visits, first visit, baseline and median error."""
    by_system = Table(visits, copy=False).group_by("system").groups
    first = np.array([float(np.min(group["time_jd"])) for group in by_system])
    last = np.array([float(np.max(group["time_jd"])) for group in by_system])
    return Table(
        {
            "system": by_system.keys["system"],
            "n_visits": [len(group) for group in by_system],
            "first_visit_jd": first * u.day,
            "baseline_days": (last - first) * u.day,
            "rv_err_median_kms": [float(np.median(group["rv_err_kms"])) for group in by_system] * u.km / u.s,
        }
    )
