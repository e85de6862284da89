"""When a survey visits a star: as APOGEE does, or as Gaia does."""

from __future__ import annotations

import numpy as np

# Gaia's spectrograph sees a star as one field of view passes it and then the other, and 6 h later again
# (Gaia Collaboration, Prusti et al. 2016, section 5.2).
TRANSITS_DAYS = np.array([0.0, 106.5, 360.0, 466.5]) / 1440


def visit_times(visits: int, baseline_days: float, rng: np.random.Generator) -> np.ndarray:
    """APOGEE's, as of (visits,) times [d]: runs of a few nights, months apart, one visit a night.

    The first visit is at 0 and the last at the baseline; the others fall into some runs of up to two weeks. The
    baseline must have a night for each.
    """
    nights = int(baseline_days)
    runs = rng.integers(0, max(nights - 14, 1), size=max(visits // 5, 3))
    candidates = np.unique(np.add.outer(runs, np.arange(1, 14)))
    candidates = candidates[(candidates > 0) & (candidates < nights)]
    if len(candidates) < visits - 2:  # runs that overlap have too few nights: take any
        candidates = np.arange(1, nights)
    chosen = np.sort(rng.choice(candidates, visits - 2, replace=False))
    within_night = rng.uniform(-0.12, 0.12, size=visits - 2)
    return np.concatenate([[0.0], chosen + within_night, [baseline_days]])


def gaia_times(visits: int, baseline_days: float, rng: np.random.Generator) -> np.ndarray:
    """Gaia's, as of (visits,) times [d]: up to four within 8 h, at random days; of very many, all at random times.

    The first visit is at 0 and the last at the baseline.
    """
    runs = rng.uniform(0, baseline_days, size=max(visits // 2, 3))
    candidates = np.unique(np.add.outer(runs, TRANSITS_DAYS))
    candidates = candidates[candidates < baseline_days]
    if len(candidates) < visits - 2:
        candidates = rng.uniform(0, baseline_days, size=visits)
    chosen = rng.choice(candidates, visits - 2, replace=False)
    return np.concatenate([[0.0], np.sort(chosen), [baseline_days]])


CADENCES = {"apogee": visit_times, "gaia": gaia_times}
