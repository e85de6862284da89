"""What a star must show to be in a sample: each measure against its definition, and that none is taken in vain."""

from dataclasses import replace

import numpy as np
import pytest

from starpop.orbits import conditions, no_orbit
from starpop.orbits.conditions import MEASURES, Conditions, Star
from starpop.orbits.ellipse.kepler import columns
from starpop.orbits.noise import Jitter
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

RANGE = (2.0, 40.0)
MODEL = SystemModel(50, 100)
PERIOD = 7.3


def waves(time, e):
    """The two columns of the true orbit."""
    return columns(np.array([[1 / PERIOD, e, 1.0]]), time - 0.5 * time[-1])[0]


def star(model=MODEL, amplitude=3.0, e=0.0, jitter=0.0, count=14):
    rng = np.random.default_rng(5)
    time = np.sort(rng.uniform(0, 200, count))
    time -= time[0]
    error = rng.uniform(0.2, 0.4, count)
    rv = waves(time, e) @ [amplitude, -0.5 * amplitude] + 12 + rng.normal(0, np.hypot(error, jitter))
    return Star(Visits("S", time, rv, error), model, RANGE)


def by_least_squares(visits, error, e=0.0):
    """K over its error, of the fit to the velocities at the true period and shape."""
    design = np.column_stack([waves(visits.time_days, e), np.ones(len(visits))]) / error[:, None]
    theta = np.linalg.lstsq(design, visits.rv_kms / error)[0]
    gradient = theta[:2] / np.hypot(*theta[:2])
    return np.hypot(*theta[:2]) / np.sqrt(gradient @ np.linalg.inv(design.T @ design)[:2, :2] @ gradient)


def test_the_amplitude_over_its_error_is_that_of_least_squares():
    found = star()
    assert conditions.semi_amplitude_over_error(found) == pytest.approx(
        by_least_squares(found.visits, found.visits.rv_err_kms), rel=0.02
    )


def test_a_jitter_counts_as_error():
    found = star(replace(MODEL, noise=Jitter(0, 0.5)), jitter=1.0)
    plain, with_jitter = (
        by_least_squares(found.visits, np.hypot(found.visits.rv_err_kms, added)) for added in (0.0, 1.0)
    )
    assert 0.7 * with_jitter < conditions.semi_amplitude_over_error(found) < 0.5 * plain


def test_an_ellipse_is_measured_at_its_own_shape():
    found = star(replace(MODEL, orbit="keplerian"), amplitude=10, e=0.6)
    expected = by_least_squares(found.visits, found.visits.rv_err_kms, e=0.6)
    assert conditions.semi_amplitude_over_error(found) == pytest.approx(expected, rel=0.1)
    as_circle = conditions.semi_amplitude_over_error(Star(found.visits, MODEL, RANGE))
    assert abs(as_circle - expected) > 0.1 * expected


def test_offsets_do_not_count_as_an_orbit():
    visits = star(amplitude=0.0).visits
    visits = replace(visits, instruments=("a", "b"), instrument=np.arange(len(visits)) % 2)
    apart = replace(visits, rv_kms=visits.rv_kms + 30.0 * visits.instrument)
    with_offsets = Star(apart, replace(MODEL, offsets=True), RANGE)
    assert conditions.semi_amplitude_over_error(with_offsets) < 10
    assert conditions.semi_amplitude_over_error(Star(apart, MODEL, RANGE)) > 20


def test_the_bayes_factor_is_that_of_the_tables():
    found, visits = star(amplitude=0.2), star(amplitude=0.2).visits
    likelihood = period_likelihood(visits, MODEL, RANGE)
    prior = likelihood.ln_period - np.log(RANGE[1] - RANGE[0])
    expected = likelihood.ln_evidence(prior) - no_orbit.ln_evidence(visits, MODEL)
    assert conditions.ln_bayes_orbit(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("orbit", ["circular", "keplerian"])
def test_a_star_that_has_been_fitted_is_measured_as_one_that_has_not(orbit):
    model = replace(MODEL, orbit=orbit)
    fresh, amplitude = star(model), star(model).visits
    known = Star(amplitude, model, RANGE, period_likelihood(amplitude, model, RANGE))
    assert {name: of(fresh) for name, of in MEASURES.items()} == {name: of(known) for name, of in MEASURES.items()}


def test_a_star_is_in_the_sample_if_no_measure_is_too_small():
    found = star()
    measures = {name: measure(found) for name, measure in MEASURES.items()}
    assert measures["visits"] == 14 and measures["delta_rv_kms"] == np.ptp(found.visits.rv_kms)
    for name, value in measures.items():
        met, unmet = Conditions(**{name: value}), Conditions(**{name: value * 1.001})
        assert met.are_met_by(found) and met.unmet(measures) == ""
        assert not unmet.are_met_by(found) and unmet.unmet(measures).startswith(f"{name} {value:.3g} < ")
    assert Conditions(visits=3, ln_bayes_orbit=1e9).unmet(measures).startswith("ln_bayes_orbit")
    assert Conditions(visits=3).unmet(measures | {"visits": np.nan}) == "visits nan < 3"


def test_nothing_is_fitted_to_a_star_that_has_failed_or_needs_no_fit(monkeypatch):
    monkeypatch.setattr(conditions, "period_likelihood", None)
    assert not Conditions(delta_rv_kms=1e3, ln_bayes_orbit=5).are_met_by(star())
    assert Conditions(visits=14, delta_rv_kms=1, semi_amplitude_over_error=5).are_met_by(star())
    with pytest.raises(TypeError):
        Conditions(ln_bayes_orbit=5).are_met_by(star())


def test_each_instruments_jitter_counts_as_its_error():
    """As the errors that these jitters make: of instruments in turns, as noisy as each other or not."""
    found = star()
    instrument = np.arange(len(found.visits)) % 2
    rng = np.random.default_rng(7)
    noisy = found.visits.rv_kms + rng.normal(0, np.array([0.05, 2.0])[instrument])
    visits = replace(found.visits, rv_kms=noisy, instruments=("A", "B"), instrument=instrument)
    model = replace(MODEL, noise=Jitter(-1, 2, each="instrument"))
    own = replace(visits, rv_err_kms=np.hypot(visits.rv_err_kms, np.array([0.05, 2.0])[instrument]))
    expected = conditions.semi_amplitude_over_error(Star(own, MODEL, RANGE))
    assert conditions.semi_amplitude_over_error(Star(visits, model, RANGE)) == pytest.approx(expected, rel=0.4)
    plain = conditions.semi_amplitude_over_error(Star(visits, MODEL, RANGE))
    assert expected < 0.8 * plain
