"""The certificate: it passes where both are right, and fails where either is wrong."""

import json

import numpy as np
import pytest
import xarray as xr

from starpop.checks.agreement import LARGEST_Z, compare, compare_fit, compare_systems, several_modes, verdict
from starpop.checks.diagnostics import Thresholds
from starpop.checks.system_diagnostics import assess_sampled
from starpop.run.status import NOT_CHECKED, WHY_NOT


def draws(rng, chains, size, mean=0.0, sd=1.0):
    return rng.normal(mean, sd, (chains, size))


def test_right_answers_agree_and_z_is_a_standard_normal():
    rng = np.random.default_rng(0)
    exact = {f"p{i}": draws(rng, 1, 4000) for i in range(300)}
    nuts = {f"p{i}": draws(rng, 4, 1000) for i in range(300)}
    table = compare("test", "nuts", exact, nuts)
    assert table["agrees"].all()
    for column in ("mean_z", "sd_z"):
        assert table[column].std() == pytest.approx(1, abs=0.15)
        assert abs(table[column].mean()) < 0.2
    status, sentence = verdict(table)
    assert status == "ok"
    assert "600 comparisons" in sentence
    assert "0.4%" in sentence


def test_a_rare_tail_that_chains_were_not_in_is_no_disagreement():
    """One exact draw in a thousand lies far out, and none of the chains'."""
    rng = np.random.default_rng(4)
    exact = draws(rng, 1, 10_000)
    exact[0, :10] += 6
    nuts = draws(rng, 4, 1000)
    for sd, agrees in ((1.0, True), (1.3, False)):
        table = compare("test", "nuts", {"p": exact}, {"p": sd * nuts}, {"p": (exact.mean(), exact.std(), 1e-9, 1e-9)})
        assert table["agrees"].all() == agrees


def test_few_exact_draws_are_worth_what_they_are():
    """Those of a survey: a sample of 200 whose spread is small by chance would have too small an error."""
    rng = np.random.default_rng(3)
    exact = {f"p{i}": draws(rng, 1, 200) for i in range(1000)}
    nuts = {name: draws(rng, 4, 1000) for name in exact}
    table = compare("test", "nuts", exact, nuts)
    assert table[["mean_z", "sd_z"]].std().to_numpy() == pytest.approx(1, abs=0.05)
    for wrong in ({"mean": 0.5}, {"sd": 1.5}):
        assert not compare("test", "nuts", exact, {"p0": draws(rng, 4, 1000, **wrong)})["agrees"].any()
    stuck = {"p0": np.ones((4, 1000))}
    assert not compare("test", "nuts", exact, stuck)["agrees"].any()
    narrow = exact["p0"] * 0.81 / exact["p0"].std(ddof=1)  # by 3.8 of its errors
    assert compare("test", "nuts", {"p": narrow}, {"p": nuts["p0"]})["agrees"].all()


@pytest.mark.parametrize("wrong", [{"mean": 0.15}, {"sd": 1.12}])
def test_a_wrong_mean_or_spread_is_caught(wrong):
    rng = np.random.default_rng(1)
    table = compare("test", "nuts", {"p": draws(rng, 1, 4000)}, {"p": draws(rng, 4, 1000, **wrong)})
    assert not table["agrees"].any()
    assert verdict(table)[0] == "disagreement of 1 parameter: test p (nuts)"


def test_a_value_known_without_draws_has_no_error_of_its_own():
    rng = np.random.default_rng(2)
    nuts = {"p": draws(rng, 4, 10_000, 0.01)}
    known = compare("test", "nuts", {"p": draws(rng, 1, 50)}, nuts, {"p": (0.0, 1.0, 0.0, 0.0)})
    assert known["mean_z"][0] == pytest.approx(nuts["p"].mean() / (1 / np.sqrt(40_000)), rel=0.1)


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    dims, names = ("system", "chain", "draw"), {"system": ["A", "B"]}

    def tree(chains, **groups):
        posterior = xr.Dataset({"P": (dims, rng.normal(size=(2, chains, 500)))}, coords=names)
        return xr.DataTree.from_dict({"posterior": posterior, **groups})

    modes = {"mode_weight": ("system", [1.0, 0.68]), "n_modes": ("system", [1.0, 3.0])}
    bounds = {"shortest_period": ("system", [-9.0, -1.0]), "longest_period": ("system", [9.0, 1.0])}
    return tree(1, modes=xr.Dataset(modes, coords=names)), tree(4, map=xr.Dataset(bounds, coords=names))


def test_a_system_of_several_modes_is_compared_within_the_heaviest(batch):
    exact, nuts = batch
    assert several_modes(exact) == ["B"]
    table = compare_systems(exact, nuts).set_index("parameter")
    assert table.loc["P[A]", "note"] == ""
    assert table.loc["P[A]", "agrees"]
    # draws of the whole, where NUTS was kept to the middle
    assert not table.loc["P[B]", "agrees"]
    assert table.loc["P[B]", "note"] == "within the heaviest of 3 modes, of weight 0.68"
    inside = np.random.default_rng(5).uniform(-1, 1, (2, 1, 500))
    within = {"P": (("system", "chain", "draw"), inside)}
    for tree in batch:
        tree["posterior"] = xr.Dataset(within, coords={"system": ["A", "B"]})
    assert compare_systems(exact, nuts)["agrees"].all()


def test_a_chain_that_can_tell_nothing_is_no_evidence_against_the_exact_answer(batch):
    _, nuts = batch
    nuts.attrs["settings"] = json.dumps({"period_range_days": [-9.0, 9.0]})
    best = nuts["map"].to_dataset().assign(status=("system", np.array(["", ""], object)))
    stats = {name: (("system", "chain", "draw"), np.zeros((2, 4, 500))) for name in ("diverging", "tree_depth")}
    stats["energy"] = ("system", "chain", "draw"), np.random.default_rng(6).normal(size=(2, 4, 500))
    apart = nuts["posterior"].to_dataset() + xr.DataArray([0.0, 0.0, 0.0, 5.0], dims="chain")
    nuts["map"], nuts["sample_stats"], nuts["posterior"] = best, xr.Dataset(stats, coords=best.coords), apart
    limits = Thresholds(1.01, 400, 0, 0.05, 0.3)
    # neither has converged; only B is kept to one of several modes
    told_nothing = [row["fit"] for row in assess_sampled(nuts, limits, 10) if row["status"].startswith(NOT_CHECKED)]
    assert told_nothing == ["B"]
    exact, _ = batch
    assert list(compare_systems(exact, nuts, told_nothing)["parameter"]) == ["P[A]"]


def test_draws_too_few_within_the_heaviest_mode_are_not_compared(batch):
    exact, nuts = batch
    nuts["map"]["longest_period"][1] = -0.95
    assert list(compare_systems(exact, nuts)["parameter"]) == ["P[A]"]


def test_nothing_to_compare_is_said(batch):
    exact, nuts = batch
    nuts["posterior"]["P"][:] = np.nan
    status, sentence = verdict(compare_systems(exact, nuts))
    assert status == "not checked: NUTS has nothing to compare"
    assert sentence == "No comparison of NUTS with the exact answer."


def test_a_hierarchical_fit_is_compared_but_for_what_is_left_out():
    rng = np.random.default_rng(4)
    coords = {"system": ["A", "B"]}

    def tree(chains):
        posterior = {
            "mu": (("chain", "draw"), rng.normal(size=(chains, 500))),
            "lnP": (("chain", "draw", "system"), rng.normal(size=(chains, 500, 2))),
        }
        return xr.DataTree.from_dict({"posterior": xr.Dataset(posterior, coords=coords)})

    exact = tree(1)
    exact["exact"] = xr.Dataset(
        {"value": (("parameter", "statistic"), [[0.0, 1.0, 0.0, 0.0]])},
        coords={"parameter": ["mu"], "statistic": ["mean", "sd", "mcse_mean", "mcse_sd"]},
    )
    table = compare_fit("population", "nuts", exact, nuts := tree(4), left_out=["B"])
    assert list(table["parameter"]) == ["lnP[A]", "mu"]
    assert table["mean_z"].abs().max() < LARGEST_Z
    nuts.attrs[WHY_NOT] = "not checked: too many systems"
    assert compare_fit("population", "nuts", exact, nuts).empty
