"""Copies of the project in which tests run it, edit it and ask what would rerun."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import project_copy
from snakemake_process import snakemake_anew, snakemake_in

SMALL = ("--configfile", "config/small.yaml")


@dataclass(frozen=True)
class Project:
    """A copy of the project."""

    path: Path

    def snakemake(self, *arguments: str, cores: int = 2, check: bool = True, anew: bool = False) -> str:
        """Run snakemake in the copy and return all it says; anew: with all libraries loaded in this environment."""
        code, said = (snakemake_anew if anew else snakemake_in)(self.path, ["--cores", str(cores), *arguments])
        if check and code:
            raise AssertionError(f"snakemake {' '.join(arguments)} ended with {code}:\n{said}")
        return said

    def would_run(self, *arguments: str) -> dict[str, int]:
        """The jobs that a command would run: their number by rule, without the target."""
        return jobs_in(self.snakemake("--dry-run", "--quiet", "rules", *arguments))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace some text of a file, which must be there."""
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new))

    def copy(self, target: Path) -> Project:
        """The project with its results, in a new folder."""
        shutil.copytree(self.path, target, symlinks=True, copy_function=project_copy.copy_file)
        return Project(target)

    def overlay(self, **changes) -> tuple[str, str, str]:
        """Write a configuration to lay over the small one, and return the arguments that do."""
        (self.path / "overlay.yaml").write_text(yaml.safe_dump(changes))
        return (*SMALL, "overlay.yaml")


def jobs_in(said: str) -> dict[str, int]:
    """The jobs that a dry run tells of: their number by rule, without the target."""
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", said, re.MULTILINE)}
    return {name: count for name, count in jobs.items() if name not in ("all", "total")}


def copy_project(target: Path) -> Project:
    """A copy to run, in a new folder."""
    project_copy.copy_project(target)
    return Project(target)


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A copy in which nothing has run."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A copy with a finished small run, which no test may change; one for all processes that run tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the same for all
    path, making = folder / "finished", folder / "finished.making"
    with (folder / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            shutil.rmtree(making, ignore_errors=True)
            copy_project(making).snakemake(*SMALL)
            making.rename(path)
    return Project(path)


@pytest.fixture
def run(finished, tmp_path) -> Project:
    """A copy of a finished small run, to edit."""
    return finished.copy(tmp_path / "project")
