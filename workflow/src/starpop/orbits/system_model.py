"""A system model: the basis in which a system's velocities are linear, the priors of its coefficients, and the noise.

    v_j = a cos(2 pi t_j / P) + b sin(2 pi t_j / P)
          + v0 + sum_m c_m ((t_j - t_mid) / yr)^m + d_(instrument of j) + noise_j,

with t from the system's first visit and t_mid the middle of its visits. The first instrument of the catalogue, in the
order of their names, has d = 0. That is a circular orbit; of a Keplerian one see `ellipse`.

| symbol | number | name | prior |
|---|---|---|---|
| a, b | 2 | a, b | N(0, amplitude_sd), or ``kepler``: N(0, s), s = amplitude_sd (P / yr)^(-1/3) (1 - e^2)^(-1/2) |
| v0 | 1 | v0 | N(0, systemic_velocity_sd) |
| c_m | ``trend`` | trend_1, trend_2 | N(0, trend_sd) |
| d | instruments less one | offset_NAME | N(0, w), w = offset_sd, or 10, 100, ... times that |

The second prior of the amplitudes is that of alike companions of alike stars, by Kepler's third law, and the one that
The Joker takes (Price-Whelan et al. 2020, ApJ 895, 2; of a normal K, where ours is Rayleigh's).

The width w of a system's offsets is that with the highest evidence (`period_likelihood`): zero points that are far
apart want a wide prior, and a wide one costs those that are not what it could tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from starpop.inference.eccentricities import EccentricityPrior
from starpop.orbits.noise import Jitter, Noise, Reported, Scaled
from starpop.orbits.visits import Times, Visits
from starpop.run.errors import InputError

DAYS_PER_YEAR = 365.25
NOISES: dict[str, type[Scaled | Jitter]] = {"scaled": Scaled, "jitter": Jitter}
REPORTED, UNIFORM = Reported(), EccentricityPrior()
Orbit = Literal["circular", "keplerian"]
Scaling = Literal["constant", "kepler"]
TRENDS, TIMES, ORBITS, SCALINGS = (0, 1, 2), get_args(Times), get_args(Orbit), get_args(Scaling)
# Of a Keplerian orbit: the eccentricity, and its root times cosine and sine of the mean anomaly.
SHAPE = ("e", "h", "k")
# From one width of the offsets' prior to the next, and how many there may be.
WIDENING, MOST_WIDTHS = 10.0, 5


def shape_values(e: np.ndarray, mean_anomaly: np.ndarray) -> dict[str, np.ndarray]:
    """The values of `SHAPE`, by name."""
    root = np.sqrt(e)
    return {"e": e, "h": root * np.cos(mean_anomaly), "k": root * np.sin(mean_anomaly)}


@dataclass(frozen=True)
class SystemModel:
    """How the visits of a system are modelled; what is not named is a circular orbit with the reported errors.

    Attributes
    ----------
    amplitude_sd_kms : of the normal prior of the orbit's coefficients a and b [km/s]
    systemic_velocity_sd_kms : of the normal prior of v0 [km/s]
    trend : the highest power of time: 0, 1 or 2
    offsets : whether each instrument has an offset to the first
    noise : the reported errors, or `Jitter` or `Scaled` with their priors
    orbit : "circular" or "keplerian"
    eccentricity : the prior of e of a Keplerian orbit
    trend_sd_kms_per_year, offset_sd_kms : of the normal priors of the trend's coefficients [km/s/yr, km/s/yr^2] and
        of the offsets [km/s]
    times : "reported", or "barycentric" with the light-travel times of a table that has them
    amplitude_scaling : "constant"; or "kepler", with which ``amplitude_sd_kms`` is that of a year and a circle and
        goes as P^(-1/3) (1 - e^2)^(-1/2)

    Raises
    ------
    InputError : one of them is not as it may be
    """

    amplitude_sd_kms: float
    systemic_velocity_sd_kms: float
    trend: int = 0
    offsets: bool = False
    noise: Noise = REPORTED
    orbit: Orbit = "circular"
    eccentricity: EccentricityPrior = UNIFORM
    trend_sd_kms_per_year: float = 1.0
    offset_sd_kms: float = 3.0
    times: Times = "reported"
    amplitude_scaling: Scaling = "constant"

    def __post_init__(self) -> None:
        """Check what is given."""
        for name in ("amplitude_sd_kms", "systemic_velocity_sd_kms", "trend_sd_kms_per_year", "offset_sd_kms"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.number)) and 0 < value < np.inf):
                raise InputError(f"{name}: {value!r} is no width of a prior; expected a positive number.")
        choices = {"trend": TRENDS, "times": TIMES, "orbit": ORBITS, "amplitude_scaling": SCALINGS}
        for name, allowed in choices.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name}: {value!r}; expected one of {', '.join(map(repr, allowed))}.")
        if not isinstance(self.noise, Noise):
            raise InputError(
                f"noise: {self.noise!r} is none; expected starpop.Jitter(mean, sd) or starpop.Scaled(mean, sd), of "
                "its ln, or nothing for the reported errors."
            )
        if self.orbit == "keplerian" and self.noise.of_instruments:
            raise InputError(
                "each: 'instrument', which is integrated over for circular orbits alone; of orbit: keplerian leave it "
                "out, for one jitter a system."
            )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> SystemModel:
        """The model that an entry of ``system_models``, with the priors it uses, describes."""
        noise, priors = settings["noise"], dict(settings["orbit_prior"])
        each = {"each": settings["each"]} if "each" in settings else {}
        if "eccentricity" in priors:
            priors["eccentricity"] = EccentricityPrior.from_settings(priors["eccentricity"])
        return cls(
            orbit=settings["orbit"],
            trend=settings["trend"],
            offsets=settings["offsets"],
            times=settings["times"],
            noise=NOISES[noise](**settings["noise_prior"], **each) if noise in NOISES else REPORTED,
            **priors,
        )

    def coefficients(self, visits: Visits) -> tuple[str, ...]:
        """(p,) names of the linear coefficients, the orbit's first."""
        trend = [f"trend_{m}" for m in range(1, self.trend + 1)]
        return ("a", "b", "v0", *trend, *(f"offset_{name}" for name in self._compared(visits)))

    def parameters(self, visits: Visits) -> tuple[str, ...]:
        """The names of all parameters of a system but its period."""
        return (*self.noise.names(visits), *(SHAPE if self.orbit == "keplerian" else ()), *self.coefficients(visits))

    def noise_of(self, values: Mapping[str, Any], visits: Visits) -> np.ndarray:
        """(..., D) the numbers of the noise, of which values of each have the shape (...); (0,) if there are none."""
        names = self.noise.names(visits)
        return np.stack([values[name] for name in names], axis=-1) if names else np.empty(0)

    def amplitude_scale(self, frequency: Any, e: Any) -> Any:
        """What the amplitudes' prior is wider by at some frequencies [1/d] and eccentricities, than amplitude_sd."""
        if self.amplitude_scaling == "constant":
            return 1.0 + 0 * frequency
        return (frequency * DAYS_PER_YEAR) ** (1 / 3) * (1 - e**2) ** -0.5

    def ln_amplitude(self, draws: Mapping[Any, Any]) -> Any:
        """Ln of the semi-amplitudes of drawn orbits [km/s], of a year and a circle where they go with these."""
        amplitude = np.hypot(draws["a"], draws["b"])
        return np.log(amplitude / self.amplitude_scale(np.exp(-draws["lnP"]), draws.get("e", 0.0)))

    def deviations_at(self, points: np.ndarray, visits: Visits) -> np.ndarray:
        """(S, p) prior standard deviations of the coefficients at (S, 3) periods and shapes (`orbit.shape_points`)."""
        deviations = np.tile(self.standard_deviations(visits), (len(points), 1))
        deviations[:, :2] *= self.amplitude_scale(points[:, 0], points[:, 1])[:, None]
        return deviations

    def standard_deviations(self, visits: Visits) -> np.ndarray:
        """(p,) prior standard deviations of the coefficients [km/s, km/s/yr^m]; the amplitudes' before its scaling."""
        return np.concatenate(
            [
                [self.amplitude_sd_kms, self.amplitude_sd_kms, self.systemic_velocity_sd_kms],
                np.full(self.trend, self.trend_sd_kms_per_year),
                np.full(len(self._compared(visits)), self.offset_sd_kms),
            ],
            dtype=float,
        )

    def draw_shape(self, size: int, rng: np.random.Generator, e: float | None = None) -> dict[str, np.ndarray]:
        """(size,) e, unless it is given, h and k of Keplerian orbits from their prior; nothing for circles."""
        if self.orbit == "circular":
            return {}
        drawn = self.eccentricity.quantile(rng.random(size)) if e is None else np.full(size, e)
        return shape_values(drawn, rng.uniform(0, 2 * np.pi, size))

    def draw_coefficients(self, points: np.ndarray, visits: Visits, rng: np.random.Generator) -> np.ndarray:
        """(S, p) coefficients from their prior, at (S, 3) periods and shapes."""
        return rng.normal(0, self.deviations_at(points, visits))

    def offset_models(self, visits: Visits) -> list[SystemModel]:
        """The models with the widths of the offsets' prior that a system's velocities allow: this one, and wider.

        Instruments may be far apart: one gives relative and the other absolute velocities. No offset is larger than
        the range of the velocities.
        """
        widths = [self.offset_sd_kms]
        if self._compared(visits):
            largest = float(np.ptp(visits.rv_kms))
            while widths[-1] < largest and len(widths) < MOST_WIDTHS:
                widths.append(WIDENING * widths[-1])
        return [replace(self, offset_sd_kms=width) for width in widths]

    def static_columns(self, visits: Visits) -> np.ndarray:
        """(J, q) the columns that do not depend on the period, the constant first."""
        middle = 0.5 * (visits.time_days.min() + visits.time_days.max())
        years = (visits.time_days - middle) / DAYS_PER_YEAR
        columns = [years**m for m in range(self.trend + 1)]
        if self._compared(visits):
            columns += [visits.instrument == i for i in range(1, len(visits.instruments))]
        return np.column_stack(columns).astype(float)

    def _compared(self, visits: Visits) -> tuple[str, ...]:
        """The instruments that have an offset."""
        return visits.instruments[1:] if self.offsets else ()
