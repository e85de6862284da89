"""Independent exact draws of a system's period, noise and coefficients, from the panels of its period likelihood.

1. A group of panels is proposed by its mass times the highest population density in it, a panel by its mass, and a
   period in it by rejection under L: within a panel L varies little. It is kept with the probability that the density
   of ln P has there, relative to that highest.
2. Given the period, the noise u: a cell [t_k - 1/2, t_k + 1/2] of the lattice (along each axis, of several numbers) is
   proposed by the highest of the terms beside it, t is uniform in it, and kept with the probability
   L(P, u(t)) p(u) u'(t) over that highest.
3. Given both, the coefficients are normal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy.ndimage import maximum_filter

from starpop.inference import rejection
from starpop.inference.densities import Density
from starpop.orbits.ellipse.draws import draw_shapes
from starpop.orbits.ellipse.kepler import fill_columns
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.ellipse.points import noise_terms as ellipse_noise_terms
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.ln_likelihood import (
    factorise,
    fill_design,
    ln_likelihood_at,
    ln_likelihood_given_noise,
    noise_terms,
    scale_prior,
    turns,
    workspace,
)
from starpop.orbits.noise import Box, Lattice, UncertainNoise
from starpop.orbits.orbit import shape_points
from starpop.orbits.panels import Panels
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.system_model import shape_values

# Within an accepted panel the likelihood exceeds the highest of the 15 points by less than this factor.
ENVELOPE = 1.15
# Within a cell of the noise's lattice its density exceeds the highest of the three points beside by less than this.
NOISE_ENVELOPE = 1.3
# Of the noises of some draws at once.
MOST_TERMS = 5_000_000
# Of a period within its panel: some are usual.
MOST_PROPOSALS = 1_000_000


def draw_ln_periods(
    likelihood: PeriodLikelihood,
    density: Density,
    parameters: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
    mode: int | None = None,
) -> np.ndarray:
    """Independent exact draws of ln P from L(x) p(x | parameters).

    A group of panels is proposed by its mass times the highest p in it, a panel of it by its mass, a period in that by
    rejection under L, and the period is kept with the probability p(x) over that highest p. What is refused is drawn
    anew, from the choice of the group on.

    Parameters
    ----------
    density, parameters : the density of ln P, and one value, or `size` values, of each of its parameters
    mode : keep to the panels of one peak (an index into `peak_ln_period`)
    """
    parameters = [np.broadcast_to(p, size) for p in parameters]
    panels = Panels(likelihood, np.exp(likelihood.panel_ln_mass - likelihood.panel_ln_mass.max()), mode)
    drawn = np.empty(size)
    if size:
        panels.refuse_where_zero(density, parameters)

    def propose(waiting: np.ndarray) -> np.ndarray:
        here = [p[waiting] for p in parameters]
        chosen, ceiling = panels.choose(density, here, len(waiting), rng)
        x = draw_in_panels(
            chosen, likelihood.panel_low, likelihood.panel_high, likelihood.panel_top, rng, likelihood.linear
        )
        ln_pdf = density.ln_pdf(x, *here)
        accepted = np.log(rng.random(len(x))) < ln_pdf - ceiling
        drawn[waiting[accepted]] = x[accepted]
        return accepted

    rejection.draw(size, propose)
    return drawn


@njit(cache=True, nogil=True, error_model="numpy")
def draw_in_panels(panels, low, high, top, rng, model):
    """Rejection from the uniform density in frequency, whose Jacobian 1/f is part of what is accepted."""
    room = workspace(model)
    drawn = np.empty(len(panels))
    for k in range(len(panels)):
        a, b = low[panels[k]], high[panels[k]]
        drawn[k] = np.nan
        for _ in range(MOST_PROPOSALS):
            at = a + (b - a) * rng.random()
            value = ln_likelihood_at(at, model, room)
            if rng.random() * ENVELOPE < np.exp(value - top[panels[k]]) * a / at:
                drawn[k] = -np.log(at)
                break
    return drawn


def draw_orbits(
    likelihood: PeriodLikelihood,
    density: Density,
    parameters: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
    mode: int | None = None,
) -> dict[str, np.ndarray]:
    """Independent exact draws of the orbit of a system.

    Parameters
    ----------
    likelihood : of its period
    density, parameters : the density of ln P, and one value, or `size` values, of each of its parameters
    size : number of draws
    mode : keep to one peak (an index into `peak_ln_period`)

    Returns
    -------
    (size,) arrays: ``lnP`` [ln day]; ``e`` and its coordinates ``h``, ``k`` of a Keplerian orbit; the number of the
    noise model, if it has one; and the coefficients ``a``, ``b``, ``v0`` [km/s], and those of trend and offsets
    """
    if isinstance(likelihood, EllipseLikelihood):
        points = draw_shapes(likelihood, density, parameters, size, rng, mode)
        shape = shape_values(points[:, 1], points[:, 2])
        return {"lnP": -np.log(points[:, 0])} | shape | draw_given_shape(likelihood, points, rng)
    ln_period = draw_ln_periods(likelihood, density, parameters, size, rng, mode)
    return {"lnP": ln_period} | draw_given_shape(likelihood, shape_points(np.exp(-ln_period), {}), rng)


def draw_given_shape(
    likelihood: PeriodLikelihood, points: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Exact draws of the noise and the coefficients given each of (S, 3) periods and shapes.

    A point is frequency [1/d], eccentricity and mean anomaly at the middle of the visits [rad], zero for a circle.
    """
    model, system_model = likelihood.linear, likelihood.system_model
    names = system_model.coefficients(likelihood.visits)
    drawn: dict[str, np.ndarray] = {}
    rows, weight = np.zeros(len(points), np.int64), model.weight.T.copy()
    if isinstance(system_model.noise, UncertainNoise):
        drawn, weight = _draw_noise(likelihood, system_model.noise, points, rng)
        rows = np.arange(len(points))
    theta = draw_theta(points, weight, rows, rng, model)
    if system_model.orbit == "circular":
        a, b = theta[:, 0].copy(), theta[:, 1].copy()
        angle = 2 * np.pi * turns_of(points[:, 0], model.time_origin)
        c, s = np.cos(angle), np.sin(angle)
        theta[:, 0], theta[:, 1] = a * c - b * s, a * s + b * c
    theta[:, 2] += model.velocity_origin
    return drawn | dict(zip(names, theta.T, strict=True))


def _draw_noise(
    likelihood: PeriodLikelihood, noise: UncertainNoise, points: np.ndarray, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(S,) exact draws of each number of the noise given each period and shape, and (S, J) inverse variances."""
    visits, at_once = likelihood.visits, max(MOST_TERMS // len(likelihood.linear.constant), 1)
    lattice, names = noise.lattice(visits), noise.names(visits)
    some = [points[start : start + at_once] for start in range(0, len(points), at_once)]
    drawn = [_draw_known_noise(likelihood, noise, lattice, own, rng) for own in some]
    ln_noise = np.concatenate([np.empty((0, len(names))), *(u for u, _ in drawn)])
    weight = np.concatenate([np.empty((0, len(visits))), *(w for _, w in drawn)])
    for unknown in set(range(len(names))).difference(lattice.known_axes):
        ln_noise[:, unknown] = rng.normal(noise.mean, noise.sd, len(points))
    return dict(zip(names, ln_noise.T, strict=True)), weight


def _draw_known_noise(
    likelihood: PeriodLikelihood, noise: UncertainNoise, lattice: Lattice, points: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(S, D) exact draws of the numbers that the visits know of, and (S, J) inverse variances."""
    visits, model, (first, size, _) = likelihood.visits, likelihood.linear, likelihood.noise
    curves = noise.curves(lattice, visits)
    slopes = {g: curve.derivative() for g, curve in curves.items()}
    if likelihood.system_model.orbit == "keplerian":
        terms = ellipse_noise_terms(points, eliminate(model))
    else:
        terms = noise_terms(np.ascontiguousarray(points[:, 0]), model)
    beside = maximum_filter(terms.reshape(-1, *size), (1, *(3 for _ in size)), mode="nearest")
    ceiling = beside.reshape(terms.shape) + len(curves) * np.log(NOISE_ENVELOPE)
    share = np.cumsum(np.exp(ceiling - ceiling.max(axis=1, keepdims=True)), axis=1)
    # ln L but for what depends on the noise
    at_first, ln_weight = lattice.points(Box.of_point(first))
    bare = model.constant[0] - ln_weight[0] + 0.5 * np.log(noise.variances(at_first, visits)).sum()
    ln_noise, weight = np.empty((len(points), len(size))), np.empty((len(points), len(visits)))

    def propose(waiting: np.ndarray) -> np.ndarray:
        cell = np.sum(share[waiting] < share[waiting, -1:] * rng.random((len(waiting), 1)), axis=1)
        t = np.array(first) + np.stack(np.unravel_index(cell, size), axis=-1)
        t = t + rng.uniform(-0.5, 0.5, t.shape)
        u, stretch = np.tile(at_first, (len(waiting), 1)), np.ones(len(waiting))
        for g, curve in curves.items():
            u[:, g] = curve(t[:, g])
            stretch *= slopes[g](t[:, g])
        variance = noise.variances(u, visits)
        ln_prior = noise.ln_prior(u[:, lattice.known_axes])
        constant = bare + ln_prior + np.log(stretch) - 0.5 * np.log(variance).sum(axis=1)
        values = evaluate_each(points[waiting], 1 / variance, constant, model)
        accepted = np.log(rng.random(len(waiting))) < values - ceiling[waiting, cell]
        done = waiting[accepted]
        ln_noise[done], weight[done] = u[accepted], 1 / variance[accepted]
        return accepted

    rejection.draw(len(points), propose)
    return ln_noise, weight


@njit(cache=True, nogil=True, error_model="numpy")
def fill_orbit(point, model, room):
    """The design matrix of an orbit: of a circle, or with the columns of `ellipse.kepler`; the prior's precisions."""
    fill_design(point[0], model, room)
    if point[1] > 0:
        scale_prior(point[0], point[1], model, room)
        fill_columns(point[0], point[1], point[2], model.time, room.design)


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate_each(points, weight, constant, model):
    """(S,) ln L of some orbits, each at a noise of its own: (S, J) inverse variances, (S,) constants."""
    room = workspace(model)
    values = np.empty(len(points))
    for k in range(len(points)):
        fill_orbit(points[k], model, room)
        values[k] = ln_likelihood_given_noise(weight[k], constant[k], model, room)
    return values


@njit(cache=True)
def turns_of(frequencies, time):
    """Fractions of a turn of each frequency at one time."""
    result = np.empty(len(frequencies))
    for k in range(len(frequencies)):
        result[k] = turns(frequencies[k], time)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def draw_theta(points, weight, rows, rng, model):
    """(S, p) coefficients about the model's origins, of each orbit and its row of the inverse variances.

    theta = mean + F^-T z with F the Cholesky factor of B.
    """
    room = workspace(model)
    count = len(model.precision)
    theta = np.empty((len(points), count))
    for f in range(len(points)):
        fill_orbit(points[f], model, room)
        factorise(weight[rows[f]], model, room)
        for k in range(count - 1, -1, -1):
            total = rng.standard_normal()
            for i in range(k + 1, count):
                total -= room.matrix[i, k] * (theta[f, i] - room.vector[i])
            theta[f, k] = room.vector[k] + total / room.matrix[k, k]
    return theta
