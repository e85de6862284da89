"""The scan against Lomb-Scargle periodograms on the same frequencies, one thread each; and how its cost grows."""

from dataclasses import replace

from common import PRIOR, machine, random_system, show, times, tutorial_systems

import nifty_ls
import numpy as np
from astropy.timeseries import LombScargle

from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.period_likelihood import period_likelihood, period_likelihoods
from starpop.orbits.linear_model import linear_model
from starpop.orbits.scan import scan, uniform_lattice
from starpop.populations.simulate import Survey, simulate_system

LOW, HIGH = 1 / 20, 1 / 1.5
SIZES = ((24, 1000.0), (36, 3300.0), (100, 3000.0), (8, 500.0))


def versus() -> None:
    """Ratios at the four sizes, ten frequencies per 1/T."""
    rows = []
    for count, baseline in SIZES:
        visits = random_system(np.random.default_rng(count), count, baseline, 200)
        model = linear_model(visits, PRIOR)
        grid = uniform_lattice(LOW, HIGH, int(10 * (HIGH - LOW) * baseline))
        f = grid.frequencies
        data = (visits.time_days, visits.rv_kms, visits.rv_err_kms)
        periodogram = LombScargle(*data)
        bounds = {"fmin": f[0], "fmax": f[-1], "Nf": len(f)}
        taken = times(
            {
                "ours": lambda m=model, g=grid: scan(m, g),
                "fast": lambda p=periodogram, f=f: p.power(f, method="fast", assume_regular_frequency=True),
                "cython": lambda p=periodogram, f=f: p.power(f, method="cython", assume_regular_frequency=True),
                "nifty-ls": lambda d=data, b=bounds: nifty_ls.lombscargle(*d, nthreads=1, **b),
            },
            rounds=15,
        )
        ours = taken.pop("ours")
        ratios = [value / ours for value in taken.values()]
        rows.append([count, int(baseline), len(f), 1e3 * ours, *ratios, 1e9 * ours / count / len(f)])
    header = ["visits", "baseline [d]", "frequencies", "scan [ms]", "astropy `fast` / scan", "astropy `cython` / scan"]
    show("Scan", [*header, "nifty-ls / scan", "ns per visit and frequency"], rows)


def growth() -> None:
    """Exponents of the cost in the number of visits, and of a whole period likelihood in the baseline."""
    rng = np.random.default_rng(1)
    counts = np.array([50, 100, 200, 300])
    seconds = []
    for count in counts:
        model = linear_model(random_system(rng, int(count), 1000.0, 200), PRIOR)
        grid = uniform_lattice(LOW, HIGH, 20_000)
        seconds.append(times({"": lambda m=model, g=grid: scan(m, g)}, 9)[""])
    slope = np.polyfit(np.log(counts), np.log(seconds), 1)[0]
    per_visit = np.polyfit(counts, seconds, 1)[0] / 20_000
    rows = [["scan, in visits (50 to 300)", float(slope)]]
    baselines = np.array([500.0, 1000.0, 2000.0, 4000.0])
    seconds = []
    for baseline in baselines:
        visits = random_system(rng, 24, float(baseline), 200)
        seconds.append(times({"": lambda v=visits: period_likelihood(v, PRIOR, (1.5, 20))}, 9)[""])
    rows.append(
        [
            "period likelihood, in the baseline (500 to 4000 d)",
            float(np.polyfit(np.log(baselines), np.log(seconds), 1)[0]),
        ]
    )
    numbers = np.array([50, 100, 200, 400])
    many = [random_system(rng, 24, 1000.0, 200) for _ in range(numbers.max())]
    seconds = [times({"": lambda n=n: period_likelihoods(many[:n], PRIOR, (1.5, 20))}, 3)[""] for n in numbers]
    slope = np.polyfit(np.log(numbers), np.log(seconds), 1)[0]
    rows.append(["period likelihoods, in the number of systems (50 to 400)", float(slope)])
    show("Exponents of the cost", ["", "exponent"], rows)
    flops = 12  # six products and six additions a visit and frequency
    square = np.random.default_rng(0).normal(size=(512, 512))
    peak = 2 * 512**3 / times({"": lambda: square @ square}, 9)[""]
    print(
        f"\nA further visit costs {1e9 * per_visit:.3g} ns a frequency; at the {peak / 1e9:.3g} Gflop/s that one core "
        f"reaches in large matrix products it would be {1e9 * flops / peak:.3g} ns."
    )


def noise() -> None:
    """What an uncertain noise costs: a system's whole likelihood, by that with the reported errors."""
    uncertain = {"scaled": replace(PRIOR, noise=Scaled(0, 1.5)), "jitter": replace(PRIOR, noise=Jitter(-2, 2))}
    rng = np.random.default_rng(2)
    catalog, systems = tutorial_systems()
    groups = {f"{catalog}, each of its systems": systems}
    for count, scatter in ((4, 0.0), (8, 0.0), (24, 0.0), (24, 5.0), (100, 0.0)):
        some = [random_system(rng, count, 500.0, 100) for _ in range(10)]
        some = [replace(v, rv_kms=v.rv_kms + rng.normal(0, 0.1 * scatter + 1e-12, count)) for v in some]
        groups[f"{count} visits, 500 d, K = 100 errors, jitter of {scatter:g}"] = some
    survey = Survey((6, 36), (30, 3300), (0.05, 0.5))
    groups["6 to 36 visits over 30 to 3300 d, drawn from the priors"] = [
        simulate_system("random", rng.uniform(*np.log([1.5, 20])), survey, uncertain["jitter"], rng)[0]
        for _ in range(100)
    ]
    rows = []
    for name, group in groups.items():
        models = {"reported": PRIOR} | uncertain
        taken = [
            times({k: lambda v=v, m=m: period_likelihood(v, m, (1.5, 20)) for k, m in models.items()}, 3)
            for v in group
        ]
        reported = np.array([t["reported"] for t in taken])
        row = [name, 1e3 * float(np.mean(reported))]
        for kind in uncertain:
            seconds = np.array([t[kind] for t in taken])
            ratio = seconds / reported
            row += [float(seconds.sum() / reported.sum()), float(np.median(ratio)), float(ratio.max())]
        rows.append(row)
    header = ["systems", "reported [ms]"]
    header += [f"{kind} / reported: {which}" for kind in uncertain for which in ("sum", "median", "largest")]
    show("Uncertain noise", header, rows)


if __name__ == "__main__":
    print(machine("astropy", "nifty-ls"))
    versus()
    growth()
    noise()
