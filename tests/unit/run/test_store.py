"""A product is whole or not there, and a user's mistake is shown as its message alone."""

import errno
import os
import re
import socket
import subprocess
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from astropy import units as u
from astropy.table import Table

from starpop.run import files, store
from starpop.run.errors import InputError


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_batches_are_one_table_by_the_systems_names_with_each_cell_as_it_is_written(tmp_path):
    whole = "system,x\n007,0.1\n007,1e-17\nA,\nNA,3\n"
    (tmp_path / "0.csv").write_text("system,x\n007,0.1\n007,1e-17\nNA,3\n")
    (tmp_path / "1.csv").write_text("system,x\n")
    (tmp_path / "2.csv").write_text("system,x\nA,\n")
    for names in ("012", "210"):
        store.write_csv(store.read_batches([tmp_path / f"{name}.csv" for name in names]), tmp_path / "all.csv")
        assert (tmp_path / "all.csv").read_text() == whole


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


def test_a_product_opens_in_arviz(tmp_path):
    draws = np.random.default_rng(0).normal([3.0, 5.0], size=(4, 500, 2))
    posterior = xr.Dataset({"lnP": (("chain", "draw", "system"), draws)}, coords={"system": ["A", "B"]})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), bool))})
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    store.write_tree(tree, tmp_path / "t.nc", store.provenance(seed=1))
    opened = az.from_netcdf(tmp_path / "t.nc")
    assert {"posterior", "sample_stats"} <= set(opened.children)
    assert opened.attrs["seed"] == "1"
    summary = az.summary(opened, round_to="none")
    assert list(summary.index) == ["lnP[A]", "lnP[B]"]
    np.testing.assert_allclose(summary["mean"], draws.mean(axis=(0, 1)), rtol=1e-12)
    assert (summary["r_hat"] < 1.01).all()


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


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, others = tmp_path / f".t.part{gone.pid}.csv", tmp_path / f".t.part{os.getppid()}.csv"
    for path in (left, others):
        path.write_text("half")
    store.write_csv(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")
    assert not left.exists()
    assert others.exists()


def test_a_product_cut_short_is_set_aside_and_an_intact_one_is_not(tmp_path):
    for name in ("a.csv", "b.csv"):
        store.write_csv(pd.DataFrame({"x": range(100)}), tmp_path / "deep" / name)
    assert files.set_aside_damaged(tmp_path) == []
    whole = (tmp_path / "deep/a.csv").read_bytes()
    (tmp_path / "deep/a.csv").write_bytes(whole[:50])
    (said,) = files.set_aside_damaged(tmp_path)
    assert re.search(
        r"a\.csv is not as it was written \(50 bytes of \d+: cut short, or edited\); it is set aside", said
    )
    assert not (tmp_path / "deep/a.csv").exists()
    assert (tmp_path / "deep/.a.csv.damaged").read_bytes() == whole[:50]
    assert (tmp_path / "deep/b.csv").exists()
    assert files.set_aside_damaged(tmp_path) == []


def test_a_job_whose_run_was_killed_writes_nothing(tmp_path, monkeypatch):
    gone = subprocess.Popen(["true"])
    gone.wait()
    path = tmp_path / "t.csv"
    path.write_text("of a later run")
    monkeypatch.setenv(files.RUN, f"{socket.gethostname()}:{gone.pid}")
    with pytest.raises(SystemExit, match="the run that started this job has ended"):
        store.write_csv(pd.DataFrame({"x": [1]}), path)
    assert path.read_text() == "of a later run"
    monkeypatch.setenv(files.RUN, f"another.host:{gone.pid}")
    store.write_csv(pd.DataFrame({"x": [1]}), path)
    assert path.read_text() == "x\n1\n"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "t.nc: No space left on device; make room on the disk, and run the same command again"),
        (errno.EROFS, "t.nc: Read-only file system; make the disk writable"),
        (errno.EACCES, "t.nc: Permission denied; make the folder writable"),
    ],
)
def test_what_the_machine_refuses_is_said_without_a_traceback(tmp_path, number, said):
    with pytest.raises(SystemExit, match=said), store.job(str(tmp_path / "log")):
        try:
            raise OSError(number, os.strerror(number), "t.nc")
        except OSError as error:
            raise RuntimeError("the library says so") from error


def test_a_folder_that_cannot_be_written_stops_the_run_before_anything_is_done(tmp_path, monkeypatch):
    closed, access = tmp_path / "results", os.access
    closed.mkdir()
    files.check_writable(str(tmp_path), str(closed), str(tmp_path / "not there"))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))
    with pytest.raises(InputError, match=rf"{closed}: this folder cannot be written, .*; make it writable"):
        files.check_writable(str(tmp_path), str(closed))


def test_a_damaged_product_is_named_with_what_to_do(tmp_path):
    (tmp_path / "t.nc").write_text("text")
    with pytest.raises(InputError, match=r"t\.nc is damaged \(.*\); remove it and run again: rm .*t\.nc"):
        store.read_tree(tmp_path / "t.nc")


@pytest.mark.parametrize("size", [0, 3, store.LARGE_TABLE + 7])
@pytest.mark.parametrize("ending", ["ecsv", "fits"])
def test_a_table_is_read_back_as_it_was(tmp_path, ending, size):
    names = np.array(["A b", "007", 'say "x", y', "é", "NaN"])
    index = np.arange(size)
    number = np.where(index % 11 == 5, np.nan, 2456000 + index / 7)
    table = Table({"row": index, "system": names[index % 5], "time_jd": number * u.day, "reason": names[index % 3]})
    store.write_table(table, tmp_path / f"t.{ending}", {"note": "ä" if ending == "ecsv" else "a"})
    read = store.read_table(tmp_path / f"t.{ending}")
    assert len(read) == size
    for name in ("row", "system", "reason"):
        assert read[name].astype(str).tolist() == table[name].astype(str).tolist()
    np.testing.assert_array_equal(np.ma.filled(np.ma.asarray(read["time_jd"], float), np.nan), number)
    assert read["time_jd"].unit == u.day


def test_rows_without_a_value_keep_their_reason(tmp_path):
    for size in (4, store.LARGE_TABLE + 1):
        table = Table({"value": np.array([""] * size), "reason": np.array(["not in systems.keep"] * size)})
        store.write_table(table, tmp_path / "t.ecsv", {})
        assert set(store.read_table(tmp_path / "t.ecsv").to_pandas()["reason"]) == {"not in systems.keep"}


def test_names_in_a_table_stay_what_they_are_and_numbers_numbers(tmp_path):
    table = pd.DataFrame({"system": ["007", "NA", "51", ""], "flags": ["misfit", "", "", None]})
    table["n"], table["x"] = [1, 2, 3, 4], [0.1, np.nan, np.inf, 3.0]
    store.write_csv(table, tmp_path / "t.csv")
    read = store.read_csv(tmp_path / "t.csv")
    assert list(read["system"]) == ["007", "NA", "51", ""]
    assert read["flags"].isna().to_list() == [False, True, True, True]
    assert read["n"].dtype == int
    np.testing.assert_array_equal(read["x"], table["x"])


@pytest.mark.parametrize("groups", [(), ("scans",)])
def test_of_a_tree_no_more_is_read_than_is_wanted(tmp_path, groups):
    data = {"kept": ("system", [1.0, 2.0]), "long": (("system", "bin"), np.ones((2, 3)))}
    store.write_tree(xr.DataTree.from_dict({"scans": xr.Dataset(data)}), tmp_path / "a.nc", {"said": "so"})
    tree = store.read_tree(tmp_path / "a.nc", groups, without=iter(["bin", "no such"]))
    assert list(tree["scans"].data_vars) == ["kept"]
    assert tree.attrs["said"] == "so"
    assert set(store.read_tree(tmp_path / "a.nc", groups)["scans"].data_vars) == {"kept", "long"}
