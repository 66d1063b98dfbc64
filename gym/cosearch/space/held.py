"""The Held parameter: any other one that has only one of its values left.

It stands where the other stood, so that designs are complete and whoever reads a column sees no difference.
Conditions and forbidden rules were written for all values: what they need of the others is `of`.
"""

# ruff: noqa: D102 -- `Parameter` documents what each kind overrides
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space.categorical import Ordinal
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import Value


class Held(Ordinal):
    """A parameter at one of its positions, which is its position 0.

    Attributes:
        of: the parameter with all its values.
        position: the position of the value there.
    """

    kind = "held"

    def __init__(self, of: Parameter, position: int) -> None:
        Parameter.__init__(self, of.name, of.when, of.description)
        self.of, self.position = of, position
        self.values = tuple(of.values_at(np.array([position])))
        self.size = self.onehot_width = 1
        self.default, self.default_index = self.values[0], 0

    @property
    def numeric(self) -> bool:
        return self.column(np.zeros(1, dtype=np.int64)).dtype != object

    def released(self, positions: Positions) -> Positions:
        """The positions of `of`."""
        return np.where(positions < 0, positions, self.position)

    def column(self, positions: Positions) -> NDArray[Any]:
        return self.of.column(self.released(positions))

    def values_at(self, positions: Positions) -> list[Value]:
        return self.of.values_at(self.released(positions))

    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        return np.where(self.of.positions_of(values) == self.position, 0, -1)

    def expected(self) -> str:
        return f"{self.default!r}, at which it is held"

    def nearest(self, value: Value) -> Value | None:
        return None  # `expected` says it
