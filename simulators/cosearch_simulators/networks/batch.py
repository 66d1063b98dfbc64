"""Builds the networks of n designs at once, operator by operator: `NetworkBuilder` over columns.

Every size is a number or a column of n numbers, and an operator may be missing in some of the designs. Shapes
and counting rules are those of `workloads`: a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]

NEST_COLUMNS, CONSTANT, BIAS, ROW_COLUMNS = 12, 12, 13, 14
"""A layer's row: the columns of `accelerator.common.nest_tables` for a nest (eight sizes in the order of
`LOOPS`, stride and dilation of rows and columns), whether its weights are constants, bias elements."""

LAST_SLOT = np.int32(1 << 30)


@dataclass
class Feature:
    """A tensor in each of n networks.

    Attributes:
        source: (n,) number of the operator that made it; -1 for the network's input.
        channels: (n,).
        rows: (n,).
        columns: (n,).
    """

    source: NDArray[np.int32]
    channels: Ints
    rows: Ints
    columns: Ints

    @property
    def elements(self) -> Ints:
        """(n,) numbers that it holds."""
        return self.channels * self.rows * self.columns

    def reshape(self, channels: ArrayLike, rows: ArrayLike = 1, columns: ArrayLike = 1) -> Feature:
        """The same data seen in another shape, or a part of them."""
        shape = [
            np.broadcast_to(np.asarray(size, np.int64), self.source.shape)
            for size in (channels, rows, columns)
        ]
        return Feature(self.source, *shape)


@dataclass
class Slot:
    """An operator that some of the n networks have.

    Attributes:
        name: of the operator.
        active: (n,) which networks have it.
        row: columns of a layer's row, each a number or (n,); None for a vector operator.
        inputs: what it reads.
        constants: (n,) trained numbers beyond weights and biases: of a vector operator, or the second one for
            each channel of a folded normalisation.
        output: (n,) elements.
        stage: number of the part of the network that it belongs to.
        kind: what it is in `workloads`: convolution, up_convolution, linear, product, or the name of a
            function.
        padding: (n,) rows and columns of zeros around a convolution's input.
        fused: whether it is applied to what leaves the operator before, and makes no tensor of its own.
    """

    name: str
    active: NDArray[np.bool_]
    row: tuple[ArrayLike, ...] | None
    inputs: tuple[Feature, ...]
    output: Ints
    stage: int
    constants: ArrayLike = 0
    kind: str = "convolution"
    padding: tuple[ArrayLike, ArrayLike] = (0, 0)
    fused: bool = False


@dataclass
class BatchBuilder:
    """Collects the operators of n networks.

    Attributes:
        number: n.
        stage: number of the part of the network that operators now belong to.
        active: (n,) which networks have what comes now.
        slots: the operators, in the order they run.
        faults: for each network why it cannot be built, or "".
    """

    number: int
    stage: int = 0
    slots: list[Slot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    active: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.faults = [""] * self.number
        self.active = np.ones(self.number, bool)

    @contextmanager
    def only(self, condition: NDArray[np.bool_]) -> Iterator[None]:
        """What is added inside is there only in the networks for which the condition holds."""
        before, self.active = self.active, self.active & condition
        yield
        self.active = before

    def input(self, channels: ArrayLike, rows: ArrayLike, columns: ArrayLike | None = None) -> Feature:
        """A tensor from outside."""
        source = np.full(self.number, -1, np.int32)
        return Feature(
            source, self._of(channels), self._of(rows), self._of(rows if columns is None else columns)
        )

    def where(self, condition: NDArray[np.bool_], yes: Feature, no: Feature) -> Feature:
        """The one tensor in some networks and the other in the rest."""
        return Feature(
            np.where(condition, yes.source, no.source),
            np.where(condition, yes.channels, no.channels),
            np.where(condition, yes.rows, no.rows),
            np.where(condition, yes.columns, no.columns),
        )

    def convolution(
        self,
        name: str,
        x: Feature,
        out_channels: ArrayLike,
        kernel: ArrayLike | tuple[ArrayLike, ArrayLike],
        stride: ArrayLike | tuple[ArrayLike, ArrayLike] = 1,
        *,
        groups: ArrayLike = 1,
        bias: bool = True,
        normalised: bool = True,
        dilation: ArrayLike = 1,
        padding: ArrayLike | None = None,
    ) -> Feature:
        """A convolution, padded by (kernel - 1) / 2 on each side where no padding is given.

        A normalisation behind it is folded: a bias at inference, twice as many trained numbers.
        """
        kernels = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        strides = stride if isinstance(stride, tuple) else (stride, stride)
        out, group = self._of(out_channels), self._of(groups)
        size: list[Ints] = []
        paddings: list[ArrayLike] = []
        for extent, taps, step in zip((x.rows, x.columns), kernels, strides, strict=True):
            reach = np.asarray(dilation) * (np.asarray(taps) - 1)
            paddings.append(reach // 2 if padding is None else np.asarray(padding))
            around = 2 * np.asarray(paddings[-1])
            fits = extent + around - reach - 1
            for row in np.flatnonzero((fits < 0) & self.active):
                self.faults[row] = self.faults[row] or (
                    f"{name}: the kernel of {int(self._of(taps)[row])} is larger than its input of "
                    f"{int(extent[row])}; the network's input is too small"
                )
            size.append(np.maximum(fits, 0) // np.asarray(step) + 1)
        layer: tuple[ArrayLike, ...] = (
            *(group, 1, out // group, x.channels // group, *size, *kernels, *strides),
            *(dilation, dilation, 1, out if bias else 0),
        )
        folded = out if bias and normalised else 0
        made = self._matrix(name, layer, (x,), (out, size[0], size[1]), folded)
        self.slots[-1].padding = (paddings[0], paddings[1])
        return made

    def up_convolution(self, name: str, x: Feature, out_channels: ArrayLike, scale: int) -> Feature:
        """A transposed convolution that multiplies rows and columns by `scale`, with a bias."""
        out = self._of(out_channels)
        row = (1, 1, out * scale * scale, x.channels, x.rows, x.columns, 1, 1, 1, 1, 1, 1, 1, out)
        return self._matrix(
            name, row, (x,), (out, x.rows * scale, x.columns * scale), 0, kind="up_convolution"
        )

    def linear(
        self, name: str, x: Feature, features: ArrayLike, *, bias: bool = True, normalised: bool = False
    ) -> Feature:
        """A fully connected layer over the channels, at every position."""
        out = self._of(features)
        row = (1, 1, out, x.channels, x.rows * x.columns, *(1,) * 7, 1, out if bias else 0)
        folded = out if bias and normalised else 0
        return self._matrix(name, row, (x,), (out, x.rows, x.columns), folded, kind="linear")

    def product(
        self,
        name: str,
        left: Feature,
        right: Feature,
        heads: ArrayLike,
        m: ArrayLike,
        k: ArrayLike,
        n: ArrayLike,
    ) -> Feature:
        """A batch of products of activations, (m, k) times (k, n), as attention has them."""
        row = (heads, 1, n, k, m, *(1,) * 7, 0, 0)
        channels = self._of(np.asarray(heads) * np.asarray(n))
        return self._matrix(name, row, (left, right), (channels, self._of(m), self._of(1)), 0, kind="product")

    def vector(
        self,
        name: str,
        inputs: Sequence[Feature],
        shape: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
        *,
        constants: ArrayLike = 0,
        kind: str = "other",
    ) -> Feature:
        """An operator without multiplications, such as a pooling; of its first input's shape by default."""
        first = inputs[0]
        channels, rows, columns = (
            (first.channels, first.rows, first.columns)
            if shape is None
            else [self._of(size) for size in shape]
        )
        slot = Slot(name, self.active, None, tuple(inputs), channels * rows * columns, self.stage, constants)
        slot.kind = kind
        return self._made(slot, channels, rows, columns)

    def add(self, name: str, x: Feature, y: Feature) -> Feature:
        """The sum of two tensors where their shapes agree, elsewhere the second."""
        equal = (x.channels == y.channels) & (x.rows == y.rows) & (x.columns == y.columns)
        both = self.active & equal
        if not both.any():
            return y
        with self.only(both):
            total = self.vector(name, [x, y], kind="add")
        return self.where(both, total, y)

    def global_average(self, name: str, x: Feature) -> Feature:
        """The mean of each channel."""
        return self.vector(name, [x], (x.channels, 1, 1), kind="mean")

    def pool(
        self, name: str, x: Feature, kernel: ArrayLike, stride: ArrayLike, padding: ArrayLike = 0
    ) -> Feature:
        """A pooling of square windows."""
        rows, columns = (
            np.maximum(extent + 2 * np.asarray(padding) - kernel, 0) // stride + 1
            for extent in (x.rows, x.columns)
        )
        return self.vector(name, [x], (x.channels, rows, columns), kind="max_pool")

    def concatenate(self, inputs: Sequence[Feature]) -> Feature:
        """Tensors side by side in their channels, which moves nothing where the next operator reads them all.

        It is an operator all the same here, so that the parts' lifetimes end together.
        """
        first = inputs[0]
        channels = np.sum([x.channels for x in inputs], axis=0)
        slot = Slot(
            "concatenate", self.active, None, tuple(inputs), channels * first.rows * first.columns, self.stage
        )
        slot.fused = True
        return self._made(slot, channels, first.rows, first.columns)

    def _matrix(
        self,
        name: str,
        row: tuple[ArrayLike, ...],
        inputs: tuple[Feature, ...],
        shape: tuple[Ints, Ints, Ints],
        folded: ArrayLike,
        kind: str = "convolution",
    ) -> Feature:
        output = shape[0] * shape[1] * shape[2]
        return self._made(Slot(name, self.active, row, inputs, output, self.stage, folded, kind), *shape)

    def _made(self, slot: Slot, channels: Ints, rows: Ints, columns: Ints) -> Feature:
        number = len(self.slots)
        self.slots.append(slot)
        return Feature(np.full(self.number, number, np.int32), channels, rows, columns)

    def _of(self, size: ArrayLike) -> Ints:
        return np.broadcast_to(np.asarray(size, np.int64), (self.number,))
