"""The densities of x = ln(P / day): of one system's period, or of a population with hyper-parameters (`density`).

| name | density of x | hyper-parameters |
|---|---|---|
| normal | N(mu, sigma), the tutorial's | mu, lnsigma |
| truncated_normal | the same, cut off outside the period range and normalised | mu, lnsigma |
| student_t | Student's t of nu degrees of freedom about mu, of scale sigma | mu, lnsigma, lnnu |
| normal_mixture | w N(mu1, sigma1) + (1-w) N(mu1 + separation, sigma2) | mu1, separation, lnsigma1, lnsigma2, weight |
| power_law | e^(beta x), that is p(P) of slope beta - 1, in the period range | beta |
| histogram | constant in each of B bins | step1 ... step(B-1), lntau |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from starpop.inference.amplitudes import BEYOND, LN_SIGMA, SMOOTH, STEEPEST, Amplitudes
from starpop.inference.density import Bounded, Density, Range
from starpop.inference.eccentricities import eccentricity_from_settings
from starpop.inference.joint import Joint
from starpop.inference.numerics import NUMPY
from starpop.inference.priors import LN_SQRT_2PI, Prior, StandardNormal, Uniform
from starpop.inference.with_singles import WithSingles
from starpop.run.errors import InputError, nearest

# Of ln P at the ends of a range.
ROUNDING = 1e-9
# In standard deviations: between two of these a normal density is smooth enough for a few panels.
DISTANCES = np.array([-30.0, -9.0, -3.0, 0.0, 3.0, 9.0, 30.0])


def around(centre: np.ndarray, ln_scale: np.ndarray) -> np.ndarray:
    """(M, 7) values of x about (M,) centres, by (M,) scales."""
    return centre[:, None] + np.exp(ln_scale)[:, None] * DISTANCES


@dataclass(frozen=True)
class UniformPeriod(Bounded):
    """P uniform over a range [d]: the tutorial's prior of a single system. p(x) = e^x / (range)."""

    period_range_days: Range

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density; an end of the range is within it, however rounded."""
        low, high = self.support
        values = x - np.log(self.period_range_days[1] - self.period_range_days[0])
        return math.where((x >= low - ROUNDING) & (x <= high + ROUNDING), values, -np.inf)

    def mode(self, *parameters: Any) -> Any:
        """The longest period."""
        return self.support[1]

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        return np.log(rng.uniform(*self.period_range_days, size))


@dataclass(frozen=True)
class Normal(Density, name="normal"):
    """x ~ N(mu, exp(lnsigma)): the tutorial's population."""

    mu: Range
    ln_sigma: Range

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of mu and lnsigma."""
        return {"mu": Uniform(*self.mu), "lnsigma": Uniform(*self.ln_sigma)}

    def ln_norm(self, mu: Any, lnsigma: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density where x = mu: what does not depend on x."""
        return -lnsigma - LN_SQRT_2PI

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        mu, lnsigma = parameters
        return -0.5 * ((x - mu) * math.exp(-lnsigma)) ** 2 + self.ln_norm(mu, lnsigma, math)

    def mode(self, *parameters: Any) -> Any:
        """The mean."""
        return parameters[0]

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """Some standard deviations from the mean."""
        return around(*parameters)

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        mu, lnsigma = parameters
        return rng.normal(mu, np.exp(lnsigma), size)

    def variable(self, name: str, parameters: Sequence[Any], period_range_days: Range, **kwargs: Any) -> Any:
        """PyMC's own."""
        import pymc as pm

        mu, lnsigma = parameters
        return pm.Normal(name, mu, pm.math.exp(lnsigma), default_transform=self._cut(period_range_days), **kwargs)


@dataclass(frozen=True)
class TruncatedNormal(Bounded, Normal, name="truncated_normal"):
    """A normal density cut off outside a range of periods [d], where no period can be found, and normalised."""

    period_range_days: Range

    def ln_norm(self, mu: Any, lnsigma: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the normal density at its centre, over its share inside the range."""
        low, high = ((end - mu) * math.exp(-lnsigma) for end in self.support)
        # both ends on the side where the normal cdf is small keep the digits of their difference
        flip = low > 0
        low, high = math.where(flip, -high, low), math.where(flip, -low, high)
        inside = math.log_ndtr(high) + math.log1p(-math.exp(math.log_ndtr(low) - math.log_ndtr(high)))
        return super().ln_norm(mu, lnsigma, math) - inside

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        return self._inside(x, super().ln_pdf(x, *parameters, math=math), math)

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        mu, sigma = parameters[0], np.exp(parameters[1])
        low, high = ((end - mu) / sigma for end in self.support)
        side = np.where(low > 0, -1.0, 1.0)
        low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
        # in logarithms, so that a range may lie far out in a tail
        least, share = np.exp(log_ndtr(low) - log_ndtr(high)), rng.random(size)
        z = ndtri_exp(log_ndtr(high) + np.log(least + (1 - least) * share))
        return np.clip(mu + side * sigma * z, *self.support)

    def variable(self, name: str, parameters: Sequence[Any], period_range_days: Range, **kwargs: Any) -> Any:
        """PyMC's own."""
        import pymc as pm

        mu, lnsigma = parameters
        ends = dict(zip(("lower", "upper"), self.support, strict=True))
        cut = self._cut(period_range_days)
        return pm.TruncatedNormal(name, mu, pm.math.exp(lnsigma), **ends, default_transform=cut, **kwargs)


@dataclass(frozen=True)
class StudentT(Density, name="student_t"):
    """Student's t about mu, of scale exp(lnsigma) and exp(lnnu) degrees of freedom: systems far out count less."""

    mu: Range
    ln_sigma: Range
    ln_nu: Range

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of mu, lnsigma and lnnu."""
        return {"mu": Uniform(*self.mu), "lnsigma": Uniform(*self.ln_sigma), "lnnu": Uniform(*self.ln_nu)}

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        mu, lnsigma, lnnu = parameters
        nu = math.exp(lnnu)
        norm = math.gammaln(0.5 * (nu + 1)) - math.gammaln(0.5 * nu) - 0.5 * (lnnu + np.log(np.pi)) - lnsigma
        return norm - 0.5 * (nu + 1) * math.log1p(((x - mu) * math.exp(-lnsigma)) ** 2 / nu)

    def mode(self, *parameters: Any) -> Any:
        """The centre."""
        return parameters[0]

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """Some scales from the centre."""
        return around(parameters[0], parameters[1])

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        mu, lnsigma, lnnu = parameters
        return mu + np.exp(lnsigma) * rng.standard_t(np.exp(lnnu), size)


@dataclass(frozen=True)
class NormalMixture(Density, name="normal_mixture"):
    """Two normal densities. The second's mean is the first's plus a positive separation: labels cannot switch."""

    mu: Range
    separation: Range
    ln_sigma: Range
    weight: Range = (0.0, 1.0)

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of the first mean, the second's distance from it, both widths, and the first's share."""
        return {
            "mu1": Uniform(*self.mu),
            "separation": Uniform(*self.separation),
            "lnsigma1": Uniform(*self.ln_sigma),
            "lnsigma2": Uniform(*self.ln_sigma),
            "weight": Uniform(*self.weight),
        }

    def _sum(self, first: Any, second: Any, parameters: Sequence[Any], math: SimpleNamespace) -> Any:
        """Ln of the weighted sum of exp(-z^2/2) over sigma, given both z."""
        _, _, lnsigma1, lnsigma2, weight = parameters
        return math.logaddexp(
            math.log(weight) - lnsigma1 - LN_SQRT_2PI - 0.5 * first**2,
            math.log1p(-weight) - lnsigma2 - LN_SQRT_2PI - 0.5 * second**2,
        )

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        mu1, separation, lnsigma1, lnsigma2, _ = parameters
        first, second = (x - mu1) * math.exp(-lnsigma1), (x - mu1 - separation) * math.exp(-lnsigma2)
        return self._sum(first, second, parameters, math)

    def ln_peak(self, low: np.ndarray, high: np.ndarray, *parameters: Any) -> np.ndarray:
        """Ln of the sum of both components' highest values."""
        mu1, separation, lnsigma1, lnsigma2, _ = parameters
        first = (np.clip(mu1, low, high) - mu1) * np.exp(-lnsigma1)
        second = (np.clip(mu1 + separation, low, high) - mu1 - separation) * np.exp(-lnsigma2)
        return self._sum(first, second, parameters, NUMPY)

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """Some standard deviations from either mean."""
        mu1, separation, lnsigma1, lnsigma2, _ = parameters
        return np.concatenate([around(mu1, lnsigma1), around(mu1 + separation, lnsigma2)], axis=1)

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        mu1, separation, lnsigma1, lnsigma2, weight = parameters
        first = rng.random(size) < weight
        return rng.normal(np.where(first, mu1, mu1 + separation), np.exp(np.where(first, lnsigma1, lnsigma2)))


@dataclass(frozen=True)
class PowerLaw(Bounded, name="power_law"):
    """p(x) ~ exp(beta x) in a range of periods [d]; beta = 0 is flat in ln P, beta = 1 flat in P."""

    beta: Range
    period_range_days: Range

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of beta."""
        return {"beta": Uniform(*self.beta)}

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density, -ln(width) - ln(sinh(h)/h) + beta (x - middle) with h = beta width / 2."""
        (beta,) = parameters
        low, high = self.support
        half = 0.5 * beta * (high - low)
        small = math.abs(half) < 1e-2
        size = math.where(small, 1.0, math.abs(half))
        large = size + math.log1p(-math.exp(-2 * size)) - math.log(2 * size)
        ln_sinhc = math.where(small, half**2 / 6 - half**4 / 180, large)
        return self._inside(x, beta * (x - 0.5 * (low + high)) - np.log(high - low) - ln_sinhc, math)

    def mode(self, *parameters: Any) -> Any:
        """One end or the other."""
        return np.where(np.asarray(parameters[0]) > 0, self.support[1], self.support[0])

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x, by distance from the end where the density is highest."""
        slope = np.abs(parameters[0]) + 1e-12
        low, high = self.support
        distance = -np.log1p(rng.random(size) * np.expm1(-slope * (high - low))) / slope
        return np.clip(np.where(np.asarray(parameters[0]) > 0, high - distance, low + distance), low, high)


@dataclass(frozen=True)
class Histogram(Bounded, name="histogram"):
    """Constant in each of some bins of equal width in x; the ln heights are a Gaussian random walk.

    From one bin to the next, ln height changes by exp(lntau) step_k with step_k ~ N(0, 1): where the data say little,
    neighbours are alike. Nodes stand for spans of up to 0.05 in x (`period_likelihood`), so that the likelihood of a
    system whose period is not known to that may be shared between neighbouring bins with that resolution.
    """

    bins: int
    ln_tau: Range
    period_range_days: Range

    @property
    def parameters(self) -> dict[str, Prior]:
        """Of the steps, and of lntau."""
        return {f"step{k}": StandardNormal() for k in range(1, self.bins)} | {"lntau": Uniform(*self.ln_tau)}

    @property
    def edges(self) -> np.ndarray:
        """(bins + 1,) of x."""
        return np.linspace(*self.support, self.bins + 1)

    @property
    def jumps(self) -> np.ndarray:
        """The edges between the bins."""
        return self.edges[1:-1]

    def ln_heights(self, *parameters: Any, math: SimpleNamespace = NUMPY) -> list[Any]:
        """Ln density of each bin."""
        *steps, lntau = parameters
        tau = math.exp(lntau)
        heights = [0.0 * tau]
        for step in steps:
            heights.append(heights[-1] + tau * step)
        total = heights[0]
        for height in heights[1:]:
            total = math.logaddexp(total, height)
        return [height - total - np.log(self.edges[1] - self.edges[0]) for height in heights]

    def ln_pdf(self, x: Any, *parameters: Any, math: SimpleNamespace = NUMPY) -> Any:
        """Ln of the density."""
        heights = self.ln_heights(*parameters, math=math)
        values = heights[0]
        for edge, height in zip(self.edges[1:-1], heights[1:], strict=True):
            values = math.where(x >= edge, height, values)
        return self._inside(x, values, math)

    def ln_peak(self, low: np.ndarray, high: np.ndarray, *parameters: Any) -> np.ndarray:
        """The highest bin that the interval touches."""
        highest = np.asarray(-np.inf)
        for left, right, height in zip(self.edges[:-1], self.edges[1:], self.ln_heights(*parameters), strict=True):
            highest = np.where((low <= right) & (high >= left), np.maximum(highest, height), highest)
        return highest

    def breakpoints(self, *parameters: np.ndarray) -> np.ndarray:
        """The edges of the bins."""
        return np.broadcast_to(self.edges[1:-1], (len(parameters[0]), self.bins - 1))

    def draw(self, parameters: Sequence[Any], size: int, rng: np.random.Generator) -> np.ndarray:
        """(size,) draws of x."""
        share = np.cumsum(np.exp(np.stack(np.broadcast_arrays(*self.ln_heights(*parameters)))), axis=0)
        share = np.broadcast_to(share.reshape(self.bins, -1), (self.bins, size))
        chosen = np.sum(share < share[-1] * rng.random(size), axis=0)
        return self.edges[chosen] + (self.edges[1] - self.edges[0]) * rng.random(size)


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
    ends = np.log(low) - BEYOND, np.log(high) + BEYOND
    allowed = {"mu": ends, "ln_sigma": (LN_SIGMA, np.inf), "beta": (-STEEPEST, STEEPEST)}
    for key, (least, most) in allowed.items():
        if key in own and own[key] != "auto" and not least <= min(own[key]) <= max(own[key]) <= most:
            raise InputError(f"{where}.{key}: {list(own[key])}; expected it within {least:.4g} and {most:.4g}.")
    return Amplitudes(of_y, (low, high))


def density_from_settings(settings: Mapping[str, Any], period_range_days: Range) -> Density:
    """The density that an entry of ``population_models`` names, with the settings that stand there."""
    name = settings["density"]
    if name not in Density.registered:
        known = ", ".join(Density.registered)
        hint = nearest(name, Density.registered)
        raise InputError(f"population_models: density {name!r} is not known; use one of {known}.{hint}")
    of_x = {key: value for key, value in settings.items() if key not in ("eccentricity", "amplitude", "fraction")}
    density = Density.registered[name].from_settings(of_x, period_range_days)
    of_e = of_s = None
    if "eccentricity" in settings:
        of_e = eccentricity_from_settings(settings["eccentricity"], period_range_days)
    if "amplitude" in settings:
        of_s = amplitudes_from_settings(settings["amplitude"])
    if of_e and of_s:
        raise InputError(
            "population_models: a population has an eccentricity or an amplitude, not both; leave out one."
        )
    if of_e or of_s:
        density = Joint(density, of_e, of_s)
    return WithSingles(density, tuple(settings["fraction"])) if "fraction" in settings else density
