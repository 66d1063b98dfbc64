"""Trees as flat arrays, and all that a tree model says as one table where it tells few designs apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.space import DesignSpace
from cosearch.surrogates.inputs import of_positions, owners

Matrix = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

MOST_POSITIONS = 1 << 16
"""A parameter with more values is not looked up but compared."""
MOST_ROWS = 1 << 21
MOST_WALKS = 1_000_000_000  # rows times trees: about ten seconds of one core
ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Trees:
    """Regression trees in flat arrays; see `kernels.sum_trees`.

    Attributes:
        roots: (trees,).
        output: the column that a tree adds to, -1 for trees with a value for each.
        feature: (nodes,), -1 for a leaf.
        threshold: (nodes,), float32.
        left: (nodes,).
        right: (nodes,).
        values: (nodes, 1) or (nodes, m).
    """

    roots: NDArray[np.int32]
    output: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    values: NDArray[np.float64]

    KINDS: ClassVar[dict[str, type]] = {
        **dict.fromkeys(("roots", "output", "feature"), np.int32),
        "threshold": np.float32,
        **dict.fromkeys(("left", "right"), np.int32),
        "values": np.float64,
    }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        return {name: getattr(self, name) for name in self.KINDS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, inputs: int, columns: int) -> Trees:
        """The inverse of `arrays`.

        Raises:
            ValueError: for arrays that are no trees: a walk would not end, or leave them.
        """
        trees = cls(**{name: np.asarray(arrays[name], dtype=kind) for name, kind in cls.KINDS.items()})
        n, inner = len(trees.feature), trees.feature >= 0
        if any(len(getattr(trees, name)) != n for name in ("threshold", "left", "right", "values")):
            raise ValueError("its trees do not fit together")
        for child in (trees.left, trees.right):
            if not ((child[inner] > np.flatnonzero(inner)) & (child[inner] < n)).all():
                raise ValueError("a node of a tree leads nowhere")
        if not ((trees.roots >= 0) & (trees.roots < n)).all() or len(trees.output) != len(trees.roots):
            raise ValueError("a tree has no root")
        shared = trees.output < 0
        if trees.feature.max(initial=-1) >= inputs or (trees.output >= columns).any():
            raise ValueError("its trees are of other designs or metrics")
        if trees.values.ndim != 2 or (shared.any() and trees.values.shape[1] != columns):
            raise ValueError("its trees are of other metrics")
        return trees

    def total(self, inputs: NDArray[Any], columns: int) -> Matrix:
        """The sum over trees for n inputs, (n, columns)."""
        from cosearch.surrogates import kernels

        out, none = np.zeros((len(inputs), columns)), np.zeros((0, 0))
        arguments = np.ascontiguousarray(inputs, dtype=np.float32), *self.arrays().values(), out, none
        kernels.sum_trees(*arguments)
        return out

    def spread(self, inputs: Matrix, columns: int) -> tuple[Matrix, Matrix]:
        """The mean over trees with a value for each column, and their standard deviation, (n, columns)."""
        from cosearch.surrogates import kernels

        out, squares = np.zeros((len(inputs), columns)), np.zeros((len(inputs), columns))
        arguments = np.ascontiguousarray(inputs, dtype=np.float32), *self.arrays().values(), out, squares
        kernels.sum_trees(*arguments)
        mean = out / len(self.roots)
        return mean, np.sqrt(np.maximum(squares / len(self.roots) - mean**2, 0.0))


def joined(parts: list[Trees]) -> Trees:
    """Several sets of trees as one."""
    starts = np.cumsum([0, *(len(part.feature) for part in parts)])[:-1]
    moved = {"roots", "left", "right"}
    return Trees(
        **{
            name: np.concatenate(
                [
                    getattr(part, name) + (start if name in moved else 0)
                    for part, start in zip(parts, starts, strict=True)
                ]
            ).astype(kind)
            for name, kind in Trees.KINDS.items()
        }
    )


@dataclass(frozen=True)
class Table:
    """What a model says of every combination of positions that it tells apart; see `kernels.look_up`.

    Attributes:
        parameter: those that it looks at, (k,).
        start: where the lookup of each begins.
        lookup: what each position adds to the row number, inactive first.
        table: (rows, m).
    """

    parameter: NDArray[np.int32]
    start: NDArray[np.int32]
    lookup: NDArray[np.int32]
    table: NDArray[np.float32]

    KINDS: ClassVar[dict[str, type]] = {
        **dict.fromkeys(("parameter", "start", "lookup"), np.int32),
        "table": np.float32,
    }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        return {name: getattr(self, name) for name in self.KINDS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, space: DesignSpace, columns: int) -> Table:
        """The inverse of `arrays`.

        Raises:
            ValueError: for arrays that are no table over this space: a lookup would leave it.
        """
        made = cls(**{name: np.asarray(arrays[name], dtype=kind) for name, kind in cls.KINDS.items()})
        most = 0
        for parameter, start in zip(made.parameter.tolist(), made.start.tolist(), strict=True):
            size = space.parameters[parameter].size + 1
            part = made.lookup[start : start + size]
            if start < 0 or len(part) < size or part.min() < 0:
                raise ValueError("its table does not fit the space")
            most += int(part.max())
        if made.table.ndim != 2 or made.table.shape[1] != columns or most >= len(made.table):
            raise ValueError("its table does not fit the space")
        return made

    def rows(self, index: NDArray[np.int64]) -> Matrix:
        """The rows of n designs by their positions, (n, m)."""
        from cosearch.surrogates import kernels

        out = np.empty((len(index), self.table.shape[1]))
        arguments = np.ascontiguousarray(index), *self.arrays().values(), out
        kernels.look_up(*arguments)
        return out


def as_table(
    trees: Trees, space: DesignSpace, columns: int, back: Callable[[Matrix], Matrix]
) -> Table | None:
    """The sums of trees as a table; None where it would be too large, or a parameter has too many values.

    Args:
        trees: over the inputs of `space`.
        space: the design space.
        columns: of the sums.
        back: what the table holds in place of sums, row by row.
    """
    owner = owners(space)
    used = sorted({int(owner[f]) for f in np.unique(trees.feature[trees.feature >= 0])})
    if any(space.parameters[p].size > MOST_POSITIONS for p in used):
        return None
    bins, inputs = zip(*(_bins(trees, space, owner, p) for p in used), strict=True) if used else ((), ())
    sizes = [len(rows) for rows in inputs]
    rows = int(np.prod(sizes, dtype=np.int64))
    if rows > MOST_ROWS or rows * len(trees.roots) > MOST_WALKS:
        return None
    strides = np.cumprod([1, *sizes[::-1]])[-2::-1] if used else np.zeros(0, dtype=int)
    table = np.empty((rows, columns), dtype=np.float32)
    for first in range(0, rows, ROWS_AT_ONCE):
        here = np.arange(first, min(first + ROWS_AT_ONCE, rows))
        block = np.zeros((len(here), len(owner)), dtype=np.float32)
        for p, of_bins, stride, size in zip(used, inputs, strides, sizes, strict=True):
            block[:, owner == p] = of_bins[here // stride % size]
        table[here] = back(trees.total(block, columns))
    lengths = [len(one) for one in bins]
    return Table(
        np.array(used, dtype=np.int32),
        np.cumsum([0, *lengths])[:-1].astype(np.int32),
        np.concatenate([one * stride for one, stride in zip(bins, strides, strict=True)]).astype(np.int32)
        if used
        else np.zeros(0, dtype=np.int32),
        table,
    )


def _bins(
    trees: Trees, space: DesignSpace, owner: NDArray[np.int64], parameter: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which positions no node tells apart: the bin of each, inactive first, and the inputs of each bin."""
    inputs = of_positions(space, parameter).astype(np.float32)
    if not space.parameters[parameter].when:  # never inactive
        inputs[0] = inputs[1]
    first = int(np.flatnonzero(owner == parameter)[0])
    nodes = np.flatnonzero(np.isin(trees.feature, np.flatnonzero(owner == parameter)))
    looks = np.unique(np.stack([trees.feature[nodes] - first, trees.threshold[nodes]], axis=1), axis=0)
    goes_left = inputs[:, looks[:, 0].astype(int)] <= looks[:, 1].astype(np.float32)
    _, representative, bin_of = np.unique(goes_left, axis=0, return_index=True, return_inverse=True)
    return bin_of.reshape(-1).astype(np.int64), inputs[representative]
