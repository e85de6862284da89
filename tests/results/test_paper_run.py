"""What a finished paper run must say. Each test needs its run: `make reproduce`."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

RESULTS = ROOT / "results"
# Exact answers of an independent analysis, for the tutorial's own table.
PERIODS = [2.841144, 11.709710, 8.146561, 15.610248, 6.430672, 8.662572, 5.818556, 2.923376, 10.104035, 14.400857]
PERIODS += [4.286036, 2.151399, 2.660310, 7.615192]


def read(path: str) -> pd.DataFrame:
    if not (RESULTS / path).is_file():
        pytest.skip(f"results/{path} is not there: run `make reproduce` first")
    return pd.read_csv(RESULTS / path)


@pytest.mark.parametrize("catalog", ["apogee", "twin"])
def test_every_fit_converged(catalog):
    table = read(f"{catalog}/diagnostics.csv")
    assert (table["status"] == "ok").all()
    assert table["fit"].str.endswith(" exact").sum() == 1 + 2
    fits = table[~table["fit"].str.endswith(("agreement", " exact"))]
    assert len(fits) == 1 + 2 * (14 + 2)
    assert (fits["r_hat"] <= 1.01).all()
    assert (fits["divergences"] == 0).all()


def test_every_printed_number_agrees():
    table = read("apogee/published.csv")
    assert len(table) == 57
    assert table["agrees"].all()
    means = table[~table["quantity"].str.contains(" ") & table["section"].isin(["focus_system", "population"])]
    spread = means[means["published_sd"] > 0]
    assert len(spread) == 5
    assert (spread["difference_in_sd"].abs() < 0.2).all()


def test_the_population_is_the_exact_one():
    summary = read("apogee/tutorial/normal/summary.csv").set_index(["method", "parameter"])
    assert summary.loc[("nuts", "mu"), "mean"] == pytest.approx(1.8155, abs=0.02)
    assert summary.loc[("nuts", "lnsigma"), "mean"] == pytest.approx(-0.383, abs=0.02)
    exact = summary.loc["exact"]
    assert exact.loc["mu", ["mean", "sd"]].round(4).to_list() == [1.8155, 0.1900]
    assert exact.loc["lnsigma", ["mean", "sd"]].round(4).to_list() == [-0.3831, 0.2037]


def test_the_population_does_not_hang_on_the_noise_while_the_periods_errors_do():
    orbits = {model: read(f"apogee/{model}/orbits.csv").set_index("system") for model in ("tutorial", "jitter")}
    ratio = orbits["jitter"]["ln_period_sd"] / orbits["tutorial"]["ln_period_sd"]
    assert ratio.max() > 25
    assert orbits["tutorial"]["chi2_reduced"].max() > 1000
    assert orbits["jitter"]["chi2_reduced"].max() < 2
    assert (orbits["jitter"]["ln_evidence"] > orbits["tutorial"]["ln_evidence"] - 2).all()
    summaries = [read(f"apogee/{model}/normal/summary.csv") for model in ("tutorial", "jitter")]
    means = [s[(s["method"] == "exact")].set_index("parameter").loc[["mu", "lnsigma"], "mean"] for s in summaries]
    np.testing.assert_allclose(means[0], means[1], atol=1e-3)


@pytest.mark.parametrize("model", ["tutorial", "jitter"])
@pytest.mark.parametrize("catalog", ["apogee", "twin"])
def test_nuts_and_the_exact_answer_agree(catalog, model):
    table = read(f"{catalog}/{model}/agreement.csv")
    assert set(table["section"]) == {"cluster", "systems", "population"}
    assert table[["mean_z", "sd_z"]].abs().to_numpy().max() < 4.5


def test_the_tutorials_noise_is_ruled_out_and_its_population_stands():
    table = read("apogee/model_comparison.csv")
    whole = table[table["scope"] == "population"].set_index("system_model")
    assert whole.loc["jitter", "ln_odds"] == 0
    assert whole.loc["tutorial", "ln_odds"] < -16_000
    assert whole.loc["tutorial", "difference"] == pytest.approx(whole.loc["tutorial", "ln_odds"], abs=0.1)
    moved = read("apogee/prior_sensitivity.csv")
    moved = moved[(moved["status"] == "ok") & moved["parameter"].isin(["mu", "lnsigma"])]
    assert len(moved) >= 26
    assert moved["shift_in_sd"].abs().max() < 0.25


def test_the_periods_are_the_exact_ones():
    orbits = read("apogee/tutorial/orbits.csv")
    assert len(orbits) == 14
    difference = np.abs(orbits["ln_period"] - np.log(PERIODS)) / orbits["ln_period_sd"]
    assert (difference < 3).all()
    alias = orbits.set_index("system").loc["2M19320489+4230318"]
    assert alias["period_days"] == pytest.approx(14.4009, abs=0.001)
    assert alias["lomb_scargle_period_days"] == pytest.approx(9.617, abs=0.001)


def test_the_twins_orbits_are_found():
    orbits = read("twin/tutorial/orbits.csv")
    used = orbits[~orbits["status"].str.startswith("not used")]
    periods = {f"TWIN-{i + 1:02d}": period for i, period in enumerate(PERIODS)}
    assert used["period_days"].to_numpy() == pytest.approx([periods[name] for name in used["system"]], rel=1e-3)
