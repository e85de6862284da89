"""A table of a million rows through the gate, from the user's file to the products: seconds and memory of a process."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, show

import numpy as np
from astropy.table import Table

from starpop.run import store
from starpop.gate.catalog import Selection, prepare, read_catalog

ROWS = 1_000_000
ENTRY = {
    "columns": {"system": "APOGEE_ID", "time": "JD", "rv": "VHELIO", "rv_err": "VERR"},
    "units": {"time": "d", "rv": "km/s"},
    "rows": {"STARFLAG": {"without_bits": [1]}, "SNR": {"at_least": 5}},
}


def write(path: Path) -> None:
    """Ten visits of each star in random order, half of them flagged."""
    rng = np.random.default_rng(0)
    names = np.array([f"2M{i:08d}+{i % 10**7:07d}" for i in range(ROWS // 10)])
    table = {
        "APOGEE_ID": rng.permutation(np.repeat(names, 10)),
        "JD": 2455800 + rng.uniform(0, 3000, ROWS),
        "VHELIO": np.where(rng.random(ROWS) < 0.01, np.nan, rng.normal(0, 40, ROWS)),
        "VERR": rng.uniform(0.02, 0.3, ROWS).astype("f4"),
        "STARFLAG": rng.integers(0, 4, ROWS),
        "SNR": rng.uniform(0, 100, ROWS).astype("f4"),
    }
    if path.suffix == ".fits":
        Table(table).write(path)
    elif path.suffix == ".csv":
        Table(table).to_pandas().to_csv(path, index=False)
    else:
        Table(table).to_pandas().to_parquet(path, index=False)


def gate(path: Path) -> None:
    """What the rule prepare_visits does; prints seconds and peak memory [MB]."""
    began = time.perf_counter()
    entry = ENTRY | {"path": str(path)}
    prepared = prepare(read_catalog(entry), entry, Selection("all", [], 5))
    for name, ending in (("visits", "fits"), ("systems", "ecsv"), ("rejected", "ecsv")):
        store.write_table(getattr(prepared, name), path.parent / f"{name}.{ending}", {})
    assert len(prepared.visits) + len(prepared.rejected) == ROWS
    print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        gate(Path(sys.argv[1]))
        sys.exit()
    print(machine("astropy", "pandas", "pyarrow"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("fits", "csv", "parquet"):
            path = Path(folder) / f"table.{ending}"
            write(path)
            measured = [
                subprocess.run(
                    [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
                ).stdout
                for _ in range(3)
            ]
            seconds, memory = np.median([list(map(float, line.split())) for line in measured], axis=0)
            rows.append([ending, ROWS, float(seconds), float(memory)])
    show("The gate", ["format", "rows", "seconds", "peak memory [MB]"], rows)
