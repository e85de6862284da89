"""One picture of the whole way: visits, the likelihood of each period, its nodes, and the population of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from starpop.orbits.visits import Visits
from starpop.pages.population import Fitted, draw_density
from starpop.pages.style import CHAIN_COLORS, TWO_COLUMNS, Style, new_figure, plain
from starpop.pages.systems import write_round
from starpop.run.status import hardly

# Systems that stand for all, the shortest period first.
MOST_SHOWN = 3
# How far below its best a period is drawn at least and at most, in ln L.
NEAREST, FARTHEST = 0.3, 1e6
# Half the width of the panel of a system's nodes, in standard deviations of ln P; and the largest of these, of a
# period that the visits hardly tell.
AROUND, WIDEST = 4.0, 0.25
UNITS = {"s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0}
# What each column shows, and what that is in symbols.
HEADINGS = {
    "visits": r"$v_j\pm\sigma_j\;\mathrm{at}\;t_j$",
    "likelihood of each period": r"$L(P)=\int p(v\,|\,P,\theta)\,p(\theta)\,\mathrm{d}\theta$",
    "its nodes": r"$\int L\,g\;\mathrm{d}\ln P=\sum_k w_k\,g(\ln P_k)$",
    "population": r"$p(D\,|\,h)=\prod_n\,\sum_k\,w_{nk}\;p(\ln P_{nk}\,|\,h)$",
}
COLORS = CHAIN_COLORS[1:]  # the first is the population's


@dataclass(frozen=True)
class Example:
    """A system that is shown.

    Attributes
    ----------
    frequency, ln_likelihood : its periodogram, over [1/d]
    ln_period, weight : its nodes, the heaviest of weight one
    mode : mean and standard deviation of ln P in its heaviest mode
    """

    visits: Visits
    frequency: np.ndarray
    ln_likelihood: np.ndarray
    ln_period: np.ndarray
    weight: np.ndarray
    mode: tuple[float, float]


def chosen(orbits: pd.DataFrame, drawn: Sequence[str]) -> list[str]:
    """Of the systems whose periodograms are kept those with the shortest, the median and the longest period.

    Those that hardly have an orbit are not among them, if others have one.
    """
    table = orbits[orbits["system"].isin(drawn)].dropna(subset=["period_days"]).sort_values("period_days")
    is_one = ~table["system"].isin(hardly(table))
    table = table[is_one] if is_one.any() else table
    places = np.linspace(0, len(table) - 1, min(MOST_SHOWN, len(table))).round().astype(int)
    return list(table["system"].iloc[places])


def example_of(visits: Visits, scan: xr.Dataset) -> Example:
    """What is shown of a system, from the scan of its batch."""
    place = list(scan["system"].values).index(visits.system)
    node, peak = (np.flatnonzero(scan[f"{kind}_system"].values == place) for kind in ("node", "peak"))
    ln_period, ln_weight = scan["ln_period"].values[node], scan["ln_weight"].values[node]
    centre = scan["peak_ln_period"].values[peak]
    nearest = np.abs(centre - ln_period[ln_weight.argmax()]).argmin()
    sd = min(float(scan["peak_ln_period_sd"].values[peak[nearest]]), WIDEST)
    return Example(
        visits,
        scan["frequency"].values,
        scan["ln_likelihood"].values[place],
        ln_period,
        np.exp(ln_weight - ln_weight.max()),
        (float(centre[nearest]), sd),
    )


def abstract(examples: Sequence[Example], fitted: Fitted, style: Style) -> Figure:
    """A row of panels a system, if there are any, and the population that all make."""
    figure = new_figure(TWO_COLUMNS, 3.5)
    widths, heights = (1, 0.08, 1.25, 0.08, 0.95, 0.08, 1.9), (0.72, *(1,) * max(len(examples), 1))
    grid = figure.add_gridspec(len(heights), len(widths), width_ratios=widths, height_ratios=heights)
    for column, (heading, symbols) in zip((0, 2, 4, 6), HEADINGS.items(), strict=True):
        above = figure.add_subplot(grid[0, column])
        above.axis("off")
        for y, text, how in ((0.92, heading, {"fontsize": 8.5, "weight": "bold"}), (0.32, symbols, {"fontsize": 7.5})):
            above.text(0.5, y, text, ha="center", va="center", in_layout=False, **how)
    axes: list[Axes] = []
    for row, (example, color) in enumerate(zip(examples, COLORS, strict=False), start=1):
        axes = [figure.add_subplot(grid[row, column]) for column in (0, 2, 4)]
        for draw, ax in zip((_visits, _likelihood, _nodes), axes, strict=True):
            draw(ax, example, color, style)
            ax.tick_params(labelsize=6)
    for ax, quantity in zip(axes, ("time [d]", "period [d]", "period from the peak"), strict=bool(axes)):
        ax.set_xlabel(quantity, fontsize=7)
    _population(figure.add_subplot(grid[1:, 6]), examples, fitted, style)
    for column in (1, 3, 5):
        _arrow(figure.add_subplot(grid[1:, column]), style)
    return figure


def _population(ax: Axes, examples: Sequence[Example], fitted: Fitted, style: Style) -> None:
    """The density of all periods, with those of the examples in their colours."""
    draw_density(ax, fitted, style)
    top = ax.get_ylim()[1]
    for example, color in zip(examples, COLORS, strict=False):
        ax.vlines(example.mode[0], 0, 0.12 * top, color=color, lw=2, zorder=5)
    ax.set(yticks=[], ylim=(0, 1.2 * top))
    ax.legend(loc="upper center", ncols=2, fontsize=6, handlelength=1.2, columnspacing=1)


def _visits(ax: Axes, example: Example, color: str, style: Style) -> None:
    """The velocities as they come."""
    visits = example.visits
    ax.errorbar(visits.time_days, visits.rv_kms, visits.rv_err_kms, fmt="o", color=color, ms=1.8, elinewidth=0.6)
    ax.text(0.5, 1.02, plain(visits.system), transform=ax.transAxes, ha="center", va="bottom", fontsize=5.5)
    ax.set_ylabel("km/s", fontsize=7, labelpad=1)
    ax.margins(y=0.2)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(3))


def _likelihood(ax: Axes, example: Example, color: str, style: Style) -> None:
    """How far below its best each period is, and the best."""
    period, values = 1 / example.frequency, example.ln_likelihood
    below = np.clip(values.max() - values, NEAREST, FARTHEST)
    ax.plot(period, below, color=style.colors.neutral, lw=0.4)
    ax.plot(np.exp(example.mode[0]), NEAREST, "v", color=color, ms=5, clip_on=False, zorder=4)
    ax.set(xscale="log", yscale="log", xlim=(period.min(), period.max()), ylim=(below.max() * 1.5, NEAREST))
    ax.yaxis.set(major_locator=NullLocator(), minor_locator=NullLocator())
    ax.set_ylabel(r"$\ln L$", fontsize=7, labelpad=2)
    write_round(ax.xaxis, period.min(), period.max())


def _nodes(ax: Axes, example: Example, color: str, style: Style) -> None:
    """The heaviest mode, and the nodes that stand for it."""
    centre, sd = example.mode
    span = np.exp(centre) * AROUND * sd
    unit, days = next(((u, d) for u, d in UNITS.items() if span < 100 * d), ("d", 1.0))
    z = np.linspace(-AROUND, AROUND, 200)
    ax.fill_between(z * span / AROUND / days, np.exp(-0.5 * z**2), color=style.colors.neutral, alpha=0.3, lw=0)
    here = np.abs(example.ln_period - centre) < AROUND * sd
    offset = np.exp(centre) * np.expm1(example.ln_period[here] - centre) / days
    ax.vlines(offset, 0, example.weight[here], color=color, lw=1.2)
    ax.plot(offset, example.weight[here], "o", color=color, ms=3)
    ax.set(xlim=(-span / days, span / days), ylim=(0, 1.25), yticks=[])
    ax.text(0.97, 0.92, f"[{unit}]", transform=ax.transAxes, ha="right", va="top", fontsize=6)
    ax.xaxis.set_major_locator(MaxNLocator(3))


def _arrow(ax: Axes, style: Style) -> None:
    """What leads from one column to the next."""
    ax.axis("off")
    ax.annotate(
        "",
        (1.6, 0.5),
        (-1.2, 0.5),
        xycoords="axes fraction",
        annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": style.colors.neutral, "lw": 1.2},
    )
