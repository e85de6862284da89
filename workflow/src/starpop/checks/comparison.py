"""Which assumptions the visits favour: all pairs of a system model and a population model, side by side.

All are compared on the same visits. With evidence Z and equal odds beforehand, a set s among those of its scope has

    ln odds = ln Z_s - max over s' of ln Z_s',        probability = Z_s / sum over s' of Z_s'.

The scope ``population`` has all pairs, Z = p(D) of all systems together; a system's own scope has the system models,
Z = p(D_n) with P uniform over its range. How a pair predicts each system from all others (`predictive`) depends far
less than Z on how wide its priors are:

    ln predictive = sum_n l_n,        l_n = ln p(D_n | D_-n),        standard error sqrt(N) sd_n(l_n),

and the difference of two pairs is a sum over systems too, with a standard error of its own (Vehtari, Gelman & Gabry
2017, Stat. Comput. 27, 1413): both models fail on the same systems, and their differences scatter less than they do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

logger = logging.getLogger("starpop")
COLUMNS = (
    "scope",
    "system_model",
    "population_model",
    "ln_evidence",
    "ln_evidence_error",
    "ln_odds",
    "probability",
    "ln_predictive",
    "ln_predictive_error",
    "ln_predictive_se",
    "difference",
    "difference_se",
)
POPULATION = "population"
# Of a system's ln evidence: the nodes of its likelihood are good to this (`period_likelihood`, `ellipse.likelihood`).
NODES_ERROR, NODES_ERROR_OF_UNCERTAIN_NOISE, NODES_ERROR_OF_ELLIPSES = 1e-7, 1e-6, 1e-3


def differences(pointwise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S,) differences of (S, N) sums over systems to the highest of them, and their standard errors."""
    apart = pointwise - pointwise[np.argmax(pointwise.sum(axis=1))]
    return apart.sum(axis=1), standard_error(apart)


def standard_error(pointwise: np.ndarray) -> np.ndarray:
    """(S,) standard errors of the sums over N systems; unknown for one system."""
    count = pointwise.shape[1]
    if count < 2:
        return np.full(len(pointwise), np.nan)
    return np.sqrt(count) * pointwise.std(axis=1, ddof=1)


def odds(ln_evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S,) ln odds to the best, and probabilities, with equal prior odds."""
    return ln_evidence - ln_evidence.max(), np.exp(ln_evidence - logsumexp(ln_evidence))


def _of_all_systems(populations: Mapping[tuple[str, str], xr.Dataset]) -> dict[tuple[str, str], xr.Dataset]:
    """The pairs that have the most systems: evidences of others are not of the same visits."""
    names = {pair: set(map(str, exact["system"].values)) for pair, exact in populations.items()}
    most = max(names.values(), key=len)
    for pair, own in names.items():
        if own != most:
            lacking = ", ".join(sorted(most - own))
            logger.warning("%s is not compared: it lacks %s.", "/".join(pair), lacking or "systems that others have")
    return {pair: exact for pair, exact in populations.items() if names[pair] == most}


def _nodes_error(model: Mapping[str, Any]) -> float:
    """Of a system's ln evidence."""
    if model["orbit"] == "keplerian":
        return NODES_ERROR_OF_ELLIPSES
    return NODES_ERROR if model["noise"] == "reported" else NODES_ERROR_OF_UNCERTAIN_NOISE


def compare_models(
    populations: Mapping[tuple[str, str], xr.Dataset],
    systems: Mapping[str, Mapping[str, float]],
    models: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """One row a pair for the population; for each system one row a system model and one row a pair.

    Parameters
    ----------
    populations : group ``exact`` of each pair of a system model and a population model
    systems : ln evidence of each system, by system model
    models : orbit and noise of each system model, as configured
    """
    nodes_error = {name: _nodes_error(model) for name, model in models.items()}
    populations = _of_all_systems(populations)
    pairs = pd.DataFrame(populations.keys(), columns=["system_model", "population_model"])
    names = next(iter(populations.values()))["system"].values
    by_system = [exact.sel(system=names) for exact in populations.values()]
    predictive = np.array([exact["ln_predictive"].values for exact in by_system])
    errors = np.array([exact["ln_predictive_error"].values for exact in by_system])
    ln_evidence = np.array([float(exact["ln_evidence"]) for exact in by_system])
    ln_odds, probability = odds(ln_evidence)
    difference, difference_se = differences(predictive)
    whole = pairs.assign(
        scope=POPULATION,
        ln_evidence=ln_evidence,
        ln_evidence_error=[
            float(exact["error"]) + len(names) * nodes_error[model]
            for exact, model in zip(by_system, pairs["system_model"], strict=True)
        ],
        ln_odds=ln_odds,
        probability=probability,
        ln_predictive=predictive.sum(axis=1),
        ln_predictive_error=np.sqrt(np.sum(errors**2, axis=1)),
        ln_predictive_se=standard_error(predictive),
        difference=difference,
        difference_se=difference_se,
    )
    own = pd.concat([_by_evidence(names, systems, nodes_error), _by_prediction(pairs, names, predictive, errors)])
    order = {name: i for i, name in enumerate(names)}
    own = own.sort_values("scope", key=lambda scope: scope.map(order), kind="stable", ignore_index=True)
    return pd.concat([whole, own])[list(COLUMNS)]


def _by_evidence(
    names: np.ndarray, systems: Mapping[str, Mapping[str, float]], nodes_error: Mapping[str, float]
) -> pd.DataFrame:
    """A row for each system and system model."""
    ln_evidence = np.array([[of_model[name] for name in names] for of_model in systems.values()])
    rows = {"scope": np.tile(names, len(systems)), "system_model": np.repeat(list(systems), len(names))}
    rows |= {"ln_evidence": ln_evidence.ravel(), "ln_odds": (ln_evidence - ln_evidence.max(axis=0)).ravel()}
    rows["ln_evidence_error"] = np.repeat([nodes_error[model] for model in systems], len(names))
    rows["probability"] = np.exp(ln_evidence - logsumexp(ln_evidence, axis=0)).ravel()
    return pd.DataFrame(rows)


def _by_prediction(pairs: pd.DataFrame, names: np.ndarray, predictive: np.ndarray, errors: np.ndarray) -> pd.DataFrame:
    """A row for each system and pair of models: how well it is predicted by all others."""
    rows = pairs.loc[np.repeat(pairs.index, len(names))].reset_index(drop=True)
    apart = predictive - predictive[np.argmax(predictive.sum(axis=1))]
    numbers = {"ln_predictive": predictive, "ln_predictive_error": errors, "difference": apart}
    return rows.assign(scope=np.tile(names, len(pairs)), **{name: values.ravel() for name, values in numbers.items()})
