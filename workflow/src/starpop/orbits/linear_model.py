"""One system's visits, basis, prior and noise, as arrays that the compiled functions take.

Velocities are taken about their mean and times about the middle of the visits: the sums then lose the fewest digits.
That moves the prior mean m of v0; that of a and b is isotropic, so that the origin of the phase is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.orbits.noise import Box, Lattice
from starpop.orbits.system_model import DAYS_PER_YEAR, SystemModel
from starpop.orbits.visits import Visits


class LinearModel(NamedTuple):
    """One system's visits, the basis and prior of its orbit, and its noise: what the compiled functions take.

    Attributes
    ----------
    time : (J,) times about `time_origin` [d]
    weight : (J, K) inverse variances at every point of the noise's lattice, of one number descending [s^2/km^2]
    velocity : (J,) velocities about `velocity_origin` [km/s]
    static : (J, q) columns that do not depend on the frequency; the first is the constant
    precision : (2 + q,) prior precisions, of a and b first [s^2/km^2]
    scaled : whether those of a and b go with period and eccentricity (`precision_ratio`)
    mean : (2 + q,) prior means about the origins [km/s]
    constant : (K,) what does not depend on the frequency in ln L, with the ln of the point's weight
    time_origin : time of the middle, from the system's first visit [d]
    velocity_origin : weighted mean velocity [km/s]
    """

    time: np.ndarray
    weight: np.ndarray
    velocity: np.ndarray
    static: np.ndarray
    precision: np.ndarray
    scaled: bool
    mean: np.ndarray
    constant: np.ndarray
    time_origin: float
    velocity_origin: float

    @property
    def baseline_days(self) -> float:
        """Time from the first to the last visit [d]."""
        return float(np.ptp(self.time))

    def at_noise(self, first: int, end: int) -> LinearModel:
        """The model with some of the points of its noise only."""
        return self._replace(weight=np.ascontiguousarray(self.weight[:, first:end]), constant=self.constant[first:end])


@njit(cache=True, nogil=True, error_model="numpy")
def precision_ratio(frequency, e, scaled):
    """What the precision of an amplitude's prior is greater by at a frequency [1/d] and an eccentricity."""
    return (frequency * DAYS_PER_YEAR) ** (-2 / 3) * (1 - e * e) if scaled else 1.0


@dataclass(frozen=True)
class NoisySystem:
    """One system, to be had at any points of its noise's lattice.

    Attributes
    ----------
    visits, system_model : the system
    lattice : of its noise
    """

    visits: Visits
    system_model: SystemModel
    lattice: Lattice

    @classmethod
    def of(cls, visits: Visits, system_model: SystemModel) -> NoisySystem:
        """The system with the lattice that its noise has."""
        return cls(visits, system_model, system_model.noise.lattice(visits))

    def at(self, box: Box) -> LinearModel:
        """What the compiled functions take, of the points in a box; `everywhere` is made once."""
        return self._everywhere if box == self.everywhere else self._made(box)

    @cached_property
    def _everywhere(self) -> LinearModel:
        return self._made(self.everywhere)

    def _made(self, box: Box) -> LinearModel:
        ln_noise, ln_weight = self.lattice.points(box)
        variance = self.system_model.noise.variances(ln_noise, self.visits)
        return self._without_noise._replace(
            weight=np.ascontiguousarray(1 / variance.T),
            constant=ln_weight - 0.5 * np.sum(np.log(2 * np.pi * variance), axis=1) + self._without_noise.constant,
        )

    @cached_property
    def _without_noise(self) -> LinearModel:
        return _without_noise(self.visits, self.system_model)

    @property
    def baseline_days(self) -> float:
        """Time from the first to the last visit [d]."""
        return self._without_noise.baseline_days

    @cached_property
    def everywhere(self) -> Box:
        """The whole lattice; where the visits know of several numbers, thinned, which is enough to look."""
        return self.thinned(self.lattice.whole)

    def thinned(self, box: Box) -> Box:
        """A box, thinned where the visits know of several numbers."""
        return box if len(self.lattice.known_axes) < 2 else self.lattice.thinned(box)


def linear_model(visits: Visits, model: SystemModel, box: Box | None = None) -> LinearModel:
    """Prepare a system for the kernel, with all points of its noise or those in a box."""
    system = NoisySystem.of(visits, model)
    return system.at(box or system.lattice.whole)


def _without_noise(visits: Visits, model: SystemModel) -> LinearModel:
    """A system without any points of its noise."""
    weight = visits.rv_err_kms**-2
    velocity_origin = float(np.sum(weight * visits.rv_kms) / np.sum(weight))
    time_origin = 0.5 * float(visits.time_days.min() + visits.time_days.max())
    sd = model.standard_deviations(visits)
    mean = np.zeros(len(sd))
    mean[2] = -velocity_origin
    return LinearModel(
        visits.time_days - time_origin,
        np.empty((len(visits), 0)),
        visits.rv_kms - velocity_origin,
        model.static_columns(visits),
        sd**-2,
        model.amplitude_scaling == "kepler",
        mean,
        np.atleast_1d(-np.sum(np.log(sd))),
        time_origin,
        velocity_origin,
    )
