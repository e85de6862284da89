"""From the visits in memory to the population's summary: exact, and by the tutorial's own model and a vectorised one."""

import time

from common import PRIOR, RANGE, machine, show, times, tutorial_systems

import numpy as np
import pymc as pm
from arviz_stats.base import array_stats

from starpop.populations import population
from starpop.inference.densities import Normal
from starpop.orbits.orbit import design_matrix
from starpop.orbits.period_likelihood import period_likelihoods
from starpop.orbits.periods import lomb_scargle
from starpop.inference.sampling import Sampler, SamplerSettings

DENSITY = Normal((1, 10), (-2, 3))


def exact(systems):
    """Nodes of every system, the posterior of (mu, lnsigma), and its summary."""
    likelihoods = period_likelihoods(systems, PRIOR, RANGE, threads=2)
    return population.posterior(likelihoods, DENSITY).summary()


def tutorial_start(visits):
    """The tutorial's starting values: the highest Lomb-Scargle sample, and least squares at its period."""
    frequency, power = lomb_scargle(visits, RANGE)
    best = frequency[power.argmax()]
    design = design_matrix(np.array([best]), visits, PRIOR)[0] / visits.rv_err_kms[:, None]
    theta = np.linalg.lstsq(design, visits.rv_kms / visits.rv_err_kms)[0]
    return dict(zip(("lnP", "a", "b", "v0"), (-np.log(best), *theta), strict=True))


def looped_model(systems):
    """The tutorial's model, a set of variables for each system in a loop."""
    with pm.Model() as model:
        mu = pm.Uniform("mu", 1.0, 10.0)
        sigma = pm.math.exp(pm.Uniform("lnsigma", -2.0, 3))
        for n, visits in enumerate(systems):
            start = tutorial_start(visits)
            x = pm.Normal(f"lnP[{n}]", mu, sigma, initval=start["lnP"])
            a = pm.Normal(f"a[{n}]", 0, 100, initval=start["a"])
            b = pm.Normal(f"b[{n}]", 0, 100, initval=start["b"])
            v0 = pm.Normal(f"v0[{n}]", 0, 150, initval=start["v0"])
            phase = 2 * np.pi * visits.time_days * pm.math.exp(-x)
            rv = a * pm.math.cos(phase) + b * pm.math.sin(phase) + v0
            pm.Normal(f"likelihood[{n}]", rv, visits.rv_err_kms, observed=visits.rv_kms)
    return model


def main() -> None:
    """Print the table of ratios."""
    catalog, systems = tutorial_systems()
    start = time.perf_counter()
    exact(systems)
    cold = time.perf_counter() - start
    ours = times({"": lambda: exact(systems)}, 9)[""]
    likelihoods = period_likelihoods(systems, PRIOR, RANGE)
    hyper = population.posterior(likelihoods, DENSITY)
    draw = lambda: population.draw(likelihoods, DENSITY, hyper, 4000, lambda name: np.random.default_rng(1))  # noqa: E731
    tree, drawing = draw(), times({"": draw}, 3)[""]
    starts = [
        {name: tree["posterior"][name].values[0, :, i] for name in ("lnP", "a", "b", "v0")}
        for i in range(len(systems))
    ]
    rows = [["exact: nodes, quadrature, summary", ours, 1.0, "independent draws", 4000 / drawing]]

    def row(name, seconds, compiling, posterior):
        ess = min(
            float(array_stats.ess(posterior[p].values, method="bulk", chain_axis=0, draw_axis=1))
            for p in ("mu", "lnsigma")
        )
        rows.append([name, seconds, seconds / ours, f"compilation {compiling:.3g} s left out", ess / seconds])

    settings = SamplerSettings("nutpie", 4, 1000, 1000, 0.8, 10)
    start = time.perf_counter()
    sampler = Sampler(population.build_model(systems, [PRIOR] * len(systems), DENSITY, RANGE), settings)
    compiled = time.perf_counter()
    stacked = {name: np.stack([s[name] for s in starts], axis=1)[:64] for name in starts[0]}
    stacked |= {name: tree["posterior"][name].values[0, :64] for name in ("mu", "lnsigma")}
    result = sampler.run(stacked, 1)
    row("vectorised PyMC model, nutpie", time.perf_counter() - compiled, compiled - start, result["posterior"])

    with population.build_model(systems, [PRIOR] * len(systems), DENSITY, RANGE) as model:
        start = time.perf_counter()
        model.compile_fn(model.logp()), model.compile_fn(model.dlogp())
        compiling = time.perf_counter() - start
        start = time.perf_counter()
        first = {name: values[0] for name, values in stacked.items()}
        result = pm.sample(
            1000, tune=1000, chains=4, cores=2, initvals=first, init="adapt_diag", progressbar=False, random_seed=1
        )
        row(
            "vectorised PyMC model, PyMC's NUTS",
            time.perf_counter() - start - compiling,
            compiling,
            result["posterior"],
        )

    with looped_model(systems) as model:
        start = time.perf_counter()
        model.compile_fn(model.logp()), model.compile_fn(model.dlogp())
        compiling = time.perf_counter() - start
        start = time.perf_counter()
        result = pm.sample(init="adapt_diag", chains=2, progressbar=False, random_seed=1)
        row(
            "the tutorial's looped model, 2 chains",
            time.perf_counter() - start - compiling,
            compiling,
            result["posterior"],
        )

    print(machine("pymc", "nutpie"))
    show(
        f"Population of the 14 systems ({catalog})",
        ["road", "seconds", "time / exact", "note", "effective draws per second"],
        rows,
    )
    print(f"\nThe first exact run of a process, with its compiled functions read from the cache: {cold:.3g} s.")


if __name__ == "__main__":
    main()
