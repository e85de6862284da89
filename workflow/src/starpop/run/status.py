"""Whether a result is to be trusted, as its reader is told: the status of a fit or a check, and the flags of an orbit.

A product of NUTS whose draws are not of what it is called, or are none, says why in its attribute `WHY_NOT`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A check that NUTS cannot make, and a population of which its systems say next to nothing.
NOT_CHECKED, UNINFORMED = "not checked: ", "hardly informed: "
WHY_NOT = "why_not"
LEFT_OUT = "sampler.backend is none"
UNSAMPLED = "not among the systems that NUTS samples (sampler.sampled_systems)"
# Flags that say not to trust an orbit, the worst first.
SERIOUS = (
    "better_outside_range",
    "at_range_end",
    "longer_than_baseline",
    "zero_points",
    "jitter_dominates",
)
MOST_NAMED = 5


# What a system's flags make of its orbit, in one word; and what a status of a system without an orbit begins with.
KINDS = HARDLY, SURE, DOUBTFUL = "hardly an orbit", "one period", "several, or not to be trusted"
UNUSED, UNFITTED = "not used", "not fitted"


def kind(flags: str) -> str:
    """Whether a system hardly has an orbit, has one period, or several or one that is not to be trusted.

    One that has none within the range of periods may have one beyond it.
    """
    raised = flags.split(";")
    if "no_orbit" in raised and "better_outside_range" not in raised:
        return HARDLY
    return DOUBTFUL if any(flag in raised for flag in (*SERIOUS, "multimodal")) else SURE


def hardly(orbits: pd.DataFrame) -> set[str]:
    """The systems of a table of orbits that hardly have one."""
    return set(orbits["system"][orbits["flags"].fillna("").map(kind) == HARDLY])


def without_orbit(orbits: pd.DataFrame) -> pd.Series:
    """(N,) which systems of a table of orbits were not used or not fitted, and have none."""
    return orbits["status"].fillna("").str.startswith((UNUSED, UNFITTED))


def has_failed(status: str) -> bool:
    """Whether a status is that of something gone wrong."""
    return status != "ok" and not status.startswith((NOT_CHECKED, UNINFORMED))


def of_fits(table: pd.DataFrame) -> str:
    """One sentence on all fits of a run."""
    return f"{'; '.join(filter(None, [passed(table), told_nothing(table)]))}."


# Of one fit or check, and of none that could tell something.
ONLY = ("No fit or check failed", "The one fit or check passed")


def passed(table: pd.DataFrame) -> str:
    """How many of the fits of a run passed, of those that could tell something, and which failed."""
    failed = table[table["status"].map(has_failed)]
    count = len(failed) + int((table["status"] == "ok").sum())
    said = f"All {count} fits and checks passed" if count > 1 else ONLY[count]
    if len(failed):
        said = f"{len(failed)} of {count} fits and checks FAILED: {_listing(failed)}"
    return said


def told_nothing(table: pd.DataFrame) -> str:
    """Which fits and checks of a run could tell nothing; empty if all could."""
    noted = table[(table["status"] != "ok") & ~table["status"].map(has_failed)]
    return f"{len(noted)} could tell nothing: {_listing(noted)}" if len(noted) else ""


def of_orbits(table: pd.DataFrame) -> str:
    """One sentence on the flags of a table of orbits: which that say not to trust an orbit, how many, and of whom."""
    flags = table["flags"].fillna("").str.split(";").explode()
    said = []
    for flag in SERIOUS:
        names = list(table["system"][flags.index[flags == flag]])
        if names:
            said.append(f"{flag} {len(names)} ({_names(names)})")
    flagged = flags.index[flags.isin(SERIOUS)].nunique()
    if not said:
        return ""
    return f"{flagged} of {int((~without_orbit(table)).sum())} orbits are not to be trusted: {'; '.join(said)}."


def of_stars(table: pd.DataFrame) -> str:
    """One sentence on the systems of a table of orbits that hardly have one; empty if all have."""
    if not (names := sorted(hardly(table))):
        return ""
    return f"{len(names)} of {int((~without_orbit(table)).sum())} hardly have an orbit (no_orbit): {_names(names)}."


def doubts(flags: str) -> str:
    """Of the flags of a system those that say not to trust its orbit, or that it hardly has one."""
    return ";".join(flag for flag in flags.split(";") if flag in (*SERIOUS, "no_orbit"))


def _listing(rows: pd.DataFrame) -> str:
    """The first five statuses of some fits, each with the first names that have it."""
    groups = list(rows.groupby("status", sort=False)["fit"])
    listing = [f"{_names(list(fits))}: {status}" for status, fits in groups[:MOST_NAMED]]
    left = sum(len(fits) for _, fits in groups[MOST_NAMED:])
    return "; ".join(listing) + (f"; and {left} more" if left else "")


def _names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
