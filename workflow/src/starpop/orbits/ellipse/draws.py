"""Independent exact draws of a Keplerian orbit's period, eccentricity and phase, from the panels of its likelihood.

In a panel ln P is proposed uniform, and so are the root of e and the phase, and kept with the probability of L over
the highest that it is there. A panel is proposed by that highest times its volume, and times the highest that the
density of ln P and of the root of e has in its group of panels: what is refused is drawn anew, from the choice of the
panel on.

Given these, the noise and the linear coefficients are drawn as those of a circle are (`orbit_draws`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starpop.inference import rejection
from starpop.inference.density import Density
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.likelihood import EllipseLikelihood
from starpop.orbits.ellipse.points import evaluate
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.panels import Panels

# Proposals at once for each draw that waits.
MOST_AT_ONCE = 64
# Of the root of e, that the middles of one group's panels are within.
SPAN = 0.16


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
    proposals = Proposals(likelihood, density, mode)
    system = eliminate(likelihood.linear)
    drawn = np.empty((size, 3))
    if size:
        proposals.refuse_where_zero(density, parameters)

    def propose(waiting: np.ndarray) -> np.ndarray:
        each = int(np.clip(size // len(waiting), 1, MOST_AT_ONCE))
        here = [p[waiting] for p in parameters]
        panel, ceiling = proposals.choose(density, here, len(waiting), rng, each)
        points = proposals.points(panel, rng)
        here = [np.repeat(p, each) for p in here]
        ln_ratio = evaluate(points, system) - proposals.top[panel]
        ln_ratio += proposals.ln_pdf(points, density, here) - ceiling
        accepted = (np.log(rng.random(len(panel))) < ln_ratio).reshape(-1, each)
        done, first = accepted.any(axis=1), accepted.argmax(axis=1)
        drawn[waiting[done]] = points.reshape(-1, each, 3)[done, first[done]]
        return done

    rejection.draw(size, propose)
    return drawn


class Proposals(Panels):
    """The panels of a likelihood, weighted by their highest L times their volume, and by a fixed prior of e.

    Where the density of e has hyper-parameters, what it is at most is found for groups of panels alike in e as well.
    """

    def __init__(self, likelihood: EllipseLikelihood, density: Density, mode: int | None):
        n = self.likelihood = likelihood
        self.of_e = likelihood.system_model.eccentricity if density.of_e is None else density.of_e
        self.root_low, self.root_high = np.sqrt(n.panel_e_low), np.sqrt(n.panel_e_high)
        self.top, group = n.panel_top, None
        if density.of_e is None:
            x = -np.log(n.panel_high), -np.log(n.panel_low)
            self.top = n.panel_top + self.of_e.ln_peak((n.panel_e_low, n.panel_e_high), x)
        else:
            rows = (0.5 * (self.root_low + self.root_high) / SPAN).astype(np.int64)
            group = n.panel_group * int(np.ceil(1 / SPAN)) + rows
        volume = np.log(n.panel_high / n.panel_low) * (self.root_high - self.root_low) * n.panel_turns
        super().__init__(likelihood, volume * np.exp(self.top - self.top.max()), mode, group)
        self.e_low = np.minimum.reduceat(n.panel_e_low[self.order], self.starts)
        self.e_high = np.maximum.reduceat(n.panel_e_high[self.order], self.starts)

    def ln_peak(self, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(S, G) ln of the highest density of ln P, and of the root of e if it varies, at each of some parameters."""
        of_x = super().ln_peak(density, parameters)
        if density.of_e is None:
            return of_x
        own = [p[:, None] for p in density.parameters_of_e(parameters)]
        return of_x + self.of_e.ln_peak((self.e_low, self.e_high), (self.low, self.high), *own)

    def ln_pdf(self, points: np.ndarray, density: Density, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """(S,) ln of the density of ln P and of the root of e at some points, each with its own parameters."""
        x = -np.log(points[:, 0])
        of_e = self.of_e.ln_pdf_of_root(points[:, 1], x, *density.parameters_of_e(parameters))
        return np.asarray(density.ln_pdf(x, *parameters) + of_e)

    def points(self, panel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(S, 3) frequency, eccentricity and phase in some panels."""
        n = self.likelihood
        u = rng.random((3, len(panel)))
        low, high = n.panel_low[panel], n.panel_high[panel]
        frequency = low * (high / low) ** u[0]
        e = (self.root_low[panel] + u[1] * (self.root_high[panel] - self.root_low[panel])) ** 2
        turn = n.panel_turn[panel] + u[2] * n.panel_turns[panel]
        turn += n.panel_slant[panel] * (frequency - 0.5 * (low + high))
        turn += n.panel_slant_e[panel] * (e - 0.5 * (n.panel_e_low[panel] + n.panel_e_high[panel]))
        return np.column_stack([frequency, e, TWO_PI * turn])
