"""Is the whole chain calibrated: simulated catalogues analysed as real ones, and the truth ranked among the draws.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): draw the parameters from their priors, visits from
the parameters, and independent draws from the posterior of these visits. If every step is right, the number of draws
below the true value is uniform on 0..L, for every parameter. The population is a normal density truncated to the
scanned range (or any other density within it), so that the prior of a period and the range in which it is looked for
are the same.

The recovery study asks the same of single systems: how often is the period right, by Lomb-Scargle as in the tutorial
and by the heaviest mode, and is a mode of weight w right in a share w of the cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom, chi2

from starpop import population
from starpop.densities import UniformPeriod
from starpop.density import Bounded
from starpop.orbit import radial_velocity
from starpop.period_likelihood import mode_weights, period_likelihood, period_likelihoods
from starpop.periods import lomb_scargle
from starpop.priors import draw as draw_from
from starpop.seeds import generator_for
from starpop.simulate import visit_times
from starpop.system_model import SystemModel
from starpop.visits import Visits

RANK_BINS = 20
COVERAGES = (0.5, 0.8, 0.95)
# The simultaneous band of a rank histogram, and the level at which a parameter's uniformity is refused.
BAND = 0.99
# From this weight on a mode leaves nothing worth a group of its own.
CERTAIN = 0.9999
REFUSED = 1e-4


@dataclass(frozen=True)
class Survey:
    """Simulated systems: ranges of the number of visits, the baseline and the (log-uniform) errors; the orbits' prior.

    ``error_scale`` is the ratio of the true errors to the reported ones: 1, but where a test plants a fault.
    """

    visits: tuple[int, int]
    baseline_days: tuple[float, float]
    rv_err_kms: tuple[float, float]
    amplitude_sd_kms: float
    systemic_velocity_sd_kms: float
    error_scale: float = 1.0

    @property
    def system_model(self) -> SystemModel:
        """What the systems are drawn from, and inferred with."""
        return SystemModel(self.amplitude_sd_kms, self.systemic_velocity_sd_kms)


def simulate_system(
    name: str, ln_period: float, survey: Survey, rng: np.random.Generator
) -> tuple[Visits, np.ndarray]:
    """The visits of a system of given period, and its coefficients (a, b, v0) [km/s]."""
    count = int(rng.integers(survey.visits[0], survey.visits[1] + 1))
    baseline = float(np.exp(rng.uniform(*np.log(survey.baseline_days))))
    time = visit_times(count, max(baseline, 2.0 * count), rng)
    error = np.exp(rng.uniform(*np.log(survey.rv_err_kms))) * np.exp(rng.normal(0, 0.25, count))
    sd = survey.system_model.standard_deviations(Visits(name, time, np.zeros(count), error))
    theta = rng.normal(0, sd)
    velocity = radial_velocity(time, np.exp(ln_period), theta) + survey.error_scale * rng.normal(0, error)
    return Visits(name, time, velocity, error), theta


def rank_catalog(
    density: Bounded, systems: int, survey: Survey, draws: int, rng: np.random.Generator
) -> dict[str, int]:
    """Ranks of the truth among exact draws, in one simulated catalogue: hyper-parameters, and its first system."""
    truth = {name: float(draw_from(prior, rng)) for name, prior in density.parameters.items()}
    ln_periods = density.draw(tuple(truth.values()), systems, rng)
    simulated = [simulate_system(f"S{i}", x, survey, rng) for i, x in enumerate(ln_periods)]
    visits = [system for system, _ in simulated]
    likelihoods = period_likelihoods(visits, survey.system_model, density.period_range_days)
    hyper = population.posterior(likelihoods, density)
    # of the systems, only the first is drawn and ranked: the ranks of one catalogue's systems are not independent
    posterior = population.draw(likelihoods[:1], density, hyper, draws, lambda name: rng)["posterior"].to_dataset()
    drawn = {name: posterior[name].values.ravel() for name in (*truth, "lnP", "a", "b", "v0")}
    theta = simulated[0][1]
    truth |= {"lnP": ln_periods[0], "v0": theta[2]}
    truth["semi_amplitude"], drawn["semi_amplitude"] = np.hypot(*theta[:2]), np.hypot(drawn["a"], drawn["b"])
    return {name: int(np.sum(drawn[name] < value)) for name, value in truth.items()}


def rank_catalogs(
    chosen: Iterable[int], density: Bounded, systems: int, survey: Survey, draws: int, base_seed: int
) -> pd.DataFrame:
    """Ranks of some catalogues, a row each; a catalogue's numbers depend on its index alone."""
    rows = [
        {"catalog": k} | rank_catalog(density, systems, survey, draws, generator_for(base_seed, "calibrate", str(k)))
        for k in chosen
    ]
    return pd.DataFrame(rows)


def rank_counts(ranks: np.ndarray, draws: int) -> np.ndarray:
    """(20,) numbers of ranks (of 0..draws) in equal bins."""
    return np.histogram(ranks, bins=RANK_BINS, range=(-0.5, draws + 0.5))[0]


def band(count: int) -> tuple[float, float]:
    """Between which numbers all bins of a uniform rank histogram lie, with at least 99% probability (Bonferroni)."""
    tail = (1 - BAND) / (2 * RANK_BINS)
    low, high = binom.ppf([tail, 1 - tail], count, 1 / RANK_BINS)
    return float(low), float(high)


def calibration_table(ranks: pd.DataFrame, draws: int) -> pd.DataFrame:
    """One row a parameter: coverage of central intervals with their errors, and the chi-squared test of uniformity."""
    rows = []
    low, high = band(len(ranks))
    for name in ranks.columns.drop("catalog"):
        values = ranks[name].to_numpy()
        counts = rank_counts(values, draws)
        expected = len(values) / RANK_BINS
        p_value = float(chi2.sf(np.sum((counts - expected) ** 2 / expected), RANK_BINS - 1))
        # the middle of the draws' gap that the truth falls into, and how far from the median that is
        distance = np.abs((values + 0.5) / (draws + 1) - 0.5)
        row = {"parameter": name, "catalogs": len(values)}
        for share in COVERAGES:
            row[f"coverage_{share:.0%}"] = float(np.mean(distance < 0.5 * share))
            row[f"coverage_{share:.0%}_sd"] = float(np.sqrt(share * (1 - share) / len(values)))
        row |= {"bins_outside_band": int(np.sum((counts < low) | (counts > high))), "p_value": p_value}
        rows.append(row | {"status": "ok" if p_value > REFUSED else "not calibrated"})
    return pd.DataFrame(rows)


def recover_system(
    name: str, survey: Survey, period_range_days: tuple[float, float], rng: np.random.Generator
) -> dict[str, object]:
    """Simulate a system with P uniform over the range, and look for its period in two ways."""
    period = float(rng.uniform(*period_range_days))
    visits, _ = simulate_system(name, np.log(period), survey, rng)
    likelihood = period_likelihood(visits, survey.system_model, period_range_days)
    weights = mode_weights(likelihood, UniformPeriod(period_range_days))
    heaviest = int(weights.argmax())
    frequencies = np.exp(-likelihood.peak_ln_period)
    frequency, power = lomb_scargle(visits, period_range_days)
    element = 1 / visits.baseline_days
    return {
        "system": name,
        "n_visits": len(visits),
        "baseline_days": visits.baseline_days,
        "period_days": period,
        "lomb_scargle_right": bool(abs(frequency[power.argmax()] - 1 / period) < element),
        "refined_right": bool(abs(frequencies[0] - 1 / period) < element),
        "mode_weight": float(weights[heaviest]),
        "mode_right": bool(np.abs(frequencies - 1 / period).argmin() == heaviest),
    }


def recover_systems(
    chosen: Iterable[int], survey: Survey, period_range_days: tuple[float, float], base_seed: int
) -> pd.DataFrame:
    """The recovery of some systems, a row each; a system's numbers depend on its index alone."""
    names = [f"R{k:06d}" for k in chosen]
    rows = [
        recover_system(name, survey, period_range_days, generator_for(base_seed, "recover", name)) for name in names
    ]
    return pd.DataFrame(rows)


def reliability(recovered: pd.DataFrame, groups: int = 9) -> pd.DataFrame:
    """Mean weight of the heaviest mode and the share of the cases in which it is right.

    In equal groups by weight, and one group more of the weights that leave less than 1e-4 to others.
    """
    order = recovered.sort_values("mode_weight", ignore_index=True)
    certain = int(np.searchsorted(order["mode_weight"], CERTAIN))
    members = [*np.array_split(np.arange(certain), groups), np.arange(certain, len(order))]
    rows = []
    for some in filter(len, members):
        weight = np.minimum(order["mode_weight"].to_numpy()[some], 1.0)
        right = order["mode_right"].to_numpy()[some]
        error = np.sqrt(np.sum(weight * (1 - weight))) / len(some)
        rows.append((weight.min(), weight.max(), weight.mean(), right.mean(), error, len(some)))
    columns = ["weight_min", "weight_max", "weight_mean", "share_right", "share_expected_sd", "systems"]
    return pd.DataFrame(rows, columns=columns)


def recovery_table(recovered: pd.DataFrame) -> pd.DataFrame:
    """Shares of wrong periods by each way, and whether the weights of the heaviest modes are borne out."""
    weight, right = np.minimum(recovered["mode_weight"].to_numpy(), 1.0), recovered["mode_right"].to_numpy(float)
    z = (right.sum() - weight.sum()) / max(np.sqrt(np.sum(weight * (1 - weight))), 1e-12)
    rows = [
        ("wrong by Lomb-Scargle, as in the tutorial", 1 - recovered["lomb_scargle_right"].mean()),
        ("wrong by the highest refined peak", 1 - recovered["refined_right"].mean()),
        ("wrong by the heaviest mode", 1 - right.mean()),
        ("expected wrong from the modes' weights", 1 - weight.mean()),
        ("difference of the last two in standard errors", -z),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value"]).assign(systems=len(recovered))
