"""The table of orbits: modes with weights, and no system lost."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from starpop.checks import criticism
from starpop.orbits import fitted
from starpop.orbits.system_model import SystemModel
from starpop.pages import tables
from starpop.run.errors import InputError

PRIOR = SystemModel(100, 150)
NOTHING = pd.DataFrame(columns=criticism.COLUMNS)


@pytest.fixture
def posteriors():
    names = ["B", "A"]
    draws = xr.Dataset({"P": (("system", "chain", "draw"), np.ones((2, 2, 3)))}, coords={"system": names})
    best = xr.Dataset({"P": ("system", [2.0, 1.0]), "status": ("system", ["", ""])}, coords={"system": names})
    return [xr.DataTree.from_dict({"posterior": draws, "map": best})]


def test_the_focus_system_is_the_first_or_the_one_named(posteriors):
    highest = fitted.highest_points(posteriors)
    assert fitted.find_system(posteriors, "first") == "A"
    assert highest[fitted.find_system(posteriors, "first")] == {"P": 1.0}
    assert highest[fitted.find_system(posteriors, "B")] == {"P": 2.0}
    with pytest.raises(InputError, match="focus_system: 'b1' is not among the 2 systems used"):
        fitted.find_system(posteriors, "b1")


def test_a_rejected_system_has_its_row():
    reasons = ["velocity is not a number", "time is not a number"]
    rejected = pd.DataFrame({"system": ["LOST", "LOST"], "reason": reasons})
    table = tables.join_orbits(pd.DataFrame(columns=tables.ORBIT_COLUMNS), rejected)
    assert list(table["status"]) == ["not used: time is not a number; velocity is not a number"]
    assert tuple(table.columns) == tables.ORBIT_COLUMNS
