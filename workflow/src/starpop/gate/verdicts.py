"""What becomes of each row of a user's table: used, or rejected for the first reason found, with the value."""

from __future__ import annotations

from typing import Any

import numpy as np

from starpop.gate.columns import Names, Numbers, raw_text


class Verdicts:
    """Why each row of a table is not used: the first reason found, and the value that it is about."""

    def __init__(self, count: int):
        self.count = count
        self._reasons = [""]
        self._code = np.zeros(count, np.int16)
        self._values: list[tuple[np.ndarray, np.ndarray]] = []

    @property
    def used(self) -> np.ndarray:
        """(N,) whether each row is used so far."""
        return self._code == 0

    def reject(self, rows: np.ndarray, why: str, column: Any = None) -> None:
        """Give rows a reason, and the value of a column, unless they have one."""
        new = np.flatnonzero(rows & self.used)
        if len(new):
            self._code[new] = len(self._reasons)
            self._reasons.append(why)
            if column is not None:
                self._values.append((new, raw_text(column, new)))

    def reject_unnamed(self, names: Names) -> None:
        """Reject rows without a usable name."""
        for k, fault in enumerate(names.faults):
            self.reject(names.code == -1 - k, fault, names.raw)

    def reject_numbers(self, column: Numbers, what: str) -> None:
        """Reject rows without a finite number."""
        self.reject(~np.isfinite(column.values), f"{what} is not a number", column.raw)

    def reasons(self, rows: np.ndarray) -> np.ndarray:
        """The reason of each of some rows."""
        return np.array(self._reasons)[self._code[rows]]

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The value that the reason of each of some rows is about; empty where it is about none."""
        longest = max((values.dtype.itemsize // 4 for _, values in self._values), default=1)
        texts = np.zeros(self.count, dtype=f"U{longest}")
        for some, values in self._values:
            texts[some] = values
        return texts[rows]

    def listing(self) -> str:
        """How many rows have each reason."""
        many = np.bincount(self._code, minlength=len(self._reasons))[1:]
        found = sorted(zip(self._reasons[1:], many, strict=True))
        return ", ".join(f"{count} {why}" for why, count in found)

    def reject_repeated(self, what: str, keys: list[np.ndarray], values: list[np.ndarray]) -> None:
        """Reject repeated rows: of those that are alike all but one; of those that contradict each other all.

        Parameters
        ----------
        what : is measured once at each key
        keys, values : (N,) each: what tells measurements apart, and what is measured
        """
        rows = np.flatnonzero(self.used)
        if len(rows) < 2:
            return
        rows = rows[np.lexsort([rows, *(v[rows] for v in (*values, *keys))])]

        def as_before(columns: list[np.ndarray]) -> np.ndarray:
            same = [column[rows[1:]] == column[rows[:-1]] for column in columns]
            return np.append(False, np.logical_and.reduce(same))

        at_one_key = as_before(keys)
        alike = at_one_key & as_before(values)
        group = np.cumsum(~at_one_key) - 1
        contradicted = np.zeros(group[-1] + 1, dtype=bool)
        contradicted[group[at_one_key & ~alike]] = True
        for found, why in (
            (contradicted[group], f"another {what}"),
            (alike, f"the same {what.split()[0]} stands in another row"),
        ):
            rejected = np.zeros(self.count, dtype=bool)
            rejected[rows[found]] = True
            self.reject(rejected, why)

    def reject_again(self, why: str, keys: list[np.ndarray], places: np.ndarray, span: float) -> None:
        """Reject each row whose keys another has, at a place that is before its own by no more than a span."""
        rows = np.flatnonzero(self.used)
        rows = rows[np.lexsort([places[rows], *(key[rows] for key in keys)])]
        alike = np.logical_and.reduce([key[rows[1:]] == key[rows[:-1]] for key in keys])
        rejected = np.zeros(self.count, dtype=bool)
        rejected[rows[1:][alike & (np.diff(places[rows]) <= span)]] = True
        self.reject(rejected, why)
