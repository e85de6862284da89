"""What the benchmarks measured, for the pages: none of it is typed.

`benchmarks/measured/` has what `make bench` printed, as it is kept in the repository: of each benchmark the day, the
version, the machine, and tables under titles.

    {measured}`accuracy "Nodes against brute force" largest .0e noise=jitter`

is a cell: the benchmark, the title of the table, the column, a format (s for text), and the row by its values in other
columns. What has blanks stands in quotes.

    ```{measured-table} scan Scan
    :columns: visits; baseline [d]; nifty-ls / scan
    ```
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from run_results import rows_with
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "measured"
TITLE = "### "


def tables_of(text: str) -> dict[str, pd.DataFrame]:
    """The tables in what a benchmark printed, by their titles; cells are text."""
    found = {}
    for part in re.split(rf"^{TITLE}", text, flags=re.MULTILINE)[1:]:
        title, *lines = part.splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
        head, _, *cells = rows
        found[title] = pd.DataFrame(cells, columns=head)
    return found


def printed(benchmark: str, env: BuildEnvironment | None = None) -> str:
    """What a benchmark printed; with another one the page is made again."""
    path = MEASURED / f"{benchmark}.md"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in MEASURED.glob("*.md")))
        raise ExtensionError(f"{benchmark}: no benchmark has been kept of that name; there are {there}.")
    if env is not None:
        env.note_dependency(str(path))
    return path.read_text(encoding="utf-8")


def measured(benchmark: str, title: str, env: BuildEnvironment | None = None) -> pd.DataFrame:
    """A table of a benchmark."""
    tables = tables_of(printed(benchmark, env))
    if title not in tables:
        raise ExtensionError(f"{benchmark}: there is no table {title!r}; there are {', '.join(map(repr, tables))}.")
    return tables[title]


def value(text: str, env: BuildEnvironment | None = None) -> str:
    """What the role shows."""
    benchmark, title, column, style, *where = shlex.split(text)
    table = measured(benchmark, title, env)
    if column not in table:
        raise ExtensionError(f"{text}: there is no column {column!r}; the table has {', '.join(map(repr, table))}.")
    rows = rows_with(table, where)[column]
    if len(rows) != 1:
        raise ExtensionError(f"{text}: {len(rows)} rows are so; one is needed.")
    return rows.item() if style == "s" else format(float(rows.item()), style)


class Measured(SphinxRole):
    """A number of a benchmark."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number as text."""
        return [nodes.Text(value(self.text, self.env))], []


class MeasuredTable(SphinxDirective):
    """Some columns of a table of a benchmark, with the day, the version and the program that measured them."""

    required_arguments, final_argument_whitespace = 2, True
    option_spec: ClassVar = {"columns": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """The table, through Markdown."""
        benchmark, title = self.arguments
        table, (made, _, _) = measured(benchmark, title, self.env), printed(benchmark).partition(":")
        columns = [name.strip() for name in self.options["columns"].split(";")]
        lines = [columns, ["---"] * len(columns), *table[columns].to_numpy().tolist()]
        rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return self.parse_text_to_nodes(f"{rows}\n\n*{made}, by* `benchmarks/bench_{benchmark}.py`")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the role and the directive."""
    app.add_role("measured", Measured())
    app.add_directive("measured-table", MeasuredTable)
    return {"parallel_read_safe": True}
