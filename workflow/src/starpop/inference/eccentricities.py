"""The densities of the eccentricity e given x = ln(P / day): of one system, or of a population with hyper-parameters.

| name | density of e, up to a largest, `up_to` | hyper-parameters |
|---|---|---|
| uniform | constant | |
| beta | that of z = e / up_to is z^(alpha - 1) (1 - z)^(beta - 1) | lnalpha, lnbeta |
| rayleigh | e exp(-e^2 / (2 sigma^2)) | lnsigma_e |
| circularised | that of z is b (1 - z)^(b - 1) | mu_circ, lnwidth_circ |

all normalised. Orbits circularise below a period: the mean of z, 1 / (1 + b), falls from 1/2 to `circular` around
ln P = mu_circ, b = b_0^s with s = 1 / (1 + exp((x - mu_circ) / width)), and b_0 = 1 / circular - 1.

Each is a frozen dataclass whose fields are its keys in the configuration, registered under its name, as those of x
are (`density`). It has `parameters`, `ln_pdf`, `draw`, and `ln_peak` for draws from a system's likelihood, which are
proposed uniform in the root of e: of that no density is infinite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from scipy.special import betainc, betaincinv, betaln

from starpop.inference.density import Range, field_values
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import Prior, Uniform
from starpop.run.errors import InputError, nearest

# Beyond the first, an orbit's velocities are those of a moment, and no search of visits finds it; the usual limit.
LARGEST, UP_TO = 0.98, 0.95
# Of a logarithm: what it is taken of at least.
TINY = 1e-300
# Where the hyper-parameters may lie: of narrower densities the nodes of a system's likelihood are too coarse, and the
# root of e has a density that is infinite where alpha is below 1/2.
LN_ALPHA, LN_BETA, LN_SIGMA, LN_WIDTH = (-0.69, 3.0), (0.0, 5.0), (-5.0, 3.0), (-4.0, 5.0)
CIRCULAR = (0.003, 0.4)


class Eccentricity:
    """What all densities of e share."""

    up_to: float
    # Among the parameters of a system.
    name: ClassVar[str] = "e"
    registered: ClassVar[dict[str, type[Eccentricity]]] = {}

    def __init_subclass__(cls, name: str = "") -> None:
        """Register a density that has a name."""
        if name:
            Eccentricity.registered[name] = cls

    def __post_init__(self) -> None:
        """Check what is given."""
        if not 0 < self.up_to <= LARGEST:
            raise InputError(f"eccentricity up_to: {self.up_to!r}; expected a number above 0, of {LARGEST} at most.")

    @property
    def parameters(self) -> dict[str, Prior]:
        """The prior of each hyper-parameter, in order."""
        return {}

    def ln_pdf(self, e: Any, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density, for e up to the largest; arrays broadcast."""
        raise NotImplementedError

    def mode(self, x: Any, *parameters: Any) -> Any:
        """Where the density of the root of e, as a function of e, is highest, falling on both sides."""
        raise NotImplementedError

    def ln_peak(self, e: tuple[np.ndarray, np.ndarray], x: tuple[np.ndarray, np.ndarray], *parameters: Any) -> Any:
        """Highest ln density of the root of e between two ends of e, or a bound on it, at any x between two ends."""
        at = np.clip(self.mode(x[0], *parameters), *e)
        return self.ln_pdf_of_root(at, x[0], *parameters)

    def ln_pdf_of_root(self, e: Any, x: Any, *parameters: Any) -> Any:
        """Ln of the density of the root of e."""
        return self.ln_pdf(e, x, *parameters) + 0.5 * np.log(4 * e + TINY)

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """One draw for each of (S,) x, given one value or S values of each hyper-parameter."""
        raise NotImplementedError


@dataclass(frozen=True)
class EccentricityPrior(Eccentricity):
    """The prior of one system's e: a beta density cut off at the largest; what is not named is uniform.

    Attributes
    ----------
    alpha, beta : the two numbers of the beta density, 0.5 or more
    up_to : the largest e
    """

    alpha: float = 1.0
    beta: float = 1.0
    up_to: float = UP_TO

    def __post_init__(self) -> None:
        """Check what is given."""
        super().__post_init__()
        if not (0.5 <= self.alpha < np.inf and 0.5 <= self.beta < np.inf):
            raise InputError(f"eccentricity beta: [{self.alpha}, {self.beta}]; expected two numbers of 0.5 or more.")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> EccentricityPrior:
        """The prior that ``orbit_prior.eccentricity`` of the configuration describes."""
        alpha, beta = settings["beta"]
        return cls(alpha=alpha, beta=beta, up_to=settings["up_to"])

    @property
    def uniform(self) -> bool:
        """Whether all eccentricities are as likely."""
        return self.alpha == self.beta == 1.0

    @property
    def _ln_factor(self) -> float:
        """Ln of what the powers of e and 1 - e are multiplied by."""
        return -float(betaln(self.alpha, self.beta) + np.log(betainc(self.alpha, self.beta, self.up_to)))

    def ln_pdf(self, e: Any, x: Any = None, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        value = 0 * e + self._ln_factor
        if self.alpha != 1:
            value = value + (self.alpha - 1) * math.log(math.abs(e) + TINY)
        if self.beta != 1:
            value = value + (self.beta - 1) * math.log1p(-e)
        return math.where((e >= 0) & (e <= self.up_to), value, -np.inf)

    def ln_peak(self, e: tuple[np.ndarray, np.ndarray], x: tuple[np.ndarray, np.ndarray], *parameters: Any) -> Any:
        """Of each factor where it is highest."""
        low, high = e
        first = self._ln_factor + np.log(2) + (self.alpha - 0.5) * np.log(high)
        return first + (self.beta - 1) * np.log1p(-np.where(self.beta >= 1, low, high))

    def cdf(self, e: np.ndarray) -> np.ndarray:
        """The probability of a smaller eccentricity."""
        return betainc(self.alpha, self.beta, np.clip(e, 0, self.up_to)) / betainc(self.alpha, self.beta, self.up_to)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """The eccentricity below which a share of the probability lies."""
        if self.uniform:
            return np.asarray(share) * self.up_to
        return betaincinv(self.alpha, self.beta, np.asarray(share) * betainc(self.alpha, self.beta, self.up_to))

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """Draws of e."""
        return self.quantile(rng.random(len(x)))


@dataclass(frozen=True)
class UniformEccentricity(Eccentricity, name="uniform"):
    """All eccentricities as likely."""

    up_to: float = UP_TO

    def ln_pdf(self, e: Any, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        return 0 * e - np.log(self.up_to)

    def mode(self, x: Any, *parameters: Any) -> Any:
        """The largest."""
        return self.up_to

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """Draws of e."""
        return self.up_to * rng.random(len(x))


@dataclass(frozen=True)
class Beta(Eccentricity, name="beta"):
    """A beta density of e / up_to."""

    ln_alpha: Range
    ln_beta: Range
    up_to: float = UP_TO

    def __post_init__(self) -> None:
        """Check what is given."""
        super().__post_init__()
        _check_within("beta", "ln_alpha", self.ln_alpha, LN_ALPHA)
        _check_within("beta", "ln_beta", self.ln_beta, LN_BETA)

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of lnalpha and lnbeta."""
        return {"lnalpha": Uniform(*self.ln_alpha), "lnbeta": Uniform(*self.ln_beta)}

    def ln_pdf(self, e: Any, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        alpha, beta = (math.exp(p) for p in parameters)
        ln_constant = math.gammaln(alpha) + math.gammaln(beta) - math.gammaln(alpha + beta) + np.log(self.up_to)
        z = e / self.up_to
        return (alpha - 1) * math.log(z + TINY) + (beta - 1) * math.log(1 - z + TINY) - ln_constant

    def mode(self, x: Any, *parameters: Any) -> Any:
        """Of z^(alpha - 1/2) (1 - z)^(beta - 1)."""
        low, high = np.exp(parameters[0]) - 0.5, np.exp(parameters[1]) - 1
        return self.up_to * low / (low + high)

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """Draws of e."""
        alpha, beta = (np.exp(p) for p in parameters)
        return self.up_to * rng.beta(alpha, beta, len(x))


@dataclass(frozen=True)
class Rayleigh(Eccentricity, name="rayleigh"):
    """Two components of the eccentricity's vector normal about zero, of standard deviation exp(lnsigma_e)."""

    ln_sigma: Range
    up_to: float = UP_TO

    def __post_init__(self) -> None:
        """Check what is given."""
        super().__post_init__()
        _check_within("rayleigh", "ln_sigma", self.ln_sigma, LN_SIGMA)

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of lnsigma_e."""
        return {"lnsigma_e": Uniform(*self.ln_sigma)}

    def ln_pdf(self, e: Any, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        (ln_sigma,) = parameters
        inverse = 0.5 * math.exp(-2 * ln_sigma)
        ln_share = math.log(-math.expm1(-(self.up_to**2) * inverse))
        return math.log(e + TINY) - 2 * ln_sigma - e**2 * inverse - ln_share

    def mode(self, x: Any, *parameters: Any) -> Any:
        """Of e^(3/2) exp(-e^2 / (2 sigma^2))."""
        return np.sqrt(1.5) * np.exp(parameters[0])

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """Draws of e."""
        sigma = np.exp(parameters[0])
        return sigma * np.sqrt(-2 * np.log1p(rng.random(len(x)) * np.expm1(-0.5 * (self.up_to / sigma) ** 2)))


@dataclass(frozen=True)
class Circularised(Eccentricity, name="circularised"):
    """Uniform for long periods, and damped below that of circularisation."""

    mu: Range
    ln_width: Range
    circular: float = 0.01
    up_to: float = UP_TO

    def __post_init__(self) -> None:
        """Check what is given."""
        super().__post_init__()
        _check_within("circularised", "ln_width", self.ln_width, LN_WIDTH)
        _check_within("circularised", "circular", (self.circular, self.circular), CIRCULAR)

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of ln of the circularisation period, and of the width in ln P that e falls within."""
        return {"mu_circ": Uniform(*self.mu), "lnwidth_circ": Uniform(*self.ln_width)}

    def _power(self, x: Any, parameters: Sequence[Any], math: SimpleNamespace = NUMPY) -> Any:
        """Give b."""
        mu, ln_width = parameters
        # 1 / (1 + exp(steps)), of steps that may be hundreds
        share = 0.5 - 0.5 * math.tanh(0.5 * (x - mu) * math.exp(-ln_width))
        return math.exp(np.log(1 / self.circular - 1) * share)

    def ln_pdf(self, e: Any, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        return self._ln_pdf_given(self._power(x, parameters, math), e, math)

    def _ln_pdf_given(self, b: Any, e: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density, given b."""
        return math.log(b) + (b - 1) * math.log(1 - e / self.up_to + TINY) - np.log(self.up_to)

    def ln_peak(self, e: tuple[np.ndarray, np.ndarray], x: tuple[np.ndarray, np.ndarray], *parameters: Any) -> Any:
        """Where b, which falls with x, is highest as a factor and lowest as a power."""
        most, least = (self._power(end, parameters) for end in x)
        # of z^(1/2) (1 - z)^(b - 1)
        mode = self.up_to * 0.5 / (least - 0.5)
        at = np.clip(mode, *e)
        return self._ln_pdf_given(least, at) + 0.5 * np.log(4 * at + TINY) + np.log(most / least)

    def draw(self, x: np.ndarray, parameters: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
        """Draws of e."""
        return self.up_to * -np.expm1(np.log(rng.random(len(x))) / self._power(x, parameters))


def _check_within(density: str, name: str, given: Range, allowed: Range) -> None:
    """Say that a range, or a number as both of its ends, is not within another."""
    if not allowed[0] <= given[0] <= given[1] <= allowed[1]:
        raise InputError(
            f"eccentricity: density {density} has {name} {given[0]} to {given[1]}; expected it within "
            f"{allowed[0]} to {allowed[1]}."
        )


def eccentricity_from_settings(settings: Mapping[str, Any], period_range_days: Range) -> Eccentricity:
    """The density that ``eccentricity`` of a population model names, with the settings that stand there."""
    given = {key: value for key, value in settings.items() if key != "density"}
    name = settings.get("density")
    if name not in Eccentricity.registered:
        known, hint = ", ".join(Eccentricity.registered), nearest(str(name), Eccentricity.registered)
        raise InputError(f"population_models: eccentricity.density {name!r} is not known; use one of {known}.{hint}")
    made = Eccentricity.registered[name]
    own = {f.name: f.default for f in fields(made)}  # type: ignore[arg-type]
    if wrong := (given.keys() ^ own.keys()) - {key for key, default in own.items() if default is not MISSING}:
        raise InputError(
            f"population_models: eccentricity, density {name}, lacks or does not know {', '.join(sorted(wrong))}; its "
            f"keys are {', '.join(sorted(own))}."
        )
    return made(**field_values(given, period_range_days))
