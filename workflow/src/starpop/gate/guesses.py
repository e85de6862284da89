"""What the values of a column may mean where nothing says it: what times are counted from, the unit of velocities."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.time import Time

from starpop.gate import counted, roles
from starpop.gate.counted import Counted
from starpop.gate.dates import MJD_ZERO, PLAUSIBLE_JD, ZERO_POINTS
from starpop.run.schema import UNKNOWN

# No binary of stars is faster, and none is measured worse, in km/s; none is measured better, in m/s.
FASTEST_KMS, LEAST_CERTAIN_KMS, MOST_CERTAIN_MS = 1000, 20, 0.2
# Names of times that a mission counts from a zero of its own, and those that are in TDB by custom.
MISSIONS = {"btjd": 2457000, "tjd": 2457000, "bkjd": 2454833}
EXAMPLE = "That of 2015-01-01 is 2457023.5"
BARYCENTRIC = ("bjd", "bmjd", "btjd", "bkjd", "tbjd")


# What spreadsheets count the days from: 1899-12-30.
SPREADSHEET_ZERO = 2415018.5
# Seconds since 1970, 1980 or 2000 that are too large for days, and what they may be counted from.
OF_SECONDS = (4e8, 2.2e9)
UNIX_NAMES, UNIX_ZERO = ("unix", "timestamp", "posix"), 2440587.5
SECONDS = f"{UNIX_ZERO} (1970, Unix time); 2444244.5 (1980, GPS time); 2451545.0 (J2000)"


class Guess(NamedTuple):
    """A value, or `UNKNOWN`, and the reason for it, or what it may be."""

    value: Any
    reason: str


def years(first_jd: float, last_jd: float) -> str:
    """The years of two Julian dates, in words."""
    first, last = (int(2000 + (date - 2451544.5) / 365.25) for date in (first_jd, last_jd))
    return f"of {first}" if first == last else f"of {first} to {last}"


def time_scale(name: str, told: Counted | None = None) -> dict[str, Guess]:
    """``scale`` of times, if their column's name tells one, or the table what they are counted from (``told``)."""
    if told and told.scale:
        return {"scale": Guess(told.scale, f"the table says {told.words!r}")}
    spoken = f"{name} {told.words}" if told else name
    if "tdb" in roles.words(spoken) or roles.plain(spoken).endswith("tdb"):
        return {"scale": Guess("tdb", "the column's name tells it")}
    if any(word in roles.plain(spoken) for word in BARYCENTRIC) and "utc" not in roles.plain(spoken):
        return {"scale": Guess("tdb", "barycentric Julian dates are in TDB, unless somebody says utc")}
    return {}


def time_zero(name: str, days: np.ndarray, told: Counted | None = None) -> dict[str, Guess]:
    """``format`` or ``zero_jd`` of times: nothing of Julian dates, and of what cannot be told to be any.

    Parameters
    ----------
    name : of their column
    days : (N,) the times [d], NaN where there are none
    told : what the table says that they are counted from; else their name may
    """
    finite, (low, high) = days[np.isfinite(days)], PLAUSIBLE_JD
    middle = float(np.median(finite)) if len(finite) else 0.0
    told = told or counted.told(name)
    if not len(finite) or low <= middle <= high:
        return {}
    if told:
        zero, said = told.zero_jd, f"the table says {told.words!r}"
        if zero is None:
            return {"zero_jd": Guess(UNKNOWN, f"{said}: the Julian date of that? {EXAMPLE}")}
        if low <= middle + zero <= high:
            return {"zero_jd": Guess(zero, said)}
    if low <= middle + MJD_ZERO <= high:
        return _modified(roles.plain(name), float(finite.max()))
    if roles.plain(name) in MISSIONS:
        return {"zero_jd": Guess(MISSIONS[roles.plain(name)], "by the column's name")}
    first, last, today = finite.min(), finite.max(), float(Time.now().jd)
    usual = {zero: whose for zero, whose in ZERO_POINTS.items() if low <= first + zero and last + zero <= today}
    listing = "; ".join(f"{zero} ({whose}), {years(first + zero, last + zero)}" for zero, whose in usual.items())
    if not usual or middle < 0:
        return {}
    if first >= 1900 and last <= 2100:
        listing += "; or these are decimal years, which must be converted to Julian dates"
    return {"zero_jd": Guess(UNKNOWN, f"what are the days counted from? {listing}")}


def of_seconds(name: str) -> dict[str, Guess]:
    """``zero_jd`` of times in seconds that can be no days, if the name of their column tells it."""
    if any(word in roles.plain(name) for word in UNIX_NAMES):
        return {"zero_jd": Guess(UNIX_ZERO, "seconds since 1970, by the column's name")}
    return {"zero_jd": Guess(UNKNOWN, f"what are the seconds counted from? {SECONDS}")}


def are_seconds(times: np.ndarray, unit: u.UnitBase | None) -> bool:
    """Whether times, in seconds or without a unit, are too large for days."""
    finite, (low, high) = times[np.isfinite(times)], OF_SECONDS
    return unit in (None, u.s) and bool(len(finite) and low <= finite.min() and finite.max() <= high)


def is_borne_out(told: Counted, times: np.ndarray, unit: u.UnitBase) -> bool:
    """Whether times are dates if they are counted as it is told, and are none as they stand."""
    finite, (low, high) = times[np.isfinite(times)], PLAUSIBLE_JD
    middle = float(np.median(finite)) if len(finite) else 0.0
    days = middle * (unit.to("d") if unit.is_equivalent("d") else 1)
    return not low <= middle <= high and (told.zero_jd is None or low <= days + told.zero_jd <= high)


def _modified(plain: str, last: float) -> dict[str, Guess]:
    """Of times that may be modified Julian dates, or JD - 2400000: half a day is all that is between them."""
    if "jd" in plain and "mjd" not in plain:
        return {"zero_jd": Guess(2400000, "JD - 2400000, by the column's name; else format: mjd, half a day later")}
    reason = "by the column's name" if "mjd" in plain else "the custom; or zero_jd: 2400000, half a day earlier"
    if "mjd" not in plain and last + SPREADSHEET_ZERO < Time.now().jd:
        reason += f"; or zero_jd: {SPREADSHEET_ZERO}, if a spreadsheet counted them"
    return {"format": Guess("mjd", reason)}


def velocity_unit(rv: np.ndarray, rv_err: np.ndarray) -> Guess:
    """The unit of velocities that have none, by their size.

    Parameters
    ----------
    rv, rv_err : (N,) velocities and their errors, NaN where there are none
    """
    speeds, errors = np.abs(rv[np.isfinite(rv)]), rv_err[rv_err > 0]
    if not len(speeds) or not len(errors):
        return Guess("km/s", "there are no numbers to tell it by")
    # whose largest may be signs for no velocity
    fast, error = float(np.quantile(speeds, 0.75, method="lower")), float(np.median(errors))
    if fast > FASTEST_KMS:
        return Guess("m/s", f"no binary is as fast as {fast:.0f} km/s")
    if error > LEAST_CERTAIN_KMS:
        return Guess("m/s", f"errors of {error:.3g} would be too large in km/s")
    if error < MOST_CERTAIN_MS:
        return Guess("km/s", f"errors of {error:.3g} would be too small in m/s")
    return Guess(UNKNOWN, f"km/s or m/s? Velocities such as {fast:.4g} with errors of {error:.3g} may be either")
