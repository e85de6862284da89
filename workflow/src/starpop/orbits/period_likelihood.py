"""The likelihood of a system's period as nodes: integrals against any smooth density of ln P become sums.

For x = ln P and L(x) the likelihood with the orbit's coefficients integrated out (`scan`), nodes (x_k, w_k) satisfy

    sum_k w_k g(x_k) = integral of L(x) g(x) dx,        over the period range,

to 1e-7 and mostly 1e-9 (with an uncertain noise 1e-6), for every g that is smooth on the scale of 0.05 in ln P. L may
be one peak of width 1e-6 or hundreds of comparable ones; the mechanism is the same:

1. `landscape`: ln L on a grid that brackets its maxima. Each local maximum that could come within 45 of the highest,
   by a parabola or by a change of sign of the residual, is refined by Brent's method, best first (`peaks`).
2. `pieces`: the range is cut at every tenth of a resolution element 1/T, at the peaks and beside them, and what stays
   45 below the highest is dropped: it holds less than e^-45 of the mass per unit of width.
3. `nodes`: the other pieces are integrated, and the points of adjacent panels condensed to Gauss rules.

The panels also serve to draw periods exactly: within one, L varies little, and uniform proposals are often accepted.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from starpop.inference.densities import UniformPeriod
from starpop.inference.density import Density
from starpop.orbits.landscape import Landscape, survey
from starpop.orbits.linear_model import LinearModel, NoisySystem
from starpop.orbits.nodes import integrate
from starpop.orbits.noise import Box, Jitter
from starpop.orbits.scan import lattice
from starpop.orbits.system_model import Orbit, SystemModel
from starpop.orbits.visits import Visits

logger = logging.getLogger("starpop")

# Of a resolution element 1/T, from one cut of the integral to the next.
CUTS = 0.1


@dataclass(frozen=True)
class PeriodLikelihood:
    """Nodes, panels and peaks of one system's period likelihood.

    Attributes
    ----------
    ln_period, ln_weight, node_group : (K,) nodes x_k [ln day], ln w_k, and the group of panels each stands for
    panel_low, panel_high : (M,) ends of the panels in frequency [1/d], ascending
    panel_top : (M,) highest ln L among the panel's points
    panel_ln_mass : (M,) ln of the integral of L over the panel
    panel_group : (M,) the group of each panel, ascending
    peak_ln_period, peak_ln_period_sd, peak_ln_likelihood : (Q,) refined peaks, highest first; at an end of the range
        the sd is the width within which ln L falls by about one, and it is infinite where ln L does not fall
    visits, system_model : what it is the likelihood of; the model has this system's own width of the offsets' prior
    linear : both, as the compiled functions take them, with the points of the noise's lattice that matter
    noise : which of the lattice's points these are
    """

    ln_period: np.ndarray
    ln_weight: np.ndarray
    node_group: np.ndarray
    panel_low: np.ndarray
    panel_high: np.ndarray
    panel_top: np.ndarray
    panel_ln_mass: np.ndarray
    panel_group: np.ndarray
    peak_ln_period: np.ndarray
    peak_ln_period_sd: np.ndarray
    peak_ln_likelihood: np.ndarray
    visits: Visits
    system_model: SystemModel
    linear: LinearModel
    noise: Box

    @property
    def system(self) -> str:
        """The system's name."""
        return self.visits.system

    def ln_evidence(self, ln_prior: np.ndarray) -> float:
        """ln of the integral of L against a prior, given the ln of its density of ln P at the nodes."""
        terms = self.ln_weight + ln_prior
        top = terms.max()
        return float(top + np.log(np.sum(np.exp(terms - top))))

    @cached_property
    def no_orbit_ln_evidence(self) -> float:
        """The ln evidence of the same model without an orbit."""
        from starpop.orbits.no_orbit import ln_evidence

        return ln_evidence(self.visits, self.system_model)

    @cached_property
    def panel_mode(self) -> np.ndarray:
        """(M,) the peak that each panel belongs to: the nearest."""
        middle = 0.5 * (self.panel_low + self.panel_high)
        order = np.argsort(-self.peak_ln_period)
        frequency = np.exp(-self.peak_ln_period[order])
        return order[np.searchsorted(0.5 * (frequency[1:] + frequency[:-1]), middle)]

    @cached_property
    def group_start(self) -> np.ndarray:
        """(G,) first panel of each group."""
        return np.flatnonzero(np.diff(self.panel_group, prepend=-1))


def mode_weights(likelihood: PeriodLikelihood, density: Density, parameters: Sequence[Any] = ()) -> np.ndarray:
    """(Q,) posterior probability of each peak under a density of ln P, which is taken as flat across a panel.

    Parameters
    ----------
    density, parameters : the density, and the value of each of its hyper-parameters
    """
    middle = -np.log(0.5 * (likelihood.panel_low + likelihood.panel_high))
    terms = likelihood.panel_ln_mass + density.ln_pdf(middle, *parameters)
    weights = np.exp(terms - terms.max())
    return np.bincount(likelihood.panel_mode, weights / weights.sum(), minlength=len(likelihood.peak_ln_period))


def survey_period_range(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> Landscape:
    """Scan one system, of at least three visits, over the range where its period may lie [d], and find its peaks."""
    system = NoisySystem.of(visits, system_model)
    grid = lattice(period_range_days, system.baseline_days, len(visits))
    return survey(system, grid, 1 / period_range_days[1], 1 / period_range_days[0])


def integrate_landscape(landscape: Landscape, visits: Visits, system_model: SystemModel) -> PeriodLikelihood:
    """The nodes of one system, from its scan."""
    stride = max(int(CUTS / (landscape.model.baseline_days * landscape.samples.step)), 1)
    nodes = integrate(landscape.samples, landscape.peaks, stride, landscape.model)
    highest_first = np.argsort(-landscape.peaks.height, kind="stable")
    frequency, height, width = (values[highest_first] for values in landscape.peaks)
    system = visits, system_model, landscape.model, landscape.noise
    return PeriodLikelihood(*(*nodes, -np.log(frequency), width / frequency, height, *system))


class Periodogram(NamedTuple):
    """(F,) ln L, of a Keplerian orbit the highest of all shapes, at some frequencies [1/d], peaks among them."""

    frequency: np.ndarray
    ln_likelihood: np.ndarray


def scan_and_integrate(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> tuple[Periodogram, PeriodLikelihood]:
    """The periodogram and the nodes of one system, with this width of the offsets' prior."""
    if system_model.orbit == "keplerian":  # whose part of the package takes longer to load
        from starpop.orbits.ellipse.likelihood import likelihood_of, searched

        found = searched(visits, system_model, period_range_days)
        likelihood: PeriodLikelihood = likelihood_of(found, visits, system_model)
        scan = Periodogram(found.cells.middle, found.highest.max(axis=1))
    else:
        landscape = survey_period_range(visits, system_model, period_range_days)
        likelihood = integrate_landscape(landscape, visits, system_model)
        scan = Periodogram(landscape.samples.frequency, landscape.samples.values)
    peaks = np.exp(-likelihood.peak_ln_period), likelihood.peak_ln_likelihood
    return Periodogram(*map(np.append, scan, peaks)), likelihood


def likeliest(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> tuple[Periodogram, PeriodLikelihood]:
    """Periodogram and nodes of one system, with the width of its offsets' prior that has the highest evidence."""
    uniform = UniformPeriod(period_range_days)
    found = [scan_and_integrate(visits, model, period_range_days) for model in system_model.offset_models(visits)]
    evidences = [n.ln_evidence(uniform.ln_pdf(n.ln_period)) for _, n in found] if len(found) > 1 else [0.0]
    return found[int(np.argmax(evidences))]


def period_likelihood(
    visits: Visits, system_model: SystemModel, period_range_days: tuple[float, float]
) -> PeriodLikelihood:
    """The nodes of one system.

    Parameters
    ----------
    visits : at least three
    system_model : basis, priors and noise
    period_range_days : where the period may lie [d]

    Raises
    ------
    InputError : the range is none
    """
    return likeliest(visits, system_model, period_range_days)[1]


def compile_kernels(orbit: Orbit = "circular") -> None:
    """Compile what a scan needs, or load it; of many processes that start at once one compiles, the others wait."""
    logger.info("Loading the compiled code; the first time it is compiled, for a minute or two.")
    with Path(__file__).open() as lock:
        with suppress(OSError):  # a file system without locks: each compiles for itself
            fcntl.flock(lock, fcntl.LOCK_EX)
        time = np.array([0.0, 1.1, 2.7, 3.9])
        visits, model = Visits("none", time, np.sin(time), np.ones(4)), SystemModel(1, 1, noise=Jitter(0, 1))
        for each in {"circular", orbit}:
            period_likelihood(visits, replace(model, orbit=each), (1.5, 2.5))


def period_likelihoods(
    systems: Sequence[Visits], system_model: SystemModel, period_range_days: tuple[float, float], threads: int = 1
) -> list[PeriodLikelihood]:
    """The nodes of some systems, in their order; the compiled parts of several run at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda visits: period_likelihood(visits, system_model, period_range_days), systems))
