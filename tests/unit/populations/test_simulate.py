"""Simulated catalogues: the twin is the same on every machine; a survey's systems depend on their names alone."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import kstest

from conftest import ROOT
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import split_systems
from starpop.populations import simulate
from starpop.populations.cadences import CADENCES, TRANSITS_DAYS
from starpop.populations.simulate import TWIN_META, simulate_survey, simulate_twin, simulated_density
from starpop.run import store
from starpop.run.errors import InputError

SURVEY = {
    "systems": 300,
    "system_model": {
        "orbit": "keplerian",
        "trend": 0,
        "noise": "jitter",
        "offsets": False,
        "times": "reported",
        "orbit_prior": {
            "amplitude_sd_kms": 20,
            "systemic_velocity_sd_kms": 50,
            "eccentricity": {"beta": [1, 1], "up_to": 0.9},
        },
        "noise_prior": {"mean": -2, "sd": 0.5},
    },
    "population_model": {"density": "normal", "mu": [0, 10], "ln_sigma": [-2, 2]},
    "parameters": {"mu": 3.0, "lnsigma": 0.4},
    "survey": {"cadence": "gaia", "visits": [3, 21], "baseline_days": [900, 1000], "rv_err_kms": [0.05, 0.5]},
    "seed": 1,
    "period_range_days": [2, 500],
}


def test_the_embedded_catalogue_is_made_again_byte_for_byte(tmp_path):
    truth = Table.read(ROOT / "data" / "twin_truth.ecsv")
    store.write_table(simulate_twin(truth, truth.meta["seed"]), tmp_path / "twin.ecsv", TWIN_META)
    assert (tmp_path / "twin.ecsv").read_bytes() == (ROOT / "data" / "twin.ecsv").read_bytes()


def test_the_twin_is_as_large_as_the_tutorials_table(twin):
    assert len(twin) == 14
    assert sum(map(len, twin)) == 321


def test_every_true_orbit_is_at_the_best_peak(twin):
    """Noise is jitter and errors together, so widths under the reported errors alone do not bound the difference."""
    truth = Table.read(ROOT / "data" / "twin_truth.ecsv")
    prior = SystemModel(100, 150)
    for visits, row in zip(twin, truth, strict=True):
        peaks = period_likelihood(visits, prior, (1.5, 20)).peak_ln_period
        noise = np.hypot(row["jitter"], row["rv_err"])
        amplitude = np.hypot(row["a"], row["b"])
        phase_error = noise / amplitude * np.sqrt(2 / len(visits))
        tolerance = 5 * phase_error * np.sqrt(12) * row["period"] / (2 * np.pi * visits.baseline_days)
        assert abs(peaks[0] - np.log(row["period"])) < tolerance, visits.system


def test_a_surveys_systems_depend_on_their_names_alone(monkeypatch):
    visits, truth = simulate_survey(SURVEY, 0)
    monkeypatch.setattr(simulate, "SHARE", 100)
    parts = [simulate_survey(SURVEY | {"systems": 250}, share) for share in range(3)]
    assert [len(truth) for _, truth in parts] == [100, 100, 50]
    joined = [np.concatenate([np.asarray(table[i][name]) for table in parts]) for i, name in ((0, "rv"), (1, "e"))]
    np.testing.assert_array_equal(joined[0], np.asarray(visits["rv"])[: len(joined[0])])
    np.testing.assert_array_equal(joined[1], np.asarray(truth["e"])[:250])


def test_a_survey_has_the_visits_and_the_orbits_that_were_asked_for():
    visits, truth = simulate_survey(SURVEY, 0)
    visits.rename_columns(["time", "rv", "rv_err"], ["time_jd", "rv_kms", "rv_err_kms"])
    systems = split_systems(visits)
    assert [s.system for s in systems] == list(truth["system"]) == [f"S{k:08d}" for k in range(300)]
    assert {len(s) for s in systems} == set(range(3, 22))
    assert all(900 <= s.baseline_days <= 1000 for s in systems)
    assert (np.abs(truth["e"] - 0.45) <= 0.45).all()
    many = np.array([len(s) >= 10 for s in systems])
    scatter = np.array([np.std(s.rv_kms) for s in systems])[many]
    assert np.corrcoef(np.log(scatter), np.log(truth["semi_amplitude_kms"][many]))[0, 1] > 0.8
    ln_period, grid = np.log(truth["period_days"]), np.linspace(*np.log([2, 500]), 20_001)
    shares = np.exp(simulated_density(SURVEY, (2, 500))(grid))
    cumulated = np.concatenate([[0], np.cumsum(0.5 * (shares[1:] + shares[:-1]) * np.diff(grid))])
    assert cumulated[-1] == pytest.approx(1, abs=1e-4)
    assert kstest(ln_period, lambda x: np.interp(x, grid, cumulated)).pvalue > 0.01


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize("visits", [2, 3, 4, 12, 40])
def test_a_cadence_has_its_visits_in_order_from_the_first_to_the_last_day(cadence, visits):
    times = CADENCES[cadence](visits, 100.0, np.random.default_rng(0))
    assert len(times) == visits
    assert (times[0], times[-1]) == (0, 100)
    assert (np.diff(times) > 0).all()


def test_gaia_sees_a_star_again_within_hours_and_apogee_the_next_night():
    rng = np.random.default_rng(0)
    gaps = {name: np.diff(times(40, 1000.0, rng)) for name, times in CADENCES.items()}
    assert np.isclose(gaps["gaia"], TRANSITS_DAYS[1]).sum() > 5
    assert gaps["apogee"].min() > 0.7


def test_a_survey_whose_population_has_other_parameters_is_refused():
    with pytest.raises(
        InputError, match=r"simulation.parameters: mu; expected .* of the population model, mu, lnsigma"
    ):
        simulate_survey(SURVEY | {"parameters": {"mu": 3.0}}, 0)
