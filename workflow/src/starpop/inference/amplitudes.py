"""The density of the scale s of the systems' amplitudes, y = ln(s / (km/s)), of a population with hyper-parameters.

A system model gives the two amplitudes of each orbit normal priors of one standard deviation, a, b ~ N(0, s). Here s
is the system's own, and y has a density in a range of s: cut off there and normalised,

| name | density of y | hyper-parameters |
|---|---|---|
| truncated_normal | N(mu, sigma) | mu_s, lnsigma_s |
| power_law | e^(beta y) | beta_s |

Given s the semi-amplitude K = sqrt(a^2 + b^2) is Rayleigh's, which rises from K = 0 as that of orbits seen from all
sides does: s says how fast the visible star moves, and what is left of ln K is from where it is seen. So

    p(ln K | h) = integral of p(y | h) r^2 exp(-r^2 / 2) dy,        r = K / s,

whose mean is that of y and (ln 2 - 0.5772) / 2 = 0.058, and whose variance is that of y and pi^2 / 24.

As a function of y the likelihood of a system is smooth on the scale of a half. Integrals over y are by the rule of
Gauss and Legendre, of ten points to a panel of one at most: to 1e-6 of a system where the standard deviation of y is
0.3 or more, to 1e-5 where it is as small as `LN_SIGMA` allows, and less well of one whose amplitude is many of these
from the mean. What of p(y | h) the rule misses is a part of the error of whoever uses it (`missed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from starpop.inference.density import TINY, Density, Range, draw_between
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior
from starpop.inference.quadrature import gauss_legendre

# What y is called among the parameters of a system.
SCALE = "lns"
# The densities of y that are normalised on a range, and smooth in it; which ln sigma, how far beyond the ends of the
# range a mean, and how steep a slope they may have for the rule.
SMOOTH, LN_SIGMA, BEYOND, STEEPEST = ("truncated_normal", "power_law"), -1.6, 1.0, 20.0
# Mean and standard deviation of ln K - y.
RAYLEIGH = 0.5 * (np.log(2) - np.euler_gamma), np.pi / np.sqrt(24)
# The widest panel of y; between places of y where it is drawn given the amplitudes; and draws at once.
WIDEST, STEP, DRAWS_AT_ONCE = 1.0, 0.02, 500


@dataclass(frozen=True)
class Amplitudes:
    """A density of y in a range of s.

    Attributes
    ----------
    of_y : registered as a density of ln P is, its range that of s [km/s]
    range_kms : the ends of that [km/s]
    """

    of_y: Density
    range_kms: Range

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return {f"{name}_s": prior for name, prior in self.of_y.parameters.items()}

    def ln_pdf(self, y: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density of y; arrays broadcast."""
        return self.of_y.ln_pdf(y, *parameters, math=math)

    @property
    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """(J,) values of y, and the ln of their weights in an integral."""
        low, high = self.of_y.support
        place, weight = gauss_legendre(int(np.ceil((high - low) / WIDEST)))
        return low + (high - low) * place, np.log(weight * (high - low))

    def missed(self, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(M,) by how much the density's integral on the lattice is not one, in the ln, at (M,) hyper-parameters."""
        y, ln_weight = self.lattice
        terms = self.ln_pdf(y, *(np.reshape(p, (-1, 1)) for p in parameters)) + ln_weight
        return np.abs(np.log(np.exp(terms).sum(axis=1) + TINY))

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of y, given one value or `size` values of each hyper-parameter."""
        return self.of_y.draw(parameters, size, rng)

    def draw_given(
        self, amplitude: np.ndarray, parameters: Sequence[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """(S,) draws of y given (S,) semi-amplitudes [km/s] and values of each hyper-parameter.

        From p(y | h) s^-2 exp(-K^2 / (2 s^2)), exponential between places that are a step apart.
        """
        low, high = self.of_y.support
        y = np.linspace(low, high, int(np.ceil((high - low) / STEP)) + 1)
        drawn = np.empty(len(amplitude))
        for first in range(0, len(drawn), DRAWS_AT_ONCE):
            some = slice(first, first + DRAWS_AT_ONCE)
            own = [np.broadcast_to(p, len(amplitude))[some, None] for p in parameters]
            ln_density = self.ln_pdf(y, *own) + ln_rayleigh(np.log(amplitude[some, None]) - y)
            drawn[some] = draw_between(np.broadcast_to(y, ln_density.shape), ln_density, rng)
        return drawn

    @property
    def of_ln_amplitude(self) -> LnAmplitude:
        """The density of ln K."""
        return LnAmplitude(self)

    def variable(self, name: str, parameters: Sequence[Any], **kwargs: Any) -> Any:
        """The PyMC variable of y."""
        return self.of_y.variable(name, parameters, self.range_kms, **kwargs)


@dataclass(frozen=True)
class LnAmplitude:
    """The density of ln(K / (km/s)), whatever the period; it is asked as one of the eccentricity is."""

    of_s: Amplitudes
    name: ClassVar[str] = "lnK"

    @property
    def parameters(self) -> dict[str, Prior]:
        """Those of y."""
        return self.of_s.parameters

    def ln_pdf(self, ln_amplitude: np.ndarray, x: Any, *parameters: Any) -> np.ndarray:
        """(M, G) ln of the density at (G,) values, at (M, 1) values of each hyper-parameter; (1, G) at one of each."""
        y, ln_weight = self.of_s.lattice
        of_y = np.exp(self.of_s.ln_pdf(y, *(np.reshape(p, (-1, 1)) for p in parameters)) + ln_weight)
        return np.log(of_y @ np.exp(ln_rayleigh(ln_amplitude - y[:, None])) + TINY)

    def moments(self, *parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) mean and standard deviation of ln K, given (M,) values of each hyper-parameter."""
        mean, sd = self.of_s.of_y.moments((-np.inf, np.inf), *parameters)
        return mean + RAYLEIGH[0], np.hypot(sd, RAYLEIGH[1])

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """One draw for each of (S,) x, given one value or S values of each hyper-parameter."""
        return self.of_s.draw(parameters, len(x), rng) + np.log(rng.rayleigh(size=len(x)))


def ln_rayleigh(ln_ratio: np.ndarray) -> np.ndarray:
    """Ln density of ln K, as a function of ln(K / s)."""
    return 2 * ln_ratio - 0.5 * np.exp(2 * ln_ratio)
