"""How likely a star is found, by its period and semi-amplitude: simulated stars, measured as those of the table are.

A simulated star has the times, errors and instruments of a star of the table, drawn at random, an orbit of the system
model, and noise; it is found if it meets the conditions of the sample (`orbits.conditions`). Velocity, trend, offsets,
shape, phases and noise come from the model's priors. The semi-amplitude K, of which the probability to be found rises
from nothing to one within a factor of a few, is stratified: so many stars have it in each of some cells, within which
it has its prior, Rayleigh's density of scale s(P, e). The periods of the n stars of a cell lie one in each of n equal
parts of the range of x = ln P, of width X in all. So a star stands for

    w_i = (X / n) [exp(-K1^2 / 2 s_i^2) - exp(-K2^2 / 2 s_i^2)],        K1 and K2 the ends of its cell,

and for every density of periods, without bias, and where all weights of a cell are alike with hardly any variance from
where S is nearly 0 or 1,

    sum_i found_i w_i p(x_i | h) = integral of p(x | h) S(x) dx,

with S(x) the probability that a binary of that period is found. Further stars have no orbit. The numbers of a star
depend on its place in the list alone, and on how long that is.

Stars of nearly one period are summed as two that have their mean and variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from starpop.inference.density import Density, Range
from starpop.inference.seen import Seen
from starpop.orbits.conditions import Conditions, Star
from starpop.orbits.orbit import shape_points
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.condensed import grid_for
from starpop.populations.simulate import observe
from starpop.run.errors import InputError
from starpop.run.progress import progress
from starpop.run.seeds import generator_for

# Stars of the table whose visits are taken, of more than these those that their names choose.
MOST_TEMPLATES = 2000
# Cells of K; the first ends at so many errors of K at the best of the stars, the last begins at so many of the
# largest standard deviations of a and b.
CELLS, FAINTEST, STRONGEST = 16, 0.5, 2.5
# Bands of ln P: of the table and the figure, in each of which a cell's probability is one number.
BANDS = 12
# For each star with an orbit, so many without.
WITHOUT_ORBIT = 0.25
# Stars within such a step of ln P are of nearly one period.
STEP = 0.02


@dataclass(frozen=True)
class Detection:
    """Simulated stars, and whether each was found.

    Attributes
    ----------
    period_range_days : of their periods [d]
    edges_kms : (C + 1,) ends of the cells of K, the first 0 and the last infinite [km/s]
    ln_period, semi_amplitude_kms, weight : (M,) x_i, K_i and w_i (see the module)
    cell : (M,) of each star's K
    found : (M,) whether it meets the conditions
    found_without_orbit : (M0,) the same of stars without an orbit
    """

    period_range_days: Range
    edges_kms: np.ndarray
    ln_period: np.ndarray
    semi_amplitude_kms: np.ndarray
    weight: np.ndarray
    cell: np.ndarray
    found: np.ndarray
    found_without_orbit: np.ndarray

    @property
    def bands_days(self) -> np.ndarray:
        """(BANDS + 1,) ends of the bands of periods [d]."""
        return np.geomspace(*self.period_range_days, BANDS + 1)

    @property
    def band(self) -> np.ndarray:
        """(M,) of each star's period."""
        return np.clip(np.searchsorted(np.log(self.bands_days), self.ln_period, side="right") - 1, 0, BANDS - 1)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(BANDS, C) stars that were simulated, and that were found, of each band of P and cell of K."""
        shape = BANDS, len(self.edges_kms) - 1
        place = self.band * shape[1] + self.cell
        simulated, found = (
            np.bincount(place, weights, np.prod(shape)).reshape(shape) for weights in (None, self.found)
        )
        return simulated, found

    def variance(self) -> np.ndarray:
        """(M,) variance of w_i found_i: of the weights, and of the share that is found, in the star's band and cell.

        That share is uniform before it is known.
        """
        simulated, found = self.counts()
        probability = (found + 1) / (simulated + 2)
        place = self.band * simulated.shape[1] + self.cell
        first, second = (
            np.bincount(place, self.weight**k, simulated.size).reshape(simulated.shape) / np.maximum(simulated, 1)
            for k in (1, 2)
        )
        return (second * probability - (first * probability) ** 2)[self.band, self.cell]

    def as_dataset(self) -> xr.Dataset:
        """All of it, to be stored."""
        return xr.Dataset(
            {
                "ln_period": ("star", self.ln_period),
                "semi_amplitude_kms": ("star", self.semi_amplitude_kms),
                "weight": ("star", self.weight),
                "cell": ("star", self.cell),
                "found": ("star", self.found.astype(np.int8)),
                "found_without_orbit": ("single", self.found_without_orbit.astype(np.int8)),
                "semi_amplitude_edge_kms": ("edge", self.edges_kms),
                "period_range_days": ("end", np.array(self.period_range_days)),
            }
        )

    @classmethod
    def from_dataset(cls, stored: xr.Dataset) -> Detection:
        """What `as_dataset` has stored."""
        low, high = map(float, stored["period_range_days"].values)
        edges, stars = stored["semi_amplitude_edge_kms"].values, ("ln_period", "semi_amplitude_kms", "weight", "cell")
        found = (stored[name].values.astype(bool) for name in ("found", "found_without_orbit"))
        return cls((low, high), edges, *(stored[name].values for name in stars), *found)


def criterion(selection: Mapping[str, Any], ln_bayes_orbit: float) -> Conditions:
    """What makes a star found: that it is in the sample, or if all are that an orbit is so much likelier than none."""
    return Conditions(**(selection or {"ln_bayes_orbit": ln_bayes_orbit}))


def edges_of(templates: Sequence[Visits], model: SystemModel, period_range_days: Range) -> np.ndarray:
    """(CELLS + 1,) ends of the cells of K, from where nothing is found to where the prior ends [km/s]."""
    errors = [np.median(visits.rv_err_kms) * np.sqrt(2 / len(visits)) for visits in templates]
    widest = model.amplitude_sd_kms * model.amplitude_scale(1 / period_range_days[0], 0.0)
    faintest = min(FAINTEST * min(errors), 0.1 * widest)
    return np.concatenate([[0.0], np.geomspace(faintest, STRONGEST * widest, CELLS - 1), [np.inf]])


def stars_of_cells(edges_kms: np.ndarray, model: SystemModel, period_range_days: Range, count: int) -> np.ndarray:
    """(CELLS,) stars to simulate in each cell of K: half of them evenly, half by the prior's mass in each."""
    middle = np.sqrt(period_range_days[0] * period_range_days[1])
    scale = model.amplitude_sd_kms * model.amplitude_scale(1 / middle, 0.0)
    mass = -np.diff(np.exp(-0.5 * (edges_kms / scale) ** 2))
    return np.ceil(0.5 * count * (1 / CELLS + mass)).astype(int)


def simulate_detection(
    templates: Sequence[Visits],
    model: SystemModel,
    period_range_days: Range,
    conditions: Conditions,
    simulations: int,
    base_seed: int,
) -> Detection:
    """Simulate stars with the visits of some, and see which are found.

    Parameters
    ----------
    templates : whose visits are taken
    model : of the orbits and the noise, which are fitted by it too where a condition is on the fit
    period_range_days : of the periods [d], uniform in their ln
    conditions : of the sample
    simulations : stars with an orbit, to which a few are added so that the cells have whole numbers of them
    base_seed : each star's generator has a seed of its own
    """
    (low, high), edges = np.log(period_range_days), edges_of(templates, model, period_range_days)
    sizes = stars_of_cells(edges, model, period_range_days, simulations)
    cell, place = np.repeat(np.arange(CELLS), sizes), np.concatenate([np.arange(size) for size in sizes])
    count = len(cell)
    x, amplitude, weight, found = np.empty(count), np.empty(count), np.empty(count), np.zeros(count, bool)
    for i in progress(range(count), "simulated stars"):
        rng = generator_for(base_seed, "detection", str(i))
        part = (high - low) / sizes[cell[i]]
        x[i] = low + part * (place[i] + rng.random())
        ends = float(edges[cell[i]]), float(edges[cell[i] + 1])
        visits, amplitude[i], mass = binary(any_of(templates, rng), model, x[i], ends, rng)
        weight[i] = mass * part
        found[i] = conditions.are_met_by(Star(visits, model, period_range_days))
    alone = np.zeros(int(np.ceil(WITHOUT_ORBIT * count)), bool)
    for i in progress(range(len(alone)), "simulated stars without an orbit"):
        rng = generator_for(base_seed, "detection without orbit", str(i))
        visits = single(any_of(templates, rng), model, rng)
        alone[i] = conditions.are_met_by(Star(visits, model, period_range_days))
    return Detection(period_range_days, edges, x, amplitude, weight, cell, found, alone)


def any_of(templates: Sequence[Visits], rng: np.random.Generator) -> Visits:
    """One of some stars."""
    return templates[int(rng.integers(len(templates)))]


def binary(
    template: Visits, model: SystemModel, ln_period: float, ends_kms: tuple[float, float], rng: np.random.Generator
) -> tuple[Visits, float, float]:
    """A star of a period and a semi-amplitude between two ends [km/s]: its visits, K, and the prior's mass there."""
    point = shape_points(np.exp([-ln_period]), model.draw_shape(1, rng))
    scale = float(model.deviations_at(point, template)[0, 0])
    # of K^2 / 2 s^2, which is exponential, so that no tail is lost
    lowest, highest = 0.5 * (ends_kms[0] / scale) ** 2, 0.5 * (ends_kms[1] / scale) ** 2
    share = -np.expm1(lowest - highest)
    amplitude = scale * np.sqrt(2 * (lowest - np.log1p(-share * rng.random())))
    (theta,) = model.draw_coefficients(point, template, rng)
    theta[:2] *= amplitude / np.hypot(*theta[:2])
    return observe(template, point, theta, model, rng)[0], float(amplitude), float(np.exp(-lowest) * share)


def single(template: Visits, model: SystemModel, rng: np.random.Generator) -> Visits:
    """The visits of a star without an orbit."""
    point = shape_points(np.ones(1), model.draw_shape(1, rng))
    (theta,) = model.draw_coefficients(point, template, rng)
    theta[:2] = 0
    return observe(template, point, theta, model, rng)[0]


def seen_of(detection: Detection, density: Density, stars: int) -> Seen:
    """What a population of some density needs to know of who is in the sample.

    Parameters
    ----------
    density : of the periods, and of stars without an orbit if it has them
    stars : of the sample
    """
    low, high = np.log(detection.period_range_days)
    ends = max(low, density.support[0]), min(high, density.support[1])
    within = (detection.ln_period >= ends[0]) & (detection.ln_period <= ends[1])
    if not detection.found[within].any():
        raise InputError(
            f"detection.simulations: of {np.sum(within)} simulated stars none meets the conditions of the selection: "
            "nothing is known of who is in the sample. Simulate more stars, or ask less of them."
        )
    x, weight = detection.ln_period[within], detection.weight[within]
    cell = np.searchsorted(grid_for(density, ends, STEP).points, x, side="right")
    points, share, variance = _two_a_cell(cell, x, weight * detection.found[within], detection.variance()[within])
    middles = np.sqrt(detection.bands_days[1:] * detection.bands_days[:-1])
    probability = np.interp(points, np.log(middles), by_period(detection)[0])
    of_binaries = Seen(points, share, variance, probability, stars)
    if not density.has_singles:
        return of_binaries
    # none of those simulated is not none of all: without an orbit any velocities are possible
    found, count = detection.found_without_orbit.sum(), len(detection.found_without_orbit)
    expected = float((found + 0.5) / (count + 1))
    return of_binaries.with_singles(Density.NO_ORBIT, expected, expected * (1 - expected) / (count + 2))


def _two_a_cell(
    cell: np.ndarray, x: np.ndarray, weight: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ascending points, two of half the weight a cell, with the mean and variance of x in it, and half its variance.

    No weight is negative, as those of polynomials may be: a sum of theirs has a logarithm wherever the density is.
    """
    _, cell = np.unique(cell, return_inverse=True)
    total = np.bincount(cell, weight)
    # where none is found the places of all, of which only the error counts
    share = np.where(total[cell] > 0, weight, 1.0)
    whole = np.bincount(cell, share)
    mean = np.bincount(cell, share * x) / whole
    sd = np.sqrt(np.bincount(cell, share * (x - mean[cell]) ** 2) / whole)
    half = np.repeat(0.5 * total, 2), np.repeat(0.5 * np.bincount(cell, variance), 2)
    return np.column_stack([mean - sd, mean + sd]).ravel(), *half


def table_of(detection: Detection) -> pd.DataFrame:
    """A row for each band of periods and cell of semi-amplitudes, and for each band with K as the prior has it."""
    simulated, found = detection.counts()
    bands, edges = detection.bands_days, detection.edges_kms
    rows = [
        (*bands[b : b + 2], *edges[c : c + 2], int(simulated[b, c]), int(found[b, c]))
        for b in range(BANDS)
        for c in range(len(edges) - 1)
    ]
    names = ("period_min_days", "period_max_days", "semi_amplitude_min_kms", "semi_amplitude_max_kms")
    table = pd.DataFrame(rows, columns=[*names, "simulated", "found"])
    expected = (table["found"] + 1) / (table["simulated"] + 2)
    return table.assign(
        probability=table["found"] / table["simulated"],
        probability_sd=np.sqrt(expected * (1 - expected) / (table["simulated"] + 3)),
    )


def by_period(detection: Detection) -> tuple[np.ndarray, np.ndarray]:
    """(BANDS,) probability that a binary of a period in each band is found, K as the prior has it, and its error."""
    total = np.bincount(detection.band, detection.weight, BANDS)
    found = np.bincount(detection.band, detection.weight * detection.found, BANDS)
    variance = np.bincount(detection.band, detection.variance(), BANDS)
    total = np.maximum(total, np.finfo(float).tiny)
    return found / total, np.sqrt(variance) / total
