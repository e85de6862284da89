"""What every file of results/ is, column by column, as products.yaml says: for those who write, read and show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DESCRIPTIONS = Path(__file__).with_name("products.yaml")
RESULTS = "results"
# What may stand for what braces hold in a pattern; for others a name without a slash.
WILDCARDS = {"batch": r"\d+", "share": r"\d+", "format": "(?:png|pdf)", "job": ".+"}


@dataclass(frozen=True)
class Column:
    """A column of a table, or a variable of a netCDF file, named group/variable.

    Attributes
    ----------
    name : as it stands in the file; what braces hold is filled in there
    meaning : of its values
    unit : as astropy reads it, or empty
    always : whether every such file has it
    """

    name: str
    meaning: str
    unit: str
    always: bool

    def is_named(self, name: str) -> bool:
        """Whether this is what a file calls so."""
        return bool(re.fullmatch(_filled(self.name, ".+"), name))


@dataclass(frozen=True)
class Product:
    """A kind of file.

    Attributes
    ----------
    name : of the kind
    files : the patterns of their paths in results/
    what : it holds
    columns : those that every such file has, in order, and then the further ones
    """

    name: str
    files: tuple[str, ...]
    what: str
    columns: tuple[Column, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that every such file has, in their order."""
        return tuple(column.name for column in self.columns if column.always)

    def column(self, name: str) -> Column:
        """What a column of such a file is.

        Raises
        ------
        LookupError : none is called so
        """
        for column in self.columns:
            if column.name == name or (not column.always and column.is_named(name)):
                return column
        raise LookupError(f"{name} is no column of {' or '.join(self.files)} in {DESCRIPTIONS.name}")

    def check(self, names: Iterable[str]) -> None:
        """Refuse a file's columns that are not those described.

        Raises
        ------
        LookupError : a column is not described, is not there, or stands in another place
        """
        found = tuple(column.name for column in map(self.column, names) if column.always)
        if found != self.required:
            said = f"{self.name} has the columns {', '.join(found)}"
            raise LookupError(f"{said}; {DESCRIPTIONS.name} has {', '.join(self.required)}")


@cache
def products() -> dict[str, Product]:
    """Every kind of file, by its name, in the order in which a path is looked up."""
    read = yaml.load(DESCRIPTIONS.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {name: _product(name, entry) for name, entry in read.items()}


def describe(path: str | Path) -> Product | None:
    """What a file of results/ is; None if it is none that a run leaves there.

    >>> describe("results/apogee/tutorial/orbits.csv").column("period_days").unit
    'd'
    """
    parts = Path(path).parts
    if RESULTS not in parts:
        return None
    within = "/".join(parts[len(parts) - parts[::-1].index(RESULTS) :])
    return next((product for pattern, product in _patterns() if pattern.fullmatch(within)), None)


def caption_of(path: str | Path, folder: Path) -> Path:
    """The file of a figure's caption in a folder of captions.

    It has the name of the figure, after that of its kind where other kinds have such a figure too
    (``population_criticism.rst``); one of all figures of a kind has the name of that alone (``model_graphs.rst``).
    """
    product, name = describe(path), Path(path).stem
    kind = product.name.removesuffix("_figures") if product else name
    captions = [folder / f"{caption}.rst" for caption in (f"{kind}_{name}", name, kind)]
    return next(filter(Path.is_file, captions), captions[1])


def check(names: Iterable[str], path: str | Path) -> None:
    """Refuse to write other columns to a file of results/ than it should have (`Product.check`)."""
    product = describe(path)
    if product is not None:
        product.check(names)


@cache
def _patterns() -> list[tuple[re.Pattern[str], Product]]:
    """The patterns of the paths in results/, in the order in which a path is looked up."""
    return [(re.compile(_filled(pattern)), product) for product in products().values() for pattern in product.files]


def _filled(pattern: str, other: str = "[^/]+") -> str:
    """A regular expression of a pattern: what may stand for what its braces hold."""
    pieces = re.split(r"\{(\w+)\}", pattern)
    return "".join(WILDCARDS.get(piece, other) if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))


def _product(name: str, entry: Mapping[str, Any]) -> Product:
    """What an entry of products.yaml says."""
    columns = [
        _column(column, text, key == "columns")
        for key in ("columns", "further")
        for column, text in (entry.get(key) or {}).items()
    ]
    return Product(name, tuple(entry["files"]), entry["what"].strip(), tuple(columns))


def _column(name: str, text: str, always: bool) -> Column:
    """A column of its meaning, with the unit in brackets at the end."""
    meaning, unit = re.fullmatch(r"(.*?)(?: \[(.+)\])?", text, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    return Column(name, meaning, unit, always)
