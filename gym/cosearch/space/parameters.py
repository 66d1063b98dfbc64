"""What every axis of a design space is.

A parameter numbers its values 0, 1, 2, ... (its *positions*). Everything else follows from that number, so
each kind only says how positions become values, unit-cube coordinates and one-hot columns, and back. All
methods take and return whole columns. The kinds are in `categorical.py`, `integers.py`, `reals.py` and
`permutations.py`; `design_space.py` knows which parameters are active.
"""

from __future__ import annotations

import copy
import functools
import keyword
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, shown
from cosearch.space.values import Value, plain

Positions = NDArray[np.int64]


class Parameter(ABC):
    """One axis of a design space.

    Attributes:
        name: a Python identifier, or several with dots between them; unique in its space.
        size: the number of positions.
        default: the value of designs that do not set it; `default_index` is its position.
        when: {earlier parameter: values}; active only if each of them is active and has one of the values.
        evenly_cut: whether its one unit coordinate is cut into `size` equal bins, in the order of positions.
        unit_width: the number of its coordinates in the unit cube.
        onehot_width: the number of its one-hot columns.
    """

    kind: ClassVar[str]
    ordered: ClassVar[bool] = True
    evenly_cut: bool = False
    size: int
    default: Value
    default_index: int
    unit_width: int = 1
    onehot_width: int = 1

    def __init__(self, name: str, when: Mapping[str, Any] | None, description: str) -> None:
        if not is_name(name):
            raise SpaceError(
                f"parameter name {shown(name)} is not allowed; expected an identifier such as 'tile_m'"
            )
        if not isinstance(description, str):
            raise SpaceError(f"parameter {name!r}: description {shown(description)} is not allowed")
        self.name = name
        self.when = _clean_when(name, when)
        self.description = description

    def _set_default(self, default: Value, fallback: int) -> None:
        if default is ... or (default is None and self.position_of(None) < 0):
            self.default_index = fallback
        else:
            self.default_index = self.position_of(default)
            if self.default_index < 0:
                raise SpaceError(f"default of {self.complaint(default)}")
        self.default = self.values_at(np.array([self.default_index]))[0]

    @abstractmethod
    def column(self, positions: Positions) -> NDArray[Any]:
        """The values at these positions as one typed array (object dtype where values are not numbers)."""

    def values_at(self, positions: Positions) -> list[Value]:
        """The values at these positions as plain Python objects."""
        return self.column(positions).tolist()

    @abstractmethod
    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        """The positions of these values; -1 where a value is not allowed."""

    def value_at(self, position: int) -> Value:
        """The value at one position as a plain Python object."""
        return self.values_at(np.array([position]))[0]

    def position_of(self, value: Value) -> int:
        """The position of one value; -1 if it is not allowed."""
        return int(self.positions_of([value])[0])

    @property
    def holds_orders(self) -> bool:
        """Whether one value is a whole order of items, as a permutation's."""
        return isinstance(self.default, tuple)

    @abstractmethod
    def to_unit(self, positions: Positions) -> NDArray[np.float64]:
        """The unit-cube coordinates, shape (n,), or (n, unit_width) if there are several."""

    @abstractmethod
    def from_unit(self, unit: NDArray[np.float64]) -> Positions:
        """The positions of unit-cube coordinates of shape (n, unit_width)."""

    def to_onehot(self, positions: Positions) -> NDArray[Any]:
        """The one-hot columns, shape (n,) or (n, onehot_width): for numbers the scaled value itself."""
        return self.to_unit(positions)

    def from_onehot(self, columns: NDArray[np.float64]) -> Positions:
        """The positions of one-hot columns of shape (n, onehot_width)."""
        return self.from_unit(columns)

    def onehot_names(self) -> list[str]:
        """One name a one-hot column."""
        return [self.name]

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        """The number of values of each integer coordinate: one coordinate, k - 1 for a permutation."""
        return (self.size,)

    def to_digits(self, positions: Positions) -> Positions:
        """The integer coordinates, shape (n, len(digit_sizes)), each from 0."""
        return positions[:, None]

    def from_digits(self, digits: Positions) -> Positions:
        """The positions of integer coordinates."""
        return digits[:, 0]

    def digit_names(self) -> list[str]:
        """One name an integer coordinate, for libraries that show it in place of the value."""
        return [f"{self.name}[position]"]

    def unit_mass(self, positions: Positions) -> NDArray[np.float64]:
        """The share of the unit cube that decodes to each of these positions."""
        return np.full(len(positions), 1.0 / self.size)

    @abstractmethod
    def expected(self) -> str:
        """What a value must be, for error messages."""

    def nearest(self, value: Value) -> Value | None:
        """The allowed value nearest to `value`, or None if nothing is near."""
        return None

    def complaint(self, value: Value) -> str:
        """One line that says why `value` is not allowed."""
        near = self.nearest(value)
        hint = "" if near is None else f"; the nearest is {near!r}"
        return f"parameter {self.name!r}: {shown(value)} is not allowed; expected {self.expected()}{hint}"

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments that define its values, in JSON types."""

    def to_dict(self) -> dict[str, Any]:
        """The parameter in JSON types; `parameter_from_dict` is the inverse."""
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        data = {"kind": self.kind, "name": self.name, **self.arguments(), "default": default}
        if self.when:
            data["when"] = {parent: list(values) for parent, values in self.when.items()}
        if self.description:
            data["description"] = self.description
        return data

    def renamed(self, name: str, when: Mapping[str, Any]) -> Self:
        """The same parameter under another name, active under other conditions."""
        other = copy.copy(self)
        other.__dict__.pop("_identity", None)
        Parameter.__init__(other, name, when, self.description)
        return other

    @functools.cached_property
    def _identity(self) -> str:
        return repr(self.to_dict())  # repr, because True == 1 == 1.0

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Parameter) and self._identity == other._identity)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        shown = [f"{key}={value!r}" for key, value in self.to_dict().items() if key not in ("kind", "name")]
        return f"{type(self).__name__}({self.name!r}, {', '.join(shown)})"


def is_name(name: object) -> bool:
    """Whether a parameter can be called so: an identifier, or several with dots between them."""
    return isinstance(name, str) and all(
        part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")
    )


def _clean_when(name: str, when: Mapping[str, Any] | None) -> dict[str, tuple[Value, ...]]:
    if not isinstance(when, Mapping | None):
        raise SpaceError(f"parameter {name!r}: when={shown(when)}; expected {{parameter: values}}")
    cleaned: dict[str, tuple[Value, ...]] = {}
    for parent, values in (when or {}).items():
        listed = (
            values if isinstance(values, list | tuple | set | frozenset | range | np.ndarray) else (values,)
        )
        cleaned[parent] = tuple(plain(value) for value in listed)
        if not cleaned[parent]:
            raise SpaceError(f"parameter {name!r}: when[{parent!r}] is empty, so it could never be active")
    return cleaned
