"""Getting a public file: within a deadline, verified before it is used, and never over something else."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from starpop.run.errors import InputError
from starpop.run.files import replacing

DEADLINE_SECONDS = 9.0
PAUSE_SECONDS = 1.0


def fetch(url: str, path: str | Path, sha256: str, deadline_seconds: float = DEADLINE_SECONDS) -> str:
    """Put a file with a known sha256 in place, trying again until a deadline, and say what was done.

    Raises
    ------
    InputError : the file cannot be had, or is not the one expected; says where to put a copy
    """
    path = Path(path)
    if path.exists():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found == sha256:
            return f"{path} is already here, with the right sha256."
        raise InputError(f"{path} is here with sha256 {found}, expected {sha256}; move it away to fetch it anew.")
    end = time.monotonic() + deadline_seconds
    while True:
        try:
            content = _read(url, end)
            break
        except (URLError, OSError) as error:
            if time.monotonic() + PAUSE_SECONDS >= end:
                raise InputError(
                    f"cannot download {url} ({error}). Without a network, put a copy at {path}; "
                    "without one, the simulated twin is analysed."
                ) from error
            time.sleep(PAUSE_SECONDS)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(f"{url} has sha256 {found}, expected {sha256}; it was not kept.")
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return f"{path}: {len(content)} bytes from {url}, sha256 as expected."


def _read(url: str, end: float) -> bytes:
    """The content of a URL, read until a point in monotonic time."""
    parts = []
    with urlopen(url, timeout=max(end - time.monotonic(), 0.1)) as response:
        while part := response.read(65536):
            parts.append(part)
            if time.monotonic() > end:
                raise TimeoutError("too slow")
    return b"".join(parts)
