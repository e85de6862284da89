"""Keplerian orbits of any eccentricity: every mode, its evidence, and nodes in ln P and e."""
