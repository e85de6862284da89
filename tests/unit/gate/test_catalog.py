"""The gate: every row is used, or rejected with its reason; what cannot be used at all is said."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table, vstack

from starpop.gate.catalog import Selection, are_signs, prepare, read_catalog
from starpop.gate.light_travel import Observatory, coordinates_from_name, light_travel_days
from starpop.gate.masses import read_masses, read_primaries
from starpop.orbits.visits import batch_of, read_systems, split_systems
from starpop.run.errors import InputError
from starpop.run.store import write_table

SETTINGS = {
    "columns": {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"},
    "units": {"time": "d", "rv": "km/s"},
}
ALL = Selection("all", [], 3)
START = 2456000.0
STARS = ("2M01282954+8522331", "2M13400752-1630065")
APO = {"longitude_deg": -105.8204, "latitude_deg": 32.7804, "height_m": 2788}
BY_NAME = SETTINGS | {"coordinates": "name", "observatory": APO}
BY_COLUMNS = SETTINGS | {"columns": SETTINGS["columns"] | {"ra": "RA", "dec": "DE"}, "observatory": APO}
WITH_INSTRUMENT = SETTINGS | {"columns": SETTINGS["columns"] | {"instrument": "spectrograph"}}


def make(stars=("A", "B"), visits=6, **columns):
    names = np.repeat(stars, visits)
    count = len(names)
    table = {
        "star": names,
        "bjd": START + np.tile(np.arange(visits) * 3.7, len(stars)),
        "v": np.linspace(-30, 30, count),
        "e": np.full(count, 0.1),
    }
    return QTable(table | columns)


def test_a_clean_table_is_used_whole():
    prepared = prepare(make(), SETTINGS, ALL)
    assert len(prepared.visits) == 12
    assert len(prepared.rejected) == 0
    assert list(prepared.systems["system"]) == ["A", "B"]
    assert list(prepared.systems["n_visits"]) == [6, 6]
    assert prepared.systems["baseline_days"][0] == pytest.approx(5 * 3.7)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("v", np.nan, "velocity is not a number"),
        ("v", np.inf, "velocity is not a number"),
        ("e", np.nan, "velocity error is not a number"),
        ("e", 0.0, "velocity error is not positive"),
        ("e", -1.0, "velocity error is not positive"),
        ("bjd", np.nan, "time is not a number"),
        ("bjd", 56000.0, "time is not a Julian date of 1900 to 2100"),
    ],
)
def test_a_bad_value_rejects_its_row_alone(column, value, reason):
    table = make()
    table[column][4] = value
    prepared = prepare(table, SETTINGS, ALL)
    assert len(prepared.visits) == 11
    assert list(prepared.rejected["row"]) == [4]
    assert list(prepared.rejected["reason"]) == [reason]


def test_a_masked_value_is_not_a_number():
    table = make()
    table["v"] = np.ma.masked_array(table["v"], mask=np.arange(12) == 7)
    assert list(prepare(table, SETTINGS, ALL).rejected["row"]) == [7]


def test_systems_are_kept_dropped_and_rejected_for_too_few_visits():
    table = make(("A", "B", "C"))
    assert set(prepare(table, SETTINGS, Selection(["A", "C"], ["C"], 3)).visits["system"]) == {"A"}
    prepared = prepare(table[:14], SETTINGS, ALL)
    assert set(prepared.visits["system"]) == {"A", "B"}
    assert set(prepared.rejected["reason"]) == {"fewer than 3 usable visits"}
    assert len(prepared.visits) + len(prepared.rejected) == 14


def test_of_a_visit_that_stands_twice_the_first_is_used_whatever_the_order():
    table = make()
    double = vstack([table, table[:3]])
    for shuffled in (double, double[np.random.default_rng(1).permutation(15)]):
        prepared = prepare(shuffled, SETTINGS, ALL)
        np.testing.assert_array_equal(prepared.visits["rv_kms"], table["v"])
        assert list(prepared.rejected["reason"]) == ["the same velocity stands in another row"] * 3


def test_errors_can_be_corrected_by_a_formula():
    table = make()
    formula = {"errors": {"factor": 3.5, "power": 1.2, "added_kms": 0.072}}
    expected = np.sqrt((3.5 * 0.1**1.2) ** 2 + 0.072**2)
    np.testing.assert_allclose(prepare(table, SETTINGS | formula, ALL).visits["rv_err_kms"], expected)
    floor = {"errors": {"floor_kms": 0.5}}
    np.testing.assert_array_equal(prepare(table, SETTINGS | floor, ALL).visits["rv_err_kms"], 0.5)


def test_a_columns_own_unit_is_kept():
    settings = SETTINGS | {"units": {"time": "d", "rv_err": "km/s"}}
    prepared = prepare(make(v=np.full(12, 1500.0) * u.m / u.s), settings, ALL)
    np.testing.assert_allclose(prepared.visits["rv_kms"], 1.5)


def test_names_may_be_bytes_with_blanks():
    assert set(prepare(make((b"A ", b"B")), SETTINGS, ALL).visits["system"]) == {"A", "B"}


def test_the_order_of_rows_does_not_matter():
    table = make()
    shuffled = table[np.random.default_rng(0).permutation(len(table))]
    first, second = (split_systems(prepare(t, SETTINGS, ALL).visits) for t in (table, shuffled))
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours.rv_kms, theirs.rv_kms)


@pytest.mark.parametrize(
    ("table", "settings", "selection", "message"),
    [
        (make(), SETTINGS | {"columns": SETTINGS["columns"] | {"rv": "V"}}, ALL, "no column 'V'.*Did you mean 'v'"),
        (make(), SETTINGS | {"units": {"time": "d"}}, ALL, "'v' has no unit in the table"),
        (make(), SETTINGS | {"units": {"time": "d", "rv": "pc"}}, ALL, "'v'.*expected a unit convertible to km / s"),
        (make(), SETTINGS, Selection(["AA"], [], 3), "systems.keep: 'AA' is not in the table"),
        (make(), SETTINGS, Selection("all", ["Q"], 3), "systems.drop: 'Q' is not in the table, which has 2 systems"),
        (make(star=np.repeat(np.float32([1e8, 1e8 + 1]), 6)), SETTINGS, ALL, "'star'.*floating-point"),
        (make(v=["fast"] * 12), SETTINGS, ALL, "column 'v' holds text such as 'fast'; expected numbers"),
        (make(), BY_COLUMNS, ALL, "columns.ra: the table has no column 'RA'"),
        (make(), WITH_INSTRUMENT, ALL, "columns.instrument: the table has no column 'spectrograph'"),
        (make(RA=np.ones(12), DE=np.ones(12) * u.m), BY_COLUMNS, ALL, "'DE'.*expected a unit convertible to deg"),
        (make(RA=["01:28:29"] * 12, DE=np.ones(12)), BY_COLUMNS, ALL, "column 'RA' holds text such as '01:28:29'"),
        (make(RA=np.ones(12), DE=np.full(12, 99.0)), BY_COLUMNS, ALL, "rows is left: 12 declination is not within"),
        (make(), BY_NAME, ALL, "'A': no coordinates can be read from this name; allowed are .*give columns"),
        (make(), SETTINGS, Selection("all", [], 20), "no visit of the table's 12 rows is left: 12 fewer than 20"),
    ],
)
def test_what_cannot_be_used_is_said(table, settings, selection, message):
    with pytest.raises(InputError, match=message):
        prepare(table, settings, selection)


def test_a_row_without_a_systems_name_is_rejected():
    table = make()
    table["star"] = np.ma.masked_array(table["star"], mask=np.arange(12) == 3)
    prepared = prepare(table, SETTINGS, ALL)
    assert set(prepared.visits["system"]) == {"A", "B"}
    assert list(prepared.rejected["row"]) == [3]
    assert list(prepared.rejected["reason"]) == ["no name of a system"]


def test_extra_columns_are_there_only_where_they_are_asked_for():
    plain = ["system", "time_jd", "rv_kms", "rv_err_kms", "row"]
    table = make(STARS, spectrograph=["x"] * 12)
    assert prepare(table, SETTINGS, ALL).visits.colnames == plain
    assert prepare(table, BY_NAME, ALL).visits.colnames == [*plain, "light_travel_days"]
    assert prepare(table, WITH_INSTRUMENT, ALL).visits.colnames == [*plain, "instrument"]


def test_the_light_travel_time_goes_with_its_visit_whatever_holds_the_coordinates():
    ra, dec = coordinates_from_name(np.repeat(STARS, 6))
    table = make(STARS, RA=ra / 15 * u.hourangle, DE=dec)
    table = table[np.random.default_rng(0).permutation(len(table))]
    visits = prepare(table, BY_NAME, ALL).visits
    assert visits["light_travel_days"].unit == u.day
    expected = light_travel_days(visits["time_jd"], ra, dec, Observatory(**APO))
    np.testing.assert_allclose(visits["light_travel_days"], expected, rtol=0, atol=1e-12)
    for settings in (BY_COLUMNS, BY_COLUMNS | {"coordinates": "columns"}):
        ours = prepare(table, settings, ALL).visits["light_travel_days"]
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    in_hours = BY_COLUMNS | {"units": SETTINGS["units"] | {"ra": "hourangle", "dec": "arcmin"}}
    plain = make(STARS, RA=ra / 15, DE=dec * 60)
    ours = prepare(plain, in_hours, ALL).visits["light_travel_days"]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("RA", np.nan, "no coordinates in its columns"),
        ("DE", np.inf, "no coordinates in its columns"),
        ("RA", -9999.0, "right ascension is not within 0 to 360 deg"),
        ("RA", 360.1, "right ascension is not within 0 to 360 deg"),
        ("DE", -90.1, "declination is not within -90 to 90 deg"),
    ],
)
def test_bad_coordinates_reject_their_row_alone(column, value, reason):
    table = make(RA=np.full(12, 30.0), DE=np.full(12, -20.0))
    table[column][4] = value
    prepared = prepare(table, BY_COLUMNS, ALL)
    assert np.isfinite(prepared.visits["light_travel_days"]).all()
    assert list(prepared.rejected["row"]) == [4]
    assert list(prepared.rejected["reason"]) == [reason]
    without = {key: value for key, value in BY_COLUMNS.items() if key != "observatory"}
    assert len(prepare(table, without, ALL).rejected) == 0


def test_a_name_without_coordinates_rejects_its_rows_alone():
    prepared = prepare(make((*STARS, "HD 1")), BY_NAME, ALL)
    assert set(prepared.visits["system"]) == set(STARS)
    assert set(prepared.rejected["system"]) == {"HD 1"}
    assert set(prepared.rejected["reason"]) == {"no coordinates in its name"}


def test_a_row_without_an_instrument_is_rejected():
    table = make(spectrograph=np.ma.masked_array([" x "] * 10 + ["y", "y"], mask=np.arange(12) == 2))
    table["spectrograph"][5] = ""
    prepared = prepare(table, WITH_INSTRUMENT, ALL)
    assert list(prepared.rejected["row"]) == [2, 5]
    assert set(prepared.rejected["reason"]) == {"no name of an instrument"}
    assert set(prepared.visits["instrument"]) == {"x", "y"}


def test_barycentric_times_have_the_light_travel_time_added(tmp_path):
    table = make(STARS)
    table["bjd"][:6] += np.linspace(0, 300, 6)
    write_table(prepare(table, BY_NAME, ALL).visits, tmp_path / "visits.fits", {})
    visits = Table.read(tmp_path / "visits.fits")
    reported, barycentric = (read_systems(tmp_path / "visits.fits", times=t) for t in ("reported", "barycentric"))
    assert [s.system for s in barycentric] == sorted(STARS)
    for before, after in zip(reported, barycentric, strict=True):
        shift = np.asarray(visits["light_travel_days"])[np.asarray(visits["system"]).astype(str) == before.system]
        assert after.time_days[0] == 0
        np.testing.assert_allclose(after.time_days - before.time_days, shift - shift[0], rtol=0, atol=1e-13)
        np.testing.assert_array_equal(after.rv_kms, before.rv_kms)


def test_the_first_visit_is_the_first_in_the_times_that_are_used():
    visits = prepare(make(("A",)), SETTINGS, ALL).visits
    visits["light_travel_days"] = [0.0, -4.0, 0.0, 0.0, 0.0, 0.0]
    system = split_systems(visits, "barycentric")[0]
    np.testing.assert_allclose(system.time_days, [0, 0.3, 7.7, 11.4, 15.1, 18.8], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(system.rv_kms, np.asarray(visits["rv_kms"])[[1, 0, 2, 3, 4, 5]])


def test_barycentric_times_that_cannot_be_had_are_said():
    visits = prepare(make(), SETTINGS, ALL).visits
    message = "times: 'barycentric' .* no column light_travel_days, only system, .* observatory .* set times: reported"
    with pytest.raises(InputError, match=message):
        split_systems(visits, "barycentric")


def test_instruments_are_those_of_the_whole_table_in_every_batch(tmp_path):
    instruments = ["old"] * 6 + ["new", "blue"] * 3
    write_table(prepare(make(spectrograph=instruments), WITH_INSTRUMENT, ALL).visits, tmp_path / "visits.fits", {})
    systems = {s.system: s for batch in range(2) for s in read_systems(tmp_path / "visits.fits", batch, 2)}
    for system, expected in (("A", [2] * 6), ("B", [1, 0] * 3)):
        assert systems[system].instruments == ("blue", "new", "old")
        np.testing.assert_array_equal(systems[system].instrument, expected)
    plain = split_systems(prepare(make(), SETTINGS, ALL).visits)[0]
    assert plain.instruments == ()
    assert plain.instrument is None


def test_batches_divide_the_systems_and_a_new_one_moves_none(tmp_path):
    names = [f"star {i}" for i in range(200)]
    before = {name: batch_of(name, 8) for name in names}
    assert {batch_of(name, 8) for name in [*names, "another"]} == set(range(8))
    assert all(batch_of(name, 8) == batch for name, batch in before.items())
    prepared = prepare(make(("A", "B", "C", "D")), SETTINGS, ALL)
    prepared.visits.write(tmp_path / "visits.fits")
    batches = [read_systems(tmp_path / "visits.fits", batch, 3) for batch in range(3)]
    assert sorted(s.system for batch in batches for s in batch) == ["A", "B", "C", "D"]


def test_a_slash_in_the_name_of_an_instrument_is_put_right_and_said():
    prepared = prepare(make(spectrograph=["Keck/HIRES"] * 6 + ["UVES"] * 6), WITH_INSTRUMENT, ALL)
    assert set(prepared.visits["instrument"]) == {"Keck_HIRES", "UVES"}
    assert "Instrument 'Keck/HIRES' is called 'Keck_HIRES'." in prepared.remarks
    with pytest.raises(InputError, match="instruments 'A/B' and 'A_B' differ by a slash only"):
        prepare(make(spectrograph=["A/B"] * 6 + ["A_B"] * 6), WITH_INSTRUMENT, ALL)


@pytest.mark.parametrize("scale", ["tdb", "tcb"])
def test_the_scale_of_the_times_is_that_of_the_light_travel_time(scale):
    settings = BY_NAME | {"time": {"scale": scale}}
    utc, other = (prepare(make(STARS), s, ALL).visits["light_travel_days"] for s in (BY_NAME, settings))
    difference = np.abs(np.asarray(utc - other)) * 86400
    assert 0 < difference.max() < 0.01


def test_comments_among_the_rows_are_told_since_a_name_could_begin_like_one(tmp_path):
    path, entry = tmp_path / "t.csv", SETTINGS | {"path": str(tmp_path / "t.csv")}
    make(("#1", "B")).write(path, format="ascii.csv")
    prepared = prepare(read_catalog(entry), entry, ALL)
    assert set(prepared.visits["system"]) == {"B"}
    assert (
        prepared.remarks[1]
        == f"{path}: 6 of the lines among its rows are comments, the first '#1,2456000.0,-30.0,0.1'."
    )
    path.write_text(path.read_text().replace("#1", '"#1"'))
    prepared = prepare(read_catalog(entry), entry, ALL)
    assert set(prepared.visits["system"]) == {"#1", "B"}
    assert not any("comments" in remark for remark in prepared.remarks)


def test_the_comment_that_has_most_of_the_names_names_the_columns(tmp_path):
    content = "# v of a star\n# star bjd v e\n# v in km/s\n" + "".join(
        f"A {START + 3.7 * k} {k} 0.1\n" for k in range(6)
    )
    (tmp_path / "t.txt").write_text(content)
    source = read_catalog(SETTINGS | {"path": str(tmp_path / "t.txt")})
    assert source.colnames == ["star", "bjd", "v", "e"]


def test_a_velocity_that_stands_again_is_used_once_whatever_the_order():
    table = make()
    again = table[[2, 2, 2, 3]]
    again["bjd"] += np.array([0.09, 1.0, 1.9, 2.2]) / 86400
    double = vstack([table, again])
    for shuffled in (double, double[np.random.default_rng(2).permutation(16)]):
        prepared = prepare(shuffled, SETTINGS, ALL)
        assert len(prepared.visits) == 13
        assert set(prepared.rejected["reason"]) == {"the same velocity stands in another row, within 2 s"}
        assert START + 2 * 3.7 in prepared.visits["time_jd"]
    another = vstack([make(spectrograph=["x"] * 12), make(spectrograph=["y"] * 12)])
    another["bjd"][12:] += 1 / 86400
    assert len(prepare(another, WITH_INSTRUMENT, ALL).visits) == 24
    other = vstack([table, table[[2]]])
    other["bjd"][12] += 1 / 86400
    other["e"][12] *= 1.01
    assert len(prepare(other, SETTINGS, ALL).visits) == 13


@pytest.mark.parametrize(
    "values", [["17.5", "21", "..."] * 4, np.array([17.5, 21, np.nan] * 4), ["17.5 ", " 21", ""] * 4]
)
def test_conditions_compare_numbers_also_where_some_cells_hold_none(values):
    settings = SETTINGS | {"rows": {"snr": {"at_least": 18, "at_most": 30}}}
    prepared = prepare(make(("A",), 12, snr=values), settings, ALL)
    assert list(prepared.visits["row"]) == [1, 4, 7, 10]
    whole = SETTINGS | {"rows": {"flag": {"without_bits": [1]}}}
    assert list(prepare(make(flag=["1", " 2", "4"] * 4), whole, ALL).rejected["row"]) == [1, 4, 7, 10]


def test_units_are_understood_as_tables_write_them(tmp_path):
    settings = SETTINGS | {"units": {"time": "days", "rv": "km/sec"}}
    assert len(prepare(make(), settings, ALL).visits) == 12


def test_the_mass_of_a_star_is_that_of_all_its_rows_or_none(tmp_path):
    columns = {"columns": SETTINGS["columns"] | {"mass": "m", "mass_err": "me"}}
    mass, error = np.repeat([0.8, 1.0, 1.2, 1.4, -1.0], 6), np.full(30, 0.05)
    mass[8], mass[13], error[19] = 1.1, np.nan, -0.1
    table = make(("A", "B", "C", "D", "E"), m=mass * u.M_sun, me=error)
    table["v"][3] = np.nan
    prepared = prepare(table, SETTINGS | columns, ALL)
    assert len(prepared.visits) == 29
    lost = [remark for remark in prepared.remarks if remark.startswith("Without the mass")]
    assert lost == [
        "Without the mass of its star, as the mass is no number, or a wrong one: C, E.",
        "Without the mass of its star, as the mass differs from row to row: B.",
        "Without the mass of its star, as the error of the mass is no number, or a wrong one: D.",
    ]
    write_table(prepared.systems, str(tmp_path / "systems.ecsv"), {})
    primaries = read_primaries(str(tmp_path / "systems.ecsv"))
    assert primaries["A"] == pytest.approx((0.8, 0.05))
    assert np.isnan([primaries[name] for name in "BCDE"]).all()
    assert "primary_mass_msun" not in prepare(make(), SETTINGS, ALL).systems.colnames
    in_jupiters = SETTINGS | {
        "columns": SETTINGS["columns"] | {"mass": "m"},
        "units": SETTINGS["units"] | {"mass": "jupiterMass"},
    }
    (found,) = prepare(make(("A",), m=np.full(6, 1000.0)), in_jupiters, ALL).systems["primary_mass_msun"]
    assert found == pytest.approx(0.9546, rel=1e-3)


MASSES = {"path": "masses.csv", "columns": {"system": "name", "mass": "m", "mass_err": "dm"}}


def with_masses(text, monkeypatch, tmp_path, **changes):
    """Five systems, prepared with a table of masses of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "masses.csv").write_text(text)
    settings = SETTINGS | {"masses": MASSES | changes}
    return prepare(make(("A", "B", "C", "D", "E")), settings, ALL, read_masses(settings["masses"]))


def test_masses_may_stand_in_a_table_of_their_own(monkeypatch, tmp_path):
    """In any order, with stars that are in no system, and one twice."""
    text = "name,m,dm\nC,1.2,0.1\nX,9,9\n A ,0.8,0.05\nB,1.0,0.1\nB,1.1,0.1\nD,none,0.1\n"
    prepared = with_masses(text, monkeypatch, tmp_path)
    np.testing.assert_array_equal(prepared.systems["primary_mass_msun"], [0.8, np.nan, 1.2, np.nan, np.nan])
    np.testing.assert_array_equal(prepared.systems["primary_mass_sd_msun"], [0.05, np.nan, 0.1, np.nan, np.nan])
    assert [remark for remark in prepared.remarks if remark.startswith("Without the mass")] == [
        "Without the mass of its star, as the table of masses does not name it: E.",
        "Without the mass of its star, as the mass is no number, or a wrong one: D.",
        "Without the mass of its star, as the mass differs from row to row: B.",
    ]
    in_jupiters = with_masses(text, monkeypatch, tmp_path, units={"mass": "jupiterMass"})
    assert in_jupiters.systems["primary_mass_msun"][0] == pytest.approx(0.8 * 9.546e-4, rel=1e-3)
    exact = with_masses("name,m\nA,0.8\n", monkeypatch, tmp_path, columns={"system": "name", "mass": "m"})
    assert list(exact.systems["primary_mass_sd_msun"][:1]) == [0]


def test_what_is_wrong_with_a_table_of_masses_is_said(monkeypatch, tmp_path):
    with pytest.raises(InputError, match=r"masses.csv: this table cannot be used:\n.*masses.columns.mass_err: .*'dm'"):
        with_masses("name,m\nA,0.8\n", monkeypatch, tmp_path)
    with pytest.raises(InputError, match=r"masses.csv: it names none of the 5 systems, of which A is one"):
        with_masses("name,m,dm\nTIC A,1,1\n", monkeypatch, tmp_path)
    with pytest.raises(InputError, match=r"masses.csv: .*\n.*column 'm' holds text such as 'heavy'"):
        with_masses("name,m,dm\nA,heavy,0.1\n", monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("values", "signs"),
    [
        ([-999.0, 3.2, -999.0], [0, 2]),
        ([-999.0, 3.2, 5.0], []),  # once
        ([999.0, 1210.3, 999.0, -999.0], []),  # in m/s, where others are as large
        ([99.9, 99.9, -40.0, 12.3], []),  # measured to 0.1
        ([9.99, 9.99, -4.0, 1.3], []),
        ([99.999, 210.3, 99.999], [0, 2]),
        ([-999.9, 0.03, -999.9, np.nan], [0, 2]),
        ([0.0, 0.0, np.nan], []),
    ],
)
def test_nines_in_several_rows_are_signs_for_none(values, signs):
    assert np.flatnonzero(are_signs(np.array(values))).tolist() == signs
