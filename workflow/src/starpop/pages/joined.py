"""The columns of the table of orbits, and all its batches as one, for which nothing is needed that makes a row."""

from __future__ import annotations

import pandas as pd

from starpop.run.products import products

# Median and 68% of what may have a heavy tail: an orbit of few visits may be a long ellipse of any amplitude.
PERCENTILES = (16, 50, 84)
ORBIT_COLUMNS = products()["orbits"].required


def join_orbits(batches: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    """The rows of all batches, as texts, and one for every system of which no visit was used."""
    rows = [
        {"system": str(name), "n_visits": "0", "status": f"not used: {'; '.join(sorted(set(group['reason'])))}"}
        for name, group in rejected[~rejected["system"].isin(batches["system"])].groupby("system")
    ]
    offsets = sorted(set(batches.columns) - set(ORBIT_COLUMNS))
    table = pd.concat([batches, pd.DataFrame(rows, columns=batches.columns)])[[*ORBIT_COLUMNS, *offsets]]
    return table.fillna("").sort_values("system", ignore_index=True, kind="stable")
