"""Simulated data: the tutorial's star cluster, to the last digit; the twin of the APOGEE binaries; systems; surveys.

A survey of any number of systems is simulated in shares, so that none needs more memory than another. The numbers of a
system depend on its name alone: the first systems of a larger survey are those of a smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, QTable, Table, vstack

from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density, Range
from starpop.orbits.noise import UncertainNoise
from starpop.orbits.orbit import design_matrix, radial_velocity, shape_points
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.populations.cadences import CADENCES, visit_times
from starpop.run.errors import InputError, nearest
from starpop.run.progress import progress
from starpop.run.seeds import generator_for
from starpop.run.settings import SHARE

FIRST_NIGHT_JD = 2455800.0
TWIN_META = {"description": "Simulated visits of 14 binaries, made by the rule simulate_twin from twin_truth.ecsv."}
# Points that a density is normalised on, within the range of periods.
NORMALISED_ON = 4001
# Of the visits of a simulated system whose model has offsets.
INSTRUMENTS = ("A", "B", "C")


@dataclass(frozen=True)
class Survey:
    """Ranges of the number of visits (uniform), the baseline and the errors (log-uniform) of simulated systems.

    Whose `cadence` is one of `CADENCES`.
    """

    visits: tuple[int, int]
    baseline_days: tuple[float, float]
    rv_err_kms: tuple[float, float]
    cadence: str = "apogee"


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


def simulate_system(
    name: str,
    ln_period: float,
    survey: Survey,
    model: SystemModel,
    rng: np.random.Generator,
    e: float | None = None,
    binary: bool = True,
) -> tuple[Visits, dict[str, float]]:
    """The visits of a system of given period, and its other parameters, drawn from the priors of its model.

    Its eccentricity may be given, too; and a star that is no binary has amplitudes of zero.
    """
    count = int(rng.integers(survey.visits[0], survey.visits[1] + 1))
    baseline = float(np.exp(rng.uniform(*np.log(survey.baseline_days))))
    time = CADENCES[survey.cadence](count, max(baseline, 2.0 * count), rng)
    error = np.exp(rng.uniform(*np.log(survey.rv_err_kms))) * np.exp(rng.normal(0, 0.25, count))
    visits = Visits(name, time, np.zeros(count), error)
    if model.offsets or model.noise.of_instruments:
        names = INSTRUMENTS[:2] if model.noise.of_instruments else INSTRUMENTS  # of three, fits take long
        visits = replace(visits, instruments=names, instrument=rng.integers(len(names), size=count))
    shape = model.draw_shape(1, rng, e)
    point = shape_points(np.exp([-ln_period]), shape)
    (theta,) = model.draw_coefficients(point, visits, rng)
    theta[:2] *= binary
    parameters = {name: float(value) for name, (value,) in shape.items()}
    parameters |= dict(zip(model.coefficients(visits), theta, strict=True))
    visits, noise = observe(visits, point, theta, model, rng)
    return visits, parameters | noise


def scaled_models(
    model: SystemModel, density: Density, hyper: Sequence[Any], size: int, rng: np.random.Generator
) -> list[SystemModel]:
    """The model for each of some systems: with the scales of the amplitudes that a population has, if it has these."""
    if density.of_s is None:
        return [model] * size
    scales = np.exp(density.of_s.draw(density.parameters_of_s(hyper), size, rng))
    return [replace(model, amplitude_sd_kms=float(scale)) for scale in scales]


def observe(
    visits: Visits, point: np.ndarray, theta: np.ndarray, model: SystemModel, rng: np.random.Generator
) -> tuple[Visits, dict[str, float]]:
    """Visits with the velocities of an orbit and its noise, whose numbers, given too, are drawn from their prior.

    Parameters
    ----------
    visits : whose times and errors are kept
    point : (1, 3) frequency, eccentricity and mean anomaly (`orbit.shape_points`)
    theta : (p,) coefficients of the model
    """
    noise: dict[str, float] = {}
    if isinstance(model.noise, UncertainNoise):
        noise = {name: float(value) for name, (value,) in model.noise.draw(visits, 1, rng).items()}
    velocity = design_matrix(point, visits, model)[0] @ theta
    variance = model.noise.variances(model.noise_of(noise, visits), visits)
    return replace(visits, rv_kms=velocity + rng.normal(0, np.sqrt(variance))), noise


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


def _population(settings: Mapping[str, Any], period_range_days: Range) -> tuple[Density, list[float]]:
    """The density that a survey is simulated from, and the values of its parameters."""
    density = density_from_settings(settings["population_model"], period_range_days)
    if settings["parameters"].keys() != density.parameters.keys():
        raise InputError(
            f"simulation.parameters: {', '.join(settings['parameters'])}; expected a value of each parameter of the "
            f"population model, {', '.join(density.parameters)}."
            + "".join(nearest(name, density.parameters) for name in settings["parameters"].keys() - density.parameters)
        )
    return density, [settings["parameters"][name] for name in density.parameters]


def simulated_density(settings: Mapping[str, Any], period_range_days: Range) -> Callable[[np.ndarray], np.ndarray]:
    """The ln of the density of ln P within the range [d] that a survey is simulated from, as a function of ln P."""
    density, hyper = _population(settings, period_range_days)
    of_x, own = density.of_periods, density.parameters_of_periods(hyper)
    low, high = np.log(period_range_days)
    grid = np.linspace(low, high, NORMALISED_ON)
    within = np.trapezoid(np.exp(of_x.ln_pdf(grid, *own)), grid)
    return lambda x: of_x.ln_pdf(x, *own) - np.log(within)


def simulated_amplitudes(
    settings: Mapping[str, Any], period_range_days: Range
) -> Callable[[np.ndarray], np.ndarray] | None:
    """The same of ln K; None where the population has no density of it."""
    density, hyper = _population(settings, period_range_days)
    if density.of_s is None:
        return None
    of_k, own = density.of_s.of_ln_amplitude, density.parameters_of_s(hyper)
    return lambda ln_amplitude: of_k.ln_pdf(ln_amplitude, None, *own)[0]


def simulate_survey(settings: Mapping[str, Any], share: int) -> tuple[Table, Table]:
    """A share of a survey's systems: its visits, and the truth.

    Parameters
    ----------
    settings : ``simulation`` of a catalogue's entry, with its models complete, and its ``period_range_days``
    share : which `SHARE` of the systems

    Returns
    -------
    the visits, with the columns ``system``, ``time`` [d], ``rv`` and ``rv_err`` [km/s]; and a row for each system:
    ``system``, ``period_days`` and ``e`` (NaN of a star that is no binary), ``semi_amplitude_kms``, ``v0_kms``,
    ``ln_noise`` (0 where the errors are right)
    """
    survey, range_days = Survey(**settings["survey"]), settings["period_range_days"]
    model = SystemModel.from_settings(settings["system_model"])
    density, hyper = _population(settings, range_days)
    of_periods = [np.array([value]) for value in density.parameters_of_periods(hyper)]
    visits, truth = [], []
    for k in progress(range(share * SHARE, min((share + 1) * SHARE, settings["systems"]))):
        rng = generator_for(settings["seed"], "simulate_survey", name := f"S{k:08d}")
        (x,) = density.of_periods.draw_within(range_days, of_periods, rng)
        e = None if density.of_e is None else density.of_e.draw(np.array([x]), density.parameters_of_e(hyper), rng)[0]
        binary = not density.has_singles or bool(rng.random() < hyper[0])
        (own,) = scaled_models(model, density, hyper, 1, rng)
        system, drawn = simulate_system(name, x, survey, own, rng, e, binary)
        visits.append(system)
        ln_noise = 0.0 if model.noise.parameter is None else drawn[model.noise.parameter]
        period, e = (np.exp(x), drawn.get("e", 0.0)) if binary else (np.nan, np.nan)
        truth.append((name, period, np.hypot(drawn["a"], drawn["b"]), e, drawn["v0"], ln_noise))
    table = Table(
        {
            "system": np.repeat([s.system for s in visits], [len(s) for s in visits]),
            "time": Column(FIRST_NIGHT_JD + np.concatenate([s.time_days for s in visits]), unit=u.day),
            "rv": Column(np.concatenate([s.rv_kms for s in visits]), unit=u.km / u.s),
            "rv_err": Column(np.concatenate([s.rv_err_kms for s in visits]), unit=u.km / u.s),
        }
    )
    names = ("system", "period_days", "semi_amplitude_kms", "e", "v0_kms", "ln_noise")
    units = {"period_days": u.day, "semi_amplitude_kms": u.km / u.s, "v0_kms": u.km / u.s}
    return table, Table(rows=truth, names=names, units=units)
