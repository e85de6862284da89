"""What columns are for, by the names that tables of radial velocities give them, or of a table without names by order.

A name is compared without its case and its marks, and without what it tells beside: a unit, as in ``RV [m/s]`` and
``rv_kms``, or what times are counted from, as in ``BJD-2450000``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.time import Time

from starpop.gate import counted
from starpop.gate.columns import Problems, as_floats

# What a table must have; all but the first in numbers.
REQUIRED = {"system": "names of systems", "time": "times", "rv": "velocities", "rv_err": "errors of velocities"}
MEASURED = ("time", "rv", "rv_err")
# Whole numbers beyond this are names.
LARGEST_NUMBER = 1e7
# Of each role the names that columns have, the likeliest first.
NAMES = {
    "system": (
        *("apogeeid", "sourceid", "gaiasourceid", "gaiadr3sourceid", "gaiaid", "starid", "starname", "star"),
        *("systemid", "system", "objectname", "objectid", "objname", "object", "targetname", "targetid", "target"),
        *("mainid", "name", "ticid", "tic", "kicid", "kic", "epicid", "epic", "hip", "hd", "source", "id"),
    ),
    "time": (
        *("bjdtdb", "timebjdtdb", "bjd", "timebjd", "bjdtime", "bmjd", "btjd", "bkjd", "bjdutc", "jdb", "hjd"),
        *("timehjd", "hjdutc", "hjdtdb", "hmjd", "rjd", "jd", "timejd", "jdutc", "jdtdb", "mjd", "timemjd", "mjdtime"),
        *("rvobstime", "obstime", "timeobs", "time", "tjd", "times", "obsdate", "dateobs", "date", "epoch"),
        *("days", "t", "unixtime", "timestamp"),
    ),
    "rv": (
        *("vhelio", "rv", "radialvelocity", "radvel", "vrad", "rvel", "mnvel", "hrv", "vhel", "vbary", "rvbary"),
        *("vr", "velocity", "vel", "v"),
    ),
    "rv_err": (
        *("vhelioerr", "vrelerr", "rverr", "erv", "errrv", "rverror", "rvsigma", "sigmarv", "srv", "svrad", "rvunc"),
        *("rvuncertainty", "rve", "radialvelocityerror", "radialvelocityuncertainty", "radialvelocityerr"),
        *("eradialvelocity", "vraderr", "evrad", "vhelerr", "evhel", "ehrv", "errvel", "velerr", "evel", "velerror"),
        *("velocityerror", "velocityerr", "evelocity", "evr", "vrerr", "verr", "ev", "sv", "error", "err", "errors"),
        *("sigma", "sig", "uncertainty", "unc", "sd", "std", "stddev", "e"),
    ),
    "instrument": ("telescope", "instrument", "tel", "inst", "spectrograph", "observatory"),
    "ra": ("ra", "raj2000", "radeg", "rightascension"),
    "dec": ("dec", "de", "dej2000", "decj2000", "dedeg", "decdeg", "declination"),
    "mass": ("mass", "mstar", "starmass", "primarymass"),
    "mass_err": ("masserr", "mstarerr", "starmasserr", "primarymasserr", "emass"),
}
ROLE_OF = {name: (role, rank) for role, names in NAMES.items() for rank, name in enumerate(names)}
# Words in a name that tell a unit of velocities, and those that say nothing of what a column is for.
KMS, MS = ("kms", "kmps", "km s"), ("ms", "mps", "m s")
SPOKEN_OF = {"rv", "rvs", "vrad", "velocity", "velocities"}
UNIT_WORDS = {"kms", "kmps", "km", "ms", "mps", "m", "s", "d", "day", "days", "deg", "msun", "solmass"}


def words(name: str) -> list[str]:
    """The words and numbers of a name, in small letters."""
    bare = counted.without(name).lower()
    for written, meant in (("km/s", "kms"), ("m/s", "ms"), ("\N{PLUS-MINUS SIGN}", "err ")):
        bare = bare.replace(written, meant)
    return re.findall(r"[a-z]+|\d+", bare)


def plain(name: str) -> str:
    """A name as those above are written."""
    first, *others = words(re.sub(r"[(\[].*?[)\]]", " ", name)) or [""]
    return first + "".join(word for word in others if word not in UNIT_WORDS)


def by_name(colnames: Iterable[str]) -> dict[str, list[str]]:
    """The columns that each role may be meant for, the likeliest first; a role without any is left out."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in colnames:
        if plain(name) in ROLE_OF:
            role, rank = ROLE_OF[plain(name)]
            found.setdefault(role, []).append((rank, name))
    ranked = {role: sorted(named, key=lambda pair: pair[0]) for role, named in found.items()}
    return {role: [name for _, name in named] for role, named in ranked.items()}


def names_in(comments: Iterable[str]) -> set[str]:
    """The words of some comments that are known names of columns."""
    return {word for word in re.split(r"[\s,;|#%!]+", " ".join(comments)) if plain(word) in ROLE_OF}


def told_unit(name: str) -> str | None:
    """The unit of velocities that a column's name tells, if it tells one."""
    spoken = f" {' '.join(words(name))} "
    for unit, written in (("km/s", KMS), ("m/s", MS)):
        if any(f" {word} " in spoken for word in written):
            return unit
    return None


def told_of_velocities(comment: str) -> str | None:
    """The unit that a comment tells of velocities, in the same part of it, if it tells one."""
    for part in re.split(r"[;,|]", comment):
        if SPOKEN_OF.intersection(words(part)) and (unit := told_unit(part)):
            return unit
    return None


def has_decimal_commas(column: Any) -> bool:
    """Whether a column's first value is a number with a comma where English has a point."""
    first = str(column[0]) if len(column) and not isinstance(column, Time) and column.ndim == 1 else ""
    return re.fullmatch(r"\s*[-+]?\d+,\d+\s*", first) is not None


def numbers_first(found: Mapping[str, Sequence[str]], table: Table) -> dict[str, list[str]]:
    """The same with columns of numbers before those of text, such as a calendar's date."""
    ranked = {role: list(named) for role, named in found.items()}
    for role in ranked.keys() & set(MEASURED):
        ranked[role].sort(key=lambda name: not np.isfinite(values(table[name])).any())
    return ranked


def by_order(table: Table) -> dict[str, list[str]]:
    """Of a table without names: what is no number, or too long for one, is a name; then times, velocities, errors.

    Where the third column of numbers has negative ones, so that it has no errors, only the times are told.
    """
    numbers = [name for name in table.colnames if is_measured(table[name])]
    others = [name for name in table.colnames if name not in numbers]
    told = 1 if len(numbers) > 2 and (values(table[numbers[2]]) < 0).any() else 3
    found = {role: [name] for role, name in zip(("time", "rv", "rv_err"), numbers[:told], strict=False)}
    return ({"system": others} if others else {}) | found


def is_measured(column: Any) -> bool:
    """Whether a column holds numbers, and not whole ones that are so long that they must be names."""
    if isinstance(column, Time):
        return True
    problems = Problems()
    found = as_floats(column, "", problems)
    finite = found[np.isfinite(found)]
    return not problems and not ((finite == np.rint(finite)) & (np.abs(finite) > LARGEST_NUMBER)).any()


def values(column: Any) -> np.ndarray:
    """The numbers of a column, NaN where there are none."""
    if isinstance(column, Time):
        return np.ma.filled(np.ma.asarray(column.jd, float), np.nan)
    found = as_floats(column, "", Problems())
    return found if len(found) else np.full(len(column), np.nan)


def left(found: Mapping[str, Sequence[str]], colnames: Iterable[str]) -> list[str]:
    """The columns that have no role."""
    return [name for name in colnames if not any(name in named for named in found.values())]


def lacking(found: Mapping[str, Sequence[str]], colnames: Sequence[str]) -> str:
    """What a table has too few columns for; nothing, if those without a role may be what is needed."""
    others = left(found, colnames)
    missing = [REQUIRED[role] for role in MEASURED if role not in found]
    if len(missing) <= len(others):
        return ""
    taken = [f"{found[role][0]} has the {REQUIRED[role]}" for role in MEASURED if role in found]
    taken += [f"{', '.join(others)} may be one of what is missing"] if others else []
    there = ", of which ".join([", ".join(colnames), *([", ".join(taken)] if taken else [])])
    needed = "each row needs a time, a velocity and its error"
    return f"the table has no column of {' and of '.join(missing)}; it has {there}. Add it: {needed}."
