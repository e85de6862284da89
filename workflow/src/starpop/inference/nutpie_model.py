"""A PyMC model compiled for nutpie, in a third of the time that nutpie takes, to the same last digits.

nutpie calls compiled code through two callbacks, which numba compiles anew in every process: ln density and gradient
at a point, and all variables of the model there. As nutpie writes them they assign whole arrays, for which numba
compiles even the message of a shape that does not fit. These do the same by loops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import arviz_base
import numba
from numba import types

# Of ArviZ nutpie uses what is in its base, and loads all of it, plots and statistics: two seconds.
sys.modules.setdefault("arviz", arviz_base)
try:
    import nutpie
    from nutpie import compile_pymc
finally:
    if sys.modules["arviz"] is arviz_base:
        del sys.modules["arviz"]

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm

# What a callback answers: all is well, the model cannot be evaluated here, its gradient or density is not finite.
GOOD, FAILED, GRADIENT_NOT_FINITE, DENSITY_NOT_FINITE = 0, 1, 3, 4
LARGEST = 1.7e308
NUMBERS = types.CPointer(types.double)
# The shape of an array of 0, 1 or 2 axes as a tuple.
SHAPES = (numba.njit(lambda n: ()), numba.njit(lambda n: (n[0],)), numba.njit(lambda n: (n[0], n[1])))


def compile_model(model: pm.Model) -> compile_pymc.CompiledPyMCModel:
    """What `nutpie.compile_pymc_model` gives, with the callbacks of this module; data have two axes at most."""
    with (
        patch.object(compile_pymc, "_make_c_logp_func", _density_callback),
        patch.object(compile_pymc, "_make_c_expand_func", _variables_callback),
    ):
        return nutpie.compile_pymc_model(model)


def _density_callback(
    n_dim: int, function: Callable[..., Any], record: np.ndarray, keys: Sequence[str], shared: dict[str, np.ndarray]
) -> tuple[Callable[..., int], Any]:
    """The callback that writes ln density and gradient at a point, and its signature.

    Parameters
    ----------
    n_dim : of the point
    function : compiled, of the point and the model's data
    record : where the data lie, as the callback is given it
    keys, shared : the names of the data in the record, in the function's order, and examples of them
    """
    evaluate = _evaluation(n_dim, function, record, _reader(keys, shared))

    def callback(size, point, gradient, density, data):
        try:
            value, slope = evaluate(point, data)
        except Exception:
            return FAILED
        density[0] = value[()]
        for i in range(n_dim):
            gradient[i] = slope[i]
            if not abs(slope[i]) < LARGEST:
                return GRADIENT_NOT_FINITE
        return GOOD if abs(density[0]) < LARGEST else DENSITY_NOT_FINITE

    return callback, types.int64(types.uint64, *[NUMBERS] * 3, types.voidptr)


def _variables_callback(
    n_dim: int,
    n_values: int,
    function: Callable[..., Any],
    record: np.ndarray,
    keys: Sequence[str],
    shared: dict[str, np.ndarray],
) -> tuple[Callable[..., int], Any]:
    """The callback that writes the values of all variables at a point, and its signature; as `_density_callback`."""
    evaluate = _evaluation(n_dim, function, record, _reader(keys, shared))

    def callback(size, expanded, point, values, data):
        try:
            (found,) = evaluate(point, data)
        except Exception:
            return FAILED
        for i in range(n_values):
            values[i] = found[i]
        return GOOD

    return callback, types.int64(types.uint64, types.uint64, *[NUMBERS] * 2, types.voidptr)


def _evaluation(n_dim: int, function: Callable[..., Any], record: np.ndarray, arrays: Callable[..., Any]) -> Any:
    """The function, of pointers to the point and to the record of the data."""
    layout = record.dtype

    @numba.njit(inline="always")
    def evaluate(point, data):
        return function(numba.carray(point, (n_dim,)), *arrays(numba.carray(data, (), layout)))

    return evaluate


def _reader(keys: Sequence[str], shared: dict[str, np.ndarray]) -> Callable[..., tuple[np.ndarray, ...]]:
    """A compiled function from nutpie's record of addresses and shapes to the arrays of these names."""
    if not keys:
        return numba.njit(lambda record: ())
    key, rest = keys[0], _reader(keys[1:], shared)
    dtype, shape = shared[key].dtype, SHAPES[shared[key].ndim]

    @numba.njit
    def arrays(record):
        address = compile_pymc.address_as_void_pointer(record["shared"]["data"][key][()])
        return (numba.carray(address, shape(record["shared"]["shape"][key]), dtype), *rest(record))

    return arrays
