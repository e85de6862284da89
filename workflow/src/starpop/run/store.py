"""Reading and writing the product files: whole or not at all, with their provenance in their attributes."""

from __future__ import annotations

import csv
import json
import logging
import sys
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from starpop.run import products
from starpop.run.errors import InputError
from starpop.run.files import product, refusal
from starpop.run.stopping import ending_when_told

if TYPE_CHECKING:  # half of the jobs read none, and their other imports take half a second
    from astropy.table import Table

# Rows from which on a table is not written by astropy, but so many at once.
LARGE_TABLE = 50_000
# Columns of tables that hold names: a system may be called 51, 007 or NA.
NAMES = ("system", "fit", "star", "scope", "parameter", "worst_parameter")
# An ECSV file of more is read by the faster of astropy's readers.
LARGE_BYTES = 1_000_000
VERSIONED = ("numpy", "scipy", "astropy", "pymc", "pytensor", "nutpie", "numba", "arviz-stats")


def provenance(**facts: Any) -> dict[str, str]:
    """Attributes that say where a product comes from: versions of the libraries, and the facts given."""
    versions = {name: version(name) for name in VERSIONED}
    python = ".".join(map(str, sys.version_info[:3]))
    attributes = {"versions": json.dumps({"python": python, **versions})}
    return attributes | {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in facts.items()}


def write_tree(tree: xr.DataTree, path: str | Path, attributes: Mapping[str, str], compress: bool = False) -> None:
    """Write groups of arrays as netCDF, and check that they read back."""
    tree = tree.copy()
    tree.attrs = dict(attributes)
    how = {"zlib": True, "complevel": 4} if compress else {}
    numbers = {
        group: {name: how for name, array in values.data_vars.items() if array.dtype.kind in "fi" and array.ndim}
        for group, values in tree.to_dict().items()
    }
    with product(path) as temporary:
        tree.to_netcdf(temporary, engine="netcdf4", encoding=numbers if compress else None)
        read_tree(temporary)


def read_tree(
    path: str | Path, groups: Iterable[str] = (), systems: Container[str] | None = None, without: Iterable[str] = ()
) -> xr.DataTree:
    """Read a netCDF product into memory, or some of its groups, or what they have of some systems.

    Parameters
    ----------
    without : dimensions; what has one of them is not read
    """
    left_out = frozenset(without)
    try:
        with xr.open_datatree(path, engine="netcdf4") as tree:
            if left_out:
                tree = tree.map_over_datasets(lambda part: part.drop_dims(left_out, errors="ignore"))
            if not groups and systems is None:
                return tree.load()
            parts = {name: tree[name].to_dataset() for name in groups or tree.children}
            read = xr.DataTree.from_dict({name: _of_systems(part, systems).load() for name, part in parts.items()})
            read.attrs = tree.attrs
            return read
    except (OSError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | Path, error: Exception) -> InputError:
    """What to say of a product that cannot be read."""
    return InputError(f"{path} is damaged ({error}); remove it and run again: rm {path}")


def _of_systems(group: xr.Dataset, systems: Container[str] | None) -> xr.Dataset:
    """What a group has of some systems, or of all."""
    if systems is None or "system" not in group.coords:
        return group
    return group.isel(system=[i for i, name in enumerate(group["system"].values) if str(name) in systems])


def read_group(path: str | Path, group: str = "/") -> xr.Dataset:
    """One group of a netCDF product, of which only what is asked for is read."""
    try:
        return xr.open_dataset(path, group=group, engine="netcdf4")
    except (OSError, RuntimeError) as error:
        raise _damaged(path, error) from error


def write_text(text: str, path: str | Path) -> None:
    """Write a page."""
    with product(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table with every digit of its numbers, of the columns that `products` describes."""
    products.check(frame.columns, path)
    with product(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_csv` wrote; names are text, whatever they look like."""
    others = [name for name in pd.read_csv(path, nrows=0).columns if name not in NAMES]
    empty = {name: [""] for name in others}
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=empty)


def read_batches(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The tables of all batches as one, by the systems' names; each cell as it is written."""
    tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths]
    return pd.concat(tables).sort_values("system", ignore_index=True, kind="stable")


def write_table(table: Table, path: str | Path, attributes: Mapping[str, str]) -> None:
    """Write an astropy table (FITS or ECSV, by its ending) with its provenance in the meta-data.

    Its columns are those that `products` describes.
    FITS knows no text but ASCII: names in other alphabets are stored as their bytes in UTF-8.
    """
    products.check(table.colnames, path)
    table = table.copy(copy_data=False)
    table.meta.update(attributes)
    if Path(path).suffix == ".fits":
        table.convert_unicode_to_bytestring()
    with product(path) as temporary:
        if temporary.suffix == ".ecsv" and len(table) > LARGE_TABLE:
            # the head as astropy writes it, the rows some 20 times faster
            table[:0].write(temporary, format="ascii.ecsv", overwrite=True)
            style = {"sep": " ", "quoting": csv.QUOTE_NONNUMERIC, "na_rep": "nan", "lineterminator": "\n"}
            for first in range(0, len(table), LARGE_TABLE):
                rows = table[first : first + LARGE_TABLE].to_pandas()
                rows.to_csv(temporary, mode="a", header=False, index=False, **style)
        else:
            table.write(temporary, overwrite=True)


def read_ecsv(path: str | Path) -> Table:
    """Read an ECSV table; astropy's fast reader takes a large one only, since it fails on an empty one."""
    from astropy.table import Table

    engine = "pyarrow" if Path(path).stat().st_size > LARGE_BYTES else "io.ascii"
    return Table.read(path, format="ecsv", engine=engine)


def read_table(path: str | Path) -> Table:
    """Read a table that `write_table` wrote."""
    from astropy.table import Table

    with _refusing_damage(path):
        if Path(path).suffix == ".ecsv":
            return read_ecsv(path)
        table = Table.read(path)
        table.convert_bytestring_to_unicode()
        return table


def read_meta(path: str | Path) -> dict[str, Any]:
    """The meta-data of a FITS table, without its rows."""
    from astropy.io import fits

    with _refusing_damage(path):
        return dict(fits.getheader(path, 1))


def read_chosen(path: str | Path, column: str, chosen: Callable[[str], bool]) -> Table:
    """The rows of a FITS table whose name in a column, by which it is sorted, is chosen.

    No more of the file than these is kept in memory.
    """
    from astropy.io import fits
    from astropy.table import Table

    with _refusing_damage(path), fits.open(path, memmap=True) as file:
        names = np.asarray(file[1].data)[column]
        starts = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
        wanted = [chosen(name) for name in _texts(names[starts])]
        rows = np.flatnonzero(np.repeat(wanted, np.diff(starts, append=len(names))))
        table = Table.read(fits.BinTableHDU(file[1].data[rows], header=file[1].header))
        table.convert_bytestring_to_unicode()
        return table


def read_names(path: str | Path, column: str) -> list[str]:
    """The names in a column of a FITS table, sorted, each once."""
    from astropy.io import fits

    with _refusing_damage(path), fits.open(path, memmap=True) as file:
        return _texts(np.unique(np.asarray(file[1].data)[column]))


def _texts(values: np.ndarray) -> list[str]:
    """Texts that are stored as bytes."""
    return [value.decode().rstrip() for value in values.tolist()]


@contextmanager
def _refusing_damage(path: str | Path) -> Iterator[None]:
    """Say of a file that cannot be read that it is damaged."""
    from astropy.utils.exceptions import AstropyUserWarning

    try:
        with warnings.catch_warnings(action="error", category=AstropyUserWarning):  # of a file cut short
            yield
    except (OSError, ValueError, AstropyUserWarning) as error:
        raise _damaged(path, error) from error


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Run a script's work: its log goes to the rule's log file, a user's mistake is its message alone."""
    logging.raiseExceptions = False  # a log that cannot be written is no reason to stop
    try:
        logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
    except OSError as error:
        sys.exit(f"Error: {refusal(error) or error}")
    logging.captureWarnings(True)
    logger = logging.getLogger("starpop")
    try:
        with ending_when_told(logger):
            yield logger
    except SystemExit as stop:
        logger.error("%s", stop)
        raise
    except InputError as error:
        logger.error("%s", error)
        sys.exit(f"Error: {error}")
    except Exception as error:
        if said := refusal(error):
            logger.error("%s", said)
            sys.exit(f"Error: {said}")
        logger.exception("This is an error of the program, not of the data:")
        raise
