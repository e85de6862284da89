"""The exact posterior of the population of a catalogue, from the products of its batches, few systems or very many.

Of few systems all period likelihoods are in memory at once, and all parameters are drawn jointly. Of more the
parameters of a sample of systems are drawn. Of many nodes, whether of very many systems or of some that say little,
sums are over condensed ones (`condensed`), made a batch after the other.

Of a sample of stars that were taken because of what they showed, the same is done with the density of those that are
(`inference.seen`), and the same fit is made as if they were all, to see what the difference is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from starpop.inference import mixture
from starpop.inference.density import Density, Range
from starpop.inference.seen import Seen
from starpop.inference.weighted import Posterior
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.orbits.periods import load_likelihoods
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import chosen_by_name
from starpop.populations import amplitudes, condensed, population, predictive
from starpop.populations.condensed import Condensed
from starpop.populations.detection import Detection, seen_of
from starpop.run.progress import progress
from starpop.run.store import read_csv, read_group, read_tree

logger = logging.getLogger("starpop")

# Nodes that are summed over as they are; more are condensed, however few the systems.
MOST_NODES = 20_000


class Sample(NamedTuple):
    """The stars that meet the conditions of a sample, and how likely others would have."""

    systems: Container[str]
    detection: Detection


def read_sample(selection: Sequence[str], detection: Sequence[str]) -> Sample | None:
    """The sample of a table of selection (`selection.select`) and a product of detection; of no files none."""
    if not selection:
        return None
    table, simulated = read_csv(*selection), read_tree(*detection).to_dataset()
    return Sample(frozenset(table["system"][table["selected"]]), Detection.from_dataset(simulated))


class Products(NamedTuple):
    """The files of a catalogue's visits and of the period likelihoods of its batches, and their model.

    Of a table of which only a sample is taken these are without the others. What is to be scanned again is so in
    some threads.
    """

    visits: str
    periods: Sequence[str]
    model: SystemModel
    sample: Sample | None = None
    threads: int = 1

    @property
    def systems(self) -> list[str]:
        """The names of all systems that have a likelihood."""
        return sorted(
            filter(self.takes, (str(name) for path in self.periods for name in read_group(path)["system"].values))
        )

    def takes(self, system: str) -> bool:
        """Whether a system is in the sample."""
        return self.sample is None or system in self.sample.systems

    def batches(self) -> Iterator[list[PeriodLikelihood]]:
        """The period likelihoods, batch by batch."""
        for path in progress(self.periods, "batches"):
            yield [n for n in load_likelihoods(self.visits, [path], self.model) if self.takes(n.system)]


def integrate(
    products: Products,
    density: Density,
    period_range_days: Range,
    draws: int,
    joint_systems: int,
    seed: int,
    rng_of: Callable[[str], np.random.Generator],
) -> xr.DataTree:
    """The posterior of the hyper-parameters, and draws.

    Parameters
    ----------
    joint_systems : of more systems the nodes are condensed, and the parameters of so many are drawn
    seed : of the sampler, which more than three hyper-parameters need
    rng_of : the generator for a name: of each system, "population" and "uncorrected"

    Returns
    -------
    ``posterior``, the draws; ``exact``, mean, sd and interval of each hyper-parameter, the evidence, and how well each
    system is predicted by the others; ``condensed`` where nodes were; ``sample_stats`` where the answer was sampled;
    of a sample ``seen`` and ``uncorrected`` of `corrected`
    """
    likelihoods, fine = gathered(products, density, period_range_days, joint_systems)
    fit = partial(fitted, likelihoods, fine, seed)
    groups: dict[str, xr.Dataset] = {}
    if products.sample is not None:
        seen = seen_of(products.sample.detection, density, len(products.systems))
        density, groups = corrected(fit, density, seen, draws, rng_of("uncorrected"))
    hyper, nodes = fit(density)
    if nodes is not None:
        logger.info("%d systems, condensed to %d points; error %.1e", len(nodes), len(nodes.grid.points), hyper.error)
        left_out = predictive.leave_one_out_condensed(nodes, density, hyper, seed)
        groups["condensed"] = nodes.as_dataset()
    else:
        left_out = predictive.leave_one_out(likelihoods, density, hyper, seed)
    if density.has_singles:
        as_either = population.as_either(likelihoods, density) if nodes is None else nodes.as_either(density)
        probability = binary_probability(hyper, len(products.systems), as_either)
        left_out = left_out.assign(binary_probability=("system", probability))
    if density.seen is not None:
        share, error = density.seen.summary(density, hyper)
        left_out = left_out.assign(selected_share=share, selection_error=error)
    draw_system = None
    if nodes is not None and density.of_s is not None:
        draw_system = partial(amplitudes.draw_system, nodes, period_range_days)
    tree = population.draw(likelihoods, density, hyper, draws, rng_of, draw_system)
    refits = int(left_out["refitted"].sum())
    logger.info("ln evidence %.6f; error %.1e; %d fits without a system", hyper.ln_evidence, hyper.error, refits)
    for name, group in (groups | _of_posterior(hyper, density, left_out)).items():
        tree[name] = group
    return tree


def gathered(
    products: Products, density: Density, period_range_days: Range, joint_systems: int
) -> tuple[list[PeriodLikelihood], Condensed | None]:
    """The period likelihoods of a catalogue, by name, of some systems if they are many; then all nodes, condensed."""
    names = products.systems
    likelihoods: list[PeriodLikelihood] = []
    fine = None
    if density.of_s is not None:
        kept = keeping(likelihoods, chosen_by_name(names, joint_systems), products.batches())
        fine = amplitudes.condense(kept, density, period_range_days, products.threads)
    elif condensed.condensable(density) and len(names) > joint_systems:
        kept = keeping(likelihoods, chosen_by_name(names, joint_systems), products.batches())
        fine = condensed.condense(kept, density, period_range_days)
    else:
        likelihoods += [n for batch in products.batches() for n in batch]
        if condensed.condensable(density) and sum(len(n.ln_weight) for n in likelihoods) > MOST_NODES:
            fine = condensed.condense([likelihoods], density, period_range_days)
    return sorted(likelihoods, key=lambda n: n.system), fine


def fitted(
    likelihoods: Sequence[PeriodLikelihood], fine: Condensed | None, seed: int, density: Density
) -> tuple[Posterior, Condensed | None]:
    """The posterior of a density's hyper-parameters; and the nodes that are condensed, on the grid that it needs."""
    if fine is None:
        return population.posterior(likelihoods, density, seed), None
    return condensed.posterior(fine, density, seed)


def corrected(
    fit: Callable[[Density], tuple[Posterior, Condensed | None]],
    density: Density,
    seen: Seen,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Density, dict[str, xr.Dataset]]:
    """The density of those who are in the sample, and what is stored of them.

    Parameters
    ----------
    fit : gives the posterior of a density
    density, seen : of all stars, and who of them is in the sample
    draws, rng : of the fit as if that were all

    Returns
    -------
    the density; ``seen``, with its error relative to the mean over the posterior, and ``uncorrected``, the summary
    and draws of the same fit to the same stars as if they were all
    """
    everyone, _ = fit(density)
    seen = seen.about(density, fit(density.in_sample(seen))[0])
    drawn = {name: (("chain", "draw"), values[None]) for name, values in everyone.draw(draws, rng).items()}
    return density.in_sample(seen), {"seen": seen.as_dataset(), "uncorrected": everyone.summary().assign(drawn)}


def keeping(
    kept: list[PeriodLikelihood], wanted: Container[str], batches: Iterable[list[PeriodLikelihood]]
) -> Iterator[list[PeriodLikelihood]]:
    """Some batches, of which each is forgotten but for the wanted systems, which are added to those kept."""
    for batch in batches:
        kept += [n for n in batch if n.system in wanted]
        yield batch


def binary_probability(hyper: Posterior, stars: int, as_either: mixture.Either) -> np.ndarray:
    """(N,) posterior probability of each star to be a binary.

    Parameters
    ----------
    hyper : the posterior of the hyper-parameters, the fraction first
    stars : their number, N
    as_either : their ln likelihoods as single stars and as binaries, given the other hyper-parameters
    """
    fraction, *others = hyper.points.T
    return mixture.mean_of_other(fraction, others, hyper.weights, stars, as_either)


def table_of_systems(tree: xr.DataTree) -> pd.DataFrame:
    """One row a system of an exact fit: how well it is predicted, what it tells, and whether it is a binary.

    Parameters
    ----------
    tree : as `integrate` gives it
    """
    found = tree["exact"].to_dataset()
    columns = {"ln_predictive": "ln_predictive", "information": "information_nat"}
    if "binary_probability" in found:
        columns["binary_probability"] = "binary_probability"
    return found[list(columns)].rename(columns).to_dataframe().reset_index()


def _of_posterior(hyper: Posterior, density: Density, left_out: xr.Dataset) -> dict[str, xr.Dataset]:
    """What is stored of a posterior besides draws."""
    before = ("parameter", [prior.sd for prior in density.parameters.values()])
    groups = {"exact": hyper.summary().merge(left_out).assign(prior_sd=before)}
    statistics = hyper.sampler_statistics()
    return groups if statistics is None else groups | {"sample_stats": statistics}
