"""Tables written as text: what a file is, told from its first lines, and its cells, none in the place of a neighbour.

| a file | is read by |
|---|---|
| ipac: header lines between bars | astropy |
| mrt: AAS and CDS machine-readable tables, with a "Byte-by-byte Description" | astropy |
| ecsv: the first line is ``# %ECSV`` | astropy |
| any other | pyarrow |

Blank lines, comments (lines that begin with ``#``, ``%``, ``!`` or ``//``) and rules (lines of dashes, or of the types
in an RDB file) are no rows, wherever they stand. Tabs separate the columns if the first row has any; else what the
names and the first row have equally many of, ``;``, ``|`` or commas (which come first in a .csv file); else blanks.
Where a rule follows the names, a second line above it holds units, and columns between blanks end where its dashes do,
if its gaps are blank in all rows. Names are in the first line unless it has a number; then in the comment above that
has most of those asked for, and as many words as there are columns; else they are col1, col2, ...

A row that has not as many cells as there are names is an error: its cells could be those of other columns.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice, pairwise, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import ascii as formats
from astropy.table import MaskedColumn, Table

from starpop.run.errors import InputError
from starpop.run.store import read_ecsv

# What may separate the columns, in the order in which it is looked for.
SEPARATORS = {"csv": ",;\t| ", "text": "\t;|, ", "tsv": "\t", "rdb": "\t"}
SPELLED = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
ADVICE = (
    "A cell that has what separates the columns needs quotes, and decimal commas must be points.",
    "A cell that is empty or has blanks needs quotes, or tabs or commas between the columns; a remark begins with #.",
)
FIXED_WIDTH = {"ipac": formats.Ipac, "mrt": formats.Mrt}
BLANK_OR_COMMENT = re.compile(rb"\s*((#|%|!|//).*)?")
RULE = re.compile(rb"[-=+|:;,\s]*(---|===)[-=+|:;,\s]*|\d*[NSM](\t\d*[NSM])+\s*")
EMPTY_BETWEEN_TABS = re.compile(rb"\S *\t *\t *\S")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|nan|inf|-inf", re.IGNORECASE)
WORD = re.compile(r'"([^"]*)"|(\S+)')
# So many lines may come before a table's description; so many of an IPAC table are its header.
LONGEST_PREFACE, IPAC_HEADER = 1000, 4


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are divided into cells.

    Attributes
    ----------
    separator : of the cells
    spans : where each column begins and ends, if the rule below the names tells
    header : how many rows are names and units
    names, units : of the columns; units are none where the file does not tell
    """

    separator: str
    spans: list[slice]
    header: int
    names: list[str]
    units: list[str]

    def cells(self, row: bytes) -> list[str]:
        """The cells of a row."""
        line = _decoded(row)
        return [line[span].strip() for span in self.spans] or _cells(line, self.separator)


def read_text(path: str, kind: str, wanted: set[str], text: set[str]) -> tuple[Table, list[str]]:
    """The wanted columns of a text file, and the names of all.

    Parameters
    ----------
    kind : one of `SEPARATORS`, of which "csv" and "text" leave the rest to the first lines, or of `FIXED_WIDTH`
    text : the columns that hold names, which are not read as numbers

    Raises
    ------
    InputError : the file is no text or empty, two columns have one name, or a row has not as many cells as the names
    """
    lines = _lines(path)
    if kind in ("csv", "text"):
        kind = _described(lines) or kind
    if kind == "ecsv":
        table = read_ecsv(path)
        return table[[name for name in table.colnames if name in wanted]], table.colnames
    if kind in FIXED_WIDTH:
        return _fixed_width(path, lines, kind, wanted)
    rows = [line for line in lines if not (BLANK_OR_COMMENT.fullmatch(line) or RULE.fullmatch(line))]
    if not rows:
        raise InputError(f"{path}: the file is empty.")
    layout = _layout(lines, rows, SEPARATORS[kind], wanted)
    if len(set(layout.names)) < len(layout.names):
        raise InputError(f"{path}: two columns have one name: {', '.join(layout.names)}.")
    table = _delimited(path, lines, rows[layout.header :], layout, wanted, text)
    if len(rows) < len(lines):
        _tell_comments(path, lines[lines.index(rows[0]) :], table)
    for name, unit in zip(layout.names, layout.units, strict=False):
        if unit and name in table.colnames:
            table[name].unit = unit
    return table, layout.names


def _tell_comments(path: str, lines: Sequence[bytes], table: Table) -> None:
    """Say which lines among the rows are comments: a name could begin like one."""
    comments = [_shown(_decoded(line)) for line in lines if BLANK_OR_COMMENT.fullmatch(line) and line.strip()]
    if comments:
        said = f"{len(comments)} of the lines among its rows are comments, the first {comments[0]!r}."
        table.meta["remarks"] = [f"{path}: {said}"]


def _lines(path: str) -> list[bytes]:
    """The lines of a file, in UTF-8."""
    content = Path(path).read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16").encode()
    if b"\0" in content:
        raise InputError(
            f"{path}: this is no text, since byte {content.index(0)} is zero; save it as text in UTF-8, or say which "
            "format it is of."
        )
    return content.removeprefix(codecs.BOM_UTF8).splitlines()


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line, without quotes, and without blanks around them."""
    if separator == " ":
        return [quoted or word for quoted, word in WORD.findall(line)]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _described(lines: Sequence[bytes]) -> str:
    """The format of a table that describes itself, or nothing."""
    if lines and lines[0].startswith(b"# %ECSV"):
        return "ecsv"
    if any(line.lower().startswith(b"byte-by-byte description") for line in lines[:LONGEST_PREFACE]):
        return "mrt"
    table = dropwhile(lambda line: line.startswith(b"\\") or not line.strip(), lines)
    bars = takewhile(lambda line: re.fullmatch(rb"\|.*\|\s*", line), table)
    return "ipac" if 1 <= len(list(islice(bars, IPAC_HEADER + 1))) <= IPAC_HEADER else ""


def _layout(lines: Sequence[bytes], rows: Sequence[bytes], allowed: str, wanted: set[str]) -> Layout:
    """Find what separates the columns, and their names."""
    rule, header = _rule(lines)
    head = rows[: header + 1]
    first = _decoded(head[0])
    separator = _separator(first, _decoded(head[-1]), allowed)
    spans = _spans(rule, rows) if separator == " " else []
    layout = Layout(separator, spans, header, [], [])
    names, cells = layout.cells(head[0]), layout.cells(head[-1])
    while len(names) > 1 and not names[-1]:
        names.pop()
    if not wanted & set(names) and any(NUMBER.fullmatch(name) for name in names):
        return Layout(separator, [], 0, _named(_names_above(lines, len(names), separator, wanted)), [])
    if len(names) != len(cells) == len(_cells(first, " ")):
        names = _cells(first, " ")
    return Layout(separator, spans, header, _named(names), layout.cells(head[1]) if header == 2 else [])


def _rule(lines: Sequence[bytes]) -> tuple[bytes, int]:
    """The rule below the names, if there is one, and how many rows they and the units take, if the file has names."""
    head = islice((line for line in lines if not BLANK_OR_COMMENT.fullmatch(line)), 6)
    below = list(dropwhile(RULE.fullmatch, head))
    for header in (1, 2):
        if header < len(below) and RULE.fullmatch(below[header]):
            return below[header], header
    return b"", 1


def _separator(first: str, row: str, allowed: str) -> str:
    """What separates the columns, from the first line and the first row."""
    for separator in allowed.strip(" "):
        cells = _cells(row.strip(), separator)
        alike = len(_cells(first.strip(), separator)) == len(cells)
        # the names may have blanks between them all the same; where the row has blanks too, its commas are decimal
        alike = alike or (len(_cells(first, " ")) == len(cells) and not any(" " in cell for cell in cells))
        if len(cells) > 1 and (alike or allowed[0] == separator == "\t"):
            return separator
    return max(allowed, key=lambda separator: len(_cells(first, separator)))


def _spans(rule: bytes, rows: Sequence[bytes]) -> list[slice]:
    """Where columns begin and end under a rule of dashes and blanks, if its gaps are blank in all rows."""
    dashes = [found.span() for found in re.finditer(rb"[-=]+", rule)]
    gaps = [slice(end, start) for (_, end), (start, _) in pairwise(dashes)]
    if not gaps or rule.strip(b"-= "):
        return []
    for line in map(_decoded, rows):
        if "\t" in line or any(line[gap].strip() for gap in gaps):
            return []
    starts, ends = [0, *(gap.stop for gap in gaps)], [*(gap.start for gap in gaps), None]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _names_above(lines: Sequence[bytes], count: int, separator: str, wanted: set[str]) -> list[str]:
    """So many names from the comment above the first row that has most of those wanted; else none of them named."""
    best = [""] * count
    for comment in map(_decoded, takewhile(BLANK_OR_COMMENT.fullmatch, lines)):
        for names in (_cells(comment.lstrip("#%!/ \t"), mark) for mark in (separator, " ")):
            if len(names) == count and len(wanted & set(names)) > len(wanted & set(best)):
                best = names
    return best


def _named(names: Sequence[str]) -> list[str]:
    """Names that can be shown, also where there are none."""
    return [_shown(name) or f"col{i + 1}" for i, name in enumerate(names)]


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _delimited(
    path: str, lines: Sequence[bytes], rows: Sequence[bytes], layout: Layout, wanted: set[str], text: set[str]
) -> Table:
    """The wanted columns of rows that must have a cell for each name."""
    kept = [name for name in layout.names if name in wanted]
    if not rows or not kept:
        return Table({name: np.array([], dtype=str) for name in kept})
    blanks = layout.separator == " "
    for row in rows if blanks else ():
        if EMPTY_BETWEEN_TABS.search(row):
            raise InputError(
                f"{_place(path, lines, row)} has an empty cell between tabs, and blanks separate the columns of the "
                "first row; separate all of them by tabs."
            )
    body = b"\n".join(_between_tabs(rows, layout) if blanks else rows)
    try:
        table = _parsed(body, "\t" if blanks else layout.separator, not blanks, layout.names, kept, text)
    except ValueError:
        table = _parsed(_fitted(path, lines, rows, layout), "\t", True, layout.names, kept, text)
    if len(table) != len(rows):
        _check_quotes(path, lines, rows, layout.separator)
    return table


def _between_tabs(rows: Sequence[bytes], layout: Layout) -> Iterator[bytes]:
    """Rows with their cells between tabs."""
    for row in rows:
        if layout.spans or b'"' in row:
            yield "\t".join(layout.cells(row)).encode("utf-8", "surrogateescape")
        else:
            yield b"\t".join(row.split())


def _fitted(path: str, lines: Sequence[bytes], rows: Sequence[bytes], layout: Layout) -> bytes:
    """The same without empty cells beyond the last name; a row that still has not as many as the names is an error."""
    fitted = io.StringIO()
    writer = csv.writer(fitted, delimiter="\t", lineterminator="\n")
    for row in rows:
        cells = layout.cells(row)
        while len(cells) > len(layout.names) and not cells[-1]:
            cells.pop()
        if len(cells) != len(layout.names):
            named = "the names" if layout.header else "the first row"
            raise InputError(
                f"{_place(path, lines, row)} has {len(cells)} cells between {SPELLED[layout.separator]}, and {named} "
                f"{len(layout.names)}: {', '.join(layout.names)}. {ADVICE[layout.separator == ' ']}"
            )
        writer.writerow(cells)
    return fitted.getvalue().encode("utf-8", "surrogateescape")


def _place(path: str, lines: Sequence[bytes], row: bytes) -> str:
    """Where a row stands, and what it is."""
    return f"{path}: line {lines.index(row) + 1}, {_shown(_decoded(row))!r},"


def _parsed(
    body: bytes, separator: str, quoted: bool, names: Sequence[str], kept: Sequence[str], text: set[str]
) -> Table:
    """Some columns of rows of cells; those of dates as they are written, like those of text."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    found = arrow_csv.read_csv(
        pyarrow.BufferReader(body),
        read_options=arrow_csv.ReadOptions(column_names=names),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, quote_char='"' if quoted else False),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=kept,
            # a name that stands in many rows is kept once
            column_types={
                name: pyarrow.dictionary(pyarrow.int32(), pyarrow.string()) for name in kept if name in text
            },
            null_values=[""],
            strings_can_be_null=True,
            true_values=[],  # as they are written
            false_values=[],
        ),
        memory_pool=pyarrow.system_memory_pool(),  # which gives memory back
    )
    dates = {field.name for field in found.schema if pyarrow.types.is_temporal(field.type)}
    if dates:
        return _parsed(body, separator, quoted, names, kept, text | dates)
    return from_arrow(found, text)


def from_arrow(found: Any, text: set[str]) -> Table:
    """A table of pyarrow's as astropy's: whole numbers keep their digits where others are missing."""
    import pyarrow

    table = Table()
    for name in found.column_names:
        column = found.column(name)
        missing = column.is_null().to_numpy()
        values = (column.fill_null(0) if pyarrow.types.is_integer(column.type) else column).to_pandas()
        if values.dtype.kind not in "biufMm":
            values = values.astype(object).where(~missing, "")
        if pyarrow.types.is_string(column.type) and name not in text:  # numbers between blanks, and cells of blanks
            values = values.str.strip()
            missing = missing | (values == "").to_numpy(bool)
        table[name] = np.ma.masked_array(values.to_numpy(), mask=missing) if missing.any() else values.to_numpy()
    return table


def _check_quotes(path: str, lines: Sequence[bytes], rows: Sequence[bytes], separator: str) -> None:
    """Quotes may hold a line break, but one that is not closed takes other rows into its cell."""
    reader = csv.reader((_decoded(row) + "\n" for row in rows), delimiter=separator, strict=True)
    first = 0
    try:
        for _ in reader:
            first = reader.line_num
    except csv.Error:
        place = _place(path, lines, rows[first])
        raise InputError(
            f"{place} has a quote that is not closed where its cell ends; close it, or leave it out."
        ) from None


class AsWritten(formats.BaseOutputter):
    """Columns of text; what cannot be a number is for each row to answer for."""

    def __call__(self, cols: Sequence[Any], meta: Any) -> Table:
        """Return the table of a reader's columns."""
        table = Table()
        for column in cols:
            cells = np.array(column.str_vals, dtype=str)
            missing = (cells == "") | np.array(getattr(column, "mask", np.zeros(len(cells))), dtype=bool)
            described = {"unit": column.unit, "description": getattr(column, "description", None)}
            table[column.name] = MaskedColumn(cells, mask=missing, **described)
        return table


def _fixed_width(path: str, lines: Sequence[bytes], kind: str, wanted: set[str]) -> tuple[Table, list[str]]:
    """A table whose header says where its columns are; what stands elsewhere would be cut off."""
    reader = formats.get_reader(FIXED_WIDTH[kind], outputter_cls=AsWritten)
    texts = [_shown(_decoded(line)) for line in lines]
    table = reader.read(texts)
    covered = {place for column in reader.cols for place in range(column.start, column.end)}
    columns = ", ".join(f"{column.name} {column.start + 1}-{column.end}" for column in reader.cols)
    for line in reader.data.data_lines:
        stray = next((k for k, letter in enumerate(line) if letter.isalnum() and k not in covered), None)
        if stray is not None:
            raise InputError(
                f"{path}: line {texts.index(line) + 1}, {line!r}, has {line[stray]!r} as character {stray + 1}, which "
                f"is in no column of the header: {columns}."
            )
    return table[[name for name in table.colnames if name in wanted]], table.colnames
