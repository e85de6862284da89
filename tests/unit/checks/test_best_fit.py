"""The fits to many sets of velocities at once: those that the slow search over the whole range finds for each."""

from dataclasses import replace

import numpy as np
import pytest

from starpop.checks import best_fit, criticism, highest_peaks, sinusoids
from starpop.inference.densities import UniformPeriod
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate, noise_terms
from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.orbit import conditional, design_matrix, harmonic_columns, radial_velocity
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood, survey_period_range
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.cadences import visit_times

RANGE = (1.5, 20)
MODEL = SystemModel(10, 50)
JITTER = replace(MODEL, noise=Jitter(-1, 1))
# Each with its visits, at least and at most, and the range of its errors [km/s].
CASES = {
    "sharp": (MODEL, (10, 30), (0.05, 0.05)),
    "weak": (replace(MODEL, amplitude_sd_kms=3.0), (10, 40), (5, 5)),
    "few": (MODEL, (5, 8), (0.05, 2)),
    "jitter": (JITTER, (6, 40), (0.05, 2)),
    "few with jitter": (JITTER, (5, 8), (0.05, 2)),
    "scaled": (replace(MODEL, noise=Scaled(0.3, 0.7)), (6, 40), (0.05, 2)),
    "trend": (replace(JITTER, trend=1), (8, 25), (0.05, 2)),
}


def empty_visits(rng, count, baseline, error):
    return Visits("S", visit_times(count, baseline, rng), np.zeros(count), error * np.exp(rng.normal(0, 0.25, count)))


def system_and_replicates(model, counts, errors, rng, replicates=11):
    """The period likelihood of a system drawn from its model, and its velocities with those of replicates."""
    baseline, error = np.exp(rng.uniform(np.log([60, errors[0]]), np.log([600, errors[1]])))
    visits = empty_visits(rng, int(rng.integers(*counts)), baseline, error)
    true = criticism.draw_prior(visits, model, RANGE, 1, rng)
    visits = replace(visits, rv_kms=criticism.replicates(visits, true, model, rng)[0])
    likelihood = period_likelihood(visits, model, RANGE)
    draws = draw_orbits(likelihood, UniformPeriod(RANGE), (), replicates, rng)
    draws["P"] = np.exp(draws["lnP"])
    return likelihood, np.vstack([visits.rv_kms, criticism.replicates(visits, draws, model, rng)])


@pytest.mark.parametrize("case", CASES)
def test_every_set_has_the_highest_peak_of_its_own_survey_and_the_errors_there(case):
    """But where several peaks are equally high to a thousandth."""
    lower = []
    for seed in range(6):
        likelihood, velocities = system_and_replicates(*CASES[case], np.random.default_rng([3, seed]))
        visits, model = likelihood.visits, likelihood.system_model
        frequencies, errors = highest_peaks.highest_peaks(likelihood, velocities, RANGE)
        for rv, frequency, error in zip(velocities, frequencies, errors, strict=True):
            landscape = survey_period_range(replace(visits, rv_kms=rv), model, RANGE)
            best = landscape.peaks.frequency[landscape.peaks.height.argmax()]
            reached = evaluate(np.array([frequency, best]), landscape.model)
            lower.append(reached[1] - reached[0])
            if abs(frequency - best) * visits.baseline_days < 1e-3:
                terms = noise_terms(np.array([frequency]), landscape.model)[0]
                share = np.exp(terms - terms.max())
                slow = np.exp(-0.5 * np.log(landscape.model.weight) @ share / share.sum())
                np.testing.assert_allclose(error, slow, rtol=1e-5)
    # the survey climbs smooth peaks to a thousandth of the grid's steps
    assert np.abs(lower).max() < 1e-3
    assert np.mean(np.array(lower) > 1e-6) < 0.02


@pytest.mark.parametrize("case", ["sharp", "jitter", "trend"])
def test_statistics_are_those_of_least_squares_at_the_peak(case):
    likelihood, velocities = system_and_replicates(*CASES[case], np.random.default_rng(8), replicates=3)
    visits, model = likelihood.visits, likelihood.system_model
    (fits,) = best_fit.best_fits(likelihood, velocities, RANGE)
    found = criticism.statistics(fits, visits, model)
    for k, rv in enumerate(velocities):
        error, frequency = fits.error_kms[k], fits.frequency[[k]]
        design, prior = design_matrix(frequency, visits, model)[0], np.diag(1 / model.standard_deviations(visits))

        def penalised(columns, values, error=error, prior=prior):
            extra = columns.shape[1] - len(prior)
            rows = np.vstack([columns / error[:, None], np.hstack([prior, np.zeros((len(prior), extra))])])
            theta = np.linalg.lstsq(rows, np.append(values / error, np.zeros(len(prior))))[0]
            return theta, np.sum((np.append(values / error, np.zeros(len(prior))) - rows @ theta) ** 2)

        theta, total = penalised(design, rv)
        z = (rv - design @ theta) / error
        np.testing.assert_allclose(fits.normalised[k], z, rtol=1e-6, atol=1e-6)
        assert found[k, 0] == pytest.approx(z @ z, rel=1e-6)
        assert found[k, 4] == pytest.approx(z[1:] @ z[:-1] / (z @ z), rel=1e-6, abs=1e-8)
        # what a small change of the period explains, as a difference
        step = 1e-6 / visits.baseline_days
        ahead, behind = (design_matrix(frequency + s, visits, model)[0] @ theta for s in (step, -step))
        full = np.column_stack([design, ahead - behind])
        next_waves = harmonic_columns(frequency, visits.time_days, 2)[0][:, -2:]
        share = 1 - penalised(np.column_stack([full, next_waves]), rv)[1] / penalised(full, rv)[1]
        taken = share * penalised(full, rv)[1] / total
        assert found[k, 2] == pytest.approx(taken, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("frequency", [np.geomspace(1 / 20, 1 / 1.5, 40), np.arange(900, 940) / 4096])
@pytest.mark.parametrize("scaling", ["constant", "kepler"])
def test_the_scan_of_all_sets_is_that_of_each(scaling, frequency):
    rng = np.random.default_rng(2)
    model = replace(MODEL, trend=1, amplitude_scaling=scaling)
    visits = empty_visits(rng, 12, 200, 0.3)
    velocities = rng.normal(0, 5, (3, 12))
    linear = linear_model(visits, model)
    prior = linear.precision[:2], linear.scaled
    waves, factor = sinusoids.eliminate_static(
        linear.time, linear.weight[:, 0], linear.static, linear.precision[2:], prior
    )
    theta = np.linalg.solve(factor @ factor.T, linear.static.T @ (linear.weight * velocities.T)).T
    weighted = np.ascontiguousarray(((velocities - theta @ linear.static.T) * linear.weight[:, 0]).T)
    values, half_ln_determinant = np.empty((40, 3)), np.empty(40)
    sinusoids.explain(frequency, waves, weighted, values, half_ln_determinant)
    for rv, ours in zip(velocities, values.T, strict=True):
        slow = evaluate(frequency, linear._replace(velocity=rv, mean=np.zeros(4)))
        np.testing.assert_allclose(np.diff(0.5 * ours - half_ln_determinant), np.diff(slow), atol=1e-7)


def test_the_fit_is_that_of_the_slow_reference():
    rng = np.random.default_rng(1)
    visits = empty_visits(rng, 15, 200, 0.3)
    theta = np.array([12.0, -8.0, 30.0])
    visits = replace(visits, rv_kms=radial_velocity(visits.time_days, 5.3, theta) + rng.normal(0, visits.rv_err_kms))
    (fits,) = best_fit.best_fits(period_likelihood(visits, MODEL, RANGE), visits.rv_kms[None], RANGE)
    best = conditional(fits.frequency, visits, MODEL)
    np.testing.assert_allclose(fits.error_kms[0], visits.rv_err_kms)
    assert np.sum(fits.normalised**2) == pytest.approx(best.chi2[0], rel=1e-6)
    assert np.sum(fits.left**2) == pytest.approx(best.penalised_chi2[0], rel=1e-6)


def test_standardised_residuals_have_a_variance_of_one_at_every_visit():
    rng = np.random.default_rng(2)
    visits = empty_visits(rng, 8, 100, 0.2)
    orbit = radial_velocity(visits.time_days, 5.3, np.array([12.0, -8.0, 30.0]))
    velocities = orbit + rng.normal(0, visits.rv_err_kms, (3000, 8))
    model, narrow = SystemModel(100, 100), (5.2, 5.4)
    likelihood = period_likelihood(replace(visits, rv_kms=velocities[0]), model, narrow)
    fits = list(best_fit.best_fits(likelihood, velocities, narrow))
    assert np.concatenate([some.normalised for some in fits]).var(axis=0).max() < 0.8
    np.testing.assert_allclose(np.concatenate([some.standardised for some in fits]).var(axis=0), 1, atol=0.12)


def test_columns_take_what_they_alone_can_explain():
    rng = np.random.default_rng(4)
    likelihood, velocities = system_and_replicates(MODEL, (12, 13), (0.2, 0.2), rng)
    (fits,) = best_fit.best_fits(likelihood, velocities, RANGE)
    noise = rng.normal(size=(12, 1))
    np.testing.assert_allclose(fits.share_taken(np.hstack([noise, 2 * noise])), fits.share_taken(noise), rtol=1e-6)
    by_period = fits.span[:, :12, -1:] * fits.error_kms[..., None]
    assert fits.share_taken(by_period).max() < 0.1


@pytest.mark.parametrize("case", ["sharp", "jitter"])
def test_without_replicates_the_fit_is_that_of_the_known_peak(case):
    likelihood, velocities = system_and_replicates(*CASES[case], np.random.default_rng(4), 1)
    (alone,) = best_fit.best_fits(likelihood, velocities[:1], RANGE)
    (among,) = best_fit.best_fits(likelihood, velocities, RANGE)
    np.testing.assert_allclose(alone.frequency[0], among.frequency[0], rtol=1e-6)
    np.testing.assert_allclose(alone.error_kms[0], among.error_kms[0], rtol=1e-6)
    apart = np.abs(alone.residual_kms[0] - among.residual_kms[0])
    assert (apart < 1e-3 * alone.error_kms[0]).all()


@pytest.mark.parametrize(
    "frequency",
    [
        np.arange(900, 933) / 4096,  # an even run, and one left over
        np.arange(933, 900, -1) / 4096,
        np.geomspace(0.05, 0.7, 40),
        np.append(np.arange(900, 916) / 4096, [0.3, 0.3]),  # a last run of equal ones
        np.array([0.3, 0.3]),
        np.array([0.3]),
    ],
)
def test_waves_are_cos_and_sin_however_the_frequencies_lie(frequency):
    time = np.random.default_rng(3).uniform(-2000, 2000, 9)
    waves = sinusoids.waves_of(frequency, time)
    angle = 2 * np.pi * frequency[:, None] * time
    np.testing.assert_allclose(waves[::2], np.cos(angle), rtol=0, atol=2e-11)
    np.testing.assert_allclose(waves[1::2], np.sin(angle), rtol=0, atol=2e-11)


@pytest.mark.parametrize("nan", [[], [0], [1, 4], [0, 1, 2, 3]])
def test_medians_are_of_the_numbers_in_a_row(nan):
    values = np.random.default_rng(4).normal(size=(3, 5))
    values[1, nan] = np.nan
    np.testing.assert_array_equal(criticism.medians(values), np.nanmedian(values, axis=1))
    values[1] = np.nan
    assert np.isnan(criticism.medians(values)).tolist() == [False, True, False]
