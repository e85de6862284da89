"""The certificate as a figure: how far NUTS lies from the exact answer, in Monte Carlo errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from starpop.checks.agreement import LARGEST_Z
from starpop.pages.style import CHAIN_COLORS, TWO_COLUMNS, Style, new_figure


def certificate(table: pd.DataFrame, style: Style) -> Figure:
    """Differences of means and standard deviations, by section, and their distribution beside the standard normal."""
    figure = new_figure(TWO_COLUMNS, 2.8)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    labels = table["section"] + ", " + table["sampler"]
    start = 0
    for color, label in zip(np.resize(CHAIN_COLORS, labels.nunique()), labels.unique(), strict=True):
        part = table[labels == label]
        x = start + np.arange(len(part))
        left.plot(x, part["mean_z"].astype(float), "o", color=color, ms=2.2, label=label)
        left.plot(x, part["sd_z"].astype(float), "x", color=color, ms=2.5, mew=0.6)
        start += len(part) + 8
    z = table[["mean_z", "sd_z"]].to_numpy(float).ravel()
    reach = max(5.5, 1.1 * np.abs(z).max(initial=0))
    grid = np.linspace(-reach, reach, 400)
    right.hist(
        z, bins=np.linspace(-reach, reach, 45), density=True, orientation="horizontal", color=style.colors.neutral
    )
    right.plot(np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), grid, color=style.colors.model)
    for ax in (left, right):
        for bound in (-LARGEST_Z, LARGEST_Z):
            ax.axhline(bound, color=style.colors.accent, ls="--", lw=0.8)
    left.set(ylim=(-reach, reach), xlabel="parameter  (dots: means, crosses: standard deviations)", xticks=[])
    left.set_ylabel("NUTS - exact  [Monte Carlo errors]")
    right.set(xlabel="density", title=f"{len(z)} comparisons, and N(0, 1)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=6)
    return figure
