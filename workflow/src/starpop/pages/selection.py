"""The figures of a sample: how likely an orbit is found, and the density of ln P with and without that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from starpop.pages.population import Fitted, curves, draw_density
from starpop.pages.style import ONE_COLUMN, TWO_COLUMNS, Style, new_figure
from starpop.pages.systems import write_round
from starpop.populations.detection import Detection, by_period

# Shares that the map has a line for, where they pass between the cells.
LINES = (0.1, 0.5, 0.9)
WORDS = {
    "visits": "{:g} visits",
    "delta_rv_kms": "velocities {:g} km/s apart",
    "semi_amplitude_over_error": "K of {:g} errors",
    "ln_bayes_orbit": "ln Bayes factor of {:g}",
}


def detection_map(simulated: Detection, orbits: pd.DataFrame, conditions: Mapping[str, float], style: Style) -> Figure:
    """The share of simulated stars that are found, by period and semi-amplitude; and by period alone.

    Parameters
    ----------
    simulated : the stars, of which those in the cells of K that have two ends are shown in the map
    orbits : table of the systems' orbits
    conditions : what a star that is found meets
    """
    figure = new_figure(ONE_COLUMN * 1.4, 4.2)
    above, ax = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    count, found = simulated.counts()
    share = np.where(count > 0, found / np.maximum(count, 1), np.nan)[:, 1:-1]
    edges = simulated.edges_kms[1:-1]
    image = ax.pcolormesh(simulated.bands_days, edges, share.T, cmap="Blues", vmin=0, vmax=1, rasterized=True)
    periods, amplitudes = (np.sqrt(ends[1:] * ends[:-1]) for ends in (simulated.bands_days, edges))
    lines = ax.contour(periods, amplitudes, share.T, LINES, colors=style.colors.accent, linewidths=0.8)
    ax.clabel(lines, fmt=lambda value: f"{value:.0%}", fontsize=6)
    known = orbits[orbits["best_mode_period_days"].notna()]
    ax.plot(known["best_mode_period_days"], known["semi_amplitude_p50_kms"], "o", ms=2, color=style.colors.data, mew=0)
    ax.set(xscale="log", yscale="log", xlabel="period [d]", ylabel="semi-amplitude [km/s]")
    ax.set(xlim=simulated.period_range_days, ylim=(edges[0], edges[-1]))
    write_round(ax.xaxis, *simulated.period_range_days)
    write_round(ax.yaxis, edges[0], edges[-1])
    figure.colorbar(image, ax=ax, label="share that is found", pad=0.01)
    total, error = by_period(simulated)
    above.errorbar(periods, total, error, fmt="o", color=style.colors.model)
    above.set(ylim=(0, 1.05), ylabel="share, all K")
    asked = ", ".join(WORDS[name].format(value) for name, value in conditions.items())
    above.set_title(f"found: {asked}, or more", fontsize=7)
    return figure


def densities(
    fitted: Fitted,
    uncorrected: Mapping[str, np.ndarray],
    style: Style,
    truth: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Figure:
    """The density of ln P of all stars, and what the same stars would say if they were all.

    Parameters
    ----------
    fitted, truth : as `draw_density` takes them, corrected for who is in the sample
    uncorrected : draws of the same hyper-parameters, of the fit as if the sample were all
    """
    figure = new_figure(0.75 * TWO_COLUMNS, 3.2)
    ax = figure.subplots()
    draw_density(ax, fitted, style, truth)
    grid, _, values = curves(replace(fitted, parameters=uncorrected))
    band, color = np.quantile(values, [0.05, 0.95], axis=0), style.colors.neutral
    ax.plot(grid, values.mean(axis=0), color=color, label="not corrected: mean")
    ax.plot(grid, band.T, color=color, lw=0.7, ls=":", label=["not corrected: 90% band", "_"])
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * band.max()))
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure
