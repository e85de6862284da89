"""What is built and installed of the package: the library, the workflow in it, and the command, far from any clone."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT

from .conftest import SMALL, copy_project, jobs_in

pytestmark = pytest.mark.slow

# What a working folder has beside what a clone has.
LEFT_OUT = (".git", ".venv", ".snakemake", "results", "logs", "build", "dist", "*.egg-info", "apogee-binaries.fits")
CACHES = (".*_cache", "__pycache__", ".hypothesis", ".pytensor")
# Folders of the workflow whose every file is in the wheel, and its single files.
FOLDERS = ("config", "profiles", "workflow/report", "workflow/rules", "workflow/schemas", "workflow/scripts")
FILES = ("Snakefile", "environment.yml", "workflow/Snakefile")
DATA = ("data/README.md", "data/published.csv", "data/twin.ecsv", "data/twin_truth.ecsv")
TABLE = "star,bjd,v [km/s],e\n" + "".join(f"A,{2456000 + 3.1 * i},{20 * (-1) ** i},0.1\n" for i in range(9))


def python(*arguments, cwd, **environment):
    """Run this Python in a folder, without the paths of these tests; all that it says."""
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=rest | environment, text=True, stdout=-1, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def files_in(folder):
    """The paths of all files in a folder, from there."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Built:
    """A clone, and the wheel and the sdist that are built in it."""

    clone: Path
    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The wheel is built of the sdist."""
    clone = tmp_path_factory.mktemp("built") / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*LEFT_OUT, *CACHES))
    (clone / "data" / "mine.csv").write_text(TABLE)
    python("-m", "build", "--no-isolation", "--outdir", "../dist", ".", cwd=clone)
    (wheel,), (sdist,) = (clone.parent.glob(f"dist/*{ending}") for ending in (".whl", ".tar.gz"))
    return Built(clone, wheel, sdist)


@dataclass(frozen=True)
class Installed:
    """An installed package, and a folder of its user's."""

    site: Path
    folder: Path

    def starpop(self, *arguments):
        """Type the command in that folder; all that it says."""
        return python(str(self.site / "bin" / "starpop"), *arguments, cwd=self.folder, PYTHONPATH=str(self.site))


@pytest.fixture
def installed(built, tmp_path):
    site, folder = tmp_path / "site", tmp_path / "a folder"
    python("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(built.wheel), cwd=tmp_path)
    folder.mkdir()
    keep_compiled(site / "starpop")
    return Installed(site, folder)


def keep_compiled(package):
    """Give an installed package what has been compiled of the same sources, which takes a minute."""
    for path in (ROOT / "workflow/src/starpop").rglob("*.*"):
        target = package / path.relative_to(ROOT / "workflow/src/starpop")
        if path.suffix == ".py":
            shutil.copystat(path, target)
        elif path.suffix in (".nbi", ".nbc"):
            shutil.copy2(path, target)


def test_the_wheel_has_the_library_and_the_workflow_and_nothing_else(built):
    clone = built.clone
    expected = {f"starpop/{name}" for name in files_in(clone / "workflow/src/starpop")}
    expected |= {f"starpop/workflow/{name}" for name in (*FILES, *DATA)}
    expected |= {f"starpop/workflow/{folder}/{name}" for folder in FOLDERS for name in files_in(clone / folder)}
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_sdist_is_a_clone(built):
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert files_in(built.clone) - names == {"data/mine.csv"}


def test_what_is_built_can_be_published(built):
    said = python("-m", "twine", "check", "--strict", str(built.wheel), str(built.sdist), cwd=built.clone)
    assert said.count("PASSED") == 2


def test_an_installed_package_has_the_jobs_of_a_clone(installed, tmp_path):
    said = installed.starpop("run", "--dry-run", "--quiet", "rules", *SMALL)
    assert jobs_in(said) == copy_project(tmp_path / "clone").would_run(*SMALL)


def test_from_a_table_to_a_result(installed):
    (installed.folder / "mine.csv").write_text(TABLE)
    assert "9 rows: 9 visits used" in installed.starpop("init", "mine.csv")
    periods = "results/mine/tutorial/periods/0.nc"
    assert jobs_in(installed.starpop("run", "-n", "--", periods)) == {"prepare_visits": 1, "scan_periods": 1}
    said = installed.starpop("run", "--cores", "1", "--", periods)
    assert "Catalogue: mine (mine.csv)." in said
    assert "2 of 2 steps (100%) done" in said
    assert (installed.folder / periods).stat().st_size > 0
    assert "Nothing to be done" in installed.starpop("run", "-n", "--", periods)
    assert "The run is complete" in installed.starpop("status")


def test_the_workflow_is_where_the_catalogue_of_workflows_looks_for_it(tmp_path):
    clone = copy_project(tmp_path / "clone")
    there = clone.would_run("--snakefile", "workflow/Snakefile", *SMALL)
    assert there.pop("everything") == 1
    assert there == clone.would_run(*SMALL)
