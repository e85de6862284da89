"""What is made of the user's own files: made again when their bytes are others, and of no file that is not there."""

import os
import re

import pytest

from .conftest import copy_project

VISITS, STARS = "results/mine/visits.fits", "results/cluster/stars/stars.ecsv"


def table(*systems):
    """A table of six visits of each system."""
    rows = [f"{name},{2456000 + 3 * i},{10 * (-1) ** i},0.1\n" for name in systems for i in range(6)]
    return "star,bjd,v,e\n" + "".join(rows)


def stars(*parallaxes):
    return "star,plx,e\n" + "".join(f"{i},{parallax},0.02\n" for i, parallax in enumerate(parallaxes))


def masses(*values):
    return "name,m\n" + "".join(f"{name},{mass}\n" for name, mass in zip("AB", values, strict=True))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project with two files of visits, one of masses, and one of parallaxes, all prepared."""
    project = copy_project(tmp_path_factory.mktemp("prepared") / "project")
    (project.path / "a.csv").write_text(table("A", "B"))
    (project.path / "b.csv").write_text(table("C"))
    (project.path / "masses.csv").write_text(masses(0.8, 1.1))
    (project.path / "stars.csv").write_text(stars(1.10, 1.12, 1.09))
    project.snakemake(*overlay(project), VISITS, STARS)
    assert project.would_run(*overlay(project), VISITS, STARS) == {}
    return project


@pytest.fixture
def mine(prepared, tmp_path):
    """A copy of it, to edit."""
    return prepared.copy(tmp_path / "project")


def overlay(project, paths=("a.csv", "b.csv"), parallaxes="stars.csv"):
    """Arguments that take the tables from these files."""
    columns = {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"}
    entry = {"path": list(paths), "columns": columns, "units": {"time": "d", "rv": "km/s"}}
    entry["masses"] = {"path": "masses.csv", "columns": {"system": "name", "mass": "m"}}
    columns = {"star": "star", "parallax": "plx", "parallax_error": "e"}
    cluster = {"table": {"path": parallaxes, "columns": columns, "units": {"parallax": "mas"}}}
    changes = {"catalog": "mine", "catalogs": {"mine": entry}, "cluster": cluster, "systems": {"keep": "all"}}
    return *project.overlay(**changes), "--"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "jobs"),
    [
        ("a.csv", table("A", "D"), {"prepare_visits": 1}),
        ("b.csv", table("D"), {"prepare_visits": 1}),
        ("masses.csv", masses(0.8, 1.2), {"prepare_visits": 1}),
        ("stars.csv", stars(1.10, 1.12, 1.08), {"prepare_stars": 1}),
    ],
)
def test_other_bytes_are_noticed_whatever_the_size_and_the_time(mine, file, text, jobs):
    path = mine.path / file
    before = path.stat()
    os.utime(path)
    assert mine.would_run(*overlay(mine), VISITS, STARS) == {}
    path.write_text(text)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert mine.would_run(*overlay(mine), VISITS, STARS) == jobs


@pytest.mark.slow
def test_two_files_that_change_places_are_noticed(mine):
    a, b = mine.path / "a.csv", mine.path / "b.csv"
    a.rename(mine.path / "c.csv")
    b.rename(a)
    (mine.path / "c.csv").rename(b)
    assert mine.would_run(*overlay(mine), VISITS, STARS) == {"prepare_visits": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parallaxes": "star.csv"}, "- cluster.table.path: no file 'star.csv' in "),
        ({"paths": ["a.csv", "bb.csv"]}, "- catalogs.mine.path: no file 'bb.csv' in "),
        ({"paths": ["*.csv"]}, "name the files one by one: path: [a.csv, b.csv, masses.csv, stars.csv]"),
        (
            {"paths": ["config"]},
            "'config' is a folder; name the tables in it: path: [config/README.md, config/amplitudes",
        ),
    ],
)
def test_a_file_that_is_not_there_stops_the_run_though_there_are_results_of_another(mine, changes, message):
    said = mine.snakemake(*overlay(mine, **changes), VISITS, STARS, check=False)
    assert message in said
    assert "Traceback" not in said
    assert "Nothing to be done" not in said


@pytest.mark.slow
def test_a_file_that_is_removed_stops_the_run_though_there_are_results_of_it(mine):
    (mine.path / "b.csv").unlink()
    (mine.path / "stars.csv").unlink()
    said = mine.snakemake(*overlay(mine), VISITS, STARS, check=False)
    assert "- catalogs.mine.path: no file 'b.csv' in " in said
    assert "- cluster.table.path: no file 'stars.csv' in " in said


@pytest.mark.slow
def test_why_jobs_would_run_is_said_once_for_all_of_them(mine):
    (mine.path / "a.csv").write_text(table("A", "D"))
    said = mine.snakemake("--dry-run", *overlay(mine), VISITS)
    assert "reason:" not in said  # of each job, with all its files
    assert re.search(r"Reasons:\n.*params have changed since last execution:\n +prepare_visits\n", said, re.DOTALL)
