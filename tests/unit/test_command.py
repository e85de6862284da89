"""The command `starpop`: what it makes of its arguments."""

import sys

import pytest
from snakemake.cli import get_argument_parser

from starpop import __version__, command
from starpop.run.home import HOME, at_home

SNAKEFILE, BASE = str(HOME / "Snakefile"), str(HOME / "config/config.yaml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user's folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """The arguments that Snakemake would be run with."""
    calls = []
    monkeypatch.setattr(command, "snakemake", lambda arguments: calls.append(list(arguments)) or 0)
    return calls


@pytest.mark.parametrize(
    ("given", "files", "others"),
    [
        ([], ["starpop.yaml"], ["--cores", "all"]),
        (["-n", "a/b.csv"], ["starpop.yaml"], ["--cores", "all", "-n", "a/b.csv"]),
        (["-c4"], ["starpop.yaml"], ["-c4"]),
        (["--jobs=9"], ["starpop.yaml"], ["--jobs=9"]),
        (["--configfile", "a.yaml", "b.yaml", "--cores", "2"], ["a.yaml", "b.yaml"], ["--cores", "2"]),
        (["-n", "--configfile=a.yaml"], ["a.yaml"], ["--cores", "all", "-n"]),
    ],
)
def test_what_the_user_does_not_say_is_said_in_his_place(given, files, others, folder):
    (folder / "starpop.yaml").touch()
    passed = command.snakemake_arguments(given)
    assert passed == ["--configfile", BASE, *files, "--snakefile", SNAKEFILE, *others]


@pytest.mark.parametrize(
    ("given", "others"),
    [
        (["-c4", "calibrate"], ["--logger=rich", "-c4", "calibrate"]),
        *(([*asked, "-c4", "calibrate"],) * 2 for asked in (["-n"], ["-np"], ["--dry-run"], ["-q"], ["--quiet=all"])),
        (["-c4", "--logger", "rich", "--", "calibrate"],) * 2,
        (["--profile=elsewhere"], ["--profile=elsewhere"]),
    ],
)
def test_in_a_terminal_there_are_bars_unless_something_else_is_asked_for(given, others, folder, monkeypatch):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    passed = command.snakemake_arguments(given)
    assert passed == ["--configfile", BASE, "--snakefile", SNAKEFILE, *others]
    read = get_argument_parser().parse_args([word for word in passed if "profile" not in word])
    assert list(read.targets or []) == [word for word in given if word == "calibrate"]


def test_the_workflows_own_files_are_taken_where_the_folder_has_none(folder):
    own = [str(HOME / "config/small.yaml"), str(HOME / "profiles/slurm")]
    given = ["--configfile", "config/small.yaml", "--profile", "profiles/slurm"]
    passed = command.snakemake_arguments(given)
    assert passed == ["--configfile", BASE, own[0], "--snakefile", SNAKEFILE, "--profile", own[1]]
    (folder / "config").mkdir()
    for name in ("config.yaml", "small.yaml"):
        (folder / "config" / name).touch()
    assert command.snakemake_arguments(given)[:3] == ["--configfile", "config/small.yaml", "--snakefile"]
    assert at_home("data/twin.ecsv") == str(HOME / "data/twin.ecsv")
    assert at_home("data/nothing.csv") == "data/nothing.csv"


def test_the_command_is_printed_and_ends_with_what_snakemake_ends_with(folder, capfd):
    assert command.main(["run", "--version"]) == 0
    printed, version = capfd.readouterr().out.splitlines()
    assert printed.startswith(f"{sys.executable} -m snakemake --configfile {BASE} --snakefile")
    assert version[0].isdigit()
    assert command.main(["run", "--no-such-argument"]) != 0


@pytest.mark.parametrize("catalog", ["twin", "mine"])
def test_the_report_is_that_of_the_catalogue(catalog, folder, ran):
    (folder / "mine.csv").write_text("x")
    columns = "{system: a, time: b, rv: c, rv_err: d}"
    entry = f"catalogs: {{mine: {{path: mine.csv, columns: {columns}}}}}\n"
    (folder / "starpop.yaml").write_text(entry + f"catalog: {catalog}\n")
    assert command.main(["report", "-n"]) == 0
    assert ran == [["-n", "--", f"results/{catalog}/report.html"]]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("catalog: nothing\n", "the configuration has mistakes:\n  - catalog: 'nothing' is not one of"),
        ("catalog: [\n", "starpop.yaml: this cannot be read as YAML"),
        ("mine\n", "starpop.yaml: this is no configuration"),
    ],
)
def test_a_mistake_in_the_configuration_is_said_without_a_traceback(written, said, folder, ran, capsys):
    (folder / "starpop.yaml").write_text(written)
    assert command.main(["report"]) == 1
    assert f"Error: {said}" in capsys.readouterr().err
    assert ran == []


def test_status_without_a_run_says_so(folder, capsys):
    assert command.main(["status"]) == 1
    assert "No run has been started in this folder" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"], ["init", "-h"]])
def test_help_and_version(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said == f"starpop {__version__}\n" if arguments == ["--version"] else "usage: starpop" in said


def test_a_report_of_nothing_is_not_one_of_the_paper_run(folder, ran, capsys):
    assert command.main(["report"]) == 1
    assert "there is no starpop.yaml here, and no run" in capsys.readouterr().err
    assert command.main(["run", "--configfile", "none.yaml"]) == 1
    assert "none.yaml: there is no such configuration" in capsys.readouterr().err
    assert ran == []


def test_without_a_configuration_nothing_is_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["run"]) == 1
    assert "there is no starpop.yaml here: `starpop init` a table" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
