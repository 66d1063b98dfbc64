"""What a surrogate has seen of a design space, and which designs lie outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace
from cosearch.surrogates.inputs import UNORDERED, encoded

Matrix = NDArray[np.float64]
MOST_POSITIONS = 1 << 16
ANCHORS = 512
FAR = 1.5
"""A design is far if it is so many times as far from what was seen as those were from each other."""


@dataclass(frozen=True)
class Seen:
    """What was seen.

    Attributes:
        lowest: the lowest position of each parameter, (parameters,).
        highest: the highest.
        seen: of each parameter without an order, which values, inactive first; all parameters in a row.
        start: where each parameter begins in `seen`, -1 where only lowest and highest count.
        anchors: inputs of some of the designs, (at most `ANCHORS`, inputs).
        reach: how far designs may be from the nearest anchor.
    """

    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    seen: NDArray[np.bool_]
    start: NDArray[np.int64]
    anchors: NDArray[np.float32]
    reach: float

    @classmethod
    def of(cls, designs: Designs, seed: int) -> Seen:
        """What n designs show."""
        space, index = designs.space, designs.index
        start, parts, place = [], [], 0
        for column, parameter in enumerate(space.parameters):
            if parameter.kind not in UNORDERED or parameter.size > MOST_POSITIONS:
                start.append(-1)
                continue
            start.append(place)
            parts.append(np.isin(np.arange(-1, parameter.size), index[:, column]))
            place += parameter.size + 1
        inputs = encoded(space, designs).astype(np.float32)
        order = np.random.default_rng(seed).permutation(len(inputs))
        anchors, others = inputs[order[:ANCHORS]], inputs[order[ANCHORS : 2 * ANCHORS]]
        if not len(others):
            half = len(anchors) // 2
            between = _nearest(anchors[half:], anchors[:half]) if half else np.zeros(1)
        else:
            between = _nearest(others, anchors)
        active = index >= 0
        return cls(
            np.where(active, index, np.iinfo(np.int64).max).min(axis=0),
            index.max(axis=0),
            np.concatenate(parts) if parts else np.zeros(0, dtype=bool),
            np.array(start),
            anchors,
            FAR * float(between.max()),
        )

    def outside(self, designs: Designs) -> NDArray[np.object_]:
        """Why each design is outside of what was seen, "" where it is not, shape (n,)."""
        index, space = designs.index, designs.space
        why = np.full(len(index), "", dtype=object)
        far = _nearest(encoded(space, designs).astype(np.float32), self.anchors) > self.reach
        why[far] = "far from every design that was seen"
        for column, parameter in enumerate(space.parameters):
            positions = index[:, column]
            active = positions >= 0
            if self.start[column] >= 0:
                new = ~self.seen[self.start[column] + positions + 1]
            else:
                new = active & ((positions < self.lowest[column]) | (positions > self.highest[column]))
            for position in np.unique(positions[new]).tolist():
                text = "inactive" if position < 0 else f"= {parameter.value_at(position)}"
                why[new & (positions == position)] = f"{parameter.name} {text} was never seen"
        return why

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        names = ("lowest", "highest", "seen", "start", "anchors")
        return {**{name: getattr(self, name) for name in names}, "reach": np.array(self.reach)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], space: DesignSpace, inputs: int) -> Seen:
        """The inverse of `arrays`; `ValueError` for what is of another space."""
        made = cls(
            np.asarray(arrays["lowest"], dtype=np.int64),
            np.asarray(arrays["highest"], dtype=np.int64),
            np.asarray(arrays["seen"], dtype=bool),
            np.asarray(arrays["start"], dtype=np.int64),
            np.asarray(arrays["anchors"], dtype=np.float32),
            float(arrays["reach"]),
        )
        d = len(space.parameters)
        if any(len(one) != d for one in (made.lowest, made.highest, made.start)):
            raise ValueError("what it has seen is of another space")
        ends = [s + p.size + 1 for s, p in zip(made.start.tolist(), space.parameters, strict=True) if s >= 0]
        if max(ends, default=0) > len(made.seen) or made.anchors.shape[1:] != (inputs,):
            raise ValueError("what it has seen is of another space")
        return made


def _nearest(inputs: NDArray[np.float32], anchors: NDArray[np.float32]) -> Matrix:
    from cosearch.surrogates import kernels

    out = np.empty(len(inputs))
    kernels.nearest_distance(inputs, anchors, out)
    return out
