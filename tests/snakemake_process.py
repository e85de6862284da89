"""Snakemake and the scripts of its jobs as processes of their own, forked from one that has loaded what they import.

Imports are half of a dry run, and most of a small job.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import snakemake.cli
from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript

ROOT = Path(__file__).parents[1]
OURS = [ROOT / part for part in ("", "tests", "tests/data", "tests/workflow", "workflow/src")]
# Not the package, which tests edit.
LOADED = (
    *("snakemake.cli", "snakemake.report", "snakemake.deployment.conda", "yte", "jsonschema"),
    *("numpy", "scipy.optimize", "scipy.stats", "scipy.interpolate", "numba", "pandas", "xarray", "netCDF4"),
    *("astropy.table", "astropy.time", "astropy.io.fits", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *("matplotlib.backends.backend_pdf", "pymc", "nutpie", "arviz_stats"),
)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(LOADED))


def snakemake_in(folder: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """What a command ends with when it is typed in a folder, and what it says; from what is loaded."""
    with tempfile.NamedTemporaryFile() as said:
        asked, asking = _context.Pipe(duplex=False)
        process = _context.Process(target=_typed, args=(folder, arguments, dict(os.environ), said.name, asking))
        process.start()
        jobs: dict[int, tuple[multiprocessing.Process, Connection]] = {}
        try:
            while process.is_alive():
                _attend(wait([process.sentinel, asked, *jobs]), asked, jobs, said.name)
        finally:
            for one in (process, *(job for job, _ in jobs.values())):
                one.kill()
                one.join()
        return process.exitcode, Path(said.name).read_text()


def snakemake_anew(folder: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """The same, with libraries that ask for the locale, the time zone and threads loaded in this environment."""
    program = [sys.executable, __file__, *arguments]
    ended = subprocess.run(
        program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.returncode, ended.stdout


def _attend(ready: list, asked: Connection, jobs: dict, said: str) -> None:
    """Start the script that is asked for, and tell of those that have ended."""
    for one in ready:
        if one is asked:
            answer, *script = asked.recv()
            job = _context.Process(target=_run_script, args=(*script, said))
            job.start()
            jobs[job.sentinel] = job, answer
        elif one in jobs:
            job, answer = jobs.pop(one)
            job.join()
            answer.send(job.exitcode)


def _typed(folder: Path, arguments: Sequence[str], environment: dict[str, str], said: str, asking: Connection) -> None:
    """Be Snakemake, and ask for a process for each script."""
    one_at_a_time = threading.Lock()

    def execute_script(script: PythonScript, path: str, edit: bool = False) -> None:
        variables = dict(os.environ) | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(script.threads))
        ended, answer = _context.Pipe(duplex=False)
        with benchmarked(benchmark_record=script.bench_record):
            with one_at_a_time, answer:
                asking.send((answer, path, Path.cwd(), variables))
            if code := ended.recv():
                raise subprocess.CalledProcessError(code, path)

    PythonScript.execute_script = execute_script
    _become(folder, environment, said)
    sys.argv = ["snakemake", *arguments]
    sys.path.insert(0, str(folder))
    snakemake.cli.main(sys.argv[1:])


def _run_script(path: str, folder: Path, environment: dict[str, str], said: str) -> None:
    """Be a script's process."""
    _become(folder, environment, said)
    sys.argv = [path]
    sys.path[:0] = [str(Path(path).parent), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    runpy.run_path(path, run_name="__main__")


def _become(folder: Path, environment: dict[str, str], said: str) -> None:
    """Leave nothing of the tests' own environment and paths."""
    with Path(said).open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path[:] = [path for path in sys.path if Path(path) not in OURS]


if __name__ == "__main__":  # as `snakemake_anew` does
    CODE, SAID = snakemake_in(Path.cwd(), sys.argv[1:])
    sys.stdout.write(SAID)
    sys.exit(CODE)
