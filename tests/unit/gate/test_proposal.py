"""What tables are taken for: the layouts of the documentation, the corpus of broken tables, and single guesses."""

import contextlib
import io
import re
from pathlib import Path

import broken_tables as corpus
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from test_layouts import LAYOUTS, MAKERS

from starpop import command
from starpop.gate import counted, roles
from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.gate.guesses import time_scale, time_zero, velocity_unit
from starpop.gate.proposal import as_yaml, propose
from starpop.run.errors import InputError
from starpop.run.schema import UNKNOWN
from starpop.run.settings import catalog_name

# Kinds of tables that are wrong for the entry they are given, and that a proposal takes for what they are.
UNDERSTOOD = {
    "a_mistyped_column",
    "mjd_taken_as_jd",
    "metres_taken_as_kilometres",
    "contradictory_units",
    "seconds_since_1970",
}


def init(*arguments):
    """What `starpop init` ends with, and all that it says."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command.main(["init", *arguments])
    return code, said.getvalue()


def proposed(path="starpop.yaml"):
    """The entry in a configuration that was written."""
    written = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return written["catalogs"][written["catalog"]]


@pytest.mark.parametrize("name", MAKERS)
def test_a_layout_is_taken_for_what_the_documentation_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    layout = LAYOUTS[name]["catalogs"][name]
    MAKERS[name](tmp_path / layout["path"], np.random.default_rng(0))
    code, said = init(layout["path"])
    entry = proposed()
    assert entry["columns"] == layout["columns"]
    assert entry.get("units") == layout.get("units")
    assert entry.get("rows", {}).items() <= layout.get("rows", {}).items()
    assert ("system" in entry) == ("system" in layout)
    if name == "peg51":  # its days could be counted from any zero
        assert code == 1
        assert re.search(r"Fill in:\n  - time.zero_jd: .* 2450000 \(JD - 2450000\), of 1996 to 1998; ", said)
    else:
        assert entry.get("time") == layout.get("time")
        assert code == 0
        assert re.search(r"\n  \d+ rows: \d+ visits used, .*\n  (3 systems|1 system); periods are looked for", said)


@pytest.mark.parametrize("kind", corpus.KINDS, ids=lambda kind: kind.name)
def test_of_any_table_there_is_a_configuration_that_runs_or_a_message(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = kind.write(tmp_path)
    code, said = init(*([written] if isinstance(written, str) else written))
    if code:
        assert "Error: " in said or "Fill in:\n  - " in said
        assert kind.message, said
        return
    assert kind.name in UNDERSTOOD or kind.entry or kind.selection or not kind.message
    entry = proposed()
    prepared = prepare(read_catalog(entry), entry, Selection("all", [], 5))
    assert 2455900 < prepared.visits["time_jd"].min() < 2456300
    assert np.abs(prepared.visits["rv_kms"]).max() <= 30 or kind.name == "null_velocity_of_fits"


def test_what_is_written_is_what_is_proposed_whatever_the_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{n},'{n}',{2456000.5 + 3.7 * i},{20 * (-1) ** i},0.05" for n in ("no", "[1]: # x") for i in range(6)]
    (tmp_path / "étoile, 1.csv").write_text("star,#,time: BJD_TDB [d],RV {km/s},e RV\n" + "\n".join(rows))
    proposal = propose(["étoile, 1.csv"])
    written = yaml.safe_load(as_yaml(proposal))
    assert written["catalogs"][written["catalog"]] == proposal.entry
    assert proposal.entry["columns"] == {
        "system": "star",
        "time": "time: BJD_TDB [d]",
        "rv": "RV {km/s}",
        "rv_err": "e RV",
    }


def test_of_one_star_the_way_to_leave_out_a_population_is_proposed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for names in (("A", "A"), ("A", "B")):
        rows = [f"{name},{2459000.5 + i},{10.0 + i},0.2\n" for i, name in enumerate(names * 4)]
        (tmp_path / "t.csv").write_text("star,bjd,rv [km/s],rv_err\n" + "".join(rows))
        said = as_yaml(propose(["t.csv"]))
        assert ("# one star makes no population" in said) == (names == ("A", "A"))


def test_a_proposal_never_takes_the_place_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus.csv(tmp_path)
    (tmp_path / "starpop.yaml").write_text("mine")
    code, said = init("t.csv")
    assert (code, (tmp_path / "starpop.yaml").read_text()) == (1, "mine")
    assert "Error: starpop.yaml is here" in said
    assert init("t.csv", "--output", "other.yaml")[0] == 0
    assert init("t.csv", "--force")[0] == 0
    assert proposed() == proposed("other.yaml")


def test_of_a_refused_table_nothing_is_written_and_what_it_was_taken_for_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stars.csv").write_text("star,bjd,rv,e_rv\n" + "".join(f"A,{2456000 + i},{i},-1\n" for i in range(6)))
    code, said = init("stars.csv")
    assert code == 1
    assert "Error: stars.csv: no visit of the table" in said
    _, entry = said.split("starpop.yaml is not written. Mend the table")
    assert yaml.safe_load(entry.partition("\n")[2]) == yaml.safe_load(as_yaml(propose(["stars.csv"])))
    assert list(map(str, Path().iterdir())) == ["stars.csv"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("bjd,rv\n{t},{v}\n", "no column of errors of velocities; it has bjd, rv, of which bjd has the times, rv has"),
        ("{t},{v}\n", "no column of errors of velocities; it has col1, col2, of which col1 has the times"),
        (
            "star,bjd,rv\nA,{t},{v}\n",
            "no column of errors of velocities; it has star, bjd, rv, of which bjd has the times",
        ),
        (
            "bjd,speed\n{t},{v}\n",
            "no column of velocities and of errors of velocities; .*, speed may be one of what is",
        ),
        ("snr,e_rv\n{v},1\n", "no column of times and of velocities; it has snr, e_rv"),
        ("star,date,rv,e_rv\nA,2015-01-01T12:00,{v},1\n", "'date' holds text .* Convert them to Julian dates"),
    ],
)
def test_what_a_table_has_no_column_for_is_named(content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head, _, row = content.rpartition("\n")[0].rpartition("\n")
    rows = [row.format(t=2456000.5 + 3 * i, v=(-1) ** i) for i in range(8)]
    (tmp_path / "mine.csv").write_text("\n".join([head, *rows] if head else rows))
    code, answer = init("mine.csv")
    assert code == 1
    assert re.search(f"Error: mine.csv: .*{said}", answer, re.DOTALL), answer
    assert list(map(str, Path().iterdir())) == ["mine.csv"]


def test_what_is_not_filled_in_stops_a_run_with_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stars.csv").write_text("star,bjd,speed,e\n" + "".join(f"A,{2456000 + i},1,1\n" for i in range(6)))
    code, said = init("stars.csv")
    assert code == 1
    assert "columns.rv: which column has the velocities? Left: speed" in said
    with pytest.raises(InputError, match=re.escape("catalogs.stars.columns.rv: ??? is to be filled in")):
        command.configuration(["starpop.yaml"])


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("RV [m/s]", "rv"),
        ("rv_kms", "rv"),
        ("e_RV", "rv_err"),
        ("RV_err (km/s)", "rv_err"),
        ("BJD-2450000", "time"),
        ("Gaia DR3 source_id", "system"),
        ("HJD_2400000", "time"),
        ("velocity_m_s", "rv"),
        ("SNR", None),
    ],
)
def test_the_role_of_a_column_is_told_by_its_name(name, role):
    assert roles.by_name([name]) == ({role: [name]} if role else {})


def test_no_name_has_two_roles():
    assert len(roles.ROLE_OF) == sum(map(len, roles.NAMES.values()))
    assert all(roles.plain(name) == name for name in roles.ROLE_OF)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("rv_kms", "km/s"), ("RV [m/s]", "m/s"), ("v (km s-1)", "km/s"), ("rv_m_s", "m/s"), ("rv", None)],
)
def test_a_columns_name_may_tell_its_unit(name, unit):
    assert roles.told_unit(name) == unit


@pytest.mark.parametrize(
    ("name", "first", "choice"),
    [
        ("time", 2456000, {}),
        ("time", 56000, {"format": "mjd"}),
        ("HJD", 56000, {"zero_jd": 2400000}),
        ("MJD", 56000, {"format": "mjd"}),
        ("BJD-2450000", 6000, {"zero_jd": 2450000}),
        ("BTJD", 2000, {"zero_jd": 2457000}),
        ("time", 1700, {"zero_jd": UNKNOWN}),
        ("time", 1.3e9, {}),  # seconds, of which the gate says so
    ],
)
def test_what_times_are_counted_from(name, first, choice):
    guesses = time_zero(name, first + np.array([0, 30, np.nan, 90.0]))
    assert {key: guess.value for key, guess in guesses.items()} == choice


def test_the_scale_of_times_is_told_by_their_name():
    assert [time_scale(name).get("scale") is not None for name in ("BJD_TDB", "bjd", "JD", "HJD")] == [1, 1, 0, 0]
    kepler, utc = (counted.told(unit) for unit in ("BJD - 2454833", "BJD_UTC - 2454833"))
    assert [time_scale("TIME", told)["scale"].value for told in (kepler, utc)] == ["tdb", "utc"]


@pytest.mark.parametrize(
    ("reach", "error", "unit"), [(30, 0.1, "km/s"), (3e4, 5, "m/s"), (300, 30, "m/s"), (60, 2, UNKNOWN)]
)
def test_the_unit_of_velocities_is_told_by_their_size_or_not_at_all(reach, error, unit):
    rv = np.append(np.linspace(-reach, reach, 50), np.nan)
    assert velocity_unit(rv, np.append(np.full(50, error), np.nan)).value == unit


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/mine.csv", "mine"),
        ("a b.tar.gz", "a_b"),
        ("twin.ecsv", "my_twin"),
        ("Twin.csv", "my_Twin"),
        ("APOGEE.fits", "my_APOGEE"),
        ("-.csv", "mine"),
        ("51 Peg", "51_Peg"),
    ],
)
def test_a_catalogues_name_can_be_a_folders(path, name):
    assert catalog_name(path) == name


@pytest.mark.parametrize(
    ("text", "zero_jd", "unit", "scale"),
    [
        ("days since 2015-01-01", 2457023.5, "d", ""),
        ("d since 2015-01-01T12:00:00 TDB", 2457024, "d", "tdb"),
        ("s since 1970-01-01 00:00", 2440587.5, "s", ""),
        ("time_h_since_J2000.0", 2451545, "h", ""),
        ("days from JD 2,450,000", 2450000, "d", ""),
        ("days since MJD 50000", 2450000.5, "d", ""),
        ("JD-2450000", 2450000, "", ""),
        ("BJD_TDB - 2,454,833", 2454833, "", "tdb"),
        ("Barycentric JD in TCB \N{MINUS SIGN} 2455197.5 (day)", 2455197.5, "", "tcb"),
        ("JD minus 2400000.5", 2400000.5, "", ""),
        ("MJD - 50000", 2450000.5, "", ""),
        ("days since the first night", None, "d", ""),
        ("days since 2015-13-01", None, "d", ""),
    ],
)
def test_what_a_text_says_that_times_are_counted_from(text, zero_jd, unit, scale):
    for told in (counted.told, counted.told_in_passing):
        assert told(text)[1:] == (zero_jd, unit, scale)


def test_a_date_that_times_are_not_counted_from_is_none():
    for text in ("T0 = 2455012.3", "of 2450000 to 2456000", "three days from the peak", "JD 2450000 - 2456000"):
        assert counted.told_in_passing(text) is None
    comments = ["# start: days since 2015-01-01", "# bjd: BJD - 2457000"]
    assert counted.told_in_comments(comments, "bjd").zero_jd == 2457000
    assert counted.told_in_comments(comments, "time") is None
    assert counted.told_in_comments(["# any: days since 2015-01-01"], "time").zero_jd == 2457023.5


DAYS = np.arange(0.5, 800, 90.31)


def told_tables():
    """Tables whose times are days since 2015-01-01, as different formats tell it; in one they are seconds."""
    table = Table({"time": DAYS, "rv": 20 * (-1.0) ** np.arange(len(DAYS)), "e_rv": np.full(len(DAYS), 0.1)})
    table["star"] = "A"
    table["rv"].unit = table["e_rv"].unit = "km/s"
    rows = "".join(f"{row['star']},{row['time']},{row['rv']},{row['e_rv']}\n" for row in table)
    names = "star,{},rv_kms,e_rv_kms\n"
    yield "name.csv", names.format("time [days since 2015-01-01]") + rows
    yield "whole_name.csv", names.format("days since 2015-01-01") + rows
    yield "offset.csv", names.format("MJD - 57023") + rows
    yield "comment.csv", "# Times are days since 2015-01-01 (UTC), T0 = 2457100.1\n" + names.format("time") + rows
    seconds = "".join(f"A,{row['time'] * 86400},{row['rv']},{row['e_rv']}\n" for row in table)
    yield "seconds.csv", names.format("time [s since 2015-01-01]") + seconds
    table["time"].unit = "days since 2015-01-01"
    yield from ((f"unit{ending}", table.copy()) for ending in (".fits", ".vot", ".ecsv"))
    table["time"].unit, table["time"].description = "d", "d since 2015-01-01T00:00:00"
    yield from ((f"description{ending}", table.copy()) for ending in (".vot", ".ecsv"))
    table["time"].description = None
    table.meta["comments"] = ["TIME IS COUNTED IN DAYS SINCE 2015-01-01"]
    yield "card.fits", table


@pytest.mark.parametrize(
    ("name", "table"), list(told_tables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_table_that_tells_since_when_is_read_so(name, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if isinstance(table, str):
        Path(name).write_text(table)
    else:
        table.write(name, format={".vot": "votable"}.get(Path(name).suffix))
    code, said = init(name)
    assert code == 0, said
    entry = proposed()
    assert entry["time"]["zero_jd"] == 2457023.5
    prepared = prepare(read_catalog(entry), entry, Selection("all", [], 5))
    np.testing.assert_allclose(prepared.visits["time_jd"] - 2457023.5, DAYS, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "comment", ["exposures: s since 1970-01-01", "days since the discovery", "days since 1215-06-15"]
)
@pytest.mark.parametrize(("first", "choice"), [(2456000, None), (56000, {"format": "mjd"})])
def test_what_is_told_of_other_times_is_not_taken_for_these(comment, first, choice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"A,{first + day},{20 * (-1) ** i},0.05" for i, day in enumerate(DAYS)]
    Path("a.csv").write_text(f"# {comment}\nstar,time,rv_kms,e_rv\n" + "\n".join(rows))
    assert init("a.csv")[0] == 0
    assert proposed()["units"]["time"] == "d"
    assert proposed().get("time") == choice


def test_a_day_that_is_told_in_words_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"A,{day},{20 * (-1) ** i},0.05" for i, day in enumerate(DAYS)]
    Path("a.csv").write_text("star,days since the first night,rv_kms,e_rv\n" + "\n".join(rows))
    code, said = init("a.csv")
    assert code == 1
    assert "time.zero_jd: the table says 'days since the first night': the Julian date of that?" in said


@pytest.mark.parametrize("times", ["timestamp", "unix_time", "time [s]"])
def test_seconds_since_1970_are_told_by_their_name_and_others_asked_for(times, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"A,{1420070400 + round(86400 * day)},{20 * (-1) ** i},0.05" for i, day in enumerate(DAYS)]
    Path("a.csv").write_text(f"star,{times},rv_kms,e_rv\n" + "\n".join(rows))
    code, said = init("a.csv")
    if times == "time [s]":
        assert code == 1 and "what are the seconds counted from? 2440587.5 (1970, Unix time); 2444244.5" in said
        return
    assert code == 0, said
    entry = proposed()
    prepared = prepare(read_catalog(entry), entry, Selection("all", [], 5))
    np.testing.assert_allclose(prepared.visits["time_jd"] - 2457023.5, DAYS, rtol=0, atol=1e-5)


def test_a_table_with_columns_of_its_own_for_each_star_is_told_what_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{2456000 + 3.7 * i},{20 * (-1) ** i},0.05,{-3 * (-1) ** i},0.04" for i in range(6)]
    Path("a.csv").write_text("bjd,hd1,hd1_err,hd2,hd2_err\n" + "\n".join(rows))
    code, said = init("a.csv")
    assert code == 1 and "give each visit a row, and the star's name a column" in said


def test_columns_without_names_are_told_by_their_place_and_errors_are_not_negative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(str(2456000 + 3.7 * i), str(20 * (-1) ** i), "0.05") for i in range(6)]
    (tmp_path / "a.dat").write_text("\n".join(" ".join(row) for row in rows))
    proposal = propose(["a.dat"])
    assert proposal.entry["columns"] == {"time": "col1", "rv": "col2", "rv_err": "col3"}
    assert "by its place, since the table has no names" in proposal.reasons["columns", "rv"]
    (tmp_path / "a.dat").write_text("\n".join(f"{time} {error} {rv}" for time, rv, error in rows))
    assert propose(["a.dat"]).entry["columns"] == {"time": "col1", "rv": UNKNOWN, "rv_err": UNKNOWN}


def test_velocities_and_errors_may_be_in_different_units(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"A,{2456000 + 3.7 * i},{20 * (-1) ** i},50" for i in range(6)]
    (tmp_path / "a.csv").write_text("star,jd,rv_kms,e_rv_ms\n" + "\n".join(rows))
    assert propose(["a.csv"]).entry["units"] == {"time": "d", "rv": "km/s", "rv_err": "m/s"}


def test_what_is_no_table_is_said_to_be_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    fits.PrimaryHDU(np.zeros((4, 4))).writeto("image.fits")
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    for name, said in {
        "folder": "'folder' is a folder",
        "none.csv": "no file 'none.csv'",
        "image.fits": "holds no table",
        "picture.png": "--format of `starpop init`",
    }.items():
        with pytest.raises(InputError, match=said):
            propose([name])


GERMAN = "Stern;Datum;Radialgeschwindigkeit [km/s];Fehler [km/s]\n"


def test_of_columns_that_nobody_knows_the_units_are_asked_for_with_them_or_told_by_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"A;{2456000.5 + 3 * i};{(-1) ** i};0.1\n" for i in range(8))
    (tmp_path / "mine.csv").write_text(GERMAN + rows)
    code, said = init("mine.csv")
    assert code == 1
    assert proposed()["units"] == {"time": UNKNOWN, "rv": "km/s"}
    assert "of which Radialgeschwindigkeit [km/s], Fehler [km/s] speaks of a unit of velocities" in said
    assert "units.time: of the column that you name: d, h or s" in said
    written = (tmp_path / "starpop.yaml").read_text().replace("time: ???", "time: Datum", 1)
    for role, name in (("system", "Stern"), ("rv", GERMAN.split(";")[2]), ("rv_err", "Fehler [km/s]")):
        written = written.replace(f"      {role}: ???", f'      {role}: "{name}"', 1)
    (tmp_path / "starpop.yaml").write_text(written.replace("time: ???", "time: d"))
    entry = command.configuration([command.at_home(command.BASE), "starpop.yaml"])["catalogs"]["mine"]
    assert len(prepare(read_catalog(entry), entry, Selection("all", [], 5)).visits) == 8


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A;2456000,5;1,5;0,1", "Write decimal points, not commas."),
        ("A;03.02.2015 14:30;1.5;0.1", ""),
    ],
)
def test_decimal_commas_are_told_before_columns_are_named(row, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(GERMAN + f"{row}\n" * 8)
    code, answer = init("mine.csv")
    assert code == 1
    assert (said in answer) and (not said) == Path("starpop.yaml").exists()


@pytest.mark.parametrize(
    ("comment", "unit", "reason"),
    [
        ("# BJD_TDB - 2457000 ; RV in km/s", "km/s", "a comment tells it"),
        ("# velocities in m/s", "m/s", "a comment tells it"),
        ("# seeing 1 m/s better; velocity good", "km/s", "the table tells none"),
    ],
)
def test_a_comment_may_tell_the_unit_of_velocities(comment, unit, reason, tmp_path):
    rows = "".join(f"A {2456000.5 + 3 * i} {30.5 * (-1) ** i} 0.015\n" for i in range(8))
    (tmp_path / "mine.txt").write_text(f"{comment}\n# star jd rv e\n{rows}")
    found = propose([str(tmp_path / "mine.txt")])
    assert found.entry["units"]["rv"] == unit
    assert found.reasons["units", "rv"].startswith(reason)


def test_a_spreadsheet_is_to_be_saved_as_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    code, said = init("mine.xlsx")
    assert code == 1 and "save the sheet as CSV" in said


def test_a_date_of_a_spreadsheet_is_told_what_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("star,date,rv,e\n" + "A,03.02.2015 14:30,1.5,0.1\n" * 8)
    code, said = init("mine.csv")
    assert code == 1 and "Write them as Julian dates, or as numbers of days." in said


@pytest.mark.parametrize("name", ["sd", "\N{PLUS-MINUS SIGN} (km/s)", "std"])
def test_the_error_of_a_velocity_has_many_names(name):
    assert roles.by_name(["id", "t", "vel", name])["rv_err"] == [name]


def test_the_unit_of_velocities_is_asked_for_with_the_column_of_their_errors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"A,{2456000 + 3.7 * i},{20 * (-1) ** i},0.05" for i in range(6)]
    Path("a.csv").write_text("star,bjd,vel,spread\n" + "\n".join(rows))
    code, said = init("a.csv")
    assert code == 1 and "columns.rv_err" in said and "units.rv: the table tells none; km/s or m/s?" in said


def test_days_of_a_spreadsheet_are_told_as_what_they_may_be():
    (guess,) = time_zero("date", np.array([42985.7, 43001.2])).values()
    assert guess.value == "mjd" and "or zero_jd: 2415018.5, if a spreadsheet counted them" in guess.reason
    for name, days in (("mjd", 42985.7), ("date", 58123.4)):
        (guess,) = time_zero(name, np.array([days])).values()
        assert "spreadsheet" not in guess.reason
