"""Every product is described, and a table that is not as described is not written."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import Table

from conftest import ROOT
from starpop.checks import calibration, recovery
from starpop.run import products, store


def test_every_unit_is_one_and_every_column_has_a_meaning():
    for product in products.products().values():
        assert product.what.endswith(".")
        for column in product.columns:
            u.Unit(column.unit)
            assert column.meaning


def test_no_product_is_told_twice():
    told = [line for line in products.DESCRIPTIONS.read_text().splitlines() if line and line[0].isalpha()]
    assert len(told) == len(set(told)) == len(products.products())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("results/apogee/tutorial/orbits.csv", "orbits"),
        ("elsewhere/results/run/results/mine/jitter/orbits/07.csv", "orbits"),
        ("results/cluster/summary.csv", "summary"),
        ("results/cluster/pleiades/stars.ecsv", "stars"),
        ("results/mine/jitter/focus_system/summary.csv", "summary"),
        ("results/mine/jitter/normal/criticism.csv", "population_criticism"),
        ("results/mine/jitter/criticism/0.csv", "criticism"),
        ("results/mine/jitter/normal/figures/density.pdf", "population_figures"),
        ("results/mine/jitter/normal/systems.csv", "systems_of_population"),
        ("results/mine/jitter/normal/reliability.csv", "binary_reliability"),
        ("results/mine/jitter/selection.csv", "selection"),
        ("results/mine/jitter/detection.nc", "simulated_stars"),
        ("results/benchmarks/scan_periods/mine/jitter/0.tsv", "benchmarks"),
    ],
)
def test_a_path_is_that_of_its_product(path, name):
    assert products.describe(path) is products.products()[name]


@pytest.mark.parametrize("path", ["orbits.csv", "results/mine/orbits.csv", "results/mine/jitter/orbits/a.csv"])
def test_of_other_paths_nothing_is_said(path):
    assert products.describe(path) is None


@pytest.mark.parametrize(
    ("path", "caption"),
    [
        ("results/twin/tutorial/figures/criticism.png", "criticism"),
        ("results/twin/tutorial/normal/figures/criticism.png", "population_criticism"),
        ("results/{catalog}/{system_model}/{population_model}/figures/corner.png", "corner"),
        ("results/cluster/figures/corner.png", "corner"),
        ("results/model_graphs/figures/plate.png", "model_graphs"),
        ("results/calibration/figures/ranks.png", "ranks"),
        ("results/twin/tutorial/normal/figures/reliability.png", "population_reliability"),
        ("results/recovery/figures/reliability.png", "reliability"),
    ],
)
def test_the_caption_of_a_figure_is_found_by_its_path(path, caption):
    found = products.caption_of(path, ROOT / "workflow" / "report")
    assert found.stem == caption
    assert found.is_file()


def test_an_offset_is_a_column_whatever_its_instrument_is_called():
    orbits = products.products()["orbits"]
    assert orbits.column("offset_HARPS (15)_kms").meaning.startswith("velocity of an instrument")
    assert orbits.column("offset_sd_sd_kms").meaning.startswith("standard deviation")
    with pytest.raises(LookupError, match="offset is no column of"):
        orbits.column("offset")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["system", "time_days", "residual_kms", "error_kms"], "residuals has the columns"),
        (["system", "residual_kms", "time_days", "error_kms", "standardised_residual"], "residuals has the columns"),
        (["system", "residual"], "residual is no column of"),
    ],
)
def test_a_table_with_other_columns_is_not_written(tmp_path, columns, said):
    path = tmp_path / "results/mine/jitter/residuals.csv"
    with pytest.raises(LookupError, match=said):
        store.write_csv(pd.DataFrame(columns=columns), path)
    with pytest.raises(LookupError, match=said):
        store.write_table(Table(names=columns), path.with_suffix(".csv"), {})
    assert not path.exists()


def test_the_tables_of_the_certificates_are_as_described():
    right = np.arange(40) % 3 > 0
    found = {"system": "R", "n_visits": 8, "baseline_days": 100.0, "period_days": 3.0, "lomb_scargle_right": right}
    found |= {"refined_right": right, "mode_weight": np.linspace(0.3, 1, 40), "mode_right": right}
    systems = pd.DataFrame(found)
    ranks = pd.DataFrame({"case": "a", "catalog": range(40), "parameter": "mu", "rank": np.arange(40) * 5})
    for name, table in {
        "recovery/systems.csv": systems,
        "recovery/recovery.csv": recovery.recovery_table(systems),
        "recovery/reliability.csv": recovery.reliability(systems),
        "calibration/ranks.csv": ranks,
        "calibration/calibration.csv": calibration.calibration_table(ranks, 199).assign(version="0.1", code="ab"),
    }.items():
        products.check(table.columns, f"results/{name}")
