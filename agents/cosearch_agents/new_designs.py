"""Which designs of a batch are worth asking: allowed, not known yet, and not twice."""

from __future__ import annotations

from collections.abc import Container

from cosearch import Designs


def new_rows(designs: Designs, *known: Container[bytes]) -> list[int]:
    """The rows of designs that are allowed, whose keys are not known, the first of equal ones.

    Args:
        designs: a batch of n designs.
        *known: sets of keys.
    """
    allowed = designs.space.allowed(designs)
    first: dict[bytes, int] = {}
    for row, key in enumerate(designs.keys()):
        if allowed[row] and not any(key in keys for keys in known):
            first.setdefault(key, row)
    return list(first.values())
