"""Whatever stands in a table or a configuration: it is used, or told what is wrong with it, and nothing is lost."""

import copy
import functools
import json

import numpy as np
import pytest
import yaml
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from starpop.gate.catalog import Selection, prepare
from starpop.orbits.visits import split_systems
from starpop.run.check_config import check
from starpop.run.errors import InputError
from starpop.run.settings import resolve

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
ENTRY = {
    "columns": {"system": "star", "time": "t", "rv": "v", "rv_err": "e", "instrument": "where"},
    "units": {"time": "d", "rv": "km/s"},
}
NAMES = st.one_of(st.sampled_from(["A", "B", " A", "é", "e\u0301", "", "A\nB"]), st.text(max_size=4))
NUMBERS = st.one_of(
    st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 9999.0, 2456000.5, 56000.0]), st.floats(width=64)
)
ROWS = st.tuples(
    NAMES,
    st.one_of(st.sampled_from([2456000.0, 2456001.5, 2456003.0, 2456003.0]), NUMBERS),
    st.one_of(st.floats(-100, 100), NUMBERS),
    st.one_of(st.sampled_from([0.1, 0.2]), NUMBERS),
    st.sampled_from(["x", "y", ""]),
)


def gate(rows):
    """The table after the gate, or the message; of any rows."""
    columns = zip(*rows, strict=True)
    table = Table([np.array(c, dtype=object if i in (0, 4) else float) for i, c in enumerate(columns)])
    table.rename_columns(table.colnames, ["star", "t", "v", "e", "where"])
    try:
        return prepare(table, ENTRY, Selection("all", [], 3))
    except InputError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_every_row_is_used_or_rejected_whatever_stands_in_it_and_in_any_order(rows, random):
    prepared = gate(rows)
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    again = gate([rows[i] for i in shuffled])
    if isinstance(prepared, str):
        assert isinstance(again, str)
        return
    visits, rejected = prepared.visits, prepared.rejected
    assert sorted([*visits["row"], *rejected["row"]]) == list(range(len(rows)))
    assert all(rejected["reason"])
    assert np.isfinite([visits[name] for name in ("time_jd", "rv_kms", "rv_err_kms")]).all()
    assert (visits["rv_err_kms"] > 0).all()
    assert min(np.unique(visits["system"], return_counts=True)[1]) >= 3
    for row, rv in zip(visits["row"], visits["rv_kms"], strict=True):
        assert rows[row][2] == rv
    for ours, theirs in zip(split_systems(visits), split_systems(again.visits), strict=True):
        assert ours.system == theirs.system
        for name in ("time_days", "rv_kms", "rv_err_kms", "instrument"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def paths(value, prefix=()):
    """The path of every key and element of a configuration."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from paths(inner, (*prefix, key))


EXPONENTS = st.from_regex(r"-?[0-9]{1,3}\.?[0-9]?e-?[0-9]{1,2}", fullmatch=True)
KEYS = st.one_of(st.text(max_size=6), st.integers(), st.booleans(), st.none())
YAML = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 10**7), st.floats(), st.text(max_size=8), EXPONENTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(paths(CONFIG))), YAML)
def test_a_configuration_with_anything_in_it_is_right_or_told_what_is_wrong(path, value):
    config = copy.deepcopy(CONFIG)
    *parents, last = path
    functools.reduce(lambda part, key: part[key], parents, config)[last] = value
    try:
        meant = check(config, SCHEMA, [CONFIG, config])
    except InputError as error:
        assert str(error).startswith("the configuration has mistakes:\n  - ")
        assert str(error).count("\n  - ") >= 1
    else:
        assert check(meant, SCHEMA) == meant
        assert json.loads(json.dumps(resolve(meant, "twin"), allow_nan=False)) == resolve(meant, "twin")


@pytest.mark.parametrize("missing", list(CONFIG))
def test_a_section_left_out_is_named(missing):
    config = {key: value for key, value in CONFIG.items() if key != missing}
    with pytest.raises(InputError, match=f"configuration: missing key {missing}"):
        check(config, SCHEMA)
