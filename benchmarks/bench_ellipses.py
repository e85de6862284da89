"""Keplerian orbits on many simulated systems: evidence, highest modes, coverage, and what a system costs.

bench_ellipses.py [part [systems]], part one of evidence, modes, cost; without, all of them on a tenth of the systems
"""

import sys
import time
from dataclasses import replace

from common import ROOT, machine, show

import numpy as np

sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "unit" / "orbits"))
from test_ellipse import TWO_PI, cubature, model_of, moments_of, simulate

from starpop.inference.densities import UniformPeriod
from starpop.orbits.ellipse.climb import Bounds, climb_all
from starpop.orbits.ellipse.likelihood import ellipse_likelihood
from starpop.orbits.ellipse.points import evaluate
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.linear_model import linear_model
from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.orbit_draws import draw_orbits

NOISES = {"reported": None, "jitter": Jitter(-1, 1), "scaled": Scaled(0, 0.5)}
SHORT, LONG = (2.0, 10.0), (2.0, 500.0)
# K/sigma, the largest of the evidences, and draws of each system.
SIGNALS, STRONGEST, DRAWS = (5.0, 500.0), 500.0, 4000
WIDE = replace(model_of(None), amplitude_sd_kms=300.0)
# Of the other search: points at random, of which the highest are climbed from.
POINTS, STARTS = 20_000, 100


def evidence(systems: int = 300) -> None:
    """Against adaptive cubature: 12 d, P 2 to 10 d, 4 to 36 visits, K/sigma 0 to 500, a third of them with each noise."""
    rows = []
    for name, noise in NOISES.items():
        errors = []
        for seed in range(systems // 3):
            rng = np.random.default_rng([31, seed])
            signal = STRONGEST * rng.random() ** 4
            visits, true = simulate(rng, int(rng.integers(4, 37)), 12.0, SHORT, 0.95, (signal, signal))
            model = replace(model_of(noise), amplitude_sd_kms=WIDE.amplitude_sd_kms)
            found = moments_of(ellipse_likelihood(visits, model, SHORT))
            expected = cubature(visits, model, SHORT, 1e-7, true)
            sd = np.repeat(expected[2::2], 2)
            errors.append([abs(found[0] - expected[0]), *np.abs(np.subtract(found[1:], expected[1:])) / sd])
            print(name, seed, len(visits), f"{signal:.3g}", *np.round(errors[-1], 5), file=sys.stderr, flush=True)
        middle, high, top = np.quantile(errors, [0.5, 0.95, 1], axis=0)
        rows.append([name, len(errors), middle[0], high[0], top[0], *top[1:]])
    heads = [
        "noise",
        "systems",
        "error of ln Z: median",
        "95%",
        "largest",
        "of mean ln P [sd]",
        "of sd of ln P",
        "of mean e [sd]",
        "of sd of e",
    ]
    show("Nodes against adaptive cubature", heads, rows)


def modes(systems: int = 2000) -> None:
    """Whether another search finds a higher mode, and how often a 68% interval holds the truth.

    P 2 to 500 d over 1000 d, e to 0.95, 7 to 40 visits, K/sigma 5 to 500. The other search climbs from the orbit that
    was simulated, and from the highest of many points at random.
    """
    rows, density, model = [], UniformPeriod(LONG), WIDE
    for seed in range(systems):
        rng = np.random.default_rng([32, seed])
        signal, count = np.exp(rng.uniform(*np.log(SIGNALS))), int(rng.integers(7, 41))
        visits, true = simulate(rng, count, 1000.0, LONG, 0.95, (signal, signal))
        started = time.process_time()
        likelihood = ellipse_likelihood(visits, model, LONG)
        seconds, linear = time.process_time() - started, linear_model(visits, model)
        system, bounds = eliminate(linear), Bounds(1 / LONG[1], 1 / LONG[0], model.eccentricity.up_to)
        points = rng.uniform([bounds.low, 0, 0], [bounds.high, bounds.eccentricity, TWO_PI], (POINTS, 3))
        starts = np.vstack([true, points[np.argsort(-evaluate(points, system))[:STARTS]]])
        higher = climb_all(starts, 0, bounds, linear, system)[:, 3].max() - likelihood.peak_ln_likelihood[0]
        drawn = draw_orbits(likelihood, density, (), DRAWS, rng)
        held = intervals_hold(drawn, {"lnP": -np.log(true[0]), "e": true[1], "K": signal})
        rows.append([higher, seconds, *held])
        print(seed, count, f"{signal:.0f}", *np.round(rows[-1], 4), file=sys.stderr, flush=True)
    table = np.array(rows, float)
    of_all = [systems, int(np.sum(table[:, 0] > 0.1)), *np.mean(table[:, 2:], axis=0)]
    heads = ["systems", "a higher mode", "ln P in 68%", "e", "K"]
    show("Keplerian modes and intervals", heads, [of_all])
    rows = [[*np.quantile(table[:, 1], [0.5, 0.95, 1])]]
    show("CPU seconds of a system, visits to nodes", ["median", "95%", "largest"], rows)


def intervals_hold(drawn: dict[str, np.ndarray], true: dict[str, float]) -> list[bool]:
    """Whether each central 68% interval holds the truth.

    The draws are weighted by the priors that the truth has, uniform in ln K and ln P, over those of the model, a
    Rayleigh density of K and uniform in P.
    """
    values = drawn | {"K": np.hypot(drawn["a"], drawn["b"])}
    weight = np.exp(0.5 * (values["K"] / WIDE.amplitude_sd_kms) ** 2 - drawn["lnP"]) / values["K"] ** 2
    weight[(values["K"] < SIGNALS[0]) | (values["K"] > SIGNALS[1])] = 0
    below = [np.sum(weight[values[name] < truth]) / max(weight.sum(), 1e-300) for name, truth in true.items()]
    return [bool(abs(share - 0.5) < 0.34) for share in below]


def cost(systems: int = 40) -> None:
    """CPU seconds of a system, the median and the 95% quantile: by visits, baseline, range and noise."""
    rows = []
    cases = [(n, 1000.0, 500.0, "reported") for n in (5, 8, 12, 24, 36, 100, 300)]
    cases += [(24, days, 500.0, "reported") for days in (300.0, 3000.0)]
    cases += [(24, 1000.0, longest, "reported") for longest in (50.0, 2000.0)]
    cases += [(n, 1000.0, 500.0, noise) for n in (12, 24) for noise in ("jitter", "scaled")]
    for count, baseline, longest, noise in cases:
        seconds = []
        for seed in range(systems if noise == "reported" else systems // 4):
            rng = np.random.default_rng([33, seed])
            signal = np.exp(rng.uniform(*np.log(SIGNALS)))
            visits, _ = simulate(rng, count, baseline, (2.0, longest), 0.95, (signal, signal))
            started = time.process_time()
            ellipse_likelihood(visits, model_of(NOISES[noise]), (2.0, longest))
            seconds.append(time.process_time() - started)
        rows.append([count, baseline, longest, noise, *np.quantile(seconds, [0.5, 0.95])])
        print(*rows[-1], file=sys.stderr, flush=True)
    show("Cost of a Keplerian system", ["visits", "baseline [d]", "longest P [d]", "noise", "median [s]", "95%"], rows)


if __name__ == "__main__":
    parts = {"evidence": (evidence, 300), "modes": (modes, 2000), "cost": (cost, 40)}
    print(machine(), "\n")
    if len(sys.argv) > 1:
        part, whole = parts[sys.argv[1]]
        part(int(sys.argv[2]) if len(sys.argv) > 2 else whole)
    else:
        for part, whole in parts.values():
            part(whole // 10)
