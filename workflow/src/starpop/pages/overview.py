"""All orbits of a catalogue at one look: amplitudes over periods, and how many are to be looked at again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from starpop.pages.style import TWO_COLUMNS, WARNING, Style, new_figure
from starpop.pages.systems import write_round
from starpop.run.status import DOUBTFUL, HARDLY, SERIOUS, SURE, UNFITTED, UNUSED, kind

# More orbits are counted in hexagons.
MOST_POINTS = 500
HEXAGONS = 40


def overview(orbits: pd.DataFrame, style: Style) -> Figure:
    """Semi-amplitude over period, and the shares of systems that have each flag, or no orbit.

    Parameters
    ----------
    orbits : the table of orbits
    """
    figure = new_figure(TWO_COLUMNS, 3.4)
    plane, shares = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _amplitudes(plane, orbits.dropna(subset=["best_mode_period_days", "semi_amplitude_kms"]), style)
    _shares(shares, orbits, style)
    return figure


def _amplitudes(ax: Axes, orbits: pd.DataFrame, style: Style) -> None:
    """Semi-amplitude over period; what has several modes, is not to be trusted, or is hardly one, otherwise."""
    kinds = orbits["flags"].fillna("").map(kind)
    none, sure, doubtful = ((kinds == one).to_numpy(bool) for one in (HARDLY, SURE, DOUBTFUL))
    period, amplitude = (orbits[name].to_numpy(float) for name in ("best_mode_period_days", "semi_amplitude_kms"))
    few = len(orbits) <= MOST_POINTS
    if not few and sure.any():
        kept = ax.hexbin(
            period[sure],
            amplitude[sure],
            xscale="log",
            yscale="log",
            gridsize=HEXAGONS,
            bins="log",
            cmap="Blues",
            mincnt=1,
            linewidths=0.1,
        )
        bar = ax.figure.colorbar(kept, ax=ax, label=f"{sure.sum()} systems of one period", pad=0.01, aspect=40)
        write_round(bar.ax.yaxis, *bar.ax.get_ylim())
    for chosen, color, marker, label in (
        (none, style.colors.neutral, ".", HARDLY),
        (sure & few, style.colors.model, "o", SURE),
        (doubtful, style.colors.accent, "x", DOUBTFUL),
    ):
        if chosen.any():
            size = 3 if few else 1.5
            ax.plot(period[chosen], amplitude[chosen], marker, color=color, ms=size, label=f"{label}: {chosen.sum()}")
    ax.set(xscale="log", yscale="log", xlabel="period [d]", ylabel="semi-amplitude [km/s]")
    if len(period):
        write_round(ax.xaxis, *ax.get_xlim())
        write_round(ax.yaxis, *ax.get_ylim())
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _shares(ax: Axes, orbits: pd.DataFrame, style: Style) -> None:
    """How many of the systems have each flag, and how many no orbit, the most first."""
    flags = orbits["flags"].fillna("").str.split(";").explode()
    counts = flags[flags != ""].value_counts()
    for said in (UNUSED, UNFITTED):
        counts.loc[said] = orbits["status"].str.startswith(said).sum()
    counts = counts[counts > 0].sort_values(kind="stable")
    place = np.arange(len(counts))
    serious = [name in (*SERIOUS, UNFITTED) for name in counts.index]
    colors = [WARNING if is_serious else style.colors.neutral for is_serious in serious]
    ax.barh(place, 100 * counts / len(orbits), height=0.6, color=colors)
    for y, count in enumerate(counts):
        ax.text(100 * count / len(orbits), y, f" {count}", va="center", fontsize=6.5)
    ax.set_yticks(place, [name.replace("_", " ") for name in counts.index])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=f"share of {len(orbits)} systems [%]", ylim=(-0.6, max(len(counts), 1) - 0.4))
    ax.set_xlim(0, max(1.18 * ax.get_xlim()[1], 1))
    if counts.empty:
        ax.text(0.5, 0.5, "no flags", transform=ax.transAxes, ha="center")
