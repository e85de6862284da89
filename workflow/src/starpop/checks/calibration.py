"""Is the whole chain calibrated: simulated catalogues analysed as real ones, and the truth ranked among the draws.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): draw the parameters from their priors, visits from
the parameters, and independent draws from the posterior of these visits. If every step is right, the number of draws
below the true value is uniform on 0..L, for every parameter.

A case is a system model and a population. Its catalogues are simulated from the very model that analyses them, with
every coefficient and the noise's number drawn from its prior. In each catalogue there are ranked

- all hyper-parameters;
- of the first system ln P, v0, the noise's number, trend, offsets, and in place of a and b the semi-amplitude; and the
  ln of the scale of the amplitudes, where the population has a density of it;
- ln p(visits | parameters) of this system, which depends on all of them together, and on phases (Modrak et al. 2023,
  arXiv:2211.02383);
- in the place of both, of a population with stars that have no orbit, whether the first star is a binary.

The chain looks for periods x within a range, and does not normalise to it a population without ends of its own. So its
prior is p(h) prod_n p(x_n | h), restricted to catalogues of which all periods lie in the range; and that is what they
are drawn from: a catalogue with a period outside is drawn anew, hyper-parameters and all. However heavy the tails,
nothing is neglected; a population with ends within the range loses no catalogue.

In a case with a selection, of a population with such ends, stars are drawn until so many show what is asked for, and
the fit is corrected for it, with the probability to show it from simulated stars of the same survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy.stats import binom, chi2

from starpop.inference.amplitudes import SCALE
from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density, Range
from starpop.inference.priors import draw as draw_from
from starpop.inference.weighted import Posterior
from starpop.inference.with_singles import FRACTION
from starpop.orbits.conditions import Conditions, Star
from starpop.orbits.orbit import design_matrix, shape_points
from starpop.orbits.period_likelihood import PeriodLikelihood, period_likelihoods
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import amplitudes, population, survey
from starpop.populations.detection import Detection, seen_of, simulate_detection
from starpop.populations.simulate import Survey, scaled_models, simulate_system
from starpop.run.errors import InputError
from starpop.run.progress import progress
from starpop.run.seeds import generator_for

RANK_BINS = 20
COVERAGES = (0.5, 0.8, 0.95)
# The simultaneous band of a rank histogram.
BAND = 0.99
# The probability that a right chain fails any of a table's tests, at most (Bonferroni).
FALSE_ALARM = 0.01
MOST_TRIES = 1000
# Stars whose visits those simulated for a selection have, and how many these are.
TEMPLATES, SIMULATIONS = 500, 5000


class Ranked(Protocol):
    """A case of any kind: this one's binaries, or a cluster's stars (`cluster_calibration`)."""

    def ranks(self, draws: int, rng: np.random.Generator) -> dict[str, int]:
        """The ranks of the truth of one simulated catalogue."""


@dataclass(frozen=True)
class Case:
    """What catalogues are simulated from and analysed with: so many systems each, and the range of their periods.

    With a selection these are systems that meet its conditions, of however many.
    """

    system_model: SystemModel
    density: Density
    period_range_days: Range
    survey: Survey
    systems: int
    selection: Conditions | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Case:
        """An entry of ``calibration.cases`` of the resolved configuration."""
        period_range_days = tuple(settings["period_range_days"])
        return cls(
            SystemModel.from_settings(settings["system_model"]),
            density_from_settings(settings["population_model"], period_range_days),
            period_range_days,
            Survey(**settings["survey"]),
            settings["systems"],
            Conditions(**settings["selection"]) if "selection" in settings else None,
        )

    @cached_property
    def detection(self) -> Detection:
        """Who of the population meets the conditions: the same for all catalogues, from very many simulated stars."""
        rng = np.random.default_rng(TEMPLATES)
        templates = [simulate_system(f"T{i}", 1.0, self.survey, self.system_model, rng)[0] for i in range(TEMPLATES)]
        conditions = self.selection or Conditions()
        return simulate_detection(
            templates, self.system_model, self.period_range_days, conditions, SIMULATIONS, SIMULATIONS
        )

    def ranks(self, draws: int, rng: np.random.Generator) -> dict[str, int]:
        """The ranks of the truth of one simulated catalogue."""
        return rank_truth(*simulate_catalog(self, rng), self, draws, rng)


def draw_population(case: Case, rng: np.random.Generator) -> tuple[dict[str, float], np.ndarray]:
    """Hyper-parameters, and each system's ln P, all within the range."""
    low, high = np.log(case.period_range_days)
    for _ in range(MOST_TRIES):
        hyper = {name: float(draw_from(prior, rng)) for name, prior in case.density.parameters.items()}
        of_x = case.density.of_periods
        ln_periods = of_x.draw([hyper[name] for name in of_x.parameters], case.systems, rng)
        if low <= ln_periods.min() and ln_periods.max() <= high:
            return hyper, ln_periods
    raise InputError(
        f"calibration.population_models: of {MOST_TRIES} catalogues drawn from {case.density} none has all periods "
        f"in calibration.period_range_days, {np.exp(low):g} to {np.exp(high):g}; narrow its priors or widen the range."
    )


class SimulatedStar(NamedTuple):
    """The visits of a star, whether it is a binary, and all parameters of its orbit."""

    visits: Visits
    binary: bool
    parameters: dict[str, float]


def simulate_stars(
    case: Case, hyper: Mapping[str, float], ln_periods: np.ndarray, rng: np.random.Generator
) -> list[SimulatedStar]:
    """Stars of a population, of given ln P if they are binaries."""
    given: list[float | None] = [None] * case.systems
    if case.density.of_e is not None:
        given = list(case.density.of_e.draw(ln_periods, case.density.parameters_of_e(tuple(hyper.values())), rng))
    binary = rng.random(case.systems) < hyper[FRACTION] if case.density.has_singles else np.ones(case.systems, bool)
    models = scaled_models(case.system_model, case.density, tuple(hyper.values()), case.systems, rng)
    stars = []
    for i, (x, model, e, is_one) in enumerate(zip(ln_periods, models, given, binary, strict=True)):
        visits, drawn = simulate_system(f"S{i}", x, case.survey, model, rng, e, bool(is_one))
        scale = {} if case.density.of_s is None else {SCALE: float(np.log(model.amplitude_sd_kms))}
        stars.append(SimulatedStar(visits, bool(is_one), {"lnP": x} | scale | drawn))
    return stars


def those_seen(
    case: Case,
    conditions: Conditions,
    hyper: Mapping[str, float],
    stars: list[SimulatedStar],
    rng: np.random.Generator,
) -> list[SimulatedStar]:
    """As many stars that meet some conditions, of these, and of more of the same population where they are fewer."""
    seen: list[SimulatedStar] = []
    of_x = case.density.of_periods
    for _ in range(MOST_TRIES):
        measured = (Star(star.visits, case.system_model, case.period_range_days) for star in stars)
        seen += [star for star, one in zip(stars, measured, strict=True) if conditions.are_met_by(one)]
        if len(seen) >= case.systems:
            return [
                star._replace(visits=replace(star.visits, system=f"S{i}"))
                for i, star in enumerate(seen[: case.systems])
            ]
        ln_periods = of_x.draw([hyper[name] for name in of_x.parameters], case.systems, rng)
        stars = simulate_stars(case, hyper, ln_periods, rng)
    raise InputError(
        f"calibration.selections: of {MOST_TRIES * case.systems} stars drawn from {case.density} fewer than "
        f"{case.systems} meet {conditions}; ask less of them."
    )


def simulate_catalog(case: Case, rng: np.random.Generator) -> tuple[list[Visits], dict[str, float]]:
    """The visits of all systems; the true hyper-parameters, and all parameters of the first system.

    Of a system that may have no orbit it is whether it has one, ``binary``, in the place of the others.
    """
    hyper, ln_periods = draw_population(case, rng)
    stars = simulate_stars(case, hyper, ln_periods, rng)
    if case.selection is not None:
        stars = those_seen(case, case.selection, hyper, stars, rng)
    of_first = {"binary": float(stars[0].binary)} if case.density.has_singles else stars[0].parameters
    return [star.visits for star in stars], hyper | of_first


def ranked(parameters: Mapping[str, np.ndarray], visits: Visits, model: SystemModel) -> dict[str, np.ndarray]:
    """What is ranked (see the module), of (S,) values of each parameter."""
    values = dict(parameters)
    theta = np.stack([values[name] for name in model.coefficients(visits)], axis=-1)
    points = shape_points(np.exp(-values["lnP"]), values)
    velocity = (design_matrix(points, visits, model) @ theta[..., None])[..., 0]
    variance = model.noise.variances(model.noise_of(values, visits), visits)
    values["semi_amplitude"] = np.hypot(values.pop("a"), values.pop("b"))
    terms = (visits.rv_kms - velocity) ** 2 / variance + np.log(2 * np.pi * variance)
    return values | {"ln_likelihood": -0.5 * terms.sum(axis=1)}


def posterior_of(
    likelihoods: Sequence[PeriodLikelihood], case: Case, seed: int, rng: np.random.Generator
) -> tuple[Posterior, population.DrawSystem | None]:
    """The posterior of the hyper-parameters, and how systems are drawn, where the population has amplitudes."""
    if case.density.of_s is not None:
        return amplitudes.posterior(likelihoods, case.density, case.period_range_days, seed)
    density, fit = case.density, partial(survey.fitted, likelihoods, None, seed)
    if case.selection is not None:
        seen = seen_of(case.detection, density, case.systems)
        density, _ = survey.corrected(fit, density, seen, 1, rng)
    return fit(density)[0], None


def rank_truth(
    systems: list[Visits], truth: Mapping[str, float], case: Case, draws: int, rng: np.random.Generator
) -> dict[str, int]:
    """Analyse a catalogue, and rank the truth among draws of the hyper-parameters and of the first system."""
    likelihoods = period_likelihoods(systems, case.system_model, case.period_range_days)
    hyper, draw_system = posterior_of(likelihoods, case, int(rng.integers(2**31)), rng)
    # of the systems, only the first is drawn and ranked: the ranks of one catalogue's systems are not independent
    drawn_first = population.draw(likelihoods[:1], case.density, hyper, draws, lambda name: rng, draw_system)
    posterior = drawn_first["posterior"].to_dataset()
    if case.density.has_singles:
        values = {name: posterior[name].values.ravel() for name in truth}
        return {name: rank_among(values[name], value, rng) for name, value in truth.items()}
    drawn = ranked({name: posterior[name].values.ravel() for name in truth}, systems[0], case.system_model)
    true = ranked({name: np.array([value]) for name, value in truth.items()}, systems[0], case.system_model)
    return {name: int(np.sum(drawn[name] < value)) for name, value in true.items()}


def rank_among(drawn: np.ndarray, value: float, rng: np.random.Generator) -> int:
    """The rank of a true value among draws, any of those that it has among equal ones with the same chance."""
    return int(np.sum(drawn < value) + rng.integers(0, np.sum(drawn == value) + 1))


def rank_catalogs(chosen: Iterable[int], name: str, case: Ranked, draws: int, base_seed: int) -> pd.DataFrame:
    """Ranks of some catalogues of a case, a row for each parameter of each.

    A catalogue's numbers depend on the case's name and its own index alone.
    """
    rows = []
    for k in progress(chosen, "catalogues"):
        rng = generator_for(base_seed, "calibrate", name, str(k))
        rows += [(name, k, parameter, rank) for parameter, rank in case.ranks(draws, rng).items()]
    return pd.DataFrame(rows, columns=["case", "catalog", "parameter", "rank"])


def rank_counts(ranks: np.ndarray, draws: int) -> np.ndarray:
    """(20,) numbers of ranks (of 0..draws) in equal bins."""
    return np.histogram(ranks, bins=RANK_BINS, range=(-0.5, draws + 0.5))[0]


def band(count: int) -> tuple[float, float]:
    """Between which numbers all bins of a uniform rank histogram lie, with at least 99% probability (Bonferroni)."""
    tail = (1 - BAND) / (2 * RANK_BINS)
    low, high = binom.ppf([tail, 1 - tail], count, 1 / RANK_BINS)
    return float(low), float(high)


def calibration_table(ranks: pd.DataFrame, draws: int) -> pd.DataFrame:
    """One row a case and parameter: coverage of central intervals with its error, and the chi-squared test of ranks.

    A parameter is refused where p is below 1% over the number of the table's rows: of right chains, at least 99% pass
    as a whole.
    """
    rows = []
    for (case, parameter), some in ranks.groupby(["case", "parameter"], sort=False):
        values = some["rank"].to_numpy()
        counts, (low, high) = rank_counts(values, draws), band(len(values))
        expected = len(values) / RANK_BINS
        # the middle of the draws' gap that the truth falls into, and how far from the median that is
        distance = np.abs((values + 0.5) / (draws + 1) - 0.5)
        row = {"case": case, "parameter": parameter, "catalogs": len(values)}
        for share in COVERAGES:
            row[f"coverage_{share:.0%}"] = float(np.mean(distance < 0.5 * share))
            row[f"coverage_{share:.0%}_sd"] = float(np.sqrt(share * (1 - share) / len(values)))
        row["bins_outside_band"] = int(np.sum((counts < low) | (counts > high)))
        row["p_value"] = float(chi2.sf(np.sum((counts - expected) ** 2 / expected), RANK_BINS - 1))
        rows.append(row)
    table = pd.DataFrame(rows)
    passed = table["p_value"] > FALSE_ALARM / len(table)
    return table.assign(status=np.where(passed, "ok", "not calibrated"))
