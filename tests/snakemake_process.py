"""Snakemake as a process of its own, forked from one that has loaded it: half of a dry run is its imports."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import snakemake.cli

ROOT = Path(__file__).parents[1]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["snakemake.cli", "snakemake.report", "snakemake.deployment.conda", "yte", "jsonschema"]
)


def snakemake_in(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """What a command ends with when it is typed in a folder, and all that it says."""
    with tempfile.NamedTemporaryFile() as said:
        process = _context.Process(target=_typed, args=(folder, arguments, dict(os.environ), said.name))
        process.start()
        process.join()
        return process.exitcode, Path(said.name).read_text()


def _typed(folder: Path, arguments: list[str], environment: dict[str, str], said: str) -> None:
    """Be that command: nothing is left of the tests' own environment and paths."""
    with Path(said).open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    ours = {str(ROOT / part) for part in ("", "tests", "tests/data", "tests/workflow", "workflow/src")}
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ours)]
    sys.argv = ["snakemake", *arguments]
    snakemake.cli.main(arguments)
