"""No orbit at all: what the visits of a star say for a constant velocity, and for one that drifts.

    v_j = static coefficients (v0, trend, offsets) + noise,

with the priors that a system model has. At a noise u the coefficients integrate out in closed form, to

    ln Z(u) = -1/2 (chi^2 + sum_j ln 2 pi sigma_j^2(u) - sum_k ln lambda_k + ln |X'WX + lambda|),

with chi^2 of visits and prior at the mean of the coefficients and lambda their prior precisions; the noise is
integrated over by a Gauss-Legendre rule, several numbers on their lattice. Against the evidence of an orbit it says
whether there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from starpop.inference.quadrature import gauss_legendre
from starpop.orbits.noise import Box, Lattice, UncertainNoise
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# The trend of a star whose companion has a period far longer than the baseline.
DRIFT = 2
# Below the highest point of the noise others hold nothing.
DEPTH = 40.0
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
    terms = np.concatenate([_ln_terms(visits, system_model, *some) for some in _noises(visits, system_model)])
    sd = system_model.standard_deviations(visits)[2:]
    return float(np.logaddexp.reduce(terms) - np.sum(np.log(sd)))


def _ln_terms(visits: Visits, system_model: SystemModel, variance: np.ndarray, ln_weight: np.ndarray) -> np.ndarray:
    """(K,) ln of the evidence at each of (K, J) variances, times its weight, but for the widths of the priors."""
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
    return ln_weight - 0.5 * (chi2 + ln_determinant)


def _noises(visits: Visits, system_model: SystemModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(K, J) variances and (K,) ln weights of points that integrate over the noise, one of the reported errors.

    The integrand has a width of 1/sqrt(2 J) in the number of the noise, or more; of several numbers those points of
    their lattice are taken that every third says matter, some at a time.
    """
    noise = system_model.noise
    if not isinstance(noise, UncertainNoise):
        yield visits.rv_err_kms[None] ** 2, np.zeros(1)
        return
    lattice = noise.lattice(visits)
    if len(lattice.known_axes) > 1:
        thin = lattice.thinned(lattice.whole)
        terms = [_ln_terms(visits, system_model, *some) for some in _of_lattice(visits, noise, lattice, thin)]
        yield from _of_lattice(visits, noise, lattice, lattice.holding(thin, np.concatenate(terms), DEPTH))
        return
    (known,) = lattice.known_axes
    low, high = noise.bounds(visits.rv_kms, visits.rv_err_kms)
    place, weight = gauss_legendre(int(np.ceil((high - low) / (WIDTHS_A_PANEL / np.sqrt(2 * len(visits))))))
    u = np.zeros((len(place), len(lattice.axes)))
    u[:, known] = low + (high - low) * place
    yield noise.variances(u, visits), noise.ln_prior(u[:, [known]]) + np.log((high - low) * weight)


def _of_lattice(
    visits: Visits, noise: UncertainNoise, lattice: Lattice, box: Box
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same of the points in a box, a layer of its first axis at a time."""
    for k in range(box.size[0]):
        layer = Box((box.first[0] + k * box.step, *box.first[1:]), (1, *box.size[1:]), box.step)
        ln_noise, ln_weight = lattice.points(layer)
        yield noise.variances(ln_noise, visits), ln_weight
