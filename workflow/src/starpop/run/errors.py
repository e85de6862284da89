"""What a user can mend: every such mistake is an `InputError`, shown as its message alone."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


class InputError(ValueError):
    """A mistake in the user's configuration or data: the value, where it stands, what is allowed, what to do."""


def how_many(count: int, thing: str) -> str:
    """So many things, in words that agree."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def closest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed word nearest to a mistyped one, if one is near."""
    lower = {str(word).lower(): str(word) for word in allowed}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def not_among(where: str, name: str, known: Collection[str]) -> str:
    """What to say of a name that stands somewhere and is none of those known."""
    if not known:
        return f"{where}: {name!r}, but there is none of its kind; add it, or leave out what names it."
    return f"{where}: {name!r} is not one of {', '.join(known)}.{nearest(name, known)}"


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A hint that names the allowed word nearest to a mistyped one, or nothing."""
    close = closest(name, allowed)
    return f" Did you mean {close!r}?" if close else ""
