"""The recovery study: weights of modes that are borne out, and others."""

import numpy as np
import pandas as pd

from starpop.checks import recovery
from starpop.orbits.ellipse import search
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import Survey


def test_weights_of_modes_are_borne_out():
    weak = Survey((5, 9), (30, 100), (0.5, 2.0))
    recovered = recovery.recover_systems(range(300), weak, SystemModel(3, 20), (1.5, 20.0), base_seed=2)
    table = recovery.recovery_table(recovered).set_index("quantity")["value"]
    assert table["wrong by the heaviest mode"] > 0.2
    assert abs(table["difference of the last two in standard errors"]) < 4
    reliability = recovery.reliability(recovered, groups=4)
    z = (reliability["share_right"] - reliability["weight_mean"]) / reliability["share_expected_sd"]
    assert (z.abs() < 4).all()
    assert reliability["systems"].sum() == 300


def test_weights_of_modes_of_ellipses_are_borne_out():
    weak, model = Survey((6, 10), (20, 40), (0.5, 2.0)), SystemModel(5, 20, orbit="keplerian")
    recovered = recovery.recover_systems(range(25), weak, model, (2.0, 12.0), base_seed=3)
    assert 0.1 < recovered["mode_right"].mean() < 0.9
    table = recovery.recovery_table(recovered).set_index("quantity")["value"]
    assert abs(table["difference of the last two in standard errors"]) < 4


def test_a_search_that_overlooks_some_periods_is_seen(monkeypatch):
    """It takes nothing to be at the lower frequencies, and is as sure of itself as before."""

    scan, starts = search.scan, search.starts

    def blind(system, cells, grid, noises):
        scans = scan(system, cells, grid, noises)
        for found in scans:
            for values in (found.highest, found.ln_mean):
                values[: len(values) // 2] -= 1e6
        return scans

    def seen(found, cells, grid):
        every = starts(found, cells, grid)
        return every[every[:, 0] > cells.middle_of(cells.number // 2)]

    strong, model = Survey((12, 15), (40, 60), (0.5, 1.0)), SystemModel(20, 20, orbit="keplerian")
    sighted = recovery.recover_systems(range(6), strong, model, (2.0, 12.0), base_seed=3)
    monkeypatch.setattr(search, "scan", blind)
    monkeypatch.setattr(search, "starts", seen)
    blinded = recovery.recover_systems(range(6), strong, model, (2.0, 12.0), base_seed=3)
    assert sighted["mode_right"].all()
    table = recovery.recovery_table(blinded).set_index("quantity")["value"]
    assert table["difference of the last two in standard errors"] > 5


def test_weights_that_are_not_borne_out_are_seen():
    rng = np.random.default_rng(3)
    weight = rng.uniform(0.3, 1, 2000)
    boastful = pd.DataFrame(
        {
            "mode_weight": weight,
            "mode_right": rng.random(2000) < weight**2,
            "lomb_scargle_right": True,
            "refined_right": True,
        }
    )
    table = recovery.recovery_table(boastful).set_index("quantity")["value"]
    assert table["difference of the last two in standard errors"] > 5
