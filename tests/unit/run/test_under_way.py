"""How far a run is, read from the log that Snakemake writes of it."""

import pytest

from starpop.run import under_way
from starpop.run.under_way import Run

STATS = """Job stats:
job               count
--------------  -------
prepare_visits        1
scan_periods          3
all                   1
total                 5

[Mon Nov 30 00:00:00 2026]
localrule prepare_visits:
    input: mine.csv
    log: logs/prepare_visits/mine.log
    jobid: 2
[Mon Nov 30 00:00:01 2026]
Finished jobid: 2 (Rule: prepare_visits)
1 of 5 steps (20%) done
"""
SCANS = """rule scan_periods:
    input: results/mine/visits.fits
    log: {folder}/0.log
    jobid: 4
rule scan_periods:
    log: {folder}/1.log
    jobid: 7
"""
ENDED = """Finished jobid: 4 (Rule: scan_periods)
2 of 5 steps (40%) done
"""
ERROR = """Error in rule scan_periods:
    message: None
    jobid: 7
    log: {folder}/1.log (check log file(s) for error details)
"""
TOLD = """Terminating processes on user request, this might take some time.
"""
VERDICT = """2 of 9 fits and checks FAILED: a, b: not converged.
All of it on one page: results/mine/report.html
Complete log(s): of.log
Elapsed time: 0:00:10
"""
REST = """localrule scan_periods:
    log: {folder}/2.log
    jobid: 8
Finished jobid: 7 (Rule: scan_periods)
Finished jobid: 8 (Rule: scan_periods)
4 of 5 steps (80%) done
localrule all:
    jobid: 0
Finished jobid: 0 (Rule: all)
5 of 5 steps (100%) done
"""


@pytest.mark.parametrize(
    ("log", "alive", "expected"),
    [
        (
            STATS,
            True,
            [
                "prepare_visits  1 of 1 done",
                "scan_periods    0 of 3 done",
                "under way, or was killed: 1 of 5 steps (20%) done",
            ],
        ),
        (STATS + SCANS, False, ["prepare_visits  1 of 1 done", "scan_periods    0 of 3 done", "stopped: 1 of 5"]),
        (STATS + SCANS + ENDED + ERROR, False, ["1 of 1 done", "1 of 3 done, 1 FAILED", "stopped: 2 of 5"]),
        (STATS + SCANS + ENDED + REST, False, ["1 of 1 done", "3 of 3 done", "complete: 5 of 5 steps (100%) done."]),
    ],
)
def test_each_rule_has_a_line_and_the_run_one(log, alive, expected, tmp_path):
    lines = Run.from_log(log.format(folder=tmp_path).splitlines()).describe(alive)
    assert len(lines) == 3
    for line, part in zip(lines, expected, strict=True):
        assert part in line


def test_a_job_that_was_stopped_has_not_failed(tmp_path):
    log = (STATS + SCANS + ENDED + TOLD + ERROR).format(folder=tmp_path)
    lines = Run.from_log(log.splitlines()).describe(alive=False)
    assert lines[1].endswith("1 of 3 done")
    assert lines[-1] == "The run is stopped, as it was told: 2 of 5 steps (40%) done."


def test_a_complete_run_tells_what_came_of_it(tmp_path):
    log = (STATS + SCANS + ENDED + REST + VERDICT).format(folder=tmp_path)
    lines = Run.from_log(log.splitlines()).describe(alive=False)
    assert lines[-2:] == VERDICT.splitlines()[:2]


def test_a_job_that_is_sent_again_has_not_failed(tmp_path):
    again = SCANS + ERROR + SCANS.partition("rule scan")[0] + "rule scan_periods:\n    log: x\n    jobid: 7\n"
    lines = Run.from_log((STATS + again).format(folder=tmp_path).splitlines()).describe(alive=True)
    assert "0 of 3 done, 2 running" in lines[1]
    ended = STATS + SCANS + ERROR + ENDED + REST
    lines = Run.from_log(ended.format(folder=tmp_path).splitlines()).describe(alive=False)
    assert lines[1].endswith("3 of 3 done")


def test_a_job_that_runs_has_the_last_line_of_its_log(tmp_path):
    (tmp_path / "0.log").write_text("2026-11-30 00:00:00,123 3000 systems.\n2026-11-30 00:00:15,001 12 of 3000.\n")
    lines = Run.from_log((STATS + SCANS).format(folder=tmp_path).splitlines()).describe(alive=True)
    assert lines[1] == "scan_periods    0 of 3 done, 2 running"
    assert [line.strip() for line in lines[2:-1]] == ["12 of 3000."]


def test_it_tells_of_the_last_run_that_had_something_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert under_way.main() == 1
    assert "No run has been started" in capsys.readouterr().out
    (tmp_path / ".snakemake/log").mkdir(parents=True)
    (tmp_path / ".snakemake/log/2026-11-29.snakemake.log").write_text(STATS)
    (tmp_path / ".snakemake/log/2026-11-30.snakemake.log").write_text("Nothing to be done.\n")
    assert under_way.main() == 0
    assert "stopped: 1 of 5" in capsys.readouterr().out
    (tmp_path / ".snakemake/locks").mkdir()
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    assert under_way.main() == 0
    assert "under way, or was killed: 1 of 5" in capsys.readouterr().out
