"""Exact answer and NUTS, each checking the other: every parameter's mean and standard deviation in Monte Carlo errors.

    z_mean = (mean_nuts - mean_exact) / sqrt(mcse_nuts^2 + mcse_exact^2),

and likewise for the standard deviations. Where both are right, z is a standard normal variable; one beyond 4.5 has a
chance of 7e-6, and among N comparisons of 7e-6 N. Systems with more than one mode are left out: NUTS stays in the mode
it starts in, and the exact answer alone has them all. The number of a noise model is compared itself, not its ln:
where the visits do not know of it its ln has a long thin tail, and a chain does not know the error of its draws there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr

from starpop.diagnostics import CHAIN_DRAW, columns_of
from starpop.noise import Jitter, Scaled

LARGEST_Z = 4.5
NOISE_NUMBERS = (Scaled.parameter, Jitter.parameter)
# A system is taken as having one mode where that has at least this posterior probability.
ONE_MODE = 0.9999
COLUMNS = (
    "section",
    "sampler",
    "parameter",
    "exact_mean",
    "exact_sd",
    "nuts_mean",
    "nuts_sd",
    "mean_z",
    "sd_z",
    "agrees",
)


def compare(
    section: str,
    sampler: str,
    exact: Mapping[str, np.ndarray],
    nuts: Mapping[str, np.ndarray],
    known: Mapping[str, tuple[float, float, float, float]] | None = None,
) -> pd.DataFrame:
    """One row a parameter that both have.

    Parameters
    ----------
    section, sampler : what is compared
    exact : (1, draw) independent draws of each parameter
    nuts : (chain, draw) draws of each parameter
    known : mean and sd of some parameters with their Monte Carlo errors, better known than by these draws
    """
    rows = []
    for name in exact.keys() & nuts.keys():
        draws = nuts[name]
        if known and name in known:
            mean, sd, *errors = known[name]
        else:
            sample = exact[name]
            mean, sd = float(sample.mean()), float(sample.std(ddof=1))
            errors = [*_errors(sample)]
        nuts_errors = _errors(draws)
        mean_z = (draws.mean() - mean) / np.hypot(errors[0], nuts_errors[0])
        sd_z = (draws.std(ddof=1) - sd) / np.hypot(errors[1], nuts_errors[1])
        agrees = bool(max(abs(mean_z), abs(sd_z)) <= LARGEST_Z)
        rows.append((section, sampler, name, mean, sd, draws.mean(), draws.std(ddof=1), mean_z, sd_z, agrees))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("parameter", ignore_index=True)


def _errors(draws: np.ndarray) -> tuple[float, float]:
    """Monte Carlo errors of mean and standard deviation of (chain, draw) draws."""
    from arviz_stats.base import array_stats

    mean, sd = (float(array_stats.mcse(draws, method=method, **CHAIN_DRAW)) for method in ("mean", "sd"))
    return mean, sd


def known_values(tree: xr.DataTree) -> dict[str, tuple[float, float, float, float]]:
    """Mean, sd and their Monte Carlo errors of the hyper-parameters, from the posterior behind some draws."""
    values = tree["exact"].to_dataset()["value"]
    rows = values.sel(statistic=["mean", "sd", "mcse_mean", "mcse_sd"]).transpose("parameter", "statistic").values
    return {
        str(name): (mean, sd, mean_error, sd_error)
        for name, (mean, sd, mean_error, sd_error) in zip(values["parameter"].values, rows, strict=True)
    }


def compared(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """The (chain, draw) arrays that are compared, by name."""
    natural = {name: name.removeprefix("ln_") for name in NOISE_NUMBERS if name in posterior}
    numbers = {name: np.exp(posterior[name]) for name in natural}
    return columns_of(posterior.assign(numbers).rename(natural))


def compare_fit(
    section: str, sampler: str, exact: xr.DataTree, nuts: xr.DataTree, left_out: Iterable[str] = ()
) -> pd.DataFrame:
    """Compare a hierarchical fit; the parameters of the systems left out are not compared."""
    skipped = tuple(f"[{name}]" for name in left_out)
    ours, theirs = (
        {k: v for k, v in compared(tree["posterior"].to_dataset()).items() if not k.endswith(skipped)}
        for tree in (exact, nuts)
    )
    return compare(section, sampler, ours, theirs, known_values(exact))


def compare_systems(section: str, exact: xr.DataTree, nuts: xr.DataTree) -> pd.DataFrame:
    """Compare the single fits of a batch."""
    tables = []
    names = exact["modes"].to_dataset()["system"].values
    for name in sorted(set(map(str, names)) - set(several_modes(exact))):
        ours, theirs = (
            {f"{k}[{name}]": v for k, v in compared(tree["posterior"].to_dataset().sel(system=name)).items()}
            for tree in (exact, nuts)
        )
        if not any(np.isnan(draws).any() for draws in (*ours.values(), *theirs.values())):
            tables.append(compare(section, "nuts", ours, theirs))
    return pd.concat([pd.DataFrame(columns=COLUMNS), *tables]) if tables else pd.DataFrame(columns=COLUMNS)


def several_modes(exact: xr.DataTree) -> list[str]:
    """The systems of a batch whose heaviest mode leaves others some probability."""
    modes = exact["modes"].to_dataset()
    return [str(name) for name in modes["system"].values[modes["mode_weight"].values < ONE_MODE]]


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """A status for the diagnostics table, and a sentence."""
    count = 2 * len(table)
    chance = -np.expm1(count * np.log1p(-2 * ndtr(-LARGEST_Z)))
    worst = table[["mean_z", "sd_z"]].abs().to_numpy(float).max() if count else 0.0
    sentence = (
        f"{count} comparisons of NUTS with the exact answer, the largest {worst:.2f} Monte Carlo errors; "
        f"the chance of one beyond {LARGEST_Z} among so many is {chance:.1%}"
    )
    wrong = table[~table["agrees"].astype(bool)]
    if wrong.empty:
        return "ok", sentence
    names = ", ".join(f"{row.section} {row.parameter} ({row.sampler})" for row in wrong.head(3).itertuples())
    return f"disagreement of {len(wrong)} parameters: {names}", sentence
