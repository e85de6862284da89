"""The mass of each system's visible star: from a column of the visits' table, or from a table of masses of its own.

It decides about no visit: a system whose rows do not agree on a mass, or hold none, is used without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from starpop.gate import columns, table_file
from starpop.gate.columns import Numbers, starts_of
from starpop.gate.table_file import UserTable
from starpop.run.errors import InputError, nearest
from starpop.run.store import read_table

MASS, MASS_SD = "primary_mass_msun", "primary_mass_sd_msun"
KINDS = ("mass", "mass_err")
# Of the systems without a mass, how many are named.
MOST_NAMED = 3


def read_masses(entry: Mapping[str, Any]) -> UserTable:
    """Read the columns that ``masses`` of a catalogue's entry names."""
    named = entry["columns"]
    return table_file.read_table(entry, named.values(), [named["system"]])


def primary_masses(
    names: np.ndarray, numbers: Mapping[str, Numbers], rows: np.ndarray, remarks: list[str]
) -> dict[str, u.Quantity]:
    """Mass and standard deviation of each system [solar masses], NaN where there is none; without a column nothing.

    Parameters
    ----------
    names : (K,) the system of each row, sorted
    numbers : a table's columns
    rows : (K,) the rows
    remarks : takes a line on what is left out
    """
    if "mass" not in numbers:
        return {}
    first = starts_of(names)
    mass = numbers["mass"].values[rows]
    error = numbers["mass_err"].values[rows] if "mass_err" in numbers else np.zeros(len(rows))
    whole = np.ones(len(first), bool)
    for what, values, right in (("mass", mass, mass > 0), ("error of the mass", error, error >= 0)):
        same = values == np.repeat(values[first], np.diff(first, append=len(rows)))
        for fault, rows_right in (("is no number, or a wrong one", right), ("differs from row to row", same)):
            good = np.logical_and.reduceat(rows_right, first)
            _remark(f"the {what} {fault}", names[first][whole & ~good], remarks)
            whole &= good
    return _as_columns(*(np.where(whole, values[first], np.nan) for values in (mass, error)))


def listed_masses(
    systems: np.ndarray, source: UserTable, settings: Mapping[str, Any], remarks: list[str]
) -> dict[str, u.Quantity]:
    """The same of (M,) systems, from a table that lists masses by the systems' names.

    Parameters
    ----------
    settings : ``masses`` of the catalogue's entry: ``columns`` and ``units``

    Raises
    ------
    InputError : the table cannot be used, or names none of the systems; lists all that is wrong with it
    """
    remarks += source.remarks
    title, problems = " and ".join(source.paths), columns.Problems()
    named = settings["columns"]
    columns.missing_columns(source.colnames, {f"masses.columns.{k}": name for k, name in named.items()}, problems)
    problems.raise_if_any(title)
    numbers = {kind: columns.numbers(source.table, kind, settings, problems) for kind in KINDS if kind in named}
    system = columns.names(source.table, named["system"], "a system", problems)
    problems.raise_if_any(title)
    assert system is not None  # else there would be problems
    rows = np.flatnonzero(system.each(np.isin(system.known, systems), False))
    rows = rows[np.argsort(system.code[rows], kind="stable")]
    of_rows = system.known[system.code[rows]]
    found = np.isin(systems, of_rows)
    if not found.any():
        known = list(map(str, system.known))
        like = nearest(str(systems[0]), known)
        raise InputError(
            f"{title}: it names none of the {len(systems)} systems, of which {systems[0]!s} is one.{like}"
        )
    _remark("the table of masses does not name it", systems[~found], remarks)
    listed = np.full((2, len(systems)), np.nan)
    held = {kind: column for kind, column in numbers.items() if column is not None}
    listed[:, found] = [values.value for values in primary_masses(of_rows, held, rows, remarks).values()]
    return _as_columns(*listed)


def _as_columns(mass: np.ndarray, sd: np.ndarray) -> dict[str, u.Quantity]:
    """The columns of a table of systems."""
    return {MASS: mass * u.M_sun, MASS_SD: sd * u.M_sun}


def _remark(why: str, names: np.ndarray, remarks: list[str]) -> None:
    """Say which systems are used without a mass, and why."""
    if len(names):
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        remarks.append(f"Without the mass of its star, as {why}: {', '.join(map(str, names[:MOST_NAMED]))}{more}.")


def read_primaries(path: str) -> dict[str, tuple[float, float]]:
    """Mass and standard deviation of each system's star [solar masses], of a table of systems that has them."""
    systems = read_table(path)
    if MASS not in systems.colnames:
        return {}
    mass, sd = (np.asarray(systems[name], float) for name in (MASS, MASS_SD))
    return {str(name): (m, s) for name, m, s in zip(systems["system"], mass, sd, strict=True)}
