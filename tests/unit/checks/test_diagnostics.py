"""A sound fit passes; each way of failing is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from starpop.checks.diagnostics import Thresholds, assess, assess_exact, summarise
from starpop.inference.convergence import columns_of, quality, quality_of_independent
from starpop.inference.weighted import STATISTICS
from starpop.run import status

LIMITS = Thresholds(1.01, 400, 0, 0.01, 0.3)


def make(rng, shift=0.0, diverging=0, depth=3, energy=None):
    draws = rng.normal(size=(4, 1000))
    draws[0] += shift
    dims = ("chain", "draw")
    energy = rng.normal(size=(4, 1000)) if energy is None else energy
    bad = np.zeros((4, 1000), bool)
    bad.flat[:diverging] = True
    stats = {"diverging": (dims, bad), "energy": (dims, energy), "tree_depth": (dims, np.full((4, 1000), depth))}
    return {"x": draws, "y": rng.normal(size=(4, 1000))}, xr.Dataset(stats)


def test_a_sound_fit_is_ok():
    parameters, stats = make(np.random.default_rng(0))
    row = assess("fit", quality(parameters), stats, LIMITS, 10)
    assert row["status"] == "ok"
    assert row["r_hat"] < 1.01


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        ({"shift": 1.0}, "r_hat", "(take more draws)"),
        ({"diverging": 3}, "divergences 3 > 0", "(raise sampler.target_accept, of ellipses above 0.9)"),
        ({"depth": 10}, "max_treedepth_share 1 > 0.01", "(raise sampler.max_treedepth)"),
        ({"energy": np.cumsum(np.random.default_rng(1).normal(size=(4, 1000)), axis=1)}, "bfmi", "sampler.tune)"),
    ],
)
def test_each_fault_is_told_with_what_helps(fault, said, remedy):
    parameters, stats = make(np.random.default_rng(0), **fault)
    status = assess("fit", quality(parameters), stats, LIMITS, 10)["status"]
    assert status.startswith("not converged: ")
    assert said in status
    assert status.endswith(remedy)


def test_too_few_effective_draws_are_told():
    parameters, stats = make(np.random.default_rng(0))
    assert "ess_bulk" in assess("fit", quality(parameters), stats, replace(LIMITS, ess_min=1e5), 10)["status"]


def test_a_fit_that_was_not_sampled_says_so():
    parameters, stats = make(np.random.default_rng(0))
    parameters["x"][:] = np.nan
    assert assess("fit", quality(parameters), stats, LIMITS, 10)["status"] == "not sampled"


def test_the_summary_has_the_moments_and_the_shortest_interval_of_the_draws():
    draws = np.random.default_rng(0).gamma(2.0, size=(4, 20_000))
    row = summarise({"x": draws}, quality({"x": draws}), "nuts", "ok").iloc[0]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std(ddof=1))
    ordered = np.sort(draws.ravel())
    count = int(0.94 * len(ordered))
    shortest = (ordered[count:] - ordered[:-count]).min()
    assert row["hdi_97%"] - row["hdi_3%"] == pytest.approx(shortest, rel=0.01)
    assert row["mcse_mean"] == pytest.approx(draws.std() / np.sqrt(draws.size), rel=0.1)


def test_the_quality_of_independent_draws_is_what_is_estimated_of_them():
    draws = {"x": np.random.default_rng(0).normal(3, 2, size=(1, 20_000))}
    estimated, known = quality(draws).loc["x"], quality_of_independent(draws).loc["x"]
    assert list(known.index) == list(estimated.index)
    np.testing.assert_allclose(known, estimated, rtol=0.1)


def test_vectors_are_taken_apart_by_their_labels():
    data = xr.Dataset(
        {
            "v": (("chain", "draw", "system"), np.arange(12.0).reshape(2, 3, 2)),
            "mu": (("chain", "draw"), np.ones((2, 3))),
        },
        coords={"system": ["A", "B"]},
    )
    parameters = columns_of(data)
    assert list(parameters) == ["mu", "v[A]", "v[B]"]
    np.testing.assert_array_equal(parameters["v[B]"], [[1, 3, 5], [7, 9, 11]])


def test_the_verdict_names_the_fits_that_failed():
    table = pd.DataFrame({"fit": ["a", "b"], "status": ["ok", "not converged: r_hat 1.2 > 1.01"]})
    assert status.of_fits(table) == "1 of 2 fits and checks FAILED: b: not converged: r_hat 1.2 > 1.01."
    assert status.of_fits(table[:1]) == "The one fit or check passed."


def exact_tree(error, statistics=None):
    quality = np.array([[0.0, 1.0, -1.0, 1.0, 0.01, 0.01, 900.0, 800.0, 1.02]])
    coords = {"parameter": ["mu"], "statistic": list(STATISTICS)}
    value = xr.DataArray(quality, coords, ("parameter", "statistic"))
    groups = {"exact": xr.Dataset({"value": value, "error": error})}
    return xr.DataTree.from_dict(groups | ({"sample_stats": statistics} if statistics is not None else {}))


def test_a_quadrature_that_did_not_converge_is_said():
    assert assess_exact("normal exact", exact_tree(1e-9), LIMITS)["status"] == "ok"
    row = assess_exact("normal exact", exact_tree(3e-3), LIMITS)
    assert row["status"] == "not converged: error of the quadrature 0.003 > 0.0001"


def test_a_sampled_population_is_judged_as_any_other_fit():
    _, statistics = make(np.random.default_rng(0))
    row = assess_exact("mixture exact", exact_tree(0.2, statistics), LIMITS)
    assert row["status"] == "not converged: r_hat 1.02 > 1.01, error of the ln evidence 0.2 > 0.1"


def test_what_could_tell_nothing_is_no_failure_but_is_said():
    rows = [("A", "ok"), ("B", "not checked: many modes"), ("C", "hardly informed: so"), ("D", "not converged: r_hat")]
    table = pd.DataFrame(rows, columns=["fit", "status"])
    noted = "2 could tell nothing: B: not checked: many modes; C: hardly informed: so."
    assert status.of_fits(table[:3]) == f"The one fit or check passed; {noted}"
    assert status.of_fits(table) == f"1 of 2 fits and checks FAILED: D: not converged: r_hat; {noted}"


def test_the_same_said_of_many_is_said_once():
    rows = [(f"m/{i}", "not checked: left out") for i in range(7)] + [("p", "not checked: so")]
    said = status.of_fits(pd.DataFrame([("A", "ok"), *rows], columns=["fit", "status"]))
    many = "m/0, m/1, m/2, m/3, m/4 and 2 more: not checked: left out"
    assert said == f"The one fit or check passed; 8 could tell nothing: {many}; p: not checked: so."
