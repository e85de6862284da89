"""A user's table as visits, for a notebook: through the same gate as a run's."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from astropy.table import Table

from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.gate.columns import Problems
from starpop.orbits.visits import FEWEST_VISITS, Times, Visits, split_systems
from starpop.run.check_config import contradictory_coordinates, contradictory_entry
from starpop.run.errors import nearest

# What an entry of ``catalogs`` may have, and what its keys may.
ENTRY: dict[str, tuple[str, ...]] = {
    "path": (),
    "format": (),
    "hdu": (),
    "system": (),
    "columns": ("system", "time", "rv", "rv_err", "instrument", "ra", "dec", "mass", "mass_err"),
    "units": ("time", "rv", "rv_err", "ra", "dec", "mass", "mass_err"),
    "time": ("format", "zero_jd", "scale"),
    "rows": (),
    "errors": ("factor", "power", "added_kms", "floor_kms"),
    "coordinates": (),
    "observatory": ("longitude_deg", "latitude_deg", "height_m"),
}
CONDITIONS = ("at_least", "at_most", "is", "is_not", "without_bits")
REQUIRED = ("time", "rv", "rv_err")


def read_visits(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    columns: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    *,
    min_visits: int = 5,
    times: Times = "reported",
    **entry: Any,
) -> tuple[list[Visits], Table]:
    """The visits of a user's table, by the same gate as a run's; what is worth saying of them is a warning.

    Parameters
    ----------
    path : the file, or several
    columns : names of its columns: ``time``, ``rv``, ``rv_err``, ``system`` (or the entry has ``system``, the name of
        the only one); and, if wanted, ``instrument``, ``ra``, ``dec``
    units : of ``time``, ``rv`` and the others, where the table has none
    min_visits : the visits of systems with fewer are rejected
    times : "barycentric" adds the light-travel times, which needs an ``observatory``
    entry : what else an entry of ``catalogs`` in the configuration may have: ``format``, ``hdu``, ``system``,
        ``time``, ``rows``, ``errors``, ``coordinates``, ``observatory``

    Returns
    -------
    the systems, in the order of their names; and the rows that are not used: ``row`` (from 0), ``system``,
    ``time_jd``, ``rv_kms``, ``rv_err_kms``, ``value``, ``reason``

    Raises
    ------
    InputError : the table cannot be used, or what is said of it: all that is wrong with it
    """
    files = [path] if isinstance(path, (str, os.PathLike)) else path
    settings = {"path": [str(file) for file in files], "columns": columns, "units": units or {}} | entry
    problems = Problems(_unknown_keys(settings))
    if min_visits < FEWEST_VISITS:
        problems.append(f"min_visits: {min_visits}; an orbit needs at least {FEWEST_VISITS}.")
    if not problems:
        problems += contradictory_entry("read_visits", settings)
        problems += contradictory_coordinates("read_visits", settings)
    problems.raise_if_any(" and ".join(settings["path"]))
    prepared = prepare(read_catalog(settings), settings, Selection("all", [], min_visits))
    for remark in prepared.remarks[1:]:
        warnings.warn(remark, stacklevel=2)
    return split_systems(prepared.visits, times), prepared.rejected


def _unknown_keys(entry: Mapping[str, Any]) -> Iterable[str]:
    """What is said of a table that no entry can say, and what every entry must."""
    for key, value in entry.items():
        if key not in ENTRY:
            yield f"{key}: unknown; allowed are {', '.join(ENTRY)}.{nearest(key, ENTRY)}"
            continue
        parts = {f"{key}.{part}": (part, ENTRY[key]) for part in (value if ENTRY[key] else ())}
        if key == "rows":
            parts = {f"rows.{name}.{part}": (part, CONDITIONS) for name, asked in value.items() for part in asked}
        for where, (part, allowed) in parts.items():
            if part not in allowed:
                yield f"{where}: unknown; allowed are {', '.join(allowed)}.{nearest(part, allowed)}"
    for key in REQUIRED:
        if key not in entry["columns"]:
            yield f"columns.{key}: missing; name the column."
