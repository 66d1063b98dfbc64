"""The loop nest that every operator with multiplications comes down to: one form for all accelerator models.

    Outputs[g, n, k, p, q] += Weights[g, k, c, r, s]
                            * Inputs[g, n, c, p * stride_p + r * dilation_r, q * stride_q + s * dilation_s]

A matrix product of (M, K) and (K, N) is the nest with P = M, C = K and K = N; a batch of them, or the groups
of a convolution (a depthwise one has as many as channels), is G. Padding is part of the input's extent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from numbers import Real

LOOPS = ("G", "N", "K", "C", "P", "Q", "R", "S")
"""Groups, batch, output channels, input channels, output rows and columns, filter rows and columns. A loop's
number is its position."""

TENSORS = ("Weights", "Inputs", "Outputs")
"""A tensor's number is its position."""

RELEVANT = {
    "Weights": ("G", "K", "C", "R", "S"),
    "Inputs": ("G", "N", "C", "P", "Q", "R", "S"),
    "Outputs": ("G", "N", "K", "P", "Q"),
}
"""The loops that index each tensor."""


LARGEST_STEP = 2**20
"""Of a stride or a dilation; far beyond any network's, and small enough for extents to be counted exactly."""


@dataclass(frozen=True)
class LoopNest:
    """One operator's loops.

    Attributes:
        sizes: iterations of each of `LOOPS`.
        stride: of the output rows and columns (P, Q), in input elements.
        dilation: of the filter rows and columns (R, S), in input elements.

    Example:
        >>> LoopNest.of({"K": 64, "C": 3, "P": 112, "Q": 112, "R": 7, "S": 7}, stride=(2, 2)).macs
        118013952

    Raises:
        ValueError: a size, stride or dilation that is no whole number or below 1.
    """

    sizes: tuple[int, int, int, int, int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for name, size in zip(LOOPS, self.sizes, strict=True):
            if not isinstance(size, Real) or size % 1 != 0 or size < 1:
                raise ValueError(f"loop {name} must have at least 1 iteration, a whole number; got {size!r}")
        for step in (*self.stride, *self.dilation):
            if not isinstance(step, Real) or step % 1 != 0 or not 1 <= step <= LARGEST_STEP:
                raise ValueError(
                    f"stride and dilation must be whole numbers from 1 to {LARGEST_STEP}, "
                    f"got {self.stride} and {self.dilation}"
                )

    @classmethod
    def of(
        cls,
        sizes: Mapping[str, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> LoopNest:
        """The nest with these sizes; loops that are not named have one iteration."""
        unknown = set(sizes) - set(LOOPS)
        if unknown:
            raise ValueError(f"unknown loop {min(unknown)!r}, the loops are {', '.join(LOOPS)}")
        return cls(tuple(sizes.get(name, 1) for name in LOOPS), stride, dilation)  # type: ignore[arg-type]

    def size(self, loop: str) -> int:
        """Iterations of a loop."""
        return self.sizes[LOOPS.index(loop)]

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return prod(self.sizes)

    @cached_property
    def input_extent(self) -> tuple[int, int]:
        """Rows and columns of the input that one output image touches, padding included."""
        size = dict(zip(LOOPS, self.sizes, strict=True))
        return (
            (size["P"] - 1) * self.stride[0] + (size["R"] - 1) * self.dilation[0] + 1,
            (size["Q"] - 1) * self.stride[1] + (size["S"] - 1) * self.dilation[1] + 1,
        )

    @cached_property
    def tensor_sizes(self) -> dict[str, int]:
        """Elements of each tensor."""
        g, n, k, c, p, q, r, s = self.sizes
        rows, columns = self.input_extent
        return {
            "Weights": g * k * c * r * s,
            "Inputs": g * n * c * rows * columns,
            "Outputs": g * n * k * p * q,
        }
