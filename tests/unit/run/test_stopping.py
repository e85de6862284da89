"""A job that is told to stop ends, with its message, whatever it is doing; its children's signals are theirs."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import ROOT
from starpop.run import files, store
from starpop.run.stopping import GRACE, STOPPED, TOLD

JOB = """
import os, signal, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from numba import njit
from starpop.run import files, store

@njit(nogil=True)
def endless(state):
    while state[0] == 0:
        state[1] += 1

def compiled_for_ever():
    endless(np.zeros(2))

endless(np.ones(2))  # compiled before
with store.job("job.log") as log, files.replacing("table.csv") as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
"""
IN_PYTHON = "time.sleep(60)"
IN_COMPILED_CODE = "compiled_for_ever()"
SWALLOWED = """
try:
    time.sleep(60)
except SystemExit:  # as what is called back from compiled code does
    raise RuntimeError("what comes of it")
"""
IN_A_THREAD = "list(ThreadPoolExecutor(1).map(lambda _: compiled_for_ever(), [0]))"
A_CHILD_IS_TOLD = """
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
time.sleep(0.2)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
time.sleep(4)
log.info("the parent goes on")
"""


def start(work, folder):
    script = folder / "job.py"
    script.write_text(JOB + textwrap.indent(textwrap.dedent(work), "    "))
    path = os.pathsep.join([str(ROOT / "workflow" / "src"), os.getenv("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tell(job, number):
    """Send a job a signal; what it says, and how many seconds it takes to end."""
    job.send_signal(number)
    began = time.monotonic()
    _, said = job.communicate(timeout=30)
    return said, time.monotonic() - began


@pytest.mark.parametrize(
    ("work", "at_once"),
    [(IN_PYTHON, True), (SWALLOWED, True), (IN_COMPILED_CODE, False), (IN_A_THREAD, False)],
    ids=["python", "swallowed", "compiled", "thread"],
)
def test_a_job_that_is_told_to_stop_does(work, at_once, tmp_path):
    told = {}
    for number in (signal.SIGTERM, signal.SIGINT):  # at the same time, as most of it is waiting
        folder = tmp_path / number.name
        folder.mkdir()
        told[number] = start(work, folder)
    for job in told.values():
        assert job.stdout.readline() == "ready\n"
    time.sleep(0.5)
    with ThreadPoolExecutor() as threads:
        ended = dict(zip(told, threads.map(tell, told.values(), told), strict=True))
    for number, (said, seconds) in ended.items():
        folder = tmp_path / number.name
        assert told[number].returncode == 1
        assert (seconds < GRACE) is at_once
        assert said.count(STOPPED) >= 1
        assert "Traceback" not in said
        assert STOPPED in (folder / "job.log").read_text()
        with files.replacing(folder / "table.csv") as temporary:
            temporary.write_text("whole")
        assert sorted(path.name for path in folder.iterdir()) == ["job.log", "job.py", "table.csv"]


def test_a_signal_to_a_child_is_not_one_to_the_job(tmp_path):
    job = start(A_CHILD_IS_TOLD, tmp_path)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 0, said
    assert "the parent goes on" in (tmp_path / "job.log").read_text()
    assert (tmp_path / "table.csv").read_text() == "half"


def test_what_was_there_before_a_job_is_there_after_it():
    ours = signal.getsignal(signal.SIGTERM)
    with store.job("/dev/null"):
        assert signal.getsignal(signal.SIGTERM) is not ours
    assert signal.getsignal(signal.SIGTERM) is ours
    assert signal.set_wakeup_fd(-1) == -1


GROUP = """
import signal, sys
from starpop.run.stopping import run_group

in_background = sys.argv[1] == "in the background"
signal.signal(signal.SIGINT, signal.SIG_IGN if in_background else signal.default_int_handler)
ticking = "import time\\nfor _ in range(3000): print('tick', flush=True), time.sleep(0.02)"
sys.exit(run_group([sys.executable, "-c", ticking]))
"""


@pytest.fixture
def ticking(request, tmp_path):
    """A group that writes as long as it runs, and the file that it writes to."""
    path = os.pathsep.join([str(ROOT / "workflow" / "src"), os.getenv("PYTHONPATH", "")])
    with (tmp_path / "ticks").open("wb") as ticks:
        leader = subprocess.Popen(
            [sys.executable, "-c", GROUP, request.param],
            env=os.environ | {"PYTHONPATH": path},
            stdout=ticks,
            stderr=-3,
        )
    yield leader, tmp_path / "ticks"
    leader.kill()
    leader.wait()


def grows(file, within=20.0):
    """Whether a file grows."""
    before, began = file.stat().st_size, time.monotonic()
    while file.stat().st_size == before and time.monotonic() - began < within:
        time.sleep(0.02)
    return file.stat().st_size > before


@pytest.mark.parametrize("ticking", ["in the foreground"], indirect=True)
def test_a_group_pauses_goes_on_and_ends_with_its_leader(ticking):
    leader, ticks = ticking
    assert grows(ticks)
    leader.send_signal(signal.SIGTSTP)
    assert os.waitpid(leader.pid, os.WUNTRACED)[0] == leader.pid
    grows(ticks, 0.2)  # what was on its way
    assert not grows(ticks, 1)
    leader.send_signal(signal.SIGCONT)
    assert grows(ticks)
    leader.send_signal(signal.SIGINT)
    assert leader.wait(timeout=20) == TOLD
    assert not grows(ticks, 0.5)


@pytest.mark.parametrize("ticking", ["in the background"], indirect=True)
def test_a_group_in_the_background_ignores_what_is_typed_and_ends_when_it_is_told(ticking):
    leader, ticks = ticking
    assert grows(ticks)
    leader.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert grows(ticks)
    leader.send_signal(signal.SIGTERM)
    assert leader.wait(timeout=20) == TOLD
    assert not grows(ticks, 0.5)
