"""Hierarchical models of stars: from radial velocities and parallaxes to the populations behind them.

The few names that a notebook needs are here; everything else stands in the modules.

>>> import numpy as np, starpop
>>> rng = np.random.default_rng(1)
>>> systems = []
>>> for n in range(5):
...     time = np.sort(rng.uniform(0, 300, 20))
...     period = np.exp(rng.normal(1.8, 0.5))
...     rv = 20 * np.cos(2 * np.pi * time / period) + rng.normal(0, 0.2, 20)
...     systems.append(starpop.Visits(f"S{n}", time, rv, np.full(20, 0.2)))
>>> model = starpop.SystemModel(amplitude_sd_kms=100, systemic_velocity_sd_kms=150)
>>> likelihoods = [starpop.likelihood(visits, model, (1.5, 20)) for visits in systems]
>>> density = starpop.Normal(mu=(1, 10), ln_sigma=(-2, 3))
>>> posterior = starpop.population_posterior(likelihoods, density)
>>> mean, sd = posterior.moments()["mu"]
>>> print(f"mean ln P: {mean:.1f} +- {sd:.1f}")
mean ln P: 1.8 +- 0.1
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "Visits": ("orbits.visits", "Visits"),
    "SystemModel": ("orbits.system_model", "SystemModel"),
    "EccentricityPrior": ("inference.eccentricities", "EccentricityPrior"),
    "Scaled": ("orbits.noise", "Scaled"),
    "Jitter": ("orbits.noise", "Jitter"),
    "read_visits": ("orbits.notebook", "read_visits"),
    "likelihood": ("orbits.period_likelihood", "period_likelihood"),
    "likelihoods": ("orbits.period_likelihood", "period_likelihoods"),
    "draw_orbits": ("orbits.orbit_draws", "draw_orbits"),
    "mode_weights": ("orbits.period_likelihood", "mode_weights"),
    "UniformPeriod": ("inference.densities", "UniformPeriod"),
    "Normal": ("inference.densities", "Normal"),
    "TruncatedNormal": ("inference.densities", "TruncatedNormal"),
    "StudentT": ("inference.densities", "StudentT"),
    "NormalMixture": ("inference.densities", "NormalMixture"),
    "PowerLaw": ("inference.densities", "PowerLaw"),
    "Histogram": ("inference.densities", "Histogram"),
    "population_posterior": ("populations.population", "posterior"),
    "draw_population": ("populations.population", "draw"),
}
__all__ = sorted(_NAMES)


def _forget_outdated_code(folder: Path) -> None:
    """Delete a package's compiled functions that are older than the source of any other of them.

    Each contains the functions that it calls, but numba looks at the source of the one alone.
    """
    compiled = list(folder.rglob("__pycache__/*.nb[ci]"))
    sources = {path.parents[1] / f"{path.name.split('.')[0]}.py" for path in compiled}
    newest = max((path.stat().st_mtime for path in sources if path.exists()), default=0)
    for path in compiled:
        with suppress(OSError):  # another process is doing the same, or the folder is read-only and never used
            if path.stat().st_mtime < newest:
                path.unlink()


_forget_outdated_code(Path(__file__).parent)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: most of them need libraries that take a second to load."""
    if name not in _NAMES:
        raise AttributeError(f"module 'starpop' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(f"starpop.{module}"), attribute)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
