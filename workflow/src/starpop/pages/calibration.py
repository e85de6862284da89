"""The figure of calibration: rank histograms with their band, a row for each case."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from starpop.checks.calibration import RANK_BINS, band, rank_counts
from starpop.pages.population import symbol
from starpop.pages.style import TWO_COLUMNS, Style, failures, new_figure, plain

OF_A_SYSTEM = {
    "lnP": r"$\ln P$",
    "v0": "$v_0$",
    "ln_jitter": r"$\ln s$",
    "ln_error_scale": r"$\ln r$",
    "trend_1": "$c_1$",
    "trend_2": "$c_2$",
    "semi_amplitude": "$K$",
    "semi_amplitude_2": "$K_2$",
    "semi_amplitude_3": "$K_3$",
    "ln_likelihood": r"$\ln p(v)$",
}
ROW_HEIGHT = 0.62


def rank_histograms(ranks: pd.DataFrame, table: pd.DataFrame, draws: int, style: Style) -> Figure:
    """How often the truth has each rank among the draws, for every parameter of every case."""
    cases = {str(name): rows for name, rows in table.groupby("case", sort=False)}
    columns = max(map(len, cases.values()))
    figure = new_figure(TWO_COLUMNS, ROW_HEIGHT * len(cases) + 0.5)
    axes = figure.subplots(len(cases), columns, sharey=True, squeeze=False)
    edges = np.linspace(0, 1, RANK_BINS + 1)
    for row, (case, parameters) in zip(axes, cases.items(), strict=True):
        for unused in row[len(parameters) :]:
            unused.set_visible(False)
        for ax, parameter in zip(row, parameters.itertuples(), strict=False):
            of_one = ranks[(ranks["case"] == case) & (ranks["parameter"] == parameter.parameter)]
            shares = np.array([*band(len(of_one)), *rank_counts(of_one["rank"].to_numpy(), draws)])
            low, high, *counts = shares * RANK_BINS / len(of_one)
            color = style.colors.model if parameter.status == "ok" else style.colors.accent
            ax.axhspan(low, high, color=style.colors.neutral, alpha=0.3, lw=0)
            ax.axhline(1, color=style.colors.neutral, lw=0.6)
            ax.stairs(counts, edges, baseline=None, color=color, lw=0.8)
            name = OF_A_SYSTEM.get(str(parameter.parameter)) or symbol(str(parameter.parameter))
            ax.set_title(f"{name}  {parameter.p_value:.2g}", fontsize=6, pad=2)
            ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=[], ylim=(0, 2.2), yticks=[0, 1, 2])
            ax.tick_params(labelsize=5, length=2)
        row[0].set_ylabel(plain(case).replace("_", "\n"), fontsize=6)
    figure.supxlabel("share of the draws below the truth, 0 to 1; above, p of uniformity", fontsize=8)
    figure.supylabel("catalogues, over those expected", fontsize=8)
    failed = failures({f"{row.case} {row.parameter}": row.status for row in table.itertuples()})
    if failed:
        figure.suptitle(plain(failed), color=style.colors.accent, fontsize=8)
    return figure
