"""A corpus of tables as they come, broken and odd: each kind is written by a function and says what the gate must do.

`python tests/data/broken_tables.py FOLDER` writes all of them, to look at.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table

COLUMNS = {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"}
UNITS = {"time": "d", "rv": "km/s"}
UNDER = ("", "d", "km/s", "km/s")  # the names of its columns, where it tells units itself
START = 2456000.0


@dataclass(frozen=True)
class Kind:
    """One kind of table.

    Attributes
    ----------
    name : of the kind
    write : writes it into a folder and returns the name, or the names, of its files
    entry : of the catalogue, but for the path; merged into columns and units as usual
    message : what is said if nothing of it can be used (a regular expression)
    rejected : else each row that is not used: its number, the value and the reason
    systems : the names of the systems used
    selection : ``systems`` of the configuration
    """

    name: str
    write: Callable[[Path], str | list[str]]
    entry: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    rejected: tuple[tuple[int, str, str], ...] = ()
    systems: tuple[str, ...] = ("A", "B")
    selection: dict[str, Any] = field(default_factory=dict)


KINDS: list[Kind] = []


SIGN = "velocity is of nines alone, in several rows: a sign for none"


def kind(**facts: Any) -> Callable[[Callable[[Path], str | list[str]]], Callable[[Path], str | list[str]]]:
    """Enter a writer into the corpus, under its name."""

    def enter(write: Callable[[Path], str | list[str]]) -> Callable[[Path], str | list[str]]:
        KINDS.append(Kind(write.__name__, write, **facts))
        return write

    return enter


def good(visits: int = 6) -> dict[str, Any]:
    """The columns of a table with nothing wrong: six visits of A, then of B."""
    count = 2 * visits
    return {
        "star": np.repeat(["A", "B"], visits).astype(object),
        "bjd": START + np.tile(np.arange(visits) * 3.7, 2),
        "v": np.linspace(-30, 30, count),
        "e": np.full(count, 0.1),
    }


def csv(folder: Path, changes: dict[str, Any] | None = None, name: str = "t.csv", **options: Any) -> str:
    """Write the good table with other columns, or with single values changed: {"v": {4: "n/a"}}."""
    table = good()
    for column, change in (changes or {}).items():
        if isinstance(change, dict):
            values = np.array(table[column], dtype=object)
            for row, value in change.items():
                values[row] = value
            table[column] = values
        else:
            table[column] = change
    pd.DataFrame(table).to_csv(folder / name, index=False, **options)
    return name


def fits_table(folder: Path, changes: dict[str, Any] | None = None, name: str = "t.fits") -> str:
    """The same as FITS, whole columns changed."""
    table = good() | {"star": np.repeat(["A", "B"], 6)} | (changes or {})
    Table(table).write(folder / name)
    return name


def text(folder: Path, content: str, name: str = "t.csv", encoding: str = "utf-8") -> str:
    """Write a file as it is."""
    (folder / name).write_bytes(content.encode(encoding))
    return name


# Values that reject their row alone


def _value(name: str, column: str, value: Any, reason: str, shown: str | None = None) -> None:
    def write(folder: Path) -> str:
        return csv(folder, {column: {4: value}})

    KINDS.append(Kind(name, write, rejected=((4, str(value) if shown is None else shown, reason),)))


_value("empty_velocity", "v", "", "velocity is not a number", "no value")
_value("text_for_a_velocity", "v", "n/a", "velocity is not a number")
_value("nan_velocity", "v", "nan", "velocity is not a number")
_value("infinite_velocity", "v", "inf", "velocity is not a number")
_value("minus_infinite_velocity", "v", "-inf", "velocity is not a number")
_value("velocity_of_a_sentinel", "v", 99999.0, "velocity is beyond 9000 km/s")
_value("zero_error", "e", 0.0, "velocity error is not positive")
_value("negative_error", "e", -0.1, "velocity error is not positive")
_value("nan_error", "e", "nan", "velocity error is not a number")
_value("infinite_error", "e", "inf", "velocity error is not a number")
_value("error_of_a_sentinel", "e", 99999.0, "velocity error is beyond 9000 km/s")
_value("time_zero", "bjd", 0.0, "time is not a Julian date of 1900 to 2100")
_value("one_mjd_among_jd", "bjd", 56000.5, "time is not a Julian date of 1900 to 2100")
_value("time_of_the_far_future", "bjd", 9e9, "time is not a Julian date of 1900 to 2100", "9000000000.0")
_value("nan_time", "bjd", "nan", "time is not a number")
_value("a_date_among_times", "bjd", "2012-03-14", "time is not a number")
_value("empty_name", "star", "", "no name of a system", "no value")
_value("blank_name", "star", "   ", "no name of a system")
_value("name_with_a_line_break", "star", "A\nB", "name of a system has a control character")
_value("name_with_a_text_direction", "star", "A‮B", "name of a system has a control character")
_value("endless_name", "star", "A" * 200, "name of a system has more than 100 characters")
_value("single_visit", "star", "C", "fewer than 3 usable visits", "")


@kind(rejected=((4, "no value", "velocity is not a number"),))
def masked_velocity(folder: Path) -> str:
    table = Table(good() | {"star": np.repeat(["A", "B"], 6)})
    table["v"] = MaskedColumn(table["v"], mask=np.arange(12) == 4)
    table.write(folder / "t.ecsv")
    return "t.ecsv"


@kind(rejected=((4, "-999.0", SIGN), (9, "-999.0", SIGN)))
def nines_for_no_velocity(folder: Path) -> str:
    table = Table(good() | {"star": np.repeat(["A", "B"], 6)})
    table["v"][[4, 9]] = -999.0
    table.write(folder / "t.csv")
    return "t.csv"


@kind(rejected=((4, "no value", "velocity is not a number"),))
def null_velocity_of_fits(folder: Path) -> str:
    velocity = np.arange(12)
    velocity[4] = -999
    columns = [
        fits.Column("star", "4A", array=np.repeat(["A", "B"], 6)),
        fits.Column("bjd", "D", array=good()["bjd"]),
        fits.Column("v", "J", null=-999, array=velocity),
        fits.Column("e", "D", array=good()["e"]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "t.fits")
    return "t.fits"


@kind(rejected=((4, "A\ufffd", "name of a system is not UTF-8"),))
def name_in_another_encoding(folder: Path) -> str:
    hdu = fits.BinTableHDU(Table(good() | {"star": np.repeat([b"A ", b"B "], 6)}))
    hdu.writeto(folder / "t.fits")
    content = (folder / "t.fits").read_bytes()
    start = hdu._data_offset + 4 * hdu.data.dtype.itemsize
    (folder / "t.fits").write_bytes(content[: start + 1] + b"\xff" + content[start + 2 :])
    return "t.fits"


@kind(rejected=((4, "", "the same velocity stands in another row"),))
def the_same_visit_twice(folder: Path) -> str:
    table = good()
    return csv(folder, {key: {4: table[key][3]} for key in table})


@kind(
    rejected=(
        (3, "", "another velocity of this system at the same time"),
        (4, "", "another velocity of this system at the same time"),
    )
)
def two_velocities_at_one_time(folder: Path) -> str:
    return csv(folder, {"bjd": {4: good()["bjd"][3]}})


@kind(
    rejected=tuple((i, "", "all visits at one time") for i in range(6)),
    systems=("B",),
    entry={"columns": {"instrument": "where"}},
)
def a_system_without_a_baseline(folder: Path) -> str:
    times = good()["bjd"]
    times[:6] = START
    return csv(folder, {"bjd": times, "where": [f"telescope {i}" for i in range(12)]})


@kind(
    rejected=tuple((i, "", "fewer than 7 usable visits") for i in range(6)),
    systems=("B",),
    selection={"min_visits": 7},
)
def a_system_of_few_visits(folder: Path) -> str:
    more = pd.DataFrame(good()).iloc[[11]].assign(bjd=START + 99)
    pd.concat([pd.DataFrame(good()), more]).to_csv(folder / "t.csv", index=False)
    return "t.csv"


@kind(rejected=((4, " ", "no name of an instrument"),), entry={"columns": {"instrument": "where"}})
def an_unnamed_instrument(folder: Path) -> str:
    return csv(folder, {"where": ["x"] * 4 + [" "] + ["y"] * 7})


@kind(
    rejected=((1, "9.5", "rows: snr is below 10"), (4, "no value", "rows: snr has no value")),
    entry={"rows": {"snr": {"at_least": 10}}},
)
def low_signal_to_noise(folder: Path) -> str:
    return csv(folder, {"snr": [20.0, 9.5, 20, 20, np.nan, 20, 20, 20, 20, 20, 20, 20]})


@kind(rejected=((2, "9", "rows: flag has a bit set"),), entry={"rows": {"flag": {"without_bits": [0, 3]}}})
def flagged_rows(folder: Path) -> str:
    return csv(folder, {"flag": [0, 2, 9] + [4] * 9})


@kind(
    rejected=((0, "true", "rows: rejected is not False"), (7, "True", "rows: rejected is not False")),
    entry={"rows": {"rejected": {"is": False}}},
)
def words_for_true_and_false(folder: Path) -> str:
    return csv(folder, {"rejected": ["true", *["false"] * 6, "True", *["FALSE"] * 4]})


@kind(
    rejected=tuple((i, "apo1m", "rows: where is not apo25m, lco25m") for i in (0, 7)),
    entry={"rows": {"where": {"is": ["apo25m", "lco25m"]}}},
)
def rows_of_another_telescope(folder: Path) -> str:
    return csv(folder, {"where": ["apo1m", *["apo25m"] * 6, "apo1m", *["lco25m "] * 4]})


# Odd, and used


def _names(name: str, one: str, other: str, shown: tuple[str, str] | None = None) -> None:
    def write(folder: Path) -> str:
        return csv(folder, {"star": np.repeat(np.array([one, other], dtype=object), 6)})

    KINDS.append(Kind(name, write, systems=tuple(sorted(shown or (one, other)))))


_names("names_with_blanks_and_slashes", "HD 1 / b", "../../etc/passwd")
_names("names_of_folders", "..", ".")
_names("names_with_quotes", "it's", 'say "A, B"')
_names("names_with_markup", "<script>alert(1)</script>", "$\\alpha$ & #1")
_names("names_in_unicode", "α Centauri", "Барнарда")
_names("names_of_one_look", "e\u0301toile", "Z", ("étoile", "Z"))
_names("names_with_leading_zeros", "007", "07")
_names("names_that_differ_by_capitals", "Kepler", "KEPLER")
_names("names_of_long_numbers", "4116484574592345088", "4116484574592345089")
_names("names_that_read_as_numbers", "1e5", "NaN")
_names("names_of_a_devices", "CON", "nul")
_names("names_with_outer_blanks", " A ", "B\t", ("A", "B"))


@kind(systems=("4116484574592345088", "4116484574592345089"))
def whole_numbers_as_names(folder: Path) -> str:
    return fits_table(folder, {"star": np.repeat([4116484574592345088, 4116484574592345089], 6)})


@kind(systems=("17", "18"))
def whole_floats_as_names(folder: Path) -> str:
    return fits_table(folder, {"star": np.repeat([17.0, 18.0], 6)})


@kind()
def names_as_bytes(folder: Path) -> str:
    return fits_table(folder, {"star": np.repeat([b"A  ", b"B  "], 6)})


@kind(entry={"units": {"rv": None}})
def metres_per_second_in_the_table(folder: Path) -> str:
    return fits_table(folder, {"v": good()["v"] * 1e3 * u.m / u.s, "e": good()["e"] * 1e3 * u.m / u.s})


@kind()
def big_and_little_endian(folder: Path) -> str:
    Table({k: np.asarray(v).astype(">f8") if k != "star" else v.astype(str) for k, v in good().items()}).write(
        folder / "t.votable", format="votable"
    )
    return "t.votable"


@kind(entry={"time": {"format": "mjd"}})
def float32_modified_julian_dates(folder: Path) -> str:
    return fits_table(folder, {"bjd": (np.round(good()["bjd"] - 2400000.5)).astype(np.float32)})


@kind()
def a_byte_order_mark(folder: Path) -> str:
    return csv(folder, encoding="utf-8-sig")


@kind()
def line_ends_of_another_system(folder: Path) -> str:
    return csv(folder, lineterminator="\r\n")


@kind()
def a_compressed_table(folder: Path) -> str:
    csv(folder)
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    return "t.csv.gz"


@kind()
def comments_before_the_names(folder: Path) -> str:
    csv(folder)
    return text(folder, "# observed in 2012\n# v in km/s\n" + (folder / "t.csv").read_text())


@kind()
def a_text_file_with_names_in_a_comment(folder: Path) -> str:
    csv(folder, sep=" ")
    return text(folder, "# " + (folder / "t.csv").read_text(), "t.dat")


@kind(entry={"columns": {"system": "col1", "time": "col2", "rv": "col3", "rv_err": "col4"}})
def a_text_file_without_names(folder: Path) -> str:
    return csv(folder, name="t.txt", sep=" ", header=False)


@kind(systems=("51 Peg",), entry={"system": "51 Peg", "columns": {"system": None}})
def a_table_of_one_star(folder: Path) -> str:
    table = pd.DataFrame(good()).drop(columns="star")
    table["bjd"] = START + np.arange(12) * 1.3
    table.to_csv(folder / "t.rv", sep="\t", index=False)
    return "t.rv"


@kind(rejected=(), systems=("A", "B"))
def several_files(folder: Path) -> list[str]:
    frame = pd.DataFrame(good())
    frame[:6].to_parquet(folder / "one.parquet", index=False)
    frame[6:].to_parquet(folder / "two.parquet", index=False)
    return ["one.parquet", "two.parquet"]


@kind(entry={"hdu": "VISITS"})
def the_table_named_by_its_hdu(folder: Path) -> str:
    other = fits.BinTableHDU(Table({"x": [1]}), name="OTHER")
    visits = fits.BinTableHDU(Table(good() | {"star": np.repeat(["A", "B"], 6)}), name="VISITS")
    fits.HDUList([fits.PrimaryHDU(), other, visits]).writeto(folder / "t.fits")
    return "t.fits"


@kind(
    systems=("4116484574592345088", "4116484574592345089"),
    rejected=((4, "no value", "no name of a system"), (7, "no value", "velocity is not a number")),
)
def missing_values_of_parquet(folder: Path) -> str:
    star = pd.array([None if row == 4 else 4116484574592345088 + row // 6 for row in range(12)], dtype="Int64")
    velocity = pd.array([None if row == 7 else value for row, value in enumerate(good()["v"])], dtype="Float64")
    pd.DataFrame(good() | {"star": star, "v": velocity}).to_parquet(folder / "t.parquet")
    return "t.parquet"


@kind(rejected=((4, "no value", "no name of a system"),))
def a_missing_name_of_parquet(folder: Path) -> str:
    star = [None if row == 4 else name for row, name in enumerate(good()["star"])]
    pd.DataFrame(good() | {"star": star}).to_parquet(folder / "t.parquet")
    return "t.parquet"


@kind(entry={"units": {"rv": None}})
def parquet_with_units(folder: Path) -> str:
    velocities = {name: good()[name] * 1e3 * u.m / u.s for name in ("v", "e")}
    Table(good() | {"star": np.repeat(["A", "B"], 6)} | velocities).write(folder / "t.parquet")
    return "t.parquet"


# Tables written as text, and used


def lines(separator: str, changes: dict[str, dict[int, str]] | None = None) -> list[str]:
    """The rows of the good table, with single cells changed."""
    cells = {name: [str(value) for value in column] for name, column in good().items()}
    for column, change in (changes or {}).items():
        for row, value in change.items():
            cells[column][row] = value
    return [separator.join(row) for row in zip(*cells.values(), strict=True)]


def joined(*parts: str | list[str], end: str = "\n") -> str:
    """Lines as the content of a file."""
    flat = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    return end.join(flat) + end


def fixed_width(widths: tuple[int, ...], changes: dict[str, dict[int, str]] | None = None) -> list[str]:
    """The rows of the good table in columns of given widths, a blank apart."""
    return [
        " ".join(cell.ljust(width) for cell, width in zip(row.split("\t"), widths, strict=True))
        for row in lines("\t", changes)
    ]


def ipac(folder: Path, rows: list[str], name: str = "t.tbl") -> str:
    """An IPAC table, of rows in columns of 6, 12, 22 and 6 characters."""
    head = ["star  ", "bjd         ", "v                     ", "e     "]
    kinds = ["char  ", "double      ", "double                ", "double"]
    units = ["      ", "days        ", "km/s                  ", "km/s  "]
    header = ["\\STAR='A and B'", *(f"|{'|'.join(part)}|" for part in (head, kinds, units))]
    return text(folder, joined(header, [f" {row} " for row in rows]), name)


MRT_HEAD = """Title: Velocities
Authors: A. N. Other
Table: 2
================================================================================
Byte-by-byte Description of file: t2.txt
--------------------------------------------------------------------------------
   Bytes Format Units Label Explanations
--------------------------------------------------------------------------------
   1-  6 A6     ---   star  Star
   8- 19 F12.4  d     bjd   Time
  21- 42 F22.18 km/s  v     Velocity
  44- 49 F6.3   km/s  e     Error
--------------------------------------------------------------------------------"""
WIDTHS = (6, 12, 22, 6)
NO_UNITS: dict[str, Any] = {"units": {"time": None, "rv": None}}
NO_VELOCITY = ((4, "no value", "velocity is not a number"),)


@kind(entry=NO_UNITS)
def an_ipac_table(folder: Path) -> str:
    return ipac(folder, fixed_width(WIDTHS))


@kind(entry={"units": {"time": "d", "rv": "km/s"}, "format": "ipac"})
def an_ipac_table_of_another_ending(folder: Path) -> str:
    return ipac(folder, fixed_width(WIDTHS), "t.data")


@kind(entry=NO_UNITS, rejected=NO_VELOCITY)
def an_empty_cell_of_an_ipac_table(folder: Path) -> str:
    return ipac(folder, fixed_width(WIDTHS, {"v": {4: ""}}))


@kind(entry=NO_UNITS, rejected=NO_VELOCITY)
def a_machine_readable_table(folder: Path) -> str:
    return text(folder, joined(MRT_HEAD, fixed_width(WIDTHS, {"v": {4: ""}})), "t.txt")


@kind(entry={"units": {"time": "d", "rv": "km/s"}, "format": "mrt"}, systems=("007", "07"))
def a_machine_readable_table_of_another_ending(folder: Path) -> str:
    names = {row: "007" if row < 6 else "07" for row in range(12)}
    return text(folder, joined(MRT_HEAD, fixed_width(WIDTHS, {"star": names})), "t.data")


def _vizier(folder: Path, separator: str, name: str) -> str:
    rows = [separator.join(f"{cell:>8}" for cell in row.split("\t")) for row in lines("\t", {"v": {4: ""}})]
    head = ["star\tbjd\tv\te", "\td\tkm/s\tkm/s", "--------\t--------\t--------\t---"]
    comments = ["#", "#   VizieR Astronomical Server", "#Column\tstar\t(A8)\tStar", ""]
    return text(folder, joined(comments, [line.replace("\t", separator) for line in head], rows, ""), name)


for separator, ending in (("\t", "tsv"), ("\t", "txt"), (";", "csv"), ("|", "txt")):
    name = f"a_vizier_export_{ending}_{ord(separator)}"
    write = partial(_vizier, separator=separator, name=f"t.{ending}")
    KINDS.append(Kind(name, write, entry=NO_UNITS, rejected=NO_VELOCITY))


@kind(rejected=NO_VELOCITY)
def an_empty_cell_between_tabs(folder: Path) -> str:
    return text(folder, joined("star\tbjd\tv\te\tsnr", [f"{row}\t30" for row in lines("\t", {"v": {4: ""}})]), "t.txt")


@kind(rejected=NO_VELOCITY)
def names_between_blanks_and_cells_between_tabs(folder: Path) -> str:
    return text(folder, joined("star bjd v e", lines("\t", {"v": {4: ""}})), "t.txt")


@kind(rejected=NO_VELOCITY, systems=("HD 1", "HD 2"), entry={"columns": {"time": "time (BJD)"}})
def blanks_in_cells_between_tabs(folder: Path) -> str:
    stars = {row: "HD 1" if row < 6 else "HD 2" for row in range(12)}
    return text(folder, joined("star\ttime (BJD)\tv\te", lines("\t", {"v": {4: ""}, "star": stars})), "t.dat")


@kind(systems=("HD 1", "HD 2"))
def quoted_names_in_a_text_file(folder: Path) -> str:
    stars = {row: '"HD 1"' if row < 6 else '"HD 2"' for row in range(12)}
    return text(folder, joined("star bjd v e", lines("  ", {"star": stars})), "t.txt")


@kind(rejected=NO_VELOCITY)
def an_rdb_file(folder: Path) -> str:
    return text(folder, joined("star\tbjd\tv\te", "----\t---\t-\t-", lines("\t", {"v": {4: ""}})), "t.rdb")


@kind()
def an_rdb_file_with_types(folder: Path) -> str:
    return text(folder, joined("# of 2012", "star\tbjd\tv\te", "8S\t12N\t8N\tN", lines("\t")), "t.rdb")


@kind(rejected=NO_VELOCITY)
def semicolons_in_a_csv_file(folder: Path) -> str:
    return text(folder, joined("star;bjd;v;e", lines(";", {"v": {4: " "}}), end="\r\n"))


@kind(rejected=NO_VELOCITY)
def separators_that_end_some_rows(folder: Path) -> str:
    rows = lines("\t", {"v": {4: ""}})
    return text(folder, joined("star\tbjd\tv\te", f"{rows[0]}\t", f"{rows[1]}\t\t", rows[2:]), "t.tab")


@kind()
def commas_and_blanks_in_a_text_file(folder: Path) -> str:
    return text(folder, joined("star, bjd, v, e", lines(", ")), "t.txt")


@kind(entry={"columns": {"system": "col1", "time": "col2", "rv": "col3", "rv_err": "col4"}})
def a_csv_file_without_names(folder: Path) -> str:
    return text(folder, joined(lines(",")))


@kind(entry={"columns": {"system": "col1", "time": "col2", "rv": "col3", "rv_err": "col4"}})
def blank_lines_and_comments_among_the_rows(folder: Path) -> str:
    rows = lines("  ")
    return text(folder, joined("", rows[:3], f"#{rows[3]}", "", "  ", rows[3:], "# the end"), "t.vels")


def _marked(folder: Path, mark: str) -> str:
    rows = lines(" ")
    head = [f"{mark} velocities", f"{mark} star bjd v e", f"{mark}      d   km/s km/s"]
    return text(folder, joined(head, rows[:3], mark + rows[3], rows[3:]), "t.txt")


for mark in ("#", "%", "!", "//"):
    KINDS.append(Kind(f"comments_after_{mark}", partial(_marked, mark=mark)))


@kind()
def line_ends_of_an_old_system(folder: Path) -> str:
    return text(folder, joined("star bjd v e", lines(" "), end="\r"), "t.txt")


@kind(systems=("α", "β"))
def two_bytes_a_character(folder: Path) -> str:
    stars = {row: "α" if row < 6 else "β" for row in range(12)}
    return text(folder, joined("star\tbjd\tv\te", lines("\t", {"star": stars})), "t.txt", "utf-16")


@kind(entry=NO_UNITS, rejected=NO_VELOCITY, systems=("HD 1", "Ἀρκτοῦρος"))
def columns_under_a_rule(folder: Path) -> str:
    stars = {row: "HD 1" if row < 6 else "Ἀρκτοῦρος" for row in range(12)}
    widths = (9, 12, 22, 6)
    head = [" ".join(part.ljust(w) for part, w in zip(p, widths, strict=True)) for p in (COLUMNS.values(), UNDER)]
    rule = " ".join("-" * width for width in widths)
    return text(folder, joined(rule, head, rule, fixed_width(widths, {"v": {4: ""}, "star": stars})), "t.txt")


@kind(rejected=NO_VELOCITY)
def columns_under_a_double_rule(folder: Path) -> str:
    rule = " ".join("=" * width for width in WIDTHS)
    names = " ".join(name.ljust(width) for name, width in zip(COLUMNS.values(), WIDTHS, strict=True))
    return text(folder, joined(rule, names, rule, fixed_width(WIDTHS, {"v": {4: ""}}), rule), "t.txt")


@kind()
def a_rule_that_does_not_tell_the_columns(folder: Path) -> str:
    return text(folder, joined("star bjd v e", "---- --- - -", lines(" ")), "t.txt")


@kind(rejected=NO_VELOCITY)
def bars_around_the_cells(folder: Path) -> str:
    rows = [f"| {row} |" for row in lines(" | ", {"v": {4: ""}})]
    rule = "+---+---+---+---+"
    return text(folder, joined(rule, "| star | bjd | v | e |", rule, rows, rule), "t.txt")


@kind()
def an_ecsv_table_of_another_ending(folder: Path) -> str:
    Table(good() | {"star": np.repeat(["A", "B"], 6)}).write(folder / "t.txt", format="ascii.ecsv")
    return "t.txt"


@kind()
def a_compressed_text_file(folder: Path) -> str:
    (folder / "t.tbl.gz").write_bytes(gzip.compress(joined("star bjd v e", lines(" ")).encode()))
    return "t.tbl.gz"


@kind()
def printed_minus_signs_and_exponents_of_fortran(folder: Path) -> str:
    printed = [row.replace("-", "\N{MINUS SIGN}") for row in lines(" ", {"e": {3: "1.D-1", 8: "0.1d0"}})]
    return text(folder, joined("star bjd v e", [row.replace("D\N{MINUS SIGN}", "D-") for row in printed]), "t.txt")


for word in ("--", "---", "...", "NULL", "N/A", "null", "-", "?"):
    write = partial(
        lambda folder, word: text(folder, joined("star bjd v e", lines(" ", {"v": {4: word}})), "t.txt"), word=word
    )
    KINDS.append(Kind(f"no_number_but_{word}", write, rejected=((4, word, "velocity is not a number"),)))


@kind(
    rejected=((2, "...", "rows: snr is not a number"), (3, "9", "rows: snr is below 10")),
    entry={"rows": {"snr": {"at_least": 10}}},
)
def a_condition_where_some_cells_hold_words(folder: Path) -> str:
    return csv(folder, {"snr": ["30", " 30", "...", "9", *["11"] * 8]})


@kind(rejected=((4, "", "the same velocity stands in another row, within 2 s"),))
def the_same_velocity_a_second_later(folder: Path) -> str:
    table = good()
    return csv(folder, {"bjd": {4: table["bjd"][3] + 1 / 86400}, "v": {4: table["v"][3]}})


# Nothing of it can be used


@kind(message=r"t\.csv: the file is empty\.")
def an_empty_file(folder: Path) -> str:
    return text(folder, "")


@kind(message=r"t\.txt: the file is empty\.")
def an_empty_text_file(folder: Path) -> str:
    return text(folder, "# nothing\n", "t.txt")


@kind(message=r"this table cannot be used:\n  - the table has no rows\.")
def only_a_line_of_names(folder: Path) -> str:
    return text(folder, "star,bjd,v,e\n")


@kind(message=r"columns\.rv: the table has no column 'v'; it has star, bjd, V, e\. Did you mean 'V'\?")
def a_mistyped_column(folder: Path) -> str:
    (folder / csv(folder)).write_text((folder / "t.csv").read_text().replace(",v,", ",V,"))
    return "t.csv"


@kind(message=r"- columns\.system: .*\n  - columns\.time: .*\n  - columns\.rv: .*\n  - columns\.rv_err: ")
def no_column_is_there(folder: Path) -> str:
    return text(folder, "1,2,3\n4,5,6\n")


@kind(
    message=r"- column 'bjd' holds text such as '2012-03-14T10:00:00'; .* Julian dates .*\n  - column 'v' holds text"
)
def dates_and_words(folder: Path) -> str:
    return csv(folder, {"bjd": ["2012-03-14T10:00:00"] * 12, "v": ["fast"] * 12})


@kind(message=r"column 'v' holds text such as '12,5'; expected numbers\. Write decimal points, not commas\.")
def decimal_commas(folder: Path) -> str:
    return csv(folder, {"v": ["12,5"] * 12}, sep=",")


@kind(
    message=r"line 2, 'A,2456000,0,-30\.0,0\.1', has 5 cells between commas, and the names 4: .* commas must be points"
)
def decimal_commas_that_move_the_columns(folder: Path) -> str:
    lines = (folder / csv(folder)).read_text().splitlines()
    return text(folder, "\n".join([lines[0], *(line.replace(".", ",", 1) for line in lines[1:])]) + "\n")


@kind(message=r"t\.csv: line 6, 'A,2456014\.8,-8\.18\d+', has 3 cells between commas, and the names 4")
def a_line_cut_short(folder: Path) -> str:
    lines = (folder / csv(folder)).read_text().splitlines()
    lines[5] = lines[5].rpartition(",")[0]
    return text(folder, "\n".join(lines) + "\n")


def _times(name: str, message: str, values: Any, **entry: Any) -> None:
    def write(folder: Path) -> str:
        return csv(folder, {"bjd": values})

    KINDS.append(Kind(name, write, entry=entry, message=message))


JD = good()["bjd"]
_times("mjd_taken_as_jd", r"none of them a Julian date of 1900 to 2100.*\(time: {format: mjd}\)", JD - 2400000.5)
_times(
    "days_from_gaias_zero",
    r"zero point, such as 2450000 .*2455197.5 \(Gaia\).*2457000 \(TESS\).*time: {zero_jd: ...}",
    JD - 2455197.5,
)
_times("decimal_years", "could be decimal years", 2012 + np.arange(12) / 10)
_times(
    "seconds_since_1970",
    "could be counted since 1970 in s: units: {time: s}, time: {zero_jd: 2440587.5}",
    (JD - 2440587.5) * 86400,
)
_times("julian_dates_in_seconds", r"Julian dates in s: units: {time: s}", JD * 86400)
_times("jd_taken_as_mjd", r"time: {'format': 'mjd'} was applied; is it right\?", JD, time={"format": "mjd"})


@kind(message=r"all velocities are beyond 9000 km/s \(from 12000 km/s\)\. Are they in .* m/s\? Set units: {rv: m/s}")
def metres_taken_as_kilometres(folder: Path) -> str:
    return csv(folder, {"v": np.linspace(12000, 20000, 12)})


@kind(
    message=r"column 'v' has no unit in the table and none in the configuration; add e\.g\. units: {rv: km / s}",
    entry={"units": {"rv": None}},
)
def no_unit(folder: Path) -> str:
    return csv(folder)


@kind(message=r"units\.rv: 'kms' did not parse as unit.*Allowed is any unit", entry={"units": {"rv": "kms"}})
def an_unknown_unit(folder: Path) -> str:
    return csv(folder)


@kind(message=r"column 'v' is in 'pc'; expected a unit convertible to km / s", entry={"units": {"rv": "pc"}})
def a_unit_of_something_else(folder: Path) -> str:
    return csv(folder)


@kind(message=r"units\.rv: 'km / s', but the table itself gives column 'v' in 'm / s'; leave out one")
def contradictory_units(folder: Path) -> str:
    return fits_table(folder, {"v": good()["v"] * u.m / u.s})


@kind(
    message=r"column 'v' has a unit that is not understood \('kmsec'\) and none in the configuration",
    entry={"units": {"rv": None}},
)
def a_unit_that_is_none(folder: Path) -> str:
    fits_table(folder)
    with fits.open(folder / "t.fits", mode="update") as hdus:
        hdus[1].columns["v"].unit = "kmsec"
    return "t.fits"


@kind(
    message=r"column 'bjd' is stored in 32 bits, which round its times to 0\.25 d; write the table anew with 64 bits"
)
def julian_dates_in_32_bits(folder: Path) -> str:
    return fits_table(folder, {"bjd": good()["bjd"].astype(np.float32)})


@kind(message=r"column 'bjd' holds dates; expected numbers\. Convert them to Julian dates")
def timestamps(folder: Path) -> str:
    pd.DataFrame(good() | {"bjd": pd.date_range("2012-03-14", periods=12)}).to_parquet(folder / "t.parquet")
    return "t.parquet"


@kind(message=r"column 'v' holds complex numbers; expected numbers")
def complex_velocities(folder: Path) -> str:
    return fits_table(folder, {"v": np.ones(12, complex)})


@kind(message=r"column 'v' holds true and false; expected numbers")
def true_and_false_for_velocities(folder: Path) -> str:
    return fits_table(folder, {"v": np.ones(12, bool)})


@kind(message=r"column 'v' has \(3,\) numbers in each row; expected one")
def several_velocities_a_row(folder: Path) -> str:
    return fits_table(folder, {"v": np.ones((12, 3))})


@kind(message=r"column 'star' holds floating-point numbers such as .*e\+18; names must be text or whole numbers")
def long_names_that_lost_digits(folder: Path) -> str:
    return fits_table(folder, {"star": np.repeat([4.116484574592345e18, 4.2e18], 6)})


@kind(message=r"column 'star' holds floating-point numbers such as .*1\.5.*; names must be text")
def fractions_for_names(folder: Path) -> str:
    return fits_table(folder, {"star": np.repeat([1.5, 2.5], 6)})


@kind(message="no row has the name of a system")
def no_names(folder: Path) -> str:
    return csv(folder, {"star": [""] * 12})


@kind(message=r"t\.fits: this cannot be read as fits \(.*\)\. If it is of another format, say which: format: one")
def text_in_a_fits_file(folder: Path) -> str:
    return text(folder, "star bjd v e\nA 1 2 3\n", "t.fits")


@kind(message=r"t\.fits: the file ends before its table does \(\d+ bytes of at least \d+\); get it again")
def a_truncated_fits_file(folder: Path) -> str:
    big = {key: np.repeat(value, 400) for key, value in good().items()} | {"star": np.repeat(["A", "B"], 2400)}
    Table(big).write(folder / "t.fits")
    content = (folder / "t.fits").read_bytes()
    (folder / "t.fits").write_bytes(content[: len(content) // 2])
    return "t.fits"


@kind(message=r".*t\.fits holds no table: it has 1 part")
def a_fits_image(folder: Path) -> str:
    fits.PrimaryHDU(np.ones((3, 3))).writeto(folder / "t.fits")
    return "t.fits"


@kind(message=r"hdu: .* has no table 7; its tables are: 1 ''", entry={"hdu": 7})
def an_hdu_that_is_not_there(folder: Path) -> str:
    return fits_table(folder)


@kind(message=r"has no table 'VISIT'; its tables are: 1 'VISITS'\. Did you mean 'VISITS'\?", entry={"hdu": "VISIT"})
def a_mistyped_hdu(folder: Path) -> str:
    fits.BinTableHDU(Table(good() | {"star": np.repeat(["A", "B"], 6)}), name="VISITS").writeto(folder / "t.fits")
    return "t.fits"


@kind(message=r"t\.unl: its ending tells no format; known are \.fits .*Add format: to the cat")
def an_unknown_ending(folder: Path) -> str:
    return text(folder, "PK", "t.unl")


@kind(message=r"t\.pkl: its ending tells no format")
def a_pickle(folder: Path) -> str:
    pd.DataFrame(good()).to_pickle(folder / "t.pkl")
    return "t.pkl"


@kind(message=r"t\.csv: this cannot be read as parquet", entry={"format": "parquet"})
def a_wrong_format(folder: Path) -> str:
    return csv(folder)


@kind(message=r"t\.csv: this file is a folder \(looked for in ")
def a_folder(folder: Path) -> str:
    (folder / "t.csv").mkdir()
    return "t.csv"


@kind(message=r"t\.csv: this file is not there")
def no_file(folder: Path) -> str:
    return "t.csv"


@kind(message=r"two\.csv: it and .*one\.csv do not have the same columns: v\.")
def files_with_other_columns(folder: Path) -> list[str]:
    csv(folder, name="one.csv")
    pd.DataFrame(good()).rename(columns={"v": "w"}).to_csv(folder / "two.csv", index=False)
    return ["one.csv", "two.csv"]


@kind(message=r"two\.fits: column 'v' is in m / s, in .*one\.fits in km / s; make them alike")
def files_with_other_units(folder: Path) -> list[str]:
    fits_table(folder, {"v": good()["v"] * u.km / u.s}, "one.fits")
    fits_table(folder, {"v": good()["v"] * u.m / u.s}, "two.fits")
    return ["one.fits", "two.fits"]


@kind(message=r"two columns have one name: star, bjd, v, v, e")
def a_name_for_two_columns(folder: Path) -> str:
    return text(folder, "star,bjd,v,v,e\nA,2456000,1,2,0.1\n")


@kind(message=r"t\.csv: this is no text, since byte 0 is zero; save it as text in UTF-8, or say which format it is of")
def bytes_that_are_no_text(folder: Path) -> str:
    (folder / "t.csv").write_bytes(bytes(range(256)) * 40)
    return "t.csv"


@kind(message=r"t\.xml: this cannot be read as votable")
def broken_xml(folder: Path) -> str:
    return text(folder, "<VOTABLE><TABLE>", "t.xml")


@kind(message=r"t\.parquet: this cannot be read as parquet")
def a_truncated_parquet_file(folder: Path) -> str:
    pd.DataFrame(good()).to_parquet(folder / "t.parquet")
    (folder / "t.parquet").write_bytes((folder / "t.parquet").read_bytes()[:-100])
    return "t.parquet"


@kind(message=r"t\.ecsv: this cannot be read as ecsv")
def an_ecsv_file_without_its_head(folder: Path) -> str:
    csv(folder)
    return text(folder, (folder / "t.csv").read_text(), "t.ecsv")


@kind(
    message=r"line 2, 'HD 1 2456000 1 0\.1', has 5 cells between blanks, and the names 4: .* has blanks needs quotes"
)
def names_with_blanks_in_a_text_file(folder: Path) -> str:
    return text(folder, "star bjd v e\nHD 1 2456000 1 0.1\n", "t.txt")


@kind(message=r"t\.txt: line 4, 'A 2456007\.4 0\.1', has 3 cells between blanks, and the names 4: star, bjd, v, e\.")
def a_cell_left_blank_between_blanks(folder: Path) -> str:
    return text(folder, joined("star bjd v e", lines(" ", {"v": {2: ""}})).replace("  ", " "), "t.txt")


@kind(
    message=r"line 3, 'A 2456007\.4 0\.1', has 3 cells between blanks, and the first row 4: col1, col2, col3, col4\.",
    entry={"columns": {"system": "col1", "time": "col2", "rv": "col3", "rv_err": "col4"}},
)
def a_cell_left_blank_in_a_file_without_names(folder: Path) -> str:
    return text(folder, joined(lines(" ", {"v": {2: ""}})).replace("  ", " "), "t.txt")


@kind(message=r"t\.txt: line 4, .*, has an empty cell between tabs, and blanks separate the columns of the first row")
def an_empty_cell_between_tabs_among_blanks(folder: Path) -> str:
    rows = lines(" ")
    return text(folder, joined("star bjd v e", rows[:2], lines("\t", {"v": {2: ""}})[2], rows[3:]), "t.txt")


@kind(message=r"t\.tsv: line 4, .* has 3 cells between tabs, and the names 4: star, bjd, v, e\.")
def a_cell_that_is_lacking_between_tabs(folder: Path) -> str:
    rows = lines("\t")
    return text(folder, joined("star\tbjd\tv\te", rows[:2], rows[2].replace("\t0.1", ""), rows[3:]), "t.tsv")


@kind(
    message=r"t\.csv: line 4, '.*,\"', has a quote that is not closed where its cell ends; close it, or leave it out"
)
def quotes_that_are_not_closed(folder: Path) -> str:
    rows = [f"{row},x" for row in lines(",")]
    rows[2], rows[5] = rows[2].replace(",x", ',"'), rows[5].replace(",x", ',"x')
    return text(folder, joined("star,bjd,v,e,seen", rows))


@kind(message=r"t\.tbl: line 7, ' A {6}2456007\.4 -19\.\d+ .* has '9' as character 21, which is in no column of the")
def a_row_of_an_ipac_table_that_crosses_its_columns(folder: Path) -> str:
    rows = fixed_width(WIDTHS)
    rows[2] = rows[2].replace("2456007.4    ", "2456007.4 ")
    return ipac(folder, rows)


@kind(
    message=r"t\.txt: line 14, .*, has '\d' as character \d+, which is in no column of the header: star 1-6, bjd 8-19,"
)
def a_machine_readable_table_with_tabs(folder: Path) -> str:
    return text(folder, joined(MRT_HEAD, lines("\t")), "t.txt")


@kind(message=r"column 'v' holds text such as '-30,0'; expected numbers\. Write decimal points, not commas\.")
def decimal_commas_between_blanks(folder: Path) -> str:
    return text(folder, joined("star bjd v e", [row.replace(".", ",") for row in lines(" ")]), "t.txt")


for known, written in (
    ("exponent", "4.116484574592345e+18"),
    ("point", "4116484574592345088.0"),
    ("sheet", "4.11648E+18"),
):
    KINDS.append(
        Kind(
            f"long_names_that_were_floats_with_{known}",
            partial(lambda folder, written: csv(folder, {"star": [written] * 12}), written=written),
            message=rf"column 'star' holds floating-point numbers such as '{re.escape(written)}'; names must be text",
        )
    )


@kind(
    message=r"column 'bjd' has been stored in 32 bits, which rounded its times to 0\.25 d: all of them are multiples"
)
def julian_dates_that_were_in_32_bits(folder: Path) -> str:
    return csv(folder, {"bjd": (JD + 0.123).astype(np.float32).astype(float)})


@kind(
    message=r"rows\.SNR: the table has no column 'SNR'; .*Did you mean 'snr'\?",
    entry={"rows": {"SNR": {"at_least": 1}}},
)
def a_condition_on_no_column(folder: Path) -> str:
    return csv(folder, {"snr": np.ones(12)})


@kind(
    message=r"rows\.star\.at_least: column 'star' holds .*; expected numbers",
    entry={"rows": {"star": {"at_least": 1}}},
)
def a_condition_on_text(folder: Path) -> str:
    return csv(folder)


@kind(message=r"rows\.v\.without_bits: .* floating-point numbers, which", entry={"rows": {"v": {"without_bits": [1]}}})
def bits_of_a_float(folder: Path) -> str:
    return csv(folder)


@kind(
    message=r"no visit of the table's 12 rows is left: 12 rows: e is above 0\.01",
    entry={"rows": {"e": {"at_most": 0.01}}},
)
def nothing_meets_the_conditions(folder: Path) -> str:
    return csv(folder)


@kind(message=r"no visit of the table's 12 rows is left: 12 fewer than 20 usable", selection={"min_visits": 20})
def all_systems_too_short(folder: Path) -> str:
    return csv(folder)


@kind(
    message=r"- systems\.keep: 'AA' is not in the table, which has 2 systems\..*\n  - systems\.drop: 'Q' is not in",
    selection={"keep": ["AA"], "drop": ["Q"]},
)
def a_selection_of_nothing(folder: Path) -> str:
    return csv(folder)


def write_all(folder: Path) -> None:
    """Write the whole corpus, a folder each kind."""
    for one in KINDS:
        (folder / one.name).mkdir(parents=True)
        one.write(folder / one.name)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
    print(f"{len(KINDS)} kinds of table in {sys.argv[1]}")
