"""A job that is told to stop does so, whatever it is doing.

Python runs the handler of a signal between two of its own instructions, hence never while a compiled function does
not return, nor to its end while it waits for a thread that is in one. The interpreter itself, however, notes each
signal in a socket at once; a thread reads it, gives the handler a grace, and then ends the process. What is left
half-written the next job removes (`files.replacing`). Compiled code must let go of the interpreter: `nogil=True`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

STOPPED = "Error: this job was told to stop."
# What the handler has for its work: to unwind, and to remove temporary files [s].
GRACE = 2.0


@contextmanager
def ending_when_told(logger: logging.Logger) -> Iterator[None]:
    """In this block a SIGTERM ends the process with a message: as SystemExit, or in the end without ado."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    threading.Thread(target=_watch, args=(receiver, logger), daemon=True).start()
    _keep_from_children()
    handler = signal.signal(signal.SIGTERM, _stop)
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, handler)
        sender.close()


def _stop(*_: object) -> None:
    sys.exit(STOPPED)


def _watch(receiver: socket.socket, logger: logging.Logger) -> None:
    """Wait for a SIGTERM, and end the process if it is still there after the grace."""
    with receiver:
        while signals := receiver.recv(4096):
            if signal.SIGTERM in signals:
                time.sleep(GRACE)
                logger.error(STOPPED)
                print(STOPPED, file=sys.stderr, flush=True)
                os._exit(1)


@cache
def _keep_from_children() -> None:
    """A signal to a forked child is its own: it must neither reach the socket nor unwind what its parent is doing."""
    os.register_at_fork(after_in_child=_as_if_there_were_no_job)


def _as_if_there_were_no_job() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
