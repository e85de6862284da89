"""Populations of periods and eccentricities: exact against NUTS and populations of periods, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from starpop.inference.densities import density_from_settings
from starpop.inference.eccentricities import EccentricityPrior, Rayleigh, UniformEccentricity
from starpop.inference.joint import Joint
from starpop.inference.sampling import SamplerSettings
from starpop.orbits.period_likelihood import period_likelihoods
from starpop.orbits.system_model import SystemModel
from starpop.populations import population, population_nuts
from starpop.populations.simulate import Survey, simulate_system
from starpop.run.errors import InputError

RANGE = (2.0, 20.0)
MODEL = SystemModel(20, 30, orbit="keplerian")
POWER_LAW = density_from_settings({"density": "power_law", "beta": [-3, 3]}, RANGE)
DENSITY = Joint(POWER_LAW, Rayleigh((-3, 0)))


@pytest.fixture(scope="module")
def likelihoods():
    rng = np.random.default_rng(3)
    e = DENSITY.of_e.draw(np.empty(6), (-1.5,), rng)
    survey = Survey((14, 20), (40, 80), (0.2, 0.5))
    systems = [
        simulate_system(f"S{i}", x, survey, MODEL, rng, e[i])[0]
        for i, x in enumerate(rng.uniform(*np.log(RANGE), len(e)))
    ]
    return period_likelihoods(systems, MODEL, RANGE)


def test_eccentricities_uniform_in_the_population_are_those_of_the_systems_own_prior(likelihoods):
    beta = np.array([-1.0, 0.0, 2.0])
    alone = population.ln_likelihood(likelihoods, POWER_LAW)(beta)
    both = population.ln_likelihood(likelihoods, Joint(POWER_LAW, UniformEccentricity()))(beta)
    np.testing.assert_allclose(both, alone, atol=1e-3)


def test_the_exact_posterior_is_that_of_nuts_in_full_and_over_the_nodes(likelihoods):
    hyper = population.posterior(likelihoods, DENSITY)
    exact = population.draw(likelihoods, DENSITY, hyper, 4000, lambda name: np.random.default_rng(len(name)))
    settings = SamplerSettings("nutpie", 4, 500, 1000, 0.9, 10)
    found = population_nuts.sample(likelihoods, DENSITY, RANGE, exact, settings, 1)
    for tree, why_not in found.values():
        assert why_not == ""
        for name in hyper.names:
            mean, sd = hyper.moments()[name]
            drawn = tree["posterior"][name].values
            assert drawn.mean() == pytest.approx(mean, abs=0.15 * sd)
            assert drawn.std() == pytest.approx(sd, rel=0.12)
    full, ours = found["posterior"][0]["posterior"].to_dataset(), exact["posterior"].to_dataset()
    sd = ours["e"].std(("chain", "draw"))
    assert (abs(full["e"].mean(("chain", "draw")) - ours["e"].mean(("chain", "draw"))) < 0.2 * sd).all()


def test_a_population_of_eccentricities_needs_keplerian_orbits_and_the_same_largest_eccentricity(likelihoods):
    visits = likelihoods[0].visits
    circles = period_likelihoods([visits], SystemModel(20, 30), RANGE)
    with pytest.raises(InputError, match=r"System S0: .* the system's orbit is circular\. Use a system model with"):
        population.posterior(circles, DENSITY)
    model = replace(MODEL, eccentricity=EccentricityPrior(up_to=0.8))
    with pytest.raises(InputError, match=r"go up to 0\.95, and those of the system model up to 0\.8: give both"):
        population.posterior(period_likelihoods([visits], model, RANGE), DENSITY)
