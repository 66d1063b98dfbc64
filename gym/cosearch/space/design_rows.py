"""An immutable batch of points of one space, stored as one integer array: all of `Designs` but its name.

It needs of its space only what `SpaceModel` says of it; `Designs`, beside `DesignSpace`, is the batch whose
space is one of those. `parsing.py` makes the array out of what a user writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError
from cosearch.space.parameters import Positions
from cosearch.space.space_model import SpaceModel

Design = dict[str, Any]
SpaceT = TypeVar("SpaceT", bound=SpaceModel, covariant=True)


class DesignRows(Sequence[Design], Generic[SpaceT]):
    """A batch of designs; see `Designs`."""

    __slots__ = ("_allowed", "index", "space")

    index: Positions  # type: ignore[assignment]  # the array is more useful than Sequence's search

    def __init__(self, space: SpaceT, index: Positions, allowed: NDArray[np.bool_] | None = None) -> None:
        self.space = space
        self.index = index
        self._allowed = allowed
        index.flags.writeable = False
        if allowed is not None:
            allowed.flags.writeable = False

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Design]:
        return iter(self.to_dicts())

    @overload
    def __getitem__(self, which: int | np.integer[Any]) -> Design: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any]) -> Self: ...
    @overload
    def __getitem__(self, which: str) -> NDArray[Any]: ...
    def __getitem__(self, which: Any) -> Any:
        """One design as a dict, some designs as a batch, or the column of a parameter."""
        if isinstance(which, slice):
            return self._taken(which)
        if isinstance(which, str):
            return self.column(which)
        if isinstance(which, int | np.integer):
            return self._row(self.index[which])
        which = np.asarray(which)
        return self._taken(which if which.dtype == np.bool_ else which.astype(np.int64))

    def _taken(self, which: slice | NDArray[Any]) -> Self:
        allowed = None if self._allowed is None else self._allowed[which]
        return type(self)(self.space, np.asfortranarray(self.index[which]), allowed)

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """Which designs fulfil no forbidden rule; found out at most once for a batch, read-only."""
        if self._allowed is None:
            self._allowed = ~self.space.forbidden_mask(self.index)
            self._allowed.flags.writeable = False
        return self._allowed

    def column(self, name: str) -> NDArray[Any]:
        """The values of a parameter, its default where inactive; shape (n, k) for a permutation."""
        column = self.space.column_number(name)
        parameter, positions = self.space.parameters[column], self.index[:, column]
        if self.space.conditions[column]:
            positions = np.where(positions < 0, parameter.default_index, positions)
        return parameter.column(positions)

    def active(self, name: str) -> NDArray[np.bool_]:
        """In which designs the parameter is active."""
        return self.index[:, self.space.column_number(name)] >= 0

    def part(self, name: str) -> Self:
        """What the designs are in a part of a joined space, as designs of that part.

        A parameter that only the whole makes inactive has its default there.

        Raises:
            UnknownNameError: there is no such part or group.
        """
        part, columns = self.space.part(name), self.space.part_columns(name)
        index = np.asfortranarray(self.index[:, columns])
        return type(self)(part, part.canonical(np.where(index < 0, part.default_positions, index)))

    def packed(self) -> NDArray[Any]:
        """The positions in the smallest integers that hold them, shape (n, parameters), in C order.

        `DesignSpace.designs_from_packed` is the inverse. Equal designs have equal rows, whatever is held.
        """
        return self.index.astype(self.space.key_dtype, order="C")

    def keys(self) -> list[bytes]:
        """One short key for each design, equal exactly for equal designs and the same in every process."""
        packed = self.packed()
        if len(packed) == 1:
            return [packed.tobytes()]
        return packed.view(np.dtype((np.void, packed.itemsize * packed.shape[1])))[:, 0].tolist()

    def to_dicts(self) -> list[Design]:
        """The designs as plain dicts of plain Python values."""
        if len(self) <= 4:
            return [self._row(row) for row in self.index]
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

    def _row(self, positions: Positions) -> Design:
        parameters = zip(self.space.parameters, positions.tolist(), strict=True)
        return {parameter.name: parameter.value_at(at) for parameter, at in parameters if at >= 0}

    @classmethod
    def concat(cls, batches: Sequence[Self]) -> Self:
        """The batches one after the other.

        Raises:
            SpaceError: there is no batch, or they are of different spaces.
        """
        if not batches:
            raise SpaceError("concat needs at least one batch of designs, got none")
        space = batches[0].space
        if any(batch.space is not space and batch.space != space for batch in batches):
            raise SpaceError("concat needs designs of one space, got several spaces")
        known = [batch._allowed for batch in batches if batch._allowed is not None]
        return cls(
            space,
            np.asfortranarray(np.concatenate([batch.index for batch in batches])),
            np.concatenate(known) if len(known) == len(batches) else None,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DesignRows):
            return NotImplemented
        return self.space == other.space and np.array_equal(self.index, other.index)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.space, self.index, self._allowed)

    def __repr__(self) -> str:
        shown = ", ".join(repr(design) for design in self[:3])
        return (
            f"Designs({len(self)} of {self.space.name or 'space'}: {shown}{', ...' if len(self) > 3 else ''})"
        )


DesignsLike = DesignRows[SpaceModel] | Mapping[str, Any] | Sequence[Mapping[str, Any]]
