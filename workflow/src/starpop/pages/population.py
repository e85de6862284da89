"""Figures of the population: its hyper-parameters, how they were sampled, and the densities of ln P and ln K."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from starpop.inference import convergence
from starpop.inference.amplitudes import Amplitudes
from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density
from starpop.orbits.system_model import SystemModel
from starpop.pages.corner import corner
from starpop.pages.style import CHAIN_COLORS, ONE_COLUMN, TWO_COLUMNS, Style, new_figure, plain
from starpop.run.errors import how_many

SYMBOLS = {
    "mu": (r"$\mu$", r"centre of $\ln(P/\mathrm{d})$"),
    "lnsigma": (r"$\ln\sigma$", r"of $\ln(P/\mathrm{d})$"),
    "lnnu": (r"$\ln\nu$", "degrees of freedom"),
    "F": ("$F$", "fraction of binaries"),
    "mu1": (r"$\mu_1$", r"first mean of $\ln(P/\mathrm{d})$"),
    "separation": (r"$\mu_2-\mu_1$", r"in $\ln(P/\mathrm{d})$"),
    "lnsigma1": (r"$\ln\sigma_1$", r"of $\ln(P/\mathrm{d})$"),
    "lnsigma2": (r"$\ln\sigma_2$", r"of $\ln(P/\mathrm{d})$"),
    "weight": ("$w_1$", "share of the first"),
    "beta": (r"$\beta$", r"slope of $\ln p(\ln P)$"),
    "lntau": (r"$\ln\tau$", "of the steps"),
    "lnalpha": (r"$\ln\alpha_e$", "of the beta density of $e$"),
    "lnbeta": (r"$\ln\beta_e$", "of the beta density of $e$"),
    "lnsigma_e": (r"$\ln\sigma_e$", "of $e$"),
    "mu_circ": (r"$\mu_{\rm circ}$", r"$\ln(P/\mathrm{d})$ of circularisation"),
    "lnwidth_circ": (r"$\ln w_{\rm circ}$", r"in $\ln(P/\mathrm{d})$"),
    "mu_s": (r"$\mu_s$", r"centre of $\ln s$, $s$ in km/s"),
    "lnsigma_s": (r"$\ln\sigma_s$", r"of $\ln s$"),
    "beta_s": (r"$\beta_s$", r"slope of $\ln p(\ln s)$"),
}
# More hyper-parameters than these would not be legible.
MOST_SHOWN = 6
RANK_BINS = 20
TRACE_POINTS = 500
# Of the periods that the population predicts, the share beyond the figure on either side, if it has no end of its own.
BEYOND = 0.005
# Draws that the band is made of.
CURVES = 4000
MOST_TICKS = 13
ROUND = np.outer(10.0 ** np.arange(-2, 5), [1, 2, 5]).ravel()
# Points of ln K; and in standard deviations of ln K given s, how far beyond those of s it is drawn.
AMPLITUDES, AROUND = 300, (2.5, 1.5)


@dataclass(frozen=True)
class Fitted:
    """A population as figures show it.

    Attributes
    ----------
    density : of ln P
    parameters : draws of all its hyper-parameters, those of eccentricities too
    ln_periods : (N,) posterior means of ln P of its systems that have an orbit
    count : how many these are, in words
    amplitudes : the density of the scale of the amplitudes, if it has one
    ln_amplitudes : (N,) posterior means of ln K [km/s]
    of_a_year : whether K is that of a year and a circle, as the amplitudes go with these
    """

    density: Density
    parameters: Mapping[str, np.ndarray]
    ln_periods: np.ndarray
    count: str
    amplitudes: Amplitudes | None = None
    ln_amplitudes: np.ndarray = field(default_factory=lambda: np.empty(0))
    of_a_year: bool = False


def fitted_of(exact: xr.DataTree, hardly: Collection[str] = ()) -> Fitted:
    """What figures show of the exact posterior of a population.

    Parameters
    ----------
    hardly : the systems that hardly have an orbit, and so no period to be shown
    """
    settings, posterior = json.loads(exact.attrs["settings"]), exact["posterior"].to_dataset()
    density = density_from_settings(settings["population"], settings["period_range_days"])
    parameters = convergence.columns_of(posterior[list(density.parameters)])
    binaries = binaries_of(posterior)
    known = ~binaries["system"].isin(list(hardly)).values
    ln_periods = binaries["lnP"].mean(("chain", "draw")).values[known]
    fitted = Fitted(density.of_periods, parameters, ln_periods, _count(len(ln_periods), exact))
    if density.of_s is None:
        return fitted
    model = SystemModel.from_settings(settings["model"])
    shown = model.ln_amplitude(binaries).mean(("chain", "draw")).values[known]
    of_a_year = model.amplitude_scaling != "constant"
    return replace(fitted, amplitudes=density.of_s, ln_amplitudes=shown, of_a_year=of_a_year)


LnDensity = Callable[[np.ndarray], np.ndarray]


def truth_of(settings: Mapping[str, Any], exact: xr.DataTree) -> tuple[LnDensity | None, LnDensity | None]:
    """The ln of the densities of ln P and ln K that the systems of an exact fit were simulated from, if they were."""
    if "simulation" not in settings:
        return None, None
    from starpop.populations.simulate import simulated_amplitudes, simulated_density  # a second

    of_simulation = settings["simulation"], json.loads(exact.attrs["settings"])["period_range_days"]
    return simulated_density(*of_simulation), simulated_amplitudes(*of_simulation)


def symbol(name: str) -> str:
    """How a hyper-parameter is written in a figure: its name where it has no symbol."""
    return SYMBOLS[name][0] if name in SYMBOLS else plain(name)


def label(name: str) -> str:
    """The same with its meaning."""
    return ", ".join(SYMBOLS[name]) if name in SYMBOLS else plain(name)


def _shown(parameters: Mapping[str, np.ndarray]) -> list[str]:
    return list(parameters)[-MOST_SHOWN:]


def hyper_corner(parameters: Mapping[str, np.ndarray], style: Style) -> Figure:
    """Corner plot of the last six hyper-parameters, or of all where there are no more.

    Of a histogram what is left out are its first steps.
    """
    names = _shown(parameters)
    draws = [parameters[name].ravel() for name in names]
    width, write = (ONE_COLUMN, label) if len(names) < 3 else (TWO_COLUMNS, symbol)
    return corner(draws, [write(name) for name in names], style, [None] * len(names), width)


def trace(parameters: Mapping[str, np.ndarray], style: Style) -> Figure:
    """Marginal density, trace and ranks of the hyper-parameters that `hyper_corner` shows, chain by chain."""
    names = _shown(parameters)
    if not names:
        return new_figure(TWO_COLUMNS, 1.0)
    figure = new_figure(TWO_COLUMNS, (1.7 if len(names) < 4 else 1.35) * len(names) + 0.2)
    axes = figure.subplots(len(names), 3, squeeze=False, width_ratios=(1, 1.4, 1))
    for (density, path, ranks), name in zip(axes, names, strict=True):
        draws = parameters[name]
        chains, length = draws.shape
        ranked = pd.Series(draws.ravel()).rank().to_numpy().reshape(draws.shape)
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
        density.set(xlabel=label(name), ylabel="density", yticks=[])
        path.set(xlabel=f"draw (every {step}th)" if step > 1 else "draw", ylabel=symbol(name), xlim=(0, length))
        ranks.set(xlabel=f"rank of {symbol(name)} among all draws", ylabel="draws in bin")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=chains)
    return figure


def binaries_of(posterior: xr.Dataset) -> xr.Dataset:
    """Joint draws of the systems, without those stars that are none rather than binaries."""
    if "binary" not in posterior:
        return posterior
    return posterior.sel(system=posterior["binary"].mean(("chain", "draw")) > 0.5)


def _count(shown: int, exact: xr.DataTree) -> str:
    """How many systems have their periods shown with a population, and of how many where these are not all."""
    fitted = exact["exact"].sizes["system"]
    systems = how_many(fitted, "system")
    return systems if shown == fitted else f"{shown} of {systems}"


def density(fitted: Fitted, style: Style, truth: tuple[LnDensity | None, LnDensity | None] = (None, None)) -> Figure:
    """The density of ln P with its credible band, over the periods of the systems; and that of ln K beside it.

    Parameters
    ----------
    truth : as `truth_of` gives it
    """
    figure = new_figure(TWO_COLUMNS * (0.75 if fitted.amplitudes is None else 1), 3.2)
    ax, *beside = figure.subplots(1, 1 if fitted.amplitudes is None else 2, squeeze=False)[0]
    draw_density(ax, fitted, style, truth[0])
    if fitted.amplitudes is not None:
        draw_amplitudes(beside[0], fitted, fitted.amplitudes, style, truth[1])
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4 if len(labels) < 5 else 3)
    return figure


def draw_density(ax: Axes, fitted: Fitted, style: Style, truth: LnDensity | None = None) -> None:
    """Draw what `density` shows."""
    grid, limits, values = curves(fitted)
    _draw_bands(ax, grid, values, style)
    mean = values.mean(axis=0)
    if np.isfinite(fitted.density.support[0]):
        grid, mean = np.pad(grid, 1, "edge"), np.pad(mean, 1)
    ax.plot(grid, mean, color=style.colors.model, label="posterior mean")
    if truth is not None:
        ax.plot(grid, np.exp(truth(grid)), color=style.colors.accent, ls="--", label="simulated from")
    _draw_ticks(ax, fitted.ln_periods, limits, fitted.count, style)
    ax.set(xlabel=r"$\ln(P\,/\,\mathrm{day})$", ylabel=r"density of $\ln P$")
    ax.child_axes[0].set_xlabel("period $P$ [d]")


def draw_amplitudes(ax: Axes, fitted: Fitted, of_s: Amplitudes, style: Style, truth: LnDensity | None = None) -> None:
    """Draw the same of ln K, of a population that has a density of the amplitudes."""
    drawn = [fitted.parameters[name].ravel()[_chosen(fitted)] for name in of_s.parameters]
    low, high = np.quantile(of_s.draw(drawn, len(drawn[0]), np.random.default_rng(0)), [BEYOND, 1 - BEYOND])
    shown = fitted.ln_amplitudes
    limits = np.min(shown - 0.2, initial=low - AROUND[0]), np.max(shown + 0.2, initial=high + AROUND[1])
    grid = np.linspace(*limits, AMPLITUDES)
    values = np.exp(of_s.of_ln_amplitude.ln_pdf(grid, None, *drawn))
    _draw_bands(ax, grid, values, style)
    ax.plot(grid, values.mean(axis=0), color=style.colors.model)
    if truth is not None:
        ax.plot(grid, np.exp(truth(grid)), color=style.colors.accent, ls="--")
    _draw_ticks(ax, shown, limits, fitted.count, style)
    ax.set(xlabel=r"$\ln(K\,/\,\mathrm{km\,s^{-1}})$", ylabel=r"density of $\ln K$")
    of_what = r" at $P=1$ yr, $e=0$" if fitted.of_a_year else ""
    ax.child_axes[0].set_xlabel(rf"semi-amplitude $K${of_what} [km s$^{{-1}}$]")


def _draw_bands(ax: Axes, grid: np.ndarray, values: np.ndarray, style: Style) -> None:
    """Draw the credible bands of (M, G) curves."""
    ink = 1 - np.array(to_rgb(style.colors.model))
    for share, depth in ((0.9, 0.2), (0.5, 0.5)):
        low, high = np.quantile(values, [0.5 - share / 2, 0.5 + share / 2], axis=0)
        ax.fill_between(grid, low, high, color=1 - depth * ink, lw=0, label=f"{share:.0%} credible band")


def _draw_ticks(ax: Axes, places: np.ndarray, limits: tuple[float, float], count: str, style: Style) -> None:
    """Draw a tick for each system at its ln, and above the axis what these are the ln of."""
    top = ax.get_ylim()[1]
    ax.vlines(places, 0, 0.06 * top, color=style.colors.data, lw=1, label=count)
    ax.set(xlim=limits, ylim=(0, top))
    ax.tick_params(axis="x", which="both", top=False)
    above = ax.secondary_xaxis("top", functions=(np.exp, lambda p: np.log(np.maximum(p, 1e-9))))
    ticks = [p for p in ROUND if limits[0] < np.log(p) < limits[1]]
    ticks = [p for p in ticks if np.isclose(np.log10(p) % 1, [0, 1]).any()] if len(ticks) > MOST_TICKS else ticks
    above.set_xticks(ticks, [f"{p:g}" for p in ticks])


def curves(fitted: Fitted) -> tuple[np.ndarray, tuple[float, float], np.ndarray]:
    """(G,) points of ln P, the ends of their axis, and (M, G) the density there, of some draws."""
    drawn = [fitted.parameters[name].ravel()[_chosen(fitted)] for name in fitted.density.parameters]
    grid, limits = _grid(fitted.density, drawn, fitted.ln_periods)
    return grid, limits, np.exp(fitted.density.ln_pdf(grid, *(p[:, None] for p in drawn)))


def _chosen(fitted: Fitted) -> np.ndarray:
    """Which draws the curves are of."""
    total = fitted.parameters[next(iter(fitted.parameters))].size
    return np.linspace(0, total - 1, min(CURVES, total)).astype(int)


def _grid(
    population: Density, parameters: list[np.ndarray], ln_periods: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    """Points of ln P where to draw the density, and the ends of the axis, which show where the density ends."""
    low, high = population.support
    if np.isfinite(low):
        margin = 0.04 * (high - low)
        return np.linspace(low, high, 800), (low - margin, high + margin)
    predicted = population.draw(parameters, len(parameters[0]), np.random.default_rng(0))
    low, high = np.quantile(predicted, [BEYOND, 1 - BEYOND])
    low, high = np.min(ln_periods - 0.1, initial=low), np.max(ln_periods + 0.1, initial=high)
    return np.linspace(low, high, 800), (low, high)
