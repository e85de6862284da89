"""Surveys from their raw tables to every table and figure, at several sizes: time, memory, disk, and how they grow.

`python benchmarks/bench_survey.py 1000 10000 100000` simulates and analyses surveys of so many systems, each in a
folder of its own, with the settings of config/survey.yaml; those that are given further, as YAML, are laid over them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from common import machine, show

ROOT = Path(__file__).parents[1]
LINKED = ("Snakefile", "config", "workflow", "data", "profiles")
CORES = 2


def analyse(systems: int, folder: Path, changes: dict) -> pd.DataFrame:
    """Run a survey, simulated before the clock starts; one row a job, of what Snakemake measured."""
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    overlay = {"catalogs": {"survey": {"simulation": {"systems": systems}}}} | changes
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = [sys.executable, "-m", "snakemake", "--cores", str(CORES), "--quiet", "all"]
    command += ["--configfile", "config/survey.yaml", "overlay.yaml", "--"]
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run([*command, "results/survey/visits.fits"], **run)
    began, before = time.monotonic(), os.times()
    subprocess.run([*command, "all"], **run)
    wall, after = time.monotonic() - began, os.times()
    measured = [pd.read_csv(path, sep="\t").tail(1).assign(rule=path) for path in folder.rglob("benchmarks/**/*.tsv")]
    jobs = pd.concat(measured)
    jobs["rule"] = [path.relative_to(folder / "results" / "benchmarks").parts[0] for path in jobs["rule"]]
    jobs.attrs = {"wall": wall, "cpu": sum(after[2:4]) - sum(before[2:4])}
    return jobs


def size_of(folder: Path) -> float:
    """The bytes of all products."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(sizes: list[int], changes: dict) -> None:
    """Print a row for each size, and the rules that take most."""
    print(machine("nutpie", "snakemake"), flush=True)
    rows, totals = [], []
    for systems in sizes:
        with tempfile.TemporaryDirectory() as name:
            jobs = analyse(systems, folder := Path(name), changes)
            memory = jobs.groupby("rule")["max_rss"].max().sort_values(ascending=False)
            took = jobs.groupby("rule")["cpu_time"].sum().sort_values(ascending=False)
            facts = jobs.attrs["wall"], jobs.attrs["cpu"], memory.max() / 1e3, size_of(folder / "results") / 1e9
            summary = pd.read_csv(folder / "results/survey/survey/close/summary.csv").head(2)
        rows.append((f"{systems:,}", *(f"{fact:.3g}" for fact in facts), len(jobs)))
        totals.append(facts)
        print(f"{systems} systems: {'; '.join(f'{n} {t:.0f} s' for n, t in took.head(8).items())}", file=sys.stderr)
        print(f"most memory: {'; '.join(f'{n} {m:.0f} MB' for n, m in memory.head(5).items())}", file=sys.stderr)
        for row in summary.itertuples():
            print(f"{row.parameter} {row.mean:.4f} +- {row.sd:.4f}", file=sys.stderr, flush=True)
    header = ["systems", "wall [s]", "CPU [s]", "largest job [GB]", "results [GB]", "jobs"]
    show("Surveys, from the raw table to tables and figures", header, rows)
    if len(sizes) > 1:
        growth = np.diff(np.log(np.array(totals)[-2:]), axis=0)[0] / np.log(sizes[-1] / sizes[-2])
        print(f"\nExponents of the last two: wall {growth[0]:.2f}, CPU {growth[1]:.2f}, results {growth[3]:.2f}.")


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[1:] if argument.isdigit()]
    others = [yaml.safe_load(argument) for argument in sys.argv[1:] if not argument.isdigit()]
    main([int(number) for number in numbers] or [1000, 10_000, 100_000], others[0] if others else {})
