"""Who is in a sample: the probability that a star of a population is, and the error that simulations leave it with.

Of N stars that are in a sample because of what they showed, Loredo (2004, AIP Conf. Proc. 735, 195) and Mandel, Farr &
Gair (2019, MNRAS 486, 1086) have

    p(D | h) = prod_n p(D_n | h) / alpha(h)^N,        alpha(h) = integral of p(x | h) S(x) dx,

with S(x) the probability that a star of period x shows it. With the density at some points g_b

    alpha(h) = sum_b s_b p(g_b | h);

of a population with stars that have no orbit one of the points is theirs, s the probability that such a star is in the
sample, and alpha = F integral of p S dx + (1 - F) S_none.

The shares s_b are estimates from simulated stars, of variances v_b. What all h have in common of their error cancels.
So ln alpha is taken relative to its mean over the posterior: with r_b(h) = p(g_b | h) / alpha(h), its slope by s_b,
and its posterior mean r_b,

    t(h) = N^2 sum_b v_b (r_b(h) - r_b)^2

is the variance of N ln alpha(h), and averaged over what the shares may be, alpha^-N grows by exp(t / 2):

    ln p(D | h) = sum_n ln p(D_n | h) - N ln alpha(h) + (t / 2) / (1 + t / (2 m)).

The last factor keeps a hyper-parameter far from all simulated stars from gaining more than e^m by its error. The root
of the posterior mean of t is the standard deviation that the ln-likelihood has because of the simulations: to first
order no posterior mean is off by more than so many of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from starpop.inference.numerics import NUMPY

if TYPE_CHECKING:
    from starpop.inference.density import Density
    from starpop.inference.weighted import Posterior

# The most that the simulations' error can add to the ln-likelihood.
MOST_GAINED = 4.0
# Hyper-parameters whose densities on the grid are in memory at once.
POINTS_AT_ONCE = 2000
# Weights so far below the largest add nothing.
NEGLIGIBLE = 1e-9
# The least alpha: where it is less nobody would be seen, and what sums over nodes keep at least (`condensed`) must not
# be made up for.
LEAST_ALPHA = 1e-100
STORED = ("points", "share", "variance", "probability", "mean_slope")


@dataclass(frozen=True, eq=False)
class Seen:
    """The shares of some points of ln P, with their errors.

    Attributes
    ----------
    points : (G,) ascending; before those of orbits, stars without one
    share, variance : (G,) s_b and v_b
    probability : (G,) S at the points
    stars : N
    mean_slope : (G,) posterior means of p(g_b | h) / alpha(h); without them the error is left out
    """

    points: np.ndarray
    share: np.ndarray
    variance: np.ndarray
    probability: np.ndarray
    stars: int
    mean_slope: np.ndarray | None = None

    def ln_alpha(self, density: Density, parameters: Sequence[Any], math: SimpleNamespace = NUMPY) -> Any:
        """The ln of alpha, less what its error adds for each star, at hyper-parameters that broadcast with (G,)."""
        slope, alpha = self._slope(density, parameters, math)
        ln_alpha = math.log(alpha[..., 0])
        if self.mean_slope is None:
            return ln_alpha
        spread = self.stars**2 * (self.variance * (slope - self.mean_slope) ** 2).sum(axis=-1)
        return ln_alpha - 0.5 * spread / (1 + 0.5 * spread / MOST_GAINED) / self.stars

    def about(self, density: Density, posterior: Posterior) -> Seen:
        """The same with the error relative to the mean over a posterior."""
        mean = np.zeros(len(self.points))
        for weights, points in _in_parts(posterior):
            mean += weights @ self._slope(density, points)[0]
        return replace(self, mean_slope=mean)

    def summary(self, density: Density, posterior: Posterior) -> tuple[float, float]:
        """The posterior mean of alpha, and the standard deviation of the ln-likelihood because of the simulations."""
        share = spread = 0.0
        for weights, points in _in_parts(posterior):
            slope, alpha = self._slope(density, points)
            share += float(weights @ alpha[:, 0])
            spread += float(weights @ (slope - self.mean_slope) ** 2 @ self.variance)
        return share, self.stars * float(np.sqrt(spread))

    def _slope(self, density: Density, parameters: Sequence[Any], math: SimpleNamespace = NUMPY) -> tuple[Any, Any]:
        """(..., G) p(g_b | h) / alpha(h), and (..., 1) alpha(h)."""
        height = math.exp(density.ln_pdf(self.points, *parameters, math=math))
        alpha = (self.share * height).sum(axis=-1, keepdims=True)
        alpha = math.where(alpha > LEAST_ALPHA, alpha, LEAST_ALPHA)
        return height / alpha, alpha

    def with_singles(self, place: float, share: float, variance: float) -> Seen:
        """The same with stars that have no orbit, at a place before all others, of which a share is seen."""
        return replace(
            self,
            points=np.append(place, self.points),
            share=np.append(share, self.share),
            variance=np.append(variance, self.variance),
            probability=np.append(share, self.probability),
        )

    @property
    def of_binaries(self) -> Seen:
        """The same without the stars that have no orbit, and without the error."""
        return replace(
            self,
            points=self.points[1:],
            share=self.share[1:],
            variance=self.variance[1:],
            probability=self.probability[1:],
            mean_slope=None,
        )

    def relative_probability(self, x: np.ndarray) -> np.ndarray:
        """S at some values of ln P, over its highest."""
        return np.interp(x, self.points, self.probability / self.probability.max())

    def as_dataset(self) -> xr.Dataset:
        """All of it, to be stored."""
        parts = {name: getattr(self, name) for name in STORED if getattr(self, name) is not None}
        return xr.Dataset({name: ("point", values) for name, values in parts.items()} | {"stars": self.stars})

    @classmethod
    def from_dataset(cls, stored: xr.Dataset) -> Seen:
        """What `as_dataset` has stored."""
        parts = {name: stored[name].values for name in STORED if name in stored}
        return cls(stars=int(stored["stars"]), **parts)


def of_fit(exact: xr.DataTree) -> Seen | None:
    """Who was seen of the stars of an exact fit; None if all that are count."""
    return Seen.from_dataset(exact["seen"].to_dataset()) if "seen" in exact.children else None


def _in_parts(posterior: Posterior) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """The weights of the points of a posterior that have some, and (M, 1) values of each hyper-parameter there."""
    held = np.flatnonzero(posterior.weights > NEGLIGIBLE * posterior.weights.max())
    for first in range(0, len(held), POINTS_AT_ONCE):
        some = held[first : first + POINTS_AT_ONCE]
        yield posterior.weights[some], list(posterior.points[some].T[..., None])
