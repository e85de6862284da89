"""What a star must show to be in a sample: conditions on its visits, and on the orbit that is fitted to them.

| condition | holds for a star of which |
|---|---|
| visits | there are so many, or more |
| delta_rv_kms | the highest velocity less the lowest is so large, or larger |
| semi_amplitude_over_error | the semi-amplitude of the likeliest orbit is so many of its errors, or more |
| ln_bayes_orbit | the evidence of an orbit is so far above that of none, or farther, in the ln |

The likeliest orbit is that of the highest peak of the period likelihood, at the noise that is likeliest there; its a
and b are normal given these, with the conditional mean and covariance of `orbit.conditional`, and so to first order

    K = (a^2 + b^2)^(1/2),        sd(K)^2 = (a, b) Cov(a, b) (a, b)' / K^2.

Of circular orbits without offsets the peak is the highest of one scan (`landscape.highest_of`), which takes a tenth of
the time of the whole likelihood. Real and simulated stars are measured by the same functions, so that a sample and the
probability to be in it (`populations.detection`) cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from starpop.inference.densities import UniformPeriod
from starpop.inference.density import Range
from starpop.orbits import no_orbit
from starpop.orbits.ellipse import points
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.landscape import highest_of, likely_noise
from starpop.orbits.linear_model import NoisySystem
from starpop.orbits.ln_likelihood import noise_terms
from starpop.orbits.orbit import conditional
from starpop.orbits.period_likelihood import PeriodLikelihood, period_likelihood
from starpop.orbits.scan import lattice
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

# Of the ln of two terms that count as one.
TIE = 1e-9


class Star:
    """A star to be measured: its visits, the model that is fitted to them, and where periods are looked for [d].

    Its period likelihood is computed when a measure needs it, unless it is given.
    """

    def __init__(
        self,
        visits: Visits,
        model: SystemModel,
        period_range_days: Range,
        likelihood: PeriodLikelihood | None = None,
    ) -> None:
        self.visits, self.model, self.period_range_days = visits, model, period_range_days
        if likelihood is not None:
            vars(self)["likelihood"] = likelihood

    @cached_property
    def likelihood(self) -> PeriodLikelihood:
        """The nodes of its period."""
        return period_likelihood(self.visits, self.model, self.period_range_days)


@dataclass(frozen=True)
class Conditions:
    """The least of each measure that a star of a sample has; None is no condition. All must hold."""

    visits: int | None = None
    delta_rv_kms: float | None = None
    semi_amplitude_over_error: float | None = None
    ln_bayes_orbit: float | None = None

    @property
    def least(self) -> dict[str, float]:
        """The least value of each measure that has a condition."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def are_met_by(self, star: Star) -> bool:
        """Whether a star is in the sample; of the measures, the quickest first, no more are taken than it needs."""
        return all(MEASURES[name](star) >= least for name, least in self.least.items())

    def unmet(self, measures: Mapping[str, float]) -> str:
        """The first condition that some measures do not meet, in words; empty if they meet all."""
        for name, least in self.least.items():
            if not measures[name] >= least:
                return f"{name} {measures[name]:.3g} < {least:g}"
        return ""


def delta_rv_kms(star: Star) -> float:
    """The highest velocity less the lowest [km/s]."""
    return float(np.ptp(star.visits.rv_kms))


def semi_amplitude_over_error(star: Star) -> float:
    """The semi-amplitude of the likeliest orbit, over its error (see the module)."""
    point, ln_noise, model = _likeliest(star)
    fit = conditional(point[None], star.visits, model, ln_noise)
    amplitudes = fit.mean[0, :2]
    return float(amplitudes @ amplitudes / np.sqrt(amplitudes @ fit.covariance()[:2, :2] @ amplitudes))


def ln_bayes_orbit(star: Star) -> float:
    """The ln evidence of an orbit, its period uniform over the range, less that of none."""
    uniform = UniformPeriod(star.period_range_days)
    orbit = star.likelihood.ln_evidence(uniform.ln_pdf(star.likelihood.ln_period))
    return orbit - no_orbit.ln_evidence(star.visits, star.model)


# Of each star, the quickest first.
MEASURES: dict[str, Callable[[Star], float]] = {
    "visits": lambda star: len(star.visits),
    "delta_rv_kms": delta_rv_kms,
    "semi_amplitude_over_error": semi_amplitude_over_error,
    "ln_bayes_orbit": ln_bayes_orbit,
}


def _likeliest(star: Star) -> tuple[np.ndarray, np.ndarray, SystemModel]:
    """(3,) frequency [1/d], eccentricity and mean anomaly [rad] of the likeliest orbit, its noise, and its model."""
    model, visits = star.model, star.visits
    noisy = NoisySystem.of(visits, model)
    if model.orbit == "circular" and not model.offsets:
        box, (low, high) = noisy.everywhere, (1 / end for end in star.period_range_days[::-1])
        linear = noisy.at(box)
        grid = lattice(star.period_range_days, linear.baseline_days, len(visits))
        point = np.array([highest_of(linear, grid, low, high, likely_noise(linear))[0], 0.0, 0.0])
        terms = noise_terms(point[:1], linear)
        if box.step > 1:  # between every third point others may be likelier
            box = noisy.lattice.holding(box, terms, TIE)
            terms = noise_terms(point[:1], noisy.at(box))
    else:
        found, model = star.likelihood, star.likelihood.system_model
        point, box = np.array([np.exp(-found.peak_ln_period[0]), 0.0, 0.0]), found.noise
        if isinstance(found, EllipseLikelihood):
            point[1:] = found.peak_e[0], 2 * np.pi * found.peak_turn[0]
            terms = points.noise_terms(point[None], eliminate(found.linear))
        else:
            terms = noise_terms(point[:1], found.linear)
    ln_noises, _ = noisy.lattice.points(box)
    return point, ln_noises[int(terms[0].argmax())], model
