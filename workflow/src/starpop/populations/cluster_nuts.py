"""The cluster by NUTS: the road that checks the exact one, where it is not left out or too slow."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import xarray as xr

from starpop.inference.sampling import SamplerSettings, sample_from
from starpop.populations import cluster, field
from starpop.run.seeds import generator_for, seed_for
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
    starts = exact if prior.field is None else as_members(exact)
    tree, reason = sample_from(starts, model, settings, seed_for(base_seed, "fit_cluster"))
    if reason:
        logger.info("The cluster is not checked: %s.", reason)
    elif prior.field is not None:
        rng = generator_for(base_seed, "fit_cluster", "field")
        tree["posterior"] = with_field(tree["posterior"].to_dataset(), parallax_mas, parallax_error_mas, prior, rng)
    return tree, reason


def as_members(exact: xr.DataTree) -> xr.DataTree:
    """Exact draws with the distance that each star has as a member, that of the cluster in draws where it is none."""
    drawn = exact["posterior"].to_dataset()
    r_member = drawn["r"].where(drawn["member"] > 0, drawn["mu_r"])
    return xr.DataTree.from_dict({"posterior": drawn.assign(r_member=r_member)})


def with_field(
    drawn: xr.Dataset,
    parallax_mas: np.ndarray,
    parallax_error_mas: np.ndarray,
    prior: cluster.ClusterPrior,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Draws of the model with the distance ``r`` of each star, member or not, in the place of ``r_member``."""
    assert prior.field is not None
    flat = drawn.stack(sample=("chain", "draw")).transpose("sample", ...)
    given = prior.hyper(*(flat[name].values for name in prior.bounds))
    r = field.of_all(given, flat["r_member"].values, parallax_mas, parallax_error_mas, prior.field, rng)
    shape = (drawn.sizes["chain"], drawn.sizes["draw"], -1)
    return drawn.drop_vars("r_member").assign(r=(("chain", "draw", "star"), r.reshape(shape)))
