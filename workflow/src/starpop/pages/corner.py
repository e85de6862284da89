"""A corner plot: every parameter's marginal density on the diagonal, every pair's below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter

from starpop.pages.style import Style, new_figure

# Probability within one and two standard deviations of a two-dimensional normal density.
ENCLOSED = (0.393, 0.865)
BINS = 48


def corner(
    draws: Sequence[np.ndarray], labels: Sequence[str], style: Style, truths: Sequence[float | None], width: float
) -> Figure:
    """Draw the corner plot of some parameters.

    Parameters
    ----------
    draws : (S,) draws of each parameter
    labels : axis labels, with units
    style : colours
    truths : true value of each parameter, to be marked, or None
    width : of the figure [inch]
    """
    count = len(draws)
    figure = new_figure(width, width)
    axes = figure.subplots(count, count, squeeze=False)
    limits = [_limits(x) for x in draws]
    for row in range(count):
        for column in range(count):
            ax = axes[row, column]
            if column > row:
                ax.set_visible(False)
                continue
            if row == column:
                _marginal(ax, draws[row], limits[row], truths[row], style)
            else:
                _pair(ax, draws[column], draws[row], limits[column], limits[row], style)
                if truths[column] is not None and truths[row] is not None:
                    ax.plot(truths[column], truths[row], "s", color=style.colors.accent, ms=4, label="true values")
                ax.yaxis.set_major_locator(MaxNLocator(3, prune="both"))
            ax.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
            ax.tick_params(axis="x", labelrotation=40)
            if row == count - 1:
                ax.set_xlabel(labels[column])
            else:
                ax.tick_params(labelbottom=False)
            if column == 0 and row > 0:
                ax.set_ylabel(labels[row])
            elif column != row:
                ax.tick_params(labelleft=False)
    if count > 1 and axes[1, 0].get_legend_handles_labels()[0]:
        figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="upper right")
    figure.align_labels()
    return figure


def _limits(x: np.ndarray) -> tuple[float, float]:
    """The ends of a parameter's axis: a little beyond most of its draws, but not below zero if none is."""
    low, high = np.quantile(x, [0.001, 0.999]) + np.array([-0.08, 0.08]) * np.ptp(x)
    return (max(float(low), 0.0) if x.min() >= 0 else float(low)), float(high)


def _marginal(ax: Axes, x: np.ndarray, limits: tuple, truth: float | None, style: Style) -> None:
    ax.hist(x, bins=BINS, range=limits, density=True, histtype="stepfilled", color=style.colors.model, alpha=0.35)
    ax.hist(x, bins=BINS, range=limits, density=True, histtype="step", color=style.colors.model, lw=0.8)
    if truth is not None:
        ax.axvline(truth, color=style.colors.accent, lw=1)
    ax.set_xlim(limits)
    ax.set_yticks([])


def _pair(ax: Axes, x: np.ndarray, y: np.ndarray, xlim: tuple, ylim: tuple, style: Style) -> None:
    counts, xedges, yedges = np.histogram2d(x, y, bins=BINS, range=(xlim, ylim))
    density = gaussian_filter(counts, 1.2)
    levels = contour_levels(density)
    centres = (0.5 * (xedges[1:] + xedges[:-1]), 0.5 * (yedges[1:] + yedges[:-1]))
    ax.contourf(*centres, density.T, levels=[*levels, density.max()], colors=style.colors.model, alpha=0.25)
    ax.contourf(*centres, density.T, levels=[levels[-1], density.max()], colors=style.colors.model, alpha=0.35)
    ax.contour(*centres, density.T, levels=levels, colors=style.colors.model, linewidths=0.8)
    ax.set(xlim=xlim, ylim=ylim)


def contour_levels(density: np.ndarray) -> list[float]:
    """Densities whose contours enclose the stated probabilities, ascending."""
    ordered = np.sort(density.ravel())[::-1]
    enclosed = np.cumsum(ordered) / ordered.sum()
    return sorted(float(ordered[np.searchsorted(enclosed, share)]) for share in ENCLOSED)
