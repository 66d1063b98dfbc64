"""Designs: an immutable batch of points of one design space, stored as one integer array.

`parsing.py` makes a batch out of what a user writes; `DesignSpace` encodes and decodes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError
from cosearch.space.held import Held
from cosearch.space.parameters import Positions

if TYPE_CHECKING:
    from cosearch.space.design_space import DesignSpace

Design = dict[str, Any]


class Designs(Sequence[Design]):
    """A batch of designs; made by a `DesignSpace`, never directly.

    Iterating gives plain dicts {parameter: value} of the active parameters. Columns are typed arrays.

    Attributes:
        space: the design space.
        index: int64 positions, shape (n, parameters), -1 where a parameter is inactive; read-only.
    """

    index: Positions  # type: ignore[assignment]  # the array is more useful than Sequence's search

    def __init__(self, space: DesignSpace, index: Positions) -> None:
        self.space = space
        self.index = index
        self.index.flags.writeable = False

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Design]:
        return iter(self.to_dicts())

    @overload
    def __getitem__(self, which: int | np.integer[Any]) -> Design: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Designs: ...
    @overload
    def __getitem__(self, which: str) -> NDArray[Any]: ...
    def __getitem__(self, which: Any) -> Any:
        """One design as a dict, some designs as Designs, or the column of a parameter."""
        if isinstance(which, str):
            return self.column(which)
        if isinstance(which, int | np.integer):
            return self[[range(len(self))[which]]].to_dicts()[0]
        if not isinstance(which, slice):
            which = np.asarray(which)
            which = which if which.dtype == np.bool_ else which.astype(np.int64)
        return Designs(self.space, np.asfortranarray(self.index[which]))

    def column(self, name: str) -> NDArray[Any]:
        """The values of a parameter, its default where inactive; shape (n, k) for a permutation."""
        parameter = self.space[name]
        positions = self.index[:, self.space.column_number(name)]
        return parameter.column(np.where(positions < 0, parameter.default_index, positions))

    def active(self, name: str) -> NDArray[np.bool_]:
        """In which designs the parameter is active."""
        return self.index[:, self.space.column_number(name)] >= 0

    def released(self) -> Designs:
        """The same designs in the space in which nothing is held."""
        if not self.space.held:
            return self
        index = self.index.copy(order="F")
        for column, parameter in enumerate(self.space.parameters):
            if isinstance(parameter, Held):
                index[:, column] = parameter.released(index[:, column])
        return Designs(self.space.base, index)

    def keys(self) -> list[bytes]:
        """One short key a design, equal exactly for equal designs and the same in every process."""
        packed = self.index.astype(self.space.key_dtype, order="C")
        raw, width = packed.tobytes(), packed.itemsize * packed.shape[1]
        return [raw[i : i + width] for i in range(0, len(raw), width)]

    def to_dicts(self) -> list[Design]:
        """The designs as plain dicts of plain Python values."""
        columns = []
        for j, parameter in enumerate(self.space.parameters):
            positions = self.index[:, j]
            columns.append(parameter.values_at(np.where(positions < 0, parameter.default_index, positions)))
        names = self.space.names
        rows = zip(*columns, strict=True)
        if (self.index >= 0).all():
            return [dict(zip(names, row, strict=True)) for row in rows]
        return [
            {
                name: value
                for name, value, position in zip(names, row, positions, strict=True)
                if position >= 0
            }
            for row, positions in zip(rows, self.index.tolist(), strict=True)
        ]

    @staticmethod
    def concat(batches: Sequence[Designs]) -> Designs:
        """The batches one after the other.

        Raises:
            SpaceError: there is no batch, or they are of different spaces.
        """
        if not batches:
            raise SpaceError("concat needs at least one batch of designs, got none")
        space = batches[0].space
        if any(batch.space != space for batch in batches):
            raise SpaceError("concat needs designs of one space, got several spaces")
        return Designs(space, np.asfortranarray(np.concatenate([batch.index for batch in batches])))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Designs):
            return NotImplemented
        return self.space == other.space and np.array_equal(self.index, other.index)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Designs, (self.space, self.index)

    def __repr__(self) -> str:
        shown = ", ".join(repr(design) for design in self[:3])
        return (
            f"Designs({len(self)} of {self.space.name or 'space'}: {shown}{', ...' if len(self) > 3 else ''})"
        )
