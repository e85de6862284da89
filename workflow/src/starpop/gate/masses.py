"""The mass of each system's visible star, from a table that has it in every row of the system.

It decides about no visit: a system whose rows do not agree on a mass, or hold none, is used without.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy import units as u

from starpop.gate.columns import Numbers, starts_of
from starpop.run.store import read_table

MASS, MASS_SD = "primary_mass_msun", "primary_mass_sd_msun"
# Of the systems without a mass, how many are named.
MOST_NAMED = 3


def primary_masses(
    names: np.ndarray, numbers: Mapping[str, Numbers], rows: np.ndarray, remarks: list[str]
) -> dict[str, u.Quantity]:
    """Mass and standard deviation of each system [solar masses], NaN where there is none; without a column nothing.

    Parameters
    ----------
    names : (K,) the system of each visit, sorted
    numbers : the table's columns
    rows : (K,) the row of each visit
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
    return {
        name: np.where(whole, values[first], np.nan) * u.M_sun for name, values in ((MASS, mass), (MASS_SD, error))
    }


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
