"""The recovery study: how often is the period of a simulated system right, and does its posterior know.

Systems are simulated with P uniform over the scanned range. Their periods are looked for by Lomb-Scargle, as in the
tutorial, and by the heaviest mode of the posterior; and a mode of weight w should be right in a share w of the cases.
It is right if of all modes it is the nearest to the truth, and the truth lies where the posterior has mass at all: a
search that has missed the true mode is not right by the nearest of the others.
Their orbits are drawn from the prior of the model that they are analysed with, circles or ellipses.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from starpop.inference.densities import UniformPeriod
from starpop.inference.density import Range
from starpop.orbits.period_likelihood import mode_weights, period_likelihood
from starpop.orbits.periods import lomb_scargle
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import Survey, simulate_system
from starpop.run.progress import progress
from starpop.run.seeds import generator_for

# From this weight on a mode leaves nothing worth a group of its own.
CERTAIN = 0.9999


def recover_system(
    name: str, survey: Survey, model: SystemModel, period_range_days: Range, rng: np.random.Generator
) -> dict[str, object]:
    """Simulate a system with P uniform over the range, and look for its period in two ways."""
    period = float(rng.uniform(*period_range_days))
    visits, _ = simulate_system(name, np.log(period), survey, model, rng)
    likelihood = period_likelihood(visits, model, period_range_days)
    weights = mode_weights(likelihood, UniformPeriod(period_range_days))
    heaviest = int(weights.argmax())
    frequencies = np.exp(-likelihood.peak_ln_period)
    held = np.any((likelihood.panel_low <= 1 / period) & (1 / period <= likelihood.panel_high))
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
        "mode_right": bool(held and np.abs(frequencies - 1 / period).argmin() == heaviest),
    }


def recover_systems(
    chosen: Iterable[int], survey: Survey, model: SystemModel, period_range_days: Range, base_seed: int
) -> pd.DataFrame:
    """The recovery of some systems, a row each; a system's numbers depend on its index alone."""
    names = [f"R{k:06d}" for k in chosen]
    rows = [
        recover_system(name, survey, model, period_range_days, generator_for(base_seed, "recover", name))
        for name in progress(names)
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
