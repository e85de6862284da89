"""How far a run is, or was when it stopped: a line for each rule, from the log that Snakemake writes of it.

    make status

tells of the last run in this folder what is done, runs, failed and is left; and of jobs that run what their own logs
said last.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

LOGS, LOCKS = Path(".snakemake/log"), Path(".snakemake/locks")
JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
COUNT = re.compile(r"^(\w+) +(\d+)$")
FINISHED, FAILED = re.compile(r"^Finished jobid: (\d+)"), re.compile(r"^Error in rule (\w+)")
STEPS = re.compile(r"^\d+ of \d+ steps \((\d+)%\) done$")
# What comes after it are jobs that were stopped, and have not failed; and what ends the lines on the results.
TOLD_TO_STOP, END = "Terminating processes on user request", "Complete log(s): "
# Not a job of its own.
TARGETS = ("all", "total")


@dataclass
class Run:
    """What the log of a run says.

    Attributes
    ----------
    total : jobs by rule
    started : the rule and the log of each job that was started, by its number
    finished : the numbers of those that ended well
    failed : the rule of each job that failed and was not started again, by its number
    steps : the last line of progress
    told : whether it was told to stop
    verdict : of a complete run its last lines, on what came of it
    """

    total: Counter = field(default_factory=Counter)
    started: dict[str, tuple[str, str]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    steps: str = ""
    told: bool = False
    verdict: list[str] = field(default_factory=list)

    @classmethod
    def from_log(cls, lines: Iterable[str]) -> Run:
        """Read the log of a run."""
        run, counting, complete, rule, log, failed = cls(), False, False, "", "", ""
        for line in map(str.rstrip, lines):
            if line == "Job stats:":
                counting = True
            elif counting and (found := COUNT.match(line)):
                run.total[found[1]] = int(found[2])
                counting = found[1] != "total"
            elif found := JOB.match(line):
                rule, log, failed = found[1], "", ""
            elif found := FAILED.match(line):
                rule = ""
                failed = "" if run.told else found[1]
            elif found := FINISHED.match(line):
                run.finished.add(found[1])
                run.failed.pop(found[1], None)
            elif rule and line.startswith("    log: "):
                log = line.removeprefix("    log: ").split(" (")[0]
            elif line.startswith("    jobid: "):
                number = line.removeprefix("    jobid: ")
                if failed:
                    run.failed[number] = failed
                elif rule:
                    run.started[number] = rule, log
                    run.failed.pop(number, None)
            elif found := STEPS.match(line):
                run.steps, complete = line, found[1] == "100"
            elif line.startswith(TOLD_TO_STOP):
                run.told = True
            elif line.startswith(END):
                complete = False
            elif complete:
                run.verdict.append(line)
        return run

    def describe(self, alive: bool) -> list[str]:
        """A line for each rule, one for the whole, and what came of it.

        Parameters
        ----------
        alive : whether the run still goes on
        """
        done = Counter(rule for number, (rule, _) in self.started.items() if number in self.finished)
        ended = self.finished | self.failed.keys()
        running = {n: job for n, job in self.started.items() if n not in ended and alive}
        failed = Counter(self.failed.values())
        width = max(map(len, self.total), default=0)
        lines = []
        for rule, count in self.total.items():
            if rule in TARGETS:
                continue
            logs = [log for of, log in running.values() if of == rule]
            said = f"{done[rule]} of {count} done"
            said += f", {len(logs)} running" if logs else ""
            said += f", {failed[rule]} FAILED" if failed[rule] else ""
            lines.append(f"{rule:{width}}  {said}")
            lines += [f"{'':{width}}    {last}" for last in filter(None, map(last_line, logs))]
        complete = all(done[rule] == count for rule, count in self.total.items() if rule not in TARGETS)
        over = "complete" if complete else ("stopped, as it was told" if self.told else "stopped")
        state = "under way, or was killed" if alive else over
        return [*lines, f"The run is {state}: {self.steps or 'no job is done'}.", *self.verdict]


def last_line(path: str) -> str:
    """What a job said last in its log, without the time."""
    try:
        *_, last = Path(path).read_text(errors="replace").splitlines()
    except (OSError, ValueError):
        return ""
    return re.sub(r"^[\d-]+ [\d:,]+ ", "", last)


def main() -> int:
    """Tell of the last run in this folder."""
    logs = sorted(LOGS.glob("*.snakemake.log"))
    if not logs:
        print("No run has been started in this folder: there is no log of Snakemake's in it.")
        return 1
    runs = [Run.from_log(path.read_text(errors="replace").splitlines()) for path in logs[-20:]]
    last = next((run for run in reversed(runs) if run.total), None)
    if last is None:
        print("The logs of the last runs tell of no jobs: they had nothing to do, or were told to be --quiet.")
        return 0
    print("\n".join(last.describe(alive=any(LOCKS.glob("*")))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
