"""The inputs that once failed, as they stand, where there is a copy of them."""

import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from conftest import ROOT
from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.run.errors import InputError

FAULTS = ROOT.parent / "shared" / "data" / "faults"
pytestmark = pytest.mark.skipif(not FAULTS.is_dir(), reason="the inputs that failed are not beside the repository")
# the velocities of text_tables/, in the order of their times
VELOCITIES = [
    -18.002,
    -16.362,
    7.49,
    -17.88,
    -13.793,
    31.027,
    -11.084,
    -15.539,
    -17.488,
    33.218,
    37.483,
    19.034,
    21.81,
]


def gate(config, monkeypatch, **changes):
    """What the gate makes of a configuration's catalogue."""
    monkeypatch.chdir(FAULTS / config.split("/")[0])
    settings = yaml.safe_load((FAULTS / config).read_text())
    entry = settings["catalogs"][settings["catalog"]] | changes
    return prepare(read_catalog(entry), entry, Selection("all", [], settings.get("systems", {}).get("min_visits", 5)))


@pytest.mark.parametrize("name", ["ipac", "mrt", "quoted", "blank"])
def test_a_text_table_is_read_as_it_stands(name, monkeypatch):
    prepared = gate(f"text_tables/{name}.yaml", monkeypatch)
    assert len(prepared.visits) == 14
    assert set(prepared.visits["system"]) == ({"HD 1"} if name in ("ipac", "blank") else {"HD 1", "HD 2"})
    in_order = prepared.visits["rv_kms"][np.argsort(prepared.visits["time_jd"])]
    np.testing.assert_allclose(in_order[:13], VELOCITIES, atol=6e-4)
    np.testing.assert_allclose(prepared.visits["rv_err_kms"], 0.1)
    assert prepared.visits["time_jd"].min() == 2455002.10612


@pytest.mark.parametrize(
    ("name", "columns", "velocities"),
    [
        ("F9a_comment_in_the_middle", ("col1", "col2", "col3"), [1.0, 2.0, 1.5, 1.2, 1.4]),
        ("F9b_blank_first_line", ("col1", "col2", "col3"), [1.0, 2.0, 1.5, 1.4, 1.3]),
        ("F9c_tabs_with_blanks", ("time (JD)", "rv", "err"), [1.0, 2.0, 1.5, 1.2, 1.1]),
    ],
)
def test_a_text_file_of_few_lines_is_read(name, columns, velocities):
    entry = {
        "path": str(FAULTS / "text_tables" / f"{name}.txt"),
        "system": "A",
        "columns": dict(zip(("time", "rv", "rv_err"), columns, strict=True)),
        "units": {"time": "d", "rv": "km/s"},
    }
    prepared = prepare(read_catalog(entry), entry, Selection("all", [], 5))
    np.testing.assert_array_equal(prepared.visits["rv_kms"], velocities)
    with pytest.raises(InputError, match="no visit of the table's 5 rows is left: 5 fewer than 6 usable visits"):
        prepare(read_catalog(entry), entry, Selection("all", [], 6))


def test_an_empty_cell_is_no_velocity(monkeypatch):
    prepared = gate("empty_cell/F1.yaml", monkeypatch)
    np.testing.assert_array_equal(prepared.visits["rv_kms"], [1.0, 2.0, 1.5, 1.5, 1.7, 1.1])
    assert [tuple(row) for row in prepared.rejected["row", "value", "reason"]] == [
        (2, "no value", "velocity is not a number")
    ]


def test_coarse_times_are_said(monkeypatch):
    with pytest.raises(InputError, match=r"column 'HJD' has been stored in 32 bits, which rounded .* to 0\.25 d"):
        gate("coarse_times/f4up.yaml", monkeypatch)


def test_each_case_of_a_notebook_has_the_period_or_words():
    run = subprocess.run(
        [sys.executable, FAULTS / "masked_values" / "reproduce.py"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    said = dict(zip((line[:30].strip() for line in run.stdout.splitlines()), run.stdout.splitlines(), strict=True))
    for case in ("plain", "float32", "lists", "pandas", "Quantity"):
        assert "P 7.29" in said[case] or "P 7.30" in said[case]
        assert "K 20.0" in said[case]
    assert " P " in said["whole numbers"]
    words = {
        "masked value (silent, wrong)": "rv_kms[3] is masked",
        "negative error (silent)": "rv_err_kms[3] is -0.2",
        "zero error": "rv_err_kms[3] is 0.0",
        "NaN": "rv_kms[3] is nan",
        "range the wrong way round": "InputError: period_range_days: (20, 1.5) is no range",
    }
    for case, expected in words.items():
        assert expected in said[case]
