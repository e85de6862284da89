"""A file of the user's that is not there, or cannot be read, is said with what to do."""

import os

import pytest

from starpop.run import files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of all kinds, in which paths are looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("TABLES", "/tables")
    monkeypatch.delenv("NOTHING", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "none").mkdir()
    for name in ("m1.csv", "m2, n.csv", ".hidden"):
        (tmp_path / "data" / name).write_text("a table")
    (tmp_path / "data" / "empty.csv").touch()
    (tmp_path / "data" / "link.csv").symlink_to("gone.csv")
    (tmp_path / "{1}.csv").write_text("a table")
    os.mkfifo(tmp_path / "data" / "pipe")
    return tmp_path


AS_IT_STANDS = "is taken as it stands, without replacing ~ or $VARIABLES; write it out"
NO_PATTERN = "and a path is no pattern; name the files one by one"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("data/m9.fits", "no file 'data/m9.fits' in HERE; put the table there."),
        ("data/m3.csv", "no file 'data/m3.csv' in HERE; put the table there. Did you mean 'data/m1.csv'?"),
        ("daat/M1.CSV", "no file 'daat/M1.CSV' in HERE; put the table there. Did you mean 'data/m1.csv'?"),
        ("HERE/dat/m1.csv", "no file 'HERE/dat/m1.csv'; put the table there. Did you mean 'HERE/data/m1.csv'?"),
        ("/not/there/m1.csv", "no file '/not/there/m1.csv'; put the table there."),
        ("data/m1.csv/", "no file 'data/m1.csv/' in HERE; put the table there. Did you mean 'data/m1.csv'?"),
        ("data/empty.csv", "'data/empty.csv' is empty; put the table there."),
        ("data", "'data' is a folder; name the tables in it: path: [data/empty.csv, data/m1.csv, 'data/m2, n.csv']."),
        ("none", "'none' is a folder; name the tables in it (there are none here)."),
        ("data/m*.csv", f"no file 'data/m*.csv' in HERE, {NO_PATTERN}: path: [data/m1.csv, 'data/m2, n.csv']."),
        ("HERE/**/m1*", f"no file 'HERE/**/m1*', {NO_PATTERN}: path: [HERE/data/m1.csv]."),
        ("*.fits", f"no file '*.fits' in HERE, {NO_PATTERN} (there are none here)."),
        ("~/m1.csv", f"'~/m1.csv' {AS_IT_STANDS}: path: /home/me/m1.csv."),
        ("${TABLES}/a.csv", f"'${{TABLES}}/a.csv' {AS_IT_STANDS}: path: /tables/a.csv."),
        (
            "~no-one/a.csv",
            "'~no-one/a.csv' cannot be reached (Could not determine home directory.); mend that, or the path.",
        ),
        ("$NOTHING/a.csv", f"'$NOTHING/a.csv' {AS_IT_STANDS}."),
        (
            "data/link.csv",
            "'data/link.csv' is a link to 'gone.csv', which is not there; mend it, or name another.",
        ),
        ("data/pipe", "'data/pipe' is no regular file; save the table in one, and name that."),
        ("https://a.b/c.csv", "'https://a.b/c.csv' is an address; download the table, and name its file."),
        ("{1}.csv", "'{1}.csv' has a brace, and Snakemake takes what braces hold for a wildcard; rename the file."),
    ],
)
def test_a_file_that_cannot_be_used_is_said_with_what_to_do(folder, path, said):
    assert files.unusable(path.replace("HERE", str(folder))) == said.replace("HERE", str(folder))


def test_a_file_that_can_be_used_is_not_said(folder):
    (folder / "data" / "link.csv").unlink()
    (folder / "data" / "link.csv").symlink_to("m1.csv")
    for path in ("data/m1.csv", "./data/m1.csv", str(folder / "data" / "m2, n.csv"), "data/link.csv"):
        assert files.unusable(path) is None


def test_of_many_files_a_message_lists_the_first(folder):
    for i in range(20):
        (folder / "none" / f"night{i:02d}.csv").write_text("a table")
    said = files.unusable("none/*.csv")
    assert said.startswith("no file 'none/*.csv' in ")
    assert said.endswith("none/night10.csv, none/night11.csv] and 8 more.")


def test_a_file_that_may_not_be_read_or_reached_is_said(folder, monkeypatch):
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK and access(path, mode))
    assert files.unusable("data/m1.csv") == (
        "'data/m1.csv' cannot be read, for want of permission; make it readable: chmod u+r data/m1.csv."
    )
    said = files.unusable("a" * 300)
    assert said.endswith("cannot be reached (File name too long); mend that, or the path.")
