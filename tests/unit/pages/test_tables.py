"""The table of orbits: modes with weights, and no system lost."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from astropy.table import Table

from starpop.checks import criticism
from starpop.orbits import fitted
from starpop.orbits.system_model import SystemModel
from starpop.pages.joined import ORBIT_COLUMNS, join_orbits
from starpop.pages.stars import tabulate_stars
from starpop.populations import cluster
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
    table = join_orbits(pd.DataFrame(columns=ORBIT_COLUMNS), rejected)
    assert list(table["status"]) == ["not used: time is not a number; velocity is not a number"]
    assert tuple(table.columns) == ORBIT_COLUMNS


@pytest.mark.parametrize("field", [None, cluster.Field((0, 1), 0.6, 0.3)])
def test_each_star_of_a_cluster_has_a_row_with_its_distance_and_where_there_is_a_field_its_membership(field):
    prior, rng = cluster.ClusterPrior(0.5, 0.1, (-5, -3), field=field), np.random.default_rng(0)
    data, names = (np.array([2.0, 2.02, 0.8]), np.full(3, 0.05)), ["A 1", "B 2", "C 3"]
    hyper = cluster.posterior(*data, prior)
    exact = cluster.draw(names, *data, prior, hyper, 200, rng)
    exact["exact"] = cluster.exact_summary(hyper)
    if field:
        probability = cluster.membership_probability(*data, prior, hyper)
        exact["exact"] = exact["exact"].to_dataset().assign(membership_probability=("star", probability))
    stars = Table({"star": names, "parallax": data[0], "parallax_error": data[1]})
    summary = pd.DataFrame({"method": ["exact", "nuts"], "status": ["misfit: so", "ok"]})
    rows = tabulate_stars(stars, exact, summary).set_index("star")
    assert list(rows.index) == names
    assert (rows["status"] == "misfit: so").all()
    assert (rows["distance_p16_kpc"] < rows["distance_kpc"]).all()
    assert ("membership_probability" in rows) == (field is not None)
    if field:
        assert rows.loc["A 1", "membership_probability"] > 0.5 > rows.loc["C 3", "membership_probability"]
