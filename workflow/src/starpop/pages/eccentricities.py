"""The diagram of period and eccentricity, with what a population says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from starpop.inference.eccentricities import Eccentricity, eccentricity_from_settings
from starpop.pages.style import TWO_COLUMNS, Style, new_figure
from starpop.pages.systems import write_round

# Periods across the diagram at which eccentricities are predicted, and how many at each.
COLUMNS, PREDICTED = 80, 4000
# The period of circularisation, of populations that have one, in ln days.
CIRCULARISATION = "mu_circ"


def diagram(table: pd.DataFrame, style: Style, exact: xr.DataTree | None = None) -> Figure:
    """Eccentricity against period: with errors where an ellipse is likelier than a circle, else its upper limit.

    Parameters
    ----------
    table : of the orbits
    style : colours
    exact : the exact fit of a population with a density of the eccentricity, which is shown
    """
    figure = new_figure(TWO_COLUMNS / 1.5, 3.0)
    ax = figure.subplots()
    fitted = table[table["eccentricity"].notna()]
    highest = _draw_systems(ax, fitted, style)
    ax.set(xscale="log", xlabel="period [d]", ylabel="eccentricity", ylim=(0, min(1.3 * highest, 1)))
    limits = ax.get_xlim()
    if exact is not None:
        settings, posterior = json.loads(exact.attrs["settings"]), exact["posterior"].to_dataset()
        of_e = eccentricity_from_settings(settings["population"]["eccentricity"], settings["period_range_days"])
        _draw_population(ax, of_e, {name: posterior[name].values.ravel() for name in of_e.parameters}, limits, style)
    write_round(ax.xaxis, *limits)
    ax.set_xlim(limits)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _draw_systems(ax: Axes, fitted: pd.DataFrame, style: Style) -> float:
    """Draw the systems; returns the highest eccentricity of a point, an error bar or a limit."""
    is_ellipse = fitted["ln_bayes_keplerian"] > 0
    ellipses, circles = fitted[is_ellipse], fitted[~is_ellipse]
    ax.errorbar(
        ellipses["best_mode_period_days"],
        ellipses["eccentricity"],
        ellipses["eccentricity_sd"],
        ellipses["best_mode_period_sd_days"],
        fmt="o",
        color=style.colors.model,
        label=f"by itself likelier an ellipse ({len(ellipses)})",
        zorder=3,
    )
    limits = circles["eccentricity_upper_95"]
    ax.plot(
        circles["best_mode_period_days"],
        limits,
        "v",
        color=style.colors.data,
        label=f"by itself likelier a circle ({len(circles)}): 95% limit",
        zorder=3,
    )
    return float(max([*(ellipses["eccentricity"] + ellipses["eccentricity_sd"]), *limits], default=1.0))


def _draw_population(
    ax: Axes, of_e: Eccentricity, draws: Mapping[str, np.ndarray], limits: tuple[float, float], style: Style
) -> None:
    """Draw the eccentricities that the population has at each period, and its period of circularisation."""
    rng, x = np.random.default_rng(0), np.linspace(np.log(limits[0]), np.log(limits[1]), COLUMNS)
    chosen = rng.random(PREDICTED)
    own = [values[(chosen * len(values)).astype(int)] for values in draws.values()]
    predicted = np.array([of_e.draw(np.full(PREDICTED, at), own, rng) for at in x])
    low, middle, high = np.quantile(predicted, [0.05, 0.5, 0.95], axis=1)
    ax.fill_between(np.exp(x), low, high, color=style.colors.neutral, alpha=0.25, lw=0, label="population: 90%")
    ax.plot(np.exp(x), middle, color=style.colors.neutral, label="population: median")
    ax.set_ylim(0, min(max(1.15 * high.max(), ax.get_ylim()[1]), 1))
    if CIRCULARISATION in draws:
        low, middle, high = np.exp(np.quantile(draws[CIRCULARISATION], [0.16, 0.5, 0.84]))
        text = f"circularised below {middle:.3g} d ({low:.3g} to {high:.3g})"
        ax.axvspan(low, high, color=style.colors.accent, alpha=0.15, lw=0)
        ax.axvline(middle, color=style.colors.accent, lw=0.9, ls=(0, (4, 2)), label=text)
