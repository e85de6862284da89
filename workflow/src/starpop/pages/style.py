"""How every figure looks: sizes of print, colours that all eyes tell apart, and what is written on each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from starpop.run.files import product
from starpop.run.status import has_failed

ONE_COLUMN, TWO_COLUMNS = 3.5, 7.1  # inches, of a journal's page
# A warning across the top: its colour, the letters of an inch, the height of a line [inches], and the most lines; and
# the room below a legend under it [inches].
LEGEND_PAD = 0.06
WARNING, WARNING_LETTERS, WARNING_LINE, WARNING_LINES = "#B00000", 15, 0.125, 4
CHAIN_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

mpl.use("Agg")
mpl.rcParams.update(
    {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "axes.linewidth": 0.6,
        "xtick.direction": "in",
        "ytick.direction": "in",
        "xtick.top": True,
        "ytick.right": True,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.0,
        "lines.markersize": 3,
        "errorbar.capsize": 0,
        "mathtext.fontset": "cm",
        "pdf.fonttype": 42,
        "savefig.facecolor": "white",
    }
)


@dataclass(frozen=True)
class Colors:
    """``figures.colors`` of the configuration."""

    data: str
    model: str
    accent: str
    neutral: str


@dataclass(frozen=True)
class Style:
    """``figures`` of the configuration."""

    dpi: int
    max_systems: int
    colors: Colors

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Style:
        """The style that the configuration asks for."""
        return cls(settings["dpi"], settings["max_systems"], Colors(**settings["colors"]))


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, laid out so that nothing overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def panels(style: Style, count: int, columns: int = 3, panel_height: float = 1.25) -> tuple[Figure, list[Axes]]:
    """A figure of a grid of panels, one a system, as many as the style allows."""
    count = min(count, style.max_systems)
    rows = int(np.ceil(count / columns))
    figure = new_figure(TWO_COLUMNS, max(panel_height * rows, 1.8) + 0.7)
    axes = figure.subplots(rows, columns, squeeze=False)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    return figure, list(axes.flat[:count])


def label_outer(figure: Figure, x: str, y: str) -> None:
    """One label for the horizontal axis of all panels, and one for the vertical."""
    figure.supxlabel(x, fontsize=8)
    figure.supylabel(y, fontsize=8)


def plain(text: object) -> str:
    """Text as it is, for a label: a name from a table is never read as mathematics."""
    return str(text).replace("$", r"\$")


def save(figure: Figure, paths: Iterable[str], style: Style, source: str, failed: str = "") -> None:
    """Write a figure in every format, with its source in its corner.

    Parameters
    ----------
    figure : what to write
    paths : files; their ending is the format
    style : resolution
    source : which data the figure is made of
    failed : what is wrong with the fit that it shows, if anything; written across the top
    """
    width, height = figure.get_size_inches()
    letters = int(width * WARNING_LETTERS)
    warning = textwrap.wrap(plain(failed), letters, max_lines=WARNING_LINES, placeholder=" ...")
    top = 1 - WARNING_LINE * len(warning) / height
    if warning:
        for legend in figure.legends:  # those outside the axes lie in the whole figure, whatever its layout
            legend.set_bbox_to_anchor((0, 0, 1, top), transform=figure.transFigure)
        heights = [legend.get_window_extent().height / figure.bbox.height for legend in figure.legends]
        top -= max(heights, default=0) + LEGEND_PAD / height
    if source:
        figure.text(0.995, 0.001, plain(source), ha="right", va="bottom", fontsize=5.5, color="0.35")
        figure.set_layout_engine("constrained", rect=(0, 0.02, 1, top - 0.02))
    if warning:
        figure.text(0.5, 0.995, "\n".join(warning), ha="center", va="top", color=WARNING, fontsize=7)
    figure.set_dpi(style.dpi)
    for path in paths:
        with product(path) as temporary:
            _WRITERS[Path(path).suffix](figure, temporary)
        figure.set_layout_engine("none")  # as it has been laid out, which takes half of the time


def _write_png(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(path)


def _write_pdf(figure: Figure, path: Path) -> None:
    FigureCanvasPdf(figure).print_pdf(path, metadata={"CreationDate": None})


# `Figure.savefig` would draw everything once more before it writes.
_WRITERS = {".png": _write_png, ".pdf": _write_pdf}


def failures(statuses: Mapping[str, str] | Iterable[str]) -> str:
    """What to write across a figure of which not all can be believed: nothing where it can."""
    items = statuses.items() if isinstance(statuses, Mapping) else ((None, s) for s in statuses)
    failed = [f"{name}: {status}" if name else status for name, status in items if status and has_failed(status)]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return failed[0] + more if failed else ""


def mark(ax: Axes, flags: str) -> None:
    """Write the flags of a system that say not to trust its orbit into its panel."""
    if flags:
        ax.text(
            0.03,
            0.05,
            flags.replace(";", "\n"),
            transform=ax.transAxes,
            va="bottom",
            color=WARNING,
            fontsize=5.5,
            zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
