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
Gauss and Legendre, of ten points to a panel of one at most: to 1e-5 where p(y | h) is as narrow as `LN_SIGMA` allows,
to 1e-6 where its standard deviation is 0.3 or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from starpop.inference.density import TINY, Density, Range
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior
from starpop.inference.quadrature import gauss_legendre
from starpop.run.errors import InputError, nearest

# The densities of y that are normalised on a range, and smooth in it; the narrowest ones.
SMOOTH, LN_SIGMA = ("truncated_normal", "power_law"), -1.6
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

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of y, given one value or `size` values of each hyper-parameter."""
        return self.of_y.draw(parameters, size, rng)

    def draw_given(
        self, amplitude: np.ndarray, parameters: Sequence[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """(S,) draws of y given (S,) semi-amplitudes [km/s] and values of each hyper-parameter.

        From p(y | h) s^-2 exp(-K^2 / (2 s^2)), linear between places that are a fraction of a step apart.
        """
        low, high = self.of_y.support
        y = np.linspace(low, high, int(np.ceil((high - low) / STEP)) + 1)
        drawn = np.empty(len(amplitude))
        for first in range(0, len(drawn), DRAWS_AT_ONCE):
            some = slice(first, first + DRAWS_AT_ONCE)
            own = [np.broadcast_to(p, len(amplitude))[some, None] for p in parameters]
            ln_density = self.ln_pdf(y, *own) + ln_rayleigh(np.log(amplitude[some, None]) - y)
            density = np.exp(ln_density - ln_density.max(axis=1, keepdims=True))
            mass = np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]), axis=1)
            u = mass[:, -1] * rng.random(len(mass))
            cell = np.minimum(np.sum(mass < u[:, None], axis=1), len(y) - 2)
            row = np.arange(len(mass))
            left, right = density[row, cell], density[row, cell + 1]
            # of a density that is linear in the cell
            share = np.clip((u - mass[row, cell]) / (0.5 * (left + right)) + 1, 0, 1)
            root = np.sqrt(left**2 + share * (right**2 - left**2))
            drawn[some] = y[cell] + (y[1] - y[0]) * share * (left + right) / np.maximum(left + root, TINY)
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

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """One draw for each of (S,) x, given one value or S values of each hyper-parameter."""
        return self.of_s.draw(parameters, len(x), rng) + np.log(rng.rayleigh(size=len(x)))


def ln_rayleigh(ln_ratio: np.ndarray) -> np.ndarray:
    """Ln density of ln K, as a function of ln(K / s)."""
    return 2 * ln_ratio - 0.5 * np.exp(2 * ln_ratio)


def amplitudes_from_settings(settings: Mapping[str, Any]) -> Amplitudes:
    """The density that ``amplitude`` of a population model names, with the settings that stand there."""
    name, where = settings.get("density"), "population_models: amplitude"
    if name not in SMOOTH:
        raise InputError(f"{where}.density {name!r} is not one of {', '.join(SMOOTH)}.{nearest(str(name), SMOOTH)}")
    if "range_kms" not in settings:
        raise InputError(f"{where} lacks range_kms, between which the scale of the amplitudes lies, as [0.1, 200].")
    low, high = map(float, settings["range_kms"])
    if not 0 < low < high < np.inf:
        raise InputError(f"{where}.range_kms: [{low}, {high}]; expected two positive numbers, the lower first.")
    own = {key: value for key, value in settings.items() if key != "range_kms"}
    of_y = Density.registered[name].from_settings(own, (low, high))
    narrowest = own.get("ln_sigma", [LN_SIGMA])[0]
    if narrowest < LN_SIGMA:
        raise InputError(f"{where}.ln_sigma: from {narrowest}; expected {LN_SIGMA} or more: K scatters by more for s.")
    return Amplitudes(of_y, (low, high))
