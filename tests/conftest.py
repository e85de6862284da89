"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from project_copy import ROOT
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits, split_systems

APOGEE_PLACES = (ROOT / "data" / "apogee-binaries.fits", ROOT.parent / "shared" / "data" / "apogee-binaries.fits")

os.environ.setdefault("OMP_NUM_THREADS", "1")


def as_visit_table(table: Table, system: str, time: str, rv: str, rv_err: str) -> Table:
    """A table of visits with the project's columns."""
    return Table(
        {
            "system": np.asarray(table[system]).astype(str),
            "time_jd": np.asarray(table[time], float),
            "rv_kms": np.asarray(table[rv], float),
            "rv_err_kms": np.asarray(table[rv_err], float),
            "row": np.arange(len(table)),
        }
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no core waits at the end for a run that another has just begun."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def apogee_path() -> Path:
    """The tutorial's own table, where there is a copy of it."""
    for path in APOGEE_PLACES:
        if path.is_file():
            return path
    pytest.skip("apogee-binaries.fits is not in data/: `make reproduce` or `snakemake -c1 fetch_apogee` gets it")


@pytest.fixture(scope="session")
def apogee(apogee_path) -> list[Visits]:
    """The 14 systems of the tutorial."""
    return split_systems(as_visit_table(Table.read(apogee_path), "APOGEE_ID", "JD", "VHELIO", "VHELIO_ERR"))


@pytest.fixture(scope="session")
def twin() -> list[Visits]:
    """The 14 systems of the embedded catalogue."""
    return split_systems(as_visit_table(Table.read(ROOT / "data" / "twin.ecsv"), "system", "time", "rv", "rv_err"))


@contextmanager
def chromium():
    """The browser of this machine, without a window; it may not go online."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    path = next(found, None)
    if path is None:
        raise FileNotFoundError("no Chromium here: `apt-get install chromium`, or Chrome")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path, args=flags)


@pytest.fixture(scope="session")
def browser():
    """The same for tests, which are skipped where there is none."""
    try:
        with chromium() as found:
            yield found
    except FileNotFoundError as error:
        pytest.skip(str(error))


def noise_points(visits: Visits, model: SystemModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K, D) numbers of all points of the noise's lattice, (K,) ln of their weights, and (K, J) variances."""
    lattice = model.noise.lattice(visits)
    ln_noise, ln_weight = lattice.points(lattice.whole)
    return ln_noise, ln_weight, model.noise.variances(ln_noise, visits)


def random_visits(
    rng: np.random.Generator, count: int, baseline: float = 500.0, amplitude: float = 20.0, error: float = 0.2
) -> tuple[Visits, float]:
    """A system with random visits and a random orbit, and its period."""
    time = np.sort(rng.uniform(0, baseline, count))
    time -= time[0]
    period = float(np.exp(rng.uniform(np.log(1.5), np.log(20))))
    errors = error * np.exp(rng.normal(0, 0.3, count))
    phase = 2 * np.pi * (time / period + rng.uniform())
    rv = amplitude * np.cos(phase) + rng.normal(0, 30) + rng.normal(0, errors)
    return Visits("random", time, rv, errors), period
