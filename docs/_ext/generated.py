"""Pages that are made of the package and of the notebook, in docs/_generated, before Sphinx reads the others."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from sphinx.application import Sphinx

import starpop
from starpop.checks.flags import MEANING
from starpop.run.products import Column, Product, products
from starpop.run.status import SERIOUS

# What the notebook's kernel imports the package from, wherever it runs.
SOURCE = Path(starpop.__file__).parents[1]
# Of a cell, which may have to compile the package first [s].
TIMEOUT = 600


def product_pages() -> str:
    """Every kind of file with its columns, as Markdown."""
    return "\n\n".join(map(_product, products().values()))


def _product(product: Product) -> str:
    """A kind of file: its paths, what it is, and a table of its columns."""
    files = ", ".join(f"`{file}`" for file in product.files)
    text = f"## {product.name.replace('_', ' ')}\n\n{files}\n\n{product.what}"
    if not product.columns:
        return text
    head = "| column | unit | |\n|---|---|---|\n"
    return f"{text}\n\n{head}" + "\n".join(map(_column, product.columns))


def _column(column: Column) -> str:
    """A row of such a table; what not every file has is in italics."""
    name = f"`{column.name}`" if column.always else f"*`{column.name}`*"
    return f"| {name} | {column.unit} | {column.meaning} |"


def flags_table() -> str:
    """What each flag of a system says, as Markdown; those that say not to trust its orbit first."""
    order = [*SERIOUS, *(flag for flag in MEANING if flag not in SERIOUS)]
    named = [f"**`{flag}`**" if flag in SERIOUS else f"`{flag}`" for flag in order]
    rows = [f"| {name} | {MEANING[flag]} |" for name, flag in zip(named, order, strict=True)]
    return "\n".join(["| flag | |", "|---|---|", *rows])


def run_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook with what its cells give, run where it lies."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(SOURCE)})
    return notebook


def notebook_page(notebook: nbformat.NotebookNode, pictures: Path) -> str:
    """A notebook that has been run, as Markdown; its pictures are files in a folder below that of the page."""
    return "\n\n".join(part for i, cell in enumerate(notebook.cells) for part in _cell(cell, pictures, i))


def _cell(cell: nbformat.NotebookNode, pictures: Path, number: int) -> Iterator[str]:
    """A cell, and what it gives."""
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            picture = pictures / f"notebook_{number}.png"
            picture.write_bytes(base64.b64decode(data["image/png"]))
            yield f"![what the cell above draws]({pictures.name}/{picture.name})"
        elif text := output.get("text", data.get("text/plain", "")).strip("\n"):
            yield f"```text\n{text}\n```"


def write_pages(app: Sphinx) -> None:
    """Write the pages that have changed."""
    source = Path(app.srcdir)
    folder = source / "_generated"
    folder.mkdir(exist_ok=True)
    pages = {
        "products.md": product_pages(),
        "flags.md": flags_table(),
        "notebook.md": notebook_page(run_notebook(source / "notebook.ipynb"), folder),
    }
    for name, text in pages.items():
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Before anything is read."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
