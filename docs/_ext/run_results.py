"""Numbers, tables and figures of a finished run, for the pages: none of them is typed.

    {result}`tutorial/normal/summary.csv mean .3f parameter=mu method=exact`

is a cell of a table in the folder of the run's catalogue (or in `cluster/`): the file, the column, a format, and the
row by its values in other columns, or by its place, as `row=0`. In the place of a column may stand `max(column)`,
`largest(column)`, of the absolute values, or `count(column)`, of all rows that the rest leaves.

    ```{result-table} published.csv            ```{result-figure} tutorial/figures/orbits.png
    :columns: quantity published mean sd       ```
    :where: section=population
    ```

A figure has the caption of the run's report.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pandas as pd
from astropy.table import Table
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from starpop.pages.report import page
from starpop.run import products

# Of the catalogues of the paper run the one that is taken, if there are both.
CATALOGUES = ("apogee", "twin")
STATISTICS = {"max": pd.Series.max, "largest": lambda values: values.abs().max(), "count": pd.Series.count}


def rows_with(table: pd.DataFrame, where: Iterable[str]) -> pd.DataFrame:
    """The rows of a table that have some values, such as ``method=exact``, or a place, ``row=0``."""
    for condition in where:
        column, _, value = condition.partition("=")
        table = table.iloc[[int(value)]] if column == "row" else table[table[column] == value]
    return table


class RunResults:
    """The finished run of a clone.

    Attributes
    ----------
    catalogue : which was analysed
    """

    def __init__(self, root: Path) -> None:
        self.root, self.results = root, root / "results"
        there = [name for name in CATALOGUES if (self.results / name / "published.csv").is_file()]
        if not there:
            raise ExtensionError(
                f"{self.results}: there is no finished run of {' or '.join(CATALOGUES)}, and the documentation shows "
                "its numbers and figures; run `make reproduce` first."
            )
        self.catalogue = there[0]

    def path(self, name: str) -> Path:
        """A product, by its path in the catalogue's folder, or in that of another part of the run."""
        outside = name.startswith(("cluster/", "model_graphs/"))
        path = self.results / name if outside else self.results / self.catalogue / name
        if not path.is_file():
            raise ExtensionError(f"{path}: the run has no such product; run `make reproduce`.")
        return path

    def table(self, name: str, where: list[str]) -> pd.DataFrame:
        """The rows of a table that are so (`rows_with`)."""
        path = self.path(name)
        if path.suffix == ".ecsv":
            table = Table.read(path).to_pandas().astype(str)
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return rows_with(table, where)

    def value(self, text: str) -> str:
        """What the role shows."""
        name, wanted, style, *where = text.split()
        statistic, column = re.fullmatch(r"(?:(\w+)\()?(.+?)\)?", wanted).groups()
        table = self.table(name, where)
        if column not in table:
            raise ExtensionError(f"{text}: there is no column {column}; the table has {', '.join(table)}.")
        if statistic:
            values = table[column] if statistic == "count" else pd.to_numeric(table[column])
            return format(STATISTICS[statistic](values), style)
        if len(table) != 1:
            raise ExtensionError(f"{text}: {len(table)} rows are so; one is needed.")
        cell = table[column].item()
        return cell if style == "s" else format(float(cell), style)

    def caption(self, name: str) -> str:
        """What the run's report says below a figure."""
        text = products.caption_of(self.path(name), self.root / "workflow" / "report").read_text(encoding="utf-8")
        return page.caption({"caption": text, "catalog": self.catalogue, "system_model": name.split("/")[0]})


class Result(SphinxRole):
    """A number of the run."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number as text."""
        run = run_shown(self.env, self.text.split()[0])
        return [nodes.Text(run.value(self.text))], []


def run_shown(env: BuildEnvironment, name: str) -> RunResults:
    """The run, of which a page shows a product: with another one the page is made again."""
    run = RunResults(Path(env.srcdir).parent)
    env.note_dependency(str(run.path(name)))
    return run


class ResultTable(SphinxDirective):
    """Some rows and columns of a table of the run, each column with its unit."""

    required_arguments = 1
    option_spec: ClassVar = {
        "columns": directives.unchanged_required,
        "where": directives.unchanged,
        "rows": directives.positive_int,
        "format": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The table, through Markdown."""
        run = run_shown(self.env, self.arguments[0])
        columns, where = self.options["columns"].split(), self.options.get("where", "").split()
        table = run.table(self.arguments[0], where)[columns].head(self.options.get("rows"))
        product = products.describe(run.path(self.arguments[0]))
        units = {name: product.column(name).unit for name in columns} if product else {}
        heads = [f"{name} [{units[name]}]" if units.get(name) else name for name in columns]
        cells = [[self._shown(value) for value in row] for row in table.itertuples(index=False)]
        lines = [heads, ["---"] * len(columns), *cells]
        return self.parse_text_to_nodes("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def _shown(self, cell: str) -> str:
        """A cell, with the digits asked for if it is a number that has more."""
        style = self.options.get("format", ".4g")
        return format(float(cell), style) if re.fullmatch(r"-?\d+\.\d{4,}(e-?\d+)?|-?\d\.?\d*e-?\d+", cell) else cell


class ResultFigure(SphinxDirective):
    """A figure of the run, with its caption."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The figure, through Markdown."""
        run = run_shown(self.env, self.arguments[0])
        path = run.path(self.arguments[0]).relative_to(run.root)
        caption = run.caption(self.arguments[0])
        alt = page.alternative(caption)
        return self.parse_text_to_nodes(f"```{{figure}} ../{path.as_posix()}\n:alt: {alt}\n\n{caption}\n```")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the role and the directives."""
    app.add_role("result", Result())
    app.add_directive("result-table", ResultTable)
    app.add_directive("result-figure", ResultFigure)
    return {"parallel_read_safe": True}


if __name__ == "__main__":  # before Sphinx, whose errors are long
    try:
        RunResults(Path(__file__).resolve().parents[2])
    except ExtensionError as error:
        sys.exit(f"Error: {error}")
