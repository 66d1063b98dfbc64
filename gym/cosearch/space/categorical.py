"""Parameters with a list of values: Categorical without an order, Ordinal with one."""

# ruff: noqa: D102 -- `Parameter` documents what each kind overrides
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import Value, ValueTable, clean_values, nearest_value, typed_array


class Categorical(Parameter):
    """Unordered values: strings, booleans, numbers or None.

    Example:
        >>> Categorical("row_policy", ["open", "closed", "adaptive"]).size
        3
    """

    kind = "categorical"
    ordered = False
    evenly_cut = True

    def __init__(
        self,
        name: str,
        values: Iterable[Value],
        *,
        default: Value = ...,
        when: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        super().__init__(name, when, description)
        self.values = clean_values(name, values)
        self.size = self.onehot_width = len(self.values)
        self._objects = np.empty(self.size, dtype=object)
        self._objects[:] = self.values
        self._typed = typed_array(self.values)
        self._table = ValueTable(self.values)
        self._set_default(default, self._middle())

    def _middle(self) -> int:
        return 0

    @property
    def numeric(self) -> bool:
        """Whether all values are booleans or numbers, so that columns are not of object dtype."""
        return self._typed.dtype != object

    def column(self, positions: Positions) -> NDArray[Any]:
        return self._typed[positions]

    def values_at(self, positions: Positions) -> list[Value]:
        return self._objects[positions].tolist()

    def value_at(self, position: int) -> Value:
        return self.values[position]

    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        return self._table.positions(values.tolist() if isinstance(values, np.ndarray) else values)

    def to_unit(self, positions: Positions) -> NDArray[np.float64]:
        return (positions + 0.5) / self.size

    def from_unit(self, unit: NDArray[np.float64]) -> Positions:
        return np.minimum((unit[:, 0] * self.size).astype(np.int64), self.size - 1)

    def to_onehot(self, positions: Positions) -> NDArray[Any]:
        return positions[:, None] == np.arange(self.size)

    def from_onehot(self, columns: NDArray[np.float64]) -> Positions:
        return columns.argmax(axis=1).astype(np.int64)

    def onehot_names(self) -> list[str]:
        return [f"{self.name}={value}" for value in self.values]

    def expected(self) -> str:
        shown = ", ".join(repr(value) for value in self.values[:12])
        return f"one of {shown}" if self.size <= 12 else f"one of {shown}, ... ({self.size} values)"

    def nearest(self, value: Value) -> Value | None:
        return nearest_value(value, self.values)

    def arguments(self) -> dict[str, Any]:
        return {"values": list(self.values)}


class Ordinal(Categorical):
    """Values in a given order, such as powers of two or ("low", "mid", "high").

    Example:
        >>> Ordinal("banks", [4, 8, 16, 32], default=16).default_index
        2
    """

    kind = "ordinal"
    ordered = True

    def _middle(self) -> int:
        return (self.size - 1) // 2
