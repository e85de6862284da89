"""A sample of stars that showed something: who is in it, and that its population is found in spite of that."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from starpop.checks import diagnostics, sensitivity
from starpop.inference.densities import density_from_settings
from starpop.inference.seen import of_fit
from starpop.orbits.conditions import MEASURES, Conditions, Star
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import (
    condensed,
    detection,
    population,
    population_nuts,
    predictive,
    pymc_condensed,
    survey,
)
from starpop.populations.selection import COLUMNS, select
from starpop.populations.simulate import Survey, simulate_system
from starpop.run import status
from starpop.run.errors import InputError

RANGE = (2.0, 60.0)
MODEL = SystemModel(0.5, 50, amplitude_scaling="kepler")
SETTINGS = {"density": "truncated_normal", "mu": [1.2, 3.6], "ln_sigma": [-1, 0.5]}
DENSITY = density_from_settings(SETTINGS, RANGE)
CONDITIONS = Conditions(semi_amplitude_over_error=6)
LIMITS = diagnostics.Thresholds(1.01, 400, 0, 0.01, 0.3)


@pytest.fixture(scope="module")
def table():
    """Stars whose visits all stars have: few, of large errors."""
    rng = np.random.default_rng(1)
    return [simulate_system(f"T{i}", 2.0, Survey((5, 9), (100, 300), (0.3, 1.0)), MODEL, rng)[0] for i in range(40)]


@pytest.fixture(scope="module")
def simulated(table):
    return detection.simulate_detection(table, MODEL, RANGE, CONDITIONS, 3000, 1)


def drawn(table, hyper, rng, size):
    """The visits of some stars of a population, seen or not."""
    of_x = DENSITY.draw([np.array([value]) for value in hyper], size, rng)
    stars = [detection.binary(detection.any_of(table, rng), MODEL, x, (0, np.inf), rng)[0] for x in of_x]
    return stars


def sample(table, hyper, rng, size):
    """The likelihoods of stars that are seen."""
    found = []
    while len(found) < size:
        some = [v for v in drawn(table, hyper, rng, 20) if CONDITIONS.are_met_by(Star(v, MODEL, RANGE))]
        found += some[: size - len(found)]
    named = [replace(visits, system=f"S{i:03d}") for i, visits in enumerate(found)]
    return [period_likelihood(visits, MODEL, RANGE) for visits in named]


def test_hyper_parameters_are_calibrated_if_corrected_and_not_if_not(table, simulated):
    ranks, bins, size = {"corrected": [], "not": []}, 5, 12
    for k in range(60):
        rng = np.random.default_rng([7, k])
        hyper = [prior.low + (prior.high - prior.low) * rng.random() for prior in DENSITY.parameters.values()]
        nodes = condensed.condense([sample(table, hyper, rng, size)], DENSITY, RANGE).coarser(DENSITY, 8)
        densities = DENSITY.in_sample(detection.seen_of(simulated, DENSITY, size)), DENSITY
        for of_kind, density in zip(ranks.values(), densities, strict=True):
            of_h = np.stack(list(condensed.posterior_of(nodes, density).draw(bins * 20 - 1, rng).values()))
            of_kind.append((of_h < np.array(hyper)[:, None]).sum(axis=1) // 20)
    chi2 = {
        kind: [np.sum((np.bincount(of_one, minlength=bins) - 12) ** 2 / 12) for of_one in np.array(values).T]
        for kind, values in ranks.items()
    }
    assert max(chi2["corrected"]) < 18.5  # a chance of 1e-3 each
    assert max(chi2["not"]) > 40


@pytest.fixture(scope="module")
def likelihoods(table):
    return sample(table, (2.6, -0.3), np.random.default_rng(3), 10)


def test_all_roads_to_a_sample_are_one(likelihoods, simulated):
    """The likelihood over nodes, condensed or not, of any density; and the models of NUTS."""
    h = np.array([1.5, 2.5, 3.4]), np.array([-0.9, -0.3, 0.4])
    plain = population.ln_likelihood(likelihoods, DENSITY)(*h)
    density = DENSITY.in_sample(detection.seen_of(simulated, DENSITY, len(likelihoods)))
    expected = plain - len(likelihoods) * density.ln_seen(*h)
    assert np.ptp(density.ln_seen(*h)) > 0.3
    np.testing.assert_allclose(population.ln_likelihood(likelihoods, density)(*h), expected, rtol=1e-12)
    nodes = condensed.condense([likelihoods], DENSITY, RANGE)
    np.testing.assert_allclose(nodes.ln_likelihood(density)(*h), expected, rtol=0, atol=1e-5)
    for model in (population.build_node_model(likelihoods, density), pymc_condensed.build_model(nodes, density)):
        at = model.compile_fn(model.potentials[0] + model.potentials[1], inputs=model.free_RVs, point_fn=False)
        values = [float(at(*point)) for point in zip(*h, strict=True)]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4)
    systems, models = zip(*((n.visits, n.system_model) for n in likelihoods), strict=True)
    full = population.build_model(systems, models, density, RANGE)
    assert [potential.name for potential in full.potentials] == ["selection"]


def test_each_star_is_predicted_as_one_that_is_seen(likelihoods, simulated):
    density = DENSITY.in_sample(detection.seen_of(simulated, DENSITY, len(likelihoods)))
    hyper = population.posterior(likelihoods, density)
    left_out = predictive.leave_one_out(likelihoods, density, hyper)["ln_predictive"].values
    others = population.posterior(likelihoods[1:], density)
    assert left_out[0] == pytest.approx(hyper.ln_evidence - others.ln_evidence, abs=1e-3)
    nodes = condensed.condense([likelihoods], density, RANGE)
    over_condensed = predictive.leave_one_out_condensed(nodes, density, condensed.posterior_of(nodes, density))
    np.testing.assert_allclose(over_condensed["ln_predictive"].values, left_out, atol=1e-3)


class OneBatch(survey.Products):
    """Products whose only batch is at hand."""

    likelihoods = ()

    @property
    def systems(self):
        return sorted(n.system for n in self.likelihoods if self.takes(n.system))

    def batches(self):
        yield [n for n in self.likelihoods if self.takes(n.system)]


def fit(likelihoods, simulated, settings, names):
    products = OneBatch("", [], MODEL, survey.Sample(names, simulated))
    OneBatch.likelihoods = likelihoods
    density = density_from_settings(settings, RANGE)
    return survey.integrate(products, density, RANGE, 50, 100, 1, lambda name: np.random.default_rng(len(name)))


def test_a_fit_of_a_sample_has_both_answers_and_says_how_sure_it_is(likelihoods, simulated):
    names = {n.system for n in likelihoods[:-2]}
    tree = fit(likelihoods, simulated, SETTINGS | {"fraction": [0.1, 0.9]}, names)
    assert set(tree["exact"]["system"].values) == set(tree["posterior"]["system"].values) == names
    summary = diagnostics.summarise_exact(tree, "ok").set_index(["parameter", "method"])
    assert summary.loc[("mu", "exact"), "mean"] > summary.loc[("mu", "uncorrected"), "mean"] + 0.1
    exact = tree["exact"].to_dataset()
    assert 0 < exact["selected_share"] < 1 and 0 < exact["selection_error"] < 0.3
    assert (exact["binary_probability"] > 0.9).all()
    assert tree["uncorrected"]["mu"].shape == (1, 50)
    seen = of_fit(tree)
    assert seen.stars == len(names) and len(seen.mean_slope) == len(seen.points)
    assert of_fit(xr.DataTree()) is None
    density = density_from_settings(SETTINGS | {"fraction": [0.1, 0.9]}, RANGE).in_sample(seen)
    h = {name: tree["posterior"][name].values[0] for name in density.parameters}
    assert np.isfinite(density.ln_seen(*h.values())).all()
    row = diagnostics.assess_exact("x", tree, LIMITS)
    assert "selection" not in str(row["status"])
    exact["selection_error"] = 0.5
    tree["exact"] = exact
    said = str(diagnostics.assess_exact("x", tree, LIMITS)["status"])
    assert said.startswith("not converged: the selection is known to 0.5 sd > 0.3 (raise detection.simulations)")
    nuts = xr.DataTree()
    nuts.attrs[status.WHY_NOT] = status.LEFT_OUT
    _, summary = diagnostics.diagnose("x", tree, {"": nuts}, LIMITS, 10, "misfit: so")
    statuses = summary.set_index(["parameter", "method"])["status"]
    assert statuses["mu", "exact"] == f"misfit: so; {said}" and statuses["mu", "uncorrected"] == "misfit: so"
    model = {"orbit": "circular", "trend": 0, "noise": "reported", "offsets": False, "times": "reported"}
    model["orbit_prior"] = {"amplitude_sd_kms": 0.5, "systemic_velocity_sd_kms": 50}
    used = {"population": SETTINGS | {"fraction": [0.1, 0.9]}, "period_range_days": RANGE, "model": model}
    tree.attrs["settings"] = json.dumps(used)
    priors = set(sensitivity.of_fit(tree, 10)["prior"])
    assert "flat in scales" in priors and not any(prior.startswith("amplitude") for prior in priors)


def test_every_system_is_measured_and_told_why_it_is_not_in_the_sample(likelihoods, tmp_path):
    failed = xr.Dataset({"failed_system": ("failure", np.array(["A"], object))})
    failed["reason"] = "failure", np.array(["ValueError: planted"], object)
    failed.to_netcdf(tmp_path / "0.nc")
    products = SimpleNamespace(batches=lambda: [likelihoods], model=MODEL, periods=[tmp_path / "0.nc"])
    least = np.median([MEASURES["delta_rv_kms"](Star(n.visits, MODEL, RANGE)) for n in likelihoods])
    table = select(products, Conditions(delta_rv_kms=least), RANGE)
    assert list(table.columns) == list(COLUMNS)
    assert list(table["system"]) == ["A", *(n.system for n in likelihoods)]
    assert table["selected"].sum() == 5
    np.testing.assert_array_equal(table["selected"], table["delta_rv_kms"] >= least)
    assert table["reason"][0] == "not fitted: ValueError: planted"
    assert (table["reason"][1:].str.startswith("delta_rv_kms ") == ~table["selected"][1:].astype(bool)).all()
    with pytest.raises(InputError, match=r"{visits: 100} leaves none of 11 systems.*the largest visits is 9"):
        select(products, Conditions(visits=100), RANGE)


def test_nuts_over_the_nodes_agrees(likelihoods, simulated):
    from starpop.inference.sampling import SamplerSettings

    tree = fit(likelihoods, simulated, SETTINGS, {n.system for n in likelihoods})
    density = DENSITY.in_sample(of_fit(tree))
    settings = SamplerSettings("nutpie", 4, 300, 1000, 0.9, 10)
    trees = population_nuts.sample(likelihoods, density, RANGE, tree, settings, 1)
    draws, _ = trees["hyper_posterior"]
    for name in density.parameters:
        exact = tree["exact"]["value"].sel(parameter=name, statistic=["mean", "sd"]).values
        assert abs(float(draws["posterior"][name].mean()) - exact[0]) < 0.15 * exact[1]
