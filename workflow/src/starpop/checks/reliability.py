"""Whether the probabilities are right that stars are binaries: of simulated stars, whose truth is known.

Of the stars that are given probabilities p_n about p, a share p should be binaries: of those in a bin the number of
binaries has the mean sum p_n and the variance sum p_n (1 - p_n).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

BINS = 10
COLUMNS = (
    "probability_min",
    "probability_max",
    "stars",
    "mean_probability",
    "binary_share",
    "binary_share_sd",
    "deviation_sd",
)


def reliability(probability: np.ndarray, binary: np.ndarray) -> pd.DataFrame:
    """One row a bin of probability that holds stars.

    Parameters
    ----------
    probability : (N,) that a star is a binary
    binary : (N,) whether it is one
    """
    edges = np.round(np.linspace(0, 1, BINS + 1), 9)
    which = np.clip(np.searchsorted(edges, probability, "right") - 1, 0, BINS - 1)
    rows = []
    for k in np.unique(which):
        given, is_one = probability[which == k], binary[which == k]
        sd = float(np.sqrt(np.sum(given * (1 - given)))) / len(given)
        mean, share = float(given.mean()), float(is_one.mean())
        rows.append((edges[k], edges[k + 1], len(given), mean, share, sd, (share - mean) / max(sd, 1e-300)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
