"""What the products of single systems hold: which systems, their highest points, what is lost, what could be checked.

For the jobs that read products of fits and need nothing of what makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from starpop.run.errors import InputError, nearest
from starpop.run.status import NOT_CHECKED

# A system has one mode where that has at least this posterior probability.
ONE_MODE = 0.9999
# What a model's data call the ends of the range of periods.
BOUNDS = ("shortest_period", "longest_period")
# What stands beside the coordinates of the highest point of a system's posterior.
NO_COORDINATES = ("status", *BOUNDS)


def status_of_check(status: str, bounds: Sequence[float], period_range_days: Sequence[float]) -> str:
    """The status of a system's NUTS: one that fails within one of several modes is a check that cannot be made."""
    if status == "ok" or tuple(bounds) == tuple(map(float, period_range_days)):
        return status
    return f"{NOT_CHECKED}of many modes, and within the heaviest {status}"


def lost(scan: xr.Dataset, exact: xr.DataTree) -> dict[str, str]:
    """Why the exact answer of a system is none, or is not to be trusted, by the names of those of which it is so."""
    reasons = zip(scan["failed_system"].values, scan["reason"].values, strict=True)
    modes = exact["modes"].to_dataset()
    statuses = zip(modes["system"].values, modes["status"].values, strict=True)
    drawn = {str(name): str(status) for name, status in statuses if str(status)}
    return {str(name): f"not fitted: {reason}" for name, reason in reasons} | drawn


def find_system(posteriors: Sequence[xr.DataTree], wanted: str) -> str:
    """The name of a system that has been fitted: the one wanted, or the first in sorted order."""
    names = [name for tree in posteriors for name in names_of(tree)]
    name = min(names) if wanted == "first" else wanted
    if name not in names:
        raise InputError(
            f"focus_system: {wanted!r} is not among the {len(names)} systems used; give one of their names, or first."
            + nearest(wanted, names)
        )
    return name


def names_of(tree: xr.DataTree) -> list[str]:
    """The systems of a batch's exact draws, or of its fits, of which some may not have been sampled."""
    return _systems_of(tree, "map" if "map" in tree.children else "posterior")


def sampled_of(posteriors: xr.DataTree) -> list[str]:
    """The systems of a batch that were sampled."""
    return _systems_of(posteriors, "posterior")


def _systems_of(tree: xr.DataTree, group: str) -> list[str]:
    """The systems of a group of a product."""
    return [str(name) for name in tree[group].to_dataset()["system"].values]


def left_out(posteriors: xr.DataTree) -> dict[str, str]:
    """The systems of a batch that were not sampled, and why."""
    status = posteriors["map"]["status"].drop_sel(system=sampled_of(posteriors))
    return dict(zip(map(str, status["system"].values), map(str, status.values), strict=True))


def highest_points(posteriors: Sequence[xr.DataTree]) -> dict[str, dict[str, float]]:
    """The highest point of each system's posterior, by name, from the posteriors of all batches."""
    return {
        name: {str(k): float(v.values[i]) for k, v in tree["map"].data_vars.items() if k not in NO_COORDINATES}
        for tree in posteriors
        for i, name in enumerate(names_of(tree))
    }


def are_a_sample(exact: xr.DataTree) -> bool:
    """Whether the systems that were drawn with a population are a sample of those that it was fitted to."""
    return exact["posterior"].sizes["system"] < exact["exact"].sizes["system"]


def draws_of(exact: Sequence[xr.DataTree], system: str) -> dict[str, np.ndarray]:
    """(S,) exact draws of each parameter of one system, from those of all batches."""
    (tree,) = (tree for tree in exact if system in names_of(tree))
    chosen = tree["posterior"].to_dataset().isel(system=names_of(tree).index(system))
    return {str(name): values.values.ravel() for name, values in chosen.data_vars.items()}
