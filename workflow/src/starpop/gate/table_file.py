"""Reading a user's table: the columns that are asked for, out of one file or several of any common format.

| ``format`` | files | read by |
|---|---|---|
| fits | .fits .fit .fits.gz; ``hdu`` is a number or a name, else the first table | astropy |
| ecsv, votable | .ecsv; .vot .votable .xml | astropy |
| parquet | .parquet .pq | pyarrow |
| csv, text | .csv; .txt .dat .tbl .rv .vels .asc .ascii: as their first lines say | `text_table` |
| tsv, rdb, ipac, mrt | .tsv .tab; .rdb; .ipac; .mrt | `text_table` |

Any of them but FITS, Parquet and VOTable may be compressed, .gz. Names are read as text from text files, which keeps
their leading zeros. Nothing is unpickled or evaluated.
"""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table, vstack

from starpop.gate.columns import UNIT_ALIASES
from starpop.gate.text_table import from_arrow, read_text
from starpop.run.errors import InputError, nearest
from starpop.run.files import paths_of
from starpop.run.store import read_ecsv

SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
FORMATS = {
    "fits": (".fits", ".fit"),
    "ecsv": (".ecsv",),
    "votable": (".vot", ".votable", ".xml"),
    "parquet": (".parquet", ".pq"),
    "csv": (".csv",),
    "text": (".txt", ".dat", ".tbl", ".rv", ".vels", ".asc", ".ascii"),
    "tsv": (".tsv", ".tab"),
    "rdb": (".rdb",),
    "ipac": (".ipac",),
    "mrt": (".mrt",),
}


@dataclass(frozen=True)
class UserTable:
    """A user's table, of one file or several.

    Attributes
    ----------
    table : the columns asked for, of those that there are
    colnames : the names of all its columns
    row : (N,) the row of each in its file, counted from 0
    file : (N,) which of the paths, or None where there is one
    paths : the files
    remarks : what is worth saying of them
    """

    table: Table
    colnames: list[str]
    row: np.ndarray
    file: np.ndarray | None
    paths: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def sha256(paths: Sequence[str]) -> str:
    """The sha256 of a file, or of those of several, in hexadecimal."""
    digests = []
    for path in paths:
        with Path(path).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def format_of(path: str, entry: Mapping[str, Any]) -> str:
    """The format of a file: as configured, else by its ending."""
    if "format" in entry:
        return entry["format"]
    for name, endings in FORMATS.items():
        if path.lower().removesuffix(".gz").endswith(endings):
            return name
    if path.lower().endswith(SPREADSHEETS):
        raise InputError(f"{path}: a spreadsheet cannot be read; save the sheet as CSV, and name that file.")
    known = " ".join(ending for several in FORMATS.values() for ending in several)
    raise InputError(
        f"{path}: its ending tells no format; known are {known}. Add format: to the catalogue's entry "
        f"(--format of `starpop init`), one of {', '.join(FORMATS)}."
    )


def read_table(entry: Mapping[str, Any], wanted: Iterable[str], text: Iterable[str] = ()) -> UserTable:
    """Read the wanted columns of a catalogue's files.

    Parameters
    ----------
    entry : the catalogue's entry: ``path``, ``format``, ``hdu``
    wanted : names of columns; those that are not there are left out
    text : which of them hold names

    Raises
    ------
    InputError : a file is not there, not a table of its format, or the files have different columns
    """
    paths, parts = paths_of(entry), []
    for path in paths:
        if not Path(path).is_file():
            what = "a folder" if Path(path).is_dir() else "not there"
            raise InputError(f"{path}: this file is {what} (looked for in {Path.cwd()}).")
        kind = format_of(path, entry)
        try:
            with warnings.catch_warnings(action="ignore"), u.add_enabled_aliases(UNIT_ALIASES):
                parts.append(READERS[kind](path, set(wanted), set(text), entry))
        except InputError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise InputError(
                f"{path}: this cannot be read as {kind} ({said}). If it is of another format, say which: "
                f"format: one of {', '.join(FORMATS)}."
            ) from error
    return _joined(paths, parts)


def tables_of_fits(path: str) -> dict[str | int, list[str]]:
    """The names of the columns of each table in a FITS file, by its name, or by its number if it has none."""
    with warnings.catch_warnings(action="ignore"), fits.open(path) as hdus:
        tables = [(i, hdu) for i, hdu in enumerate(hdus) if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))]
        return {hdu.name or i: list(hdu.columns.names) for i, hdu in tables}


def _joined(paths: Sequence[str], parts: Sequence[tuple[Table, list[str]]]) -> UserTable:
    """The tables of several files as one."""
    tables, colnames = [table for table, _ in parts], parts[0][1]
    for path, (table, _) in zip(paths[1:], parts[1:], strict=True):
        if set(table.colnames) != set(tables[0].colnames):
            lacking = sorted(set(tables[0].colnames) ^ set(table.colnames))
            raise InputError(f"{path}: it and {paths[0]} do not have the same columns: {', '.join(lacking)}.")
        for name in table.colnames:
            if table[name].unit != tables[0][name].unit:
                raise InputError(
                    f"{path}: column {name!r} is in {table[name].unit}, in {paths[0]} in {tables[0][name].unit}; "
                    "make them alike."
                )
    row = np.concatenate([np.arange(len(table)) for table in tables])
    remarks = tuple(itertools.chain.from_iterable(table.meta.get("remarks", []) for table in tables))
    if len(tables) == 1:
        return UserTable(tables[0], colnames, row, None, tuple(paths), remarks)
    file = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    with warnings.catch_warnings(action="ignore"):
        return UserTable(vstack(tables, metadata_conflicts="silent"), colnames, row, file, tuple(paths), remarks)


def _chosen(table: Table, wanted: set[str]) -> tuple[Table, list[str]]:
    return table[[name for name in table.colnames if name in wanted]], list(table.colnames)


def _fits(path: str, wanted: set[str], text: set[str], entry: Mapping[str, Any]) -> tuple[Table, list[str]]:
    """Only the wanted columns are read from the disk."""
    with fits.open(path, memmap=not path.lower().endswith(".gz")) as hdus:
        tables = [i for i, hdu in enumerate(hdus) if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))]
        if not tables:
            raise InputError(f"{path} holds no table: it has {len(hdus)} part(s), of images or nothing; name another.")
        listing = ", ".join(f"{i} {hdus[i].name!r}" for i in tables)
        chosen = entry.get("hdu", tables[0])
        labels = {hdus[i].name: i for i in tables}
        index = labels.get(chosen, chosen) if isinstance(chosen, str) else chosen
        if index not in tables:
            raise InputError(
                f"hdu: {path} has no table {chosen!r}; its tables are: {listing}.{nearest(chosen, labels)}"
            )
        hdu = hdus[index]
        expected = hdu._data_offset + hdu.size
        if not path.lower().endswith(".gz") and Path(path).stat().st_size < expected:
            raise InputError(
                f"{path}: the file ends before its table does ({Path(path).stat().st_size} bytes of at least "
                f"{expected}); get it again."
            )
        colnames = list(hdu.columns.names)
        kept = [name for name in colnames if name in wanted]
        table = Table()
        for name in kept:
            column = hdu.columns[name]
            values = np.array(hdu.data[name])
            if column.null is not None and values.dtype.kind in "iu":
                values = np.ma.masked_equal(values, column.null)
            table[name] = values
            if column.unit:
                table[name].unit = column.unit
        return table, colnames


def _astropy(kind: str, **options: Any) -> Any:
    def read(path: str, wanted: set[str], text: set[str], entry: Mapping[str, Any]) -> tuple[Table, list[str]]:
        return _chosen(Table.read(path, format=kind, **options), wanted)

    return read


def _parquet(path: str, wanted: set[str], text: set[str], entry: Mapping[str, Any]) -> tuple[Table, list[str]]:
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(path)
    kept = [name for name in schema.names if name in wanted]
    # a name that stands in many rows is kept once
    found = pyarrow.parquet.read_table(path, columns=kept, read_dictionary=[name for name in kept if name in text])
    table = from_arrow(found, text)
    if kept and b"table_meta_yaml" in (schema.metadata or {}):  # written by astropy, which stores units so
        described = Table.read(path, format="parquet", include_names=kept, schema_only=True)
        for name in kept:
            table[name].unit = described[name].unit
    return table, list(schema.names)


def _text(kind: str) -> Any:
    def read(path: str, wanted: set[str], text: set[str], entry: Mapping[str, Any]) -> tuple[Table, list[str]]:
        return read_text(path, kind, wanted, text)

    return read


READERS = {
    "fits": _fits,
    "ecsv": lambda path, wanted, text, entry: _chosen(read_ecsv(path), wanted),
    "votable": _astropy("votable", use_names_over_ids=True),
    "parquet": _parquet,
    **{kind: _text(kind) for kind in ("csv", "text", "tsv", "rdb", "ipac", "mrt")},
}
