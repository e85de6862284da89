"""Reading and writing the product files: whole or not at all, with their provenance in their attributes."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from astropy.table import Table

from starpop.errors import InputError

VERSIONED = ("numpy", "scipy", "astropy", "pymc", "pytensor", "nutpie", "numba", "arviz-stats")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name in the same folder, which takes the place of `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def provenance(**facts: Any) -> dict[str, str]:
    """Attributes that say where a product comes from: versions of the libraries, and the facts given."""
    versions = {name: version(name) for name in VERSIONED}
    python = ".".join(map(str, sys.version_info[:3]))
    attributes = {"versions": json.dumps({"python": python, **versions})}
    return attributes | {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in facts.items()}


def write_tree(tree: xr.DataTree, path: str | Path, attributes: Mapping[str, str]) -> None:
    """Write groups of arrays as netCDF, and check that they read back."""
    tree = tree.copy()
    tree.attrs = dict(attributes)
    with replacing(path) as temporary:
        tree.to_netcdf(temporary, engine="netcdf4")
        read_tree(temporary)


def read_tree(path: str | Path) -> xr.DataTree:
    """Read the groups of a netCDF product into memory."""
    with xr.open_datatree(path, engine="netcdf4") as tree:
        return tree.load()


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table with every digit of its numbers."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_table(table: Table, path: str | Path, attributes: Mapping[str, str]) -> None:
    """Write an astropy table (FITS or ECSV, by its ending) with its provenance in the meta-data."""
    table = table.copy()
    table.meta.update(attributes)
    with replacing(path) as temporary:
        table.write(temporary, overwrite=True)
        Table.read(temporary)


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Run a script's work: its log goes to the rule's log file, a user's mistake is its message alone."""
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(True)
    logger = logging.getLogger("starpop")
    try:
        yield logger
    except InputError as error:
        logger.error("%s", error)
        sys.exit(f"Error: {error}")
    except Exception:
        logger.exception("This is an error of the program, not of the data:")
        raise
