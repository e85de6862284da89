"""The shape of a Keplerian orbit in a PyMC model: its prior without walls, and a differentiable solver.

Eccentricity e and mean anomaly M are those of a point (x, y) with x, y ~ N(0, 1):

    e = up_to (1 - exp(-q)),    q = (x^2 + y^2) / 2,    M the angle of (x, y):

M is uniform, and e uniform up to `up_to`; another prior of e is a factor. Velocities are smooth in x and y, through
the circle in the middle, and there is no edge that a sampler could fall from.

Kepler's equation E - e sin E = M is solved by the steps of `ellipse.kepler` in compiled code; the derivatives are
those of the solution, dE/dM = 1 / (1 - e cos E) and dE/de = sin E / (1 - e cos E).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numba import njit
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key
from pytensor.scalar import BinaryScalarOp, upgrade_to_float
from pytensor.tensor.elemwise import Elemwise

from starpop.inference.eccentricities import EccentricityPrior
from starpop.inference.numerics import tensors

# The free variables of a shape.
X, Y = "shape_x", "shape_y"
STEPS = 4


@njit
def solve(mean_anomaly, e):
    """E within half a turn of 0, of M [rad] of any number of turns."""
    m = mean_anomaly - 2 * np.pi * np.floor(mean_anomaly / (2 * np.pi) + 0.5)
    away = abs(m)
    x = min(away + 0.85 * e, np.pi)
    for _ in range(STEPS):
        f2, f3 = e * np.sin(x), e * np.cos(x)
        f0, f1 = x - f2 - away, 1 - f3
        d = -f0 / f1
        d = -f0 / (f1 + 0.5 * d * f2)
        d = -f0 / (f1 + d * (0.5 * f2 + d * f3 / 6))
        x = min(max(x + d, 0.0), np.pi)
    return np.copysign(x, m)


class EccentricAnomaly(BinaryScalarOp):
    """E of M [rad] and e."""

    def impl(self, mean_anomaly: float, e: float) -> float:
        """Give the value."""
        return solve(float(mean_anomaly), float(e))

    def c_code(self, *_: Any) -> str:
        """Tell that it is numba that compiles it."""
        raise NotImplementedError("The eccentric anomaly is compiled by numba.")

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        """Give the gradient by M and e, of what has this gradient by E."""
        (_, e), (anomaly,), (gradient,) = inputs, outputs, gradients
        by_mean = gradient / (1 - e * pytensor.scalar.cos(anomaly))
        return [by_mean, by_mean * pytensor.scalar.sin(anomaly)]


@register_funcify_and_cache_key(EccentricAnomaly)
def _compiled(op: Any, node: Any, **_: Any) -> tuple[Any, str]:
    """What numba compiles for it, and a name for it in the cache of compiled code."""
    return solve, "starpop.EccentricAnomaly.1"


eccentric_anomaly = Elemwise(EccentricAnomaly(upgrade_to_float, name="eccentric_anomaly"))


def columns(mean_anomaly: Any, e: Any, start: Any) -> tuple[Any, Any]:
    """The columns of a and b (`ellipse.kepler`) at mean anomalies, and at that in the middle of the visits [rad]."""
    anomaly = eccentric_anomaly(mean_anomaly, e)
    cosine, sine = pt.cos(anomaly), pt.sin(anomaly)
    inverse = 1 / (1 - e * cosine)
    cosine, sine = (cosine - e) * inverse, pt.sqrt(1 - e**2) * sine * inverse
    c, s = pt.cos(start), pt.sin(start)
    return c * (cosine + e) + s * sine, c * sine - s * (cosine + e)


def shape(prior: EccentricityPrior, dims: str | None = None) -> tuple[Any, Any]:
    """Add e, and h and k, its root times cosine and sine of M, to the PyMC model of the context; returns e and M."""
    import pymc as pm

    x, y = pm.Normal(X, 0, 1, dims=dims), pm.Normal(Y, 0, 1, dims=dims)
    q = 0.5 * (x**2 + y**2)
    e = pm.Deterministic("e", -prior.up_to * pt.expm1(-q), dims=dims)
    root = pt.sqrt(0.5 * e / q)
    pm.Deterministic("h", x * root, dims=dims)
    pm.Deterministic("k", y * root, dims=dims)
    if not prior.uniform:
        pm.Potential("eccentricity", prior.ln_pdf(e, math=tensors()) + np.log(prior.up_to), dims=dims)
    return e, pt.arctan2(y, x)


def free_shape(draws: Mapping[Any, Any], prior: EccentricityPrior) -> dict[str, Any]:
    """The free variables of drawn shapes."""
    radius = np.sqrt(-2 * np.log1p(-draws["e"] / prior.up_to))
    angle = np.arctan2(draws["k"], draws["h"])
    return {X: radius * np.cos(angle), Y: radius * np.sin(angle)}
