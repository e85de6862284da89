"""The cluster by NUTS: the road that checks the exact one, where it is not left out or too slow."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import xarray as xr

from starpop.inference.sampling import SamplerSettings, sample_from
from starpop.populations import cluster
from starpop.run.seeds import seed_for
from starpop.run.status import LEFT_OUT

logger = logging.getLogger("starpop")


def sample(
    stars: Sequence[object],
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: cluster.ClusterPrior,
    exact: xr.DataTree,
    settings: SamplerSettings,
    base_seed: int,
) -> tuple[xr.DataTree, str]:
    """Draws of the cluster and all its stars; or none, and why.

    Parameters
    ----------
    stars, parallax_mas, parallax_error_mas, prior : of the model
    exact : exact draws, of which the chains start at some
    settings, base_seed : of the sampler
    """
    if settings.backend == "none":
        return xr.DataTree(), LEFT_OUT
    model = cluster.build_model(stars, parallax_mas, parallax_error_mas, prior)
    tree, reason = sample_from(exact, model, settings, seed_for(base_seed, "fit_cluster"))
    if reason:
        logger.info("The cluster is not checked: %s.", reason)
    return tree, reason
