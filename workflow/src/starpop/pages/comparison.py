"""Figures of the comparison of models: how far apart they are, and what each says of the population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from starpop.checks.comparison import POPULATION, differences
from starpop.checks.sensitivity import AS_CONFIGURED
from starpop.pages.style import CHAIN_COLORS, TWO_COLUMNS, Style, new_figure, plain

ROW = 0.155  # inches of a line of text
POINT = 0.045  # inches of a marker
SHOWN = {
    "F": "fraction $F$\nof binaries",
    "mu": r"$\mu$ of $\ln(P/\mathrm{d})$",
    "lnsigma": r"$\ln\sigma$ of $\ln(P/\mathrm{d})$",
    "mean_ln_period": r"mean of $\ln P$" + "\nwithin the range",
    "ln_sd_ln_period": r"$\ln$ of sd of $\ln P$" + "\nwithin the range",
    "mean_ln_amplitude": r"mean of $\ln K$",
    "ln_sd_ln_amplitude": r"$\ln$ of sd of $\ln K$",
}
# Panels that a page is wide enough for; of more, those are left out that others tell the same of.
MOST_PANELS, TOLD = 5, ("mu", "lnsigma")


def model_comparison(table: pd.DataFrame, style: Style) -> Figure:
    """Evidence of the system models, system by system, and predictive density of all pairs, with errors.

    Parameters
    ----------
    table : of `starpop.checks.comparison.compare_models`
    style : how many systems to show, at most
    """
    of_systems = table[table["scope"] != POPULATION]
    own, pairs = (of_systems[of_systems["population_model"].isna() == alone] for alone in (True, False))
    models, populations = list(own["system_model"].unique()), list(pairs["population_model"].unique())
    evidence = own.pivot_table(index="scope", columns="system_model", values="ln_evidence").iloc[: style.max_systems]
    apart = evidence[models].sub(evidence[models[0]], axis=0)
    pointwise = pairs.pivot_table(index=["system_model", "population_model"], columns="scope", values="ln_predictive")
    looks = _looks(models)

    figure = new_figure(TWO_COLUMNS, max(max(POINT * (len(models) + 1), ROW) * len(apart), 2.2) + 1.0)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.2, 1))[0]
    ax = left.subplots()
    for name, offset in zip(models, _spread(len(models)), strict=True):
        ax.plot(apart[name], np.arange(len(apart)) + offset, ls="", label=plain(name), **looks[name])
    _rows(ax, list(apart.index))
    _symlog(ax, apart.to_numpy())
    ax.set_xlabel(f"ln evidence of each system,\nless that of {plain(models[0])}")

    several = len(populations) > 1
    axes = right.subplots(1 + several, 1, squeeze=False)[:, 0]
    places = {
        pair: (models.index(pair[0]) + offset, populations.index(pair[1]) + inner)
        for model, inner in zip(models, _spread(len(models)), strict=True)
        for population, offset in zip(populations, _spread(len(populations)), strict=True)
        if (pair := (model, population)) in pointwise.index
    }
    to_best = _with_errors(pointwise)
    by_model = pointwise.groupby(level="system_model", sort=False)
    of_model = {pair: row for _, own in by_model for pair, row in _with_errors(own).items()}
    for ax, found, side in zip(axes, (to_best, of_model), (0, 1), strict=False):
        for pair, place in places.items():
            difference, error = found[pair]
            ax.errorbar(difference, place[side], xerr=error, ls="", ms=2.5, lw=0.7, **looks[pair[0]])
    _rows(axes[0], models)
    values, errors = np.array(list(to_best.values())).T
    _symlog(axes[0], values + np.outer([-1, 1], np.nan_to_num(errors)))
    axes[0].set_xlabel("ln predictive density,\nless that of the best pair")
    if several:
        _rows(axes[1], populations)
        axes[1].axvline(0, color=style.colors.neutral, lw=0.6, zorder=0)
        axes[1].xaxis.set_major_locator(MaxNLocator(6))
        axes[1].set_xlabel("ln predictive density,\nless the best of the same system model")
    figure.legend(*left.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=6, title="system model")
    return figure


def _with_errors(pointwise: pd.DataFrame) -> dict[Any, tuple[float, float]]:
    """Differences of the rows' sums to the highest of them, and their standard errors, by the rows' names."""
    return dict(zip(pointwise.index, zip(*differences(pointwise.to_numpy()), strict=True), strict=True))


def forest(table: pd.DataFrame, moved: pd.DataFrame, style: Style) -> Figure:
    """Mean and 94% interval of the population's location, scale and fraction, if it has one, under every assumption.

    Parameters
    ----------
    table : of `starpop.checks.comparison.compare_models`, for the pair of highest evidence
    moved : of `starpop.checks.sensitivity.prior_sensitivity`, of all pairs
    style : colours
    """
    by_pair: dict[Any, dict[Any, pd.DataFrame]] = {
        pair: dict(iter(part.groupby("prior", sort=False)))
        for pair, part in moved.groupby(["system_model", "population_model"], sort=False)
    }
    lines: list[tuple[Any, pd.DataFrame | None]] = []
    for model in moved["system_model"].unique():
        lines.append((model, None))
        lines += [(pair[1], priors[AS_CONFIGURED]) for pair, priors in by_pair.items() if pair[0] == model]
    above, first = len(lines), next(iter(by_pair))
    whole = table[table["scope"] == POPULATION]
    best = tuple(whole.sort_values("ln_odds")[["system_model", "population_model"]].iloc[-1])
    for pair in dict.fromkeys([first, best]):
        lines.append(("priors of " + "/".join(pair), None))
        lines += [(prior, rows) for prior, rows in by_pair[pair].items() if prior != AS_CONFIGURED]

    looks = _looks(moved["population_model"].unique())
    figure = new_figure(TWO_COLUMNS, ROW * len(lines) + 0.75)
    shown = {name: title for name, title in SHOWN.items() if (moved["parameter"] == name).any()}
    if len(shown) > MOST_PANELS:
        shown = {name: title for name, title in shown.items() if name not in TOLD}
    axes = figure.subplots(1, len(shown), sharey=True)
    for ax, (parameter, title) in zip(axes, shown.items(), strict=True):
        for place, (_, rows) in enumerate(lines):
            if rows is not None:
                _interval(ax, place, rows[rows["parameter"] == parameter], looks)
        reference = by_pair[first][AS_CONFIGURED].set_index("parameter")
        if parameter in reference.index:
            row = reference.loc[parameter]
            ax.axvspan(row["hdi_3%"], row["hdi_97%"], color="0.93", lw=0, zorder=0)
            ax.axvline(row["mean"], color=style.colors.neutral, lw=0.6, zorder=0)
        ax.axhline(above - 0.5, color="black", lw=0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(title)
        ax.xaxis.set_major_locator(MaxNLocator(4 if len(shown) < MOST_PANELS else 3))
    _rows(axes[0], [name for name, _ in lines])
    for label, (_, rows) in zip(axes[0].get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if rows is None else "normal")
    return figure


def _interval(ax: Axes, place: int, rows: pd.DataFrame, looks: Mapping[str, dict[str, Any]]) -> None:
    """Mean and interval of one line; faint, and a cross, where they are not known."""
    for row in rows.to_dict("records"):
        look, known = dict(looks[row["population_model"]]), row["status"] == "ok"
        # the mean of a skewed density, or of one that rounding has narrowed, may lie beside its interval
        ax.hlines(place, row["hdi_3%"], row["hdi_97%"], color=look["color"] if known else "0.7", lw=0.9)
        ax.plot(row["mean"], place, ls="", ms=2.8, **(look if known else look | {"marker": "x"}))


def _looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each name."""
    looks = zip(cycle(CHAIN_COLORS), cycle("osD^vP"), strict=False)
    return {name: {"color": color, "marker": marker} for name, (color, marker) in zip(names, looks, strict=False)}


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """A labelled row for each name, the first on top."""
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _spread(count: int) -> np.ndarray:
    """Heights of some points within a row, near its middle where they are few."""
    reach = min(0.12 * (count - 1), 0.3)
    return np.linspace(-reach, reach, count)


def _symlog(ax: Axes, values: np.ndarray) -> None:
    """Linear within one of zero and logarithmic beyond, about all values and zero."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    low, high = values.min(initial=0), values.max(initial=0)
    ax.set_xlim(2.5 * low - 0.5, 2.5 * high + 0.5)
    step = 1 if max(-low, high) < 1e3 else 2
    decades = 10.0 ** np.arange(0, 20, step)
    ticks = np.concatenate([-decades[::-1], [0], decades])
    ticks = ticks[(ticks >= 3 * low - 0.5) & (ticks <= 2.5 * high + 0.5)]
    ax.set_xticks(ticks, [_power(tick) for tick in ticks])
    ax.xaxis.set_minor_locator(MaxNLocator(1))
    ax.axvline(0, color="0.6", lw=0.6, zorder=0)


def _power(value: float) -> str:
    """A tick's label: powers of ten beyond ten."""
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    size = abs(value)
    return f"{sign}{size:g}" if size <= 10 else rf"{sign}$\mathregular{{10^{{{np.log10(size):.0f}}}}}$"
