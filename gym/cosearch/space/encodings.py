"""The encodings that are one float array: the unit cube for Bayesian optimisation, and one-hot for regressors.

Each parameter owns a block of neighbouring columns. The block of an inactive parameter is 1/2 in the unit
cube and 0 in one-hot; decoding ignores it. Gymnasium's Box is the unit cube stretched to [-1, 1].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError
from cosearch.space.conditions import Condition, deactivate
from cosearch.space.parameters import Parameter, Positions

INACTIVE_UNIT = 0.5
INACTIVE_ONEHOT = 0.0


class BlockLayout:
    """Which columns belong to which parameter.

    Attributes:
        blocks: one slice a parameter.
        names: one name a column: "rows", "loop_order[2]", "row_policy=open".
    """

    def __init__(self, widths: Sequence[int], names: Sequence[str]) -> None:
        ends = np.cumsum([0, *widths]).tolist()
        self.blocks = [slice(start, end) for start, end in itertools.pairwise(ends)]
        self.width: int = ends[-1]
        self.names = tuple(names)

    @classmethod
    def unit(cls, parameters: Sequence[Parameter]) -> BlockLayout:
        """The layout of the unit cube."""
        names = [
            f"{p.name}[{i}]" if p.unit_width > 1 else p.name for p in parameters for i in range(p.unit_width)
        ]
        return cls([p.unit_width for p in parameters], names)

    @classmethod
    def onehot(cls, parameters: Sequence[Parameter]) -> BlockLayout:
        """The layout of one-hot."""
        return cls(
            [p.onehot_width for p in parameters], [name for p in parameters for name in p.onehot_names()]
        )

    def encode(
        self,
        index: Positions,
        encoders: Sequence[Callable[[Positions], NDArray[np.float64]]],
        inactive: float,
    ) -> NDArray[np.float64]:
        """Every parameter's columns side by side."""
        encoded = np.full((len(index), self.width), inactive)
        for j, (block, encoder) in enumerate(zip(self.blocks, encoders, strict=True)):
            positions = index[:, j]
            active = positions >= 0
            if active.all():
                encoded[:, block] = encoder(positions).reshape(len(index), -1)
            else:
                encoded[active, block] = encoder(positions[active]).reshape(int(active.sum()), -1)
        return encoded

    def decode(
        self,
        encoded: NDArray[np.float64],
        decoders: Sequence[Callable[[NDArray[np.float64]], Positions]],
        conditions: Sequence[Sequence[Condition]],
    ) -> Positions:
        """The canonical index array."""
        index = np.empty((len(encoded), len(self.blocks)), dtype=np.int64, order="F")
        for j, (block, decoder) in enumerate(zip(self.blocks, decoders, strict=True)):
            index[:, j] = decoder(encoded[:, block])
        return deactivate(index, conditions)

    def checked(self, array: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
        """The array as float64 of shape (n, width); one design may be given as a vector.

        Raises:
            DesignError: a wrong shape, or an entry that is not between low and high.
        """
        values = _as_rows(array, np.float64, self.width)
        wrong = ~((values >= low) & (values <= high))
        if wrong.any():
            i, c = np.argwhere(wrong)[0]
            raise DesignError(
                f"design {i}: coordinate {c} ({self.names[c]}) is {values[i, c]}; expected {low:g} to {high:g}"
            )
        return values


def checked_integers(array: ArrayLike, names: Sequence[str], lows: Positions, sizes: Positions) -> Positions:
    """The array as int64 of shape (n, len(names)), column c within lows[c] and sizes[c] - 1.

    Raises:
        DesignError: a wrong shape, numbers that are not integers, or an entry out of range.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "iu" and values.size:
        raise DesignError(f"expected an array of integers, not of {values.dtype}")
    values = _as_rows(values, np.int64, len(names))
    wrong = (values < lows) | (values >= sizes)
    if wrong.any():
        i, c = np.argwhere(wrong)[0]
        raise DesignError(f"design {i}: {names[c]!r} is {values[i, c]}; expected {lows[c]} to {sizes[c] - 1}")
    return values


def _as_rows(array: ArrayLike, dtype: type, width: int) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.asarray(array, dtype=dtype)
    except (TypeError, ValueError):
        raise DesignError(f"expected an array of numbers of shape (n, {width})") from None
    if values.ndim == 1:
        values = values[None, :]
    if values.ndim != 2 or values.shape[1] != width:
        raise DesignError(f"expected an array of shape (n, {width}) or ({width},), not {np.shape(array)}")
    return values
