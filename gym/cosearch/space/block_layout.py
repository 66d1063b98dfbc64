"""Which columns of a float encoding belong to which parameter; whole batches are coded at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError
from cosearch.space.arrays import as_rows
from cosearch.space.parameters import Parameter, Positions


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
