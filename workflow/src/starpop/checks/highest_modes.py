"""Where the likelihoods of many sets of velocities at the visits of one system are highest, of Keplerian orbits.

A set that is drawn from the system's posterior has its highest mode near the orbit that it was made of, or near one of
the system's own modes: from these it is climbed (`ellipse.climb`), at the noise that is likeliest for the system.
"""

from __future__ import annotations

import numpy as np

from starpop.checks.highest_peaks import errors_over_noise, of_set, with_noise_of_replicates
from starpop.orbits.ellipse.climb import Bounds, climb_all
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.ellipse.points import noise_terms
from starpop.orbits.ellipse.system import eliminate

# Of the system's own modes, the highest that a set is climbed from.
MOST_OWN = 6


def own_modes(likelihood: EllipseLikelihood) -> np.ndarray:
    """(Q, 3) frequency [1/d], eccentricity and phase [rad] of the system's modes, highest first."""
    return np.column_stack([np.exp(-likelihood.peak_ln_period), likelihood.peak_e, TWO_PI * likelihood.peak_turn])


def highest_modes(
    likelihood: EllipseLikelihood,
    velocities: np.ndarray,
    period_range_days: tuple[float, float],
    made_of: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the likelihoods of sets of velocities are highest, and the errors that their noise gives there.

    Parameters
    ----------
    likelihood : of the system that they are replicates of, or its own
    velocities : (R, J) at its visits [km/s]
    made_of : (R, 3) points near which the sets may be highest, beside the system's own

    Returns
    -------
    (R, 3) frequencies [1/d], eccentricities and phases [rad], and (R, J) geometric means of the errors over the
    posterior of the noise [km/s]
    """
    visits, prior = likelihood.visits, likelihood.system_model.eccentricity
    bounds = Bounds(1 / period_range_days[1], 1 / period_range_days[0], prior.up_to)
    model = with_noise_of_replicates(likelihood)
    own, weight = own_modes(likelihood)[:MOST_OWN], visits.rv_err_kms**-2
    noise = int(noise_terms(own[:1], eliminate(model))[0].argmax())
    origins = velocities @ weight / weight.sum()
    points, terms = np.empty((len(velocities), 3)), np.empty((len(velocities), len(model.constant)))
    for r, origin in enumerate(origins):
        one = of_set(model, velocities[r] - origin, origin, 0, len(model.constant))
        system = eliminate(one)
        starts = own if made_of is None else np.vstack([made_of[r], own])
        modes = climb_all(starts, noise, bounds, one, system)
        points[r] = modes[modes[:, 3].argmax(), :3]
        terms[r] = noise_terms(points[r : r + 1], system)[0]
    return points, errors_over_noise(terms, model)
