"""Visits: the radial velocities of one system, and the table of visits that every rule starts from.

The table (`results/{catalog}/visits.fits`) has one row a visit, sorted by system and time, with the columns
``system``, ``time_jd`` [d], ``rv_kms`` [km/s], ``rv_err_kms`` [km/s] and ``row``, the row of the user's table; and,
where the catalogue has them, ``light_travel_days`` [d], which added to ``time_jd`` gives the time at the solar-system
barycentre, and ``instrument``, its name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from astropy.table import Table

from starpop.errors import InputError
from starpop.store import read_table

Times = Literal["reported", "barycentric"]


@dataclass(frozen=True)
class Visits:
    """The visits of one system.

    Attributes
    ----------
    system : name of the system
    time_days : (J,) times since the system's first visit [d]
    rv_kms : (J,) radial velocities [km/s]
    rv_err_kms : (J,) their standard errors [km/s]
    instruments : names of all instruments of the catalogue, sorted; none where it does not tell them
    instrument : (J,) place in ``instruments`` of each visit's, or None
    """

    system: str
    time_days: np.ndarray
    rv_kms: np.ndarray
    rv_err_kms: np.ndarray
    instruments: tuple[str, ...] = ()
    instrument: np.ndarray | None = None

    @property
    def baseline_days(self) -> float:
        """Time from the first to the last visit [d]."""
        return float(np.ptp(self.time_days))

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.time_days)


def batch_of(system: str, batches: int) -> int:
    """The batch of a system: a stable hash of its name, so that a new system changes one batch only."""
    digest = hashlib.sha256(system.encode()).digest()
    return int.from_bytes(digest[:8], "big") % batches


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


def split_systems(table: Table, times: Times = "reported") -> list[Visits]:
    """The systems of a visit table, in the order of their names.

    Parameters
    ----------
    times : "reported", or "barycentric": with the light-travel time to the solar-system barycentre added

    Raises
    ------
    InputError : the times are to be barycentric and the table has no light-travel times
    """
    shift = light_travel(table, times)
    jd = np.asarray(table["time_jd"], float)
    names = np.asarray(table["system"]).astype(str)
    instruments: tuple[str, ...] = ()
    instrument = None
    if "instrument" in table.colnames:
        found, instrument = np.unique(np.asarray(table["instrument"]).astype(str), return_inverse=True)
        instruments = tuple(map(str, found))
    order = np.lexsort((jd + shift, names))  # stable: visits at one time stay as the gate has sorted them
    names, starts = np.unique(names[order], return_index=True)
    systems = []
    for name, rows in zip(names, np.split(order, starts[1:]), strict=True):
        first = rows[0]
        systems.append(
            Visits(
                str(name),
                # Differences first: as one Julian date the sum would be rounded to 40 microseconds.
                (jd[rows] - jd[first]) + (shift[rows] - shift[first]),
                np.asarray(table["rv_kms"], float)[rows],
                np.asarray(table["rv_err_kms"], float)[rows],
                instruments,
                None if instrument is None else instrument[rows],
            )
        )
    return systems


def read_visits(
    path: str | Path, batch: int | None = None, batches: int = 1, times: Times = "reported"
) -> list[Visits]:
    """The systems of a visit table, or those of one batch."""
    systems = split_systems(read_table(path), times)
    return [s for s in systems if batch is None or batch_of(s.system, batches) == batch]


def origin(path: str | Path) -> dict[str, str]:
    """Which catalogue a visit table is from, and the sha256 of the user's file."""
    meta = read_table(path).meta
    return {"catalog": meta["CATALOG"], "catalog_sha256": meta["SHA256"]}
