"""What sums over draws from the prior would take for what nodes give: the likelihood of each star of a field.

bench_importance.py [stars]

With x_s drawn from a prior q(x), uniform in ln P, and L_n(x) the likelihood with the coefficients integrated out,

    p(D_n | h) = F mean over s of w_ns + (1 - F) Z_n,        w_ns = L_n(x_s) p(x_s | h) / q(x_s),

with a relative variance of v_n / S for S draws, v_n = F^2 (mean of w^2 - (mean of w)^2) / p(D_n | h)^2. The mean of w^2
is that of w times the mean of w over the posterior of x, of which exact draws are at hand. The same draws for all
stars leave the ln-likelihood of a field with a standard deviation of about sqrt(sum of v_n / S), the first order of
the logarithm; so many draws are asked for that it is 0.1, of the median star of a kind and of the whole field. Nodes are
wrong by 1e-7, for which it would take 10^12 times as many. Beside it: how much longer so many likelihoods take than a
star's nodes.

Stars are those of config/fraction.yaml, h the truth; by how far their amplitude is above their errors.
"""

from __future__ import annotations

import sys

from common import ROOT, machine, show, times

import numpy as np
import yaml

from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density
from starpop.orbits.ln_likelihood import evaluate
from starpop.orbits.orbit_draws import draw_ln_periods
from starpop.orbits.period_likelihood import PeriodLikelihood, period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import population
from starpop.populations.simulate import Survey, simulate_system

CONFIG = yaml.safe_load((ROOT / "config" / "fraction.yaml").read_text())
FIELD = CONFIG["catalogs"]["field"]
RANGE, TRUTH = tuple(FIELD["period_range_days"]), FIELD["simulation"]["parameters"]
MODEL = SystemModel(CONFIG["orbit_prior"]["amplitude_sd_kms"], CONFIG["orbit_prior"]["systemic_velocity_sd_kms"])
SURVEY = Survey(**FIELD["simulation"]["survey"])
# Kinds of stars by K over their median error; exact draws of each; and draws from the prior that are made, as a check.
KINDS = {"single stars": (-1, 0), "K below 3 errors": (0, 3), "3 to 10": (3, 10), "above 10": (10, np.inf)}
POSTERIOR_DRAWS, MADE, ASKED = 1000, 200_000, 0.1


def stars_of_field(count: int, density: Density) -> tuple[list[Visits], np.ndarray]:
    """The visits of so many stars, and K over the error of each, 0 of single ones."""
    systems, ratio = [], np.empty(count)
    own = density.parameters_of_periods([np.array([TRUTH[name]]) for name in density.parameters])
    for i in range(count):
        rng = np.random.default_rng([7, i])
        (x,) = density.of_periods.draw_within(RANGE, own, rng)
        binary = bool(rng.random() < TRUTH["F"])
        visits, drawn = simulate_system(f"S{i:05d}", x, SURVEY, MODEL, rng, None, binary)
        systems.append(visits)
        ratio[i] = np.hypot(drawn["a"], drawn["b"]) / np.median(visits.rv_err_kms)
    return systems, ratio


def terms(x: np.ndarray, likelihood: PeriodLikelihood, density: Density, h: list[np.ndarray]) -> np.ndarray:
    """(S,) ln w at some x."""
    low, high = np.log(RANGE)
    return evaluate(np.exp(-x), likelihood.linear) + density.of_binaries.ln_pdf(x, *h[1:]) + np.log(high - low)


def variance(likelihood: PeriodLikelihood, density: Density, h: list[np.ndarray], seed: int) -> tuple[float, float]:
    """v of a star; and the deviation of as many draws as are made, in the standard deviation that v says."""
    rng, own = np.random.default_rng([8, seed]), h[1:]
    binary = population.system_ln_likelihoods([likelihood], density.of_binaries)(*own)[0, 0]
    whole = population.system_ln_likelihoods([likelihood], density)(*h)[0, 0]
    drawn = draw_ln_periods(likelihood, density.of_binaries, own, POSTERIOR_DRAWS, rng)
    share = TRUTH["F"] * np.exp(binary - whole)
    value = share**2 * (np.mean(np.exp(terms(drawn, likelihood, density, h) - binary)) - 1)
    made = np.exp(terms(rng.uniform(*np.log(RANGE), MADE), likelihood, density, h) - binary)
    return float(value), float(share * (made.mean() - 1) / np.sqrt(value / MADE))


def main(count: int) -> None:
    """Print the draws that are needed."""
    density = density_from_settings(CONFIG["population_models"]["fraction"], RANGE)
    h = [np.array([TRUTH[name]]) for name in density.parameters]
    systems, ratio = stars_of_field(count, density)
    likelihoods = [period_likelihood(visits, MODEL, RANGE) for visits in systems]
    found = np.array([variance(likelihood, density, h, i) for i, likelihood in enumerate(likelihoods)])
    known = found[:, 0] < 0.01 * MADE
    rms = np.sqrt(np.mean(found[known, 1] ** 2))
    typical = likelihoods[int(np.argsort([len(n.visits) for n in likelihoods])[count // 2])]
    at = np.exp(-np.random.default_rng(0).uniform(*np.log(RANGE), 10_000))
    taken = times(
        {
            "nodes": lambda: period_likelihood(typical.visits, MODEL, RANGE),
            "draws": lambda: evaluate(at, typical.linear),
        },
        5,
    )
    longer = taken["draws"] / len(at) / taken["nodes"]
    print(
        f"{count} stars; of the {known.sum()} for which {MADE} draws are enough to tell, these are off by {rms:.2f} of "
        "what is expected, in the root mean square."
    )
    rows: list[list[object]] = []
    for name, (low, high) in KINDS.items():
        own = found[(ratio > low) & (ratio <= high), 0]
        for_one = np.maximum(np.quantile(own, [0.5, 0.95]) / ASKED**2, 1)
        rows.append([name, len(own), *(f"{value:.1e}" for value in for_one), f"{for_one[0] * longer:.2g}"])
    needed = found[:, 0].sum() / ASKED**2
    rows.append(["all together", count, f"{needed:.1e}", "", f"{needed * longer:.2g}"])
    columns = ["stars", "number", f"draws for {ASKED} in ln L", "of the worst 5%", "time over that of nodes"]
    show("Importance sums from the prior", columns, rows)


if __name__ == "__main__":
    print(machine(), "\n")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
