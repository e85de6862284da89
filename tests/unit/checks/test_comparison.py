"""The comparison of models on small numbers that can be checked by hand, and its figures."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from starpop.checks.comparison import COLUMNS, POPULATION, compare_models, differences
from starpop.checks.sensitivity import AS_CONFIGURED
from starpop.pages import comparison as plots
from starpop.pages.style import Colors, Style

STYLE = Style(50, 30, Colors("#000000", "#0072B2", "#D55E00", "#8C8C8C"))


def exact(ln_evidence, ln_predictive, names=("A", "B", "C")):
    return xr.Dataset(
        {
            "ln_evidence": ln_evidence,
            "error": 0.01,
            "ln_predictive": ("system", np.array(ln_predictive)),
            "ln_predictive_error": ("system", np.full(len(names), 0.1)),
        },
        coords={"system": list(names)},
    )


POPULATIONS = {
    ("one", "normal"): exact(-10.0, [-3.0, -4.0, -5.0]),
    ("one", "flat"): exact(-12.0, [-4.0, -4.0, -4.5]),
    # in another order of the systems
    ("two", "normal"): exact(-11.0, [-6.0, -2.0, -1.0], ("C", "A", "B")),
    ("two", "flat"): exact(-13.0, [-3.0, -3.0, -5.0]),
}
MODELS = {"one": {"orbit": "circular", "noise": "reported"}, "two": {"orbit": "circular", "noise": "jitter"}}
SYSTEMS = {"one": {"C": -4.0, "A": -2.0, "B": -3.0}, "two": {"A": -5.0, "B": -3.0, "C": -3.0}}


@pytest.fixture
def table():
    return compare_models(POPULATIONS, SYSTEMS, MODELS)


def test_odds_of_the_population_are_those_of_all_pairs(table):
    assert tuple(table.columns) == COLUMNS
    rows = table[table["scope"] == POPULATION].set_index(["system_model", "population_model"])
    assert rows["ln_odds"].to_list() == [0, -2, -1, -3]
    assert rows["probability"].sum() == pytest.approx(1)
    assert rows.loc[("two", "normal"), "probability"] == pytest.approx(np.exp(-1) / np.exp([0, -2, -1, -3]).sum())
    errors = [0.01 + 3e-7, 0.01 + 3e-7, 0.01 + 3e-6, 0.01 + 3e-6]  # of the nodes of three systems
    assert rows["ln_evidence_error"].sort_index().to_list() == pytest.approx(errors, rel=1e-12)


def test_predictive_densities_are_sums_over_the_same_systems(table):
    rows = table[table["scope"] == POPULATION].set_index(["system_model", "population_model"])
    assert rows["ln_predictive"].to_list() == [-12, -12.5, -9, -11]
    assert rows["difference"].to_list() == [-3, -3.5, 0, -2]
    assert rows["ln_predictive_se"].iloc[0] == pytest.approx(np.sqrt(3))
    assert rows["ln_predictive_error"].to_numpy() == pytest.approx(0.1 * np.sqrt(3))
    # A: -3 + 2, B: -4 + 1, C: -5 + 6
    assert rows["difference_se"].iloc[0] == pytest.approx(np.sqrt(3) * np.std([-1, -3, 1], ddof=1))
    assert rows.loc[("two", "normal"), "difference_se"] == 0
    pointwise = table[table["population_model"].eq("normal") & table["system_model"].eq("two")]
    by_system = pointwise.set_index("scope")["ln_predictive"]
    assert by_system[["A", "B", "C"]].to_list() == [-2, -1, -6]


def test_a_systems_odds_are_between_system_models(table):
    own = table[(table["scope"] != POPULATION) & table["population_model"].isna()].set_index(["scope", "system_model"])
    assert own["ln_odds"].loc["A"].to_list() == [0, -3]
    assert own["ln_odds"].loc["B"].to_list() == [0, 0]
    assert own["ln_odds"].loc["C"].to_list() == [-1, 0]
    assert own["probability"].loc["B"].to_list() == pytest.approx([0.5, 0.5])
    assert own["ln_predictive"].isna().all()


def test_a_difference_that_no_system_disagrees_about_has_no_error():
    difference, error = differences(np.array([[1.0, 2.0, 3.0], [0.5, 1.5, 2.5]]))
    assert difference.tolist() == [0, -1.5]
    assert error.tolist() == [0, 0]


def sensitivity(pairs):
    rows = [
        {
            "system_model": model,
            "population_model": population,
            "prior": prior,
            "parameter": parameter,
            "mean": 1.0,
            "sd": 0.1,
            "hdi_3%": 0.8,
            "hdi_97%": 1.2,
            "status": status,
        }
        for model, population in pairs
        for prior, status in ((AS_CONFIGURED, "ok"), ("amplitude sd x 2", "not known: 3 effective"))
        for parameter in (("mu", "lnsigma") if population == "normal" else ()) + ("mean_ln_period", "ln_sd_ln_period")
    ]
    return pd.DataFrame(rows)


CASES = {
    "all": list(POPULATIONS),
    "one population": [("one", "normal"), ("two", "normal")],
    "one system model": [("one", "flat"), ("one", "normal")],
    "one pair": [("one", "flat")],
    "a pair is missing": [("one", "normal"), ("one", "flat"), ("two", "flat")],
}


@pytest.mark.parametrize("case", CASES)
def test_figures_show_every_pair(case, tmp_path):
    pairs = CASES[case]
    table = compare_models(
        {pair: POPULATIONS[pair] for pair in pairs}, {model: SYSTEMS[model] for model in dict(pairs)}, MODELS
    )
    figure = plots.model_comparison(table, STYLE)
    figure.savefig(tmp_path / "comparison.png")
    left = figure.subfigs[0].axes[0]
    assert [label.get_text() for label in left.get_yticklabels()] == ["A", "B", "C"]
    axes = figure.subfigs[1].axes
    populations = list(dict.fromkeys(population for _, population in pairs))
    assert len(axes) == (2 if len(populations) > 1 else 1)
    assert [len(ax.containers) for ax in axes] == [len(pairs)] * len(axes)
    forest = plots.forest(table, sensitivity(pairs), STYLE)
    forest.savefig(tmp_path / "forest.png")
    rows = [label.get_text() for label in forest.axes[0].get_yticklabels()]
    assert sum(row in populations for row in rows) == len(pairs)
    assert rows.count("amplitude sd x 2") == len(
        {pairs[0], max(pairs, key=lambda p: float(POPULATIONS[p].ln_evidence))}
    )
    (means,) = (ax for ax in forest.axes if ax.get_xlabel().startswith("mean of"))
    crosses = [line for line in means.lines if line.get_marker() == "x"]
    assert len(crosses) == rows.count("amplitude sd x 2")


def test_a_system_model_without_a_population_is_drawn_where_it_has_something(tmp_path):
    pairs = {pair: POPULATIONS[pair] for pair in (("two", "normal"), ("two", "flat"))}
    figure = plots.model_comparison(compare_models(pairs, SYSTEMS, MODELS), STYLE)
    figure.savefig(tmp_path / "comparison.png")
    assert [len(ax.containers) for ax in figure.subfigs[1].axes] == [2, 2]


def test_the_error_of_an_evidence_is_that_of_the_nodes():
    models = MODELS | {"two": {"orbit": "keplerian", "noise": "jitter"}}
    rows = compare_models(POPULATIONS, SYSTEMS, models).set_index(["scope", "system_model"])["ln_evidence_error"]
    assert rows["A", "one"].dropna().item() == 1e-7
    assert rows["A", "two"].dropna().item() == 1e-3


def test_one_system_alone_can_be_drawn(tmp_path):
    pairs = {("one", "normal"): exact(-3.0, [-3.0], ("A",)), ("one", "flat"): exact(-4.0, [-4.0], ("A",))}
    table = compare_models(pairs, {"one": {"A": -3.0}}, MODELS)
    assert table["difference_se"].isna().all()
    plots.model_comparison(table, STYLE).savefig(tmp_path / "comparison.png")


def test_a_pair_that_lacks_a_system_is_not_compared(caplog):
    populations = POPULATIONS | {("two", "flat"): exact(-5.0, [-3.0, -3.0], ("A", "C"))}
    table = compare_models(populations, SYSTEMS, MODELS)
    rows = table[table["scope"] == POPULATION]
    pairs = list(zip(rows["system_model"], rows["population_model"], strict=True))
    assert pairs == [("one", "normal"), ("one", "flat"), ("two", "normal")]
    assert caplog.messages == ["two/flat is not compared: it lacks B."]
