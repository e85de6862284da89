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
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starpop.errors import InputError

# The process of the run that a job belongs to, as host:process; set by the rules.
RUN = "STARPOP_RUN"
SIZES, DAMAGED = ".sizes", ".damaged"
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
