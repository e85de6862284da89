"""The gate: every row is used, or rejected with its reason; what cannot be used at all is said."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from starpop.catalog import Selection, prepare, read_table
from starpop.errors import InputError
from starpop.visits import batch_of, read_visits, split_systems

SETTINGS = {
    "columns": {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"},
    "units": {"time": "d", "rv": "km/s"},
}
ALL = Selection("all", [], 3)
START = 2456000.0


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


def test_a_system_without_a_baseline_is_rejected():
    table = make()
    table["bjd"][:6] = START
    assert set(prepare(table, SETTINGS, ALL).rejected["reason"]) == {"all visits at one time"}


def test_a_columns_own_unit_is_kept():
    prepared = prepare(make(v=np.full(12, 1500.0) * u.m / u.s), SETTINGS, ALL)
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
        (make(), SETTINGS, Selection("all", [], 20), "No visit of the table's 12 rows is left: 12 fewer than 20"),
    ],
)
def test_what_cannot_be_used_is_said(table, settings, selection, message):
    with pytest.raises(InputError, match=message):
        prepare(table, settings, selection)


def test_an_unreadable_table_is_named(tmp_path):
    (tmp_path / "x.fits").write_text("no table")
    with pytest.raises(InputError, match=r"x\.fits: astropy cannot read this table"):
        read_table(tmp_path / "x.fits")


def test_batches_divide_the_systems_and_a_new_one_moves_none(tmp_path):
    names = [f"star {i}" for i in range(200)]
    before = {name: batch_of(name, 8) for name in names}
    assert {batch_of(name, 8) for name in [*names, "another"]} == set(range(8))
    assert all(batch_of(name, 8) == batch for name, batch in before.items())
    prepared = prepare(make(("A", "B", "C", "D")), SETTINGS, ALL)
    prepared.visits.write(tmp_path / "visits.fits")
    batches = [read_visits(tmp_path / "visits.fits", batch, 3) for batch in range(3)]
    assert sorted(s.system for batch in batches for s in batch) == ["A", "B", "C", "D"]
