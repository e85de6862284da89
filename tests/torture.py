"""Fault injection: a small run is killed, starved of disk and damaged, and must end as if nothing had happened.

    make torture          # or: python tests/torture.py --kills 50 --seed 1

An undisturbed run is the reference. Another copy of the project is killed at random moments, again and again, in five
ways, and each other fault happens to it once. After each the run goes on with plain `snakemake`, or with the one
command that the message names. At the end every table, and every other product, must be the same, byte for byte, and
nothing may be left to do. Faults of the disk need the right to mount one, and are skipped, and said so, without it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import yaml
from snakemake.utils import update_config

from project_copy import copy_project

CHANGES = {
    "catalog": "twin",
    "systems": {"keep": ["TWIN-01", "TWIN-03", "TWIN-10"]},
    "sampler": {"tune": 300, "chains": 2, "target_accept": 0.9},
    "draws": {"exact": 500, "systems": 200, "population": 200, "cluster": 200},
    "criticism": {"replicates": 100},
    "figures": {"dpi": 60},
    "batches": 2,
}
# Seconds from the start to the kill: while Snakemake starts, and while its jobs run.
KILL_AFTER = (0.5, 8.0)
# What a disk has room for that fills up [bytes]: a part of the products.
ROOM = 1_500_000
# What happened after a fault, and what was wrong with that.
Outcome = tuple[str, list[str]]
KILLED_JOB = "SIGKILL to a job"
SIGNALS = ("SIGINT to the run", "SIGTERM to the run", "SIGKILL to Snakemake", KILLED_JOB, "SIGKILL to all")


def small_project(target: Path) -> Path:
    """A copy of the project with a small configuration."""
    copy_project(target)
    path = target / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    update_config(config, CHANGES)
    del config["system_models"]["jitter"]  # one model is half the jobs
    path.write_text(yaml.safe_dump(config))
    return target


def start(project: Path, *arguments: str) -> subprocess.Popen:
    """Start snakemake in a project; it speaks into a file, since a pipe that nobody reads would fill up."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    with said_by(project).open("w") as said:
        return subprocess.Popen(command, cwd=project, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)


def said_by(project: Path) -> Path:
    """Where the words of a project's last run are."""
    return Path(tempfile.gettempdir()) / f"torture-{os.getpid()}-{project.name}.txt"


def finish(project: Path, *arguments: str) -> tuple[int, str]:
    """Run snakemake to its end: its exit code, and what it said."""
    return start(project, *arguments).wait(), said_by(project).read_text()


def go_on(project: Path) -> tuple[int, str]:
    """Run to the end, with the one command that a message names where plain `snakemake` does not."""
    code, said = finish(project)
    if code and "--unlock" in said:
        finish(project, "--unlock")
        code, said = finish(project)
    return code, said


def kill(run: subprocess.Popen, rng: random.Random) -> str:
    """Kill a run, or one of its jobs, in one of the ways; which. With its job killed a run goes on with the others."""
    jobs = [p for p in psutil.Process(run.pid).children(recursive=True) if p.is_running()]
    how = rng.choice([how for how in SIGNALS if jobs or how != KILLED_JOB])
    if how == KILLED_JOB:
        rng.choice(jobs).kill()
        return how
    if how in ("SIGINT to the run", "SIGKILL to all"):
        os.killpg(run.pid, signal.SIGINT if "INT" in how else signal.SIGKILL)
    else:
        os.kill(run.pid, signal.SIGTERM if "TERM" in how else signal.SIGKILL)
    try:
        run.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    return how


def products(project: Path) -> dict[str, bytes]:
    """The bytes of every product; not the benchmarks, which are times."""
    found = sorted((project / "results").rglob("*"))
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in found
        if path.is_file() and not path.name.startswith(".") and not {"benchmarks", ".sizes"} & set(path.parts)
    }


def differences(project: Path, reference: dict[str, bytes]) -> list[str]:
    """What is not as in the reference, and what is left to do."""
    ours = products(project)
    said = [f"missing: {name}" for name in reference.keys() - ours.keys()]
    said += [f"not in the reference: {name}" for name in ours.keys() - reference.keys()]
    said += [f"differs: {name}" for name in reference.keys() & ours.keys() if ours[name] != reference[name]]
    left = [str(p) for p in (project / "results").rglob(".*.part*")]
    said += [f"left behind: {name}" for name in left]
    _, dry = finish(project, "--dry-run")
    return said + ([] if "Nothing to be done" in dry else ["something is left to do"])


def kills(project: Path, count: int, rng: random.Random) -> Counter:
    """Kill runs of a project at random moments; where one comes to its end before, it begins anew."""
    done: Counter = Counter()
    run = None
    while done.total() < count:
        if run is None:
            if any((project / ".snakemake" / "locks").glob("*")):
                finish(project, "--unlock")
            run, job_killed = start(project), False
        try:
            code = run.wait(rng.uniform(*KILL_AFTER))
        except subprocess.TimeoutExpired:
            how = kill(run, rng)
            done[how] += 1
            job_killed = how == KILLED_JOB
            run = run if job_killed else None
            continue
        if code == 0:
            shutil.rmtree(project / "results")
        elif not job_killed:
            raise RuntimeError(f"a run ended by itself with {code}:\n{said_by(project).read_text()}")
        run = None
    if run is not None:
        run.wait()
    return done


def truncated(project: Path, *names: str) -> Outcome:
    """Cut products to half their sizes, and run again."""
    for path in (project / name for name in names):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, said = go_on(project)
    return "made again", [f"not noticed: {name}" for name in names if f"{name} is not as it was written" not in said]


def two_runs(project: Path) -> Outcome:
    """Start a second run while the first is under way, and a third when the first is killed."""
    shutil.rmtree(project / "results" / "twin")
    first = start(project)
    time.sleep(5)
    code, said = finish(project)
    wrong = [] if code and "lock" in said.lower() else [f"the second ended with {code}"]
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    if "--unlock" not in finish(project)[1]:
        wrong.append("the third was not told what to do")
    go_on(project)
    return "the second is refused; when the first is killed, the third is told to unlock", wrong


def lost_metadata(project: Path) -> Outcome:
    """Delete Snakemake's records, and a product."""
    shutil.rmtree(project / ".snakemake")
    (project / "results/twin/tutorial/orbits.csv").unlink()
    go_on(project)
    return "made again", []


def mounted(folder: Path) -> bool:
    """Mount a disk of memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=500m", "torture", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def told(code: int, said: str, what: str) -> Outcome:
    """The message of a run that failed for want of something."""
    lines = [line.strip()[:160] for line in said.splitlines() if what in line]
    return (lines[-1], []) if code and lines else (f"ended with {code}", [f"does not say {what!r}"])


def full_disk(project: Path) -> Outcome:
    """Run on a disk that fills up; make room; run again."""
    ballast = project.parent / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(project).free - ROOM)
    outcome = told(*finish(project), "No space left")
    ballast.unlink()
    go_on(project)
    return outcome


def read_only_disk(project: Path) -> Outcome:
    """Ask for a product that is not there on a disk that cannot be written; make it writable; run again."""
    (project / "results/twin/tutorial/orbits.csv").unlink()
    remount = ["mount", str(project.parent), "-o"]
    subprocess.run([*remount, "remount,ro"], check=True)
    outcome = told(*finish(project), "cannot be written")
    subprocess.run([*remount, "remount,rw"], check=True)
    go_on(project)
    return outcome


def main() -> int:
    """Run everything; the number of faults after which something was different."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in the background, by the runs too
    rng, began = random.Random(options.seed), time.monotonic()
    rows: list[tuple[str, str, str]] = []

    def report(fault: str, outcome: str, wrong: list[str], project: Path) -> None:
        wrong = wrong + differences(project, reference)
        rows.append((fault, outcome, "; ".join(wrong[:5]) or "same bytes"))
        print(f"[{time.monotonic() - began:4.0f} s] {' | '.join(rows[-1])}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        undisturbed, project = (small_project(Path(folder) / name) for name in ("undisturbed", "project"))
        code, said = finish(undisturbed)
        if code:
            raise RuntimeError(f"the undisturbed run failed:\n{said}")
        reference = products(undisturbed)
        print(f"[{time.monotonic() - began:4.0f} s] undisturbed: {len(reference)} products", flush=True)
        done = kills(project, options.kills, rng)
        go_on(project)
        how_often = ", ".join(f"{done[how]} times {how}" for how in SIGNALS)
        report(how_often, "went on", [], project)
        twin, tutorial = "results/twin", "results/twin/tutorial"
        single: list[tuple[str, Callable[[], Outcome]]] = [
            (
                "draws, a table and a figure cut to half",
                lambda: truncated(
                    project, f"{tutorial}/exact/0.nc", f"{tutorial}/orbits.csv", f"{tutorial}/figures/orbits.png"
                ),
            ),
            ("visits cut to half", lambda: truncated(project, f"{twin}/visits.fits", f"{twin}/rejected.ecsv")),
            ("two runs at once", lambda: two_runs(project)),
            ("records lost", lambda: lost_metadata(project)),
        ]
        for fault, happen in single:
            report(fault, *happen(), project)
        disk = Path(folder) / "disk"
        if mounted(disk):
            try:
                project = small_project(disk / "project")
                report("disk full", *full_disk(project), project)
                report("disk read-only", *read_only_disk(project), project)
            finally:
                subprocess.run(["umount", str(disk)], check=True)
        else:
            print("disk full, disk read-only: skipped, since no disk may be mounted here")
    print(f"\n{sum(done.values())} kills and {len(rows) - 1} other faults in {time.monotonic() - began:.0f} s")
    return sum(row[2] != "same bytes" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
