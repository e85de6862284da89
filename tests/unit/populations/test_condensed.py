"""Condensed nodes give the posterior that all nodes give, within the error that they state, whatever the density."""

import numpy as np
import pytest
import xarray as xr

from starpop.inference.densities import density_from_settings
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.visits import Visits
from starpop.populations import condensed, population, predictive, pymc_condensed
from starpop.populations.condensed import FINEST_STEP, Condensed, Grid, condense, grid_for

RANGE = (2.0, 500.0)
DENSITIES = {
    "truncated_normal": {"density": "truncated_normal", "mu": [0.7, 6.2], "ln_sigma": [-2, 2]},
    "normal": {"density": "normal", "mu": [0.7, 6.2], "ln_sigma": [-2, 2]},
    "student_t": {"density": "student_t", "mu": [0.7, 6.2], "ln_sigma": [-2, 2], "ln_nu": [0, 3.4]},
    "power_law": {"density": "power_law", "beta": [-3, 3]},
    "histogram": {"density": "histogram", "bins": 3, "ln_tau": [-2, 1]},
}
NOTHING = np.empty(0)


def with_nodes(name, x, ln_weight):
    """A period likelihood of which only the nodes are used."""
    visits = Visits(name, [0, 1, 2], [0, 1, 0], [1, 1, 1])
    nodes = np.asarray(x, float), np.asarray(ln_weight, float), np.zeros(len(x), np.int64)
    return PeriodLikelihood(*nodes, *[NOTHING] * 8, visits, None, None, 0)


@pytest.fixture(scope="module")
def systems():
    """Sixty of one period, thirty of several, ten that tell next to nothing, in no order of their names."""
    rng, (low, high) = np.random.default_rng(3), np.log(RANGE)
    true = np.clip(rng.normal(3.5, 1.0, 100), low + 0.1, high - 0.1)
    found = []
    for i, x in enumerate(true):
        if i < 60:
            nodes = x + 1e-4 * rng.normal(size=4)
        elif i < 90:
            nodes = np.append(x + 1e-3 * rng.normal(size=3), rng.uniform(low, high, 9))
        else:
            nodes = rng.uniform(low, high, 800)
        found.append(with_nodes(f"S{(37 * i) % 100:02d}", np.sort(nodes), rng.normal(-40, 1, len(nodes))))
    return found


def hyper_of(density, size, rng):
    """Some values of each hyper-parameter, in the middle of its prior."""
    return [prior.from_normal(0.3 * rng.normal(size=size)) for prior in density.parameters.values()]


@pytest.mark.parametrize("name", DENSITIES)
def test_the_likelihood_is_that_of_all_nodes_within_the_error_that_is_stated(systems, name):
    density = density_from_settings(DENSITIES[name], RANGE)
    hyper = hyper_of(density, 30, np.random.default_rng(1))
    fine = condense([systems[:40], [], systems[40:]], density, RANGE)
    full = population.ln_likelihood(systems, density)(*hyper)
    for factor in (8, 4, 2):
        coarse = fine.coarser(density, factor)
        apart = np.abs(coarse.ln_likelihood(density)(*hyper) - full)
        assert (apart <= coarse.error(density, hyper) + 1e-9).all()
    np.testing.assert_allclose(fine.ln_likelihood(density)(*hyper), full, rtol=0, atol=1e-6)


def test_the_likelihood_of_each_system_is_that_of_its_nodes(systems):
    density = density_from_settings(DENSITIES["truncated_normal"], RANGE)
    hyper, by_name = hyper_of(density, 5, np.random.default_rng(2)), sorted(systems, key=lambda n: n.system)
    fine = condense([systems], density, RANGE)
    assert fine.systems == [n.system for n in by_name]
    ours = fine.system_ln_likelihoods(density)(*hyper)
    theirs = population.system_ln_likelihoods(by_name, density)(*hyper)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)
    some = fine.at(density, hyper)(slice(7, 9))
    np.testing.assert_array_equal(some, ours[:, 7:9])


def test_the_posterior_and_the_predictions_are_those_of_all_nodes(systems):
    density = density_from_settings(DENSITIES["truncated_normal"], RANGE)
    hyper, nodes = condensed.posterior(condense([systems], density, RANGE), density)
    full = population.posterior(systems, density)
    assert len(nodes.grid.points) < len(grid_for(density, np.log(RANGE), FINEST_STEP).points)
    assert abs(hyper.ln_evidence - full.ln_evidence) < hyper.error < 1e-5
    assert condensed.posterior_of(nodes, density).ln_evidence == hyper.ln_evidence
    for name, (mean, sd) in full.moments().items():
        np.testing.assert_allclose(hyper.moments()[name], (mean, sd), rtol=0, atol=1e-6 * sd)
    ours = predictive.leave_one_out_condensed(nodes, density, hyper)
    theirs = predictive.leave_one_out(systems, density, full).sel(system=ours["system"])
    np.testing.assert_allclose(ours["ln_predictive"], theirs["ln_predictive"], rtol=0, atol=1e-5)
    assert (ours["refitted"].values == theirs["refitted"].values).all()


def test_a_grid_that_is_not_fine_enough_takes_no_posterior_of_its_own(systems, monkeypatch):
    density, taken = density_from_settings(DENSITIES["truncated_normal"], RANGE), []
    posterior_of = condensed.posterior_of

    def counted(nodes, density, seed):
        taken.append(nodes)
        return posterior_of(nodes, density, seed)

    monkeypatch.setattr(condensed, "posterior_of", counted)
    monkeypatch.setattr(condensed, "TOLERANCE", 1e-12)
    fine = condense([systems], density, RANGE)
    hyper, nodes = condensed.posterior(fine, density)
    assert len(taken) == 2 and taken[-1] is nodes is fine
    assert hyper.ln_evidence == posterior_of(fine, density).ln_evidence


def test_it_does_not_depend_on_the_batches_and_is_stored_as_it_is(systems, tmp_path):
    density = density_from_settings(DENSITIES["truncated_normal"], RANGE)
    hyper = hyper_of(density, 5, np.random.default_rng(2))
    one = condense([systems], density, RANGE)
    several = condense([systems[70:], systems[:70]], density, RANGE)
    one.as_dataset().to_netcdf(tmp_path / "condensed.nc")
    stored = Condensed.from_dataset(xr.load_dataset(tmp_path / "condensed.nc"))
    for other in (several, stored):
        assert other.systems == one.systems
        np.testing.assert_array_equal(other.ln_likelihood(density)(*hyper), one.ln_likelihood(density)(*hyper))


def test_without_a_system_is_what_the_others_make(systems):
    density = density_from_settings(DENSITIES["power_law"], RANGE)
    by_name = sorted(systems, key=lambda n: n.system)
    fine, hyper = condense([by_name], density, RANGE), hyper_of(density, 5, np.random.default_rng(2))
    others = condense([by_name[:4] + by_name[5:]], density, RANGE)
    left = fine.without(4)
    assert left.systems == others.systems
    np.testing.assert_array_equal(left.ln_likelihood(density)(*hyper), others.ln_likelihood(density)(*hyper))


def test_polynomials_of_degree_five_are_interpolated_up_to_the_ends_and_not_across_a_jump():
    grid = Grid.between((0.0, 1.0, 3.0), 0.1)
    places = np.array([0.0, 0.004, 0.55, 0.999, 1.0, 1.001, 2.95, 3.0])

    def piecewise(x):
        return np.where(x < 1, 3 * x**5 - x**2, 7 - x**4 + 0.2 * x**5)

    at_points = piecewise(grid.points)
    np.testing.assert_allclose(grid.interpolation(places) @ at_points, piecewise(places), rtol=1e-10, atol=1e-10)


def test_a_likelihood_so_low_that_polynomials_leave_nothing_is_finite(systems):
    density = density_from_settings(DENSITIES["normal"], RANGE)
    coarse = condense([systems], density, RANGE).coarser(density, 8)
    values = coarse.ln_likelihood(density)(np.array([0.7, 6.2]), np.array([-2.0, -2.0]))
    assert np.isfinite(values).all()
    assert (values < coarse.ln_likelihood(density)(np.array([3.5]), np.array([0.0])) - 1000).all()
    assert (coarse.error(density, [np.array([0.7]), np.array([-2.0])]) > condensed.TOLERANCE).all()


def test_nuts_over_condensed_nodes_has_the_density_and_its_gradient(systems):
    density = density_from_settings(DENSITIES["truncated_normal"], RANGE)
    nodes = condense([systems], density, RANGE).coarser(density, 4)
    model = pymc_condensed.build_model(nodes, density)
    point = model.initial_point()
    values = {name: prior.from_normal(0.2) for name, prior in density.parameters.items()}
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        point[model.rvs_to_values[rv].name] = transform.forward(values[rv.name], *rv.owner.inputs).eval()
    (of_visits,) = model.replace_rvs_by_values([model["visits"]])
    visits = model.compile_fn(of_visits, inputs=model.value_vars)
    evaluate = nodes.ln_likelihood(density)
    assert float(visits(point)) == pytest.approx(evaluate(*[np.array([v]) for v in values.values()])[0], abs=1e-6)
    ln_density, gradient = model.compile_logp(), model.compile_dlogp()(point)
    for i, name in enumerate(point):
        ends = [float(ln_density(point | {name: point[name] + step})) for step in (1e-5, -1e-5)]
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4)
