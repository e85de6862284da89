"""Figures of the criticism: p-values, residuals, and the systems' periods against what a population predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy.special import betaincinv, ndtri

from starpop.checks.joint_criticism import names_of
from starpop.checks.population_criticism import predict, predict_prior
from starpop.checks.statistics import EXCESSES, SIGNIFICANT_EXCESS, SIGNIFICANT_P, STATISTICS
from starpop.inference.density import Density, Range
from starpop.pages.style import CHAIN_COLORS, ONE_COLUMN, TWO_COLUMNS, Style, new_figure, plain

LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))
COLORS = (*CHAIN_COLORS, "#000000")
# Of the visits' residuals, where their order statistics lie with this probability, each by itself.
BAND = 0.99
PREDICTED_CATALOGS = 2000
NAMES = {
    "mean": "mean",
    "sd": "standard deviation",
    "skewness": "skewness",
    "smallest": "smallest",
    "largest": "largest",
    "largest_gap": "largest gap",
    "mean_e": "mean $e$",
    "sd_e": "standard deviation of $e$",
    "smallest_e": "smallest $e$",
    "largest_e": "largest $e$",
    "correlation_e": r"correlation of $e$ with $\ln P$",
    "mean_lnK": r"mean $\ln K$",
    "sd_lnK": r"standard deviation of $\ln K$",
    "smallest_lnK": r"smallest $\ln K$",
    "largest_lnK": r"largest $\ln K$",
    "correlation_lnK": r"correlation of $\ln K$ with $\ln P$",
}
# Of what a population has a density besides the period.
GIVEN = {"e": "$e$", "lnK": r"$\ln(K\,/\,\mathrm{km\,s^{-1}})$"}


def systems(table: pd.DataFrame, residuals: pd.DataFrame, style: Style) -> Figure:
    """Every system's p-values, their distribution, and the residuals of all visits against a normal density.

    A statistic of which no system has a p-value is left out; where none has any, all but the residuals is.
    """
    p = table.set_index("system")[[f"{name}_p" for name in STATISTICS]].set_axis(STATISTICS, axis=1)
    p = p.dropna(axis=1, how="all")
    excess = table.set_index("system")[[f"{name}_excess" for name in EXCESSES]].set_axis(EXCESSES, axis=1)
    residual = residuals["standardised_residual"].dropna().to_numpy()
    if p.empty:
        figure = new_figure(ONE_COLUMN, 2.6)
        _residuals(figure.subplots(), residual, style)
        return figure
    shown = p.loc[sorted(p.min(axis=1).sort_values().index[: style.max_systems])]
    figure = new_figure(TWO_COLUMNS, max(0.17 * len(shown) + 1.6, 4.6))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.5, 1))
    _p_table(figure.add_subplot(grid[:, 0]), p, excess, shown, style)
    _p_distribution(figure.add_subplot(grid[0, 1]), p, style)
    _residuals(figure.add_subplot(grid[1, 1]), residual, style)
    return figure


def _p_table(ax: Axes, p: pd.DataFrame, excess: pd.DataFrame, shown: pd.DataFrame, style: Style) -> None:
    """A cell for each p-value, the deeper the smaller, and below how many of all are significant.

    Where an excess is significant it stands there instead, for p can be no smaller.
    """
    values = shown.to_numpy()
    shades = LinearSegmentedColormap.from_list("p", ["white", style.colors.accent])
    ax.imshow(np.log(values) / np.log(_least(values)), cmap=shades, vmin=0, vmax=1.25)
    for (row, column), value in np.ndenumerate(values):
        weight = "bold" if value < SIGNIFICANT_P else "normal"
        name = shown.columns[column]
        beyond = excess.loc[shown.index[row], name] if name in excess else np.nan
        text = rf"{beyond:.1f}$\,\sigma$" if beyond > SIGNIFICANT_EXCESS else _rounded(value)
        ax.text(column, row, text, ha="center", va="center", fontsize=6.5, weight=weight)
    for column, count in enumerate(np.sum(p.to_numpy() < SIGNIFICANT_P, axis=0)):
        ax.text(column, len(shown), count, ha="center", va="center", weight="bold")
    expected = f"below {SIGNIFICANT_P:g}, expected {SIGNIFICANT_P * len(p):.2g}"
    ax.set_xticks(range(len(p.columns)), [name.replace("_", "\n") for name in p.columns], fontsize=6.5)
    ax.set_yticks(range(len(shown) + 1), [*map(plain, shown.index), expected])
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    some = f"{len(shown)} of {len(p)} systems, the smallest" if len(shown) < len(p) else "all systems"
    ax.set(ylim=(len(shown) + 0.5, -0.5), aspect="auto")
    ax.set_title(f"calibrated p-values of {some}", pad=8)
    for edge in ax.spines.values():
        edge.set_visible(False)


def _least(p: np.ndarray) -> float:
    """The smallest p-value, or a significant one if none is."""
    return float(np.nanmin(np.append(p, SIGNIFICANT_P)))


def _rounded(p: float) -> str:
    """A p-value with two digits after the point, a small one with three; nothing where there is none."""
    if np.isnan(p):
        return ""
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _p_distribution(ax: Axes, p: pd.DataFrame, style: Style) -> None:
    """How many systems have a p-value of at most so much, and how many should."""
    total, least = len(p), _least(p.to_numpy())
    grid = np.geomspace(0.5 * least, 1, 100)
    ax.plot(grid, total * grid, color=style.colors.neutral, lw=2.5, label="expected")
    for name, color, line in zip(STATISTICS, COLORS, LINES, strict=True):
        if name not in p:
            continue
        values = np.sort(p[name].dropna().to_numpy())
        count = np.arange(len(values) + 1)
        ax.stairs(count, [0, *values, 1], baseline=None, color=color, ls=line, label=name.replace("_", " "))
    ax.axvline(SIGNIFICANT_P, color=style.colors.neutral, lw=0.6)
    ax.set(xscale="log", yscale="log", xlim=(0.5 * least, 1), ylim=(0.3 * total * least, 1.6 * total))
    ax.set(xlabel="p-value", ylabel="systems with at most this")
    ax.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, handlelength=2.5, labelspacing=0.2)


def _residuals(ax: Axes, values: np.ndarray, style: Style) -> None:
    """Ordered residuals against the quantiles of a standard normal density."""
    count = len(values)
    rank = np.arange(1, count + 1)
    expected = ndtri((rank - 0.5) / count)
    for edge in (0.5 - BAND / 2, 0.5 + BAND / 2):
        ax.plot(expected, ndtri(betaincinv(rank, count + 1 - rank, edge)), color=style.colors.model, lw=0.6)
    ax.plot(expected, expected, color=style.colors.model, label="standard normal")
    ax.plot(expected, np.sort(values), ".", color=style.colors.data, ms=2.5, label=f"{count} visits")
    largest = np.abs(values).max()
    ax.set_yscale("symlog", linthresh=3, linscale=1.5)
    far = [f * 10**k for k in range(9) for f in (1, 3) if f * 10**k < 1.2 * largest]
    ticks = [-t for t in reversed(far)] + [0, *far]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="expected normal quantile", ylabel="standardised residual")
    ax.legend(loc="upper left")


def population(
    density: Density, exact: xr.Dataset, table: pd.DataFrame, period_range_days: Range, style: Style
) -> Figure:
    """The systems' periods in the predictions' bands, and each statistic, also of e or ln K, in its predicted range.

    Parameters
    ----------
    exact : joint draws of the hyper-parameters and of ``lnP``, of dimensions (chain, draw, system)
    table : of `population_criticism`
    period_range_days : where periods are looked for [d]
    """
    rng = np.random.default_rng(0)
    some = exact.isel(chain=0, draw=slice(PREDICTED_CATALOGS))
    own = some["lnP"].mean("draw").values
    own = np.sort(own[np.isfinite(own)])
    size, systems = some.sizes["draw"], len(own)
    if not systems:
        figure = new_figure(TWO_COLUMNS, 1.0)
        figure.text(0.5, 0.5, "no star is a binary rather than not", ha="center", va="center")
        return figure
    posterior = predict(density, [some[name].values for name in density.parameters], systems, rng, period_range_days)
    prior = predict_prior(density, size, systems, rng)
    figure = new_figure(TWO_COLUMNS, 2.9)
    is_of = {name: table["statistic"].isin(names_of(name)) for name in GIVEN}
    given = next((name for name, rows in is_of.items() if rows.any()), None)
    of_x = table[~np.any(list(is_of.values()), axis=0)]
    if given:
        axes = figure.subplot_mosaic([["left", "x"], ["left", "given"]], width_ratios=(1.15, 1), height_ratios=(6, 5))
        _statistics(axes["given"], table[is_of[given]], f"statistic of {GIVEN[given]}", style)
    else:
        axes = figure.subplot_mosaic([["left", "x"]], width_ratios=(1.15, 1))
    left = axes["left"]
    low, high = np.quantile(posterior, [0.005, 0.995])
    grid = np.linspace(min(low, own[0] - 0.1), max(high, own[-1] + 0.1), 400)
    for drawn, color, name in ((prior, style.colors.neutral, "prior"), (posterior, style.colors.model, "posterior")):
        counts = np.sum(drawn[:, :, None] <= grid, axis=1)
        below, above = np.quantile(counts, [0.05, 0.95], axis=0)
        left.fill_between(grid, below, above, color=color, alpha=0.3, lw=0, label=f"{name} predictive, 90%")
    left.plot(grid, counts.mean(axis=0), color=style.colors.model, lw=0.8)
    steps = np.concatenate([grid[:1], own, grid[-1:]]), [0, *range(1, systems + 1), systems]
    left.step(*steps, where="post", color=style.colors.data, label="observed")
    left.set(
        xlabel=r"$\ln(P\,/\,\mathrm{day})$", ylabel=r"systems with at most this $\ln P$", xlim=(grid[0], grid[-1])
    )
    left.set_ylim(0, 1.02 * systems)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    _statistics(axes["x"], of_x, r"statistic of $\ln(P\,/\,\mathrm{day})$", style)
    axes["x"].set_title("observed, and 90% of the predictions")
    return figure


def _statistics(ax: Axes, table: pd.DataFrame, label: str, style: Style) -> None:
    """Each statistic with the range in which 90% of the predicted catalogues have it."""
    y = np.arange(len(table))[::-1]
    ax.hlines(y, table["predicted_5%"], table["predicted_95%"], color=style.colors.model, lw=5, alpha=0.3)
    ax.plot(table["predicted_median"], y, "|", color=style.colors.model, ms=7)
    ax.plot(table["observed"], y, "o", color=style.colors.data, ms=4)
    names = [NAMES[name] for name in table["statistic"]]
    ax.set_yticks(y, names)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel(label)
    ax.tick_params(axis="y", length=0, right=False)
    if table["p_value"].isna().all():
        return
    right = ax.secondary_yaxis("right")
    right.set_yticks(y, map(_rounded, table["p_value"]))
    right.tick_params(length=0)
    right.set_ylabel("p, calibrated" if table["calibrated"].all() else "p, not calibrated")
