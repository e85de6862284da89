"""Drawing by rejection, with a bound: a sampler that can hardly accept anything ends with words, not never."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Proposals for each draw; of the samplers here, few need more than a hundred.
MOST_ROUNDS = 100_000


def until_accepted(size: int, propose: Callable[[np.ndarray], np.ndarray], rounds: int) -> np.ndarray:
    """Propose for all of some draws, and anew for those refused, until none is or the rounds are over.

    Parameters
    ----------
    size : number of draws
    propose : takes the indices of those that wait, proposes for each and keeps what is accepted; returns which are

    Returns
    -------
    the indices of those that still wait
    """
    waiting = np.arange(size)
    for _ in range(rounds):
        if not len(waiting):
            break
        waiting = waiting[~propose(waiting)]
    return waiting


def draw(size: int, propose: Callable[[np.ndarray], np.ndarray]) -> None:
    """The same, with an error where any still wait.

    Raises
    ------
    FloatingPointError : what is proposed is hardly ever accepted
    """
    if left := len(until_accepted(size, propose, MOST_ROUNDS)):
        raise FloatingPointError(
            f"{left} of {size} draws were refused {MOST_ROUNDS} times: a density is not as assumed"
        )
