"""Every kind of broken or odd table of `tests/data/broken_tables.py`: what the gate says, rejects and uses."""

import re

import broken_tables as corpus
import numpy as np
import pytest

from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.orbits.visits import read_systems
from starpop.run import store
from starpop.run.errors import InputError


def entry_of(kind, folder):
    """The catalogue's entry for a table of the corpus; a key set to None is left out."""
    written = kind.write(folder)
    paths = [str(folder / name) for name in ([written] if isinstance(written, str) else written)]
    entry = {"path": paths[0] if isinstance(written, str) else paths, "columns": corpus.COLUMNS, "units": corpus.UNITS}
    for key, value in kind.entry.items():
        entry[key] = entry.get(key, {}) | value if isinstance(value, dict) else value
    for key in ("columns", "units"):
        entry[key] = {k: v for k, v in entry[key].items() if v is not None}
    return entry


def gate(kind, folder):
    entry = entry_of(kind, folder)
    source = read_catalog(entry)
    selection = {"keep": "all", "drop": [], "min_visits": 3} | kind.selection
    return source, prepare(source, entry, Selection(**selection))


@pytest.mark.parametrize("kind", [k for k in corpus.KINDS if k.message], ids=lambda k: k.name)
def test_a_table_that_cannot_be_used_is_said_to_be_so(kind, tmp_path):
    with pytest.raises(InputError) as error:
        gate(kind, tmp_path)
    assert re.search(kind.message, str(error.value), re.DOTALL), str(error.value)


@pytest.mark.parametrize("kind", [k for k in corpus.KINDS if not k.message], ids=lambda k: k.name)
def test_each_row_of_a_table_is_used_or_rejected_with_value_and_reason(kind, tmp_path):
    source, prepared = gate(kind, tmp_path)
    rejected = prepared.rejected
    assert list(zip(*(rejected[c].tolist() for c in ("row", "value", "reason")), strict=True)) == list(kind.rejected)
    assert tuple(prepared.systems["system"]) == kind.systems
    assert len(prepared.visits) + len(rejected) == len(source.row)
    assert np.isfinite(prepared.visits["rv_kms"]).all()
    # what is used is what stands in the table: the velocities are equally spaced from -30 to 30 km/s
    expected = corpus.good()["v"]
    if kind.name not in ("null_velocity_of_fits", "the_same_visit_twice", "a_system_of_few_visits", "several_files"):
        np.testing.assert_allclose(prepared.visits["rv_kms"], expected[prepared.visits["row"]], rtol=1e-14)
    # and the products hold it
    for name, table in (("visits.fits", prepared.visits), ("rejected.ecsv", rejected), ("s.ecsv", prepared.systems)):
        store.write_table(table, tmp_path / name, {})
        assert store.read_table(tmp_path / name).colnames == table.colnames
    assert tuple(v.system for v in read_systems(tmp_path / "visits.fits")) == kind.systems
    assert store.read_table(tmp_path / "rejected.ecsv")["reason"].tolist() == rejected["reason"].tolist()


def test_the_corpus_has_enough_kinds():
    assert sum(bool(k.message) or bool(k.rejected) for k in corpus.KINDS) >= 60
    assert len({k.name for k in corpus.KINDS}) == len(corpus.KINDS)
