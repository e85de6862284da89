"""Visits: the radial velocities of one system, and the table of visits that every rule starts from.

The table (`results/{catalog}/visits.fits`) has one row a visit, sorted by system and time, with the columns
``system``, ``time_jd`` [d], ``rv_kms`` [km/s], ``rv_err_kms`` [km/s] and ``row``, the row of the user's table; and,
where the catalogue has them, ``light_travel_days`` [d], which added to ``time_jd`` gives the time at the solar-system
barycentre, and ``instrument``, its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.time import TimeBase

from starpop.gate.columns import NOT_NUMBERS, starts_of
from starpop.gate.dates import COARSEST_DAYS, steps_of_32_bits
from starpop.run.errors import InputError, nearest
from starpop.run.store import read_chosen, read_meta, read_names

FEWEST_VISITS = 3
# Of more systems, the figures with a panel each show some of so many, chosen by their names.
DRAWN_SYSTEMS = 100
# Of the gaps between visits this share is shorter than the shortest period that is looked for; but that is kept within
# these days, or several visits a night would rule it, or visits a month apart.
SHORTEST_GAPS, SHORTEST_DAYS = 0.05, (0.5, 2.0)
UNITS = {"time_days": u.day, "rv_kms": u.km / u.s, "rv_err_kms": u.km / u.s}
Times = Literal["reported", "barycentric"]


@dataclass(frozen=True)
class Visits:
    """The visits of one system, in the order of their times.

    They may be given in any order, as lists, arrays or columns of any kind of number, with units or in those named,
    times as astropy's Time or counted from any day; and instruments as a name for each visit.

    Attributes
    ----------
    system : name of the system
    time_days : (J,) float64 times since the system's first visit [d]
    rv_kms : (J,) float64 radial velocities [km/s]
    rv_err_kms : (J,) float64 their standard errors [km/s]
    instruments : names of all instruments of the catalogue, sorted; none where it does not tell them
    instrument : (J,) place in ``instruments`` of each visit's, or None
    first_jd : Julian date of the first visit [d]; NaN where it is not known

    Raises
    ------
    InputError : there are fewer than three visits, or all at one time, or not as many of each; a value is masked, not
        finite, or in a unit of something else; an error is not positive; an instrument is none of those named
    """

    system: str
    time_days: np.ndarray
    rv_kms: np.ndarray
    rv_err_kms: np.ndarray
    instruments: tuple[str, ...] = ()
    instrument: np.ndarray | None = None
    first_jd: float = np.nan

    def __post_init__(self) -> None:
        """Check what is given, and bring it into the form that the attributes have."""
        try:
            given = {name: _numbers(name, getattr(self, name)) for name in UNITS}
            if self.instruments or self.instrument is not None:
                instruments, given["instrument"] = _numbered(self.instruments, self.instrument)
                object.__setattr__(self, "instruments", instruments)
            _check_together(given)
            if given["time_days"][0] != 0:
                _refuse_rounded(given["time_days"])
        except InputError as error:
            raise InputError(f"visits of {self.system!r}: {error}") from None
        time = given["time_days"]
        if (time[1:] < time[:-1]).any():
            order = np.argsort(time, kind="stable")
            given = {name: values[order] for name, values in given.items()}
        if given["time_days"][0] != 0:
            given["time_days"] = given["time_days"] - given["time_days"][0]
        for name, values in given.items():
            object.__setattr__(self, name, values)

    @property
    def baseline_days(self) -> float:
        """Time from the first to the last visit [d]."""
        return float(np.ptp(self.time_days))

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.time_days)


def _numbers(name: str, given: Any) -> np.ndarray:
    """What is given as finite float64 in the unit of its name."""
    values = given if type(given) is np.ndarray and given.dtype == np.float64 else _converted(name, given)
    if values.ndim != 1:
        raise InputError(f"{name} has the shape {values.shape}; expected one number a visit.")
    finite = np.isfinite(values)
    if not finite.all():
        place = int(np.argmin(finite))
        raise InputError(f"{name}[{place}] is {values[place]}; expected a finite number. Leave this visit out.")
    return values


def _converted(name: str, given: Any) -> np.ndarray:
    """Numbers of any kind as float64, and times as days from the first."""
    _refuse_masked(name, given)
    if isinstance(given, TimeBase):
        if name != "time_days":
            raise InputError(f"{name} holds times; expected velocities.")
        first, rest = np.atleast_1d(given.jd1), np.atleast_1d(given.jd2)
        return np.asarray((first - first[:1]) + (rest - rest[:1]), dtype=float)
    if isinstance(given, (list, tuple)) and any(isinstance(value, u.Quantity) for value in given):
        given = u.Quantity(given)
    unit = getattr(given, "unit", None)
    unit = unit if isinstance(unit, u.UnitBase) else None
    if unit is not None and not unit.is_equivalent(UNITS[name]):
        raise InputError(f"{name} is in {str(unit) or 'no unit'!r}; expected a unit convertible to {UNITS[name]}.")
    try:
        values = np.asarray(given.value if isinstance(given, u.Quantity) else given)
        numbers = values.astype(float) if values.dtype.kind in "fiuO" else None
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what is no number ({error}).") from None
    if numbers is None:
        hint = " Give Julian dates, or astropy's Time." if values.dtype.kind == "M" else ""
        holds = NOT_NUMBERS.get(values.dtype.kind, str(values.dtype))
        raise InputError(f"{name} holds {holds}; expected numbers.{hint}")
    return numbers if unit is None else u.Quantity(numbers, unit).to_value(UNITS[name])


def _refuse_masked(name: str, given: Any) -> None:
    """Say which value is masked; what is behind the mask is no measurement."""
    mask = getattr(given, "mask", None)  # which of pandas is a method
    if isinstance(mask, (np.ndarray, np.bool_)) and np.any(mask):
        place = int(np.argmax(np.broadcast_to(mask, np.shape(given))))
        raise InputError(f"{name}[{place}] is masked; expected a value. Leave this visit out.")


def _numbered(instruments: Sequence[str], given: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the instruments, and the place among them of each visit's, which may be given by its name."""
    if given is None:
        raise InputError(
            f"instruments are {', '.join(instruments)}, but instrument, that of each visit, is not given."
        )
    _refuse_masked("instrument", given)
    known, values = tuple(map(str, instruments)), np.asarray(given)
    if values.ndim != 1:
        raise InputError(f"instrument has the shape {values.shape}; expected one a visit.")
    if known and values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(known)))
        if len(wrong):
            raise InputError(
                f"instrument[{wrong[0]}] is {values[wrong[0]]}; expected a place among the {len(known)} instruments, "
                f"0 to {len(known) - 1}."
            )
        return known, values
    values = np.asarray(given, dtype=object)
    names = ["" if value is None or value != value else _text(value) for value in values.tolist()]
    known = known or tuple(sorted(set(names)))
    for place, name in enumerate(names):
        if not name:
            raise InputError(f"instrument[{place}] is {values[place]!r}; expected a name. Leave this visit out.")
        if name not in known:
            raise InputError(
                f"instrument[{place}] is {name!r}, which is not one of {', '.join(known)}." + nearest(name, known)
            )
    return known, np.array([known.index(name) for name in names])


def _text(value: Any) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _refuse_rounded(time: np.ndarray) -> None:
    """Say that 32 bits have rounded the times, if they have."""
    step = steps_of_32_bits(time, np.zeros(len(time), np.int64), COARSEST_DAYS).max()
    if step:
        raise InputError(
            f"time_days has been stored in 32 bits, which rounded it to {step:.2g} d: all times are multiples of "
            "that. Take them from where they have 64 bits, or count them from a later day."
        )


def _check_together(given: Mapping[str, np.ndarray]) -> None:
    """Say what is wrong with columns that are right each by itself."""
    counts = {name: len(values) for name, values in given.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"each needs one value a visit, but there are not as many of all: {listed}.")
    if counts["time_days"] < FEWEST_VISITS:
        raise InputError(f"there are {counts['time_days']}; an orbit needs at least {FEWEST_VISITS}.")
    error = given["rv_err_kms"]
    if not error.min() > 0:
        place = int(np.argmin(error))
        raise InputError(f"rv_err_kms[{place}] is {error[place]}; expected a positive number. Leave this visit out.")
    if (given["time_days"] == given["time_days"][0]).all():
        raise InputError("all are at one time.")


def batch_of(system: str, batches: int) -> int:
    """The batch of a system: a stable hash of its name, so that a new system changes one batch only."""
    digest = hashlib.sha256(system.encode()).digest()
    return int.from_bytes(digest[:8], "big") % batches


def chosen_by_name(systems: Iterable[str], count: int) -> set[str]:
    """So many of some systems, as good as at random: a new system takes the place of one at most."""
    return set(sorted(systems, key=lambda name: hashlib.sha256(f"chosen {name}".encode()).digest())[:count])


def light_travel(table: Table, times: Times) -> np.ndarray:
    """(J,) what to add to the times of a visit table [d]."""
    if times == "reported":
        return np.zeros(len(table))
    if "light_travel_days" not in table.colnames:
        raise InputError(
            f"times: {times!r} needs the light-travel time of each visit, and the visit table has no column "
            f"light_travel_days, only {', '.join(table.colnames)}; give the catalogue's entry an observatory and "
            "coordinates, or set times: reported."
        )
    return np.asarray(table["light_travel_days"], float)


def split_systems(table: Table, times: Times = "reported", instruments: Sequence[str] = ()) -> list[Visits]:
    """The systems of a visit table, in the order of their names.

    Parameters
    ----------
    times : "reported", or "barycentric": with the light-travel time to the solar-system barycentre added
    instruments : sorted names of all instruments of the catalogue, where the table is a part of it

    Raises
    ------
    InputError : the times are to be barycentric and the table has no light-travel times
    """
    shift = light_travel(table, times)
    jd = np.asarray(table["time_jd"], float)
    names = np.asarray(table["system"]).astype(str)
    instrument = None
    if "instrument" in table.colnames:
        own = np.asarray(table["instrument"]).astype(str)
        instruments = tuple(map(str, np.unique(own))) if not instruments else tuple(instruments)
        instrument = np.searchsorted(instruments, own)
    velocity, error = (np.asarray(table[name], float) for name in ("rv_kms", "rv_err_kms"))
    order = np.lexsort((jd + shift, names))  # stable: visits at one time stay as the gate has sorted them
    names, starts = np.unique(names[order], return_index=True)
    systems = []
    for name, rows in zip(names, np.split(order, starts)[1:], strict=True):
        first = rows[0]
        systems.append(
            Visits(
                str(name),
                # Differences first: as one Julian date the sum would be rounded to 40 microseconds.
                (jd[rows] - jd[first]) + (shift[rows] - shift[first]),
                velocity[rows],
                error[rows],
                tuple(instruments),
                None if instrument is None else instrument[rows],
                float(jd[first] + shift[first]),
            )
        )
    return systems


def read_systems(
    path: str | Path, batch: int | None = None, batches: int = 1, times: Times = "reported"
) -> list[Visits]:
    """The systems of a visit table, or those of one batch."""
    return _read_chosen(path, lambda name: batch is None or batch_of(name, batches) == batch, times)


def read_named(path: str | Path, names: Container[str], times: Times = "reported") -> list[Visits]:
    """Some systems of a visit table, in the order of their names."""
    return _read_chosen(path, names.__contains__, times)


def _read_chosen(path: str | Path, chosen: Callable[[str], bool], times: Times) -> list[Visits]:
    """The chosen systems, which know of the instruments of all."""
    table = read_chosen(path, "system", chosen)
    return split_systems(table, times, read_names(path, "instrument") if "instrument" in table.colnames else ())


def system_names(path: str | Path) -> list[str]:
    """The names of all systems of a visit table."""
    return read_names(path, "system")


def cadence_range(table: Table) -> tuple[float, float]:
    """The range of periods [d] that the visits of a table can tell: from about their shortest gap to a whole baseline.

    Uneven visits tell periods shorter than most gaps between them, and of a long one all must have been seen.

    Parameters
    ----------
    table : of visits, sorted by system and time
    """
    names, time = np.asarray(table["system"]), np.asarray(table["time_jd"], float)
    starts = starts_of(names)
    longest = float(np.max(np.maximum.reduceat(time, starts) - np.minimum.reduceat(time, starts)))
    gaps = np.delete(np.diff(time), starts[1:] - 1)
    shortest = float(np.clip(np.quantile(gaps[gaps > 0], SHORTEST_GAPS), *SHORTEST_DAYS))
    return float(f"{min(shortest, longest / 3):.3g}"), float(f"{longest:.3g}")


def period_range(path: str | Path, configured: Sequence[float] | str) -> tuple[float, float]:
    """Where periods are looked for [d]: as configured, or by the cadence of a visit table."""
    if not isinstance(configured, str):
        low, high = configured
        return float(low), float(high)
    meta = read_meta(path)
    return float(meta["P_SHORT"]), float(meta["P_LONG"])


def origin(path: str | Path) -> dict[str, str]:
    """Which catalogue a visit table is from, and the sha256 of the user's file."""
    meta = read_meta(path)
    return {"catalog": meta["CATALOG"], "catalog_sha256": meta["SHA256"]}
