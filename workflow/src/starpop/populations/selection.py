"""Who of a table is in the sample: every system measured, and why those that are not are none of it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from starpop.inference.density import Range
from starpop.orbits.conditions import MEASURES, Conditions, Star
from starpop.populations.survey import Products
from starpop.run.errors import InputError
from starpop.run.progress import progress
from starpop.run.store import read_group

COLUMNS = ("system", *MEASURES, "selected", "reason")


def select(products: Products, conditions: Conditions, period_range_days: Range) -> pd.DataFrame:
    """A row for every system that came in: its measures, whether it is in the sample, and if not why.

    Raises
    ------
    InputError : none is
    """
    table = pd.DataFrame([*_measured(products, conditions, period_range_days), *_failed(products)], columns=COLUMNS)
    if not table["selected"].any():
        asked = ", ".join(f"{name}: {least:g}" for name, least in conditions.least.items())
        raise InputError(
            f"selection: {{{asked}}} leaves none of {len(table)} systems; expected one at least. Lower a condition: "
            + "; ".join(f"the largest {name} is {table[name].max():.3g}" for name in conditions.least)
        )
    return table.sort_values("system", ignore_index=True)


def _measured(products: Products, conditions: Conditions, period_range_days: Range) -> Iterator[dict[str, object]]:
    """The rows of the systems that have a likelihood."""
    for batch in products.batches():
        for likelihood in progress(batch):
            star = Star(likelihood.visits, products.model, period_range_days, likelihood)
            measures = {name: measure(star) for name, measure in MEASURES.items()}
            reason = conditions.unmet(measures)
            yield {"system": likelihood.system, **measures, "selected": not reason, "reason": reason}


def _failed(products: Products) -> Iterator[dict[str, object]]:
    """The rows of the systems that have none."""
    for path in products.periods:
        scan = read_group(path)
        for name, reason in zip(scan["failed_system"].values, scan["reason"].values, strict=True):
            yield {"system": str(name), "selected": False, "reason": f"not fitted: {reason}"}
