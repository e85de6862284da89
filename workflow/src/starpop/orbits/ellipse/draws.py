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
from starpop.orbits.panels import Panels

# Proposals at once for each draw that waits.
MOST_AT_ONCE = 64


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
    if size:
        proposals.refuse_where_zero(density, parameters)

    def propose(waiting: np.ndarray) -> np.ndarray:
        each = int(np.clip(size // len(waiting), 1, MOST_AT_ONCE))
        which = np.repeat(waiting, each)
        here = [p[which] for p in parameters]
        panel, ceiling = proposals.choose(density, here, len(which), rng)
        points = proposals.points(panel, rng)
        ln_ratio = evaluate(points, system) - likelihood.panel_top[panel]
        ln_ratio += density.ln_pdf(-np.log(points[:, 0]), *here) - ceiling
        accepted = (np.log(rng.random(len(which))) < ln_ratio).reshape(-1, each)
        done, first = accepted.any(axis=1), accepted.argmax(axis=1)
        drawn[waiting[done]] = points.reshape(-1, each, 3)[done, first[done]]
        return done

    rejection.draw(size, propose)
    return drawn


class Proposals(Panels):
    """The panels of a likelihood, weighted by their highest L times their volume."""

    def __init__(self, likelihood: EllipseLikelihood, mode: int | None):
        self.likelihood = likelihood
        n, prior = likelihood, likelihood.system_model.eccentricity
        self.share_low, self.share_high = prior.cdf(n.panel_e_low), prior.cdf(n.panel_e_high)
        volume = np.log(n.panel_high / n.panel_low) * (self.share_high - self.share_low) * n.panel_turns
        super().__init__(likelihood, volume * np.exp(n.panel_top - n.panel_top.max()), mode)

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
