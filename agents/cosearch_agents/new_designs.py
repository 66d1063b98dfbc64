"""Which designs of a batch are worth asking: allowed, not known yet, and not twice."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from cosearch import Designs
from cosearch.space import DesignTable


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


def newly_added(table: DesignTable, designs: Designs) -> Designs:
    """The designs that are allowed and not in the table yet, each once; they are in it afterwards."""
    allowed = designs.space.allowed(designs)
    if not allowed.all():
        designs = designs[np.flatnonzero(allowed)]
    new = table.add(designs)[1]
    return designs if new.all() else designs[np.flatnonzero(new)]
