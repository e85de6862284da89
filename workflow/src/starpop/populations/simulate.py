"""Simulated data: the tutorial's star cluster, to the last digit; the twin of the APOGEE binaries; any system."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.table import Column, QTable, Table, vstack

from starpop.orbits.noise import UncertainNoise
from starpop.orbits.orbit import design_matrix, radial_velocity, shape_points
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.run.seeds import generator_for

FIRST_NIGHT_JD = 2455800.0
TWIN_META = {"description": "Simulated visits of 14 binaries, made by the rule simulate_twin from twin_truth.ecsv."}
# Of the visits of a simulated system whose model has offsets.
INSTRUMENTS = ("A", "B", "C")


@dataclass(frozen=True)
class Survey:
    """Ranges of the number of visits (uniform), the baseline and the errors (log-uniform) of simulated systems."""

    visits: tuple[int, int]
    baseline_days: tuple[float, float]
    rv_err_kms: tuple[float, float]


def simulate_cluster(
    stars: int,
    mean_distance_pc: float,
    depth_pc: float,
    log10_parallax_error_mas: tuple[float, float],
    seed: int,
) -> QTable:
    """Parallaxes of a star cluster: distances, then errors, then noise, drawn in the tutorial's order.

    Returns
    -------
    columns ``star``, ``distance`` [kpc] (the truth), ``parallax`` and ``parallax_error`` [mas]
    """
    rng = np.random.default_rng(seed)
    distance = rng.normal(mean_distance_pc, depth_pc, size=stars) * u.pc
    parallax = distance.to(u.mas, u.parallax())
    error = 10 ** rng.uniform(*log10_parallax_error_mas, size=stars)
    observed = rng.normal(parallax.value, error)
    return QTable(
        {
            "star": np.arange(stars),
            "distance": distance.to(u.kpc),
            "parallax": observed * u.mas,
            "parallax_error": error * u.mas,
        }
    )


def visit_times(visits: int, baseline_days: float, rng: np.random.Generator) -> np.ndarray:
    """Times of a survey's visits [d]: runs of a few nights, months apart, one visit a night.

    The first visit is at 0 and the last at the baseline; the others fall into some runs of up to two weeks. The
    baseline must have a night for each.
    """
    nights = int(baseline_days)
    runs = rng.integers(0, max(nights - 14, 1), size=max(visits // 5, 3))
    candidates = np.unique(np.add.outer(runs, np.arange(1, 14)))
    candidates = candidates[(candidates > 0) & (candidates < nights)]
    if len(candidates) < visits - 2:  # runs that overlap have too few nights: take any
        candidates = np.arange(1, nights)
    chosen = np.sort(rng.choice(candidates, visits - 2, replace=False))
    within_night = rng.uniform(-0.12, 0.12, size=visits - 2)
    return np.concatenate([[0.0], chosen + within_night, [baseline_days]])


def simulate_system(
    name: str,
    ln_period: float,
    survey: Survey,
    model: SystemModel,
    rng: np.random.Generator,
    e: float | None = None,
) -> tuple[Visits, dict[str, float]]:
    """The visits of a system of given period, and its other parameters, drawn from the priors of its model.

    Its eccentricity may be given, too.
    """
    count = int(rng.integers(survey.visits[0], survey.visits[1] + 1))
    baseline = float(np.exp(rng.uniform(*np.log(survey.baseline_days))))
    time = visit_times(count, max(baseline, 2.0 * count), rng)
    error = np.exp(rng.uniform(*np.log(survey.rv_err_kms))) * np.exp(rng.normal(0, 0.25, count))
    visits = Visits(name, time, np.zeros(count), error)
    if model.offsets:
        instrument = rng.integers(len(INSTRUMENTS), size=count)
        visits = replace(visits, instruments=INSTRUMENTS, instrument=instrument)
    shape = model.draw_shape(1, rng, e)
    point = shape_points(np.exp([-ln_period]), shape)
    (theta,) = model.draw_coefficients(point, visits, rng)
    parameters = {name: float(value) for name, (value,) in shape.items()}
    parameters |= dict(zip(model.coefficients(visits), theta, strict=True))
    ln_noise = 0.0
    if isinstance(model.noise, UncertainNoise):
        ln_noise = parameters[model.noise.parameter] = rng.normal(model.noise.mean, model.noise.sd)
    velocity = design_matrix(point, visits, model)[0] @ theta
    variance = model.noise.variance(np.array([ln_noise]), error)
    return replace(visits, rv_kms=velocity + rng.normal(0, np.sqrt(variance))), parameters


def simulate_twin(truth: Table, seed: int) -> Table:
    """Visits of simulated systems with known orbits, cadence, errors and jitter.

    Velocities and times are rounded to 1e-5, so that the table is the same on every machine.

    Parameters
    ----------
    truth : one row a system: ``system``, ``n_visits``, ``baseline`` [d], ``rv_err`` [km/s] (median), ``period``
        [d], ``a``, ``b``, ``v0``, ``jitter`` [km/s]
    seed : base seed; each system has a stream of its own
    """
    tables = []
    for row in truth:
        rng = generator_for(seed, "simulate_twin", str(row["system"]))
        time = visit_times(int(row["n_visits"]), float(row["baseline"]), rng)
        error = np.round(row["rv_err"] * np.exp(rng.normal(0, 0.25, len(time))), 5)
        orbit = radial_velocity(time, float(row["period"]), np.array([row["a"], row["b"], row["v0"]], float))
        noise = rng.normal(0, np.hypot(error, row["jitter"]))
        tables.append(
            Table(
                {
                    "system": [str(row["system"])] * len(time),
                    "time": Column(np.round(FIRST_NIGHT_JD + time, 5), unit=u.day),
                    "rv": Column(np.round(orbit + noise, 5), unit=u.km / u.s),
                    "rv_err": Column(error, unit=u.km / u.s),
                }
            )
        )
    return vstack(tables)
