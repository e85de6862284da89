"""Simulated data: the tutorial's star cluster, to the last digit, and the twin of the APOGEE binaries."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import Column, QTable, Table, vstack

from starpop.orbit import radial_velocity
from starpop.seeds import generator_for

FIRST_NIGHT_JD = 2455800.0
TWIN_META = {"description": "Simulated visits of 14 binaries, made by the rule simulate_twin from twin_truth.ecsv."}


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
