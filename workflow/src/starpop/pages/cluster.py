"""Figures of the star cluster."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from starpop.pages.corner import corner
from starpop.pages.style import ONE_COLUMN, TWO_COLUMNS, Style, new_figure, plain


def parallaxes(stars: Table, mean_distance_pc: float, whose: str, style: Style) -> Figure:
    """Every star's parallax with its error, and the parallax of the mean distance, that of the truth or another."""
    figure = new_figure(TWO_COLUMNS, 0.8 * ONE_COLUMN)
    ax = figure.subplots()
    number = np.arange(len(stars))
    ax.errorbar(number, stars["parallax"], stars["parallax_error"], fmt="o", color=style.colors.data, ms=2, lw=0.6)
    label = f"{whose} mean distance, {mean_distance_pc:.4g} pc"
    ax.axhline(1e3 / mean_distance_pc, color=style.colors.accent, label=label)
    margin = 0.5 + 0.01 * len(stars)
    ax.set(xlabel="star number", ylabel=r"parallax $\varpi$ [mas]", xlim=(-margin, len(stars) - 1 + margin))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return figure


def posterior_corner(draws: dict[str, np.ndarray], stars: Table, truth: dict[str, float], style: Style) -> Figure:
    """Mean distance, depth and the first stars' distances, with the true values if the cluster is simulated."""
    some = list(stars["star"][:3])
    names = ["mu_r", "std_r", *(f"r[{star}]" for star in some)]
    labels = [r"$\mu_r$ [pc]", r"$\sigma_r$ [pc]", *(f"$r$ [pc]\nstar {plain(star)}" for star in some)]
    truths: list[float | None] = [None] * len(names)
    if "distance" in stars.colnames:
        distances = 1e3 * np.asarray(stars["distance"][: len(some)])
        truths = [float(value) for value in (truth["mean_distance_pc"], truth["depth_pc"], *distances)]
    return corner(
        [1e3 * draws[name].ravel() for name in names],
        labels,
        style,
        truths,
        TWO_COLUMNS,
    )
