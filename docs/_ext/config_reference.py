"""The tables of config/README.md, made of the schema: `python docs/_ext/config_reference.py` writes them anew.

Of each key the schema has what it is, with its [unit], in its ``title``, what is allowed, and what a change of it
reruns; the default is what config/config.yaml has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA, DEFAULTS = ROOT / "workflow" / "schemas" / "config.schema.yaml", ROOT / "config" / "config.yaml"
README = ROOT / "config" / "README.md"
BEGIN, END = "<!-- made of the schema: python docs/_ext/config_reference.py -->\n", "<!-- to here -->\n"
# What stands for a name of the user's in the path of a key.
NAME = "NAME"
HEAD = "| key | unit | default | |\n|---|---|---|---|\n"
MOST_LETTERS = 60
# Keys whose own keys are told in a word, and those of a value that has several numbers.
WHOLE = ("rows", "parameters", "population_models")
VALUES = {"mean", "sd"}


@dataclass(frozen=True)
class Key:
    """A key of the configuration: its path, its own part of the schema, and what a change of it reruns."""

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    reruns: str


def resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A part of the schema with what it refers to."""
    own = {name: value for name, value in schema.items() if name != "$ref"}
    if "$ref" not in schema:
        return own
    *_, name = schema["$ref"].split("/")
    return resolved(definitions[name], definitions) | own if name in definitions else own


def keys(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...] = (), reruns: str = ""
) -> Iterator[Key]:
    """The keys of a part of the schema that hold no others."""
    schema = resolved(schema, definitions)
    reruns, further = schema.get("x-reruns", reruns), schema.get("additionalProperties")
    whole = path[-1:] in [(name,) for name in WHOLE] or schema.get("properties", {}).keys() >= VALUES
    if "properties" in schema and not whole:
        for name, part in schema["properties"].items():
            yield from keys(part, definitions, (*path, name), reruns)
    elif isinstance(further, dict) and not whole:
        yield from keys(further, definitions, (*path, NAME), reruns)
    else:
        yield Key(path, schema, reruns)


def default_of(path: tuple[str, ...], config: Any) -> str:
    """What config.yaml has at the path of a key; nothing of keys below a name of the user's, or of whole sections."""
    for name in path:
        config = config.get(name) if isinstance(config, Mapping) else None
    text = "" if config is None else yaml.safe_dump(config, default_flow_style=True, width=10**6)
    text = text.removesuffix("...\n").strip()
    return f"`{text}`" if text and len(text) <= MOST_LETTERS else ""


def allowed_by(schema: Mapping[str, Any]) -> str:
    """The words that are allowed, where there are few."""
    return f" (one of {', '.join(f'`{word}`' for word in schema['enum'])})" if "enum" in schema else ""


def row(key: Key, config: Mapping[str, Any], reruns: str) -> str:
    """A key's row of its table, with what a change of it reruns where that is not what the section says."""
    title, unit = re.fullmatch(r"(.*?)(?: \[(.+)\])?", key.schema["title"]).groups(default="")
    own = "" if key.reruns == reruns else f"; a change reruns {key.reruns}"
    cells = f"`{'.'.join(key.path)}`", unit, default_of(key.path, config), title + allowed_by(key.schema) + own
    return f"| {' | '.join(cells)} |"


def sections(schema: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """A table for each key of the configuration that holds several others, and one of all the rest."""
    by_section = {name: list(keys(part, schema["$defs"], (name,))) for name, part in schema["properties"].items()}
    rest = [own[0] for own in by_section.values() if len(own) == 1]
    yield _table("Keys that stand alone", [row(key, config, "") for key in rest])
    for name, own in by_section.items():
        if len(own) > 1:
            part = schema["properties"][name]
            heading = f"`{name}`: {part['title']}. A change reruns {part['x-reruns']}"
            yield _table(heading, [row(key, config, part["x-reruns"]) for key in own])


def _table(heading: str, rows: list[str]) -> str:
    """A table with what stands above it."""
    return f"{heading}.\n\n{HEAD}" + "\n".join(rows) + "\n"


def densities(definitions: Mapping[str, Any]) -> Iterator[str]:
    """The keys of every density of ln P, of e, and of the amplitudes' scale."""
    of_x = {name.removesuffix("_density"): part for name, part in definitions.items() if name.endswith("_density")}
    of_e, of_s = of_x.pop("eccentricity"), of_x.pop("amplitude")
    yield "The densities of ln P (`density`), each key but `bins` a range [low, high] of a uniform prior:\n"
    yield _keys_of(of_x)
    yield "Each may have `eccentricity: {density: ...}`, of e up to `orbit_prior.eccentricity.up_to`:\n"
    yield _keys_of(_cases(of_e))
    yield "Or `amplitude: {density: ...}`, of the scale s of the amplitudes, in a range of s in km/s:\n"
    yield _keys_of(_cases(of_s))


def _cases(part: Mapping[str, Any]) -> dict[str, Any]:
    """What a part of a population has with each density."""
    cases = [case for case in part["allOf"] if "if" in case]
    return {case["if"]["properties"]["density"]["const"]: case["then"] for case in cases}


def _keys_of(parts: Mapping[str, Any]) -> str:
    """A table of which keys each density needs, and which it may have."""
    lines = ["| `density` | keys | may have |", "|---|---|---|"]
    for name, part in parts.items():
        needed = [key for key in part.get("required", []) if key != "density"]
        further = [key for key in part["properties"] if key not in (*needed, "density", "eccentricity", "amplitude")]
        lines.append(
            f"| `{name}` | " + " | ".join(", ".join(f"`{k}`" for k in some) for some in (needed, further)) + " |"
        )
    return "\n".join(lines) + "\n"


def reference() -> str:
    """All tables."""
    schema, config = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (SCHEMA, DEFAULTS))
    return "\n".join([*sections(schema, config), *densities(schema["$defs"])])


def readme_with(tables: str) -> str:
    """config/README.md with the tables in their place."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    README.write_text(readme_with(reference()), encoding="utf-8")
