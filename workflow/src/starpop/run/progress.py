"""How far a long job is, in its log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator

logger = logging.getLogger("starpop")

# From one line to the next [s].
INTERVAL = 15.0


def progress[Item](items: Iterable[Item], what: str = "systems", total: int | None = None) -> Iterator[Item]:
    """Each of some items; while they take long, the log says how many are done, how fast, and how long is left.

    The lines come from a thread, also while one item takes long; a loop that is over before `INTERVAL` says nothing.

    Parameters
    ----------
    items : what a loop goes over: each is done when the next is asked for
    what : what they are, in the plural
    total : how many, of items that do not tell
    """
    count = total if total is not None else len(items) if isinstance(items, Collection) else None
    done, began, ended = 0, time.monotonic(), threading.Event()

    def say_again() -> None:
        while not ended.wait(INTERVAL):
            logger.info("%s", line(done, count, what, time.monotonic() - began))

    threading.Thread(target=say_again, daemon=True).start()
    try:
        for item in items:
            yield item
            done += 1
    finally:
        ended.set()


def line(done: int, count: int | None, what: str, seconds: float) -> str:
    """What is said after some seconds."""
    said = f"{done} of {count}" if count is not None else str(done)
    said += f" {what} in {_duration(seconds)}"
    if done:
        said += f", {done / seconds:.2g} a second"
        said += f", {_duration((count - done) * seconds / done)} left" if count is not None else ""
    return f"{said}."


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
