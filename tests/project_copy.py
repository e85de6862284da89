"""A copy of the project in which nothing has run: where the workflow is tested, and tortured."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "environment.yml", "config", "profiles", "workflow")
DATA = ("twin.ecsv", "twin_truth.ecsv", "published.csv")


# Most of a copy, and never written in place.
COMPILED = (".nbc", ".nbi", ".pyc")


def copy_file(source: str, target: str) -> None:
    """Copy a file, or link what has been compiled where that can be done."""
    if source.endswith(COMPILED):
        try:
            os.link(source, target)
            return
        except OSError:  # of another file system
            pass
    shutil.copy2(source, target)


def copy_project(target: Path) -> None:
    """Make the copy in a new folder, with what has been compiled, which takes a minute."""
    target.mkdir(parents=True)
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, copy_function=copy_file)
        else:
            shutil.copy2(ROOT / name, target / name)
    (target / "data").mkdir()
    for name in DATA:
        shutil.copy2(ROOT / "data" / name, target / "data" / name)
