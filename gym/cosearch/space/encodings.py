"""The encodings that are one float array: the unit cube for Bayesian optimisation, one-hot for regressors.

Each parameter owns a block of neighbouring columns. The block of an inactive parameter is 1/2 in the unit
cube and 0 in one-hot; decoding ignores it. A held parameter keeps its block, which decoding ignores too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError
from cosearch.space.designs import Designs, DesignsLike
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.parsing import as_rows

if TYPE_CHECKING:
    from cosearch.space.design_space import DesignSpace

INACTIVE_UNIT = 0.5
INACTIVE_ONEHOT = 0.0


def decode_unit(space: DesignSpace, unit: NDArray[np.float64]) -> Positions:
    """The index array of points that are known to lie in the unit cube."""
    return space.canonical(space.unit_layout.decode(unit, [p.from_unit for p in space.parameters]))


def to_unit(space: DesignSpace, designs: DesignsLike) -> NDArray[np.float64]:
    """Points of the unit cube, shape (n, unit_dim); 1/2 where inactive. A permutation has k of them."""
    encoders = [parameter.to_unit for parameter in space.parameters]
    return space.unit_layout.encode(space.designs(designs).index, encoders, INACTIVE_UNIT)


def from_unit(space: DesignSpace, array: ArrayLike) -> Designs:
    """The designs whose cells of the unit cube hold these points.

    Raises:
        DesignError: a wrong shape, or a coordinate that is not in [0, 1].
    """
    return Designs(space, decode_unit(space, space.unit_layout.checked(array, 0.0, 1.0)))


def to_onehot(space: DesignSpace, designs: DesignsLike) -> NDArray[np.float64]:
    """Numbers as in the unit cube, a permutation as its matrix, all else with one column for each value."""
    encoders = [parameter.to_onehot for parameter in space.parameters]
    return space.onehot_layout.encode(space.designs(designs).index, encoders, INACTIVE_ONEHOT)


def from_onehot(space: DesignSpace, array: ArrayLike) -> Designs:
    """The inverse of `to_onehot`; of several non-zero columns of a parameter the largest counts.

    Raises:
        DesignError: a wrong shape, or an entry that is not in [0, 1].
    """
    columns = space.onehot_layout.checked(array, 0.0, 1.0)
    decoders = [parameter.from_onehot for parameter in space.parameters]
    return Designs(space, space.canonical(space.onehot_layout.decode(columns, decoders)))


class BlockLayout:
    """Which columns belong to which parameter.

    Attributes:
        blocks: one slice for each parameter.
        names: one name for each column: "rows", "loop_order[2]", "row_policy=open".
    """

    def __init__(self, widths: Sequence[int], names: Sequence[str], even: Sequence[int | None]) -> None:
        """Lay the blocks out.

        Args:
            widths: the number of columns of each parameter.
            names: of all columns.
            even: the number of equal bins that a parameter's one column is cut into, or None: these are coded
                together, whatever their kind.
        """
        ends = np.cumsum([0, *widths]).tolist()
        self.blocks = [slice(start, end) for start, end in itertools.pairwise(ends)]
        self.width: int = ends[-1]
        self.names = tuple(names)
        self._others = [j for j, bins in enumerate(even) if bins is None]
        together = [j for j, bins in enumerate(even) if bins is not None]
        self._even = np.array(together, dtype=np.int64)
        self._even_at = np.array([ends[j] for j in together], dtype=np.int64)
        self._bins = np.array([even[j] for j in together], dtype=np.int64)

    @classmethod
    def unit(cls, parameters: Sequence[Parameter]) -> BlockLayout:
        """The layout of the unit cube."""
        names = [
            f"{p.name}[{i}]" if p.unit_width > 1 else p.name for p in parameters for i in range(p.unit_width)
        ]
        even = [p.size if p.evenly_cut else None for p in parameters]
        return cls([p.unit_width for p in parameters], names, even)

    @classmethod
    def onehot(cls, parameters: Sequence[Parameter]) -> BlockLayout:
        """The layout of one-hot."""
        names = [name for p in parameters for name in p.onehot_names()]
        return cls([p.onehot_width for p in parameters], names, [None] * len(parameters))

    def encode(
        self,
        index: Positions,
        encoders: Sequence[Callable[[Positions], NDArray[Any]]],
        inactive: float,
    ) -> NDArray[np.float64]:
        """Every parameter's columns side by side."""
        if not self._others:
            return np.where(index < 0, inactive, (index + 0.5) / self._bins)
        encoded = np.full((len(index), self.width), inactive)
        if len(self._even):
            even = index[:, self._even]
            encoded[:, self._even_at] = np.where(even < 0, inactive, (even + 0.5) / self._bins)
        for j in self._others:
            block, encoder, positions = self.blocks[j], encoders[j], index[:, j]
            active = positions >= 0
            if active.all():
                encoded[:, block] = encoder(positions).reshape(len(index), block.stop - block.start)
            else:
                encoded[active, block] = encoder(positions[active]).reshape(-1, block.stop - block.start)
        return encoded

    def decode(
        self,
        encoded: NDArray[np.float64],
        decoders: Sequence[Callable[[NDArray[np.float64]], Positions]],
    ) -> Positions:
        """The positions that they stand for, whether active or not."""
        index = np.empty((len(encoded), len(self.blocks)), dtype=np.int64, order="F")
        if not self._others:
            np.multiply(encoded, self._bins, out=index, casting="unsafe")
            return np.minimum(index, self._bins - 1, out=index)
        if len(self._even):
            even = (encoded[:, self._even_at] * self._bins).astype(np.int64)
            index[:, self._even] = np.minimum(even, self._bins - 1)
        for j in self._others:
            index[:, j] = decoders[j](encoded[:, self.blocks[j]])
        return index

    def checked(self, array: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
        """The array as float64 of shape (n, width); one design may be given as a vector.

        Raises:
            DesignError: a wrong shape, or an entry that is not between low and high.
        """
        values = as_rows(array, np.float64, self.width)
        wrong = ~((values >= low) & (values <= high))
        if wrong.any():
            i, c = np.argwhere(wrong)[0]
            raise DesignError(
                f"design {i}: coordinate {c} ({self.names[c]}) is {values[i, c]}; "
                f"expected {low:g} to {high:g}"
            )
        return values
