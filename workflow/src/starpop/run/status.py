"""What the status of a fit or a check says beyond "ok" that is no failure.

A product of NUTS whose draws are not of what it is called, or are none, says why in its attribute `WHY_NOT`.
"""

from __future__ import annotations

# A check that NUTS cannot make, and a population of which its systems say next to nothing.
NOT_CHECKED, UNINFORMED = "not checked: ", "hardly informed: "
WHY_NOT = "why_not"
LEFT_OUT = "sampler.backend is none"


def has_failed(status: str) -> bool:
    """Whether a status is that of something gone wrong."""
    return status != "ok" and not status.startswith((NOT_CHECKED, UNINFORMED))
