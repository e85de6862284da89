"""Calibration of the cluster: simulated clusters analysed as real ones, and the truth ranked among the draws.

A case is a prior, from which the hyper-parameters of each cluster are drawn, a range of numbers of stars, and one of
their errors. There are ranked

- all hyper-parameters;
- ln p(parallaxes | hyper-parameters), which depends on all of them together;
- the distance of the first star, and, of a cluster with a field, whether it is a member.

Whether the stars whose probability to be a member is p are members in a share p is the other question that `members`
is for, and `reliability`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from starpop.checks.calibration import Case, Ranked, rank_among
from starpop.inference.density import Range
from starpop.populations import cluster
from starpop.populations.cluster import ClusterPrior
from starpop.run.seeds import generator_for


@dataclass(frozen=True)
class Simulated:
    """A simulated cluster.

    Attributes
    ----------
    parallax_mas, parallax_error_mas : (N,) its table
    truth : value of each hyper-parameter
    distance_kpc, member : (N,) distance of each star, and whether it is a member
    """

    parallax_mas: np.ndarray
    parallax_error_mas: np.ndarray
    truth: dict[str, float]
    distance_kpc: np.ndarray
    member: np.ndarray


@dataclass(frozen=True)
class ClusterCase:
    """What clusters are simulated from and analysed with."""

    prior: ClusterPrior
    stars: tuple[int, int]
    log10_parallax_error_mas: Range

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ClusterCase:
        """An entry of ``calibration.cases`` of the resolved configuration that is a cluster."""
        prior = ClusterPrior.from_settings(settings["prior"])
        return cls(prior, tuple(settings["stars"]), tuple(settings["log10_parallax_error_mas"]))

    def simulate(self, rng: np.random.Generator) -> Simulated:
        """A cluster of hyper-parameters drawn from the prior, and errors uniform in their logarithm."""
        truth = {name: float(rng.uniform(*ends)) for name, ends in self.prior.bounds.items()}
        while (distance := rng.normal(self.prior.mean_distance_kpc, self.prior.mean_distance_sd_kpc)) <= 0:
            pass
        truth["mu_r"] = float(distance)
        stars = int(rng.integers(self.stars[0], self.stars[1] + 1))
        error = 10 ** rng.uniform(*self.log10_parallax_error_mas, stars)
        parallax, *of_stars = cluster.simulate(error, np.array(list(truth.values())), self.prior, rng)
        return Simulated(parallax, error, truth, *of_stars)

    def ranks(self, draws: int, rng: np.random.Generator) -> dict[str, int]:
        """The ranks of the truth of one simulated cluster."""
        simulated = self.simulate(rng)
        data = simulated.parallax_mas, simulated.parallax_error_mas
        hyper = cluster.posterior(*data, self.prior)
        # of the stars, only the first is ranked: the ranks of one cluster's stars are not independent
        drawn = cluster.draw(range(len(data[0])), *data, self.prior, hyper, draws, rng)["posterior"].to_dataset()
        values = {name: drawn[name].values.ravel() for name in simulated.truth}
        true = {name: np.array([value]) for name, value in simulated.truth.items()}
        for points in (values, true):
            points["ln_likelihood"] = cluster.ln_likelihood(list(points.values()), *data, self.prior)
        true["r"] = simulated.distance_kpc[:1]
        if self.prior.field is not None:
            true["member"] = simulated.member[:1].astype(float)
        values |= {name: drawn[name].values[0, :, 0] for name in ("r", "member") if name in true}
        return {name: rank_among(values[name], float(value[0]), rng) for name, value in true.items()}


def case_from_settings(settings: Mapping[str, Any]) -> Ranked:
    """An entry of ``calibration.cases`` of the resolved configuration: a cluster, or binaries."""
    return (ClusterCase if "stars" in settings else Case).from_settings(settings)


def members(chosen: Iterable[int], name: str, case: ClusterCase, base_seed: int) -> pd.DataFrame:
    """Each star of some simulated clusters: its probability to be a member, and whether it is one."""
    tables = []
    for k in chosen:
        simulated = case.simulate(generator_for(base_seed, "members", name, str(k)))
        data = simulated.parallax_mas, simulated.parallax_error_mas
        probability = cluster.membership_probability(*data, case.prior, cluster.posterior(*data, case.prior))
        tables.append(pd.DataFrame({"cluster": k, "probability": probability, "member": simulated.member}))
    return pd.concat(tables, ignore_index=True)


def reliability(table: pd.DataFrame) -> pd.DataFrame:
    """The share of members among the stars in each tenth of the probability, and that expected, with its error."""
    probability, member = table["probability"].to_numpy(), table["member"].to_numpy()
    tenth = np.minimum((10 * probability).astype(int), 9)
    rows = []
    for number in np.unique(tenth):
        p = probability[tenth == number]
        error = np.sqrt(np.sum(p * (1 - p))) / len(p)
        rows.append((number / 10, len(p), p.mean(), error, member[tenth == number].mean()))
    columns = ["probability_from", "stars", "share_expected", "share_expected_sd", "share"]
    return pd.DataFrame(rows, columns=columns)
