"""No orbit at all: what the visits of a star say for a constant velocity, and for one that drifts.

    v_j = static coefficients (v0, trend, offsets) + noise,

with the priors that a system model has. At a noise u the coefficients integrate out in closed form, to

    ln Z(u) = -1/2 (chi^2 + sum_j ln 2 pi sigma_j^2(u) - sum_k ln lambda_k + ln |X'WX + lambda|),

with chi^2 of visits and prior at the mean of the coefficients and lambda their prior precisions; the noise is
integrated over by a Gauss-Legendre rule. Against the evidence of an orbit it says whether there is one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from starpop.inference.quadrature import gauss_legendre
from starpop.orbits.noise import UncertainNoise
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# The trend of a star whose companion has a period far longer than the baseline.
DRIFT = 2
# Of variances at once.
MOST_NUMBERS = 2_000_000
# Of the integrand over the noise, so many to a panel of ten points.
WIDTHS_A_PANEL = 2.0


def ln_evidence(visits: Visits, system_model: SystemModel) -> float:
    """The ln evidence of a system model without its orbit, with the width of the offsets' prior that has the most."""
    return max(_given_widths(visits, model) for model in system_model.offset_models(visits))


def ln_evidence_of_drift(visits: Visits, system_model: SystemModel) -> float:
    """The same with a second-order trend."""
    return ln_evidence(visits, replace(system_model, trend=DRIFT))


def _given_widths(visits: Visits, system_model: SystemModel) -> float:
    """The ln evidence with the model's own widths."""
    variances, ln_weights = _noises(visits, system_model)
    some = range(0, len(variances), at_once := max(MOST_NUMBERS // len(visits), 1))
    parts = [_ln_terms(visits, system_model, variances[k : k + at_once]) + ln_weights[k : k + at_once] for k in some]
    sd = system_model.standard_deviations(visits)[2:]
    return float(np.logaddexp.reduce(np.concatenate(parts)) - np.sum(np.log(sd)))


def _ln_terms(visits: Visits, system_model: SystemModel, variance: np.ndarray) -> np.ndarray:
    """(K,) ln of the evidence at each of (K, J) variances, but for the widths of the priors."""
    static, sd = system_model.static_columns(visits), system_model.standard_deviations(visits)[2:]
    precision, origin = sd**-2, float(np.average(visits.rv_kms, weights=visits.rv_err_kms**-2))
    mean = np.zeros(len(sd))
    mean[0] = -origin  # v0 about the origin, where differences keep their digits
    weighted = static / variance[:, :, None]
    matrix = weighted.transpose(0, 2, 1) @ static + np.diag(precision)
    theta = np.linalg.solve(matrix, ((visits.rv_kms - origin) @ weighted + precision * mean)[..., None])[..., 0]
    residual = visits.rv_kms - origin - theta @ static.T
    chi2 = np.sum(residual**2 / variance, axis=1) + (theta - mean) ** 2 @ precision
    ln_determinant = np.sum(np.log(2 * np.pi * variance), axis=1) + np.linalg.slogdet(matrix)[1]
    return -0.5 * (chi2 + ln_determinant)


def _noises(visits: Visits, system_model: SystemModel) -> tuple[np.ndarray, np.ndarray]:
    """(K, J) variances and (K,) ln weights of points that integrate over the noise, one of the reported errors.

    The integrand has a width of 1/sqrt(2 J) in the number of the noise, or more.
    """
    noise = system_model.noise
    if not isinstance(noise, UncertainNoise):
        return visits.rv_err_kms[None] ** 2, np.zeros(1)
    lattice = noise.lattice(visits)
    if len(lattice.axes) > 1:
        ln_noise, ln_weight = lattice.points(lattice.whole)
        return noise.variances(ln_noise, visits), ln_weight
    low, high = noise.bounds(visits.rv_kms, visits.rv_err_kms)
    place, weight = gauss_legendre(int(np.ceil((high - low) / (WIDTHS_A_PANEL / np.sqrt(2 * len(visits))))))
    u = (low + (high - low) * place)[:, None]
    return noise.variances(u, visits), noise.ln_prior(u) + np.log((high - low) * weight)
