"""Keplerian orbits by two roads, exact draws and NUTS, and what is said of them."""

from dataclasses import replace

import astropy.constants as constants
import astropy.units as u
import numpy as np
import pytest

from starpop.checks.agreement import compare_systems
from starpop.checks.best_fit import best_fits
from starpop.checks.criticism import criticise_system
from starpop.checks.highest_modes import highest_modes, own_modes
from starpop.inference.densities import UniformPeriod
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import pymc_kepler, single
from starpop.orbits.ellipse.kepler import columns
from starpop.orbits.ellipse.points import evaluate
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.linear_model import linear_model
from starpop.orbits.orbit import conditional, middle_of, shape_points, wave
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.periods import circular_ln_evidence
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.pages.tables import masses_of, shape_of
from starpop.populations.population_nuts import with_free_shape

RANGE = (2.0, 60.0)
MODEL = SystemModel(30, 50, orbit="keplerian")


def simulated(e, seed, count=18, amplitude=20.0):
    """Visits with unit errors of an orbit of 8.1 days."""
    rng = np.random.default_rng(seed)
    time = np.append(0, np.sort(rng.uniform(0, 300, count - 1)))
    point = np.array([[1 / 8.1, e, 2.0]])
    rv = columns(point, time - 0.5 * time[-1])[0] @ [0.8 * amplitude, 0.6 * amplitude] + 3 + rng.normal(0, 1, count)
    return Visits(f"S{seed}", time, rv, np.ones(count), first_jd=2450000.0)


@pytest.fixture(scope="module")
def likelihoods():
    # neither has a tail, of which NUTS and draws would see different parts
    return [period_likelihood(simulated(e, seed), MODEL, RANGE) for seed, e in ((1, 0.02), (4, 0.6))]


def test_exact_draws_and_nuts_agree_and_the_highest_point_is_above_all_draws(likelihoods):
    exact = single.draw(likelihoods, RANGE, 4000, 1)
    settings = SamplerSettings("nutpie", 2, 500, 2000, 0.8, 10)
    nuts = single.fit_systems(likelihoods, MODEL, RANGE, settings, 1)
    assert not any(nuts["map"]["status"].values) and not any(exact["modes"]["status"].values)
    assert nuts["sample_stats"]["diverging"].sum() == 0
    for name in ("P", "e", "h", "k", "a", "b", "v0"):
        for i in range(2):
            ours, theirs = exact["posterior"][name].values[i].ravel(), nuts["posterior"][name].values[i].ravel()
            assert abs(ours.mean() - theirs.mean()) < 0.15 * ours.std(), name
            assert theirs.std() == pytest.approx(ours.std(), rel=0.12), name
    for i, likelihood in enumerate(likelihoods):
        best = {str(k): v.values[i : i + 1] for k, v in nuts["map"].data_vars.items()}
        draws = {str(k): v.values[i].ravel()[:300] for k, v in exact["posterior"].data_vars.items()}
        heights = [
            conditional(shape_points(1 / some["P"], some), likelihood.visits, MODEL).penalised_chi2
            for some in (best, draws)
        ]
        assert heights[0][0] <= heights[1].min()


def test_a_mistake_in_draws_nodes_or_solver_is_told(likelihoods, monkeypatch):
    """Each in the eccentricity, by some tenths of its standard deviation, or a tenth of it."""
    likelihood, right = likelihoods[1], single.draw_orbits
    sd = right(likelihood, UniformPeriod(RANGE), (), 1000, np.random.default_rng(0))["e"].std()

    def status_of(likelihood):
        (status,) = single.draw([likelihood], RANGE, 4000, 1)["modes"]["status"].values
        return status

    assert status_of(likelihood) == ""
    tilted = replace(likelihood, ln_weight=likelihood.ln_weight + 0.1 * likelihood.e / sd)
    assert status_of(tilted).startswith("draws and nodes disagree: by ")  # which moves the period as well

    with monkeypatch.context() as patched:
        patched.setattr(single, "draw_orbits", lambda *given: (d := right(*given)) | {"e": d["e"] + 0.2 * sd})
        assert status_of(likelihood).endswith("errors of the mean eccentricity")

    exact = single.draw([likelihood], RANGE, 4000, 1)
    columns_of = pymc_kepler.columns
    monkeypatch.setattr(pymc_kepler, "columns", lambda mean, e, start: columns_of(mean, 0.9 * e, start))
    settings = SamplerSettings("nutpie", 2, 500, 1000, 0.8, 10)
    wrong = compare_systems(exact, single.fit_systems([likelihood], MODEL, RANGE, settings, 1))
    assert not wrong["agrees"].all()


def test_the_free_variables_of_the_full_model_are_those_of_the_drawn_shapes(likelihoods):
    exact = single.draw(likelihoods, RANGE, 100, 1)
    posterior = with_free_shape(exact, MODEL)["posterior"].to_dataset()
    radius, angle = np.hypot(posterior["shape_x"], posterior["shape_y"]), np.arctan2(posterior["k"], posterior["h"])
    np.testing.assert_allclose(0.95 * -np.expm1(-0.5 * radius**2), posterior["e"])
    np.testing.assert_allclose(np.arctan2(posterior["shape_y"], posterior["shape_x"]), angle)
    circle = SystemModel(30, 50)
    assert set(with_free_shape(exact, circle)["posterior"].data_vars) == set(exact["posterior"].data_vars)


def test_an_ellipse_is_told_from_a_circle(likelihoods):
    uniform = UniformPeriod(RANGE)
    gains = [n.ln_evidence(uniform.ln_pdf(n.ln_period)) - circular_ln_evidence(n, RANGE) for n in likelihoods]
    assert gains[0] < 0 and gains[1] > 50


def test_what_is_said_of_a_shape():
    visits = simulated(0.6, 2)
    a, b, e, anomaly, period = 16.0, 12.0, 0.6, 2.0, 8.1
    draws = {"P": period, "e": e, "h": np.sqrt(e) * np.cos(anomaly), "k": np.sqrt(e) * np.sin(anomaly), "a": a, "b": b}
    several = {name: np.full(5, value) for name, value in draws.items()}
    row = shape_of(visits, several) | masses_of("S2", several, (np.nan, np.nan))
    # periastron: the velocity's part beside v0 is K (1 + e) cos omega there
    at = np.array([row["periastron_jd"] - visits.first_jd])
    omega = np.radians(row["omega_deg"])
    velocity = wave(visits, draws | {"v0": 0.0}, at)[0]
    assert velocity == pytest.approx(20 * (1 + e) * np.cos(omega), abs=1e-4)
    assert abs(at[0] - middle_of(visits)) <= period / 2
    mass = (period * u.day * (20 * u.km / u.s) ** 3 * (1 - e**2) ** 1.5 / (2 * np.pi * constants.G)).to_value(u.M_sun)
    axis = (period * u.day * 20 * u.km / u.s * np.sqrt(1 - e**2) / (2 * np.pi)).to_value(u.au)
    assert row["mass_function_msun"] == pytest.approx(mass, rel=1e-4)
    assert row["a_sin_i_au"] == pytest.approx(axis, rel=1e-9)
    assert row["eccentricity_upper_95"] == e


def test_a_set_of_velocities_is_fitted_at_its_highest_mode(likelihoods):
    likelihood, rng = likelihoods[1], np.random.default_rng(0)
    visits, own = likelihood.visits, own_modes(likelihood)[:1]
    true = columns(own, visits.time_days - middle_of(visits))[0] @ [16.0, 12.0]
    sets = np.vstack([visits.rv_kms, true + rng.normal(0, 1, (5, len(visits)))])
    points, errors = highest_modes(likelihood, sets, RANGE, np.repeat(own, 6, axis=0))
    np.testing.assert_allclose(points[0, :2], own[0, :2], rtol=1e-3)
    np.testing.assert_array_equal(errors, 1.0)
    for point, rv in zip(points, sets, strict=True):
        system = eliminate(linear_model(Visits("R", visits.time_days, rv, np.ones(len(visits))), MODEL))
        nudged = point + rng.normal(0, 1, (200, 3)) * [1e-6, 1e-2, 1e-2]
        assert evaluate(point[None], system)[0] > evaluate(nudged, system).max() - 1e-3
    (fits,) = best_fits(likelihood, sets, RANGE, np.repeat(own, 6, axis=0))
    # small changes of the orbit explain nothing of what is left
    residual = fits.left[:, : len(visits)]
    for step in np.diag([1e-7, 1e-4, 1e-4]):
        moved = columns(points + step, visits.time_days - middle_of(visits)) @ [16.0, 12.0]
        slope = moved - columns(points, visits.time_days - middle_of(visits)) @ [16.0, 12.0]
        cosine = np.sum(slope * residual, axis=1) / np.linalg.norm(slope, axis=1) / np.linalg.norm(residual, axis=1)
        assert np.abs(cosine).max() < 0.05


def test_criticism_of_an_ellipse_has_no_further_harmonic_and_finds_nothing(likelihoods):
    rng = np.random.default_rng(0)
    draws = draw_orbits(likelihoods[1], UniformPeriod(RANGE), (), 500, rng)
    row, residuals = criticise_system(likelihoods[1], draws | {"P": np.exp(draws["lnP"])}, RANGE, 99, rng)
    assert np.isnan(row["harmonic_p"])
    for name in ("misfit", "outlier", "trend", "correlation"):
        assert row[f"{name}_p"] > 0.01
    assert len(residuals["time_days"]) == 18 and residuals["standardised_residual"].std() < 2
