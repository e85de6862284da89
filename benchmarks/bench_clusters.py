"""Random tables of parallaxes, most of them of no cluster: does each end, with an answer or with words, and how soon.

`python benchmarks/bench_clusters.py 1000` tries so many; those that take longest, or fail, are listed.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from starpop.populations import cluster

PRIOR = cluster.ClusterPrior(1, 2, (-8, 0))
LONGEST_S = 60.0


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


def main(tables: int) -> None:
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
    print(f"| {tables} random tables | tables |\n|---|---|")
    for kind in sorted(set(kinds)):
        print(f"| {kind} | {kinds.count(kind)} |")
    print(f"| longer than {LONGEST_S:g} s | {sum(t[0] > LONGEST_S for t in taken)} |")
    print("\nthe slowest: seconds, stars, table, outcome")
    for row in sorted(taken, reverse=True)[:5]:
        print(*row)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
