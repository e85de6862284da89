"""Other priors by reweighting draws, against fits with these priors; moments of densities within a range."""

from dataclasses import replace

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.integrate import quad
from scipy.stats import norm, truncnorm, uniform

from conftest import random_visits
from starpop.checks.sensitivity import AS_CONFIGURED, DERIVED, prior_sensitivity, shortest_interval
from starpop.inference.densities import Histogram, Normal, NormalMixture, PowerLaw, StudentT, TruncatedNormal
from starpop.inference.quadrature import integrate
from starpop.orbits.noise import Jitter
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations import population
from starpop.run.seeds import generator_for

RANGE = (1.5, 20.0)
ENDS = tuple(np.log(RANGE))
DENSITY = Normal((1, 10), (-2, 3))
MODEL = SystemModel(4.0, 20.0, noise=Jitter(-1, 0.7))


@pytest.fixture(scope="module")
def systems():
    """Four systems of five to seven visits, whose amplitudes and periods the priors have a say in."""
    rng = np.random.default_rng(5)
    return [replace(random_visits(rng, int(rng.integers(5, 8)), 40.0, 4.0, 1.0)[0], system=f"S{i}") for i in range(4)]


def fitted(systems, model):
    return [period_likelihood(visits, model, RANGE) for visits in systems]


@pytest.fixture(scope="module")
def table(systems):
    likelihoods = fitted(systems, MODEL)
    hyper = population.posterior(likelihoods, DENSITY)
    tree = population.draw(likelihoods, DENSITY, hyper, 40_000, lambda name: generator_for(1, name))
    draws = {str(name): values.values[0] for name, values in tree["posterior"].data_vars.items()}
    return prior_sensitivity(DENSITY, MODEL, draws, RANGE, ess_min=400)


OTHER_MODELS = {
    AS_CONFIGURED: MODEL,
    "amplitude sd x 0.5": replace(MODEL, amplitude_sd_kms=2.0),
    "amplitude sd x 2": replace(MODEL, amplitude_sd_kms=8.0),
    "systemic velocity sd x 0.5": replace(MODEL, systemic_velocity_sd_kms=10.0),
    "systemic velocity sd x 2": replace(MODEL, systemic_velocity_sd_kms=40.0),
    "noise mean - sd": replace(MODEL, noise=Jitter(-1.7, 0.7)),
    "noise mean + sd": replace(MODEL, noise=Jitter(-0.3, 0.7)),
}


def check_against(rows, moments):
    for row in rows[rows["parameter"].isin(moments)].to_dict("records"):
        mean, sd = moments[row["parameter"]]
        assert row["mean"] == pytest.approx(mean, abs=4.5 * row["mcse_mean"])
        # the error of an sd, from draws as good as independent ones of a normal density; these have longer tails
        assert row["sd"] == pytest.approx(sd, abs=4.5 * sd * np.sqrt(2 / row["ess"]))


@pytest.mark.parametrize("prior", OTHER_MODELS)
def test_another_prior_of_the_orbits_or_the_noise_is_a_fit_with_it(systems, table, prior):
    rows = table[table["prior"] == prior]
    if (rows["status"] != "ok").any():  # what cannot be believed says so
        assert rows["ess"].max() < 400 or rows["pareto_k"].max() > 0.7
        return
    check_against(rows, population.posterior(fitted(systems, OTHER_MODELS[prior]), DENSITY).moments())


def test_most_of_these_can_be_believed_and_some_move(table):
    rows = table[table["parameter"] == "lnsigma"].set_index("prior")
    assert (rows.loc[list(OTHER_MODELS), "status"] == "ok").sum() >= 6
    assert rows["shift_in_sd"].abs().max() > 0.1


@pytest.mark.parametrize(
    ("prior", "ln_pdf"),
    [
        ("flat in scales", lambda mu, lnsigma: lnsigma),
        ("normal hyper-priors", lambda mu, lnsigma: norm.logpdf(mu, 5.5, 2.25) + norm.logpdf(lnsigma, 0.5, 1.25)),
    ],
)
def test_another_hyper_prior_is_a_fit_with_it(systems, table, prior, ln_pdf):
    evaluate = population.ln_likelihood(fitted(systems, MODEL), DENSITY)
    hyper = integrate(lambda *h: evaluate(*h) + ln_pdf(*h), ("mu", "lnsigma"), [(1, 10), (-2, 3)])
    rows = table[table["prior"] == prior]
    assert (rows["status"] == "ok").all()
    check_against(rows, hyper.moments())


def test_draws_that_another_prior_has_no_use_for_are_not_believed():
    rng = np.random.default_rng(0)
    draws = {"mu": rng.normal(2, 0.2, 5000), "lnsigma": rng.normal(-0.4, 0.2, 5000)}
    draws |= {"a": rng.normal(10, 5, (5000, 4)), "b": rng.normal(10, 5, (5000, 4)), "v0": np.zeros((5000, 4))} | {
        "lnP": np.ones((5000, 4))
    }
    table = prior_sensitivity(DENSITY, SystemModel(4, 150), draws, RANGE, ess_min=400).set_index("prior")
    known = table["status"] == "ok"
    assert known[AS_CONFIGURED].all()
    assert known["systemic velocity sd x 2"].all()
    assert not known["amplitude sd x 0.5"].any()
    assert table.loc["amplitude sd x 0.5", "status"].str.contains("effective of 5000 draws; take more").all()


def test_the_share_of_independent_draws_counts():
    rng = np.random.default_rng(0)
    draws = {"mu": rng.normal(2, 0.2, 2000), "lnsigma": rng.normal(-0.4, 0.2, 2000)}
    draws |= {name: np.ones((2000, 2)) for name in ("a", "b", "v0", "lnP")}
    whole, part = (prior_sensitivity(DENSITY, SystemModel(9, 9), draws, RANGE, 100, share) for share in (1.0, 0.25))
    assert part["ess"][0] == pytest.approx(500)
    assert part["mcse_mean"][0] == pytest.approx(2 * whole["mcse_mean"][0])
    assert whole["mcse_mean"][0] == pytest.approx(draws["mu"].std() / np.sqrt(2000))


def test_the_shortest_interval_of_weighted_draws():
    rng = np.random.default_rng(1)
    values = rng.gamma(2, 1, 20_000)
    low, high = shortest_interval(values, np.full(20_000, 1 / 20_000), 0.94)
    assert (low, high) == pytest.approx(array_stats.hdi(values, prob=0.94), abs=1e-2)
    # twice the draws of one half, or twice their weight
    double = shortest_interval(np.append(values, values[values > 2]), np.ones(20_000 + np.sum(values > 2)), 0.94)
    assert shortest_interval(values, 1.0 + (values > 2), 0.94) == pytest.approx(double, abs=1e-2)


@pytest.mark.parametrize(
    ("density", "parameters", "reference"),
    [
        (Normal((1, 10), (-2, 3)), (1.8, -2.0), norm(1.8, np.exp(-2))),
        (Normal((1, 10), (-2, 3)), (2.5, 0.3), truncnorm(*((np.array(ENDS) - 2.5) / np.exp(0.3)), 2.5, np.exp(0.3))),
        (TruncatedNormal((1, 10), (-2, 3), RANGE), (9.0, 0.0), None),
        (StudentT((1, 10), (-2, 3), (0, 4)), (1.8, -0.5, 0.1), None),
        (PowerLaw((-3, 3), RANGE), (1e-9,), uniform(ENDS[0], np.ptp(ENDS))),
        (PowerLaw((-3, 3), RANGE), (-2.5,), None),
        (NormalMixture((0, 3), (0, 3), (-2, 1)), (1.0, 1.2, -1.0, -1.5, 0.3), None),
        (Histogram(6, (-2, 1), RANGE), (1.0, -0.5, 0.2, 0.0, 2.0, 0.4), None),
    ],
)
def test_moments_within_the_range_scanned(density, parameters, reference):
    parameters = [np.array([value]) for value in parameters]
    (mean,), (sd,) = density.moments(ENDS, *parameters)
    if reference is None:
        top = density.ln_pdf(np.linspace(*ENDS, 999), *parameters).max()

        def moment(power, about=0.0):
            def integrand(x):
                return (x - about) ** power * float(np.exp(density.ln_pdf(np.array([x]), *parameters) - top)[0])

            return quad(integrand, *ENDS, limit=400, points=np.linspace(*ENDS, 7)[1:-1])[0]

        expected = moment(1) / moment(0)
        expected_sd = np.sqrt(moment(2, expected) / moment(0))
    else:
        expected, expected_sd = reference.mean(), reference.std()
    assert mean == pytest.approx(expected, abs=1e-6)
    assert sd == pytest.approx(expected_sd, rel=1e-6)


def test_moments_of_draws_in_pieces_are_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    parameters = rng.uniform(1, 3, 50), rng.uniform(-2, 1, 50)
    whole = DENSITY.moments(ENDS, *parameters)
    monkeypatch.setattr("starpop.inference.density.DRAWS_AT_ONCE", 7)
    np.testing.assert_allclose(DENSITY.moments(ENDS, *parameters), whole, rtol=1e-14)


def test_every_density_has_the_derived_quantities():
    rng = np.random.default_rng(0)
    draws = {"beta": rng.normal(0, 0.3, 2000)} | {name: np.ones((2000, 2)) for name in ("a", "b", "v0", "lnP")}
    table = prior_sensitivity(PowerLaw((-3, 3), RANGE), SystemModel(9, 9), draws, RANGE, 400)
    assert set(table["parameter"]) == {"beta", *DERIVED}
    assert "flat in scales" not in set(table["prior"])
