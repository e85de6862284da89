"""Files that are whole or not there, whatever happens to the process or the machine.

A product is written to a temporary name, brought to the disk, and renamed. Its size is kept beside it, in the folder
`.sizes`: a product that something else cut short, or changed, is noticed when the next run starts. A job whose run has
been killed does not write: its product could replace that of a later run.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from starpop.run.errors import InputError, closest

# The process of the run that a job belongs to, as host:process; set by the rules.
RUN = "STARPOP_RUN"
SIZES, DAMAGED = ".sizes", ".damaged"
# Files that a message lists at most.
MOST_LISTED = 12
# A library whose write failed with less than this left on the disk [bytes] failed for want of it.
LEAST_ROOM = 1_000_000
# What the machine refuses, and what to do about it; then the same command again goes on where it stopped.
REFUSALS = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room within your quota",
    errno.EROFS: "make the disk writable",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name in the same folder, which takes the place of `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.stem)}.part*{glob.escape(path.suffix)}"):
        if not is_running(int(re.sub(r"\D", "", left.stem.rpartition(".part")[2]) or 0)):
            left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def product(path: str | Path) -> Iterator[Path]:
    """The same for a product of a run: its size is kept, and without the run it is not written."""
    path = Path(path)
    with replacing(path) as temporary:
        yield temporary
        host, _, process = os.getenv(RUN, "").rpartition(":")
        if host == socket.gethostname() and not is_running(int(process)):
            raise SystemExit("Error: the run that started this job has ended; its product is not written.")
        with replacing(path.parent / SIZES / f"{path.name}.size") as size:
            size.write_text(str(temporary.stat().st_size))


def is_running(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0


def set_aside_damaged(folder: str | Path) -> list[str]:
    """Rename the products below a folder that have not the size they were written with; says what was done."""
    said = []
    for size in sorted(Path(folder).glob(f"**/{SIZES}/*.size")):
        damaged, written = size.parents[1] / size.stem, size.read_text()
        if damaged.is_file() and written not in ("", found := str(damaged.stat().st_size)):
            aside = damaged.replace(damaged.with_name(f".{damaged.name}{DAMAGED}"))
            said.append(
                f"{damaged} is not as it was written ({found} bytes of {written}: cut short, or edited); it is set "
                f"aside as {aside}, and made again."
            )
    return said


def check_writable(*folders: str) -> None:
    """Stop before anything is done if one of the folders, where it is there, cannot be written."""
    closed = [folder for folder in folders if Path(folder).exists() and not os.access(folder, os.W_OK)]
    if closed:
        raise InputError(
            f"{Path(closed[0]).resolve()}: this folder cannot be written, for want of permission or since its disk is "
            "read-only; make it writable, and run the same command again."
        )


def refusal(error: BaseException | None) -> str:
    """What the machine refused, if that is what an error comes from, and what to do about it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in REFUSALS:
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror}; {REFUSALS[error.errno]}, and run the same command again."
        error = error.__cause__ or error.__context__
    if shutil.disk_usage(".").free < LEAST_ROOM:
        return f"No space left on device; {REFUSALS[errno.ENOSPC]}, and run the same command again."
    return ""


def paths_of(entry: Mapping[str, Any]) -> list[str]:
    """The files of a table's entry."""
    return [entry["path"]] if isinstance(entry["path"], str) else list(entry["path"])


def unusable(path: str, remedy: str = "") -> str | None:
    """Why an input file of the user's cannot be read, and what to do (a further `remedy`); None if it can be."""
    try:
        return _unreadable(path, remedy) if os.access(path, os.F_OK) else _missing(path, remedy)
    except (OSError, ValueError, RuntimeError) as error:
        return f"{path!r} cannot be reached ({getattr(error, 'strerror', error)}); mend that, or the path."


def _unreadable(path: str, remedy: str) -> str | None:
    """The same for what there is."""
    file = Path(path)
    if file.is_dir():
        return f"{path!r} is a folder; name the tables in it{_as_list(file.iterdir())}."
    if not file.is_file():
        return f"{path!r} is no regular file; save the table in one, and name that."
    if "{" in path:
        return f"{path!r} has a brace, and Snakemake takes what braces hold for a wildcard; rename the file."
    if not os.access(path, os.R_OK):
        return f"{path!r} cannot be read, for want of permission; make it readable: chmod u+r {shlex.quote(path)}."
    return None if file.stat().st_size else f"{path!r} is empty; {remedy}put the table there."


def _missing(path: str, remedy: str) -> str:
    """The same for what there is not."""
    file = Path(path)
    if file.is_symlink():
        return f"{path!r} is a link to {str(file.readlink())!r}, which is not there; mend it, or name another."
    if path.startswith("~") or "$" in path:
        written_out = Path(os.path.expandvars(path)).expanduser()
        instead = f": path: {written_out}" if written_out != file else ""
        return f"{path!r} is taken as it stands, without replacing ~ or $VARIABLES; write it out{instead}."
    if "://" in path:
        return f"{path!r} is an address; download the table, and name its file."
    where = "" if file.is_absolute() else f" in {Path.cwd()}"
    if glob.has_magic(path):
        matching = Path(file.anchor).glob(str(file.relative_to(file.anchor)))
        return f"no file {path!r}{where}, and a path is no pattern; name the files one by one{_as_list(matching)}."
    return f"no file {path!r}{where}; {remedy}put the table there.{_nearest_file(file)}"


def _as_list(paths: Iterable[Path]) -> str:
    """Those of some paths that are files, as they stand in a configuration; of many the first."""
    files = sorted(str(path) for path in paths if path.is_file() and not path.name.startswith("."))
    if not files:
        return " (there are none here)"
    flow = yaml.safe_dump(files[:MOST_LISTED], default_flow_style=True, width=float("inf")).strip()
    return f": path: {flow}" + (f" and {len(files) - MOST_LISTED} more" if len(files) > MOST_LISTED else "")


def _nearest_file(path: Path) -> str:
    """A hint that names the file whose path is nearest, folder by folder, or nothing."""
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        if not (found / part).exists():
            close = closest(part, (entry.name for entry in found.iterdir())) if found.is_dir() else None
            if close is None:
                return ""
            part = close
        found /= part
    return f" Did you mean {str(found)!r}?" if found.is_file() else ""
