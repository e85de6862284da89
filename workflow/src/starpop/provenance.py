"""What a rule's result depends on in the code: a digest that Snakemake compares from run to run."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def _module_path(name: str) -> Path | None:
    """The file of a first-party module, or None."""
    if name.split(".")[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*name.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(tree: ast.AST) -> set[Path]:
    """Files of the first-party modules that a syntax tree imports, wherever in it they are imported."""
    found: set[Path | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {_module_path(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(_module_path(node.module))
            found |= {_module_path(f"{node.module}.{alias.name}") for alias in node.names}
    return {path for path in found if path is not None}


def _without_docstrings(tree: ast.AST) -> ast.AST:
    """The tree without the docstrings of its modules, classes and functions."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:]
    return tree


@cache
def _read(path: Path) -> tuple[str, frozenset[Path]]:
    """What counts of a source file (its syntax tree as text), and the first-party files that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = frozenset(_imports(tree))
    return ast.dump(_without_docstrings(tree)), imports


def sources(script: Path) -> list[Path]:
    """A script and every first-party module it imports, transitively, in a fixed order."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(_read(path)[1])
    return sorted(seen)


def source_digest(script: Path) -> str:
    """A digest of a script and of the first-party modules it imports: comments and docstrings do not count."""
    digest = hashlib.sha256()
    for path in sources(script):
        digest.update(path.name.encode() + b"\0" + _read(path)[0].encode() + b"\0")
    return digest.hexdigest()[:16]
