"""The period distribution of all systems: the tutorial's Part 2 and any other density, exactly and as PyMC models.

    ln P_n ~ p(x | h),        each hyper-parameter in h ~ its prior (`densities`),
    e_n ~ p(e | x_n, h)       of Keplerian orbits (`eccentricities`), or each system model's own prior,
    ln s_n ~ p(y | h)         of the scale of the amplitudes (`amplitudes`), or the system model's own s_amplitude,
    a_n, b_n ~ N(0, s_amplitude),   v0_n ~ N(0, s_v0),
    v_nj ~ N(a_n cos(2 pi t_nj / P_n) + b_n sin(2 pi t_nj / P_n) + v0_n, sigma_nj).

With the nodes (x_nk, w_nk) of each system's period likelihood, everything but h integrates out:

    p(D | h) = prod_n sum_k w_nk p(x_nk | h),

and with p(e_nk | x_nk, h) over the prior of e that the weights hold where the population has a density of e. One to
three hyper-parameters are integrated by `quadrature`. More are sampled by NUTS, from starts that `tempering` finds,
and `bridge` gives the evidence. Given h the systems are independent, and given its period and shape a system's
coefficients are normal: joint draws of all parameters are as independent and exact as those of h.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from starpop.inference import mixture
from starpop.inference.amplitudes import SCALE
from starpop.inference.convergence import MAX_TREEDEPTH
from starpop.inference.densities import Normal
from starpop.inference.density import Density, Range
from starpop.inference.numerics import tensors
from starpop.inference.quadrature import MOST_INTEGRATED, posterior_given
from starpop.inference.tempering import temper
from starpop.inference.weighted import Posterior
from starpop.orbits import pymc_orbit
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.normal_sums import fill_sums
from starpop.populations.population_nodes import nodes_of
from starpop.run.errors import InputError
from starpop.run.progress import progress

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

    from starpop.inference.sampling import Sampler
    from starpop.inference.seen import Seen

logger = logging.getLogger("starpop")

# Terms of the sums over nodes that are evaluated at once: some arrays of so many fit into a processor's cache.
TERMS_AT_ONCE = 60_000
CHAINS, TUNE, DRAWS, TARGET_ACCEPT = 4, 1000, 4000, 0.9
# Of the sampler that is itself the answer.
MOST_MINUTES = 120.0

LnLikelihood = Callable[..., np.ndarray]
DrawSystem = Callable[..., dict[str, np.ndarray]]


def system_ln_likelihoods(likelihoods: Sequence[PeriodLikelihood], density: Density) -> LnLikelihood:
    """A function of (M,) values of each hyper-parameter: (M, N) ln p(D_n | h) of the N systems, whoever is seen."""
    if density.has_singles:
        return mixture.ln_of_each(as_either(likelihoods, density))
    refuse_amplitudes(density)
    nodes = nodes_of(likelihoods, density)
    starts, counts, count = nodes.starts, nodes.counts, len(nodes.x)

    def evaluate(*parameters: np.ndarray) -> np.ndarray:
        values = np.empty((len(parameters[0]), len(starts)))
        for first in range(0, len(values), max(TERMS_AT_ONCE // count, 1)):
            some = slice(first, first + max(TERMS_AT_ONCE // count, 1))
            terms = density.ln_joint(nodes.x, nodes.e, *(p[some, None] for p in parameters)) + nodes.ln_weight
            top = np.maximum.reduceat(terms, starts, axis=1)
            terms = np.exp(terms - np.repeat(top, counts, axis=1))
            values[some] = top + np.log(np.add.reduceat(terms, starts, axis=1))
        return values

    return evaluate


def refuse_amplitudes(density: Density) -> None:
    """Say that a population of amplitudes has no sum over nodes of one scale.

    Raises
    ------
    InputError : the density has one of the amplitudes
    """
    if density.of_s is not None:
        raise InputError(
            "the population has a density of the amplitudes, for which each system needs nodes at every scale of "
            "these; starpop.populations.amplitudes has its posterior and draws."
        )


def no_orbit_ln_evidences(likelihoods: Sequence[PeriodLikelihood]) -> np.ndarray:
    """(N,) ln evidence of each star without an orbit."""
    return np.array([likelihood.no_orbit_ln_evidence for likelihood in likelihoods])


def as_either(likelihoods: Sequence[PeriodLikelihood], density: Density) -> mixture.Either:
    """Ln p(D_n | h) of the stars as single ones and as binaries, given all hyper-parameters but the fraction."""
    return mixture.as_either(
        system_ln_likelihoods(likelihoods, density.of_binaries), no_orbit_ln_evidences(likelihoods)
    )


def ln_likelihood(likelihoods: Sequence[PeriodLikelihood], density: Density) -> LnLikelihood:
    """A function of (M,) values of each hyper-parameter: (M,) ln p(D | h)."""
    if density.has_singles:
        of_all = mixture.ln_likelihood(len(likelihoods), as_either(likelihoods, density))
    elif isinstance(density, Normal):
        of_all = _normal_ln_likelihood(likelihoods, density)
    else:
        of_all = _sum_of_ln_likelihoods(likelihoods, density)
    return lambda *parameters: of_all(*parameters) - len(likelihoods) * density.ln_seen(*parameters)


def _sum_of_ln_likelihoods(likelihoods: Sequence[PeriodLikelihood], density: Density) -> LnLikelihood:
    """The same of all stars, whoever is in the sample."""
    evaluate = system_ln_likelihoods(likelihoods, density)
    at_once = max(TERMS_AT_ONCE // len(likelihoods), 1)

    def total(*parameters: np.ndarray) -> np.ndarray:
        chunks = range(0, len(parameters[0]), at_once)
        return np.concatenate([evaluate(*(p[i : i + at_once] for p in parameters)).sum(axis=1) for i in chunks])

    return total


def _normal_ln_likelihood(likelihoods: Sequence[PeriodLikelihood], density: Normal) -> LnLikelihood:
    """The same of a normal density, truncated or not, fast."""
    x, _, ln_weight, starts = nodes_of(likelihoods, density)
    tops = np.maximum.reduceat(ln_weight, starts)
    ends = np.append(starts[1:], len(x))
    weight = np.exp(ln_weight - np.repeat(tops, ends - starts))

    def evaluate(mu: np.ndarray, lnsigma: np.ndarray) -> np.ndarray:
        values = np.empty(len(mu))
        fill_sums(np.ascontiguousarray(mu, float), np.exp(-lnsigma), x, weight, ends, values)
        return values + len(likelihoods) * density.ln_norm(mu, lnsigma) + tops.sum()

    return evaluate


def posterior(likelihoods: Sequence[PeriodLikelihood], density: Density, seed: int = 0) -> Posterior:
    """The posterior of the hyper-parameters; ln_evidence is that of all visits.

    Parameters
    ----------
    likelihoods, density : of the systems, and of ln P
    seed : of the sampler, which more than three hyper-parameters need
    """
    if not likelihoods:
        raise InputError("a population has no systems; expected the period likelihood of one at least.")
    evaluate = ln_likelihood(likelihoods, density)
    if len(density.parameters) <= MOST_INTEGRATED:
        return posterior_given(density.parameters, evaluate)
    sampler, nodes = _node_sampler(density, density.seen), _padded_nodes(likelihoods, density)
    return sampled(density, evaluate, lambda starts: sampler.run_carefully(starts, seed, nodes), seed)


def sampled(
    density: Density, evaluate: LnLikelihood, run: Callable[[dict[str, np.ndarray]], xr.DataTree], seed: int
) -> Posterior:
    """The posterior by NUTS, in chains that start at particles of a tempered sample.

    Parameters
    ----------
    density : whose hyper-parameters are sampled
    evaluate : their ln-likelihood
    run : gives the chains of the same model, from such starts
    seed : of the particles, and of the evidence
    """
    from starpop.inference.bridge import SampledPosterior, bridge_sampling
    from starpop.inference.sampling import STARTS

    names, priors = tuple(density.parameters), tuple(density.parameters.values())
    rng = np.random.default_rng(seed)

    def of_normal(u: np.ndarray) -> np.ndarray:
        return evaluate(*(prior.from_normal(column) for prior, column in zip(priors, u.T, strict=True)))

    particles = temper(of_normal, len(names), rng)
    starts = {
        name: prior.from_normal(column[:STARTS])
        for (name, prior), column in zip(density.parameters.items(), particles.T, strict=True)
    }
    tree = run(starts)
    chains = tree["posterior"].to_dataset()
    draws = np.stack([chains[name].values for name in names], axis=-1)
    coordinates = np.stack(
        [prior.to_normal(column) for prior, column in zip(priors, np.moveaxis(draws, -1, 0), strict=True)], axis=-1
    )

    def ln_density(u: np.ndarray) -> np.ndarray:
        return of_normal(u) - 0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1)

    evidence = bridge_sampling(ln_density, coordinates, rng)
    points = draws.reshape(-1, len(names))
    weights, statistics = np.full(len(points), 1 / len(points)), tree["sample_stats"].to_dataset()
    return SampledPosterior(names, points, weights, *evidence, CHAINS, statistics)


def draw(
    likelihoods: Sequence[PeriodLikelihood],
    density: Density,
    hyper: Posterior,
    size: int,
    rng_of: Callable[[str], np.random.Generator],
    draw_system: DrawSystem | None = None,
) -> xr.DataTree:
    """Independent draws of all parameters, in ArviZ's layout: one chain.

    Parameters
    ----------
    hyper : the posterior of the hyper-parameters
    size : number of draws
    rng_of : the generator for a name: of each system, and "population"
    draw_system : of a likelihood, density, hyper-parameters, size and generator; else `draw_orbits`, or of stars that
        need not be binaries `draw_star`
    """
    if draw_system is None:
        refuse_amplitudes(density)
    parameters = hyper.draw(size, rng_of("population"))
    h = tuple(parameters.values())
    orbits = []
    draw_one = draw_system or (draw_star if density.has_singles else draw_orbits)
    for likelihood in progress(likelihoods):
        try:
            orbits.append(draw_one(likelihood, density, h, size, rng_of(likelihood.system)))
        except Exception:  # one system must not stop the others
            logger.exception("System %s:", likelihood.system)
            orbits.append(undrawn(likelihood, density, size))
    data: dict[str, tuple] = {name: (("chain", "draw"), values[None]) for name, values in parameters.items()}
    for name in orbits[0]:
        data[name] = ("chain", "draw", "system"), np.stack([drawn[name] for drawn in orbits], axis=1)[None]
    coords = {"chain": [0], "draw": np.arange(size), "system": [n.system for n in likelihoods]}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, coords=coords)})


def undrawn(likelihood: PeriodLikelihood, density: Density, size: int) -> dict[str, np.ndarray]:
    """(size,) NaN for each parameter of a system that a population is drawn with."""
    names = [*likelihood.system_model.parameters(likelihood.visits), "lnP"]
    names += [SCALE] if density.of_s is not None else []
    names += ["binary"] if density.has_singles else []
    return {name: np.full(size, np.nan) for name in names}


def draw_star(
    likelihood: PeriodLikelihood,
    density: Density,
    h: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Exact draws of whether a star is a binary, ``binary``, of 1 and 0, and of its orbit, NaN where it is not.

    Parameters
    ----------
    h : (size,) values of each hyper-parameter, the fraction first
    """
    ln_likelihood = system_ln_likelihoods([likelihood], density)(*h)
    binary = rng.random(size) >= single_share(ln_likelihood, no_orbit_ln_evidences([likelihood]), h[0])[:, 0]
    drawn = undrawn(likelihood, density, size) | {"binary": binary.astype(float)}
    if binary.any():
        own = tuple(values[binary] for values in h[1:])
        for name, values in draw_orbits(likelihood, density.of_binaries, own, int(binary.sum()), rng).items():
            drawn[name][binary] = values
    return drawn


def single_share(ln_likelihood: np.ndarray, ln_single: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """(M, N) probability that each of N stars has no orbit, at M values of the hyper-parameters.

    Parameters
    ----------
    ln_likelihood : (M, N) ln p(D_n | h, F)
    ln_single : (N,) ln evidence of each star without an orbit
    fraction : (M,) of binaries
    """
    return np.exp(ln_single + np.log1p(-fraction)[:, None] - ln_likelihood)


def build_model(
    systems: Sequence[Visits], system_models: Sequence[SystemModel], density: Density, period_range_days: Range
) -> pm.Model:
    """The full PyMC model: the hyper-parameters, and the orbit of every system, its period within the range [d].

    Like the sum over nodes it cuts p(x | h) where no period is looked for, and does not normalise what is left: only
    densities with a range of their own are normalised on it.
    """
    import pymc as pm

    values, index = pymc_orbit.concatenated(systems, system_models)
    with pm.Model(coords={"system": [s.system for s in systems]}) as model:
        parameters = [p.variable(name) for name, p in density.parameters.items()]
        ln_period = density.variable("lnP", parameters, period_range_days, dims="system")
        scale = None
        if density.of_s is not None:
            scale = pm.math.exp(density.of_s.variable(SCALE, density.parameters_of_s(parameters), dims="system"))
        pymc_orbit.observe(system_models[0], systems[0], values, pm.math.exp(ln_period), index, scale)
        density.select(parameters, len(systems))
        if density.of_e is not None:
            e, own = model["e"], density.parameters_of_e(parameters)
            prior = system_models[0].eccentricity.ln_pdf(e, math=tensors())
            pm.Potential("eccentricities", density.of_e.ln_pdf(e, ln_period, *own, math=tensors()) - prior)
    return model


def _padded_nodes(likelihoods: Sequence[PeriodLikelihood], density: Density) -> dict[str, np.ndarray]:
    """Nodes and ln weights, a row for each system, filled up with nodes of no weight."""
    refuse_amplitudes(density)
    nodes = nodes_of(likelihoods, density)
    sizes = nodes.counts
    node = np.minimum(nodes.starts[:, None] + np.arange(sizes.max()), len(nodes.x) - 1)
    ln_weights = np.where(np.arange(sizes.max()) < sizes[:, None], nodes.ln_weight[node], -np.inf)
    values = {"node": nodes.x[node], "node_ln_weight": ln_weights}
    return values if density.of_e is None else values | {"node_e": nodes.e[node]}


def build_node_model(likelihoods: Sequence[PeriodLikelihood], density: Density) -> pm.Model:
    """The PyMC model of the hyper-parameters alone, over the nodes of the systems' period likelihoods."""
    return _node_model(_padded_nodes(likelihoods, density), density)


def _node_model(nodes: Mapping[str, np.ndarray], density: Density) -> pm.Model:
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        data = {name: pm.Data(name, values) for name, values in nodes.items()}
        parameters = [p.variable(name) for name, p in density.parameters.items()]
        terms = density.ln_joint(data["node"], data.get("node_e"), *parameters, math=tensors())
        terms += data["node_ln_weight"]
        pm.Potential("visits", pt.sum(pt.logsumexp(terms, axis=1)))
        density.select(parameters, data["node"].shape[0])
    return model


@lru_cache(maxsize=4)
def _node_sampler(density: Density, seen: Seen | None) -> Sampler:
    """The node model, compiled once for the systems of every catalogue: compiling takes longer than sampling.

    Who is seen is the density's; densities that differ by it alone are equal.
    """
    names = ("node", "node_ln_weight", *(() if density.of_e is None else ("node_e",)))
    nodes = dict.fromkeys(names, np.zeros((1, 1)))
    return exact_sampler(_node_model(nodes, density))


def exact_sampler(model: pm.Model) -> Sampler:
    """The sampler that is itself the answer."""
    from starpop.inference.sampling import Sampler, SamplerSettings

    return Sampler(model, SamplerSettings("nutpie", CHAINS, TUNE, DRAWS, TARGET_ACCEPT, MAX_TREEDEPTH, MOST_MINUTES))
