"""From a user's table of radial velocities to the table of visits: what is used, what is not, and why.

Every row of the table ends in exactly one of two places: the visits, or the rejected rows with the value and the
reason. A table of which nothing can be used is an InputError that lists all that is wrong with it. The error of a
velocity may be corrected by ``errors`` of the catalogue's entry, sigma' = max(floor, sqrt((factor sigma^power)^2 +
added^2)) in km/s; everything else is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import Table

from starpop.gate import columns, dates
from starpop.gate.columns import Names, Numbers, Problems
from starpop.gate.light_travel import Observatory, coordinates_from_name, is_designation, light_travel_days
from starpop.gate.masses import listed_masses, primary_masses
from starpop.gate.table_file import UserTable, read_table
from starpop.gate.verdicts import Verdicts
from starpop.run.errors import InputError, how_many, nearest

# 3% of the speed of light: beyond what any star moves at, and a common sign for no velocity.
ABSURD_KMS = 9000.0
# The least velocity of nines that may be a sign for none, and digits of one that can be nothing else.
FEWEST_NINES, SURELY_NINES = 999, 5
# No spectrograph measures again within this.
AGAIN_DAYS = 2 / 86400


@dataclass(frozen=True)
class Selection:
    """``systems`` of the configuration: names to keep (or "all") and to drop, and the fewest visits of a system."""

    keep: str | list[str]
    drop: list[str]
    min_visits: int


@dataclass(frozen=True)
class Prepared:
    """A catalogue after the gate: visits, systems, the rows that were not used, and what is worth saying."""

    visits: Table
    systems: Table
    rejected: Table
    remarks: list[str]


def read_catalog(entry: Mapping[str, Any]) -> UserTable:
    """Read the columns that a catalogue's entry names."""
    named = entry["columns"]
    text = [named[key] for key in ("system", "instrument") if key in named]
    return read_table(entry, [*named.values(), *entry.get("rows", {})], text)


def prepare(
    source: UserTable | Table, settings: Mapping[str, Any], selection: Selection, masses: UserTable | None = None
) -> Prepared:
    """Pass a user's table through the gate.

    Parameters
    ----------
    source : the user's table
    settings : the catalogue's entry: ``columns`` or ``system``, ``units``, ``time``, ``rows``, ``errors``,
        ``coordinates``, ``observatory``, ``masses``
    selection : which systems to keep
    masses : the table that ``masses`` of the entry names

    Returns
    -------
    the visits have a column ``light_travel_days`` where the catalogue has an observatory, ``instrument`` where it has
    one; the systems have ``primary_mass_msun`` and ``primary_mass_sd_msun`` where it has a column of masses,
    or a table of them

    Raises
    ------
    InputError : the table cannot be used; lists all that is wrong with it
    """
    if not isinstance(source, UserTable):
        source = UserTable(source, source.colnames, np.arange(len(source)), None, ("the table",))
    problems, remarks = Problems(), list(source.remarks)
    cells = _cells(source, settings, problems, remarks)
    if "system" in cells.names:
        _unknown_selection(cells.names["system"], selection, problems)
    problems.raise_if_any(" and ".join(source.paths))
    if "observatory" in settings:
        cells = cells._replace(place=coordinates(cells.names["system"], cells.numbers, settings))
    verdicts = Verdicts(len(source.row))
    _judge(cells, selection, verdicts)
    used, count = verdicts.used, int(np.count_nonzero(verdicts.used))
    if not count:
        raise InputError(
            f"{' and '.join(source.paths)}: no visit of the table's {how_many(len(used), 'row')} is left: "
            f"{verdicts.listing()}."
        )
    why = f": {verdicts.listing()}" if count < len(used) else ""
    found, rejected = how_many(len(used), "row"), how_many(len(used) - count, "row")
    remarks.insert(0, f"{found}: {how_many(count, 'visit')} used, {rejected} rejected{why}.")
    visits, order = _visits(cells, used)
    systems = summarise(visits)
    if masses is None:
        of_stars = primary_masses(np.asarray(visits["system"]), cells.numbers, order, remarks)
    else:
        of_stars = listed_masses(np.asarray(systems["system"]), masses, settings["masses"], remarks)
    for name, values in of_stars.items():
        systems[name] = values
    return Prepared(visits, systems, _rejected(cells, verdicts), remarks)


class Cells(NamedTuple):
    """A table that can be used, as far as its columns tell.

    Attributes
    ----------
    source, settings : as given
    numbers : by kind, in the project's units; times are Julian dates
    names : of the system, and of the instrument where there is one
    unmet : rows that a condition rules out, why, and the column that it is about
    place : right ascension and declination of each row's star [deg], where the catalogue has an observatory
    """

    source: UserTable
    settings: Mapping[str, Any]
    numbers: Mapping[str, Numbers]
    names: Mapping[str, Names]
    unmet: Sequence[tuple[np.ndarray, str, Any]]
    place: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def telescope(self) -> np.ndarray:
        """Of each row the number of its instrument; without one all are 0."""
        instrument = self.names.get("instrument")
        return np.zeros(len(self.source.row), np.int64) if instrument is None else instrument.code


def _cells(source: UserTable, settings: Mapping[str, Any], problems: Problems, remarks: list[str]) -> Cells:
    """What the columns hold, with all that is wrong with any of them as a whole."""
    table, configured = source.table, settings["columns"]
    wanted = {f"columns.{key}": name for key, name in configured.items()}
    wanted |= {f"rows.{name}": name for name in settings.get("rows", {})}
    lacking = columns.missing_columns(source.colnames, wanted, problems)
    if not lacking and len(source.row) == 0:
        problems.append("the table has no rows.")

    def present(kind: str) -> bool:
        return f"columns.{kind}" in wanted and f"columns.{kind}" not in lacking

    kinds = ["time", "rv", "rv_err", *(key for key in ("ra", "dec") if "observatory" in settings), "mass", "mass_err"]
    numbers: dict[str, Numbers] = {}
    for kind in filter(present, kinds):
        if (column := columns.numbers(table, kind, settings, problems)) is not None:
            numbers[kind] = column
    names: dict[str, Names] = {}
    for kind, what in (("system", "a system"), ("instrument", "an instrument")):
        named = columns.names(table, configured[kind], what, problems) if present(kind) else None
        if named is not None:
            names[kind] = named
    if "instrument" in names:
        names["instrument"] = _usable_instruments(names["instrument"], problems, remarks)
    if "system" in settings:
        names["system"] = Names(np.array([settings["system"]]), np.zeros(len(source.row), np.int64), [], None)
    conditions = {} if lacking else settings.get("rows", {})
    unmet = [(rows, f"rows: {why}", about) for rows, why, about in columns.chosen_rows(table, conditions, problems)]
    if "time" in numbers:
        numbers["time"] = time = dates.julian_dates(numbers["time"], settings)
        rounded = dates.rounding(time, names.get("system"), configured["time"], problems, remarks)
        dates.guess(time, settings, problems)
        why = f"time is rounded to {rounded.max(initial=0):.2g} d, as 32 bits round it"
        unmet.append((rounded > 0, why, time.raw))
    if "rv" in numbers:
        _guess_velocities(numbers["rv"], problems)
    return Cells(source, settings, numbers, names, unmet)


def are_signs(values: np.ndarray) -> np.ndarray:
    """(N,) which values, as a table has them, are signs for none: -999, 99.999, of nines alone, in several rows.

    Fewer than five nines, three of them before the point, may be measured where others are as large.
    """
    found, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    nines = np.array([bool(re.fullmatch(r"9{3,}(\.9*)?|9+\.9+", f"{abs(value):.10g}")) for value in found])
    many = nines & (counts > 1)
    digits = np.array([len(f"{abs(value):.10g}".replace(".", "")) for value in found])
    largest = np.max(np.abs(found), where=np.isfinite(found) & ~many, initial=0.0)
    likely = (np.abs(found) >= FEWEST_NINES) & (np.abs(found) > largest)
    return (many & ((digits >= SURELY_NINES) | likely))[which]


def _judge(cells: Cells, selection: Selection, verdicts: Verdicts) -> None:
    """Use or reject each row, for the first reason found."""
    system, instrument = cells.names["system"], cells.names.get("instrument")
    time, rv, rv_err = (cells.numbers[kind] for kind in ("time", "rv", "rv_err"))
    verdicts.reject_unnamed(system)
    if selection.keep != "all":
        verdicts.reject(system.each(~np.isin(system.known, selection.keep), False), "not in systems.keep")
    verdicts.reject(system.each(np.isin(system.known, selection.drop), False), "in systems.drop")
    for rows, why, column in cells.unmet:
        verdicts.reject(rows, why, column)
    verdicts.reject_numbers(time, "time")
    low, high = dates.PLAUSIBLE_JD
    verdicts.reject((time.values < low) | (time.values > high), "time is not a Julian date of 1900 to 2100", time.raw)
    verdicts.reject_numbers(rv, "velocity")
    verdicts.reject(np.abs(rv.values) > ABSURD_KMS, f"velocity is beyond {ABSURD_KMS:g} km/s", rv.raw)
    in_table = rv.values * u.Unit("km/s").to(rv.unit)
    verdicts.reject(are_signs(in_table), "velocity is of nines alone, in several rows: a sign for none", rv.raw)
    verdicts.reject_numbers(rv_err, "velocity error")
    verdicts.reject(rv_err.values <= 0, "velocity error is not positive", rv_err.raw)
    verdicts.reject(rv_err.values > ABSURD_KMS, f"velocity error is beyond {ABSURD_KMS:g} km/s", rv_err.raw)
    if cells.place is not None:
        ra, dec = cells.place
        verdicts.reject(
            ~np.isfinite(ra + dec), f"no coordinates in its {cells.settings.get('coordinates', 'columns')}"
        )
        verdicts.reject((ra < 0) | (ra > 360), "right ascension is not within 0 to 360 deg")
        verdicts.reject(np.abs(dec) > 90, "declination is not within -90 to 90 deg")
    if instrument is not None:
        verdicts.reject_unnamed(instrument)
    visit, measured = [system.code, cells.telescope], [rv.values, rv_err.values]
    verdicts.reject_repeated("velocity of this system at the same time", [*visit, time.values], measured)
    again = f"the same velocity stands in another row, within {AGAIN_DAYS * 86400:.0f} s"
    verdicts.reject_again(again, [*visit, *measured], time.values, AGAIN_DAYS)
    _reject_short(verdicts, system, time.values, selection.min_visits)


def _rejected(cells: Cells, verdicts: Verdicts) -> Table:
    """The rows that are not used, in the table's order, each with the value that ruled it out and the reason."""
    source, out = cells.source, ~verdicts.used
    system = cells.names["system"]
    rejected = {"row": source.row[out], "system": system.each(system.known, "", out)} | _measured(cells, out)
    rejected |= {"value": verdicts.values(out), "reason": verdicts.reasons(out)}
    if source.file is not None:
        rejected["file"] = np.array(source.paths)[source.file[out]]
    return Table(rejected, copy=False)


def _visits(cells: Cells, used: np.ndarray) -> tuple[Table, np.ndarray]:
    """The table of visits, by system and time, and the row of each."""
    source, settings, system, telescope = cells.source, cells.settings, cells.names["system"], cells.telescope
    time, rv = cells.numbers["time"].values, cells.numbers["rv"].values
    errors = corrected_errors(cells.numbers["rv_err"].values, settings.get("errors", {}))
    order = np.flatnonzero(used)
    order = order[np.lexsort([key[order] for key in (errors, rv, telescope, time, system.code)])]
    visits = {"system": system.known[system.code[order]]} | _measured(cells, order)
    visits |= {"rv_err_kms": errors[order] * u.km / u.s, "row": source.row[order]}
    if source.file is not None:
        visits["file"] = np.array(source.paths)[source.file[order]]
    if cells.place is not None:
        ra, dec = cells.place
        observatory, scale = Observatory(**settings["observatory"]), settings.get("time", {}).get("scale", "utc")
        visits["light_travel_days"] = light_travel_days(time[order], ra[order], dec[order], observatory, scale) * u.day
    if "instrument" in cells.names:
        visits["instrument"] = cells.names["instrument"].known[telescope[order]]
    return Table(visits, copy=False), order


def _measured(cells: Cells, rows: np.ndarray) -> dict[str, Any]:
    """The columns of time, velocity and error of some rows, as they were given."""
    units = {"time_jd": ("time", u.day), "rv_kms": ("rv", u.km / u.s), "rv_err_kms": ("rv_err", u.km / u.s)}
    return {name: cells.numbers[kind].values[rows] * unit for name, (kind, unit) in units.items()}


def corrected_errors(reported: np.ndarray, correction: Mapping[str, float]) -> np.ndarray:
    """Errors of velocities [km/s] by the formula of ``errors``."""
    power, factor = correction.get("power", 1.0), correction.get("factor", 1.0)
    inflated = factor * reported**power if power != 1 else factor * reported
    if "added_kms" in correction:
        inflated = np.hypot(inflated, correction["added_kms"])
    return np.maximum(inflated, correction.get("floor_kms", 0.0))


def _guess_velocities(rv: Numbers, problems: Problems) -> None:
    """Say what velocities may be that are all absurd; they are not changed."""
    finite = np.abs(rv.values[np.isfinite(rv.values)])
    if len(finite) and finite.min() > ABSURD_KMS:
        problems.append(
            f"all velocities are beyond {ABSURD_KMS:g} km/s (from {finite.min():.6g} km/s). Are they in another unit, "
            "such as m/s? Set units: {rv: m/s} if so."
        )


def _usable_instruments(instrument: Names, problems: Problems, remarks: list[str]) -> Names:
    """Without slashes, which the name of an offset cannot have."""
    usable = np.array([name.replace("/", "_") for name in instrument.known], dtype=str)
    for name, changed in zip(instrument.known, usable, strict=True):
        if name != changed and np.sum(usable == changed) > 1:
            problems.append(
                f"instruments {str(name)!r} and {str(changed)!r} differ by a slash only; give one another name."
            )
        elif name != changed:
            remarks.append(f"Instrument {str(name)!r} is called {str(changed)!r}.")
    return Names(usable, instrument.code, instrument.faults, instrument.raw)


def _unknown_selection(system: Names, selection: Selection, problems: Problems) -> None:
    """Say which selected names are not in the table."""
    known = list(system.known)
    if not known:
        problems.append("no row has the name of a system.")
    for key, listed in (("keep", [] if selection.keep == "all" else selection.keep), ("drop", selection.drop)):
        for name in listed:
            if name not in known:
                said = f"systems.{key}: {name!r} is not in the table, which has {len(known)} systems."
                problems.append(said + nearest(name, known))


def coordinates(
    system: Names, found: Mapping[str, Numbers], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination of each row's star [deg], from their columns or the systems' names.

    They are not a number where a name holds none; where no name does, that is an InputError.
    """
    if settings.get("coordinates", "columns") == "columns":
        return found["ra"].values, found["dec"].values
    named = np.array([is_designation(name) for name in system.known], dtype=bool)
    if not named.any():
        coordinates_from_name(system.known)
    ra, dec = np.full((2, len(system.known)), np.nan)
    ra[named], dec[named] = coordinates_from_name(system.known[named])
    return system.each(ra, np.nan), system.each(dec, np.nan)


def _reject_short(verdicts: Verdicts, system: Names, time: np.ndarray, min_visits: int) -> None:
    """Systems whose visits are too few, or all at one time."""
    used, several = verdicts.used, len(system.known)
    counts = np.bincount(system.code[used], minlength=several)
    verdicts.reject(system.each(counts < min_visits, False), f"fewer than {min_visits} usable visits")
    first, last = np.full(several, np.inf), np.full(several, -np.inf)
    used = verdicts.used
    np.minimum.at(first, system.code[used], time[used])
    np.maximum.at(last, system.code[used], time[used])
    verdicts.reject(system.each(first == last, False), "all visits at one time")


def summarise(visits: Table) -> Table:
    """One row a system: its number of visits, first visit, baseline and median error."""
    names = np.asarray(visits["system"])
    first = columns.starts_of(names)
    count = np.diff(first, append=len(names))
    time, error = np.asarray(visits["time_jd"]), np.asarray(visits["rv_err_kms"])
    start, end = np.minimum.reduceat(time, first), np.maximum.reduceat(time, first)
    ascending = error[np.lexsort((error, np.repeat(np.arange(len(first)), count)))]
    median = 0.5 * (ascending[first + (count - 1) // 2] + ascending[first + count // 2])
    return Table(
        {
            "system": names[first],
            "n_visits": count,
            "first_visit_jd": start * u.day,
            "baseline_days": (end - start) * u.day,
            "rv_err_median_kms": median * u.km / u.s,
        }
    )
