"""Which panels of a likelihood draws are proposed from, given the density of ln P, and of the eccentricity.

Panels lie in groups, across which the density hardly changes: a group is chosen by its weight times the highest
density in it, and a panel of it by its weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starpop.inference.density import Density
from starpop.orbits.period_likelihood import PeriodLikelihood
from starpop.run.errors import InputError

DRAWS_AT_ONCE = 500


class Panels:
    """The panels of a likelihood, with weights.

    Parameters
    ----------
    likelihood : whose panels they are
    weight : (M,) of each
    mode : keep to the panels of one peak (an index into `peak_ln_period`)
    group : (M,) of each panel, any numbers; else those of the likelihood
    """

    def __init__(
        self, likelihood: PeriodLikelihood, weight: np.ndarray, mode: int | None, group: np.ndarray | None = None
    ):
        if mode is not None:
            weight = np.where(likelihood.panel_mode == mode, weight, 0.0)
        self.system, group = likelihood.system, likelihood.panel_group if group is None else group
        self.order = np.argsort(group, kind="stable")
        weight = weight[self.order]
        self.starts = np.flatnonzero(np.diff(group[self.order], prepend=-1))
        self.ends = np.append(self.starts[1:], len(weight))
        self.low = -np.log(np.maximum.reduceat(likelihood.panel_high[self.order], self.starts))
        self.high = -np.log(np.minimum.reduceat(likelihood.panel_low[self.order], self.starts))
        self.cumulated = np.cumsum(weight)
        with np.errstate(divide="ignore"):  # a group outside the mode
            self.ln_mass = np.log(np.add.reduceat(weight, self.starts))

    def ln_peak(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(S, G) ln of the highest density of ln P in each group, at each of some parameters; (1, G) without any."""
        return np.atleast_2d(density.ln_peak(self.low, self.high, *(p[:, None] for p in parameters)))

    def refuse_where_zero(self, density: Density, parameters: Sequence[np.ndarray]) -> None:
        """Raise an error where the density is zero in all groups.

        Raises
        ------
        InputError : it is
        """
        if not np.isfinite(self.ln_mass + self.ln_peak(density, [p[:1] for p in parameters])).any():
            raise InputError(
                f"System {self.system}: its period is from {np.exp(self.low.min()):.6g} to "
                f"{np.exp(self.high.max()):.6g} d, where {density} is zero."
            )

    def choose(
        self, density: Density, parameters: Sequence[np.ndarray], count: int, rng: np.random.Generator, each: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """(S,) panels, and the ln of the highest density in the group of each.

        Parameters
        ----------
        parameters : (count,) of each
        each : so many panels for each of them, side by side
        """
        size = count * each
        panel, ceiling = np.empty(size, np.int64), np.empty(size)
        for at in range(0, size, DRAWS_AT_ONCE):
            some = slice(at, min(at + DRAWS_AT_ONCE, size))
            # once for all panels of the same parameters
            which = np.arange(some.start, some.stop) // each
            highest = self.ln_peak(density, [p[which[0] : which[-1] + 1] for p in parameters])
            terms = self.ln_mass + highest
            share = np.cumsum(np.exp(terms - terms.max(axis=1, keepdims=True)), axis=1)
            row = np.minimum(which - which[0], len(share) - 1)
            u = rng.random((2, len(which)))
            group = np.sum(share[row] < share[row, -1:] * u[0, :, None], axis=1)
            before = np.where(self.starts[group] > 0, self.cumulated[self.starts[group] - 1], 0.0)
            target = before + u[1] * (self.cumulated[self.ends[group] - 1] - before)
            found = np.searchsorted(self.cumulated, target)
            panel[some] = self.order[np.clip(found, self.starts[group], self.ends[group] - 1)]
            ceiling[some] = highest[row, group]
        return panel, ceiling
