"""The Permutation parameter: items in some order, such as the loops of a dataflow.

Its position is the Lehmer rank: 0 is the order in which the items were listed, k! - 1 its reverse. The unit
cube holds one random key an item (the items sorted by their keys), one-hot the permutation matrix, and the
libraries that know only integers get the Lehmer digits, each of which is free of the others.
"""

# ruff: noqa: D102 -- `Parameter` documents what each kind overrides
from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import Value, ValueTable, clean_values

MAX_ITEMS = 20  # 20! is the largest factorial that int64 holds


class Permutation(Parameter):
    """All orders of at most 20 items; a value is a tuple that holds every item once.

    Example:
        >>> Permutation("loop_order", ["K", "C", "P"]).values_at(np.array([0, 5]))
        [('K', 'C', 'P'), ('P', 'C', 'K')]
    """

    kind = "permutation"
    ordered = False

    def __init__(
        self,
        name: str,
        items: Iterable[Value],
        *,
        default: Value = ...,
        when: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        super().__init__(name, when, description)
        self.items = clean_values(name, items)
        if len(self.items) > MAX_ITEMS:
            raise SpaceError(f"parameter {name!r}: {len(self.items)} items; expected at most {MAX_ITEMS}")
        self.unit_width = len(self.items)
        self.onehot_width = len(self.items) ** 2
        self.size = math.factorial(len(self.items))
        self._table = ValueTable(self.items)
        self._objects = np.empty(len(self.items), dtype=object)
        self._objects[:] = self.items
        self._set_default(default, 0)

    def column(self, positions: Positions) -> NDArray[Any]:
        """The orders, shape (n, k): row i holds the items of design i."""
        numbers = self.orders(positions)
        same_type = {type(item) for item in self.items}
        return (np.array(self.items) if same_type in ({int}, {float}) else self._objects)[numbers]

    def values_at(self, positions: Positions) -> list[Value]:
        return [tuple(row) for row in self._objects[self.orders(positions)].tolist()]

    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        k = len(self.items)
        values = values.tolist() if isinstance(values, np.ndarray) else values
        whole = [isinstance(value, list | tuple | np.ndarray) and len(value) == k for value in values]
        items = list(itertools.chain.from_iterable(itertools.compress(values, whole)))
        orders = self._table.positions(items).reshape(-1, k)
        complete = (np.sort(orders, axis=1) == np.arange(k)).all(axis=1)
        positions = np.full(len(values), -1, dtype=np.int64)
        positions[np.flatnonzero(whole)[complete]] = self.ranks(orders[complete])
        return positions

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        """k, k - 1, ..., 2: the last Lehmer digit is always 0 and is left out."""
        return tuple(range(len(self.items), 1, -1))

    def digit_names(self) -> list[str]:
        return [f"{self.name}[{i}]" for i in range(len(self.items) - 1)]

    def to_digits(self, positions: Positions) -> Positions:
        """The Lehmer digits, shape (n, k - 1): how many later items were listed before the i-th."""
        digits = np.empty((len(positions), len(self.digit_sizes)), dtype=np.int64, order="F")
        rest = positions.copy()
        for i in reversed(range(len(self.digit_sizes))):
            rest, digits[:, i] = np.divmod(rest, len(self.items) - i)
        return digits

    def from_digits(self, digits: Positions) -> Positions:
        """The positions of Lehmer digits of shape (n, k - 1)."""
        positions = np.zeros(len(digits), dtype=np.int64)
        for i, size in enumerate(self.digit_sizes):
            positions = positions * size + digits[:, i]
        return positions

    def orders(self, positions: Positions) -> Positions:
        """The item numbers in order, shape (n, k)."""
        k = len(self.items)
        orders = np.zeros((k, len(positions)), dtype=np.int64)
        orders[: k - 1] = self.to_digits(positions).T
        for i in reversed(range(k - 1)):
            orders[i + 1 :] += orders[i + 1 :] >= orders[i]
        return orders.T

    def ranks(self, orders: Positions) -> Positions:
        """The inverse of `orders`."""
        by_place = np.ascontiguousarray(orders.T)
        digits = np.zeros((len(orders), len(self.digit_sizes)), dtype=np.int64, order="F")
        for i in range(len(self.digit_sizes)):
            digits[:, i] = (by_place[i + 1 :] < by_place[i]).sum(axis=0)
        return self.from_digits(digits)

    def to_unit(self, positions: Positions) -> NDArray[np.float64]:
        places = np.argsort(self.orders(positions), axis=1)
        return (places + 0.5) / len(self.items)

    def from_unit(self, unit: NDArray[np.float64]) -> Positions:
        return self.ranks(np.argsort(unit, axis=1, kind="stable"))

    def to_onehot(self, positions: Positions) -> NDArray[Any]:
        matrix = self.orders(positions)[:, :, None] == np.arange(len(self.items))
        return matrix.reshape(len(positions), self.onehot_width)

    def from_onehot(self, columns: NDArray[np.float64]) -> Positions:
        """Sorts the items by the place of their largest entry, so that any matrix gives some permutation."""
        k = len(self.items)
        places = columns.reshape(-1, k, k).argmax(axis=1)
        return self.ranks(np.argsort(places, axis=1, kind="stable"))

    def onehot_names(self) -> list[str]:
        return [f"{self.name}[{place}]={item}" for place in range(len(self.items)) for item in self.items]

    def expected(self) -> str:
        return f"({', '.join(repr(item) for item in self.items)}) in some order"

    def arguments(self) -> dict[str, Any]:
        return {"items": list(self.items)}
