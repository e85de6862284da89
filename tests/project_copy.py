"""A copy of the project in which nothing has run: where the workflow is tested, and tortured."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "environment.yml", "config", "profiles", "workflow")
DATA = ("twin.ecsv", "twin_truth.ecsv", "published.csv")


def copy_project(target: Path) -> None:
    """Make the copy in a new folder, with what has been compiled, which takes a minute."""
    target.mkdir(parents=True)
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, target / name)
    (target / "data").mkdir()
    for name in DATA:
        shutil.copy2(ROOT / "data" / name, target / "data" / name)
