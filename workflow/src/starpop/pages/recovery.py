"""The figure of the recovery study: the reliability of the modes' weights."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from starpop.pages.style import ONE_COLUMN, Style, new_figure


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
