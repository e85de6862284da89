"""The tables of a finished run that the report reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from starpop.run import store


@dataclass(frozen=True)
class Run:
    """The tables of a finished run that the report reads.

    Attributes
    ----------
    catalog : its name
    systems, rejected : tables of the systems used, and of the rows not used
    diagnostics : table of all fits
    orbits, agreement, criticism : the tables of each system model
    summaries, predictions : the summary, and the criticism, of each pair "system model/population model"
    members : of each pair what each system of its population tells, and whether it is a binary
    selections : of each system model who is in the sample, if there is one
    comparison, sensitivity : tables of all pairs, if there are any
    published : the tutorial's numbers beside this run's, if it is the tutorial's
    cluster : the summary of the cluster of stars, if there is one to be told of
    calibration : the table of `calibrate`, if it has been run
    chain : the digest of the code that `calibrate` tries now
    """

    catalog: str
    systems: pd.DataFrame
    rejected: pd.DataFrame
    diagnostics: pd.DataFrame
    orbits: Mapping[str, pd.DataFrame]
    agreement: Mapping[str, pd.DataFrame]
    criticism: Mapping[str, pd.DataFrame]
    summaries: Mapping[str, pd.DataFrame]
    predictions: Mapping[str, pd.DataFrame]
    members: Mapping[str, pd.DataFrame]
    selections: Mapping[str, pd.DataFrame]
    comparison: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    published: pd.DataFrame | None = None
    cluster: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    chain: str = ""


def read_run(catalog: str, inputs: Any, params: Any) -> Run:
    """Read the tables of a run.

    Parameters
    ----------
    inputs : the paths of the tables, by name: of those of a model or a pair one each, in the order of these
    params : ``models`` and ``pairs``, their names; ``calibration``, the path of its table, if there is one; ``chain``
    """
    models, pairs = params.models, params.pairs
    optional = {name: inputs[name] for name in ("comparison", "sensitivity", "published", "cluster")}
    optional["calibration"] = params.calibration

    def each(paths: Iterable[str], of: Sequence[str]) -> dict[str, pd.DataFrame]:
        return dict(zip(of, map(store.read_csv, paths), strict=True))

    return Run(
        catalog,
        systems=store.read_table(inputs.systems).to_pandas(),
        rejected=store.read_table(inputs.rejected).to_pandas(),
        diagnostics=store.read_csv(inputs.diagnostics),
        orbits=each(inputs.orbits, models),
        agreement=each(inputs.agreement, models),
        criticism=each(inputs.criticism, models),
        summaries=each(inputs.summaries, pairs),
        predictions=each(inputs.predictions, pairs),
        members=each(inputs.members, pairs),
        selections=each(inputs.selections, models if inputs.selections else []),
        chain=params.chain,
        **{name: next(map(store.read_csv, paths), None) for name, paths in optional.items()},
    )
