"""The workflow that the package comes with: a clone's folder, or the copy of it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# In a wheel the files of a clone lie in the package (setup.py), in a clone the package lies among them.
HOME = installed if (installed := PACKAGE / "workflow").is_dir() else PACKAGE.parents[2]


def at_home(path: str) -> str:
    """A path as it stands, or that of the workflow's own file where the folder one runs in has none of this name."""
    own = HOME / path
    return path if Path(path).exists() or not own.exists() else str(own)
