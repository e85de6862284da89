"""The best fits to many sets of velocities at the visits of one system, its own and those of its replicates.

A fit is at the highest peak of the set's period likelihood (`highest_peaks`), with the geometric mean, over the
posterior of the noise there, of each visit's error, and the conditional mean of the coefficients given these errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from starpop.checks.highest_peaks import highest_peaks
from starpop.orbits.orbit import harmonic_columns
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# Numbers of a block's design matrices.
DESIGNS = 2_000_000
# A visit that alone fixes a parameter has no residual of its own.
LEAST_FREEDOM = 1e-9
# What is so small a share of a column that others explain it is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Fits:
    """What the fits to R sets of velocities leave.

    Attributes
    ----------
    frequency : (R,) of the highest peaks [1/d]
    residual_kms, error_kms : (R, J) of the visits
    left : (R, J + p) residuals over their errors, with those of the priors, which observe the coefficients as zero
    span : (R, J + p, p + 1) orthonormal: what small changes of the coefficients and the period can explain
    """

    frequency: np.ndarray
    residual_kms: np.ndarray
    error_kms: np.ndarray
    left: np.ndarray
    span: np.ndarray

    def __len__(self) -> int:
        """Return the number of sets."""
        return len(self.frequency)

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


def fit(visits: Visits, model: SystemModel, velocities: np.ndarray, frequency: np.ndarray, error: np.ndarray) -> Fits:
    """The conditional means of the coefficients of (R, J) velocities, at (R,) frequencies and (R, J) errors."""
    static = model.static_columns(visits)
    waves = harmonic_columns(frequency, visits.time_days, model.harmonics)
    design = np.concatenate([waves, np.broadcast_to(static, (*waves.shape[:2], static.shape[1]))], axis=2)
    prior = np.broadcast_to(np.diag(1 / model.standard_deviations(visits)), (len(design), *2 * (design.shape[2],)))
    basis = np.concatenate([design / error[..., None], prior], axis=1)
    target = np.concatenate([velocities / error, np.zeros((len(design), design.shape[2]))], axis=1)
    q, r = np.linalg.qr(basis)
    along = q.transpose(0, 2, 1) @ target[..., None]
    left = target - (q @ along)[..., 0]
    theta = np.linalg.solve(r, along)[..., 0]
    by_period = np.zeros_like(target)
    for h in range(model.harmonics):
        a, b = theta[:, 2 * h, None], theta[:, 2 * h + 1, None]
        by_period[:, : len(visits)] += (h + 1) * (waves[..., 2 * h] * b - waves[..., 2 * h + 1] * a)
    by_period[:, : len(visits)] *= visits.time_days / error
    span = np.linalg.qr(np.concatenate([basis, by_period[..., None]], axis=2))[0]
    return Fits(frequency, left[:, : len(visits)] * error, error, left, span)


def best_fits(
    likelihood: PeriodLikelihood, velocities: np.ndarray, period_range_days: tuple[float, float]
) -> Iterator[Fits]:
    """The fits to (R, J) velocities [km/s], in blocks of some sets: see `highest_peaks`."""
    visits, model = likelihood.visits, likelihood.system_model
    frequency, error = highest_peaks(likelihood, velocities, period_range_days)
    size = len(model.coefficients(visits))
    at_once = max(DESIGNS // ((len(visits) + size) * (size + 1)), 1)
    for start in range(0, len(velocities), at_once):
        some = slice(start, start + at_once)
        yield fit(visits, model, velocities[some], frequency[some], error[some])
