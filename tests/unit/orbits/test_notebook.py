"""The library's face: a user's table as visits, and ranges of periods."""

import numpy as np
import pandas as pd
import pytest
import yaml

import starpop
from conftest import ROOT
from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.orbits.notebook import CONDITIONS, ENTRY
from starpop.orbits.visits import split_systems
from starpop.run.errors import InputError

COLUMNS = {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"}
UNITS = {"time": "d", "rv": "m/s"}


@pytest.fixture
def path(tmp_path):
    """Two systems of six and seven visits, in any order, one of them without a velocity."""
    rng = np.random.default_rng(0)
    table = {
        "star": ["A"] * 6 + ["B"] * 7,
        "bjd": 2456000 + rng.uniform(0, 300, 13),
        "v": 1e3 * rng.normal(0, 20, 13),
        "e": rng.uniform(100, 200, 13),
        "tel": ["x", "y"] * 6 + ["z"],
        "snr": np.arange(13) + 5,
    }
    table["v"][9] = np.nan
    pd.DataFrame(table).to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


def test_a_table_is_read_by_the_gate_of_a_run(path):
    systems, rejected = starpop.read_visits(path, columns=COLUMNS, units=UNITS)
    assert [(visits.system, len(visits)) for visits in systems] == [("A", 6), ("B", 6)]
    assert dict(zip(rejected["row"], rejected["reason"], strict=True)) == {9: "velocity is not a number"}
    entry = {"path": str(path), "columns": COLUMNS, "units": UNITS}
    expected = split_systems(prepare(read_catalog(entry), entry, Selection("all", [], 5)).visits)
    for ours, theirs in zip(systems, expected, strict=True):
        for name in ("time_days", "rv_kms", "rv_err_kms"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_an_entry_may_say_what_it_may_in_a_configuration(path):
    columns = COLUMNS | {"instrument": "tel"}
    rows = {"snr": {"at_least": 6}}
    systems, rejected = starpop.read_visits([str(path)], columns, UNITS, min_visits=6, rows=rows, errors={"factor": 2})
    assert [visits.system for visits in systems] == ["B"]
    assert systems[0].instruments == ("x", "y", "z")
    assert systems[0].rv_err_kms.min() > 0.2
    assert set(rejected["reason"]) == {
        "rows: snr is below 6", "fewer than 6 usable visits", "velocity is not a number"
    }  # fmt: skip


def test_what_is_worth_saying_is_a_warning(path):
    table = pd.read_csv(path)
    table["bjd"] = np.round(table["bjd"])
    table.to_csv(path, index=False)
    with pytest.warns(UserWarning, match="'bjd' are all multiples of 1 d apart: if they have been rounded"):
        starpop.read_visits(path, COLUMNS, UNITS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sytem": "A"}, r"sytem: unknown; allowed are .*Did you mean 'system'\?"),
        ({"time": {"fmt": "mjd"}}, r"time\.fmt: unknown; allowed are format, zero_jd, scale"),
        ({"rows": {"snr": {"atleast": 6}}}, r"rows\.snr\.atleast: unknown; .*Did you mean 'at_least'\?"),
        ({"columns": {"system": "star", "tme": "bjd"}}, r"columns\.tme: unknown.*columns\.time: missing; name"),
        ({"columns": {**COLUMNS, "rv_err": "v"}}, r"columns\.rv_err: 'v' is columns\.rv too"),
        ({"columns": {k: v for k, v in COLUMNS.items() if k != "system"}}, r"its name as system: neither is there"),
        ({"units": {"time": "d"}}, r"column 'v' has no unit in the table"),
        ({"min_visits": 2}, r"min_visits: 2; an orbit needs at least 3"),
        ({"min_visits": 20}, r"no visit of the table's 13 rows is left: 12 fewer than 20 usable visits"),
        ({"times": "barycentric"}, r"needs the light-travel time of each visit"),
        ({"format": "foo"}, r"cannot be read as foo"),
        ({"observatory": {"longitude_deg": 0, "latitude_deg": 0, "height_m": 0}}, r"needs the stars' coordinates"),
    ],
)
def test_what_cannot_be_read_is_said(path, changes, message):
    with pytest.raises(InputError, match="(?s)" + message):
        starpop.read_visits(path, **({"columns": COLUMNS, "units": UNITS} | changes))


def test_an_entry_has_the_keys_of_the_schema():
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
    entry = schema["properties"]["catalogs"]["additionalProperties"]["properties"]
    of_a_run = {"url", "sha256", "period_range_days", "masses", "selection", "simulation"}
    assert ENTRY.keys() == entry.keys() - of_a_run
    for key, parts in ENTRY.items():
        assert set(parts) == set(entry[key].get("properties", {}))
    assert set(CONDITIONS) == set(schema["$defs"]["rows"]["additionalProperties"]["properties"])


@pytest.mark.parametrize("none", [(20, 1.5), (5, 5), (-1, 5), (0, 5), (np.nan, 5), (1, np.inf), (1, 2, 3), 5, None])
def test_a_range_of_periods_that_is_none_is_said(path, none):
    visits = starpop.read_visits(path, COLUMNS, UNITS)[0][0]
    with pytest.raises(InputError, match=r"period_range_days: .* is no range of periods; expected two positive"):
        starpop.likelihood(visits, starpop.SystemModel(100, 150), none)


def test_the_same_visits_in_any_dress_have_the_same_period():
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 300, 20))
    rv = 5 + 20 * np.cos(2 * np.pi * time / 7.3) + rng.normal(0, 0.2, 20)
    model, order = starpop.SystemModel(100, 150), rng.permutation(20)
    plain = starpop.likelihood(starpop.Visits("A", time, rv, np.full(20, 0.2)), model, (1.5, 20))
    assert np.exp(plain.peak_ln_period[0]) == pytest.approx(7.3, abs=0.002)
    other = starpop.Visits("A", 2456000 + time[order], list(rv[order]), pd.Series(np.full(20, 0.2)))
    dressed = starpop.likelihood(other, model, (1.5, 20))
    assert dressed.peak_ln_period[0] == pytest.approx(plain.peak_ln_period[0], abs=1e-10)
    assert dressed.peak_ln_likelihood[0] == pytest.approx(plain.peak_ln_likelihood[0], abs=1e-5)
