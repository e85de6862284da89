"""Fault injection: a small run is killed, starved of disk and damaged, and must end as if nothing had happened.

    make torture          # or: python tests/torture.py --kills 50 --seed 1

An undisturbed run is the reference. Another copy of the project is killed at random moments, again and again, in four
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

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "environment.yml", "config", "profiles", "workflow")
DATA = ("twin.ecsv", "twin_truth.ecsv", "published.csv")
OVERLAY = {
    "catalog": "twin",
    "systems": {"keep": ["TWIN-01", "TWIN-03", "TWIN-10"]},
    "sampler": {"tune": 300, "chains": 2, "target_accept": 0.9},
    "draws": {"exact": 500, "systems": 200, "population": 200, "cluster": 200},
    "criticism": {"replicates": 100},
    "figures": {"dpi": 60},
    "batches": 2,
}
# Seconds from the start to the kill: while Snakemake starts, and while its jobs run.
KILL_AFTER = (0.5, 9.0)
SIGNALS = ("SIGINT to the run", "SIGTERM to the run", "SIGKILL to Snakemake", "SIGKILL to a job", "SIGKILL to all")


def copy_project(target: Path) -> Path:
    """A copy of the project, with what has been compiled, in which nothing has run."""
    target.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, target / name)
    (target / "data").mkdir()
    for name in DATA:
        shutil.copy2(ROOT / "data" / name, target / "data" / name)
    (target / "torture.yaml").write_text(yaml.safe_dump(OVERLAY))
    return target


def start(project: Path, *arguments: str) -> subprocess.Popen:
    """Start snakemake in a project; it speaks into a file, since a pipe that nobody reads would fill up."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "torture.yaml", *arguments]
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


def kill(run: subprocess.Popen, how: str, rng: random.Random) -> None:
    """End a run in one of the ways."""
    if how in ("SIGINT to the run", "SIGKILL to all"):
        os.killpg(run.pid, signal.SIGINT if "INT" in how else signal.SIGKILL)
    elif how == "SIGKILL to a job":
        jobs = [p for p in psutil.Process(run.pid).children(recursive=True) if p.is_running()]
        rng.choice(jobs).kill() if jobs else run.kill()
    else:
        os.kill(run.pid, signal.SIGTERM if "TERM" in how else signal.SIGKILL)
    try:
        run.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


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
    """Kill runs of a project at random moments; where one ends before, something of it is taken away."""
    done: Counter = Counter()
    while done.total() < count:
        run = start(project)
        try:
            run.wait(rng.uniform(*KILL_AFTER))
        except subprocess.TimeoutExpired:
            how = rng.choice(SIGNALS)
            kill(run, how, rng)
            done[how] += 1
            continue
        said, made = said_by(project).read_text(), sorted((project / "results").rglob("*.nc"))
        if "--unlock" in said:
            finish(project, "--unlock")
        elif run.returncode == 0 and made:
            rng.choice(made).unlink()
        else:
            raise RuntimeError(f"a run ended by itself with {run.returncode}:\n{said}")
    return done


def truncated(project: Path, name: str) -> str:
    """Cut a product to half its size, and run again."""
    path = project / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, said = go_on(project)
    return next((line for line in said.splitlines() if "is not as it was written" in line), "not noticed")


def two_runs(project: Path) -> str:
    """Start a second run while the first is under way."""
    shutil.rmtree(project / "results" / "twin")
    first = start(project)
    time.sleep(5)
    code, said = finish(project)
    first.wait()
    return "the second is refused" if code and "lock" in said.lower() else f"the second ended with {code}"


def lost_metadata(project: Path) -> str:
    """Delete Snakemake's records, and a product."""
    shutil.rmtree(project / ".snakemake")
    (project / "results/twin/tutorial/orbits.csv").unlink()
    go_on(project)
    return "made again"


def mounted(folder: Path, size: str) -> bool:
    """Mount a small disk of memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "torture", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def error_line(said: str) -> str:
    """The line that tells a user what is wrong."""
    lines = [line.strip() for line in said.splitlines()]
    told = [line for line in lines if "No space left" in line or "Read-only" in line]
    return told[-1][:160] if told else "(no message)"


def full_disk(disk: Path, reference: dict[str, bytes]) -> tuple[str, list[str]]:
    """Run on a disk that fills up; make room; run again; then make it read-only, and writable again."""
    project = copy_project(disk / "project")
    code, said = finish(project)
    assert code, "the disk did not fill up"
    remount(disk, "size=1g")
    go_on(project)
    return error_line(said), differences(project, reference)


def read_only_disk(project: Path, disk: Path) -> str:
    """Ask for a product that is not there on a disk that cannot be written."""
    (project / "results/twin/tutorial/orbits.csv").unlink()
    remount(disk, "ro")
    _, said = finish(project)
    remount(disk, "rw")
    go_on(project)
    return error_line(said)


def main() -> int:
    """Run everything; the number of faults after which something was different."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    rng, began, rows = random.Random(options.seed), time.monotonic(), []

    def report(fault: str, outcome: str, wrong: list[str]) -> None:
        rows.append((fault, outcome, "same bytes" if not wrong else "; ".join(wrong[:5])))
        print(f"[{time.monotonic() - began:4.0f} s] {' | '.join(rows[-1])}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        undisturbed, project = (copy_project(Path(folder) / name) for name in ("undisturbed", "project"))
        code, said = finish(undisturbed)
        if code:
            raise RuntimeError(f"the undisturbed run failed:\n{said}")
        reference = products(undisturbed)
        print(f"[{time.monotonic() - began:4.0f} s] undisturbed: {len(reference)} products", flush=True)
        done = kills(project, options.kills, rng)
        go_on(project)
        for how in SIGNALS:
            report(
                f"{done[how]} times {how}", "went on", differences(project, reference) if how == SIGNALS[-1] else []
            )
        single: list[tuple[str, Callable[[], str]]] = [
            (f"{Path(name).suffix} cut to half", lambda name=name: truncated(project, name))
            for name in (
                "results/twin/visits.fits",
                "results/twin/rejected.ecsv",
                "results/twin/tutorial/periods/0.nc",
                "results/twin/tutorial/orbits.csv",
                "results/twin/tutorial/figures/orbits.png",
            )
        ]
        single += [("two runs at once", lambda: two_runs(project)), ("records lost", lambda: lost_metadata(project))]
        for fault, happen in single:
            outcome = happen()
            report(fault, outcome, differences(project, reference))
        disk = Path(folder) / "disk"
        if mounted(disk, "4m"):
            try:
                report("disk full", *full_disk(disk, reference))
                outcome = read_only_disk(disk / "project", disk)
                report("disk read-only", outcome, differences(disk / "project", reference))
            finally:
                subprocess.run(["umount", str(disk)], check=True)
        else:
            print("disk full, disk read-only: skipped, since no disk may be mounted here")
    print(
        f"\n{sum(done.values())} kills and {len(rows) - len(SIGNALS)} other faults in {time.monotonic() - began:.0f} s"
    )
    return sum(row[2] != "same bytes" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
