"""What a text says that times are counted from: the name, unit or description of a column, or a comment of its file.

| it says | for example |
|---|---|
| a unit, and since when | days since 2015-01-01; s since 1970-01-01T00:00:00 UTC; d since J2000; h since JD 2450000 |
| what is taken from a Julian date | JD-2450000; BJD_TDB - 2,454,833; HJD_2400000; JD minus 2400000; MJD - 50000 |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from astropy.time import Time

from starpop.gate.dates import MJD_ZERO

# Units of time, and the words for them.
UNITS = {
    "d": ("d", "day", "days"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "min": ("min", "mins", "minute", "minutes"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "millisecond", "milliseconds"),
}
UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
# What follows `from` or `after` where these mean since when.
EPOCH = r"(?=[\s_]+(?:\d{4}-\d\d-|J2000|[BH]?M?JD))"
SINCE = re.compile(
    rf"(?<![a-z])({'|'.join(UNIT_OF)})[\s_]+(?:since|(?:from|after){EPOCH})[\s_]+([^\s\"'].*)", re.IGNORECASE
)
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T\s]+\d\d:\d\d(?::\d\d(?:\.\d*)?)?)?(?![\d:-])")
JULIAN_DATE = re.compile(r"(?<!\d)(2[,_ ']?4\d\d[,_ ']?\d{3})(?!\d)(?:[._](\d+))?")
LESS = r"[\s)\]]*(?:[-\N{MINUS SIGN}\N{EN DASH}]|minus)\s*"
LESS_JULIAN_DATE = re.compile(
    rf"[a-z]*jd[^\d\N{{MINUS SIGN}}\N{{EN DASH}}-]*{LESS}{JULIAN_DATE.pattern}", re.IGNORECASE
)
LESS_MODIFIED = re.compile(rf"[bht]*mjd{LESS}(\d{{5}}(?:\.\d+)?)(?!\d)", re.IGNORECASE)
OF_JULIAN_DATES = re.compile(r"[BH]?(M?)JD[^\d-]*(\d[\d,_ ']*(?:\.\d+)?)", re.IGNORECASE)
SCALE = re.compile(r"\b(UTC|TAI|TT|TDB|TCB)\b")
J2000 = 2451545.0


class Counted(NamedTuple):
    """What times are counted from, as a text says it.

    Attributes
    ----------
    words : of the text
    zero_jd : the Julian date, or None if the words are not understood
    unit, scale : of the times, or nothing
    """

    words: str
    zero_jd: float | None
    unit: str = ""
    scale: str = ""


def told(text: str) -> Counted | None:
    """What the name, unit or description of a column tells; any Julian date in it is meant for its times."""
    found = told_in_passing(text)
    if found is None and (date := JULIAN_DATE.search(text)):
        return Counted(text, _julian_date(date), scale=_scale(text))
    return found


def told_in_passing(text: str) -> Counted | None:
    """What a text about anything tells: a Julian date in it must be taken from another."""
    if found := SINCE.search(text):
        unit, when = found.groups()
        words = re.split(r"\s{2,}|[,;)\]}]", found[0])[0]
        return Counted(words.strip(), _date(when), UNIT_OF[unit.lower()], _scale(when))
    if found := LESS_JULIAN_DATE.search(text):
        return Counted(found[0], _julian_date(found), scale=_scale(text))
    if found := LESS_MODIFIED.search(text):
        return Counted(found[0], _whole(MJD_ZERO + float(found[1])), scale=_scale(text))
    return None


def told_in_comments(comments: Iterable[str], name: str) -> Counted | None:
    """What comments tell of a column's times: those that name it, else all that tell of days, if they agree."""
    found = [(comment, counted) for comment in comments if (counted := told_in_passing(comment))]
    naming = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    meant = [counted for comment, counted in found if naming.search(comment)]
    meant = meant or [told for _, told in found if told.zero_jd is not None and told.unit in ("", "d")]
    return meant[0] if len({(counted.zero_jd, counted.unit) for counted in meant}) == 1 else None


def without(name: str) -> str:
    """A column's name without what its times are counted from."""
    for pattern, kept in ((SINCE, "days"), (LESS_MODIFIED, "mjd"), (JULIAN_DATE, " ")):
        name = pattern.sub(kept, name)
    return name


def _date(text: str) -> float | None:
    """The Julian date of what stands at the beginning of a text."""
    if date := DATE.match(text):
        try:
            return _whole(float(Time("T".join(date[0].split()), scale="tai").jd))
        except ValueError:  # such as a 13th month
            return None
    if text.upper().startswith("J2000"):
        return _whole(J2000)
    if date := OF_JULIAN_DATES.match(text):
        return _whole((MJD_ZERO if date[1] else 0) + float(re.sub(r"[, _']", "", date[2])))
    return None


def _julian_date(found: re.Match[str]) -> float:
    """The number of a match of `JULIAN_DATE`."""
    return _whole(float(re.sub(r"\D", "", found[1]) + "." + (found[2] or "0")))


def _whole(number: float) -> float:
    """A whole number without its point, as a user would write it."""
    return int(number) if number.is_integer() else number


def _scale(text: str) -> str:
    found = SCALE.search(text.replace("_", " "))
    return found[0].lower() if found else ""
