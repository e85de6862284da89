"""Figures of the star cluster."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from starpop.pages.corner import corner
from starpop.pages.style import ONE_COLUMN, TWO_COLUMNS, Style, new_figure, plain

# Beside the mean distance and the depth, what only some models have.
OTHERS = {"f_field": r"$f_\mathrm{field}$", "ln_error_factor": r"$\ln k$"}
MEMBERS = "cividis"


def parallaxes(
    stars: Table, mean_distance_pc: float, whose: str, style: Style, membership: np.ndarray | None = None
) -> Figure:
    """Every star's parallax with its error, and the parallax of the mean distance, that of the truth or another.

    With a field, (N,) probabilities to be a member are the colours of the points.
    """
    figure = new_figure(TWO_COLUMNS, 0.8 * ONE_COLUMN)
    ax = figure.subplots()
    number = np.arange(len(stars))
    color = style.colors.data if membership is None else style.colors.neutral
    ax.errorbar(number, stars["parallax"], stars["parallax_error"], fmt="o", color=color, ms=2, lw=0.6)
    if membership is not None:
        points = ax.scatter(number, stars["parallax"], c=membership, cmap=MEMBERS, vmin=0, vmax=1, s=10, zorder=3)
        figure.colorbar(points, label="probability to be a member", pad=0.01)
    label = f"{whose} mean distance, {mean_distance_pc:.4g} pc"
    ax.axhline(1e3 / mean_distance_pc, color=style.colors.accent, label=label)
    margin = 0.5 + 0.01 * len(stars)
    ax.set(xlabel="star number", ylabel=r"parallax $\varpi$ [mas]", xlim=(-margin, len(stars) - 1 + margin))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return figure


def posterior_corner(draws: dict[str, np.ndarray], stars: Table, truth: dict[str, float], style: Style) -> Figure:
    """Mean distance, depth and the first stars' distances, with the true values if the cluster is simulated.

    Between them the fraction of the field, and the factor on the errors, where the model has them.
    """
    some, others = list(stars["star"][:3]), [name for name in OTHERS if name in draws]
    in_kpc = {"mu_r": r"$\mu_r$ [pc]", "std_r": r"$\sigma_r$ [pc]"}
    of_stars = {f"r[{star}]": f"$r$ [pc]\nstar {plain(star)}" for star in some}
    labels = in_kpc | {name: OTHERS[name] for name in others} | of_stars
    truths: dict[str, float] = {}
    if "distance" in stars.colnames:
        distances = 1e3 * np.asarray(stars["distance"][: len(some)])
        truths = {"mu_r": truth["mean_distance_pc"], "std_r": truth["depth_pc"]}
        truths |= dict(zip(of_stars, map(float, distances), strict=True))
    return corner(
        [(1 if name in OTHERS else 1e3) * draws[name].ravel() for name in labels],
        list(labels.values()),
        style,
        [truths.get(name) for name in labels],
        TWO_COLUMNS,
    )
