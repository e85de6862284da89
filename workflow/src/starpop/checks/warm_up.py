"""Compile once, when the project is set up, what a run needs compiled: a small one of everything that is."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from starpop.checks.criticism import criticise_system
from starpop.inference.densities import Normal, UniformPeriod
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.periods import best_outside
from starpop.orbits.system_model import ORBITS, REPORTED, Orbit, SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import cluster, condensed, population

RANGE = (2.0, 4.0)


def warm_up() -> None:
    """Compile circles and ellipses, each in a process of its own."""
    with ProcessPoolExecutor(len(ORBITS), multiprocessing.get_context("spawn")) as processes:
        list(processes.map(of_orbit, ORBITS))
    of_cluster()


def of_orbit(orbit: Orbit) -> None:
    """Take two systems, with and without a noise of their own, to a population, over all nodes and over fewer."""
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 30, 8))
    visits = Visits("none", time, 10 * np.cos(2 * np.pi * time / 3) + rng.normal(0, 1, 8), np.ones(8))
    likelihoods = [
        period_likelihood(visits, SystemModel(10, 10, trend=trend, noise=noise, orbit=orbit), RANGE)
        for trend, noise in ((0, REPORTED), (1, Jitter(0, 1)))
    ]
    for likelihood in likelihoods:
        draws = draw_orbits(likelihood, UniformPeriod(RANGE), (), 20, rng)
        best_outside(likelihood, RANGE)
        criticise_system(likelihood, draws | {"P": np.exp(draws["lnP"])}, RANGE, 2, rng)
    density = Normal(mu=(0, 2), ln_sigma=(-1, 1))
    population.posterior(likelihoods, density)
    condensed.posterior_of(condensed.condense([likelihoods], density, RANGE), density)


def of_cluster() -> None:
    """Take three stars from their parallaxes to draws of their distances."""
    parallax, error, rng = np.array([1.9, 2.0, 2.1]), np.full(3, 0.1), np.random.default_rng(0)
    for field in (None, cluster.Field((0, 1), 0.5, 0.2)):
        prior = cluster.ClusterPrior(0.5, 0.1, (-4, -2), field=field)
        hyper = cluster.posterior(parallax, error, prior)
        if field is not None:
            cluster.membership_probability(parallax, error, prior, hyper)
        cluster.draw("abc", parallax, error, prior, hyper, 10, rng)


if __name__ == "__main__":
    warm_up()
