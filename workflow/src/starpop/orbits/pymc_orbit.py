"""The visits' part of the PyMC models: coefficients, noise and velocities of one system or of many.

theta_i ~ N(0, s_i)  (`SystemModel.deviations_at`),        u ~ N(mean, sd)  (`noise`),
v_j ~ N(sum_i theta_i A_ij(P), variance_j(u)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from starpop.orbits.noise import Scaled, UncertainNoise
from starpop.orbits.orbit import middle_of
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits


def data(visits: Visits, model: SystemModel) -> dict[str, np.ndarray]:
    """What a model takes from one system: times [d], velocities and errors [km/s], and the columns after v0's.

    Times are from the first visit, and of a Keplerian orbit from the middle.

    Of a model with offsets also the standard deviation of their prior [km/s], which is the system's own.
    """
    time = visits.time_days - (middle_of(visits) if model.orbit == "keplerian" else 0.0)
    values = {"t": time, "rv_observed": visits.rv_kms, "rv_err": visits.rv_err_kms}
    if isinstance(model.noise, UncertainNoise) and len(names := model.noise.names(visits)) > 1:
        values["own_noise"] = (model.noise.group(visits)[:, None] == np.arange(len(names))).astype(float)
    static = model.static_columns(visits)[:, 1:]
    values |= {"static": static} if static.shape[1] else {}
    return values | ({"offset_sd": np.array([model.offset_sd_kms], float)} if model.offsets else {})


def observe(
    model: SystemModel,
    visits: Visits,
    values: dict[str, Any],
    period: Any,
    index: Any = None,
    amplitude_sd: Any = None,
) -> None:
    """Add coefficients, noise and visits to the PyMC model of the context.

    Parameters
    ----------
    visits : a system, for the names of the coefficients
    values : of `data`, of one system or concatenated
    period : of every system, or of the one [d]
    index : the system of every visit, where the model has the dimension ``system``
    amplitude_sd : of every system, in the place of the model's [km/s]
    """
    import pymc as pm

    from starpop.orbits import pymc_kepler

    dims = None if index is None else "system"

    def of_visit(variable: Any) -> Any:
        return variable if index is None else variable[index]

    names = model.coefficients(visits)
    deviations = model.standard_deviations(visits)
    noise, numbers = model.noise, []
    if isinstance(noise, UncertainNoise):
        numbers = [of_visit(pm.Normal(name, noise.mean, noise.sd, dims=dims)) for name in noise.names(visits)]

    e, start = pymc_kepler.shape(model.eccentricity, dims) if model.orbit == "keplerian" else (0.0, 0.0)

    def deviation(name: str, sd: Any) -> Any:
        if name in ("a", "b"):
            sd = sd if amplitude_sd is None else amplitude_sd
            return sd * model.amplitude_scale(1 / period, e) if model.amplitude_scaling == "kepler" else sd
        if not name.startswith("offset_"):
            return sd
        return values["offset_sd"][0] if index is None else values["offset_sd"]

    variables = [
        pm.Normal(name, 0, deviation(name, sd), dims=dims) for name, sd in zip(names, deviations, strict=True)
    ]
    a, b, constant, *others = [of_visit(variable) for variable in variables]
    phase = 2 * np.pi * values["t"] / of_visit(period)
    if model.orbit == "keplerian":
        cosine, sine = pymc_kepler.columns(phase + of_visit(start), of_visit(e), of_visit(start))
    else:
        cosine, sine = pm.math.cos(phase), pm.math.sin(phase)
    velocity = a * cosine + b * sine
    velocity += constant + sum(c * values["static"][:, q] for q, c in enumerate(others))
    error = _error(values, numbers, isinstance(noise, Scaled)) if numbers else values["rv_err"]
    pm.Normal("rv", velocity, error, observed=values["rv_observed"])


def _error(values: dict[str, Any], numbers: Sequence[Any], scaled: bool) -> Any:
    """The error of each visit with its noise, by the number of its own instrument where they are told apart."""
    import pymc as pm

    several = len(numbers) > 1
    number = (pm.math.stack(numbers, axis=-1) * values["own_noise"]).sum(axis=-1) if several else numbers[0]
    error = values["rv_err"]
    return error * pm.math.exp(number) if scaled else pm.math.sqrt(error**2 + pm.math.exp(2 * number))


def concatenated(systems: Sequence[Visits], models: Sequence[SystemModel]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`data` of some systems, one after the other, and the system of every visit."""
    parts = [data(visits, model) for visits, model in zip(systems, models, strict=True)]
    index = np.repeat(np.arange(len(systems)), [len(visits) for visits in systems])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, index
