"""What the benchmarks share: the machine's line, timing in turns, and tables in Markdown."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before numpy is loaded

import numpy as np
from astropy.table import Table

import starpop
from starpop.inference.weighted import Posterior
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits, split_systems

ROOT = Path(__file__).parents[1]
PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)
# Of the intervals whose coverage is counted, and how many draws tell of them.
SHARE, DRAWS = 0.68, 4000


def machine(*packages: str) -> str:
    """The day, the version, processor, cores, Python and package versions, in one line."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(":")[2].strip() if lines else processor
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", *packages))
    measured = f"{time.strftime('%Y-%m-%d', time.gmtime())}, starpop {starpop.__version__}"
    return f"{measured}: {processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def times(functions: dict[str, Callable[[], object]], rounds: int, least: float = 0.01) -> dict[str, float]:
    """Median seconds of some functions, run in turns, so that the machine's moods cancel.

    In its turn a function is called until `least` seconds have passed, as timeit does; one warm-up call comes before.
    """
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            calls, start = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - start < least:
                function()
                calls += 1
            taken[name].append((time.perf_counter() - start) / calls)
    return {name: float(np.median(values)) for name, values in taken.items()}


def random_system(rng: np.random.Generator, count: int, baseline: float, ratio: float, error: float = 0.1) -> Visits:
    """A system with a random orbit of amplitude ratio * error, log-uniform in period over the range."""
    time_days = np.sort(rng.uniform(0, baseline, count))
    time_days = (time_days - time_days[0]) * baseline / np.ptp(time_days)
    period = np.exp(rng.uniform(*np.log(RANGE)))
    phase = 2 * np.pi * (time_days / period + rng.uniform())
    errors = error * np.exp(rng.normal(0, 0.3, count))
    return Visits(
        "random", time_days, ratio * error * np.cos(phase) + rng.normal(0, 30) + rng.normal(0, errors), errors
    )


def tutorial_systems() -> tuple[str, list[Visits]]:
    """The tutorial's 14 systems where their table is, else those of the twin; and which they are."""
    path = ROOT / "data" / "apogee-binaries.fits"
    names = ("APOGEE_ID", "JD", "VHELIO", "VHELIO_ERR")
    catalog = "apogee"
    if not path.is_file():
        path, names, catalog = ROOT / "data" / "twin.ecsv", ("system", "time", "rv", "rv_err"), "twin"
    table = Table.read(path)
    columns = dict(zip(("system", "time_jd", "rv_kms", "rv_err_kms"), names, strict=True))
    visits = Table({ours: np.asarray(table[theirs]) for ours, theirs in columns.items()})
    visits["system"] = np.asarray(visits["system"]).astype(str)
    visits["row"] = np.arange(len(visits))
    return catalog, split_systems(visits)


def show(title: str, header: list[str], rows: list[list[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row) + " |")


def measures(posterior: Posterior, truth: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """(D, 3) mean less truth, sd, and whether the central interval of `SHARE` holds the truth."""
    drawn = np.stack(list(posterior.draw(DRAWS, rng).values()))
    low, high = np.quantile(drawn, [0.5 - SHARE / 2, 0.5 + SHARE / 2], axis=1)
    moments = np.array(list(posterior.moments().values()))
    return np.column_stack([moments[:, 0] - truth, moments[:, 1], (low < truth) & (truth < high)])


def bias_and_coverage(measured: np.ndarray) -> tuple[str, float, str]:
    """Of (R, 3) measures of a parameter: the bias in sd, that sd, and how often its interval holds the truth."""
    apart, sd, repeats = measured[:, 0], float(np.sqrt(np.mean(measured[:, 1] ** 2))), len(measured)
    error, spread = apart.std(ddof=1) / np.sqrt(repeats) / sd, np.sqrt(SHARE * (1 - SHARE) / repeats)
    return f"{apart.mean() / sd:+.3f} ± {error:.3f}", sd, f"{measured[:, 2].mean():.0%} ± {spread:.0%}"
