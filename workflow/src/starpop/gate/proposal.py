"""What a table is taken for, to be confirmed: the proposal of a catalogue's entry, each value with its reason.

Names of columns, ranges of values and the customs of the field tell what a table may mean. None of it is more than a
proposal: `as_yaml` writes each value beside its reason, and `UNKNOWN` where the table does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy import units as u
from astropy.table import Table
from astropy.time import Time

from starpop.gate import counted, roles
from starpop.gate.columns import COMPARISONS, EQUALITIES, Problems, as_floats, names, own_unit
from starpop.gate.counted import Counted
from starpop.gate.dates import MJD_ZERO, PLAUSIBLE_JD
from starpop.gate.guesses import (
    Guess,
    are_seconds,
    is_borne_out,
    of_seconds,
    time_scale,
    time_zero,
    velocity_unit,
    years,
)
from starpop.gate.table_file import FORMATS, format_of, read_table, tables_of_fits
from starpop.run.errors import InputError
from starpop.run.files import paths_of, unusable
from starpop.run.schema import UNKNOWN
from starpop.run.settings import catalog_name

# Names that a reader gives to the columns of a table without names.
NAMELESS = re.compile(r"col\d+")
# How files of some formats begin, and those that are compressed.
BEGINNINGS = {"fits": b"SIMPLE  =", "parquet": b"PAR1", "votable": b"<?xml", "ecsv": b"# %ECSV"}
COMPRESSED = (b"PK", b"\x1f\x8b", b"BZ", b"\xfd7z")
# How comments begin in text files (those of IPAC last), and the length of a card in the header of a FITS file.
COMMENTS, CARD = ("#", "%", "!", "//", "\\"), 80
# What is read of a file to see that, and the comments above its rows.
HEAD_BYTES = 20_000
MOST_LISTED = 12
# What surveys advise on columns that are theirs alone.
CONDITIONS = {
    "STARFLAG": ({"without_bits": [0, 3, 9, 12, 13, 17]}, "APOGEE: bad pixels, bright neighbour, persistence, lines"),
    "rejected_by_variability": ({"is": False}, "Gaia's own verdict on each visit"),
}
GAIA = {"zero_jd": Guess(2455197.5, "Gaia counts from 2010.0"), "scale": Guess("tcb", "Gaia's")}
GAIA_COLUMNS, APOGEE_COLUMNS = {"source_id", "rv_obs_time"}, {"APOGEE_ID", "VRELERR"}
ENLARGED = "errors: {factor: 3.5, power: 1.2, added_kms: 0.072} # APOGEE's are too small (Brown et al. 2020)"
ALONE = "one star makes no population: a line population_models: {normal: null}, beside catalogs:, leaves that out"
OFFSETS = "instruments have zero points of their own in a system model with offsets: true (docs/layouts.md)"
CUSTOM = "days are the custom"
WIDE = "or if each star has columns of its own, give each visit a row, and the star's name a column"
VERDICTS = {"flag", "flags", "qual", "quality", "qc", "bad", "use", "used", "reject", "rejected", "snr", "sn"}


@dataclass
class Proposal:
    """A catalogue's entry, proposed.

    Attributes
    ----------
    name : of the catalogue
    entry : as in ``catalogs`` of the configuration
    reasons : why each value is as it is, or what it may be, by its path of keys
    remarks : what else the entry may have
    """

    name: str
    entry: dict[str, Any]
    reasons: dict[tuple[str, ...], str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def put(self, *keys: str, value: Any, reason: str = "") -> None:
        """Enter a value at a path of keys, with its reason."""
        section = self.entry
        for key in keys[:-1]:
            section = section.setdefault(key, {})
        section[keys[-1]] = value
        self.reasons[keys] = reason

    @property
    def unknown(self) -> list[str]:
        """What the table does not tell: where that stands, and what it may be."""
        return [f"{'.'.join(keys)}: {self.reasons[keys]}" for keys, value in self.flat() if value == UNKNOWN]

    def flat(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Each value of the entry with its path of keys."""
        for key, part in self.entry.items():
            if isinstance(part, Mapping):
                yield from (((key, name), value) for name, value in part.items())
            else:
                yield (key,), part


def propose(paths: Sequence[str], **given: Any) -> Proposal:
    """Look at a table and propose the entry of a catalogue.

    Parameters
    ----------
    paths : the files of the table
    given : what is known of them: ``format``, ``hdu``

    Raises
    ------
    InputError : a file cannot be read as a table, or has too few columns
    """
    if said := next(filter(None, map(unusable, paths)), None):
        raise InputError(said)
    proposal = Proposal(catalog_name(paths[0]), {"path": paths[0] if len(paths) == 1 else list(paths)})
    head = _head(paths[0])
    _propose_format(proposal, given, head)
    colnames = read_table(proposal.entry, roles.names_in(_comments(head))).colnames
    found = roles.by_name(colnames)
    named = [name for several in found.values() for name in several]
    text = [*found.get("system", []), *found.get("instrument", [])]
    table = read_table(proposal.entry, named if found.keys() >= roles.REQUIRED.keys() else colnames, text).table
    nameless = all(NAMELESS.fullmatch(name) for name in colnames)
    found = roles.by_order(table) if nameless else roles.numbers_first(found, table)
    _complain(_some(paths), found, colnames, table)
    _propose_columns(proposal, found, colnames, table)
    for role in found.keys() & proposal.entry["columns"].keys() if nameless else ():
        proposal.reasons["columns", role] += "; by its place, since the table has no names"
    if "time" in found:
        column = table[found["time"][0]]
        _propose_time(proposal, column, _counted(column, head), of_gaia=set(colnames) >= GAIA_COLUMNS)
    if "rv" in found and "rv_err" in found:
        _propose_velocity_units(proposal, table[found["rv"][0]], table[found["rv_err"][0]], _comments(head))
    _propose_units_of_unnamed(proposal, found, table)
    _propose_rows(proposal, colnames)
    return proposal


def _head(path: str) -> bytes:
    """The first bytes of a file; none if it is not there, which its reader says."""
    if not Path(path).is_file():
        return b""
    with Path(path).open("rb") as file:
        return file.read(HEAD_BYTES)


def _propose_format(proposal: Proposal, given: Mapping[str, Any], head: bytes) -> None:
    """Say the format as it is given, or as the first bytes tell it where the ending of the file does not."""
    for key, value in given.items():
        proposal.put(key, value=value, reason="as given")
    try:
        format_of(paths_of(proposal.entry)[0], proposal.entry)
    except InputError:
        found = [kind for kind, beginning in BEGINNINGS.items() if head.startswith(beginning)]
        if not found and (b"\0" in head or head.startswith(COMPRESSED) or not head):
            raise
        reason = f"so the file begins; the ending of its name tells none of {', '.join(FORMATS)}"
        proposal.put("format", value=[*found, "text"][0], reason=reason)
    _propose_hdu(proposal, head)


def _propose_hdu(proposal: Proposal, head: bytes) -> None:
    """Say which table of a FITS file has most of what is needed, if that is not the first."""
    first, *_ = paths_of(proposal.entry)
    if "hdu" in proposal.entry or not head or format_of(first, proposal.entry) != "fits":
        return
    try:
        tables = tables_of_fits(first)
    except OSError:  # which its reader says
        return
    needed = {hdu: len(roles.REQUIRED.keys() & roles.by_name(colnames).keys()) for hdu, colnames in tables.items()}
    best = max(needed, key=needed.__getitem__, default=None)
    if best != next(iter(tables), None):
        listing = _some(list(map(str, tables)))
        proposal.put("hdu", value=best, reason=f"has most of what is needed, of the tables {listing}")


def _comments(head: bytes) -> list[str]:
    """The comments above the rows of a text file, and the cards of a FITS file."""
    text = head.decode("utf-8", "replace")
    if head.startswith(BEGINNINGS["fits"]):
        return [text[start : start + CARD] for start in range(0, len(text), CARD)]
    return [line for line in map(str.lstrip, text.splitlines()) if line.startswith(COMMENTS)]


def _complain(path: str, found: Mapping[str, Sequence[str]], colnames: Sequence[str], table: Table) -> None:
    """Say what a table has no column for, or no numbers."""
    if said := roles.lacking(found, colnames):
        raise InputError(f"{path}: {said}")
    problems = Problems()
    for role in roles.MEASURED:
        if role in found and not isinstance(column := table[found[role][0]], Time):
            as_floats(column, column.name, problems)
    if not roles.REQUIRED.keys() <= found.keys():  # one of the others may be meant
        for name in roles.left(found, colnames):
            if roles.has_decimal_commas(table[name]):
                as_floats(table[name], name, problems)
    problems.raise_if_any(path)


def _propose_columns(
    proposal: Proposal, found: Mapping[str, Sequence[str]], colnames: Sequence[str], table: Table
) -> None:
    """Name the columns, each with what it holds, and what else might be meant."""
    left = roles.left(found, colnames)
    if "system" not in found and not any(_may_name_systems(table, name) for name in left):
        single = isinstance(proposal.entry["path"], str)
        reason = "no column holds names: how is the one system of all rows called?"
        proposal.put("system", value=Path(proposal.entry["path"]).stem if single else UNKNOWN, reason=reason)
    proposal.entry["columns"] = {}
    for role in roles.NAMES:
        if role in found and _is_of_use(role, found, table):
            name, *others = found[role]
            reason = _contents(table, role, name) + (f"; or {_some(others)}" if others else "")
            proposal.put("columns", role, value=name, reason=reason)
        elif role in roles.REQUIRED and not (role == "system" and "system" in proposal.entry):
            reason = f"which column has the {roles.REQUIRED[role]}? Left: {_some(left) or 'none'}"
            if role in ("rv", "rv_err") and (speaking := [name for name in left if roles.told_unit(name)]):
                reason += f", of which {_some(speaking)} speaks of a unit of velocities"
            if role == "rv" and "rv_err" not in found and len(left) > 2:
                reason += f"; {WIDE}"
            if role == "system":
                reason += "; or leave this line out, and write system: NAME above, if all rows are of one"
            proposal.put("columns", role, value=UNKNOWN, reason=reason)
    if "system" in found and len(_known(table, found["system"][0])) == 1:
        proposal.remarks.append(ALONE)
    if "instrument" in found and len(_known(table, found["instrument"][0])) > 1:
        proposal.remarks.append(OFFSETS)


def _may_name_systems(table: Table, name: str) -> bool:
    """Whether a column may hold names of systems, each in several rows."""
    verdict = VERDICTS & set(roles.words(name))
    if verdict or table[name].ndim > 1 or table[name].dtype.kind == "b" or roles.is_measured(table[name]):
        return False
    return len(_known(table, name)) < len(table)


def _is_of_use(role: str, found: Mapping[str, Sequence[str]], table: Table) -> bool:
    """Whether a column of a role can be used: coordinates are two, and masses numbers."""
    if role in ("ra", "dec"):
        return "ra" in found and "dec" in found
    if role in ("mass", "mass_err"):
        return "mass" in found and roles.is_measured(table[found[role][0]])
    return True


def _known(table: Table, name: str) -> list[str]:
    """The different names in a column."""
    found = names(table, name, "", Problems())
    return [] if found is None else found.known.tolist()


def _some(listed: Sequence[str], most: int = MOST_LISTED) -> str:
    """Some of several names."""
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def _contents(table: Table, role: str, name: str) -> str:
    """What a column holds, in a few words."""
    if role in ("system", "instrument"):
        known = _known(table, name)
        return f"{len(known)} names: {_some(known, 3)}" if len(known) > 1 else f"one name: {_some(known)}"
    finite = roles.values(table[name])
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return "no numbers"
    digits = 10 if role == "time" else 4
    low, high = (f"{end:.{digits}g}" for end in (finite.min(), finite.max()))
    return f"{low} to {high}" if low != high else f"all {low}"


def _counted(column: Any, head: bytes) -> Counted | None:
    """What a table says that the times of a column are counted from: its name, unit, description, or a comment."""
    if isinstance(column, Time):
        return None
    return (
        counted.told(column.name)
        or counted.told(str(column.unit or ""))
        or counted.told_in_passing(column.description or "")
        or counted.told_in_comments(_comments(head), column.name)
    )


def _propose_time(proposal: Proposal, column: Any, told: Counted | None, of_gaia: bool) -> None:
    """Say what times are counted from, their scale, and their unit."""
    if isinstance(column, Time):
        return
    name, own = proposal.entry["columns"]["time"], own_unit(column)
    seconds = told is None and are_seconds(roles.values(column), own)
    unit = own or u.Unit("s" if seconds else told.unit if told and told.unit else "d")
    if told and not is_borne_out(told, roles.values(column), unit):  # it may be of other times
        told, unit = None, own or u.day
    days = roles.values(column) * (unit.to("d") if unit.is_equivalent("d") else 1)
    choice = GAIA if of_gaia else of_seconds(name) if seconds else time_zero(name, days, told) | time_scale(name, told)
    for key, (value, reason) in choice.items():
        proposal.put("time", key, value=value, reason=reason)
    settings = proposal.entry.get("time", {})
    if settings.get("zero_jd") != UNKNOWN:
        jd = days + settings.get("zero_jd", MJD_ZERO if "format" in settings else 0)
        dated = jd[(jd >= PLAUSIBLE_JD[0]) & (jd <= PLAUSIBLE_JD[1])]
        meant = f"dates {years(dated.min(), dated.max())}" if len(dated) else "none is a date, if read so"
        proposal.reasons["columns", "time"] += f": {meant}"
    if own is None:
        reason = f"it says {told.words!r}" if told and told.unit else "seconds by their size" if seconds else CUSTOM
        proposal.put("units", "time", value=str(unit), reason=f"{_untold(column)}; {reason}")


def _untold(column: Any) -> str:
    """That a table does not tell a unit, or how it does."""
    written = getattr(column, "unit", None)
    return f"the table's {str(written)!r} is not understood" if written else "the table tells none"


def _propose_units_of_unnamed(proposal: Proposal, found: Mapping[str, Sequence[str]], table: Table) -> None:
    """Ask for the units of columns that nobody has named yet, unless what is left tells them by names or of itself."""
    left = [table[name] for name in roles.left(found, table.colnames)]
    known = [own_unit(column) for column in left if not isinstance(column, Time)]
    if "time" not in found and not any(unit is not None and unit.is_equivalent("d") for unit in known):
        proposal.put("units", "time", value=UNKNOWN, reason="of the column that you name: d, h or s")
    if "rv" not in found and not any(unit is not None and unit.is_equivalent("km/s") for unit in known):
        told = {roles.told_unit(column.name) for column in left} - {None}
        value = told.pop() if len(told) == 1 else UNKNOWN
        reason = "of the column that you name: km/s or m/s" if value == UNKNOWN else "by the columns' names"
        proposal.put("units", "rv", value=value, reason=reason)
    elif "rv" in found and "rv_err" not in found and own_unit(table[found["rv"][0]]) is None:
        by_name = roles.told_unit(found["rv"][0])
        reason = "by the column's name" if by_name else f"{_untold(table[found['rv'][0]])}; km/s or m/s?"
        proposal.put("units", "rv", value=by_name or UNKNOWN, reason=reason)


def _propose_velocity_units(proposal: Proposal, rv: Any, rv_err: Any, comments: Sequence[str]) -> None:
    """Say the unit of velocities and of their errors where the columns do not: names, comments, or sizes may."""
    of_rv, of_error = own_unit(rv), own_unit(rv_err)
    columns = proposal.entry["columns"]
    if of_rv is None and of_error is not None:
        proposal.put("units", "rv", value=str(of_error), reason=f"{_untold(rv)}; that of {columns['rv_err']}")
    elif of_rv is None:
        told, told_of_error = (roles.told_unit(columns[kind]) for kind in ("rv", "rv_err"))
        by_name = Guess(told or told_of_error, "by the column's name")
        in_comments = Guess(next(filter(None, map(roles.told_of_velocities, comments)), None), "a comment tells it")
        by_size = velocity_unit(roles.values(rv), roles.values(rv_err))
        by_size = Guess(by_size.value, f"{_untold(rv)}; {by_size.reason}")
        value, reason = next(guess for guess in (by_name, in_comments, by_size) if guess.value)
        proposal.put("units", "rv", value=value, reason=reason)
        if told_of_error not in (None, value):
            proposal.put("units", "rv_err", value=told_of_error, reason=by_name.reason)
    elif of_error is None:
        proposal.put("units", "rv_err", value=str(of_rv), reason=f"{_untold(rv_err)}; that of {columns['rv']}")


def _propose_rows(proposal: Proposal, colnames: Sequence[str]) -> None:
    """Say which rows a survey advises to leave out, and what else could tell."""
    for name in filter(CONDITIONS.__contains__, colnames):
        condition, reason = CONDITIONS[name]
        proposal.put("rows", name, value=condition, reason=reason)
    telling = [name for name in colnames if name not in CONDITIONS and VERDICTS & set(roles.words(name))]
    if telling:
        proposal.remarks.append(
            f"rows: may leave out visits by what {_some(telling)} says ({', '.join((*COMPARISONS, *EQUALITIES))})"
        )
    if set(colnames) >= APOGEE_COLUMNS:
        proposal.remarks.append(ENLARGED)


def as_yaml(proposal: Proposal) -> str:
    """A proposal as a configuration to lay over the workflow's own, each value beside its reason."""
    task = f"fill in each {UNKNOWN}, and confirm each other line" if proposal.unknown else "confirm each line"
    lines = [f"# What {_some(paths_of(proposal.entry))} is taken for: {task}. Then: starpop run"]
    lines += [f"catalog: {_scalar(proposal.name)}", "catalogs:", f"  {_scalar(proposal.name)}:"]
    section = ""
    for keys, value in proposal.flat():
        if len(keys) > 1 and keys[0] != section:
            lines.append(f"    {keys[0]}:")
        section = keys[0]
        line = f"{'  ' * (len(keys) + 1)}{_scalar(keys[-1])}: {_scalar(value)}"
        reason = " ".join(proposal.reasons.get(keys, "").split())
        lines.append(f"{line} # {reason}" if reason else line)
    lines += [f"    # {remark}" for remark in proposal.remarks]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(text: str) -> str:
    """A text as a comment can have it: what is no letter, such as a line's end, would end it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _scalar(value: Any) -> str:
    """A value as YAML in one line."""
    if value == UNKNOWN:
        return UNKNOWN
    return yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True).strip()[1:-1]
