"""What the report says of a run, as plain values: the answer, what it was found from, and whether to believe it."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any
from unicodedata import lookup

import numpy as np
import pandas as pd
import yaml

from starpop import __version__
from starpop.checks.agreement import LARGEST_Z
from starpop.checks.comparison import POPULATION
from starpop.checks.sensitivity import AS_CONFIGURED, DERIVED, OF_AMPLITUDES
from starpop.checks.statistics import SIGNIFICANT_P, STATISTICS
from starpop.inference.with_singles import FRACTION
from starpop.pages.population import label
from starpop.pages.report import alone
from starpop.pages.report.systems import with_membership
from starpop.pages.report.tables_of_run import Run
from starpop.run import status, store
from starpop.run.files import paths_of
from starpop.run.products import describe

# The share of fits and checks that may tell nothing where it is said without a doubt that all passed.
MOST_UNCHECKED = 0.5
# Rows of a long table that stand in the report, the first.
MOST_ROWS = 200
# Quantities that every population has, within the range where periods are looked for.
MEAN, LN_SD = DERIVED
MEAN_LN_K = OF_AMPLITUDES[0]
# Letters of mathematics as they are written in a page.
GREEK = {name: lookup(f"GREEK SMALL LETTER {name}") for name in ("mu", "sigma", "nu", "beta", "alpha", "tau")}


def contents(run: Run) -> dict[str, Any]:
    """All that the page's template writes of the tables."""
    if run.summaries:
        best = best_pair(run)
        found = answer(run, best)
    else:
        found = alone.answer(run.orbits)
        best = next(iter(found["odds"]))
    return {
        "catalog": run.catalog,
        "best": best,
        "verdict": verdict(run),
        "answer": found,
        "cluster": of_cluster(run.cluster),
        "data": data(run),
        "certificate": [certificate(run, model) for model in run.agreement],
        "convergence": convergence(run.diagnostics),
        "predictions": [prediction(pair, table) for pair, table in run.predictions.items()],
        "misfits": [misfits(model, table) for model, table in run.criticism.items()],
        "calibration": calibration(run.calibration, run.chain),
        "published": published(run.published),
        "assumptions": assumptions(run),
        "rejected": rejected(run.rejected),
    }


def of_pair(system_model: object, population_model: object) -> str:
    """The name of a pair of models, which is its folder."""
    return f"{system_model}/{population_model}"


def best_pair(run: Run) -> str:
    """The pair of models of the highest evidence among those whose exact fit is to be trusted, or among all."""
    evidence, failed = _evidence(run), passed_over(run)
    known = (evidence.drop(failed) if len(failed) < len(evidence) else evidence).dropna()
    return str(known.idxmax()) if len(known) else next(iter(run.summaries))


def passed_over(run: Run) -> list[str]:
    """The pairs of models whose exact fit is not to be trusted."""
    return [name for name in _evidence(run).index if status.has_failed(_status(run, f"{name} exact"))]


def _compared(run: Run) -> pd.DataFrame:
    """The rows of the comparison that are of a population, one a pair of models."""
    if run.comparison is None:
        return pd.DataFrame(columns=["system_model", "population_model", "ln_evidence"])
    return run.comparison[run.comparison["scope"] == POPULATION]


def _evidence(run: Run) -> pd.Series:
    """The ln evidence of each pair of models."""
    pairs = _compared(run)
    names = [of_pair(*models) for models in zip(pairs["system_model"], pairs["population_model"], strict=True)]
    return pd.Series(pairs["ln_evidence"].to_numpy(float), index=names)


def _status(run: Run, fit: str) -> str:
    """The status of a fit, by its name in the table of diagnostics."""
    found = run.diagnostics["status"][run.diagnostics["fit"] == fit]
    return str(found.iloc[0]) if len(found) else "ok"


def verdict(run: Run) -> dict[str, Any]:
    """Whether all can be believed, in a sentence, and what is not to be trusted, in one more a system model."""
    flagged = {model: status.of_orbits(table) for model, table in run.orbits.items()}
    said = run.diagnostics["status"]
    failed, uninformed = said.map(status.has_failed), said.str.startswith(status.UNINFORMED)
    return {
        "passed": not failed.any(),
        # where most could not be checked, that nothing failed says little
        "informed": not uninformed.any() and bool(((said != "ok") & ~failed).mean() <= MOST_UNCHECKED),
        "fits": status.passed(run.diagnostics),
        "told_nothing": status.told_nothing(run.diagnostics),
        "orbits": {model: said for model, said in flagged.items() if said},
    }


def answer(run: Run, pair: str) -> dict[str, Any]:
    """The population in one sentence, and the hyper-parameters that it is made of."""
    rows = _sensitivity_of(run, pair).set_index("parameter")
    hyper = [
        row | {"meaning": in_plain_letters(label(row["parameter"])), "unit": ""} for row in _hyper(run.summaries[pair])
    ]
    used = run.orbits[pair.split("/")[0]]
    fraction = next((row for row in hyper if row["parameter"] == FRACTION), None)
    found: dict[str, Any] = {"pair": pair, "figure": "density", "hyper": hyper, "fraction": fraction}
    found["passed_over"] = passed_over(run)
    found["systems"] = int((~status.without_orbit(used)).sum())
    found["hardly"] = len(status.hardly(used))
    said = _status(run, f"{pair} exact")
    sample = run.selections.get(pair.split("/")[0])
    found["selected"] = 0 if sample is None else int(sample["selected"].sum())
    found["uninformed"] = said if said.startswith(status.UNINFORMED) else ""
    if {MEAN, LN_SD} <= set(rows.index):
        middle, width = rows.loc[MEAN], rows.loc[LN_SD]
        found |= {
            "mean": (middle["mean"], middle["sd"]),
            "typical_days": float(np.exp(middle["mean"])),
            "width": (float(np.exp(width["mean"])), float(np.exp(width["mean"]) * width["sd"])),
            "spread_days": [float(np.exp(middle["mean"] + side * np.exp(width["mean"]))) for side in (-1, 1)],
        }
    if MEAN_LN_K in rows.index:
        of_k = rows.loc[MEAN_LN_K]
        found |= {"typical_kms": float(np.exp(of_k["mean"])), "mean_ln_k": (of_k["mean"], of_k["sd"])}
    return found


def _sensitivity_of(run: Run, pair: str) -> pd.DataFrame:
    """The rows of a pair of models under its configured priors."""
    table = run.sensitivity
    assert table is not None  # where there is a pair
    names = table["system_model"].astype(str) + "/" + table["population_model"].astype(str)
    return table[(names == pair) & (table["prior"] == AS_CONFIGURED)]


def _hyper(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """The exact rows of a summary, of what is not a single system's or star's."""
    own = (table["method"] == "exact") & ~table["parameter"].str.contains("[", regex=False)
    return table[own].to_dict("records")


def in_plain_letters(text: str) -> str:
    """What is written for a figure, without its mathematics: ln(P/d) and Greek letters."""
    for name, letter in GREEK.items():
        text = text.replace(f"\\{name}", letter)
    return re.sub(r"[$\\{}]|mathrm|rm ", "", text).replace("ln", "ln ").replace("ln (", "ln(")


def of_cluster(table: pd.DataFrame | None) -> list[dict[Hashable, Any]]:
    """The hyper-parameters of a cluster, each with its meaning and unit."""
    described = describe("results/cluster/exact.nc")
    if table is None or described is None:
        return []
    columns = [(row, described.column(f"posterior/{row['parameter']}")) for row in _hyper(table)]
    return [row | {"meaning": column.meaning, "unit": column.unit} for row, column in columns]


def _is_true(column: pd.Series) -> pd.Series:
    """Where a column of truths says so, which is of texts where some are not known."""
    return column.astype(str).str.lower() == "true"


def orbits_with_membership(run: Run) -> dict[str, pd.DataFrame]:
    """The orbits of each system model, with what the population of its best pair says of each system."""
    evidence = _evidence(run).reindex(list(run.members)).fillna(-np.inf)
    chosen = {pair.partition("/")[0]: pair for pair in evidence.sort_values(kind="stable").index}
    return {
        model: with_membership(table, run.members[chosen[model]], run.selections.get(model))
        if model in chosen
        else table
        for model, table in run.orbits.items()
    }


def data(run: Run) -> dict[str, Any]:
    """Which visits of which systems were used, and how many rows were not."""
    visits, baseline = run.systems["n_visits"], run.systems["baseline_days"]
    reasons = run.rejected["reason"].value_counts()
    return {
        "systems": len(run.systems),
        "visits": int(visits.sum()),
        "visits_each": (int(visits.min()), int(visits.max())),
        "baseline_days": (float(baseline.min()), float(baseline.max())),
        "error_kms": float(run.systems["rv_err_median_kms"].median()),
        "rejected": len(run.rejected),
        "in_sample": {model: int(table["selected"].sum()) for model, table in run.selections.items()},
        "reasons": [(str(reason), int(count)) for reason, count in reasons.items()],
    }


def certificate(run: Run, model: str) -> dict[str, Any]:
    """How far NUTS lies from the exact answers under a system model."""
    table = run.agreement[model]
    z = table[["mean_z", "sd_z"]].to_numpy(float)
    compared = table[np.isfinite(z[:, 0])]
    z = np.abs(z[np.isfinite(z)])
    return {
        "model": model,
        "parameters": len(compared),
        "disagree": [f"{row.section} {row.parameter}" for row in compared[~_is_true(compared["agrees"])].itertuples()],
        "largest": float(z.max()) if len(z) else None,
        "limit": LARGEST_Z,
        "rms": float(np.sqrt(np.mean(z**2))) if len(z) else None,
    }


def convergence(diagnostics: pd.DataFrame) -> dict[str, Any]:
    """The worst of each number that tells of a chain's convergence, and the fits that did not pass."""
    sampled = diagnostics[np.isfinite(diagnostics["r_hat"].astype(float))]
    failing = diagnostics[diagnostics["status"] != "ok"]
    return {
        "sampled": len(sampled),
        "r_hat": float(sampled["r_hat"].max()) if len(sampled) else None,
        "ess": float(sampled[["ess_bulk", "ess_tail"]].min().min()) if len(sampled) else None,
        "divergences": int(sampled["divergences"].fillna(0).sum()),
        "failing": [(str(row.fit), str(row.status)) for row in failing.head(MOST_ROWS).itertuples()],
        "left": max(len(failing) - MOST_ROWS, 0),
    }


def prediction(pair: str, table: pd.DataFrame) -> dict[str, Any]:
    """The p-values of a population's predictive checks."""
    calibrated = table["p_value"].notna().all() and _is_true(table["calibrated"]).all()
    column = table["p_value"].where(table["p_value"].notna(), table["p_posterior_predictive"])
    p = [(str(name), float(value)) for name, value in zip(table["statistic"], column, strict=True)]
    return {
        "pair": pair,
        "p": [(name, value) for name, value in p if np.isfinite(value)],
        "calibrated": bool(len(table) and calibrated),
    }


def misfits(model: str, table: pd.DataFrame) -> dict[str, Any]:
    """Of how many systems each predictive check has a small p-value under a system model, and how many should."""
    p = table[[f"{name}_p" for name in STATISTICS]].set_axis(STATISTICS, axis=1).dropna(axis=1, how="all")
    return {
        "model": model,
        "limit": SIGNIFICANT_P,
        "checks": [
            (str(name).replace("_", " "), int((p[name] < SIGNIFICANT_P).sum()), SIGNIFICANT_P * p[name].count())
            for name in p
        ],
    }


def calibration(table: pd.DataFrame | None, chain: str) -> dict[str, Any] | None:
    """What simulation-based calibration found, if it has been run, and whether with the present code."""
    if table is None:
        return None
    version, code = (str(table[name].iloc[0]) if name in table else "" for name in ("version", "code"))
    passed = table["status"] == "ok"
    failed = table[~passed]
    return {
        "made_by": f"with starpop {version} (code {code})" if code else "with a version that is not recorded",
        "present": code == chain,
        "cases": int(table["case"].nunique()),
        "parameters": len(table),
        "catalogs": int(table["catalogs"].min()),
        "failed": [f"{row.case} {row.parameter}: {row.status}" for row in failed.itertuples()],
    }


def published(table: pd.DataFrame | None) -> list[dict[Hashable, Any]]:
    """The tutorial's numbers beside this run's."""
    if table is None:
        return []
    return table.assign(agrees=_is_true(table["agrees"])).to_dict("records")


def assumptions(run: Run) -> list[dict[Hashable, Any]]:
    """Each pair of models: its evidence, its predictive density, and what it says of every population's quantities."""
    pairs = _compared(run)
    found: list[dict[Hashable, Any]] = []
    for row in pairs.to_dict("records"):
        pair = of_pair(row["system_model"], row["population_model"])
        said = _sensitivity_of(run, pair).set_index("parameter")
        found.append(
            {
                "pair": pair,
                "ln_odds": row["ln_odds"],
                "difference": row["difference"],
                "difference_se": row["difference_se"],
                "status": _status(run, f"{pair} exact"),
                **{
                    name: tuple(said.loc[name, ["mean", "sd"]]) if name in said.index else None
                    for name in (MEAN, LN_SD)
                },
            }
        )
    return sorted(found, key=lambda row: -np.nan_to_num(row["ln_odds"], nan=-np.inf))


def rejected(table: pd.DataFrame) -> dict[str, Any]:
    """The first rows that were not used, and how many more there are."""
    shown = [name for name in ("file", "row", "system", "value", "reason") if name in table]
    return {
        "rows": table[shown].head(MOST_ROWS).astype(object).fillna("").to_dict("records"),
        "several": "file" in table,
        "left": max(len(table) - MOST_ROWS, 0),
    }


def origin(visits: str, product: str) -> dict[str, Any]:
    """What the run was made of: the checksum of its table, the range of periods, and the versions of the libraries.

    Parameters
    ----------
    visits, product : paths of the table of visits, and of any netCDF product
    """
    meta, attributes = store.read_meta(visits), store.read_group(product).attrs
    return {
        "sha256": meta["SHA256"],
        "scale": meta["TIMESYS"],
        "period_range_days": json.loads(attributes["settings"])["period_range_days"],
        "versions": {"starpop": __version__} | json.loads(attributes["versions"]),
    }


def settings(asked: Mapping[str, Any], catalog: str) -> dict[str, Any]:
    """What the configuration asked for: the name of the catalogue's table, and all of it as YAML."""
    entry = asked["catalogs"][catalog]
    text = yaml.safe_dump(dict(asked), sort_keys=False, width=100, allow_unicode=True, default_flow_style=None)
    named = "simulated" if "simulation" in entry else ", ".join(paths_of(entry))
    return {"tables_named": named, "configuration": text}


def models_in_words(orbits: Iterable[str], populations: Iterable[str]) -> dict[str, dict[str, str]]:
    """The choices of each system model and each population model, as they were fitted, with no value auto.

    Parameters
    ----------
    orbits : paths of the exact draws, in the folder of each system model
    populations : paths of the exact posterior, in the folder of each pair
    """
    of_orbits = {Path(path).parent.parent.name: path for path in orbits}
    of_populations = {Path(path).parent.name: path for path in populations}
    return {
        "models": {name: in_words(_fitted(path)["model"]) for name, path in of_orbits.items()},
        "populations": {name: in_words(_fitted(path)["population"]) for name, path in of_populations.items()},
    }


def _fitted(path: str) -> dict[str, Any]:
    """What a product was made with."""
    return dict(json.loads(store.read_group(path).attrs["settings"]))


def in_words(model: Mapping[str, Any]) -> str:
    """The choices of a model, without what it does not have, and without its priors, which the configuration has."""
    said = []
    for key, value in model.items():
        if key.endswith("_prior") or value is False:
            continue
        written = f"({in_words(value)})" if isinstance(value, Mapping) else "yes" if value is True else str(value)
        said.append(f"{key.replace('_', ' ')} {written}")
    return ", ".join(said)
