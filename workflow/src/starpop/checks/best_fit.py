"""The best fits to many sets of velocities at the visits of one system, its own and those of its replicates.

A fit is at the highest peak of the set's likelihood (`highest_peaks`, `highest_modes`), with the geometric mean, over
the posterior of the noise there, of each visit's error, and the conditional mean of the coefficients given these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from starpop.checks.highest_modes import highest_modes
from starpop.checks.highest_peaks import highest_peaks, own_peak
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.orbit import design_matrix, orbit_columns, shape_points
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# Numbers of a block's design matrices.
DESIGNS = 2_000_000
# A visit that alone fixes a parameter has no residual of its own.
LEAST_FREEDOM = 1e-9
# Of a numerical derivative by f T, e cos M and e sin M.
STEP = 1e-5
# What is so small a share of a column that others explain it is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Fits:
    """What the fits to R sets of velocities leave.

    Attributes
    ----------
    points : (R, 3) frequency [1/d], eccentricity and mean anomaly [rad] of the highest peaks, zero for circles
    residual_kms, error_kms : (R, J) of the visits
    left : (R, J + p) residuals over their errors, with those of the priors, which observe the coefficients as zero
    span : (R, J + p, p + 1 or 3) orthonormal: what small changes of the coefficients, the period and the shape can
        explain
    """

    points: np.ndarray
    residual_kms: np.ndarray
    error_kms: np.ndarray
    left: np.ndarray
    span: np.ndarray

    def __len__(self) -> int:
        """Return the number of sets."""
        return len(self.points)

    @property
    def frequency(self) -> np.ndarray:
        """(R,) of the highest peaks [1/d]."""
        return self.points[:, 0]

    @property
    def normalised(self) -> np.ndarray:
        """(R, J) z, the residuals over their errors."""
        return self.residual_kms / self.error_kms

    @property
    def standardised(self) -> np.ndarray:
        """(R, J) residuals over the standard deviations that a right model gives them; NaN where that is zero."""
        leverage = np.sum(self.span[:, : self.error_kms.shape[1]] ** 2, axis=2)
        return self.normalised / np.sqrt(np.where(leverage < 1 - LEAST_FREEDOM, 1 - leverage, np.nan))

    def share_taken(self, columns: np.ndarray) -> np.ndarray:
        """(R,) share of the squares left that (R, J, n) or (J, n) columns would take, with all else fitted anew."""
        more = np.zeros((*self.left.shape, columns.shape[-1]))
        more[:, : self.error_kms.shape[1]] = columns / self.error_kms[..., None]
        more /= np.maximum(np.linalg.norm(more, axis=1, keepdims=True), np.finfo(float).tiny)
        more -= self.span @ (self.span.transpose(0, 2, 1) @ more)
        along = more.transpose(0, 2, 1) @ self.left[..., None]
        size, axes = np.linalg.eigh(more.transpose(0, 2, 1) @ more)
        squares = (axes.transpose(0, 2, 1) @ along)[..., 0] ** 2 / np.where(size > ROUNDING, size, np.inf)
        return np.clip(squares.sum(axis=1) / np.sum(self.left**2, axis=1), 0, 1)


def fit(visits: Visits, model: SystemModel, velocities: np.ndarray, points: np.ndarray, error: np.ndarray) -> Fits:
    """The conditional means of the coefficients of (R, J) velocities, at (R, 3) points and (R, J) errors."""
    design = design_matrix(points, visits, model)
    prior = np.eye(design.shape[2]) / model.deviations_at(points, visits)[:, None]
    basis = np.concatenate([design / error[..., None], prior], axis=1)
    target = np.concatenate([velocities / error, np.zeros((len(design), design.shape[2]))], axis=1)
    q, r = np.linalg.qr(basis)
    along = q.transpose(0, 2, 1) @ target[..., None]
    left = target - (q @ along)[..., 0]
    theta = np.linalg.solve(r, along)[..., 0]
    if model.orbit == "keplerian":
        moved = by_shape(points, theta, visits, model) / error[..., None]
    else:
        moved = by_period(design, theta) * (visits.time_days / error)[..., None]
    more = np.zeros((*target.shape, moved.shape[2]))
    more[:, : len(visits)] = moved
    span = np.linalg.qr(np.concatenate([basis, more], axis=2))[0]
    return Fits(points, left[:, : len(visits)] * error, error, left, span)


def by_period(design: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """(R, J, 1) how the velocities of circular orbits change with their phase."""
    a, b = theta[:, 0, None], theta[:, 1, None]
    return (design[..., 0] * b - design[..., 1] * a)[..., None]


def by_shape(points: np.ndarray, theta: np.ndarray, visits: Visits, model: SystemModel) -> np.ndarray:
    """(R, J, 3) how the velocities of Keplerian orbits change with f T, e cos M and e sin M."""
    at = np.stack([points[:, 0], points[:, 1] * np.cos(points[:, 2]), points[:, 1] * np.sin(points[:, 2])], axis=1)
    slopes = []
    for step in STEP * np.diag([1 / visits.baseline_days, 1, 1]):
        ahead, behind = (
            orbit_columns(np.stack([f, np.hypot(c, s), np.arctan2(s, c)], axis=1), visits, model)
            for f, c, s in ((at + step).T, (at - step).T)
        )
        slopes.append(((ahead - behind) @ theta[:, :2, None])[..., 0] / (2 * STEP))
    return np.stack(slopes, axis=2)


def best_fits(
    likelihood: PeriodLikelihood,
    velocities: np.ndarray,
    period_range_days: tuple[float, float],
    made_of: np.ndarray | None = None,
) -> Iterator[Fits]:
    """The fits to (R, J) velocities [km/s], in blocks of some sets: see `highest_peaks` and `highest_modes`.

    Parameters
    ----------
    made_of : (R, 3) points of Keplerian orbits near which the sets may be highest, beside the system's own
    """
    visits, model = likelihood.visits, likelihood.system_model
    if isinstance(likelihood, EllipseLikelihood):
        points, error = highest_modes(likelihood, velocities, period_range_days, made_of)
    else:
        alone = len(velocities) == 1 and np.array_equal(velocities[0], visits.rv_kms)
        frequency, error = own_peak(likelihood) if alone else highest_peaks(likelihood, velocities, period_range_days)
        points = shape_points(frequency, {})
    size = len(model.coefficients(visits))
    at_once = max(DESIGNS // ((len(visits) + size) * (size + 3)), 1)
    for start in range(0, len(velocities), at_once):
        some = slice(start, start + at_once)
        yield fit(visits, model, velocities[some], points[some], error[some])
