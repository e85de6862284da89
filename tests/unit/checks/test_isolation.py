"""One bad system never stops a batch: it has a row that says why, and the others are as they would be without it."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from starpop.checks import criticism, diagnostics
from starpop.inference.densities import Normal
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import fitted, periods, single
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.pages import tables
from starpop.populations import population
from starpop.run.seeds import generator_for

RANGE = (1.5, 20)
MODEL = SystemModel(100, 150)
BAD = "TWIN-03"


@pytest.fixture
def systems(twin):
    return twin[:4]


def failing(function, name_of):
    """A function that fails for the bad system."""

    def wrapped(*args, **kwargs):
        if name_of(*args) == BAD:
            raise ZeroDivisionError("planted")
        return function(*args, **kwargs)

    return wrapped


def test_a_system_that_cannot_be_scanned_has_its_row(systems, monkeypatch):
    whole = periods.scan_systems(systems, MODEL, RANGE, 50)
    monkeypatch.setattr(periods, "likeliest", failing(periods.likeliest, lambda v, *_: v.system))
    scan = periods.scan_systems(systems, MODEL, RANGE, 50)
    assert list(scan["failed_system"].values) == [BAD]
    assert list(scan["reason"].values) == ["ZeroDivisionError: planted"]
    assert list(scan["system"].values) == ["TWIN-01", "TWIN-02", "TWIN-04"]
    by_name = {v.system: v for v in systems}
    ours, theirs = (periods.read_likelihoods([s], by_name, MODEL) for s in (scan, whole))
    for one in ours:
        (other,) = (n for n in theirs if n.system == one.system)
        np.testing.assert_array_equal(one.ln_weight, other.ln_weight)
    empty = pd.DataFrame({"system": [], "fit": [], "status": []})
    (alone,) = (v for v in systems if v.system == BAD)
    scan, none = periods.scan_systems([alone], MODEL, RANGE, 50), single.draw([], RANGE, 10, 1)
    fits = single.fit_systems([], MODEL, RANGE, SamplerSettings("none", 2, 10, 10, 0.8, 10), 1)
    table = tables.tabulate_orbits(by_name, scan, none, fits, empty, {}, MODEL, RANGE)
    assert list(table["status"]) == ["not fitted: ZeroDivisionError: planted"]
    assert list(table["n_visits"]) == [len(by_name[BAD])]
    assert fitted.lost(scan, none) == {BAD: "not fitted: ZeroDivisionError: planted"}


def test_a_system_that_cannot_be_drawn_or_sampled_or_criticised_has_a_status(systems, monkeypatch):
    scan = periods.scan_systems(systems, MODEL, RANGE, 50)
    likelihoods = periods.read_likelihoods([scan], {v.system: v for v in systems}, MODEL)
    monkeypatch.setattr(single, "draw_orbits", failing(single.draw_orbits, lambda n, *_: n.system))
    tree = single.draw(likelihoods, RANGE, 50, 1)
    modes = tree["modes"].to_dataset().set_index(system="system")
    assert modes["status"].sel(system=BAD).item() == "not drawn: planted"
    drawn = tree["posterior"]["P"].values[:, 0]
    assert np.isnan(drawn[2]).all()
    assert np.isfinite(np.delete(drawn, 2, axis=0)).all()
    assert fitted.lost(scan, tree) == {BAD: "not drawn: planted"}
    fits = single.fit_systems(likelihoods, MODEL, RANGE, SamplerSettings("nutpie", 2, 200, 50, 0.8, 10), 1)
    assert list(fits["map"]["status"].values) == ["", "", "not sampled: planted", ""]
    assert np.isfinite(fits["posterior"]["P"].values[3]).all()
    rows, residuals = criticism.criticise_systems(likelihoods, tree, RANGE, 9, 1)
    assert list(rows["system"]) == [v.system for v in systems]
    assert rows["misfit_p"].isna().to_list() == [False, False, True, False]
    assert BAD not in set(residuals["system"])


def test_a_system_that_cannot_be_drawn_with_its_population_stops_no_other(systems, monkeypatch):
    likelihoods = [period_likelihood(visits, MODEL, RANGE) for visits in systems]
    density = Normal((1, 10), (-2, 3))
    hyper = population.posterior(likelihoods, density)
    monkeypatch.setattr(population, "draw_orbits", failing(population.draw_orbits, lambda n, *_: n.system))
    tree = population.draw(likelihoods, density, hyper, 50, lambda name: generator_for(1, name))
    drawn = tree["posterior"]["lnP"].sel(chain=0)
    assert np.isnan(drawn).all("draw").values.tolist() == [visits.system == BAD for visits in systems]
    tree["exact"] = xr.DataTree(hyper.summary())
    row = diagnostics.assess_exact("p exact", tree, diagnostics.Thresholds(1.01, 400, 0, 0.01, 0.3))
    assert row["status"] == f"not drawn: {BAD}"
