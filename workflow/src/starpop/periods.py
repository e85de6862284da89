"""The periods of a batch of systems as a product: periodograms to draw, peaks, and the nodes of each likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xarray as xr
from astropy.timeseries import LombScargle

from starpop.orbit import OrbitPrior
from starpop.period_likelihood import PeriodLikelihood, period_likelihoods
from starpop.scan import lattice, linear_model, scan
from starpop.visits import Visits

# What is stored of each likelihood, and along which list of the file.
LISTS = {
    "node": ("ln_period", "ln_weight", "node_group"),
    "panel": ("panel_low", "panel_high", "panel_top", "panel_ln_mass", "panel_group"),
    "peak": ("peak_ln_period", "peak_ln_period_sd", "peak_ln_likelihood"),
}


def lomb_scargle(visits: Visits, period_range_days: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [1/d] and Lomb-Scargle powers on astropy's default grid, as the tutorial takes them.

    The highest *sample* of this grid is the tutorial's starting period. The grid has five points to a peak of width
    1/T; the peaks of ln L of well-measured systems are up to 10^3 times narrower, so that the highest sample need not
    belong to the highest peak.
    """
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
    systems: Sequence[Visits], prior: OrbitPrior, period_range_days: tuple[float, float], bins: int, threads: int = 1
) -> xr.Dataset:
    """Scan the systems of a batch.

    Returns
    -------
    ``frequency`` (bin) [1/d], ``ln_likelihood`` and ``lomb_scargle_power`` (system, bin), both the highest values in
    each bin, to draw; ``lomb_scargle_period_days`` (system); and the attributes of every `PeriodLikelihood`, one list
    after the other, with ``node_system``, ``panel_system`` and ``peak_system`` the index of the system
    """
    edges = np.linspace(1 / period_range_days[1], 1 / period_range_days[0], bins + 1)
    ln_likelihoods, powers = np.empty((2, len(systems), bins))
    lomb_scargle_period = np.empty(len(systems))
    lists: dict[str, list[np.ndarray]] = {name: [np.empty(0)] for names in LISTS.values() for name in names}
    owners: dict[str, list[np.ndarray]] = {name: [np.empty(0, int)] for name in LISTS}
    likelihoods = period_likelihoods(systems, prior, period_range_days, threads)
    for i, (visits, likelihood) in enumerate(zip(systems, likelihoods, strict=True)):
        model = likelihood.model
        grid = lattice(period_range_days, model.baseline_days, len(visits))
        ln_likelihoods[i] = envelope(
            np.append(grid.frequencies, np.exp(-likelihood.peak_ln_period)),
            np.append(scan(model, grid), likelihood.peak_ln_likelihood),
            edges,
        )
        frequency, power = lomb_scargle(visits, period_range_days)
        lomb_scargle_period[i] = 1 / frequency[power.argmax()]
        powers[i] = envelope(frequency, power, edges)
        for dim, names in LISTS.items():
            for name in names:
                lists[name].append(getattr(likelihood, name))
            owners[dim].append(np.full(len(getattr(likelihood, names[0])), i))
    return xr.Dataset(
        {
            "ln_likelihood": (("system", "bin"), ln_likelihoods),
            "lomb_scargle_power": (("system", "bin"), powers),
            "lomb_scargle_period_days": ("system", lomb_scargle_period),
        }
        | {f"{dim}_system": (dim, np.concatenate(listed)) for dim, listed in owners.items()}
        | {name: (dim, np.concatenate(lists[name])) for dim, names in LISTS.items() for name in names},
        coords={
            "system": np.array([s.system for s in systems], dtype=str),
            "frequency": ("bin", 0.5 * (edges[1:] + edges[:-1])),
        },
    )


def read_likelihoods(
    scans: Iterable[xr.Dataset], systems: Mapping[str, Visits], prior: OrbitPrior
) -> list[PeriodLikelihood]:
    """The period likelihoods of some batches, in the order of the systems' names."""
    found = {}
    for scan_ in scans:
        owners = {dim: scan_[f"{dim}_system"].values for dim in LISTS}
        for i, name in enumerate(map(str, scan_["system"].values)):
            values = {
                attribute: scan_[attribute].values[owners[dim] == i]
                for dim, attributes in LISTS.items()
                for attribute in attributes
            }
            for attribute in ("node_group", "panel_group"):
                values[attribute] = values[attribute].astype(np.int64)
            found[name] = PeriodLikelihood(system=name, model=linear_model(systems[name], prior), **values)
    return [found[name] for name in sorted(found)]
