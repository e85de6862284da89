"""The likelihood over condensed nodes in a PyMC model: sum_n ln sum_b S_nb p_b, and its gradient by p, at once.

d/dp_b sum_n ln (S p)_n = sum_n S_nb / (S p)_n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import njit
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key


@njit
def value_and_gradient(height, data, index, start):
    """The sum, and its (G,) gradient, of (G,) heights and a matrix in rows."""
    total, gradient = 0.0, np.zeros(len(height))
    for n in range(len(start) - 1):
        row = 0.0
        for k in range(start[n], start[n + 1]):
            row += data[k] * height[index[k]]
        row = max(row, 1e-300)
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
    return value_and_gradient, "starpop.LnProduct.2"


def ln_product(*inputs: Any) -> Any:
    """The sum."""
    value, _ = LnProduct().make_node(*inputs).outputs
    return value
