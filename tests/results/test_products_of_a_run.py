"""Every file of a finished run is described, column by column. It needs its run: `make reproduce`."""

from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from astropy import units as u
from astropy.table import Table
from conftest import ROOT

from starpop.run import products
from starpop.run.files import SIZES

FILES = [path for path in sorted((ROOT / "results").rglob("*")) if path.is_file() and SIZES not in path.parts]


def columns_of(path: Path) -> dict[str, u.Unit | None]:
    """The columns of a table, with their units where it tells them, or the variables of a netCDF file."""
    if path.suffix == ".csv":
        return dict.fromkeys(pd.read_csv(path, nrows=0).columns)
    if path.suffix in (".fits", ".ecsv"):
        table = Table.read(path)
        return {name: table[name].unit for name in table.colnames}
    if path.suffix == ".nc":
        with xr.open_datatree(path) as tree:
            groups = {name.strip("/"): group.variables for name, group in tree.to_dict().items()}
        variables = [f"{group}/{name}".lstrip("/") for group, held in groups.items() for name in held]
        return {name: None for name in variables if name.split("/")[-1] not in ("chain", "draw")}
    return {}


@pytest.mark.skipif(not FILES, reason="results/ is not there: run `make reproduce` first")
def test_every_file_is_described_with_its_columns():
    for path in (path for path in FILES if not path.name.startswith(".")):
        product = products.describe(path)
        assert product is not None, path
        found = columns_of(path)
        for name, unit in found.items():
            assert unit is None or unit == u.Unit(product.column(name).unit), (path, name)
        assert {column.name for column in product.columns if column.always} <= found.keys(), path
        if path.suffix != ".nc":
            product.check(found)
