"""Figures of the star cluster."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from starpop.plots.corner import corner
from starpop.plots.style import ONE_COLUMN, TWO_COLUMNS, Style, new_figure


def parallaxes(stars: Table, truth_kpc: float, style: Style) -> Figure:
    """Every star's parallax with its error, and the parallax of the true mean distance."""
    figure = new_figure(TWO_COLUMNS, 0.8 * ONE_COLUMN)
    ax = figure.subplots()
    ax.errorbar(
        stars["star"], stars["parallax"], stars["parallax_error"], fmt="o", color=style.colors.data, ms=2, lw=0.6
    )
    ax.axhline(1 / truth_kpc, color=style.colors.accent, label=f"true mean distance, {1e3 * truth_kpc:g} pc")
    ax.set(xlabel="star number", ylabel=r"parallax $\varpi$ [mas]", xlim=(-3, len(stars) + 2))
    ax.legend(loc="upper right")
    return figure


def posterior_corner(draws: dict[str, np.ndarray], stars: Table, truth: dict[str, float], style: Style) -> Figure:
    """Mean distance, depth and the first three stars' distances, with the true values."""
    names = ["mu_r", "std_r", "r[0]", "r[1]", "r[2]"]
    labels = [r"$\mu_r$", r"$\sigma_r$", "$r_0$", "$r_1$", "$r_2$"]
    distances = np.asarray(stars["distance"][:3])
    truths = [truth["mean_distance_pc"], truth["depth_pc"], *(1e3 * distances)]
    return corner(
        [1e3 * draws[name].ravel() for name in names],
        [f"{label} [pc]" for label in labels],
        style,
        [float(value) for value in truths],
        TWO_COLUMNS,
    )
