"""Exact answer and NUTS, each checking the other: every parameter's mean and standard deviation in Monte Carlo errors.

    z_mean = (mean_nuts - mean_exact) / sqrt(mcse_nuts^2 + mcse_exact^2),

and likewise for the standard deviations; exact draws are independent, and their error is that of so many draws of the
larger sample. Where both are right, z is a standard normal variable; one beyond 4.5 has a chance of 7e-6, and among N
comparisons of 7e-6 N. Of a system with more than one mode the exact draws within the range of periods that NUTS was
kept to are compared, those of its heaviest mode. The number of a noise model is compared itself, not its ln: where the
visits do not know of it its ln has a long thin tail, and a chain does not know the error of its draws there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr

from starpop.inference.convergence import CHAIN_DRAW, columns_of
from starpop.orbits.fitted import ONE_MODE, sampled_of
from starpop.orbits.noise import Jitter, Scaled
from starpop.run.errors import how_many
from starpop.run.status import NOT_CHECKED, WHY_NOT

LARGEST_Z = 4.5
# Exact draws within the range of periods that NUTS was kept to, of which fewer tell nothing.
FEWEST_DRAWS = 100
NOISE_NUMBERS = (Scaled.parameter, Jitter.parameter)
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
    "note",
)


def compare(
    section: str,
    sampler: str,
    exact: Mapping[str, np.ndarray],
    nuts: Mapping[str, np.ndarray],
    known: Mapping[str, tuple[float, float, float, float]] | None = None,
    note: str = "",
) -> pd.DataFrame:
    """One row a parameter that both have.

    Parameters
    ----------
    section, sampler : what is compared
    exact : (1, draw) independent draws of each parameter
    nuts : (chain, draw) draws of each parameter
    known : mean and sd of some parameters with their Monte Carlo errors, better known than by these draws
    note : what to know of the comparison
    """
    rows = []
    for name in exact.keys() & nuts.keys():
        draws = nuts[name]
        if known and name in known:
            mean, sd, *errors = known[name]
        else:
            sample = exact[name]
            mean, sd = float(sample.mean()), float(sample.std(ddof=1))
            errors = [*_errors_of_independent(sample, draws)]
        nuts_errors = _errors(draws, exact[name])
        mean_z = (draws.mean() - mean) / np.hypot(errors[0], nuts_errors[0])
        sd_z = (draws.std(ddof=1) - sd) / np.hypot(errors[1], nuts_errors[1])
        agrees = bool(np.max(np.abs([mean_z, sd_z])) <= LARGEST_Z)  # which no NaN is
        rows.append((section, sampler, name, mean, sd, draws.mean(), draws.std(ddof=1), mean_z, sd_z, agrees, note))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("parameter", ignore_index=True)


def _errors_of_independent(sample: np.ndarray, chains: np.ndarray) -> tuple[float, float]:
    """Monte Carlo errors of mean and standard deviation of independent draws, by the spread of the larger sample.

    Of few draws their own spread is no measure: where it is too small by chance, so would be its error.
    """
    size, drawn = sample.size, chains if chains.size > sample.size and np.ptp(chains) else sample
    squares = (drawn - drawn.mean()) ** 2
    variance = squares.mean()
    if variance == 0:
        return 0.0, 0.0
    return float(np.sqrt(variance / size)), float(squares.std() / np.sqrt(4 * variance * size))


def _errors(draws: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Monte Carlo errors of mean and standard deviation of the (chain, draw) draws of a sampler.

    Of a rare tail that the chains happen not to have been in, their own spread tells nothing, and exact draws do.
    """
    from arviz_stats.base import array_stats

    mean, sd = (float(array_stats.mcse(draws, method=method, **CHAIN_DRAW)) for method in ("mean", "sd"))
    independent, of_its_sd = _errors_of_independent(exact, exact)
    return mean, max(sd, of_its_sd * mean / independent) if independent else sd


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
    natural = {name: str(name).removeprefix("ln_") for name in posterior if str(name).startswith(NOISE_NUMBERS)}
    numbers = {name: np.exp(posterior[name]) for name in natural}
    return columns_of(posterior.assign(numbers).rename(natural))


def compare_fit(
    section: str, sampler: str, exact: xr.DataTree, nuts: xr.DataTree, left_out: Iterable[str] = ()
) -> pd.DataFrame:
    """Compare a hierarchical fit, if it was sampled; the parameters of the systems left out are not compared."""
    if nuts.attrs.get(WHY_NOT):
        return pd.DataFrame(columns=COLUMNS)
    skipped = tuple(f"[{name}]" for name in left_out)
    ours, theirs = (
        {k: v for k, v in compared(tree["posterior"].to_dataset()).items() if not k.endswith(skipped)}
        for tree in (exact, nuts)
    )
    return compare(section, sampler, ours, theirs, known_values(exact))


def compare_systems(exact: xr.DataTree, nuts: xr.DataTree, left_out: Collection[str] = ()) -> pd.DataFrame:
    """Compare the single fits of a batch that were sampled, each within the range of periods that NUTS was kept to.

    Parameters
    ----------
    left_out : systems of which NUTS can tell nothing, such as those of many modes that it does not cross
    """
    tables = []
    modes, bounds = (tree[group].to_dataset() for tree, group in ((exact, "modes"), (nuts, "map")))
    for name in sorted(set(map(str, modes["system"].values)) & set(sampled_of(nuts)) - set(left_out)):
        drawn, sampled = (tree["posterior"].to_dataset().sel(system=name) for tree in (exact, nuts))
        shortest, longest = (float(bounds[end].sel(system=name)) for end in ("shortest_period", "longest_period"))
        inside = ((drawn["P"] >= shortest) & (drawn["P"] <= longest)).values.ravel()
        if inside.sum() < FEWEST_DRAWS or np.isnan(sampled["P"]).any():
            continue
        weight, several = (float(modes[key].sel(system=name)) for key in ("mode_weight", "n_modes"))
        note = f"within the heaviest of {several:.0f} modes, of weight {weight:.2f}" if weight < ONE_MODE else ""
        ours, theirs = (
            {f"{k}[{name}]": v for k, v in compared(draws).items()} for draws in (drawn.isel(draw=inside), sampled)
        )
        tables.append(compare("systems", "nuts", ours, theirs, note=note))
    return pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)


def certificate(
    systems: Iterable[tuple[xr.DataTree, xr.DataTree]],
    modes: Iterable[xr.DataTree],
    checked: Mapping[str, str],
    fits: Iterable[tuple[str, str, xr.DataTree, xr.DataTree]],
) -> pd.DataFrame:
    """All comparisons as one table, in an order that does not depend on the batches.

    Parameters
    ----------
    systems : exact draws and NUTS of the systems of each batch that were sampled
    modes : of all systems of each batch
    checked : the status of the NUTS of each system
    fits : section, sampler, exact draws and NUTS of each hierarchical fit
    """
    told_nothing = {name for name, status in checked.items() if status.startswith(NOT_CHECKED)}
    several = [name for tree in modes for name in several_modes(tree)]
    tables = [compare_systems(exact, nuts, told_nothing) for exact, nuts in systems]
    tables += [compare_fit(*fit, several if fit[0] == "population" else ()) for fit in fits]
    some = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(some).sort_values(["section", "sampler", "parameter"], ignore_index=True)


def several_modes(exact: xr.DataTree) -> list[str]:
    """The systems of a batch whose heaviest mode leaves others some probability."""
    modes = exact["modes"].to_dataset()
    return [str(name) for name in modes["system"].values[modes["mode_weight"].values < ONE_MODE]]


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """A status for the diagnostics table, and a sentence."""
    if table.empty:
        return f"{NOT_CHECKED}NUTS has nothing to compare", "No comparison of NUTS with the exact answer."
    count = 2 * len(table)
    chance = -np.expm1(count * np.log1p(-2 * ndtr(-LARGEST_Z)))
    worst = table[["mean_z", "sd_z"]].abs().to_numpy(float).max()
    sentence = (
        f"{count} comparisons of NUTS with the exact answer, the largest {worst:.2f} Monte Carlo errors; "
        f"the chance of one beyond {LARGEST_Z} among so many is {chance:.1%}"
    )
    wrong = table[~table["agrees"].astype(bool)]
    if wrong.empty:
        return "ok", sentence
    names = ", ".join(f"{row.section} {row.parameter} ({row.sampler})" for row in wrong.head(3).itertuples())
    return f"disagreement of {how_many(len(wrong), 'parameter')}: {names}", sentence
