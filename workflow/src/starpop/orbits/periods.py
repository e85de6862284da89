"""The periods of a batch of systems as a product: periodograms to draw, peaks, and the nodes of each likelihood."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from starpop.inference.densities import UniformPeriod
from starpop.orbits.landscape import highest_of
from starpop.orbits.linear_model import NoisySystem, linear_model
from starpop.orbits.ln_likelihood import noise_terms
from starpop.orbits.no_orbit import ln_evidence, ln_evidence_of_drift
from starpop.orbits.noise import Box
from starpop.orbits.period_likelihood import PeriodLikelihood, Periodogram, likeliest, period_likelihood
from starpop.orbits.scan import MOST_FREQUENCIES, POINTS_PER_RESOLUTION, points_per_resolution, uniform_lattice
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits, read_named
from starpop.run.progress import progress
from starpop.run.store import read_tree

logger = logging.getLogger("starpop")

# What is stored of each likelihood, and along which list of the file.
LISTS = {
    "node": ("ln_period", "ln_weight", "node_group"),
    "panel": ("panel_low", "panel_high", "panel_top", "panel_ln_mass", "panel_group"),
    "peak": ("peak_ln_period", "peak_ln_period_sd", "peak_ln_likelihood"),
}
# Of Keplerian orbits also these.
SHAPES = {
    "node": ("e",),
    "panel": ("panel_e_low", "panel_e_high", "panel_turn", "panel_turns", "panel_slant", "panel_slant_e"),
    "peak": ("peak_e", "peak_e_sd", "peak_turn"),
}
# Which points of its noise's lattice matter to a system: the first, and how many.
NOISE = ("first_noise", "noise_points")
# How far beyond the ends of the range a better period is looked for, as a factor; and in baselines.
BEYOND, BEYOND_BASELINE = 3.0, 2.0
# From so many visits on ten points to a resolution element hold the highest maximum there; with fewer, where hardly a
# maximum can be higher by enough for a flag, the grid of so many does.
MANY_VISITS = 8


@dataclass(frozen=True)
class Scanned:
    """What is stored of a system: its likelihood, what is outside, and its periodograms."""

    visits: Visits
    likelihood: PeriodLikelihood
    outside: tuple[float, float]
    circular_ln_evidence: float
    no_orbit_ln_evidence: float
    drift_ln_evidence: float
    drawn: Drawn


@dataclass(frozen=True)
class Drawn:
    """Periodograms, NaN of a system not drawn: the highest values in each bin, and Lomb and Scargle's period."""

    ln_likelihood: np.ndarray
    power: np.ndarray
    lomb_scargle_period_days: float


def lists_of(system_model: SystemModel) -> dict[str, tuple[str, ...]]:
    """What is stored of each likelihood with a model, by the list of the file that it is in."""
    keplerian = system_model.orbit == "keplerian"
    return {dim: names + (SHAPES[dim] if keplerian else ()) for dim, names in LISTS.items()}


def lomb_scargle(visits: Visits, period_range_days: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [1/d] and Lomb-Scargle powers on astropy's default grid, as the tutorial takes them.

    The highest *sample* of this grid is the tutorial's starting period. The grid has five points to a peak of width
    1/T; the peaks of ln L of well-measured systems are up to 10^3 times narrower, so that the highest sample need not
    belong to the highest peak.
    """
    from astropy.timeseries import LombScargle

    low, high = 1 / period_range_days[1], 1 / period_range_days[0]
    return LombScargle(visits.time_days, visits.rv_kms, visits.rv_err_kms).autopower(
        minimum_frequency=low, maximum_frequency=high
    )


def best_outside(likelihood: PeriodLikelihood, period_range_days: tuple[float, float]) -> tuple[float, float]:
    """The likeliest period [d] beyond the ends of the range, and its ln L less that of the likeliest within.

    It is looked for within a factor of three of each end, as far as a grid can go, and up to twice the baseline: of
    longer periods the visits show an arc. With fewer than eight visits a narrow maximum may be passed over, none of
    which is higher by as much as `flags` asks for.
    """
    visits, (low, high) = likelihood.visits, period_range_days
    points = points_per_resolution(MANY_VISITS) if len(visits) < MANY_VISITS else POINTS_PER_RESOLUTION
    per_day = max(points * visits.baseline_days, 1)
    longest = min(BEYOND * high, BEYOND_BASELINE * visits.baseline_days)
    ranges = [(1 / low, BEYOND / low)] + ([(1 / longest, 1 / high)] if longest > high else [])
    ranges = [(first, min(last, first + MOST_FREQUENCIES / per_day)) for first, last in ranges]
    system = NoisySystem.of(visits, likelihood.system_model)
    model = system.at(system.everywhere)
    noise = int(noise_terms(np.exp(-likelihood.peak_ln_period[:1]), model)[0].argmax())
    found = []
    for first, last in ranges:
        grid = uniform_lattice(first, last, per_day * (last - first))
        found.append(highest_of(model, grid, first, last, noise))
    frequency, height = max(found, key=lambda one: one[1])
    return 1 / frequency, height - float(likelihood.peak_ln_likelihood[0])


def circular_ln_evidence(likelihood: PeriodLikelihood, period_range_days: tuple[float, float]) -> float:
    """The ln evidence of a system's model, but with a circular orbit."""
    uniform = UniformPeriod(period_range_days)
    if likelihood.system_model.orbit == "keplerian":
        circle = replace(likelihood.system_model, orbit="circular")
        likelihood = period_likelihood(likelihood.visits, circle, period_range_days)
    return likelihood.ln_evidence(uniform.ln_pdf(likelihood.ln_period))


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
    systems: Sequence[Visits],
    system_model: SystemModel,
    period_range_days: tuple[float, float],
    bins: int,
    threads: int = 1,
    drawn: Container[str] | None = None,
) -> xr.Dataset:
    """Scan the systems of a batch.

    Parameters
    ----------
    drawn : the systems whose periodograms are kept, in so many bins; of all, if that is not said

    Returns
    -------
    ``frequency`` (bin) [1/d], ``ln_likelihood`` and ``lomb_scargle_power`` (system, bin), both the highest values in
    each bin, and ``lomb_scargle_period_days`` (system), of those drawn; ``outside_period_days`` and
    ``outside_ln_gain`` (system) of `best_outside`; ``circular_ln_evidence``, ``no_orbit_ln_evidence`` and
    ``drift_ln_evidence`` (system) of the same model with a circular orbit, with none, and with a trend in its place;
    ``offset_sd_kms`` (system), the width of the offsets' prior; and the attributes of every `PeriodLikelihood`, one
    list after the other, with ``node_system``, ``panel_system`` and ``peak_system`` the index of the system. What
    cannot be scanned is in ``failed_system`` (failure) instead, and why in ``reason``
    """
    edges = np.linspace(1 / period_range_days[1], 1 / period_range_days[0], bins + 1)

    nothing = Drawn(np.full(bins, np.nan), np.full(bins, np.nan), np.nan)

    def drawn_of(visits: Visits, found: Periodogram) -> Drawn:
        if drawn is not None and visits.system not in drawn:
            return nothing
        frequency, power = lomb_scargle(visits, period_range_days)
        to_draw = envelope(found.frequency, found.ln_likelihood, edges), envelope(frequency, power, edges)
        return Drawn(*to_draw, 1 / frequency[power.argmax()])

    def scan_one(visits: Visits) -> Scanned | str:
        try:
            found, likelihood = likeliest(visits, system_model, period_range_days)
            if not (len(likelihood.ln_weight) and np.isfinite(likelihood.ln_weight).all()):
                raise FloatingPointError("its likelihood is not finite")
            outside = best_outside(likelihood, period_range_days)
            circular = circular_ln_evidence(likelihood, period_range_days)
            others = circular, ln_evidence(visits, system_model), ln_evidence_of_drift(visits, system_model)
            return Scanned(visits, likelihood, outside, *others, drawn_of(visits, found))
        except Exception as error:  # one system must not stop the others
            logger.exception("System %s:", visits.system)
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(threads) as pool:  # the compiled parts of several run at once
        outcomes = list(progress(pool.map(scan_one, systems), total=len(systems)))
    failures = {v.system: outcome for v, outcome in zip(systems, outcomes, strict=True) if isinstance(outcome, str)}
    scanned = [outcome for outcome in outcomes if isinstance(outcome, Scanned)]
    return _as_dataset(scanned, failures, edges, lists_of(system_model))


def _as_dataset(
    scanned: Sequence[Scanned],
    failures: Mapping[str, str],
    edges: np.ndarray,
    lists: Mapping[str, Sequence[str]],
) -> xr.Dataset:
    """What `scan_systems` gives, from what was scanned, and why the others could not be."""
    likelihoods, bins = [one.likelihood for one in scanned], len(edges) - 1
    of_system = {
        "lomb_scargle_period_days": [one.drawn.lomb_scargle_period_days for one in scanned],
        "outside_period_days": [one.outside[0] for one in scanned],
        "outside_ln_gain": [one.outside[1] for one in scanned],
        "circular_ln_evidence": [one.circular_ln_evidence for one in scanned],
        "no_orbit_ln_evidence": [one.no_orbit_ln_evidence for one in scanned],
        "drift_ln_evidence": [one.drift_ln_evidence for one in scanned],
        "offset_sd_kms": [likelihood.system_model.offset_sd_kms for likelihood in likelihoods],
    }
    variables: dict[str, Any] = {
        "ln_likelihood": (("system", "bin"), np.array([one.drawn.ln_likelihood for one in scanned]).reshape(-1, bins)),
        "lomb_scargle_power": (("system", "bin"), np.array([one.drawn.power for one in scanned]).reshape(-1, bins)),
        "failed_system": ("failure", np.array(list(failures), dtype=object)),
        "reason": ("failure", np.array(list(failures.values()), dtype=object)),
    }
    variables |= {name: ("system", np.array(values, float)) for name, values in of_system.items()}
    variables |= _noise_to_store([likelihood.noise for likelihood in likelihoods])
    for dim, names in lists.items():
        lengths = [len(getattr(likelihood, names[0])) for likelihood in likelihoods]
        variables[f"{dim}_system"] = (dim, np.repeat(np.arange(len(scanned)), lengths))
        for name in names:
            variables[name] = (dim, np.concatenate([np.empty(0), *(getattr(n, name) for n in likelihoods)]))
    coords = {
        "system": np.array([one.visits.system for one in scanned], dtype=str),
        "frequency": ("bin", 0.5 * (edges[1:] + edges[:-1])),
    }
    return xr.Dataset(variables, coords=coords)


def _noise_to_store(boxes: Sequence[Box]) -> dict[str, Any]:
    """The variables `NOISE`, of (system,), or where the noise has several numbers of (system, noise)."""
    first, size = [list(box.first) for box in boxes], [list(box.size) for box in boxes]
    if boxes and len(boxes[0].first) > 1:
        return {
            name: (("system", "noise"), np.array(values)) for name, values in zip(NOISE, (first, size), strict=True)
        }
    # of no number, one point
    found = [(*places, 0)[0] for places in first], [(*places, 1)[0] for places in size]
    return {name: ("system", np.array(values, int)) for name, values in zip(NOISE, found, strict=True)}


def _noise_stored(values: Sequence[Any], system_model: SystemModel) -> Box:
    """The box of a system, from its values of the variables `NOISE`."""
    if system_model.noise.parameter is None:
        return Box((), ())
    first, size = (tuple(np.atleast_1d(value).astype(int).tolist()) for value in values)
    return Box(first, size)


def load_likelihoods(
    visits_path: str, period_paths: Iterable[str], system_model: SystemModel
) -> list[PeriodLikelihood]:
    """The period likelihoods in some products, in the order of the systems' names."""
    scans = [read_tree(path, without=["bin"]).to_dataset() for path in period_paths]
    names = {str(name) for scan in scans for name in scan["system"].values}
    systems = {visits.system: visits for visits in read_named(visits_path, names, system_model.times)}
    return read_likelihoods(scans, systems, system_model)


def read_likelihoods(
    scans: Iterable[xr.Dataset], systems: Mapping[str, Visits], system_model: SystemModel
) -> list[PeriodLikelihood]:
    """The period likelihoods of some batches, in the order of the systems' names."""
    found, made = {}, _class_of(system_model)
    for scan in scans:
        lists = _lists_by_system(scan, system_model)
        of_system = {key: scan[key].values for key in (*NOISE, "offset_sd_kms", "no_orbit_ln_evidence")}
        for i, name in enumerate(map(str, scan["system"].values)):
            visits = systems[name]
            # copies: who keeps one system need not keep its batch
            values = {attribute: parts[i].copy() for attribute, parts in lists.items()}
            noise = _noise_stored([of_system[key][i] for key in NOISE], system_model)
            own = replace(system_model, offset_sd_kms=float(of_system["offset_sd_kms"][i]))
            linear = linear_model(visits, own, noise)
            found[name] = made(**values, visits=visits, system_model=own, linear=linear, noise=noise)
            # as scanned: with offsets of the width that is the best without an orbit
            vars(found[name])["no_orbit_ln_evidence"] = float(of_system["no_orbit_ln_evidence"][i])
    return [found[name] for name in sorted(found)]


def _lists_by_system(scan: xr.Dataset, system_model: SystemModel) -> dict[str, list[np.ndarray]]:
    """The lists of a product, each cut into those of its systems, which stand in it one after the other."""
    cut = {}
    for dim, names in lists_of(system_model).items():
        ends = np.searchsorted(scan[f"{dim}_system"].values, np.arange(1, scan.sizes["system"]))
        for name in names:
            values = scan[name].values
            cut[name] = np.split(values.astype(np.int64) if name.endswith("_group") else values, ends)
    return cut


def _class_of(system_model: SystemModel) -> type[PeriodLikelihood]:
    """What the likelihoods with a model are."""
    if system_model.orbit == "circular":
        return PeriodLikelihood
    from starpop.orbits.ellipse.likelihood import EllipseLikelihood

    return EllipseLikelihood
