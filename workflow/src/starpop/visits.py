"""Visits: the radial velocities of one system, and the table of visits that every rule starts from.

The table (`results/{catalog}/visits.fits`) has one row a visit, sorted by system and time, with the columns
``system``, ``time_jd`` [d], ``rv_kms`` [km/s], ``rv_err_kms`` [km/s] and ``row``, the row of the user's table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table


@dataclass(frozen=True)
class Visits:
    """The visits of one system.

    Attributes
    ----------
    system : name of the system
    time_days : (J,) times since the system's first visit [d]
    rv_kms : (J,) radial velocities [km/s]
    rv_err_kms : (J,) their standard errors [km/s]
    instruments : the instruments of the catalogue, sorted
    instrument : (J,) which of them each visit is from, where there are any
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


def split_systems(table: Table) -> list[Visits]:
    """The systems of a visit table, in the order of their names."""
    names = np.asarray(table["system"]).astype(str)
    order = np.lexsort((table["row"], table["time_jd"], names))
    names, starts = np.unique(names[order], return_index=True)
    systems = []
    for name, rows in zip(names, np.split(order, starts[1:]), strict=True):
        time = np.asarray(table["time_jd"], float)[rows]
        systems.append(
            Visits(
                str(name),
                time - time[0],
                np.asarray(table["rv_kms"], float)[rows],
                np.asarray(table["rv_err_kms"], float)[rows],
            )
        )
    return systems


def read_visits(path: str | Path, batch: int | None = None, batches: int = 1) -> list[Visits]:
    """The systems of a visit table, or those of one batch."""
    systems = split_systems(Table.read(path))
    return [s for s in systems if batch is None or batch_of(s.system, batches) == batch]


def origin(path: str | Path) -> dict[str, str]:
    """Which catalogue a visit table is from, and the sha256 of the user's file."""
    meta = Table.read(path).meta
    return {"catalog": meta["CATALOG"], "catalog_sha256": meta["SHA256"]}
