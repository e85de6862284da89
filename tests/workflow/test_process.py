"""Runs that are forked end as those that are typed: with a code, a message, and without what they have started."""

import multiprocessing
import os

import pytest

from snakemake_process import snakemake_in

SNAKEFILE = """
rule fails:
    output: "a.txt"
    script: "job.py"
"""


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("import sys; sys.exit('Error: no such luck')", "Error: no such luck"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Error in rule fails"),
        ("open('a.txt', 'w').write('made'); print('all is well')", "all is well"),
    ],
    ids=["refuses", "killed", "ends well"],
)
def test_a_job_ends_and_its_run_with_it(job, said, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(job)
    code, told = snakemake_in(tmp_path, ["--cores", "1"])
    assert said in told
    assert (code == 0) == (tmp_path / "a.txt").exists() == ("well" in job)
    assert multiprocessing.active_children() == []


def test_a_run_that_is_killed_leaves_no_job(tmp_path):
    (tmp_path / "job.py").write_text(
        "import os, time; open('pid', 'w').write(str(os.getpid()))\n"
        "os.kill(int(open('run').read()), 9); time.sleep(60)"
    )
    (tmp_path / "Snakefile").write_text("import os\nopen('run', 'w').write(str(os.getpid()))\n" + SNAKEFILE)
    code, _ = snakemake_in(tmp_path, ["--cores", "1"])
    assert code == -9
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
