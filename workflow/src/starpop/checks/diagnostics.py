"""Did the sampling succeed: R-hat, effective sample sizes, divergences, tree depth and energy, for each fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from starpop.inference.convergence import (
    CHAIN_DRAW,
    MAX_TREEDEPTH,
    columns_of,
    quality,
    quality_of_independent,
    those_with_an_orbit,
)
from starpop.inference.weighted import HDI_PROBABILITY
from starpop.run.status import NOT_CHECKED, UNINFORMED, WHY_NOT

COLUMNS = (
    "fit",
    "r_hat",
    "ess_bulk",
    "ess_tail",
    "divergences",
    "max_treedepth_share",
    "bfmi",
    "worst_parameter",
    "status",
)
# Of a star that may have no orbit, draws with one, of which fewer are not summarised.
FEWEST_DRAWS = 10
# Of ln evidence: what is far below any odds worth speaking of; and what a quadrature that has converged keeps to.
LARGEST_BRIDGE_ERROR, LARGEST_QUADRATURE_ERROR = 0.1, 1e-4
# Of the ln-likelihood, by the simulated stars that tell who is in a sample: in the mean over simulations no posterior
# mean is off by more of its own standard deviations (`inference.seen`).
LARGEST_SELECTION_ERROR = 0.3
# The same fit to a sample as if it were all: its group of an exact fit, and its method in the summary.
UNCORRECTED = "uncorrected"
# Posterior standard deviations that are this share of the prior's, or more, of every hyper-parameter.
LEAST_NARROWED = 0.8


# What helps, by what failed.
REMEDIES = {
    "r_hat": "take more draws",
    "ess_bulk": "take more draws",
    "ess_tail": "take more draws",
    "divergences": "raise sampler.target_accept, of ellipses above 0.9",
    "max_treedepth_share": "raise sampler.max_treedepth",
    "bfmi": "raise sampler.tune",
}


@dataclass(frozen=True)
class Thresholds:
    """``diagnostics`` of the configuration, but for ``strict``: what a fit must keep to."""

    r_hat_max: float
    ess_min: float
    divergences_max: int
    max_treedepth_share_max: float
    bfmi_min: float


def assess(
    fit: str,
    table: pd.DataFrame,
    stats: xr.Dataset,
    limits: Thresholds,
    max_treedepth: int,
    own_settings: bool = True,
) -> dict[str, object]:
    """One row of the diagnostics table.

    Parameters
    ----------
    fit : what was fitted
    table : `quality` of its parameters
    stats : ``diverging``, ``energy``, ``tree_depth`` with dimensions chain and draw
    limits : thresholds; those not kept are listed in ``status``, which is else "ok"
    max_treedepth : the sampler's limit
    own_settings : whether it was sampled as configured, so that other settings help
    """
    from arviz_stats.base import array_stats

    if table["mcse_mean"].isna().any():
        return dict.fromkeys(COLUMNS, np.nan) | {"fit": fit, "worst_parameter": "", "status": "not sampled"}
    stats = stats.transpose("chain", "draw", ...)
    bfmi = array_stats.bfmi(stats["energy"].values, **CHAIN_DRAW)
    row: dict[str, object] = {
        "fit": fit,
        "r_hat": table["r_hat"].max(),
        "ess_bulk": table["ess_bulk"].min(),
        "ess_tail": table["ess_tail"].min(),
        "divergences": int(stats["diverging"].sum()),
        "max_treedepth_share": float((stats["tree_depth"] >= max_treedepth).mean()),
        "bfmi": float(np.min(bfmi)),
        "worst_parameter": table["r_hat"].idxmax(),
    }
    checks = [
        ("r_hat", ">", limits.r_hat_max, ".5g"),
        ("ess_bulk", "<", limits.ess_min, ".0f"),
        ("ess_tail", "<", limits.ess_min, ".0f"),
        ("divergences", ">", limits.divergences_max, "d"),
        ("max_treedepth_share", ">", limits.max_treedepth_share_max, ".2g"),
        ("bfmi", "<", limits.bfmi_min, ".2f"),
    ]
    failed = {
        name: f"{name} {format(row[name], style)} {sign} {limit}"
        for name, sign, limit, style in checks
        if (row[name] > limit if sign == ">" else row[name] < limit)  # type: ignore[operator]
    }
    if not failed:
        return row | {"status": "ok"}
    helps = " and ".join(dict.fromkeys(REMEDIES[name] for name in failed)) if own_settings else ""
    return row | {"status": f"not converged: {', '.join(failed.values())}" + (f" ({helps})" if helps else "")}


def diagnose(
    fit: str,
    exact: xr.DataTree,
    nuts: Mapping[str, xr.DataTree],
    limits: Thresholds,
    max_treedepth: int,
    said: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The diagnostics and the summary of a fit that was made exactly, and with NUTS.

    Parameters
    ----------
    nuts : the runs of NUTS by what is added to the fit's name; of the first the summary is given
    said : what the model does not predict, in words
    """
    exact_row = assess_exact(f"{fit} exact", exact, limits)
    uncorrected = assess_exact(f"{fit} exact", exact, limits, corrected=False) if UNCORRECTED in exact.children else {}
    for row in filter(None, (exact_row, uncorrected)):
        row["status"] = "; ".join(filter(None, [said, str(row["status"]).removeprefix("ok")])) or "ok"
    assessed = [
        assess_tree(f"{fit}{added}", tree, limits, max_treedepth, tree.attrs.get(WHY_NOT, ""))
        for added, tree in nuts.items()
    ]
    (first, summary), *others = assessed
    summary_of_exact = summarise_exact(exact, str(exact_row["status"]), str(uncorrected.get("status", "")))
    rows = pd.DataFrame([first, exact_row, *(row for row, _ in others)], columns=list(COLUMNS))
    return rows, pd.concat([summary_of_exact, summary])


def assess_tree(
    fit: str, tree: xr.DataTree, limits: Thresholds, max_treedepth: int, why_not: str = ""
) -> tuple[dict[str, object], pd.DataFrame]:
    """One row of the diagnostics table, of a NUTS run; and its summary.

    Parameters
    ----------
    why_not : why the fit was not sampled as it is called; its draws are then others, or none
    """
    if why_not and "posterior" not in tree.children:
        return {"fit": fit, "status": f"{NOT_CHECKED}{why_not}"}, pd.DataFrame()
    parameters = columns_of(tree["posterior"].to_dataset())
    table = quality(parameters)
    row = assess(fit, table, tree["sample_stats"].to_dataset(), limits, max_treedepth)
    if why_not:
        row = {"fit": fit, "status": f"{NOT_CHECKED}{why_not}"}
    return row, summarise(parameters, table, "nuts", str(row["status"]))


def summarise(parameters: Mapping[str, np.ndarray], table: pd.DataFrame, method: str, status: str) -> pd.DataFrame:
    """One row a parameter: posterior mean, sd and 94% highest-density interval, with their Monte Carlo quality."""
    from arviz_stats.base import array_stats

    rows: list[dict[str, object]] = []
    for name, draws in parameters.items():
        kept = those_with_an_orbit(draws)
        if kept.size < FEWEST_DRAWS:
            rows.append({"parameter": name, "method": method, "status": status})
            continue
        low, high = array_stats.hdi(kept.ravel(), prob=HDI_PROBABILITY)
        moments = {"mean": kept.mean(), "sd": kept.std(ddof=1), "hdi_3%": low, "hdi_97%": high}
        rows.append({"parameter": name, "method": method, **moments, **table.loc[name], "status": status})
    return pd.DataFrame(rows)


def assess_exact(fit: str, tree: xr.DataTree, limits: Thresholds, corrected: bool = True) -> dict[str, object]:
    """One row of the diagnostics table, of a posterior by quadrature, or of the sampler where that is not possible.

    Parameters
    ----------
    corrected : for who is in a sample, so that the error of that correction counts
    """
    exact = tree["exact"].to_dataset()
    error = float(exact["error"])
    if "sample_stats" in tree.children:
        table = exact["value"].to_dataset("statistic").to_dataframe()
        row = assess(fit, table, tree["sample_stats"].to_dataset(), limits, MAX_TREEDEPTH, own_settings=False)
        largest, what = LARGEST_BRIDGE_ERROR, "ln evidence"
    else:
        row, largest, what = {"fit": fit, "status": "ok"}, LARGEST_QUADRATURE_ERROR, "quadrature"
    if not error <= largest:
        said = f"error of the {what} {error:.2g} > {largest:g}"
        row["status"] = f"not converged: {said}" if row["status"] == "ok" else f"{row['status']}, {said}"
    apart = float(exact.get("selection_error", 0.0)) if corrected else 0.0
    if not apart <= LARGEST_SELECTION_ERROR:
        said = f"the selection is known to {apart:.2g} sd > {LARGEST_SELECTION_ERROR} (raise detection.simulations)"
        row["status"] = f"not converged: {said}" if row["status"] == "ok" else f"{row['status']}, {said}"
    if lost := _not_drawn(tree):
        said = f"not drawn: {', '.join(lost)}"
        row["status"] = said if row["status"] == "ok" else f"{row['status']}, {said}"
    if row["status"] == "ok" and (share := narrowed(exact)) >= LEAST_NARROWED:
        row["status"] = f"{UNINFORMED}each parameter is {share:.2f} or more as uncertain as before the data"
    return row


def misfit(criticism: pd.DataFrame, with_field: bool = False) -> str:
    """What of a cluster's parallaxes its model, with a field or not, does not predict, in words; or empty."""
    said = [
        f"{row['statistic']} {row['observed']:.3g}"
        + (f" (star {row['star']})" if row["star"] else "")
        + f", predicted {row['predicted_5%']:.3g} to {row['predicted_95%']:.3g}"
        for _, row in criticism[criticism["misfit"]].iterrows()
    ]
    if not said:
        return ""
    of_what = "a cluster in this field" if with_field else "one cluster"
    helps = "" if with_field else " (of stars of the field among the members: cluster.prior.field)"
    return f"misfit: not the parallaxes of {of_what}: {'; '.join(said)}{helps}"


def _not_drawn(tree: xr.DataTree) -> list[str]:
    """The systems that have no draws."""
    posterior = tree["posterior"].to_dataset() if "posterior" in tree.children else xr.Dataset()
    if "lnP" not in posterior:
        return []
    empty = posterior["lnP"].count(["chain", "draw"]) == 0
    if "binary" in posterior:  # a star that is never one has no orbits to be drawn
        empty &= ~(posterior["binary"].max(["chain", "draw"]) == 0)
    return [str(name) for name in posterior["system"].values[empty.values]]


def narrowed(exact: xr.Dataset) -> float:
    """The least share of its prior's standard deviation that any hyper-parameter is left with."""
    if "prior_sd" not in exact:
        return 0.0
    return float((exact["value"].sel(statistic="sd") / exact["prior_sd"]).min())


def summarise_exact(tree: xr.DataTree, status: str, uncorrected: str = "") -> pd.DataFrame:
    """The summary of exact draws; hyper-parameters have the moments and intervals of their posterior itself.

    Parameters
    ----------
    status, uncorrected : of the fit, and of that of a sample as if it were all
    """
    parameters, values = columns_of(tree["posterior"].to_dataset()), tree["exact"].to_dataset()["value"]
    # where the posterior of the hyper-parameters is itself sampled, so are the draws of all others
    sampled = np.isfinite(values.sel(statistic="ess_bulk")).any()
    table = (quality if sampled else quality_of_independent)(parameters)
    summary = summarise(parameters, table, "exact", status).set_index("parameter")
    for name in values["parameter"].values:
        for statistic in summary.columns.intersection(list(values["statistic"].values)):
            summary.loc[name, statistic] = float(values.sel(parameter=name, statistic=statistic))
    rows = [summary.reset_index()]
    if UNCORRECTED in tree.children:
        values = tree[UNCORRECTED].to_dataset()["value"]
        plain = values.to_dataset("statistic").to_dataframe().reset_index()
        rows.append(plain.assign(method=UNCORRECTED, status=uncorrected)[list(rows[0].columns)])
    return pd.concat(rows, ignore_index=True)
