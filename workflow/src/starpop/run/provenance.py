"""What a rule's result depends on in the code and in the user's files: digests that Snakemake compares.

The times of files tell neither: a restored backup is older than what was made of another file, a checkout is newer.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from starpop.run.files import replacing

PACKAGE = Path(__file__).parents[1]
# What is kept of a source file holds for this version of Python, and as long as it is read as it is here.
READER = repr(sys.version_info[:2]).encode() + Path(__file__).read_bytes()
# The digests of large files, by path, are kept here, and hold while size and times are the same.
MEMORY = Path(".snakemake/starpop_digests.json")
LARGE_BYTES = 10_000_000
# A file may change twice within one tick of its disk's clock [ns]; what is younger is not remembered.
YOUNGEST_NS = 3_000_000_000


def _module_path(name: str) -> Path | None:
    """The file of a module of the package, or None."""
    path = PACKAGE.joinpath(*name.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement of a syntax tree; what an expression is made of, which is most of a tree, is passed over."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, block, ()))


def _imports(tree: ast.AST) -> set[str]:
    """Names in the package that a syntax tree imports, wherever in it they are imported; they need not be modules."""
    found: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == PACKAGE.name}


def _without_docstrings(tree: ast.AST) -> ast.AST:
    """The tree without the docstrings of its modules, classes and functions."""
    for node in _statements(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            del node.body[0]
    return tree


@cache
def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    """What counts of a source file (a digest of its syntax tree), and the names in the package that it imports.

    It is kept beside what Python keeps of the file: to parse them all takes as long as all else of a dry run.
    """
    content, kept = path.read_bytes(), path.parent / "__pycache__" / f"{path.stem}.source.json"
    key = hashlib.sha256(READER + content).hexdigest()
    with suppress(OSError, ValueError, TypeError):
        read_from, digest, imports = json.loads(kept.read_text())
        if read_from == key:
            return digest, tuple(imports)
    tree = ast.parse(content)
    imports = sorted(_imports(tree))
    digest = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps([key, digest, imports]))
    return digest, tuple(imports)


def sources(script: Path) -> list[Path]:
    """A script and every first-party module it imports, transitively, in a fixed order."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(filter(None, map(_module_path, _read(path)[1])))
    return sorted(seen)


def source_digest(script: Path) -> str:
    """A digest of a script and of the first-party modules it imports: comments and docstrings do not count."""
    digest = hashlib.sha256()
    for path in sources(script):
        digest.update(path.relative_to(path.parents[1]).as_posix().encode() + b"\0" + _read(path)[0].encode() + b"\0")
    return digest.hexdigest()[:16]


def data_digest(paths: Sequence[str]) -> str:
    """A digest of the bytes of files, in their order; those of large ones are read once, until they change."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(_file_digest(Path(path).resolve()).encode())
    return digest.hexdigest()[:16]


def _file_digest(path: Path) -> str:
    """The sha256 of a file, from the memory if it is in there."""
    state = path.stat()
    # the time of the last change of any kind, unlike that of the content, cannot be set back
    key = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
    memory = _remembered() if state.st_size > LARGE_BYTES else {}
    if memory.get(str(path), [])[:-1] == key:
        return memory[str(path)][-1]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if state.st_size > LARGE_BYTES and time.time_ns() - max(key[1:]) > YOUNGEST_NS:
        memory[str(path)] = [*key, digest]
        with suppress(OSError), replacing(MEMORY) as temporary:
            temporary.write_text(json.dumps(memory))
    return digest


def _remembered() -> dict[str, list[Any]]:
    """The memory; an empty one if it is not there, or not as it was written."""
    try:
        memory = json.loads(MEMORY.read_text())
        return {path: [*map(int, key), str(digest)] for path, (*key, digest) in memory.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
