"""A layer in the words of the directive language: named dimensions, and which of them index which tensor.

Convolutions are written in input rows and columns (Y and X, padding included); their outputs are what the
filter (R and S) leaves of them. Groups with one channel each are the kind DSCONV, matrix products the kind
GEMM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import LoopNest

DIMENSIONS = {
    "CONV": ("C", "K", "R", "S", "X", "Y"),
    "DSCONV": ("C", "R", "S", "X", "Y"),
    "GEMM": ("K", "M", "N"),
}
"""The dimensions of each kind of layer. A dimension's number is its position."""

COUPLED = {
    "CONV": ("KCRS", "CYX", "KYX"),
    "DSCONV": ("CRS", "CYX", "CYX"),
    "GEMM": ("KN", "MK", "MN"),
}
"""The dimensions that index each of `TENSORS`."""

FILTER_OF = {"Y": "R", "X": "S"}
"""The filter dimension that slides over an input dimension of a convolution."""

_LARGEST_WORK = 1 << 50


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        kind: CONV, DSCONV (depthwise) or GEMM.
        sizes: elements of each of `DIMENSIONS[kind]`.
        stride: of the outputs over X and Y (columns, rows), in input elements.

    Raises:
        SimulatorError: an unknown kind, a size or stride below 1, an input smaller than its filter, or more
            than 2**50 multiplications.
    """

    kind: str
    sizes: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if self.kind not in DIMENSIONS:
            raise SimulatorError(unknown("kind of layer", self.kind, DIMENSIONS))
        names = DIMENSIONS[self.kind]
        if len(self.sizes) != len(names):
            raise SimulatorError(
                f"{self.kind} has the dimensions {', '.join(names)}, got {len(self.sizes)} sizes"
            )
        for name, size in zip(names, self.sizes, strict=True):
            if size < 1:
                raise SimulatorError(f"dimension {name} must be at least 1, got {size}")
        if min(self.stride) < 1:
            raise SimulatorError(f"the stride must be at least 1, got {self.stride}")
        for name in FILTER_OF:
            if name in names and self.size(name) < self.size(FILTER_OF[name]):
                raise SimulatorError(
                    f"the input's {name} = {self.size(name)} is smaller than the filter's "
                    f"{FILTER_OF[name]} = {self.size(FILTER_OF[name])}"
                )
        if np.prod([float(size) for size in self.sizes]) > _LARGEST_WORK:
            product = " x ".join(map(str, self.sizes))
            raise SimulatorError(f"the dimensions {', '.join(names)} = {product} multiply to more than 2**50")

    @classmethod
    def of(cls, kind: str, sizes: Mapping[str, int], stride: tuple[int, int] = (1, 1)) -> Layer:
        """The layer with these sizes; dimensions that are not named have one element."""
        names = DIMENSIONS.get(kind, ())
        unknown = [name for name in sizes if name not in names and sizes[name] != 1]
        if unknown and names:
            raise SimulatorError(
                f"{kind} has no dimension {unknown[0]}, its dimensions are {', '.join(names)}"
            )
        return cls(kind, tuple(sizes.get(name, 1) for name in names), stride)

    @classmethod
    def of_nest(cls, nest: LoopNest) -> Layer:
        """The layer of a loop nest.

        Raises:
            SimulatorError: the nest has a batch, a dilation, or groups of more than one channel, none of
                which the directive language has.
        """
        size = dict(zip("GNKCPQRS", nest.sizes, strict=True))
        if size["N"] > 1:
            raise SimulatorError(f"a layer of MAESTRO is one image, got a batch of {size['N']}")
        if max(nest.dilation) > 1:
            raise SimulatorError(f"a layer of MAESTRO has no dilation, got {nest.dilation}")
        if nest.sizes[0] == 1 and size["Q"] == size["R"] == size["S"] == 1:
            return cls.of("GEMM", {"M": size["P"], "N": size["K"], "K": size["C"]})
        rows, columns = nest.input_extent
        sizes = {"K": size["K"], "C": size["C"], "R": size["R"], "S": size["S"], "Y": rows, "X": columns}
        stride = (nest.stride[1], nest.stride[0])
        if size["G"] == 1:
            return cls.of("CONV", sizes, stride)
        if size["K"] > 1 or size["C"] > 1:
            raise SimulatorError(
                f"a layer of MAESTRO has groups of one channel only, got {size['G']} groups of "
                f"{size['C']} to {size['K']} channels"
            )
        return cls.of("DSCONV", sizes | {"C": size["G"]}, stride)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names, in the order of `sizes`."""
        return DIMENSIONS[self.kind]

    def size(self, name: str) -> int:
        """Elements of a dimension."""
        return self.sizes[self.dimensions.index(name)]

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Sizes, strides and filters as for `levels.complete`; whether (tensor, dimension) are coupled."""
        names = self.dimensions
        stride = {"X": self.stride[0], "Y": self.stride[1]}
        filters = [names.index(FILTER_OF[name]) if name in FILTER_OF else -1 for name in names]
        coupled = [[name in tensor for name in names] for tensor in COUPLED[self.kind]]
        return (
            np.array(self.sizes, np.int64),
            np.array([stride.get(name, 1) for name in names], np.int64),
            np.array(filters, np.int64),
            np.array(coupled, np.bool_),
        )

    @cached_property
    def tensor_sizes(self) -> tuple[int, int, int]:
        """Elements of each of `TENSORS`; outputs at every position where the filter fits, as the tool."""
        weights, inputs, outputs = 1, 1, 1
        for name in COUPLED[self.kind][0]:
            weights *= self.size(name)
        for name in COUPLED[self.kind][1]:
            inputs *= self.size(name)
        for name in COUPLED[self.kind][2]:
            window = self.size(FILTER_OF[name]) if name in FILTER_OF else 1
            outputs *= self.size(name) - window + 1
        return weights, inputs, outputs
