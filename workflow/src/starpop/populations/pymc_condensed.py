"""The PyMC model of hyper-parameters over condensed nodes: sum_n ln sum_b S_nb p_b, and its gradient by p, at once.

d/dp_b sum_n ln (S p)_n = sum_n S_nb / (S p)_n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numba import njit
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from starpop.inference.density import Density
from starpop.inference.numerics import tensors
from starpop.populations.condensed import Condensed

# Of a sum over nodes, where polynomials may have left nothing.
LEAST = 1e-300


@njit
def value_and_gradient(height, data, index, start):
    """The sum, and its (G,) gradient, of (G,) heights and a matrix in rows."""
    total, gradient = 0.0, np.zeros(len(height))
    for n in range(len(start) - 1):
        row = 0.0
        for k in range(start[n], start[n + 1]):
            row += data[k] * height[index[k]]
        row = max(row, LEAST)
        total += np.log(row)
        inverse = 1 / row
        for k in range(start[n], start[n + 1]):
            gradient[index[k]] += data[k] * inverse
    return np.array(total), gradient


class LnProduct(Op):
    """The sum and its gradient."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Take heights, and the matrix as data, indices of columns, and starts of rows."""
        inputs = tuple(map(pt.as_tensor_variable, inputs))
        return Apply(self, inputs, [pt.dscalar(), pt.dvector()])

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        """Give both."""
        outputs[0][0], outputs[1][0] = value_and_gradient(*inputs)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        """Give the gradient by the heights; the matrix is given."""
        from pytensor.gradient import disconnected_type

        return [gradients[0] * outputs[1], *[disconnected_type()] * 3]

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """Tell that only the sum depends on the heights, as far as derivatives are wanted."""
        return [[True, False], *[[False, False]] * 3]


@register_funcify_and_cache_key(LnProduct)
def _compiled(op: Any, node: Any, **_: Any) -> tuple[Any, str]:
    """What numba compiles for it, and a name for it in the cache of compiled code."""
    return value_and_gradient, "starpop.LnProduct.3"


def ln_product(*inputs: Any) -> Any:
    """The sum."""
    value, _ = LnProduct().make_node(*inputs).outputs
    return value


def build_model(condensed: Condensed, density: Density) -> pm.Model:
    """The PyMC model of the hyper-parameters, over the condensed nodes."""
    shares, math = condensed.shares, tensors()
    with pm.Model() as model:
        parameters = [prior.variable(name) for name, prior in density.parameters.items()]
        height = math.exp(density.ln_pdf(condensed.points, *parameters, math=math))
        if density.of_s is not None:
            own = density.parameters_of_s(parameters)
            of_y = math.exp(density.of_s.ln_pdf(condensed.amplitudes, *own, math=math))
            first = condensed.first_orbit
            height = pt.concatenate([height[:first], (of_y[:, None] * height[first:]).ravel()])
        if isinstance(condensed.matrix, np.ndarray):
            product = pt.dot(pm.Data("share", condensed.matrix), height)
            total = math.log(pt.maximum(product, LEAST)).sum()
        else:
            stored = {"share": shares.data, "point_of_entry": shares.indices, "start_of_system": shares.indptr}
            total = ln_product(height, *(pm.Data(name, values) for name, values in stored.items()))
        pm.Potential("visits", total + condensed.ln_scale.sum())
        density.select(parameters, len(condensed))
    return model
