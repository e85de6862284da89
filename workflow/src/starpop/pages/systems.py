"""Figures of the single systems: their velocities, periodograms and orbits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter, MaxNLocator, NullFormatter, NullLocator

from starpop.orbits.orbit import angles, total_errors, wave, without_trend_and_offsets
from starpop.orbits.visits import Visits
from starpop.pages.corner import corner
from starpop.pages.style import TWO_COLUMNS, Style, label_outer, mark, new_figure, panels, plain
from starpop.run.status import doubts

# What a scan has to be drawn.
PERIODOGRAMS = ("ln_likelihood", "lomb_scargle_power", "lomb_scargle_period_days")
# Periods written below an axis, of which more would overlap.
MOST_TICKS = 5
SECONDS = 86400.0
# Length of the mean direction of omega below which it has none.
ROUND = 0.5
Orbit = Mapping[str, float]  # P [d], a, b, v0 [km/s], and what else the system model has


def _errors(ax: Axes, x: np.ndarray, visits: Visits, velocity: np.ndarray, orbit: Orbit, style: Style, **how) -> None:
    """Velocities with their reported errors, and in grey what the noise model makes of these."""
    total = total_errors(visits, orbit)
    if np.any(total > visits.rv_err_kms):
        ax.errorbar(x, velocity, total, fmt="none", color=style.colors.neutral, lw=0.6, zorder=1)
    ax.errorbar(x, velocity, visits.rv_err_kms, fmt="o", color=style.colors.data, zorder=3, **how)


def visits_grid(systems: Sequence[Visits], style: Style) -> Figure:
    """All radial velocities over time, a panel a system."""
    figure, axes = panels(style, len(systems))
    for ax, visits in zip(axes, systems, strict=False):
        ax.errorbar(visits.time_days, visits.rv_kms, visits.rv_err_kms, fmt="o", color=style.colors.data, ms=2)
        ax.set_title(plain(visits.system), pad=3)
        ax.margins(y=0.15)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    label_outer(figure, "time since the first visit [d]", "radial velocity [km/s]")
    return figure


def time_series(visits: Visits, orbit: Orbit, style: Style, last_day: float = 100.0) -> Figure:
    """One system's velocities over its first hundred days, and the orbit through them."""
    figure = new_figure(TWO_COLUMNS, 2.6)
    ax = figure.subplots()
    time = np.arange(0, last_day, orbit["P"] / 128)
    curve = wave(visits, orbit, time)
    ax.plot(time, curve, color=style.colors.model, lw=0.8, zorder=4, label="highest posterior density")
    shown = without_trend_and_offsets(visits, orbit)
    early = int(np.sum(visits.time_days <= last_day))
    _errors(ax, shown.time_days, shown, shown.rv_kms, orbit, style, label=f"{early} of {len(visits)} visits")
    ax.set(xlim=(-0.01 * last_day, last_day), xlabel="time since the first visit [d]", ylabel="radial velocity [km/s]")
    ax.set_title(plain(visits.system))
    ax.margins(y=0.22)
    ax.legend(loc="upper right", ncols=2)
    return figure


def folded(visits: Visits, orbit: Orbit, style: Style) -> Figure:
    """One system's velocities folded at the period of the highest posterior density, and what the orbit leaves."""
    figure = new_figure(TWO_COLUMNS / 1.5, 3.6)
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1.2))
    shown = without_trend_and_offsets(visits, orbit)
    phase = shown.time_days / orbit["P"] % 1
    grid = np.linspace(0, 1, 512)
    top.plot(grid, wave(visits, orbit, grid * orbit["P"]), color=style.colors.model, lw=0.8, zorder=4)
    _errors(top, phase, shown, shown.rv_kms, orbit, style)
    bottom.axhline(0, color=style.colors.model)
    _errors(bottom, phase, shown, shown.rv_kms - wave(visits, orbit), orbit, style)
    top.set(
        ylabel="radial velocity [km/s]", xlim=(-0.02, 1.02), title=f"{plain(visits.system)},  P = {orbit['P']:.5f} d"
    )
    bottom.set(xlabel="orbital phase", ylabel="residual [km/s]")
    figure.align_ylabels()
    return figure


def orbit_corner(system: str, draws: Mapping[str, np.ndarray], style: Style) -> Figure:
    """Corner plot of one system's exact draws: of period and semi-amplitude, and eccentricity and omega or v0.

    Parameters
    ----------
    draws : (S,) of each parameter
    """
    kept = np.isfinite(draws["P"])
    if not kept.any():
        figure = new_figure(TWO_COLUMNS / 1.5, 1.0)
        figure.text(0.5, 0.5, f"{plain(system)}: no draws", ha="center", va="center")
        return figure
    orbit = {name: values[kept] for name, values in draws.items()}
    middle = float(np.median(orbit["P"]))
    columns = {rf"$P - {middle:.6f}$ d [s]": (orbit["P"] - middle) * SECONDS}
    if "e" in orbit:
        turn = np.exp(1j * angles(orbit)[1])
        # about its mean, or from 0 to 360 where it has none
        centre = np.degrees(np.angle(turn.mean())) % 360 if abs(turn.mean()) > ROUND else 180.0
        columns["$e$"] = orbit["e"]
        columns[r"$\omega$ [deg]"] = centre + np.degrees(np.angle(turn * np.exp(-1j * np.radians(centre))))
    columns[r"$K$ [km/s]"] = np.hypot(orbit["a"], orbit["b"])
    if "e" not in orbit:
        columns["$v_0$ [km/s]"] = orbit["v0"]
    width = TWO_COLUMNS * (0.75 if len(columns) < 4 else 0.9)
    figure = corner(list(columns.values()), list(columns), style, [None] * len(columns), width)
    figure.suptitle(plain(system), fontsize=8)
    return figure


def ticks_between(low: float, high: float) -> np.ndarray:
    """Round values to be written along a logarithmic axis: 1, 2 and 5 of each decade where they are few.

    Where these are fewer than two, others at equal steps.
    """
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(10.0**decades, [1, 2, 5]).ravel()
    inside = ticks[(ticks >= low) & (ticks <= high)]
    if len(inside) > MOST_TICKS:
        inside = 10.0 ** decades[(10.0**decades >= low) & (10.0**decades <= high)]
    if len(inside) < 2:
        even = np.asarray(MaxNLocator(4).tick_values(low, high))
        inside = even[(even >= low) & (even <= high)]
    return inside


def write_round(axis: Axis, low: float, high: float) -> None:
    """Write round values between two along a logarithmic axis."""
    axis.set_major_locator(FixedLocator(list(ticks_between(low, high))))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_formatter(NullFormatter())


def drawn_in(scan: xr.Dataset) -> xr.Dataset:
    """The periodograms of a batch that are kept, of a product of which no more is read."""
    return scan[list(PERIODOGRAMS)].isel(system=np.flatnonzero(_is_drawn(scan))).load()


def names_drawn(scan: xr.Dataset) -> list[str]:
    """The systems of a batch whose periodograms are kept."""
    return [str(name) for name in scan["system"].values[_is_drawn(scan)]]


def _is_drawn(scan: xr.Dataset) -> np.ndarray:
    """(N,) of which systems the periodogram is kept."""
    return np.isfinite(scan["lomb_scargle_period_days"].values)


def periodograms(scans: Sequence[xr.Dataset], table: pd.DataFrame, style: Style) -> Figure:
    """How far below its best each system's ln-likelihood lies, over period; the Lomb-Scargle period beside it."""
    flags = table.set_index("system")["flags"].fillna("")
    by_name = {str(name): scan.sel(system=name) for scan in scans for name in scan["system"].values}
    figure, axes = panels(style, len(by_name), panel_height=1.3)
    for ax, name in zip(axes, sorted(by_name), strict=False):
        scan = by_name[name]
        period = 1 / scan["frequency"].values
        values = scan["ln_likelihood"].values
        below = np.maximum(values.max() - values, 0.5)
        chosen = period[values.argmax()]
        other = float(scan["lomb_scargle_period_days"])
        ax.plot(period, below, color=style.colors.neutral, lw=0.5)
        ax.plot(chosen, 0.5, "v", color=style.colors.model, ms=5, clip_on=False, label="highest likelihood", zorder=4)
        ax.axvline(
            other,
            color=style.colors.accent,
            lw=0.9,
            ls=(0, (4, 2)),
            label="Lomb-Scargle",
            zorder=0,
        )
        mark(ax, doubts(flags[name]))
        apart = abs(np.log(other / chosen)) > 0.02
        ax.set_title(plain(name), pad=3)
        if apart:
            ax.text(other, 0.6, f"{other:.2f} d ", color=style.colors.accent, ha="right", va="top", fontsize=6.5)
        ax.set(xscale="log", yscale="log", xlim=(period.min(), period.max()))
        ax.set_ylim(below.max() * 1.5, 0.3)
        write_round(ax.xaxis, period.min(), period.max())
        ax.yaxis.set_minor_locator(NullLocator())  # of six decades, which nobody tells apart
    label_outer(figure, "period [d]", r"$\ln L_{\max} - \ln L(P)$")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def orbits_grid(systems: Sequence[Visits], orbits: Mapping[str, Orbit], table: pd.DataFrame, style: Style) -> Figure:
    """Every system's velocities folded at its period, and its orbit."""
    chi2, flags = table.set_index("system")["chi2_reduced"], table.set_index("system")["flags"].fillna("")
    figure, axes = panels(style, len(systems), panel_height=1.3)
    grid = np.linspace(0, 1, 256)
    for ax, visits in zip(axes, systems, strict=False):
        orbit = orbits[visits.system]
        ax.plot(grid, wave(visits, orbit, grid * orbit["P"]), color=style.colors.model, lw=0.8, zorder=4)
        shown = without_trend_and_offsets(visits, orbit)
        _errors(ax, shown.time_days / orbit["P"] % 1, shown, shown.rv_kms, orbit, style, ms=2)
        ax.set_title(f"{plain(visits.system)}  {orbit['P']:.4f} d", pad=3)
        value = chi2[visits.system]
        label = rf"$\chi^2_\nu$ = {value:.3g}" if value < 100 else rf"$\chi^2_\nu$ = {value:.0f}"
        ax.text(0.97, 0.95, label, transform=ax.transAxes, ha="right", va="top", fontsize=6.5)
        mark(ax, doubts(flags[visits.system]))
        ax.set_xlim(-0.02, 1.02)
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.22 * (high - low))
        ax.xaxis.set_major_locator(MaxNLocator(5))
    label_outer(figure, "orbital phase", "radial velocity [km/s]")
    return figure
