"""What the configuration says of star clusters: the one that is analysed, and those of a calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def cluster_ranges(config: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """All ranges of clusters, whose lower end must stand first, by their keys."""
    ranges = {
        "cluster.simulation.log10_parallax_error_mas": config["cluster"]["simulation"]["log10_parallax_error_mas"],
        **_of_prior("cluster.prior", config["cluster"]["prior"]),
    }
    for name, case in config["calibration"]["clusters"].items():
        where = f"calibration.clusters.{name}"
        ranges |= {f"{where}.{key}": case[key] for key in ("stars", "log10_parallax_error_mas")}
        ranges |= _of_prior(f"{where}.prior", case["prior"])
    return ranges


def _of_prior(where: str, prior: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    ranges = {f"{where}.{key}": prior[key] for key in ("ln_depth_kpc", "ln_error_factor") if key in prior}
    return ranges | ({f"{where}.field.fraction": prior["field"]["fraction"]} if "field" in prior else {})


def cluster_cases(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """What each case of a calibration is that is a cluster, by its name."""
    common = {key: calibration[key] for key in ("catalogs", "draws")}
    return {name: common | dict(case) for name, case in calibration["clusters"].items()}


def contradictory_clusters(calibration: Mapping[str, Any]) -> Iterable[str]:
    """Clusters of a calibration whose name another case has."""
    for kind in ("system_models", "population_models", "selections"):
        for name in calibration["clusters"].keys() & calibration[kind].keys():
            one = kind.removesuffix("s").replace("_", " ")
            yield f"calibration.clusters.{name}: a {one} has this name too; each names a case of its own."
