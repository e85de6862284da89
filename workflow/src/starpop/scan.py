"""Which periods can a system have: its ln-likelihood over frequency, and every peak of it, refined.

ln L(f) is made of sums that the baseline T band-limits, so that it varies on the scale 1/(4T) however sharp the
peaks of L itself are. A uniform grid of ten points per 1/T therefore brackets the maxima of a system with many
visits. With few, ln L is a ratio of sums whose maxima crowd (two within 0.1/T of each other are common at four
visits), and the grid is made finer. The height of a bracketed sample says little (the true peak of a well-measured
system may be 10^5 higher), so every bracket is refined before any two peaks are compared.

The Lomb-Scargle period of the tutorial, the highest *sample* of astropy's default grid, is computed beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from astropy.timeseries import LombScargle

from starpop.orbit import OrbitPrior, ln_likelihood
from starpop.visits import Visits

POINTS_PER_RESOLUTION = 10
# How many visits it takes for the grid to be refined less than twofold.
CROWDED_VISITS = 60
GOLDEN = (np.sqrt(5) - 1) / 2
# A peak this much below the best holds less than e^-40 of the best one's probability per unit of width.
DEEPEST_PEAK = 40.0


@dataclass(frozen=True)
class Peaks:
    """The refined peaks of ln L, best first.

    Attributes
    ----------
    ln_period : (K,) ln of the period in days
    ln_period_sd : (K,) width in ln P, from the curvature of ln L; infinite at an edge of the period range
    ln_likelihood : (K,) height
    """

    ln_period: np.ndarray
    ln_period_sd: np.ndarray
    ln_likelihood: np.ndarray

    @property
    def ln_mass(self) -> np.ndarray:
        """(K,) ln of the integral of L over ln P under each peak, by Laplace's approximation."""
        return self.ln_likelihood + np.log(self.ln_period_sd * np.sqrt(2 * np.pi))


def frequency_grid(period_range_days: tuple[float, float], visits: Visits) -> np.ndarray:
    """(F,) uniform frequencies [1/d] over the period range, ends included, that bracket every maximum of ln L."""
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    points = POINTS_PER_RESOLUTION * (1 + CROWDED_VISITS / len(visits))
    count = int(np.ceil(points * (high - low) * visits.baseline_days))
    return np.linspace(low, high, max(count, 100) + 1)


def find_peaks(visits: Visits, prior: OrbitPrior, grid: np.ndarray, values: np.ndarray, steps: int = 70) -> Peaks:
    """Refine every local maximum of ln L on a frequency grid, all at once, by golden-section search."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    top = np.flatnonzero((values >= padded[:-2]) & (values > padded[2:]))
    low, high = grid[np.maximum(top - 1, 0)], grid[np.minimum(top + 1, len(grid) - 1)]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = ln_likelihood(left, visits, prior), ln_likelihood(right, visits, prior)
    for _ in range(steps):
        go_left = at_left > at_right
        low, high = np.where(go_left, low, left), np.where(go_left, right, high)
        new = np.where(go_left, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        at_new = ln_likelihood(new, visits, prior)
        left, right = np.where(go_left, new, right), np.where(go_left, left, new)
        at_left, at_right = np.where(go_left, at_new, at_right), np.where(go_left, at_left, at_new)
    frequency, height = np.where(at_left > at_right, left, right), np.maximum(at_left, at_right)

    keep = np.flatnonzero(height >= height.max() - DEEPEST_PEAK)
    keep = keep[np.argsort(-height[keep], kind="stable")]
    frequency, height = frequency[keep], height[keep]
    width = peak_width(frequency, height, visits, prior, step=(grid[1] - grid[0]) / 10)
    at_edge = np.minimum(frequency - grid[0], grid[-1] - frequency) < 1e-9 * grid[0]
    width = np.where(at_edge, np.inf, width)
    return Peaks(-np.log(frequency), width / frequency, height)


def peak_width(
    frequency: np.ndarray, height: np.ndarray, visits: Visits, prior: OrbitPrior, step: float
) -> np.ndarray:
    """(K,) standard deviations in frequency [1/d] of the Gaussians that match ln L at its peaks.

    Second differences with `step`, then again with the width that these give, where it is smaller: wide enough
    for the difference to stand above the rounding of ln L, narrow enough for ln L to be a parabola.
    """
    steps = np.full(len(frequency), step)
    for _ in range(2):
        above = ln_likelihood(frequency + steps, visits, prior)
        below = ln_likelihood(frequency - steps, visits, prior)
        curvature = (2 * height - above - below) / steps**2
        width = np.where(curvature > 0, np.sqrt(1 / np.abs(np.where(curvature == 0, 1, curvature))), np.inf)
        steps = np.minimum(width, step)
    return width


def lomb_scargle(visits: Visits, period_range_days: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [1/d] and Lomb-Scargle powers on astropy's default grid, as the tutorial takes them."""
    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    return LombScargle(visits.time_days, visits.rv_kms, visits.rv_err_kms).autopower(
        minimum_frequency=low, maximum_frequency=high
    )


def envelope(frequency: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(len(edges) - 1,) highest value in each bin of frequency, for drawing; empty bins are interpolated."""
    binned = np.full(len(edges) - 1, -np.inf)
    index = np.clip(np.searchsorted(edges, frequency, side="right") - 1, 0, len(edges) - 2)
    np.maximum.at(binned, index, values)
    centre, empty = 0.5 * (edges[1:] + edges[:-1]), np.isneginf(binned)
    order = np.argsort(frequency)
    binned[empty] = np.interp(centre[empty], frequency[order], values[order])
    return binned


def scan_systems(
    systems: Sequence[Visits], prior: OrbitPrior, period_range_days: tuple[float, float], bins: int
) -> xr.Dataset:
    """Scan the systems of a batch.

    Returns
    -------
    ``frequency`` (bin) [1/d], ``ln_likelihood`` and ``lomb_scargle_power`` (system, bin), both the highest values in
    each bin, to draw; ``lomb_scargle_period_days`` (system); and the peaks of all systems in one list, best first for
    each: ``peak_system`` (an index), ``peak_ln_period``, ``peak_ln_period_sd``, ``peak_ln_likelihood``,
    ``peak_ln_mass``
    """
    edges = np.linspace(1 / period_range_days[1], 1 / period_range_days[0], bins + 1)
    ln_likelihoods, powers = np.empty((2, len(systems), bins))
    lomb_scargle_period = np.empty(len(systems))
    peaks = {name: [np.empty(0)] for name in ("ln_period", "ln_period_sd", "ln_likelihood", "ln_mass")}
    owner = [np.empty(0, int)]
    for i, visits in enumerate(systems):
        grid = frequency_grid(period_range_days, visits)
        values = ln_likelihood(grid, visits, prior)
        found = find_peaks(visits, prior, grid, values)
        frequency, power = lomb_scargle(visits, period_range_days)
        lomb_scargle_period[i] = 1 / frequency[power.argmax()]
        powers[i] = envelope(frequency, power, edges)
        ln_likelihoods[i] = envelope(
            np.append(grid, np.exp(-found.ln_period)), np.append(values, found.ln_likelihood), edges
        )
        owner.append(np.full(len(found.ln_period), i))
        for name, listed in peaks.items():
            listed.append(getattr(found, name))
    return xr.Dataset(
        {
            "ln_likelihood": (("system", "bin"), ln_likelihoods),
            "lomb_scargle_power": (("system", "bin"), powers),
            "lomb_scargle_period_days": ("system", lomb_scargle_period),
            "peak_system": ("peak", np.concatenate(owner)),
        }
        | {f"peak_{name}": ("peak", np.concatenate(listed)) for name, listed in peaks.items()},
        coords={
            "system": np.array([s.system for s in systems], dtype=str),
            "frequency": ("bin", 0.5 * (edges[1:] + edges[:-1])),
        },
    )


def best_peaks(scan: xr.Dataset) -> list[tuple[float, float]]:
    """(ln P, its sd) of the highest peak of each system of a scan."""
    first = np.searchsorted(scan["peak_system"].values, np.arange(scan.sizes["system"]))
    return [(float(scan["peak_ln_period"][k]), float(scan["peak_ln_period_sd"][k])) for k in first]


def best_peaks_by_system(scans: Sequence[xr.Dataset]) -> dict[str, tuple[float, float]]:
    """(ln P, its sd) of the highest peak of each system, by name, over the scans of all batches."""
    return {
        str(name): peak for scan in scans for name, peak in zip(scan["system"].values, best_peaks(scan), strict=True)
    }
