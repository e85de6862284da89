"""Have chains converged: R-hat, effective sample sizes and the Monte Carlo error of each parameter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

TAIL = (0.05, 0.95)
# Of the sampler where hyper-parameters are too many for a quadrature.
MAX_TREEDEPTH = 10
CHAIN_DRAW = {"chain_axis": 0, "draw_axis": 1}


def columns_of(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """The scalar parameters of a posterior group, by name: (chain, draw) arrays, vectors taken apart and last."""
    parameters = {}
    for name, array in sorted(dataset.data_vars.items(), key=lambda item: item[1].ndim):
        values = array.transpose("chain", "draw", ...)
        if values.ndim == 2:
            parameters[str(name)] = values.values
        else:
            labels = values[values.dims[2]].values
            parameters |= {f"{name}[{label}]": values.values[:, :, i] for i, label in enumerate(labels)}
    return parameters


def those_with_an_orbit(draws: np.ndarray) -> np.ndarray:
    """The draws of a parameter without those, NaN, in which a star has no orbit."""
    has = np.isfinite(draws)
    return draws if has.all() else draws[has]


def convergence(draws: np.ndarray) -> dict[str, float]:
    """R-hat, effective sample sizes and Monte Carlo error of one parameter's (chain, draw) array."""
    from arviz_stats.base import array_stats

    return {
        "mcse_mean": float(array_stats.mcse(draws, method="mean", **CHAIN_DRAW)),
        "ess_bulk": float(array_stats.ess(draws, method="bulk", **CHAIN_DRAW)),
        "ess_tail": float(array_stats.ess(draws, method="tail", prob=TAIL, **CHAIN_DRAW)),
        # one chain of independent draws has nothing to be compared with
        "r_hat": float(array_stats.rhat(draws, **CHAIN_DRAW)) if len(draws) > 1 else 1.0,
    }


def quality(parameters: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """`convergence` of each parameter, a row each."""
    return pd.DataFrame({name: convergence(draws) for name, draws in parameters.items()}).T


def quality_of_independent(parameters: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The same of draws that are independent of each other, for which it need not be estimated."""
    rows = {
        name: {"mcse_mean": np.std(kept) / np.sqrt(kept.size), "ess_bulk": kept.size, "ess_tail": kept.size}
        for name, draws in parameters.items()
        if (kept := those_with_an_orbit(draws)).size
    }
    return pd.DataFrame(rows).T.assign(r_hat=1.0)
