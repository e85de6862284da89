"""What the schema makes of a configuration: what its files mean together, and every mistake in the words of a user.

A file laid over others can only add to them; null leaves out what it stands for. YAML 1.1 takes 1e3 for a text and
1.0e+3 for a float: where a number is wanted the first is one, and whole numbers are integers.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from starpop.run.errors import nearest

KeyPath = tuple[Any, ...]

# Sections whose keys are names of the user's.
NAMED = {
    "catalogs",
    "system_models",
    "population_models",
    "calibration.system_models",
    "calibration.population_models",
    "calibration.clusters",
}
# What `starpop init` writes where a table does not tell.
UNKNOWN = "???"
# Keys of earlier versions, and what stands in their places.
FORMER = {"harmonics": "orbit", "eccentricity_scale": "eccentricity"}
# Values to compare with, of numbers or of texts such as "2.0": as they are written.
VERBATIM = ("is", "is_not")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
# To YAML 1.1 a number with an exponent needs a point and a sign, and is a text without.
EXPONENT = re.compile(NUMBER.pattern + r"[eE][+-]?\d+")
# Beyond, a float does not tell a whole number from the next.
EXACT = 2**53


def _is_number(checker: Any, value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(checker: Any, value: Any) -> bool:
    return _is_number(checker, value) and isinstance(_plain(value), int)


VALIDATOR = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_integer}),
)


@cache
def validator_of(schema_path: str | Path) -> Any:
    """The validator of a schema, which takes longer to read than to hold a configuration against."""
    return VALIDATOR(yaml.load(Path(schema_path).read_text(encoding="utf-8"), yaml.CSafeLoader))


def conform(
    config: Mapping[str, Any], schema_path: str | Path, layers: Iterable[Mapping[str, Any]] = ()
) -> tuple[dict[str, Any], list[str]]:
    """A configuration as it is meant: without what null leaves out, and with numbers however they are written.

    Parameters
    ----------
    config : as Snakemake has it, of all `layers`
    layers : the contents of its files, where there are any

    Returns
    -------
    the configuration, and everything in it that the schema does not allow
    """
    if left := list(unfilled(config)):
        return dict(config), left
    validator = validator_of(schema_path)
    meant = copy.deepcopy(dict(config))
    left_out = _amend(meant, list(validator.iter_errors(meant)))
    errors = sorted(validator.iter_errors(meant), key=lambda e: e.json_path)
    said = [*chain.from_iterable(describe(error, left_out) for error in errors), *mistyped_nulls(left_out, [*layers])]
    return _plain(meant), list(dict.fromkeys(said))  # each of several missing keys is an error that names them all


def unfilled(value: Any, *where: str) -> Iterator[str]:
    """Where `UNKNOWN` stands yet, in a value at a path of keys."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from unfilled(part, *where, str(key))
    elif value == UNKNOWN:
        yield f"{'.'.join(where)}: {UNKNOWN} is to be filled in; the comment beside it says with what."


def _plain(value: Any) -> Any:
    """A copy in which whole numbers are integers: 1.0e+3 is 1000, also in the text that tells whether to rerun."""
    if isinstance(value, Mapping):
        return {key: entry if key in VERBATIM else _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def _amend(config: dict[str, Any], errors: Iterable[ValidationError]) -> list[KeyPath]:
    """Leave out what is null, and read numbers that are texts to YAML; the paths of what was left out."""
    left_out: list[KeyPath] = []
    for error in errors:
        *parents, key = error.absolute_path or [""]
        holder: Any = config
        for parent in parents:
            holder = holder[parent]
        value = holder.get(key, ...) if isinstance(holder, dict) else holder[key]
        if value is None and isinstance(holder, dict):
            del holder[key]
            left_out.append((*parents, key))
        elif isinstance(value, str) and EXPONENT.fullmatch(value) and _wants_number(error):
            holder[key] = float(value)
    return left_out


def _wants_number(error: ValidationError) -> bool:
    """Whether an error is that a value is no number, or none of some numbers."""
    wanted: Any = error.validator_value
    if error.validator == "enum":
        return all(isinstance(value, int) for value in wanted)
    return error.validator == "type" and wanted in ("number", "integer")


def mistyped_nulls(left_out: Iterable[KeyPath], layers: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Names that null was to leave out, and that no layer of the configuration has."""
    for *parents, name in left_out:
        where = ".".join(map(str, parents))
        if where in NAMED:
            sections = [_section(layer, parents) for layer in layers]
            known = sorted({str(key) for section in sections for key, entry in section.items() if entry is not None})
            if known and name not in known:
                yield (
                    f"{where}.{name}: null, or no value, leaves out an entry, and none has this name; there are "
                    f"{', '.join(known)}." + nearest(name, known)
                )


def _section(layer: Any, keys: Iterable[Any]) -> Mapping[str, Any]:
    """What a layer has at a path of keys, if it has entries there."""
    for key in keys:
        layer = layer.get(key) if isinstance(layer, Mapping) else None
    return layer if isinstance(layer, Mapping) else {}


def describe(error: ValidationError, left_out: Collection[KeyPath] = ()) -> Iterable[str]:
    """What one error of the schema means to a user: key path, value, what is allowed."""
    where = ".".join(str(part) for part in error.absolute_path)
    value: Any = error.instance
    allowed: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for key in value:
            if key not in known:
                full = f"{where}.{key}" if where else str(key)
                hint = _instead_of(key, value[key]) if FORMER.get(key) in known else nearest(key, known)
                yield f"{full}: unknown key; allowed here: {', '.join(known)}.{hint}"
    elif error.validator == "required":
        missing = [key for key in allowed if key not in value]
        null = any((*error.absolute_path, key) in left_out for key in missing)
        yield (
            f"{where or 'configuration'}: missing key{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            + ("; null leaves a key out, and this one is needed." if null else ".")
        )
    elif error.validator == "enum":
        quoted = isinstance(value, str) and value in map(str, allowed) and value not in allowed
        hint = _how_to_write("number", value) if quoted else nearest(value, allowed)
        yield f"{where}: {value!r} is not one of {', '.join(map(repr, allowed))}.{hint}"
    elif error.validator == "type":
        kinds = allowed if isinstance(allowed, str) else " or ".join(allowed)
        yield f"{where}: {value!r} is of type {type(value).__name__}; expected {kinds}.{_how_to_write(kinds, value)}"
    elif error.validator in ("anyOf", "oneOf"):
        yield f"{where}: {value!r} is not allowed; {schema.get('description', 'see config/README.md')}."
    elif error.validator == "propertyNames" or error.validator == "pattern":
        yield f"{where}: {value!r} must match {schema.get('pattern')} ({schema.get('description')})."
    elif error.validator in ("minItems", "maxItems"):
        bound = "at least" if error.validator == "minItems" else "at most"
        yield f"{where}: {value!r} is a list of {len(value)}; expected {bound} {allowed}."
    elif error.validator == "minProperties":
        yield f"{where}: {value!r} is empty; at least one entry is needed."
    else:
        yield f"{where}: {value!r}: {error.message}."


def _instead_of(key: str, value: Any) -> str:
    """A hint what to write in place of a key of an earlier version."""
    if key == "eccentricity_scale":
        return " Write eccentricity: {up_to: ...} instead."
    if value in (1, None):
        return " Write orbit: circular instead, or leave it out."
    return " Write orbit: keplerian instead."


def _how_to_write(kind: str, value: Any) -> str:
    """A hint for a value that is of another type than its key wants."""
    if kind == "string":
        return " Put it between quotes."
    if isinstance(value, str) and kind in ("integer", "number"):
        if NUMBER.fullmatch(value):
            return " A number stands without quotes; within the braces of --config each is a text: put it in a file."
        return " A number stands alone, without a unit."
    if isinstance(value, str) and kind == "boolean":
        return " true and false stand without quotes."
    if isinstance(value, float) and not math.isfinite(value):
        return " It must be finite."
    return " A list stands between brackets: [a, b]." if kind == "array" else ""
