"""Times of a user's table: as Julian dates, how coarse they are, and what they may be where they are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from starpop.gate.columns import Names, Numbers, Problems, as_floats

# JD of 1900 and of 2100: a day outside is a table in another time format, not an observation.
PLAUSIBLE_JD = (2415020.5, 2488069.5)
MJD_ZERO = 2400000.5
# Julian dates that days are counted from, and by whom.
ZERO_POINTS = {2450000: "JD - 2450000", 2455197.5: "Gaia", 2457000: "TESS", 2454833: "Kepler"}
UNIX_ZERO = 2440587.5
# Times stored in 32 bits must keep this much of a day.
COARSEST_DAYS = 0.01
# Coarser steps that the times of a table may share: halves of halves of a day, and those of one or two decimals.
SHARED_DAYS = (1, 0.5, 0.25, 0.2, 0.125, 0.1, 0.0625, 0.05, 0.03125, 0.02, 0.015625)
# From so many different times on, what they share is no accident.
FEWEST = 6


def julian_dates(time: Numbers, settings: Mapping[str, Any]) -> Numbers:
    """Times as Julian dates, whatever they are counted from."""
    choice = settings.get("time", {})
    zero = choice.get("zero_jd", MJD_ZERO if choice.get("format") == "mjd" else 0.0)
    return Numbers(time.values + zero, time.raw, time.unit)


def rounding(time: Numbers, system: Names | None, name: str, problems: Problems, remarks: list[str]) -> np.ndarray:
    """Say how coarse the times of a column are, if they are.

    Returns
    -------
    (N,) the step [d] to which 32 bits have rounded all times of a row's system, or zero
    """
    written, to_days = as_floats(time.raw, name, Problems()), time.unit.to(u.day)
    dated = np.isfinite(written) & (time.values >= PLAUSIBLE_JD[0]) & (time.values <= PLAUSIBLE_JD[1])
    stored = getattr(time.raw, "dtype", np.dtype(float))
    if stored.kind == "f" and stored.itemsize == 4 and dated.any():
        step = float(np.spacing(np.abs(written[dated]).max().astype(np.float32))) * to_days
        said = f"column {name!r} is stored in 32 bits, which round its times to {step:.2g} d"
        if step > COARSEST_DAYS:
            problems.append(f"{said}; write the table anew with 64 bits.")
        else:
            remarks.append(f"{said}.")
        return np.zeros(len(written))
    least = COARSEST_DAYS / to_days
    steps = to_days * steps_of_32_bits(written, np.where(dated, 0, -1), least)
    if steps.any():
        problems.append(
            f"column {name!r} has been stored in 32 bits, which rounded its times to {steps.max():.2g} d: all of them "
            "are multiples of that. Write the table anew from times of 64 bits."
        )
    elif step := shared_step(time.values[dated]):
        remarks.append(
            f"The times in column {name!r} are all multiples of {step:g} d apart: if they have been rounded to that, "
            "no period can be trusted that is not much longer."
        )
    known = np.full(len(written), -1) if system is None else system.code
    return to_days * steps_of_32_bits(written, np.where(dated, known, -1), least)


def shared_step(times: np.ndarray) -> float:
    """The coarsest step [d] of which all times are multiples apart, or zero: of a few times, that means nothing."""
    apart = times - times[:1]
    for step in SHARED_DAYS:
        if all((np.abs(some / step - np.rint(some / step)) < 1e-6).all() for some in (apart[:100], apart)):
            return step if len(np.unique(apart)) >= FEWEST else 0
    return 0


def steps_of_32_bits(times: np.ndarray, group: np.ndarray, least: float) -> np.ndarray:
    """(N,) the step to which 32 bits have rounded each group's times, if it is more than the least; else zero.

    Such times are all numbers that 32 bits hold, some of them with an odd last bit. A negative group is none.
    """
    with np.errstate(over="ignore"):  # of what is no date
        short = times.astype(np.float32)
        step = np.spacing(np.abs(short)).astype(float)
    held = (short == times) & (step > least)
    several = max(group.max(initial=0), 0) + 1
    whole = np.bincount(group[group >= 0], ~held[group >= 0], minlength=several) == 0
    rows = np.flatnonzero((group >= 0) & whole[np.maximum(group, 0)])
    odd = np.bincount(group[rows], times[rows] / step[rows] % 2 == 1, minlength=several) > 0
    different = np.unique(np.column_stack([group[rows], times[rows]]), axis=0)[:, 0].astype(int)
    enough = np.bincount(different, minlength=several) >= FEWEST
    steps = np.zeros(len(times))
    steps[rows] = np.where((odd & enough)[group[rows]], step[rows], 0)
    return steps


def guess(time: Numbers, settings: Mapping[str, Any], problems: Problems) -> None:
    """Say what times may be of which none is a Julian date; they are not changed."""
    finite = time.values[np.isfinite(time.values)]
    low, high = PLAUSIBLE_JD
    if not len(finite) or ((finite >= low) & (finite <= high)).any():
        return
    choice = settings.get("time", {})
    first, last = finite.min(), finite.max()
    hint = ""
    if "format" not in choice and "zero_jd" not in choice:
        if low <= first + MJD_ZERO and last + MJD_ZERO <= high:
            hint = " They could be modified Julian dates (time: {format: mjd}), or JD - 2400000 ({zero_jd: 2400000})."
            if last < 36525:  # MJD before 1959
                hint = f"{hint[:-1]}, or days since 1970 ({{zero_jd: {UNIX_ZERO}}})."
        elif first >= 1900 and last <= 2100:
            hint = " They could be decimal years, which must be converted to Julian dates."
        elif first >= 0 and last < 15020:
            zeros = ", ".join(f"{zero} ({whose})" for zero, whose in ZERO_POINTS.items())
            hint = f" They could be days from a zero point, such as {zeros}: time: {{zero_jd: ...}}."
        else:
            hint = _in_small_units(first, last)
    else:
        hint = f" time: {dict(choice)} was applied; is it right?"
    problems.append(
        f"column {settings['columns']['time']!r} has times of {first:.10g} to {last:.10g} d, none of them a Julian "
        f"date of 1900 to 2100 ({low} to {high}).{hint}"
    )


def _in_small_units(first: float, last: float) -> str:
    """What dates times are in seconds or less: of these, JD have too narrow a range to be taken for others."""
    low, high = PLAUSIBLE_JD
    for zero in (0.0, UNIX_ZERO):
        for unit in ("s", "ms", "us", "ns"):
            day = u.Unit(unit).to(u.day)
            if first * day > 365 and low <= zero + first * day and zero + last * day <= high:
                if zero:
                    counted = f" time: {{zero_jd: {zero}}}."
                    return f" They could be counted since 1970 in {unit}: units: {{time: {unit}}},{counted}"
                return f" They could be Julian dates in {unit}: units: {{time: {unit}}}."
    return ""
