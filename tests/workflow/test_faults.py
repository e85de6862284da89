"""Inputs that have failed, where they lie beside the project: what comes of each."""

import shutil

import pytest

from conftest import ROOT
from starpop.run import store

FAULTS = ROOT.parent / "shared" / "data" / "faults"

pytestmark = pytest.mark.skipif(not FAULTS.is_dir(), reason="the inputs that failed are not beside this folder")


def configuration(project, fault):
    """Arguments that take a fault's configuration."""
    shutil.copy(FAULTS / fault / "mine.yaml", project.path)
    return "--configfile", "mine.yaml"


def test_an_absolute_path_that_is_mistyped_is_said(fresh):
    said = fresh.snakemake("--dry-run", *configuration(fresh, "absolute_path"), check=False)
    assert "- catalogs.mine.path: no file '/data/of/mine/table.csv'; put the table there." in said
    assert "Traceback" not in said


def test_a_file_laid_over_leaves_out_a_model(fresh):
    jobs = fresh.would_run(*configuration(fresh, "overlay"))
    assert jobs["scan_periods"] == jobs["fit_systems"] == 1
    assert "compare_published" not in jobs


@pytest.mark.slow
def test_a_whole_number_may_be_written_as_a_float(fresh):
    arguments = configuration(fresh, "whole_floats")
    product = "results/twin/tutorial/exact/0.nc"
    fresh.snakemake(*arguments, "--", product)
    assert store.read_tree(fresh.path / product)["posterior"].sizes["draw"] == 1000
