"""The package's docstrings for Sphinx's reader of numpydoc, which has a type where ours have a meaning."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

SECTIONS = ("Parameters", "Attributes", "Raises")
# A line that names what its meaning follows, or several of one meaning.
NAMED = re.compile(r"([*\w]+(?:, [*\w]+)*) : (.+)")


def move_meanings(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put the meaning of each parameter, attribute and error below its own name."""
    inside, out = False, []
    waiting = list(lines)
    while waiting:
        line = waiting.pop(0)
        if waiting and line and waiting[0] == "-" * len(line):
            inside = line in SECTIONS
        named = NAMED.fullmatch(line) if inside else None
        if not named:
            out.append(line)
            continue
        meaning = [f"    {named[2]}"]
        while waiting and waiting[0].startswith(" "):
            meaning.append(waiting.pop(0))
        for one in named[1].split(", "):
            out += [one, *meaning]
    lines[:] = out


def setup(app: Sphinx) -> dict[str, bool]:
    """Before napoleon, which has the usual priority."""
    app.connect("autodoc-process-docstring", move_meanings, priority=400)
    return {"parallel_read_safe": True}
