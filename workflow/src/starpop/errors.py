"""What a user can mend: every such mistake is an `InputError`, shown as its message alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A mistake in the user's configuration or data: the value, where it stands, what is allowed, what to do."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A hint that names the allowed word nearest to a mistyped one, or nothing."""
    lower = {str(word).lower(): str(word) for word in allowed}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.6)
    return f" Did you mean {lower[close[0]]!r}?" if close else ""
