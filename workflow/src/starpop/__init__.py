"""Hierarchical models of stars: from radial velocities and parallaxes to the populations behind them."""

__version__ = "0.1.0"
