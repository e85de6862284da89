"""The likelihood of an orbit, linear in everything but its period and its noise: the slow and obvious reference.

With A the basis of a `system_model` at the period P = 1/f, C = diag(variances at the noise u), and the prior
theta ~ N(0, L), the coefficients integrate out of v = A theta + noise:

    ln L(P, u) = -1/2 min_theta [ (v - A theta)' C^-1 (v - A theta) + theta' L^-1 theta ]
                 - 1/2 ln |B| - 1/2 ln |L| - 1/2 sum ln(2 pi C_jj),         B = A' C^-1 A + L^-1,

    theta | P, u ~ N(B^-1 A' C^-1 v, B^-1).

| symbol | here |
|---|---|
| P, f = 1/P | ``period_days``, ``frequency`` [1/d] |
| u | ``ln_noise``, the number of the noise model |
| theta, L | `SystemModel.coefficients`, ``.deviations_at`` |
| min_theta [...] | ``penalised_chi2`` |

Everything is evaluated from residuals, not from differences of large sums, and in plain NumPy: faster paths
are tested against this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve

from starpop.orbits.system_model import SHAPE, SystemModel
from starpop.orbits.visits import Visits


@dataclass(frozen=True)
class Conditional:
    """The coefficients at given periods: theta | P ~ N(mean, covariance), and what the fit leaves.

    Attributes
    ----------
    mean : (F, p) conditional means of the coefficients [km/s]
    cholesky : (F, p, p) lower Cholesky factor of the precision B [s^2/km^2]
    chi2 : (F,) sum of squared normalised residuals at the mean
    penalised_chi2 : (F,) chi2 plus the prior's term
    """

    mean: np.ndarray
    cholesky: np.ndarray
    chi2: np.ndarray
    penalised_chi2: np.ndarray

    def covariance(self, index: int = 0) -> np.ndarray:
        """(p, p) covariance of the coefficients at one of the periods [km^2/s^2]."""
        return cho_solve((self.cholesky[index], True), np.eye(self.mean.shape[1]))


def harmonic_columns(frequency: np.ndarray, time_days: np.ndarray, harmonics: int) -> np.ndarray:
    """(F, J, 2H) columns cos and sin of every harmonic at F frequencies [1/d] and J times [d]."""
    phase = 2 * np.pi * np.multiply.outer(np.atleast_1d(frequency), time_days)
    waves = [wave(h * phase) for h in range(1, harmonics + 1) for wave in (np.cos, np.sin)]
    return np.stack(waves, axis=-1)


def design_matrix(points: np.ndarray, visits: Visits, model: SystemModel) -> np.ndarray:
    """(F, J, p) the basis A at (F,) frequencies [1/d], or (F, 3) periods and shapes of Keplerian orbits."""
    points = whole_points(points)
    orbit = orbit_columns(points, visits, model)
    static = model.static_columns(visits)
    return np.concatenate([orbit, np.broadcast_to(static, (*orbit.shape[:2], static.shape[1]))], axis=-1)


def whole_points(points: np.ndarray) -> np.ndarray:
    """(F, 3) such points, of circles where frequencies alone are given."""
    points = np.atleast_1d(points)
    return shape_points(points, {}) if points.ndim == 1 else points


def radial_velocity(time_days: np.ndarray, period_days: float, coefficients: np.ndarray) -> np.ndarray:
    """(J,) velocities [km/s] of a circular orbit with coefficients (a, b, v0) [km/s]."""
    *wave, v0 = coefficients
    return harmonic_columns(np.array([1 / period_days]), time_days, 1)[0] @ wave + v0


def middle_of(visits: Visits) -> float:
    """The middle of a system's visits, where its mean anomaly is counted from [d after the first]."""
    return 0.5 * visits.baseline_days


def angles(draws: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean anomaly at the middle of the visits, and argument of periastron, of drawn Keplerian orbits [rad]."""
    anomaly = np.arctan2(draws["k"], draws["h"])
    return anomaly, np.arctan2(-draws["b"], draws["a"]) - anomaly


def shape_points(frequency: np.ndarray, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """(S, 3) frequency [1/d], eccentricity and mean anomaly [rad] of drawn orbits; the last two zero for circles."""
    if "e" not in draws:
        return np.column_stack([frequency, np.zeros((len(frequency), 2))])
    return np.column_stack([frequency, draws["e"], np.arctan2(draws["k"], draws["h"])])


def keplerian_columns(points: np.ndarray, visits: Visits, time_days: np.ndarray) -> np.ndarray:
    """(S, J, 2) the columns of a and b of Keplerian orbits, at times from a system's first visit [d]."""
    from starpop.orbits.ellipse.kepler import columns  # compiled code takes a while to load

    return columns(points, time_days - middle_of(visits))


def orbit_columns(points: np.ndarray, visits: Visits, model: SystemModel) -> np.ndarray:
    """(S, J, 2) the columns of a and b, of orbits with a model."""
    if model.orbit == "keplerian":
        return keplerian_columns(points, visits, visits.time_days)
    return harmonic_columns(points[:, 0], visits.time_days, 1)


def wave(visits: Visits, orbit: Mapping[str, float], time_days: np.ndarray | None = None) -> np.ndarray:
    """(J,) velocities [km/s] of an orbit and its v0, from its parameters by name: P, a, b, v0, and e, h, k.

    They are those at the visits, or at other times from the first visit [d].
    """
    time_days = visits.time_days if time_days is None else time_days
    theta = np.array([orbit["a"], orbit["b"]])
    if "e" in orbit:
        points = shape_points(np.array([1 / orbit["P"]]), {name: np.array([orbit[name]]) for name in SHAPE})
        return keplerian_columns(points, visits, time_days)[0] @ theta + orbit["v0"]
    return harmonic_columns(np.array([1 / orbit["P"]]), time_days, 1)[0] @ theta + orbit["v0"]


def without_trend_and_offsets(visits: Visits, orbit: Mapping[str, float]) -> Visits:
    """The visits with the trend and the instruments' offsets taken off, as `wave` describes them."""
    trend = sum(name.startswith("trend_") for name in orbit)
    others = SystemModel(1, 1, trend=trend, offsets=any(name.startswith("offset_") for name in orbit))
    theta = [orbit[name] for name in others.coefficients(visits)[3:]]
    return replace(visits, rv_kms=visits.rv_kms - others.static_columns(visits)[:, 1:] @ np.array(theta, float))


def total_errors(visits: Visits, orbit: Mapping[str, float]) -> np.ndarray:
    """(J,) errors with the noise that an orbit's parameters give [km/s]."""
    scale, jitter = orbit.get("ln_error_scale", 0.0), orbit.get("ln_jitter", -np.inf)
    of_each = np.array([orbit.get(f"ln_jitter_{name}", jitter) for name in visits.instruments or ("",)])
    own = np.zeros(len(visits), int) if visits.instrument is None else visits.instrument
    return np.hypot(visits.rv_err_kms * np.exp(scale), np.exp(of_each[own]))


def conditional(
    points: np.ndarray, visits: Visits, model: SystemModel, ln_noise: float | np.ndarray = 0.0
) -> Conditional:
    """The coefficients of the orbit given its period and shape, and its noise.

    Parameters
    ----------
    points : (F,) frequencies [1/d], or (F, 3) with the eccentricities and mean anomalies of Keplerian orbits
    ln_noise : the number of the noise, or (D,) numbers; without any it is not used
    """
    weight = 1 / model.noise.variances(np.atleast_1d(ln_noise), visits)
    points = whole_points(points)
    precisions = model.deviations_at(points, visits) ** -2
    design = design_matrix(points, visits, model)
    weighted = design * weight[:, None]
    precision = np.einsum("fjk,fjl->fkl", weighted, design) + precisions[:, None] * np.eye(design.shape[2])
    projection = weighted.transpose(0, 2, 1) @ visits.rv_kms
    mean = np.linalg.solve(precision, projection[..., None])[..., 0]
    residual = visits.rv_kms - (design @ mean[..., None])[..., 0]
    chi2 = residual**2 @ weight
    return Conditional(mean, np.linalg.cholesky(precision), chi2, chi2 + np.sum(mean**2 * precisions, axis=1))


def ln_likelihood(
    frequency: np.ndarray,
    visits: Visits,
    model: SystemModel,
    ln_noise: float | np.ndarray = 0.0,
    chunk: int = 4096,
) -> np.ndarray:
    """(F,) ln-likelihood of the frequencies [1/d] at a given noise, with the coefficients integrated out."""
    frequency = np.atleast_1d(frequency)
    variance = model.noise.variances(np.atleast_1d(ln_noise), visits)
    constant = -0.5 * np.sum(np.log(2 * np.pi * variance))
    values = np.empty(len(frequency))
    for start in range(0, len(frequency), chunk):
        at = slice(start, start + chunk)
        fit = conditional(frequency[at], visits, model, ln_noise)
        ln_diagonal = np.log(np.diagonal(fit.cholesky, axis1=1, axis2=2))
        ln_deviations = np.log(model.deviations_at(whole_points(frequency[at]), visits))
        values[at] = constant - 0.5 * fit.penalised_chi2 - (ln_deviations + ln_diagonal).sum(axis=1)
    return values
