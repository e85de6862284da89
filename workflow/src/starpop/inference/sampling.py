"""Sampling a PyMC model that is compiled once: with nutpie, or with PyMC's own NUTS.

A sampler is stopped where it takes longer than it may, or will by far: what it checks is known already.

Both samplers start at points that the caller draws (the peak of the period likelihood is 10^-6 wide: a start that
the sampler makes up ends on an alias), get the chain's seed from the caller's seed, and give the same groups:
``posterior`` and ``sample_stats`` with ``diverging``, ``energy``, ``tree_depth``, ``n_steps``.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import xarray as xr

# Else sums are reordered, and differently in code just compiled and in the same code out of the cache: the last bit of
# a density would differ, and with it a chain.
pytensor.config.numba__fastmath = False
# Else the source of every compiled function stays in the system's temporary folder for ever.
pytensor.config.generated_src_dir = str(Path(pytensor.config.compiledir) / "source")
# Points to choose the chains' starts from.
STARTS = 64
# Seconds between two looks at a sampler, between two lines of its progress, and before its pace is judged.
LOOK, SAY, JUDGE = 1.0, 20.0, 30.0
# A sampler that at its pace would take this many times what it may is stopped at once.
HOPELESS = 3.0
# How often chains that diverge are made again, each time with a quarter of the steps rejected.
SMALLER_STEPS = 2
logger = logging.getLogger("starpop")
STATISTICS = {
    "nutpie": {"diverging": "diverging", "energy": "energy", "depth": "tree_depth", "n_steps": "n_steps"},
    "pymc": {name: name for name in ("diverging", "energy", "tree_depth", "n_steps")},
}


@dataclasses.dataclass(frozen=True)
class SamplerSettings:
    """How to sample: ``sampler`` of the configuration, without ``sampled_systems``, and the draws of the fit.

    Attributes
    ----------
    backend : nutpie, pymc, or none, which leaves NUTS out
    chains, tune, draws, target_accept, max_treedepth : of NUTS
    max_minutes : how long a fit may take
    max_systems : of more, the full model of a population is left to the nodes
    """

    backend: str
    chains: int
    tune: int
    draws: int
    target_accept: float
    max_treedepth: int
    max_minutes: float = 10.0
    max_systems: int = 40


class TooSlow(RuntimeError):
    """NUTS takes longer than it may."""


class Pace:
    """Watches how far a sampler is, says so in the log, and stops it where it takes too long."""

    def __init__(self, settings: SamplerSettings):
        self.limit, self.total = 60 * settings.max_minutes, settings.chains * (settings.tune + settings.draws)
        self.began = self.said = time.monotonic()

    def look(self, done: int) -> None:
        """Take note of so many steps of all chains.

        Raises
        ------
        TooSlow : the time is over, or will be by far
        """
        taken = time.monotonic() - self.began
        expected = taken * self.total / max(done, 1)
        if taken > self.limit or (taken > JUDGE and expected > HOPELESS * self.limit):
            raise TooSlow(
                f"NUTS made {done} of {self.total} steps in {taken:.0f} s, and sampler.max_minutes is "
                f"{self.limit / 60:g}"
            )
        if time.monotonic() - self.said > SAY:
            self.said = time.monotonic()
            logger.info("NUTS: %d of %d steps, some %.0f s left", done, self.total, expected - taken)


class Sampler:
    """A PyMC model, compiled when made, that samples for the data it was built with or for other data.

    Parameters
    ----------
    model : the model; what `run` replaces must be `pm.Data`
    settings : how to sample
    """

    def __init__(self, model: pm.Model, settings: SamplerSettings):
        self.model, self.settings = model, settings
        self._to_unconstrained = _unconstraining_function(model)
        if settings.backend == "nutpie":
            from starpop.inference.nutpie_model import compile_model

            self._compiled = compile_model(model)

    def run_carefully(
        self, starts: dict[str, np.ndarray], seed: int, data: dict[str, np.ndarray] | None = None
    ) -> xr.DataTree:
        """`run`, and where chains diverge, again with smaller steps, within the same time; those that diverge least.

        Raises
        ------
        TooSlow : the first takes longer than it may
        """
        began, settings, runs = time.monotonic(), self.settings, [self.run(starts, seed, data)]
        for _ in range(SMALLER_STEPS):
            if not (diverged := _divergences(runs[-1])):
                break
            left = self.settings.max_minutes - (time.monotonic() - began) / 60
            accept = 1 - 0.25 * (1 - settings.target_accept)
            settings = dataclasses.replace(settings, target_accept=accept, max_minutes=left)
            logger.info("%d divergences: sampled again with a target_accept of %.4g.", diverged, accept)
            try:
                runs.append(self.run(starts, seed, data, settings))
            except TooSlow as error:
                logger.info("%s: chains before these are kept.", error)
                break
        return min(runs, key=_divergences)

    def run(
        self,
        starts: dict[str, np.ndarray],
        seed: int,
        data: dict[str, np.ndarray] | None = None,
        settings: SamplerSettings | None = None,
    ) -> xr.DataTree:
        """Sample.

        Parameters
        ----------
        starts : draws from an approximation to the posterior, (S, ...) for each free variable; each chain starts
            at one of them, and PyMC's mass matrix at their variance
        seed : seed of this run
        data : new values of the model's `pm.Data`
        settings : others than those it was made with

        Raises
        ------
        TooSlow : it takes longer than it may
        """
        settings = settings or self.settings
        if data:
            with self.model:
                pm.set_data(data)
        if settings.backend == "nutpie":
            tree = self._run_nutpie(starts, seed, settings, data or {})
        else:
            tree = self._run_pymc(starts, seed, settings)
        renamed = STATISTICS[settings.backend]
        stats = tree["sample_stats"].to_dataset()[list(renamed)].rename(renamed)
        groups = {"posterior": tree["posterior"].to_dataset(), "sample_stats": stats}
        return xr.DataTree.from_dict({name: group.drop_attrs() for name, group in groups.items()})

    def _unconstrained(self, starts: dict[str, np.ndarray]) -> np.ndarray:
        """(S, n_dim) starting points in the sampler's coordinates."""
        rows = zip(*(starts[rv.name] for rv in self.model.free_RVs), strict=True)
        return np.array([np.concatenate([np.ravel(x) for x in self._to_unconstrained(*row)]) for row in rows])

    def _run_nutpie(self, starts, seed, settings, data) -> xr.DataTree:
        import nutpie

        points = self._unconstrained(starts)

        def start(chain_seed: Any) -> np.ndarray:
            return points[np.random.default_rng(chain_seed).integers(len(points))]

        compiled = dataclasses.replace(self._compiled.with_data(**data), initial_point_func=start)
        pace, steps = Pace(settings), [0]

        def count(chains: list[Any]) -> None:
            steps[0] = sum(chain.finished_draws for chain in chains)

        running = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=1,
            seed=seed,
            target_accept=settings.target_accept,
            maxdepth=settings.max_treedepth,
            save_warmup=False,
            progress_bar=False,
            progress_callback=count,
            blocking=False,
        )
        while True:
            try:
                return running.wait(timeout=LOOK)
            except TimeoutError:
                try:
                    pace.look(steps[0])
                except TooSlow:
                    running.abort()
                    raise

    def _run_pymc(self, starts, seed, settings) -> xr.DataTree:
        from pymc.step_methods.hmc.quadpotential import QuadPotentialDiagAdapt

        points = self._unconstrained(starts)
        chosen = np.random.default_rng(seed).choice(len(points), settings.chains)
        pace, steps = Pace(settings), itertools.count(1)
        with self.model:
            potential = QuadPotentialDiagAdapt(
                points.shape[1], points.mean(axis=0), points.var(axis=0), initial_weight=10
            )
            step = pm.NUTS(
                potential=potential,
                target_accept=settings.target_accept,
                max_treedepth=settings.max_treedepth,
                rng=np.random.default_rng(seed),
            )
            return pm.sample(
                draws=settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                cores=1,
                initvals=[{name: values[i] for name, values in starts.items()} for i in chosen],
                step=step,
                random_seed=seed,
                progressbar=False,
                callback=lambda **_: pace.look(next(steps)),
                compute_convergence_checks=False,
            )


def _divergences(tree: xr.DataTree) -> int:
    """How many steps of some chains diverged."""
    return int(tree["sample_stats"]["diverging"].sum())


def _unconstraining_function(model: pm.Model):
    """A function from the values of the model's free variables to the sampler's coordinates."""
    values, outputs = [], []
    for rv in model.free_RVs:
        value = rv.type(f"{rv.name}_start")
        transform = model.rvs_to_transforms[rv]
        values.append(value)
        outputs.append(transform.forward(value, *rv.owner.inputs) if transform else value)
    return pytensor.function(values, outputs, mode="FAST_COMPILE", on_unused_input="ignore")


def starts_from(draws: xr.DataTree, model: pm.Model, count: int = STARTS) -> dict[str, np.ndarray]:
    """Starting points from exact draws: (count, ...) of each free variable of the model."""
    posterior = draws["posterior"].to_dataset().isel(draw=slice(count)).stack(start=("chain", "draw"))
    return {rv.name: posterior[rv.name].transpose("start", ...).values for rv in model.free_RVs}


def sample_from(exact: xr.DataTree, model: pm.Model, settings: SamplerSettings, seed: int) -> tuple[xr.DataTree, str]:
    """Draws of a model, from chains that start at some exact draws; or none, and why: it is too slow."""
    try:
        return Sampler(model, settings).run_carefully(starts_from(exact, model), seed), ""
    except TooSlow as error:
        return xr.DataTree(), str(error)
