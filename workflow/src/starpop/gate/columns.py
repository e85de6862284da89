"""Columns of a user's table as arrays to compute with: numbers in a known unit, names as text, chosen rows.

What is wrong with a whole column is said in a list of problems, so that a user sees all of them at once; what is wrong
with one value of it is marked, so that its row alone is rejected. Nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from astropy import units as u
from astropy.table import Table
from astropy.time import Time

from starpop.run.errors import InputError, nearest

UNITS = {
    "time": u.day,
    "rv": u.km / u.s,
    "rv_err": u.km / u.s,
    "ra": u.deg,
    "dec": u.deg,
    "parallax": u.mas,
    "parallax_error": u.mas,
    "zero_point": u.mas,
    "mass": u.M_sun,
    "mass_err": u.M_sun,
}
# Units as tables write them, and astropy does not.
UNIT_ALIASES = {
    "days": u.day,
    "hours": u.hour,
    "minutes": u.minute,
    "seconds": u.second,
    "sec": u.second,
    "years": u.year,
    "degrees": u.degree,
}
# What a number without a unit means, where there is only one custom.
USUAL_UNITS = {"ra": u.deg, "dec": u.deg, "mass": u.M_sun, "mass_err": u.M_sun}
# A unit given for one column is also that of another, unless this has one of its own.
UNIT_FALLBACK = {"rv_err": "rv", "parallax_error": "parallax", "zero_point": "parallax", "mass_err": "mass"}
# Doubles, and numbers of 32 bits, tell whole numbers apart up to here: longer names stored as floating-point numbers
# have lost digits.
LARGEST_WHOLE, LARGEST_WHOLE_OF_32_BITS = 2**53, 2**24
LONGEST_NAME = 100
# What columns hold that are of another kind, by NumPy's letter of it.
NOT_NUMBERS = {"b": "true and false", "c": "complex numbers", "M": "dates", "m": "durations", "U": "text", "S": "text"}
# A date of the calendar, and what makes Julian dates of many.
CALENDAR, HOW = re.compile(r"\d{4}-\d\d-\d\d"), " (astropy.time.Time(dates).jd)"
# Dates as spreadsheets write them, with the day or the month first.
SPOKEN_DATE = re.compile(r"\s*\d{1,2}[./]\d{1,2}[./]\d{4}\b")
FLOAT = re.compile(r"[+-]?\d+(\.\d*([eE][+-]?\d+)?|[eE][+-]?\d+)")
FORTRAN_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
NO_NAME = "no name of {}"
COMPARISONS, EQUALITIES = ("at_least", "at_most", "without_bits"), ("is", "is_not")
TRUE_WORDS, FALSE_WORDS = ("true", "t"), ("false", "f")


class Problems(list[str]):
    """What is wrong with a table as a whole."""

    def raise_if_any(self, path: str) -> None:
        """Raise an InputError that lists all of it."""
        if self:
            raise InputError(f"{path}: this table cannot be used:\n  - " + "\n  - ".join(self))


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes
    ----------
    values : (N,) float64 in the project's unit, NaN where there is no number
    raw : the column as it stands in the table
    unit : that of the column as it stands
    """

    values: np.ndarray
    raw: Any
    unit: u.UnitBase


@dataclass(frozen=True)
class Names:
    """A column of names: each row's is ``known[code]``, or has none because of ``faults[-1 - code]``.

    Attributes
    ----------
    known : (M,) the names, sorted, without surrounding blanks, in Unicode's composed form (NFC)
    code : (N,) which of them, or negative
    faults : why rows have no name
    raw : the column as it stands in the table
    """

    known: np.ndarray
    code: np.ndarray
    faults: list[str]
    raw: Any

    def each(self, values: np.ndarray, unnamed: Any, rows: Any = slice(None)) -> np.ndarray:
        """What (M,) values of the names are in each of some rows, and in a row without a name."""
        return np.append(values, np.array([unnamed], dtype=values.dtype))[np.maximum(self.code[rows], -1)]


def starts_of(names: np.ndarray) -> np.ndarray:
    """(M,) the first row of each of M names, of (N,) sorted ones."""
    return np.flatnonzero(np.append(True, names[1:] != names[:-1]))


def masked(column: Any) -> np.ndarray:
    """(N,) whether each value is masked."""
    mask = getattr(column, "mask", None)
    if mask is None:
        return np.zeros(len(column), dtype=bool)
    return np.broadcast_to(np.asarray(mask, dtype=bool), (len(column),))


def raw_text(column: Any, rows: np.ndarray) -> np.ndarray:
    """The values of some rows as a user would write them."""
    if isinstance(column, Time):
        column = column.value
    chosen = column[rows]
    values = np.asarray(getattr(chosen, "value", chosen))
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    text = np.where(masked(column)[rows], "no value", values.astype(str))
    return text.astype(f"U{max(map(len, text.tolist()), default=1)}")  # NumPy makes room for the longest number


def numbers(table: Table, kind: str, settings: Mapping[str, Any], problems: Problems) -> Numbers | None:
    """A column as float64 in the project's unit; None where that cannot be, with the reason in `problems`."""
    name = settings["columns"][kind]
    column = table[name]
    before = len(problems)
    if isinstance(column, Time):
        values, own = np.ma.filled(np.ma.asarray(column.jd, float), np.nan), u.day
    else:
        values, own = as_floats(column, name, problems), own_unit(column)
    unit = _unit(name, kind, own, getattr(column, "unit", None), settings.get("units", {}), problems)
    if len(problems) > before:
        return None
    converted = u.Quantity(values, unit, copy=False).to_value(UNITS[kind])
    return Numbers(np.array(converted, dtype=float), column, unit)


def as_floats(column: Any, name: str, problems: Problems) -> np.ndarray:
    """A column's values as float64, NaN where there is none."""
    values = np.asarray(getattr(column, "value", column))
    if values.ndim != 1:
        problems.append(f"column {name!r} has {values.shape[1:]} numbers in each row; expected one.")
        return np.empty(0)
    if values.dtype.kind in "SUO":
        return _parsed(values, masked(column), name, problems)
    if values.dtype.kind not in "fiu":
        hint = f" Convert them to Julian dates{HOW}." if values.dtype.kind == "M" else ""
        holds = NOT_NUMBERS.get(values.dtype.kind, str(values.dtype))
        problems.append(f"column {name!r} holds {holds}; expected numbers.{hint}")
        return np.empty(0)
    return np.where(masked(column), np.nan, values.astype(float))


def _parsed(values: np.ndarray, missing: np.ndarray, name: str, problems: Problems) -> np.ndarray:
    """Numbers written as text."""
    text = pd.Series(_as_text(values)).where(~missing)
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(float, copy=True)
    written = (text.str.strip() != "").to_numpy(bool) & ~missing
    unread = np.isnan(parsed) & written
    if unread.any():
        # the minus sign of printed tables, and the exponents of Fortran
        plain = text[unread].str.replace("\N{MINUS SIGN}", "-").str.replace(FORTRAN_EXPONENT, "e", regex=True)
        parsed[unread] = pd.to_numeric(plain, errors="coerce")
    if written.any() and not np.isfinite(parsed[written]).any():
        example = text[written].iloc[0]
        hint = " Write decimal points, not commas." if "," in example else ""
        hint = f" Convert them to Julian dates{HOW}." if CALENDAR.match(example) else hint
        hint = " Write them as Julian dates, or as numbers of days." if SPOKEN_DATE.match(example) else hint
        problems.append(f"column {name!r} holds text such as {example!r}; expected numbers.{hint}")
    return parsed


def _as_text(values: np.ndarray) -> np.ndarray:
    """Values of any kind as text."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":
        decoded = (v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values)
        return np.array(["" if v is None or v != v else str(v) for v in decoded], dtype=object)
    return values.astype(str)


def own_unit(column: Any) -> u.UnitBase | None:
    """The unit that a table gives a column, if it can be understood."""
    unit = getattr(column, "unit", None)
    known = unit is not None and not isinstance(unit, u.UnrecognizedUnit) and unit != u.dimensionless_unscaled
    return unit if known else None


def _unit(
    name: str, kind: str, own: u.UnitBase | None, written: Any, units: Mapping[str, str], problems: Problems
) -> u.UnitBase:
    """The unit of a column: the table's own, else the configured one."""
    key = kind if kind in units else UNIT_FALLBACK.get(kind, kind)
    wanted, given = UNITS[kind], None
    if key in units:
        try:
            with u.add_enabled_aliases(UNIT_ALIASES):
                given = u.Unit(units[key])
        except ValueError as error:
            problems.append(f"units.{key}: {error} Allowed is any unit convertible to {wanted}.")
            return wanted
    if own is not None and given is not None and own != given:
        problems.append(
            f"units.{key}: {str(given)!r}, but the table itself gives column {name!r} in {str(own)!r}; leave out one."
        )
        return wanted
    unit = own if own is not None else given if given is not None else USUAL_UNITS.get(kind)
    if unit is None:
        unknown = f"a unit that is not understood ({str(written)!r})" if written else "no unit in the table"
        problems.append(
            f"column {name!r} has {unknown} and none in the configuration; add e.g. units: {{{kind}: {wanted}}} "
            "to the catalogue's entry."
        )
        return wanted
    if not unit.is_equivalent(wanted):
        problems.append(f"column {name!r} is in {str(unit)!r}; expected a unit convertible to {wanted}.")
        return wanted
    return unit


def names(table: Table, name: str, what: str, problems: Problems) -> Names | None:
    """A column of names of something; None where it can hold none, with the reason in `problems`."""
    column = table[name]
    values = np.asarray(getattr(column, "value", column))
    missing = masked(column)
    if values.ndim != 1 or values.dtype.kind not in "SUOiuf":
        problems.append(f"column {name!r} holds {values.dtype} of shape {values.shape}; expected names.")
        return None
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values) & ~missing]
        largest = LARGEST_WHOLE if values.dtype.itemsize > 4 else LARGEST_WHOLE_OF_32_BITS
        if (finite != np.floor(finite)).any() or (np.abs(finite) >= largest).any():
            problems.append(_said_of_floats(name, float(finite[0])))
            return None
        missing = missing | ~np.isfinite(values)
        values = np.where(missing, 0, values).astype(np.int64)
    code, found = pd.factorize(values.astype(values.dtype.newbyteorder("=")))
    found = np.asarray(found)
    spelled = [_as_name(v) for v in found]
    for text, _ in spelled:
        if FLOAT.fullmatch(text) and abs(float(text)) >= LARGEST_WHOLE:
            problems.append(_said_of_floats(name, text))
            return None
    known = np.unique(np.array([text for text, fault in spelled if not fault], dtype=str))
    faults = list(dict.fromkeys([NO_NAME, *(fault for _, fault in spelled if fault)]))
    place = [-1 - faults.index(fault) if fault else np.searchsorted(known, text) for text, fault in spelled]
    place.append(-1)
    code = np.where(missing | (code < 0), len(found), code)
    return Names(known, np.array(place, np.int64)[code], [fault.format(what) for fault in faults], column)


def _said_of_floats(name: str, example: float | str) -> str:
    """What is wrong with names that are, or have been, floating-point numbers."""
    return (
        f"column {name!r} holds floating-point numbers such as {example!r}; names must be text or whole numbers (a "
        "long number loses digits in a float: write the table anew with an integer column)."
    )


def _as_name(value: Any) -> tuple[str, str]:
    """A name as text, and why it cannot be one."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            return "", "name of {} is not UTF-8"
    if value is None or value != value:
        return "", NO_NAME
    text = str(value).strip()
    plain = text.isascii() and text.isprintable()
    if not plain:
        text = unicodedata.normalize("NFC", text)
    if not text:
        return "", NO_NAME
    if len(text) > LONGEST_NAME:
        return "", f"name of {{}} has more than {LONGEST_NAME} characters"
    # control and formatting characters, line and paragraph separators, lone surrogates: they would forge a line
    if not plain and any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text):
        return "", "name of {} has a control character"
    return text, ""


def _equal(values: np.ndarray, wanted: Any) -> np.ndarray:
    """Whether values equal a wanted one: numbers as numbers, true and false in any spelling, text as text."""
    if isinstance(wanted, bool):
        if values.dtype.kind in "biuf":
            return values == wanted
        words = TRUE_WORDS if wanted else FALSE_WORDS
        return np.isin(np.char.lower(_as_text(values).astype(str)), words)
    if isinstance(wanted, (int, float)) and values.dtype.kind in "biuf":
        return values == wanted
    return np.char.strip(_as_text(values).astype(str)) == str(wanted)


def chosen_rows(
    table: Table, conditions: Mapping[str, Mapping[str, Any]], problems: Problems
) -> Iterable[tuple[np.ndarray, str, Any]]:
    """For each condition of ``rows``: the rows that do not meet it, why, and the column.

    A row without a value in a column that is asked for does not meet the condition.
    """
    for name, asked in conditions.items():
        column = table[name]
        values = np.asarray(getattr(column, "value", column))
        missing = masked(column) | (~np.isfinite(values) if values.dtype.kind == "f" else False)
        yield missing, f"{name} has no value", column
        for key in COMPARISONS:
            if key in asked:
                yield from _compared(column, name, key, asked[key], ~missing, problems)
        for key in EQUALITIES:
            if key in asked:
                several = asked[key] if isinstance(asked[key], list) else [asked[key]]
                equal = np.any([_equal(values, one) for one in several], axis=0)
                unmet = ~equal if key == "is" else equal
                yield (
                    ~missing & unmet,
                    f"{name} is {'not ' if key == 'is' else ''}{', '.join(map(str, several))}",
                    column,
                )


def _compared(
    column: Any, name: str, key: str, wanted: Any, present: np.ndarray, problems: Problems
) -> Iterable[tuple[np.ndarray, str, Any]]:
    """The rows that do not compare with a number as they should; those without one never do."""
    said, where = Problems(), f"rows.{name}.{key}"
    values = np.asarray(getattr(column, "value", column))
    if values.dtype.kind not in "biu":
        values = as_floats(column, name, said)
    problems += [f"{where}: {problem}" for problem in said]
    if said:
        return
    number = np.isfinite(values)
    yield present & ~number, f"{name} is not a number", column
    if key == "at_least":
        yield number & (values < wanted), f"{name} is below {wanted:g}", column
    elif key == "at_most":
        yield number & (values > wanted), f"{name} is above {wanted:g}", column
    elif (values[number] != np.rint(values[number])).any():
        problems.append(f"{where}: column {name!r} holds floating-point numbers, which have no bits.")
    else:
        mask = sum(1 << bit for bit in set(wanted))
        bits = np.where(number, values, 0).astype(np.int64) & np.int64(mask)
        yield bits != 0, f"{name} has a bit set", column


def missing_columns(colnames: Sequence[str], wanted: Mapping[str, str], problems: Problems) -> set[str]:
    """The keys, of `wanted`, whose column is not in the table: said with the nearest names."""
    some = ", ".join(colnames[:40]) + (", ..." if len(colnames) > 40 else "")
    lacking = {key for key, name in wanted.items() if name not in colnames}
    for key in wanted:
        if key in lacking:
            problems.append(
                f"{key}: the table has no column {wanted[key]!r}; it has {some}." + nearest(wanted[key], colnames)
            )
    return lacking
