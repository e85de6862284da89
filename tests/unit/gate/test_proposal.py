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
from test_layouts import LAYOUTS, MAKERS

from starpop import command
from starpop.gate import roles
from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.gate.guesses import time_scale, time_zero, velocity_unit
from starpop.gate.proposal import as_yaml, catalog_name, propose
from starpop.run.errors import InputError
from starpop.run.schema import UNKNOWN

# Kinds of tables that are wrong for the entry they are given, and that a proposal takes for what they are.
UNDERSTOOD = {"a_mistyped_column", "mjd_taken_as_jd", "metres_taken_as_kilometres", "contradictory_units"}


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


def test_what_the_gate_refuses_is_said_with_where_to_mend_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stars.csv").write_text("star,bjd,rv,e_rv\n" + "".join(f"A,{2456000 + i},{i},-1\n" for i in range(6)))
    code, said = init("stars.csv")
    assert code == 1
    assert "Error: stars.csv: no visit of the table" in said
    assert said.endswith("Mend that in starpop.yaml, which is written, or in the table; then: starpop run\n")
    assert proposed()["path"] == "stars.csv"


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
