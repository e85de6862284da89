"""The workflow as a module of another one: the same jobs as in a clone."""

import shutil
import subprocess

import pytest

from conftest import ROOT

from .conftest import SMALL, Project, copy_project

FAULT = ROOT.parent / "shared" / "data" / "faults" / "module" / "Snakefile"
USING = """
configfile: "config/config.yaml"

module starpop:
    snakefile: {snakefile}
    config: config
    {more}

use rule * from starpop {name}
"""


@pytest.fixture
def clone(tmp_path):
    """A clone of the workflow."""
    return copy_project(tmp_path / "path" / "to" / "a" / "clone")


@pytest.fixture(scope="module")
def small_jobs(tmp_path_factory):
    """The jobs of a small run in a clone."""
    return copy_project(tmp_path_factory.mktemp("small") / "clone").would_run(*SMALL)


@pytest.fixture
def user(tmp_path, clone):
    """A folder with the configuration and the data, and a workflow that uses the clone, which is yet to be written."""
    for name in ("config", "data", "profiles"):
        shutil.copytree(clone.path / name, tmp_path / "mine" / name)
    return Project(tmp_path / "mine")


def use(user, snakefile='"../path/to/a/clone/Snakefile"', more="", name=""):
    (user.path / "Snakefile").write_text(USING.format(snakefile=snakefile, more=more, name=name))


def test_a_module_has_the_jobs_of_a_clone(user, small_jobs):
    use(user)
    assert user.would_run(*SMALL) == small_jobs


@pytest.mark.skipif(not FAULT.is_file(), reason="the inputs that failed are not beside this folder")
def test_a_module_as_it_is_deployed_has_the_jobs_of_a_clone(clone, user):
    shutil.copy(FAULT, user.path)
    assert user.would_run() == clone.would_run()


def test_the_rules_of_a_module_may_have_other_names(user, small_jobs):
    use(user, name="as starpop_*")
    jobs = {f"starpop_{name}": count for name, count in small_jobs.items()}
    assert user.would_run(*SMALL) == jobs | {"starpop_all": 1}


@pytest.mark.parametrize("more", ['prefix: "stars"', 'replace_prefix: {"results/": "stars/results/"}'])
def test_the_products_of_a_module_may_lie_elsewhere_and_the_data_stay_where_they_are(user, small_jobs, more):
    use(user, more=more)
    assert user.would_run(*SMALL) == small_jobs
    said = user.snakemake(*SMALL, "--dry-run", "--", "stars/results/twin/visits.fits")
    assert "input: data/twin.ecsv" in said
    said = user.snakemake(*SMALL, "--dry-run", "--", "stars/results/twin/report.html")
    of_report = said[said.index("rule write_report:") :].split("output:")[0]
    assert "stars/results/twin/tutorial/figures/periodograms.png" in of_report


def test_a_workflow_that_uses_the_module_keeps_its_own_target(user):
    use(user, name="exclude plot_cluster as starpop_*")
    path = user.path / "Snakefile"
    path.write_text('rule mine:\n    input: "results/twin/visits.fits"\n' + path.read_text())
    assert user.would_run(*SMALL) == {"mine": 1, "starpop_prepare_visits": 1}
    assert "starpop_plot_cluster" not in user.would_run(*SMALL, "--", "starpop_all")


@pytest.mark.slow
def test_a_module_makes_what_a_clone_makes(clone, user):
    use(user, more='prefix: "stars"')
    table = "results/twin/tutorial/periods/0.nc"
    clone.snakemake(*SMALL, "--", table)
    user.snakemake(*SMALL, "--", f"stars/{table}")
    assert (user.path / "stars" / table).read_bytes() == (clone.path / table).read_bytes()
    assert user.would_run(*SMALL, "--", f"stars/{table}") == {}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="git is not here")
def test_a_module_may_be_taken_from_a_repository(clone, user, small_jobs, tmp_path, monkeypatch):
    """From Snakemake's cache of a repository, since there may be no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cached = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache/github.com/a/b"

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=clone.path, check=True, capture_output=True)

    git("init")
    git("add", "Snakefile", "environment.yml", "workflow")
    git("commit", "--message", "a version")
    git("tag", "v1")
    git("clone", "--bare", ".", str(cached))
    use(user, 'github("a/b", path="Snakefile", tag="v1")')
    assert user.would_run(*SMALL) == small_jobs
    user.snakemake(*SMALL, "--", "results/twin/visits.fits")
    assert (user.path / "results/twin/visits.fits").stat().st_size > 0
