"""Figures of calibration: rank histograms with their band, and the reliability of the modes' weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from starpop.calibration import RANK_BINS, band, rank_counts
from starpop.plots.population import symbol
from starpop.plots.style import ONE_COLUMN, TWO_COLUMNS, Style, new_figure

OF_A_SYSTEM = {"lnP": r"$\ln P$", "v0": "$v_0$", "semi_amplitude": "$K$"}


def rank_histograms(ranks: pd.DataFrame, table: pd.DataFrame, draws: int, style: Style) -> Figure:
    """How often the truth has each rank among the draws, for every parameter."""
    names = list(table["parameter"])
    figure = new_figure(TWO_COLUMNS, 1.9)
    axes = figure.subplots(1, len(names), sharey=True)
    low, high = band(len(ranks))
    edges = np.linspace(0, 1, RANK_BINS + 1)
    for ax, row in zip(axes, table.itertuples(), strict=True):
        ax.axhspan(low, high, color=style.colors.neutral, alpha=0.3, lw=0)
        ax.axhline(len(ranks) / RANK_BINS, color=style.colors.neutral, lw=0.8)
        color = style.colors.model if row.status == "ok" else style.colors.accent
        ax.stairs(rank_counts(ranks[row.parameter].to_numpy(), draws), edges, baseline=None, color=color, lw=1.2)
        name = OF_A_SYSTEM.get(str(row.parameter)) or symbol(str(row.parameter))
        ax.set(title=f"{name}   p = {row.p_value:.2g}", xlim=(0, 1), xticks=[0, 0.5, 1])
    axes[0].set(ylabel=f"catalogues (of {len(ranks)})", ylim=(0, 1.6 * high))
    figure.supxlabel("share of the draws below the true value", fontsize=8)
    return figure


def reliability_diagram(table: pd.DataFrame, style: Style) -> Figure:
    """In what share of the cases the heaviest mode is the right one, against its weight."""
    figure = new_figure(ONE_COLUMN, ONE_COLUMN)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], color=style.colors.neutral, lw=0.8, label="calibrated")
    ax.errorbar(
        table["weight_mean"],
        table["share_right"],
        2 * table["share_expected_sd"],
        fmt="o",
        color=style.colors.model,
        label="groups of systems, by weight (2 sd)",
    )
    ax.set(xlabel="weight of the heaviest mode", ylabel="share in which it is right", xlim=(0, 1.03), ylim=(0, 1.06))
    ax.legend(loc="upper left")
    return figure
