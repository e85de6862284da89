"""Slurm: a run through its executor, with a job killed on the way, ends with the tables of a local run, byte for byte.

    make test-slurm       # or, as root: python tests/slurm.py

A Slurm of one node is started on the loopback interface, from Debian's packages (slurm-wlm, munge), and taken down at
the end. A small run and a simulated survey go through it and are held against the same runs without it; in the first a
job is killed while it runs, and must be sent again. Where Slurm cannot be started that is said, and nothing is tested.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from project_copy import copy_project
from torture import products, small_project

CONF = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
# Small enough for a minute or two: a survey of more systems than are drawn jointly.
SURVEY = {
    "catalogs": {"survey": {"simulation": {"systems": 300}}},
    "batches": 3,
    "sampler": {"backend": "none"},
    "draws": {"exact": 200, "cluster": 200},
    "criticism": {"replicates": 0},
    "figures": {"dpi": 60},
}
# The answer is asked of squeue, as there is no accounting, and often.
EXECUTOR = [
    *("--profile", "profiles/slurm", "--default-resources", "slurm_partition=main", "mem_mb=1000", "runtime=30"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1", "--latency-wait", "20"),
]
# Seconds: until Slurm answers, and from the first job of a rule to its kill.
STARTS_WITHIN, LONGEST_RUN = 30, 1200


def settings(folder: Path) -> str:
    """The configuration of a Slurm of one node, with its files in a folder."""
    name = socket.gethostname().split(".")[0]
    lines = {
        "ClusterName": "one",
        "SlurmctldHost": f"{name}(127.0.0.1)",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "JobAcctGatherType": "jobacct_gather/none",
        "AccountingStorageType": "accounting_storage/none",
        "MpiDefault": "none",
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "ReturnToService": "2",
        "SchedulerParameters": "batch_sched_delay=1,sched_interval=2",
        "MinJobAge": "600",
        "SlurmctldPort": "16817",
        "SlurmdPort": "16818",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "slurmd.log",
    }
    said = [f"{key}={value}" for key, value in lines.items()]
    said += [f"NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=8000"]
    return "\n".join([*said, "PartitionName=main Nodes=ALL Default=YES", ""])


def why_not() -> str:
    """Why Slurm cannot be started here, or empty."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "not root"
    return f"{CONF} is there: a Slurm of somebody else's" if CONF.is_file() else ""


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """A Slurm of one node, until the block ends."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    CONF.parent.mkdir(exist_ok=True)
    CONF.write_text(settings(folder))
    daemons = []
    try:
        if subprocess.run(["pgrep", "-x", "munged"], capture_output=True).returncode:
            subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", "/run/munge"], check=True)
            munged = ["runuser", "-u", "munge", "--", "munged", "-F"]
            daemons.append(subprocess.Popen(munged, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(1)
        for command in (["slurmctld", "-c", "-D"], ["slurmd", "-D", "-N", socket.gethostname().split(".")[0]]):
            daemons.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until = time.monotonic() + STARTS_WITHIN
        while "idle" not in subprocess.run(["sinfo", "-h"], capture_output=True, text=True).stdout:
            if time.monotonic() > until:
                raise RuntimeError(f"Slurm does not answer:\n{(folder / 'slurmctld.log').read_text()[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        subprocess.run(["scancel", "--user", "root"], capture_output=True)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(30)
        CONF.unlink()


def run(project: Path, *arguments: str, kill_a: str = "") -> str:
    """Run snakemake to its end, and return what it said.

    Parameters
    ----------
    kill_a : a rule, of which the first job that Slurm runs is killed
    """
    said = project.parent / f"{project.name}.log"
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    with said.open("w") as file:
        running = subprocess.Popen(command, cwd=project, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    until = time.monotonic() + LONGEST_RUN
    while running.poll() is None:
        if time.monotonic() > until:
            os.killpg(running.pid, signal.SIGINT)
            raise RuntimeError(f"no end after {LONGEST_RUN} s:\n{said.read_text()[-3000:]}")
        script = ["pgrep", "-f", rf"{project}.*\.{kill_a}\.py"]
        found = subprocess.run(script, capture_output=True, text=True).stdout.split() if kill_a else []
        if found:
            os.kill(int(found[0]), signal.SIGKILL)
            kill_a = ""
        time.sleep(0.2)
    if running.returncode or kill_a:
        raise RuntimeError(f"ended with {running.returncode}, to be killed {kill_a!r}:\n{said.read_text()[-3000:]}")
    return said.read_text()


def tables(project: Path) -> dict[str, bytes]:
    """The bytes of a project's tables."""
    return {name: found for name, found in products(project).items() if name.endswith((".csv", ".ecsv", ".fits"))}


def survey_project(target: Path) -> Path:
    """A copy of the project with an overlay for a small survey."""
    copy_project(target)
    (target / "overlay.yaml").write_text(yaml.safe_dump(SURVEY))
    return target


def compare(make: Callable[[Path], Path], folder: Path, *arguments: str, kill_a: str = "") -> list[str]:
    """What differs between a run of a project through Slurm and one without."""
    local, through = (make(folder / f"{make.__name__}_{kind}") for kind in ("local", "slurm"))
    began = time.monotonic()
    run(local, *arguments)
    middle = time.monotonic()
    said = run(through, *EXECUTOR, *arguments, kill_a=kill_a)
    ours, theirs = tables(through), tables(local)
    wrong = [path for path in sorted(ours.keys() | theirs.keys()) if ours.get(path) != theirs.get(path)]
    if kill_a and "Trying to restart job" not in said:
        wrong.append(f"a killed job of {kill_a} was not sent again")
    ratio = (time.monotonic() - middle) / (middle - began)
    outcome = "; ".join(wrong) or "same bytes"
    print(f"{make.__name__}: {len(ours)} tables, {ratio:.1f} times as long as without Slurm; {outcome}", flush=True)
    return wrong


def main() -> int:
    """Run everything; the number of differences."""
    if reason := why_not():
        print(f"Slurm is not tested: {reason}.")
        return 0
    with tempfile.TemporaryDirectory() as name, slurm(folder := Path(name)):
        wrong = compare(small_project, folder, kill_a="scan_periods")
        wrong += compare(survey_project, folder, "--configfile", "config/survey.yaml", "overlay.yaml")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
