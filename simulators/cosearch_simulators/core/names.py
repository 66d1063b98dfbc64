"""What a line says about a name that does not exist: the one that was meant, if one is like it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from cosearch_simulators.errors import shown

LIKE = 0.72
"""How alike two names are, from 0 to 1, for the one to be taken for the other."""

MOST_LISTED = 12
LONGEST_COMPARED = 80


def nearest(name: object, known: Iterable[object]) -> str | None:
    """The known name that was probably meant, None where none is like it.

    Example:
        >>> nearest("latncy", ["latency", "energy"]), nearest("x", ["y", "xyz"])
        ('latency', None)
    """
    wanted = _folded(name)
    best: tuple[float, str] = (0.0, "")
    for candidate in map(str, known):
        other = _folded(candidate)
        alike = SequenceMatcher(None, wanted, other).ratio()
        if len(wanted) > 2 and (other.startswith(wanted) or other.endswith(wanted)):
            alike = max(alike, LIKE)
        best = max(best, (alike, candidate), key=lambda found: found[0])
    return best[1] if best[0] >= LIKE else None


def hint(name: object, known: Iterable[object]) -> str:
    """How a line on an unknown name ends: with the one that was meant, else all where they are few."""
    names = list(dict.fromkeys(map(str, known)))
    close = nearest(name, names)
    if close is not None:
        return f"; did you mean {close!r}?"
    if not names:
        return "; there is none"
    return f"; valid: {', '.join(names)}" if len(names) <= MOST_LISTED else ""


def unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """The line on an unknown name.

    Example:
        >>> unknown("dataflow", "weight", ("weight_stationary", "output_stationary"))
        "unknown dataflow 'weight'; did you mean 'weight_stationary'?"
    """
    return f"unknown {kind} {shown(str(name))}{hint(name, known)}"


def _folded(name: object) -> str:
    return re.sub(r"[\W_]+", "", str(name)[:LONGEST_COMPARED].casefold()) or str(name)[:LONGEST_COMPARED]
