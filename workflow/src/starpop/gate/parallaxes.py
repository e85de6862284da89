"""From a user's table of parallaxes to the stars of a cluster: what is used, what is not, and why.

Every row ends among the stars or among the rejected rows, with the value and the reason; `catalog` does the same for
radial velocities. A configured zero point is subtracted, and each star's own, from a column. A negative parallax is a
measurement like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import Table

from starpop.gate import columns
from starpop.gate.table_file import UserTable, read_table
from starpop.gate.verdicts import Verdicts
from starpop.run.errors import InputError

# No star is so near (the nearest has 768 mas); a common sign for no parallax.
ABSURD_MAS = 1000.0
KINDS = ("parallax", "parallax_error")


def read_stars(entry: Mapping[str, Any]) -> UserTable:
    """Read the columns that ``cluster.table`` names."""
    named = entry["columns"]
    return read_table(entry, [*named.values(), *entry.get("rows", {})], [named["star"]])


class Given(NamedTuple):
    """The columns of a table, and the rows that conditions of the user's rule out, with why and by which column."""

    parallax: columns.Numbers
    error: columns.Numbers
    zero_point: columns.Numbers | None
    star: columns.Names
    unmet: list[tuple[np.ndarray, str, Any]]


def prepare(source: UserTable, settings: Mapping[str, Any]) -> tuple[Table, Table]:
    """The stars, in the order of their names, and the rejected rows.

    Parameters
    ----------
    source : the user's table
    settings : ``cluster.table``: ``columns``, ``units``, ``rows``, ``zero_point_mas``

    Raises
    ------
    InputError : the table cannot be used; lists all that is wrong with it
    """
    title = " and ".join(source.paths)
    given = _given(source, settings, title)
    parallax, error, zero_point, star = given.parallax, given.error, given.zero_point, given.star
    verdicts = _judge(given, len(source.row))
    used = verdicts.used
    if used.sum() < 2:
        raise InputError(
            f"{title}: {used.sum()} of the table's {len(used)} stars can be used, and a cluster needs two: "
            f"{verdicts.listing()}."
        )
    order = np.flatnonzero(used)[np.argsort(star.code[used], kind="stable")]
    subtracted = settings.get("zero_point_mas", 0.0) + (0.0 if zero_point is None else zero_point.values[order])
    stars = {
        "star": star.known[star.code[order]],
        "parallax": (parallax.values[order] - subtracted) * u.mas,
        "parallax_error": error.values[order] * u.mas,
    }
    rejected = {
        "row": source.row[~used],
        "star": star.each(star.known, "", ~used),
        "value": verdicts.values(~used),
        "reason": verdicts.reasons(~used),
    }
    if source.file is not None:
        rejected["file"] = np.array(source.paths)[source.file[~used]]
    return Table(stars), Table(rejected)


def _given(source: UserTable, settings: Mapping[str, Any], title: str) -> Given:
    """The columns, or an InputError that lists all that is wrong with them."""
    problems = columns.Problems()
    wanted = {f"cluster.table.columns.{key}": name for key, name in settings["columns"].items()}
    wanted |= {f"cluster.table.rows.{name}": name for name in settings.get("rows", {})}
    columns.missing_columns(source.colnames, wanted, problems)
    problems.raise_if_any(title)
    if len(source.row) == 0:
        problems.append("the table has no rows.")
    parallax, error = (columns.numbers(source.table, kind, settings, problems) for kind in KINDS)
    zero_point = None
    if "zero_point" in settings["columns"]:
        zero_point = columns.numbers(source.table, "zero_point", settings, problems)
    star = columns.names(source.table, settings["columns"]["star"], "a star", problems)
    unmet = list(columns.chosen_rows(source.table, settings.get("rows", {}), problems))
    problems.raise_if_any(title)
    assert parallax is not None and error is not None and star is not None  # else there would be problems
    return Given(parallax, error, zero_point, star, unmet)


def _judge(given: Given, rows: int) -> Verdicts:
    """Which of so many rows are used, and why the others are not."""
    verdicts = Verdicts(rows)
    verdicts.reject_unnamed(given.star)
    for unmet, why, column in given.unmet:
        verdicts.reject(unmet, f"rows: {why}", column)
    beyond = f"is beyond {ABSURD_MAS:g} mas"
    parallax, error = given.parallax, given.error
    verdicts.reject_numbers(parallax, "parallax")
    verdicts.reject(np.abs(parallax.values) > ABSURD_MAS, f"parallax {beyond}", parallax.raw)
    verdicts.reject_numbers(error, "parallax error")
    verdicts.reject(error.values <= 0, "parallax error is not positive", error.raw)
    verdicts.reject(error.values > ABSURD_MAS, f"parallax error {beyond}", error.raw)
    if (zero := given.zero_point) is not None:
        verdicts.reject_numbers(zero, "zero point")
        verdicts.reject(np.abs(zero.values) > ABSURD_MAS, f"zero point {beyond}", zero.raw)
    verdicts.reject_repeated("parallax of this star", [given.star.code], [parallax.values, error.values])
    return verdicts
