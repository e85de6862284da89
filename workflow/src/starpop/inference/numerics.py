"""The functions that densities are written with, by the same names for NumPy and for PyTensor.

A density takes one of the two namespaces as its last argument, so that the exact answer and the PyMC models evaluate
one expression.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
from scipy.special import gammaln, log_ndtr

NUMPY = SimpleNamespace(
    abs=np.abs,
    exp=np.exp,
    expm1=np.expm1,
    gammaln=gammaln,
    log=np.log,
    log1p=np.log1p,
    log_ndtr=log_ndtr,
    logaddexp=np.logaddexp,
    tanh=np.tanh,
    where=np.where,
)


@cache
def tensors() -> SimpleNamespace:
    """The namespace for PyTensor, which takes seconds to load."""
    import pytensor.tensor as pt
    from pymc.distributions.dist_math import normal_lcdf

    names = vars(NUMPY).keys() - {"log_ndtr"}
    return SimpleNamespace(**{name: getattr(pt, name) for name in names}, log_ndtr=lambda z: normal_lcdf(0, 1, z))
