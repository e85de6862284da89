"""The mean distance and the depth of a star cluster, from noisy parallaxes: exactly, and as a PyMC model.

    mu_r ~ TN(m, s; > 0),   ln_std_r ~ U(range),   r_n ~ TN(mu_r, exp(ln_std_r); > 0)      [kpc]
    parallax_n ~ N(1 / r_n, error_n)                                                        [mas]

and, where the prior has them, with a fraction f_field ~ U(range) of stars of the field, whose r_n are of a density
that is given (`field`), and with all errors multiplied by one factor, ln_error_factor ~ U(range).

Each star's distance is integrated out in `distance`; `quadrature` integrates over the two to four hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.polynomial import chebyshev
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri

from starpop.inference.chart import Bounds, box_around, mesh
from starpop.inference.density import Range
from starpop.inference.priors import FARTHEST
from starpop.inference.quadrature import HyperPosterior, integrate, shortest_interval
from starpop.inference.weighted import HDI_PROBABILITY
from starpop.populations import distance, field
from starpop.populations.field import Field, Hyper

if TYPE_CHECKING:  # PyMC takes seconds to load, and the exact answer does not need it
    import pymc as pm

Values = Sequence[np.ndarray] | np.ndarray
# Of the quadrature: the error to reach; and how often a star's integral may be evaluated, some microsecond each, or at
# least at so many points.
TOLERANCE, MOST_INTEGRALS, LEAST_POINTS = 1e-6, 4e7, 40_000
# Points of the hyper-parameters where maxima are looked for, between the ends of their priors, and of mean distances;
# and how far, in the ln, one may lie below the highest that counts.
GUESSES, MOST_GUESSES = {"f_field": 6, "ln_std_r": 17, "ln_error_factor": 3}, 100
OTHER_MAXIMA = 16.0
# About how wide a maximum is; in the mean distance half the depth.
WIDTHS = {"f_field": 0.1, "ln_std_r": 0.5, "ln_error_factor": 0.1}
# How near to the highest point is near enough, in standard deviations.
NEAR = 0.02
# Of the polynomial in the ln of the factor on the errors that stands for a star's likelihood under the field.
DEGREE = 24


@dataclass(frozen=True)
class ClusterPrior:
    """Priors on the mean distance (a normal truncated at 0) and on the ln of the depth (uniform), in kpc.

    And, where there is one, on the ln of the factor on all errors (uniform), and on the fraction of the field.
    """

    mean_distance_kpc: float
    mean_distance_sd_kpc: float
    ln_depth_kpc: Range
    ln_error_factor: Range | None = None
    field: Field | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ClusterPrior:
        """``cluster.prior`` of the configuration."""
        own = settings.get("field")
        return cls(**{**settings, "field": Field(**own) if own else None})

    @property
    def bounds(self) -> dict[str, Range]:
        """The hyper-parameters, each with the ends between which all that counts of its prior lies."""
        # a distance is positive; the smallest that double precision tells from 0 stands for the bound
        farthest = self.mean_distance_kpc + FARTHEST * self.mean_distance_sd_kpc
        bounds: dict[str, Range] = {} if self.field is None else {"f_field": self.field.bounds}
        bounds |= {"mu_r": (1e-12, farthest), "ln_std_r": self.ln_depth_kpc}
        return bounds if self.ln_error_factor is None else bounds | {"ln_error_factor": self.ln_error_factor}

    def hyper(self, *values: np.ndarray) -> Hyper:
        """Values of the hyper-parameters, in their order, by name."""
        known = dict(zip(self.bounds, values, strict=True))
        right = np.zeros(np.shape(known["mu_r"]))
        return Hyper(known.get("f_field"), known["mu_r"], known["ln_std_r"], known.get("ln_error_factor", right))

    @property
    def ln_constant(self) -> float:
        """Ln of what the exponential of the mean distance's prior is divided by, for the whole prior."""
        mean, sd = self.mean_distance_kpc, self.mean_distance_sd_kpc
        widths = [high - low for name, (low, high) in self.bounds.items() if name != "mu_r"]
        return float(np.log(sd * np.sqrt(2 * np.pi)) + log_ndtr(mean / sd) + np.sum(np.log(widths)))


def ln_likelihood(
    values: Sequence[np.ndarray] | np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
) -> np.ndarray:
    """(M,) ln p(parallaxes | hyper-parameters), at (M,) values of each."""
    hyper = prior.hyper(*values)
    if prior.field is not None:
        return field.ln_likelihood(hyper, parallax_mas, parallax_error_mas, prior.field)
    _, mu_r, ln_std_r, ln_error_factor = hyper
    return distance.ln_likelihood(mu_r, ln_std_r, parallax_mas, parallax_error_mas, ln_error_factor)


def ln_posterior(
    values: Sequence[np.ndarray] | np.ndarray,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
) -> np.ndarray:
    """(M,) ln of likelihood times prior, at (M,) values of each hyper-parameter within the prior's bounds."""
    deviation = (prior.hyper(*values).mu_r - prior.mean_distance_kpc) / prior.mean_distance_sd_kpc
    return ln_likelihood(values, parallax_mas, parallax_error_mas, prior) - 0.5 * deviation**2 - prior.ln_constant


def posterior(parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior) -> HyperPosterior:
    """The exact posterior of the hyper-parameters, mu_r [kpc] and ln_std_r among them."""

    def ln_density(*values: np.ndarray) -> np.ndarray:
        return ln_posterior(values, parallax_mas, parallax_error_mas, prior)

    ends: Bounds = list(prior.bounds.values())
    most_points = max(LEAST_POINTS, MOST_INTEGRALS / len(parallax_mas))
    if prior.field is not None:
        # without any member all mean distances and depths are alike: a plateau, where grids of the prior would stay
        ends, most_points = box_around(ln_density, ends, *first_box(parallax_mas, parallax_error_mas, prior)), np.inf
    return integrate(ln_density, tuple(prior.bounds), ends, TOLERANCE, most_points)


def first_box(
    parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior
) -> tuple[list[Range], float]:
    """A box of hyper-parameters around the highest maximum, and any other that may count; and ln of the highest value.

    They are looked for where there is a cluster around any of the stars.
    """
    ends = prior.bounds
    seen = np.append(1 / parallax_mas[parallax_mas > 0], prior.mean_distance_kpc)
    axes = {name: np.linspace(*ends[name], points) for name, points in GUESSES.items() if name in ends}
    axes["mu_r"] = np.clip(np.quantile(seen, np.linspace(0, 1, MOST_GUESSES)), *ends["mu_r"])
    points = mesh([axes[name] for name in ends])
    values = ln_posterior(points.T, parallax_mas, parallax_error_mas, prior)
    best = points[np.argmax(values)]
    widths = WIDTHS | {"mu_r": 0.5 * np.exp(prior.hyper(*best).ln_std_r)}
    sd = np.array([widths[name] for name in ends])
    top = highest_point(parallax_mas, parallax_error_mas, prior, best, sd)
    around = np.vstack([top - 0.3 * sd, top + 0.3 * sd, points[values > values.max() - OTHER_MAXIMA]])
    box = list(zip(around.min(axis=0).tolist(), around.max(axis=0).tolist(), strict=True))
    return box, float(ln_posterior(top[:, None], parallax_mas, parallax_error_mas, prior)[0])


def highest_point(
    parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior, start: np.ndarray, sd: np.ndarray
) -> np.ndarray:
    """The hyper-parameters where their posterior is highest.

    Parameters
    ----------
    start, sd : a point to start at, and the standard deviations of such a posterior
    """

    def cost(x: np.ndarray) -> float:
        values = (start + sd * x)[:, None]
        return -float(ln_posterior(values, parallax_mas, parallax_error_mas, prior)[0])

    dimensions = len(start)
    simplex = np.vstack([np.zeros(dimensions), np.eye(dimensions)])
    ends = prior.bounds.values()
    limits = [tuple((np.array(pair) - s) / d) for pair, s, d in zip(ends, start, sd, strict=True)]
    options = {"initial_simplex": simplex, "xatol": NEAR, "fatol": NEAR**2, "maxfev": 100 * dimensions}
    return start + sd * minimize(cost, np.zeros(dimensions), method="Nelder-Mead", bounds=limits, options=options).x


def exact_summary(hyper: HyperPosterior) -> xr.Dataset:
    """Exact mean, sd and 94% shortest interval of the hyper-parameters and std_r."""
    summary, k = hyper.summary(), hyper.names.index("ln_std_r")
    mean = hyper.mean(lambda *h: np.exp(h[k]))
    sd = np.sqrt(hyper.mean(lambda *h: (np.exp(h[k]) - mean) ** 2))
    grid, density = hyper.marginal("ln_std_r")
    std = np.linspace(np.exp(grid[0]), np.exp(grid[-1]), len(grid))
    interval = shortest_interval(std, CubicSpline(grid, density)(np.log(std)) / std, HDI_PROBABILITY)
    row = xr.Dataset(
        {"value": (("parameter", "statistic"), [[mean, sd, *interval, *hyper.quality("ln_std_r")]])},
        coords={"parameter": ["std_r"], "statistic": summary["statistic"]},
    )
    value = xr.concat([summary["value"], row["value"]], dim="parameter")
    return xr.Dataset({"value": value, "ln_evidence": summary["ln_evidence"], "error": summary["error"]})


def membership_probability(
    parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior, hyper: HyperPosterior
) -> np.ndarray:
    """(N,) exact posterior probability of each star to be a member, of a prior with a field."""
    assert prior.field is not None
    given = prior.hyper(*hyper.points.T)
    return field.mean_membership(given, hyper.weights, parallax_mas, parallax_error_mas, prior.field)


def draw(
    stars: Sequence[object],
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: ClusterPrior,
    hyper: HyperPosterior,
    size: int,
    rng: np.random.Generator,
) -> xr.DataTree:
    """Independent exact draws of the hyper-parameters and the named stars' distances [kpc], in ArviZ's layout.

    With a field, ``member`` says of each draw, in 1 and 0, whether the star is a member in it.
    """
    drawn = hyper.draw(size, rng)
    given, data = prior.hyper(*drawn.values()), (parallax_mas, parallax_error_mas)
    of_stars = {}
    if prior.field is None:
        of_stars["r"] = distance.draw(given.mu_r, given.ln_std_r, *data, rng, given.ln_error_factor)
    else:
        of_stars["r"], of_stars["member"] = field.draw(given, *data, prior.field, rng)
    dims = ("chain", "draw")
    values = drawn | {"std_r": np.exp(drawn["ln_std_r"])}
    dataset = xr.Dataset(
        {name: (dims, value[None]) for name, value in values.items()}
        | {name: ((*dims, "star"), value[None]) for name, value in of_stars.items()},
        coords={"chain": [0], "draw": np.arange(size), "star": list(stars)},
    )
    return xr.DataTree.from_dict({"posterior": dataset})


def simulate(
    parallax_error_mas: np.ndarray, values: np.ndarray, prior: ClusterPrior, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A cluster whose table has these errors, and (D,) hyper-parameters.

    Returns
    -------
    (N,) parallaxes [mas], distances [kpc], and whether each star is a member
    """
    hyper, stars = prior.hyper(*values), len(parallax_error_mas)
    mean, sd, member = hyper.mu_r, np.exp(hyper.ln_std_r), np.ones(stars, bool)
    if prior.field is not None:
        member = rng.random(stars) >= hyper.f_field
        mean = np.where(member, mean, prior.field.mean_distance_kpc)
        sd = np.where(member, sd, prior.field.sd_kpc)
    beyond = ndtr(mean / sd)  # of the normal density, the part at distances above 0
    r = np.maximum(mean - sd * ndtri(beyond * (1 - rng.random(stars))), np.finfo(float).tiny)
    return rng.normal(1 / r, parallax_error_mas * np.exp(hyper.ln_error_factor)), r, member


def build_model(
    stars: Sequence[object], parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior
) -> pm.Model:
    """The PyMC model of the cluster, with the names of its stars.

    With a field a star has the distance ``r_member`` that it has if it is a member; whether it is one, and its
    distance if not, are summed and integrated out.
    """
    import pymc as pm

    with pm.Model(coords={"star": list(stars)}) as model:
        mu_r = pm.TruncatedNormal("mu_r", prior.mean_distance_kpc, prior.mean_distance_sd_kpc, lower=0)
        ln_std_r = pm.Uniform("ln_std_r", *prior.ln_depth_kpc)
        std_r = pm.Deterministic("std_r", pm.math.exp(ln_std_r))
        error, ln_factor = parallax_error_mas, 0.0
        if prior.ln_error_factor is not None:
            ln_factor = pm.Uniform("ln_error_factor", *prior.ln_error_factor)
            error = error * pm.math.exp(ln_factor)
        if prior.field is None:
            r = pm.TruncatedNormal("r", mu_r, std_r, lower=0, dims="star")
            pm.Normal("parallax", 1 / r, error, observed=parallax_mas)
        else:
            f_field = pm.Uniform("f_field", *prior.field.bounds)
            r = pm.TruncatedNormal("r_member", mu_r, std_r, lower=0, dims="star")
            of_member = pm.math.log1p(-f_field) + pm.logp(pm.Normal.dist(1 / r, error), parallax_mas)
            of_field = pm.math.log(f_field) + _of_field(ln_factor, parallax_mas, parallax_error_mas, prior)
            pm.Potential("parallax", pm.math.sum(pm.math.logaddexp(of_member, of_field)))
    return model


def _of_field(
    ln_error_factor: Any, parallax_mas: np.ndarray, parallax_error_mas: np.ndarray, prior: ClusterPrior
) -> Any:
    """(N,) ln p(parallax | field), as an expression of the ln of the factor on the errors, if that is uncertain."""
    of_field, data = prior.field, (parallax_mas, parallax_error_mas)
    assert of_field is not None
    if prior.ln_error_factor is None:
        return of_field.ln_likelihood_of_each(np.zeros(1), *data)[0]
    low, high = prior.ln_error_factor
    nodes = chebyshev.chebpts1(DEGREE + 1)
    values = of_field.ln_likelihood_of_each(low + (high - low) * (nodes + 1) / 2, *data)
    coefficients = chebyshev.chebfit(nodes, values, DEGREE)
    return chebyshev.chebval(2 * (ln_error_factor - low) / (high - low) - 1, coefficients)
