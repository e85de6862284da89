"""Independent exact draws of a Keplerian orbit's period, eccentricity and phase, from the panels of its likelihood.

In a panel ln P is proposed uniform, e by its prior, and the phase uniform, and kept with the probability of L over the
highest that it is there. A panel is proposed by that highest times its volume, and times the highest that the
population's density has in its group of panels: what is refused is drawn anew, from the choice of the panel on.

Given these, the noise and the linear coefficients are drawn as those of a circle are (`orbit_draws`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starpop.inference import rejection
from starpop.inference.density import Density
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.ellipse.system import eliminate, evaluate
from starpop.run.errors import InputError

# Draws whose groups are chosen at once, and proposals at once for each that waits.
DRAWS_AT_ONCE, MOST_AT_ONCE = 500, 64


def draw_shapes(
    likelihood: EllipseLikelihood,
    density: Density,
    parameters: Sequence[np.ndarray],
    size: int,
    rng: np.random.Generator,
    mode: int | None = None,
) -> np.ndarray:
    """(size, 3) independent exact draws of frequency [1/d], eccentricity, and mean anomaly at the middle [rad].

    Arguments as those of `orbit_draws.draw_ln_periods`.
    """
    parameters = [np.broadcast_to(p, size) for p in parameters]
    proposals = Proposals(likelihood, mode)
    system = eliminate(likelihood.linear)
    drawn = np.empty((size, 3))
    highest = proposals.ln_peak(density, [p[:1] for p in parameters])[0] if size else np.zeros(1)
    if not np.isfinite(proposals.ln_mass + highest).any():
        raise InputError(
            f"System {likelihood.system}: its period is from {np.exp(proposals.low.min()):.6g} to "
            f"{np.exp(proposals.high.max()):.6g} d, where {density} is zero."
        )

    def propose(waiting: np.ndarray) -> np.ndarray:
        each = int(np.clip(size // len(waiting), 1, MOST_AT_ONCE))
        which = np.repeat(waiting, each)
        here = [p[which] for p in parameters]
        panel, ceiling = proposals.panels(density, here, len(which), rng)
        points = proposals.points(panel, rng)
        ln_ratio = evaluate(points, system) - likelihood.panel_top[panel]
        ln_ratio += density.ln_pdf(-np.log(points[:, 0]), *here) - ceiling
        accepted = (np.log(rng.random(len(which))) < ln_ratio).reshape(-1, each)
        done, first = accepted.any(axis=1), accepted.argmax(axis=1)
        drawn[waiting[done]] = points.reshape(-1, each, 3)[done, first[done]]
        return done

    rejection.draw(size, propose)
    return drawn


class Proposals:
    """The panels of a likelihood as what draws are proposed from."""

    def __init__(self, likelihood: EllipseLikelihood, mode: int | None):
        self.likelihood = likelihood
        n, prior = likelihood, likelihood.system_model.eccentricity
        self.share_low, self.share_high = prior.cdf(n.panel_e_low), prior.cdf(n.panel_e_high)
        volume = np.log(n.panel_high / n.panel_low) * (self.share_high - self.share_low) * n.panel_turns
        weight = volume * np.exp(n.panel_top - n.panel_top.max())
        if mode is not None:
            weight = np.where(n.panel_mode == mode, weight, 0.0)
        self.starts = n.group_start
        self.ends = np.append(self.starts[1:], len(weight))
        self.low = -np.log(np.maximum.reduceat(n.panel_high, self.starts))
        self.high = -np.log(np.minimum.reduceat(n.panel_low, self.starts))
        self.cumulated = np.append(0.0, np.cumsum(weight))
        with np.errstate(divide="ignore"):  # a group outside the mode
            self.ln_mass = np.log(np.add.reduceat(weight, self.starts))

    def ln_peak(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(S, G) ln of the highest density of ln P in each group, at each of some parameters; (1, G) without any."""
        return np.atleast_2d(density.ln_peak(self.low, self.high, *(p[:, None] for p in parameters)))

    def panels(
        self, density: Density, parameters: Sequence[np.ndarray], count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """(S,) panels, and the ln of the highest density of ln P in the group of each."""
        panel, ceiling = np.empty(count, np.int64), np.empty(count)
        for at in range(0, count, DRAWS_AT_ONCE):
            some = slice(at, min(at + DRAWS_AT_ONCE, count))
            highest = self.ln_peak(density, [p[some] for p in parameters])
            terms = self.ln_mass + highest
            share = np.cumsum(np.exp(terms - terms.max(axis=1, keepdims=True)), axis=1)
            u = rng.random((2, some.stop - at))
            group = np.sum(share < share[:, -1:] * u[0, :, None], axis=1)
            below, above = self.cumulated[self.starts[group]], self.cumulated[self.ends[group]]
            found = np.searchsorted(self.cumulated, below + u[1] * (above - below), side="right") - 1
            panel[some] = np.clip(found, self.starts[group], self.ends[group] - 1)
            ceiling[some] = np.broadcast_to(highest, (len(group), len(self.starts)))[np.arange(len(group)), group]
        return panel, ceiling

    def points(self, panel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(S, 3) frequency, eccentricity and phase in some panels, by the prior."""
        n = self.likelihood
        u = rng.random((3, len(panel)))
        low, high = n.panel_low[panel], n.panel_high[panel]
        frequency = low * (high / low) ** u[0]
        shares = self.share_low[panel], self.share_high[panel]
        e = n.system_model.eccentricity.quantile(shares[0] + u[1] * (shares[1] - shares[0]))
        turn = n.panel_turn[panel] + u[2] * n.panel_turns[panel]
        turn += n.panel_slant[panel] * (frequency - 0.5 * (low + high))
        turn += n.panel_slant_e[panel] * (e - 0.5 * (n.panel_e_low[panel] + n.panel_e_high[panel]))
        return np.column_stack([frequency, e, TWO_PI * turn])
