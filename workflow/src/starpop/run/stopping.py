"""A run and its jobs that are told to stop do so, whatever they are doing.

Snakemake that gets a SIGTERM waits for its jobs, and of those that are told nothing there may be minutes left; with a
SIGINT it ends them, and leaves its folder unlocked. `run_group` passes on any signal as that, to all its processes.

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
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache

# What tells a job to stop.
TOLD_BY = (signal.SIGTERM, signal.SIGINT)
STOPPED = "Error: this job was told to stop."
# What a shell calls the end of a command by a SIGINT.
TOLD = 128 + signal.SIGINT
# What the handler has for its work: to unwind, and to remove temporary files [s].
GRACE = 2.0


@contextmanager
def ending_when_told(logger: logging.Logger) -> Iterator[None]:
    """In this block a SIGTERM or SIGINT ends the process with a message: as SystemExit, or in the end without ado."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    threading.Thread(target=_watch, args=(receiver, logger), daemon=True).start()
    _keep_from_children()
    told = False

    def stop(*_: object) -> None:
        nonlocal told
        told = True
        sys.exit(STOPPED)

    handlers = {number: signal.signal(number, stop) for number in TOLD_BY}
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    except Exception:
        if told:  # what is called back from compiled code loses its exceptions, and others follow
            sys.exit(STOPPED)
        raise
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sender.close()


def _watch(receiver: socket.socket, logger: logging.Logger) -> None:
    """Wait for such a signal, and end the process if it is still there after the grace."""
    with receiver:
        while signals := receiver.recv(4096):
            if any(number in signals for number in TOLD_BY):
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
    for number in TOLD_BY:
        signal.signal(number, signal.SIG_DFL)


def run_group(command: Sequence[str]) -> int:
    """Run a command as a group of processes, to each of which goes as SIGINT what tells this one to stop.

    With this one the group also pauses (Ctrl-Z), and goes on.

    Returns
    -------
    what the command ends with; `TOLD` if it was told to stop
    """
    numbers = (*TOLD_BY, signal.SIGHUP, signal.SIGQUIT)
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    process: subprocess.Popen[bytes] | None = None
    told = False

    def send(number: int) -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def stop(number: int, _: object) -> None:
        nonlocal told
        told = told or number not in ignored
        if told:
            send(signal.SIGINT)

    def pause(*_: object) -> None:
        send(signal.SIGSTOP)
        signal.raise_signal(signal.SIGSTOP)
        send(signal.SIGCONT)

    # also what is ignored, as in a run in the background, is handled: the command would ignore it too
    handlers = {number: signal.signal(number, stop) for number in numbers}
    handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, pause)
    try:
        with subprocess.Popen(command, process_group=0) as process:
            if told:  # while it was started
                send(signal.SIGINT)
            code = process.wait()
            return TOLD if told and code else code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
