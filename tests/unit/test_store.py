"""A product is whole or not there, and a user's mistake is shown as its message alone."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from starpop import store
from starpop.errors import InputError


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), store.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_tree_is_read_back_as_it_was(tmp_path):
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"x": (("chain", "draw"), np.random.default_rng(0).normal(size=(2, 5)))}),
            "map": xr.Dataset({"status": ("system", np.array(["", "ä"], object))}, coords={"system": ["a", "b"]}),
        }
    )
    attributes = store.provenance(seed=1, settings={"b": 1, "a": [2]})
    store.write_tree(tree, tmp_path / "t.nc", attributes)
    read = store.read_tree(tmp_path / "t.nc")
    np.testing.assert_array_equal(read["posterior"]["x"], tree["posterior"]["x"])
    assert list(read["map"]["status"].values) == ["", "ä"]
    assert read.attrs["settings"] == '{"a": [2], "b": 1}'
    assert '"pymc"' in read.attrs["versions"]


def test_an_empty_batch_is_read_back(tmp_path):
    empty = xr.Dataset({"x": (("system", "draw"), np.empty((0, 3)))}, coords={"system": np.array([], dtype=str)})
    store.write_tree(xr.DataTree(empty), tmp_path / "t.nc", {})
    assert store.read_tree(tmp_path / "t.nc")["x"].shape == (0, 3)


def test_numbers_keep_every_digit(tmp_path):
    frame = pd.DataFrame({"x": [1 / 3, 2.841144279640609]})
    store.write_csv(frame, tmp_path / "x.csv")
    assert (pd.read_csv(tmp_path / "x.csv") == frame).all().all()


def test_a_users_mistake_ends_the_job_with_its_message(tmp_path):
    with pytest.raises(SystemExit, match="Error: no such star"), store.job(str(tmp_path / "log")):
        raise InputError("no such star")


def test_an_error_of_the_program_is_raised():
    with pytest.raises(ZeroDivisionError), store.job("/dev/null"):
        _ = 1 / 0
