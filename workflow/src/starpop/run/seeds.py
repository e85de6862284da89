"""Random numbers that depend on what they are for, never on the order or the number of jobs."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(base: int, *names: str) -> int:
    """A 32-bit seed from the configured base seed and the names of a stage and, where there is one, a system."""
    text = "\x1f".join([str(base), *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def generator_for(base: int, *names: str) -> np.random.Generator:
    """A generator seeded by `seed_for`."""
    return np.random.default_rng(seed_for(base, *names))
