"""Did the sampling of each system succeed, was any lost on the way, and what is known of the one that is shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from starpop.checks import diagnostics
from starpop.checks.diagnostics import Thresholds
from starpop.inference.convergence import columns_of, quality, quality_of_independent
from starpop.orbits import fitted
from starpop.run.status import UNSAMPLED


def assess_systems(
    scans: Sequence[xr.Dataset],
    exact: Sequence[xr.DataTree],
    posteriors: Sequence[xr.DataTree],
    limits: Thresholds,
    max_treedepth: int,
) -> pd.DataFrame:
    """A row for the NUTS of each system, and one for each system whose exact answer is none or not to be trusted.

    Those that are not among the systems to sample have one row together.

    Parameters
    ----------
    scans, exact, posteriors : of all batches
    limits, max_treedepth : as configured
    """
    rows: list[Mapping[str, object]] = []
    others: Counter[str] = Counter()
    for tree in posteriors:
        for name, said in fitted.left_out(tree).items():
            if said.endswith(UNSAMPLED):
                others[said] += 1
            else:
                rows.append({"fit": name, "status": said})
        rows += assess_sampled(tree, limits, max_treedepth)
    rows += [{"fit": f"{count} other systems", "status": status} for status, count in others.items()]
    for scan, tree in zip(scans, exact, strict=True):
        rows += [{"fit": f"{name} exact", "status": why} for name, why in fitted.lost(scan, tree).items()]
    return pd.DataFrame(rows, columns=list(diagnostics.COLUMNS)).sort_values("fit")


def assess_sampled(tree: xr.DataTree, limits: Thresholds, max_treedepth: int) -> list[dict[str, object]]:
    """A row for the NUTS of each system of a batch that was sampled."""
    looked_for = json.loads(tree.attrs["settings"])["period_range_days"]
    best = tree["map"].to_dataset()
    rows: list[dict[str, object]] = []
    for name in fitted.sampled_of(tree):
        draws, stats = (tree[group].to_dataset().sel(system=name) for group in ("posterior", "sample_stats"))
        said = str(best["status"].sel(system=name).item())
        bounds = best[list(fitted.BOUNDS)].sel(system=name).to_array()
        of_all = tuple(bounds.values) == tuple(map(float, looked_for))  # else no other settings of NUTS help
        row = diagnostics.assess(name, quality(columns_of(draws)), stats, limits, max_treedepth, own_settings=of_all)
        checked = fitted.status_of_check(str(row["status"]), list(bounds.values), looked_for)
        rows.append(row | {"status": said or checked})
    return rows


def summarise_system(
    name: str, exact: xr.DataTree, posterior: xr.DataTree, checked: Mapping[str, str]
) -> pd.DataFrame:
    """The summary of one system by both roads, and the period of its highest posterior density.

    Parameters
    ----------
    exact, posterior : of the system's batch
    checked : the status of the NUTS of each system that was sampled
    """
    status = str(exact["modes"]["status"].sel(system=name).item()) or "ok"
    drawn = columns_of(exact["posterior"].to_dataset().sel(system=name))
    summary = diagnostics.summarise(drawn, quality_of_independent(drawn), "exact", status)
    if name in fitted.sampled_of(posterior):
        sampled = columns_of(posterior["posterior"].to_dataset().sel(system=name))
        summary = pd.concat([summary, diagnostics.summarise(sampled, quality(sampled), "nuts", checked[name])])
    else:
        why = fitted.left_out(posterior)[name]
        summary = pd.concat([summary, pd.DataFrame([{"parameter": "P", "method": "nuts", "status": why}])])
    highest = float(posterior["map"]["P"].sel(system=name))
    row = {"parameter": "P_map", "method": "exact", "mean": highest, "status": status}
    row["sd"] = summary.loc[(summary["parameter"] == "P") & (summary["method"] == "exact"), "sd"].item()
    return pd.concat([summary, pd.DataFrame([row])])
