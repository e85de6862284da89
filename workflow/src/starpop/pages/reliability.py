"""The figure of reliability: the share of binaries among stars, against the probability that they were given."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from starpop.pages.style import ONE_COLUMN, Style, new_figure


def diagram(table: pd.DataFrame, style: Style) -> Figure:
    """The share of binaries of each bin with the scatter to expect, and how many stars there are in it.

    Parameters
    ----------
    table : of `starpop.checks.reliability.reliability`
    """
    figure = new_figure(ONE_COLUMN, 3.9)
    ax, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    ax.plot([0, 1], [0, 1], color=style.colors.neutral, ls="--", lw=0.8, label="reliable")
    ax.errorbar(
        table["mean_probability"],
        table["binary_share"],
        2 * table["binary_share_sd"],
        fmt="o",
        ms=3.5,
        color=style.colors.model,
        label="share, and 2 sd of it if reliable",
    )
    ax.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that are binaries")
    ax.legend(loc="lower right")
    width = table["probability_max"] - table["probability_min"]
    counts.bar(table["probability_min"], table["stars"], width, align="edge", color=style.colors.data, alpha=0.5)
    counts.set(yscale="log", ylim=(0.7, None), xlabel="probability of being a binary", ylabel="stars")
    return figure
