"""A run of the command that is told to stop leaves no process and no lock, and the next goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT

# Of so many visits that a scan is not over before it is told to stop.
TABLE = "star,bjd,v [km/s],e\n" + "".join(
    f"{name},{2456000 + 3.1 * i},{20 * (-1) ** i},0.1\n" for name in ("A", "B") for i in range(400)
)
PERIODS = "results/mine/tutorial/periods/0.nc"


def start(folder, said):
    """Type `starpop run` in a folder, in a session of its own, so that what is left of it can be found."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "src")}
    command = [sys.executable, "-m", "starpop.command", "run", "--cores", "1", "--", PERIODS]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True)


def in_session(leader):
    """The processes of a session that still run."""
    listed = subprocess.run(["ps", "-e", "-o", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [args for sid, state, args in rows if int(sid) == leader and not state.startswith("Z")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "until"),
    [
        (signal.SIGTERM, "Building DAG of jobs"),
        (signal.SIGTERM, "rule scan_periods"),
        (signal.SIGINT, "rule scan_periods"),
    ],
)
def test_a_run_that_is_told_to_stop_does_and_the_next_goes_on(number, until, tmp_path):
    (tmp_path / "mine.csv").write_text(TABLE)
    columns = "{system: star, time: bjd, rv: 'v [km/s]', rv_err: e}"
    entry = f"{{path: mine.csv, columns: {columns}, units: {{time: d, rv: km/s}}}}"
    (tmp_path / "starpop.yaml").write_text(f"catalog: mine\ncatalogs: {{mine: {entry}}}\n")
    log = tmp_path / "said.txt"
    with log.open("wb") as said:
        run = start(tmp_path, said)
        patience = time.monotonic() + 120
        while until not in log.read_text():
            assert run.poll() is None and time.monotonic() < patience, log.read_text()
            time.sleep(0.05)
        run.send_signal(number)  # to that one process alone
        assert run.wait(timeout=30) != 0
    assert in_session(run.pid) == []
    assert not (tmp_path / PERIODS).exists()
    with log.open("wb") as said:
        assert start(tmp_path, said).wait(timeout=300) == 0, log.read_text()
    assert (tmp_path / PERIODS).stat().st_size > 0
