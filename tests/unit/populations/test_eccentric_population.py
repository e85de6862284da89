"""Populations of periods and eccentricities: exact against NUTS and populations of periods, and what is refused."""

from dataclasses import replace

import numpy as np
import pytensor
import pytest
from scipy.special import logsumexp

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


@pytest.mark.parametrize(
    "of_e",
    [
        {"density": "uniform"},
        {"density": "beta", "ln_alpha": [-0.69, 2], "ln_beta": [0, 3]},
        {"density": "circularised", "mu": [0, 3], "ln_width": [-3, 1]},
    ],
    ids=lambda settings: settings["density"],
)
def test_the_pymc_models_have_the_density_that_is_summed(likelihoods, of_e):
    """Over the nodes as it stands, and of all orbits as the change of the eccentricities' prior."""
    settings = {"density": "power_law", "beta": [-3, 3], "eccentricity": of_e}
    density = density_from_settings(settings, RANGE)
    rng, names = np.random.default_rng(5), list(density.parameters)
    at = {name: float(prior.low + 0.7 * (prior.high - prior.low)) for name, prior in density.parameters.items()}
    model = population.build_node_model(likelihoods, density)
    potential = pytensor.function(model.free_RVs, model.potentials[0], on_unused_input="ignore")
    (expected,) = population.ln_likelihood(likelihoods, density)(*(np.array([at[name]]) for name in names))
    assert potential(*at.values()) == pytest.approx(expected, abs=1e-8)

    systems, models = zip(*((n.visits, n.system_model) for n in likelihoods), strict=True)
    full = population.build_model(systems, models, density, RANGE)
    (change,) = (p for p in full.potentials if p.name == "eccentricities")
    x, shape = rng.uniform(1, 2, len(systems)), rng.normal(0, 1, (2, len(systems)))
    e = 0.95 * -np.expm1(-0.5 * np.sum(shape**2, axis=0))
    given = [v for v in full.free_RVs if v.name in {*names, "lnP", "shape_x", "shape_y"}]
    values = at | {"lnP": x, "shape_x": shape[0], "shape_y": shape[1]}
    found = pytensor.function(given, change, on_unused_input="ignore")(*(values[v.name] for v in given))
    np.testing.assert_allclose(found, density.of_e.ln_pdf(e, x, *list(at.values())[1:]) + np.log(0.95), rtol=1e-10)


def test_fewer_nodes_are_as_good_also_in_the_tails_of_a_narrow_population():
    rng = np.random.default_rng(6)
    visits, _ = simulate_system("S", 1.5, Survey((6, 6), (30, 30), (4, 4)), SystemModel(5, 5, orbit="keplerian"), rng)
    likelihood = period_likelihoods([visits], MODEL, RANGE)[0]
    x, _, ln_weight = likelihood.condensed(with_e=False)
    assert len(x) < len(likelihood.ln_period) / 4
    for mu, sigma in ((0.8, 0.05), (1.5, 0.05), (2.9, 0.1)):
        few = logsumexp(ln_weight - 0.5 * ((x - mu) / sigma) ** 2)
        all_of_them = logsumexp(likelihood.ln_weight - 0.5 * ((likelihood.ln_period - mu) / sigma) ** 2)
        assert few == pytest.approx(all_of_them, abs=1e-3)


def test_a_population_of_eccentricities_needs_keplerian_orbits_and_the_same_largest_eccentricity(likelihoods):
    visits = likelihoods[0].visits
    circles = period_likelihoods([visits], SystemModel(20, 30), RANGE)
    with pytest.raises(InputError, match=r"System S0: .* the system's orbit is circular\. Use a system model with"):
        population.posterior(circles, DENSITY)
    informed = replace(MODEL, eccentricity=EccentricityPrior(1, 3))
    with pytest.raises(InputError, match="nodes are fine enough where that is uniform"):
        population.posterior(period_likelihoods([visits], informed, RANGE), DENSITY)
    model = replace(MODEL, eccentricity=EccentricityPrior(up_to=0.8))
    with pytest.raises(InputError, match=r"go up to 0\.95, and those of the system model up to 0\.8: give both"):
        population.posterior(period_likelihoods([visits], model, RANGE), DENSITY)
