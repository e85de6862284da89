"""Figures of the population: its hyper-parameters, how they were sampled, and the density of ln P."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm, rankdata

from starpop.plots.corner import corner
from starpop.plots.style import CHAIN_COLORS, ONE_COLUMN, TWO_COLUMNS, Style, new_figure

SYMBOLS = {"mu": r"$\mu$", "lnsigma": r"$\ln\sigma$"}
LABELS = {"mu": r"$\mu$, mean of $\ln(P/\mathrm{d})$", "lnsigma": r"$\ln\sigma$, of $\ln(P/\mathrm{d})$"}
RANK_BINS = 20
TRACE_POINTS = 500


def hyper_corner(parameters: Mapping[str, np.ndarray], style: Style) -> Figure:
    """Corner plot of the hyper-parameters."""
    draws = [parameters[name].ravel() for name in LABELS]
    return corner(draws, list(LABELS.values()), style, [None] * len(LABELS), ONE_COLUMN)


def trace(parameters: Mapping[str, np.ndarray], style: Style) -> Figure:
    """Marginal density, trace and ranks of each hyper-parameter, chain by chain."""
    figure = new_figure(TWO_COLUMNS, 1.7 * len(LABELS))
    axes = figure.subplots(len(LABELS), 3, squeeze=False, width_ratios=(1, 1.4, 1))
    for (density, path, ranks), (name, symbol) in zip(axes, SYMBOLS.items(), strict=True):
        draws = parameters[name]
        chains, length = draws.shape
        ranked = rankdata(draws).reshape(draws.shape)
        step = max(length // TRACE_POINTS, 1)
        for i in range(chains):
            color = CHAIN_COLORS[i % len(CHAIN_COLORS)]
            density.hist(draws[i], bins=40, density=True, histtype="step", color=color, lw=0.8)
            density.plot([], [], color=color, label=f"chain {i + 1}")
            path.plot(np.arange(0, length, step), draws[i, ::step], color=color, lw=0.35)
            counts, edges = np.histogram(ranked[i], bins=RANK_BINS, range=(0.5, draws.size + 0.5))
            ranks.stairs(counts, edges, baseline=None, color=color, lw=0.8)
        ranks.axhline(length / RANK_BINS, color=style.colors.neutral, ls="--", lw=0.8)
        ranks.set_ylim(0, 1.4 * length / RANK_BINS)
        density.set(xlabel=LABELS[name], ylabel="density", yticks=[])
        path.set(xlabel=f"draw (every {step}th)" if step > 1 else "draw", ylabel=symbol, xlim=(0, length))
        ranks.set(xlabel=f"rank of {symbol} among all draws", ylabel="draws in bin")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=chains)
    return figure


def density(parameters: Mapping[str, np.ndarray], ln_periods: np.ndarray, style: Style, curves: int = 4000) -> Figure:
    """The density of ln P with its credible band, over the periods of the systems.

    Parameters
    ----------
    parameters : draws of ``mu`` and ``lnsigma``
    ln_periods : (N,) posterior means of ln P
    style : colours
    curves : draws that the band is made of
    """
    mu, ln_sigma = (parameters[name].ravel() for name in LABELS)
    chosen = np.linspace(0, len(mu) - 1, min(curves, len(mu))).astype(int)
    reach = 3.2 * np.exp(np.median(ln_sigma))
    grid = np.linspace(np.median(mu) - reach, np.median(mu) + reach, 300)
    values = norm.pdf(grid, mu[chosen, None], np.exp(ln_sigma[chosen, None]))
    figure = new_figure(0.75 * TWO_COLUMNS, 3.0)
    ax = figure.subplots()
    for share, alpha in ((0.9, 0.2), (0.5, 0.35)):
        low, high = np.quantile(values, [0.5 - share / 2, 0.5 + share / 2], axis=0)
        ax.fill_between(
            grid, low, high, color=style.colors.model, alpha=alpha, lw=0, label=f"{share:.0%} credible band"
        )
    ax.plot(grid, values.mean(axis=0), color=style.colors.model, label="posterior mean")
    top = ax.get_ylim()[1]
    ax.vlines(ln_periods, 0, 0.06 * top, color=style.colors.data, lw=1, label=f"{len(ln_periods)} systems")
    ax.set(xlabel=r"$\ln(P\,/\,\mathrm{day})$", ylabel=r"density of $\ln P$", xlim=(grid[0], grid[-1]))
    ax.set_ylim(0, top)
    ax.tick_params(axis="x", which="both", top=False)
    days = ax.secondary_xaxis("top", functions=(np.exp, lambda p: np.log(np.maximum(p, 1e-9))))
    ticks = [p for p in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if grid[0] < np.log(p) < grid[-1]]
    days.set_xticks(ticks, [f"{p:g}" for p in ticks])
    days.set_xlabel("period $P$ [d]")
    ax.legend(loc="upper right")
    return figure
