"""The cluster: what its answer owes to the field that is assumed, whether members are so in the share that is said,
and random tables, most of them of no cluster: does each end, with an answer or with words, and how soon.

`python benchmarks/bench_clusters.py 1000` tries so many tables; those that take longest, or fail, are listed.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from common import ROOT, show

import numpy as np
import yaml

from starpop.checks.cluster_calibration import ClusterCase, members, reliability
from starpop.populations import cluster
from starpop.populations.field import Field

PRIOR = cluster.ClusterPrior(1, 2, (-8, 0))
LONGEST_S = 60.0
# Of the simulated cluster with a field: its stars, the share of them that is of the field, mean distance and depth [kpc].
STARS, SHARE, DISTANCE, DEPTH = 200, 0.1, 0.187, 0.004
RIGHT = Field((0, 1), 0.2, 0.06)
ASSUMED = (None, Field((0, 1), 1, 0.8), Field((0, 1), 0.2, 0.1), RIGHT, Field((0, 1), 0.2, 0.02))


def assumed_fields() -> None:
    """Evidence and depth of one simulated cluster, with fields that are right and wrong."""
    rng = np.random.default_rng(1)
    error = 10 ** rng.uniform(-1.5, -0.5, STARS)
    simulated = replace(PRIOR, field=RIGHT)
    parallax, *_ = cluster.simulate(error, np.array([SHARE, DISTANCE, np.log(DEPTH)]), simulated, rng)
    rows: list[list[object]] = []
    for field in ASSUMED:
        hyper = cluster.posterior(parallax, error, replace(PRIOR, field=field))
        mean, sd = 1000 * cluster.exact_summary(hyper)["value"].sel(parameter="std_r").values[:2]
        named = f"{field.mean_distance_kpc:g} ± {field.sd_kpc:g} kpc" if field else "none"
        rows.append([named, f"{hyper.ln_evidence:.1f}", f"{mean:.1f} ± {sd:.1f}"])
    title = f"A cluster {1000 * DEPTH:g} pc deep among a field at {RIGHT.mean_distance_kpc} ± {RIGHT.sd_kpc} kpc"
    show(f"{title}: {STARS} stars, a share of {SHARE} of the field", ["field", "ln evidence", "depth [pc]"], rows)


def memberships(clusters: int = 100) -> None:
    """Whether stars are members as often as their probabilities say, in the clusters of `snakemake calibrate`."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for name, settings in config["calibration"]["clusters"].items():
        table = members(range(clusters), name, ClusterCase.from_settings(settings), config["seed"])
        found = reliability(table)
        found["difference_in_sd"] = (found["share"] - found["share_expected"]) / found["share_expected_sd"]
        rows = [[f"{row[0]:.1f}", int(row[1]), *row[2:]] for row in found.values.tolist()]
        title = f"{name}: members among {len(table)} stars of {clusters} clusters, by their probability"
        show(title, ["from", "stars", "share expected", "sd", "share", "difference in sd"], rows)


def random_table(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Parallaxes and errors [mas] of 1 to 500 stars: of a cluster, of the field, of two clusters, or of noise alone."""
    stars = int(np.exp(rng.uniform(0, np.log(501))))
    error = 10 ** np.broadcast_to(rng.uniform(-2, 1, rng.choice([1, stars])), stars)
    kind = rng.integers(4)
    mean, depth = 10 ** rng.uniform(-1.5, 1), 10 ** rng.uniform(-3.5, 0.5)
    distance = np.abs(rng.normal(mean, depth, stars)) + 1e-3
    if kind == 1:
        distance = 10 ** rng.uniform(-2, 1.3, stars)
    elif kind == 2:
        distance = np.where(rng.random(stars) < 0.3, 10 ** rng.uniform(-2, 1.3), distance)
    parallax = rng.normal(0 if kind == 3 else 1 / distance, error)
    return parallax + rng.choice([0, 0, rng.normal(0, 1)]), error


def outcome(parallax: np.ndarray, error: np.ndarray, rng: np.random.Generator) -> str:
    """What comes of a table, in words."""
    try:
        hyper = cluster.posterior(parallax, error, PRIOR)
        cluster.exact_summary(hyper)
        drawn = cluster.draw(range(len(error)), parallax, error, PRIOR, hyper, 1000, rng)["posterior"]["r"].values
    except FloatingPointError as refusal:
        return str(refusal)
    except Exception as error:
        return f"WRONG: {error!r}"
    if not (np.isfinite(drawn).all() and (drawn > 0).all()):
        return "WRONG: draws that are no distances"
    return "converged" if hyper.error < 1e-4 else f"not converged, error {hyper.error:.0e}"


def random_tables(tables: int) -> None:
    """Print one line for each outcome, and the slowest tables."""
    taken, said = [], []
    for i in range(tables):
        rng = np.random.default_rng([9, i])
        parallax, error = random_table(rng)
        began = time.process_time()
        said.append(outcome(parallax, error, rng))
        taken.append((time.process_time() - began, len(parallax), i, said[-1]))
        if (i + 1) % 50 == 0:
            print(f"{i + 1} of {tables}, the slowest {max(taken)}", file=sys.stderr, flush=True)
    kinds = [words.split(",")[0] for words in said]
    rows: list[list[object]] = [[kind, kinds.count(kind)] for kind in sorted(set(kinds))]
    slow = sum(t[0] > LONGEST_S for t in taken)
    show(f"{tables} random tables", ["outcome", "tables"], [*rows, [f"longer than {LONGEST_S:g} s", slow]])
    print("\nthe slowest: seconds, stars, table, outcome")
    for row in sorted(taken, reverse=True)[:5]:
        print(*row)


if __name__ == "__main__":
    assumed_fields()
    memberships()
    random_tables(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
