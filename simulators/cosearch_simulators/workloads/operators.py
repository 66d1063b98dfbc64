"""The operators that networks are made of: frozen descriptions whose sizes, MACs and traffic are computed.

An operator says what is computed, not where or when: it knows no accelerator. Those with multiplications come
down to a `LoopNest`; the others are work for a vector unit. Which operator feeds which is the `Network`'s.

Counting rules:
    - MACs are multiply-accumulates of the matrix part. Biases, activations and normalisations are not MACs.
    - `parameters` are trained numbers, as `sum(p.numel())` counts them in PyTorch; tied weights count once.
    - `tensor_elements` and `traffic_bytes` count every tensor once, without padding: what must move at least.
    - `vector_operations` count one for an addition, multiplication, comparison, division or transcendental
      function of one element.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING, Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.loop_nest import TENSORS, LoopNest

LARGEST_COUNT = 2**63 - 1
"""Accelerator models count in 64-bit integers."""

_PAIRS = ("in_size", "out_size", "kernel", "stride", "dilation")
"""Fields with a number for each axis, such as the rows and the columns."""


@dataclass(frozen=True)
class Precision:
    """Bits of each operand.

    The default is the integer inference of Jacob et al., "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference", CVPR 2018: 8-bit tensors, 32-bit sums and biases.

    Raises:
        WorkloadError: bits that are no whole number or below 1.
    """

    weight_bits: int = 8
    input_bits: int = 8
    output_bits: int = 8
    accumulation_bits: int = 32

    def __post_init__(self) -> None:
        for field, bits in vars(self).items():
            if not isinstance(bits, Integral) or bits < 1:
                raise WorkloadError(f"precision: {field} must be a whole number of at least 1, got {bits!r}")

    @classmethod
    def uniform(cls, bits: int) -> Precision:
        """All tensors in `bits`, sums in at least 32."""
        return cls(bits, bits, bits, max(bits, 32))


@dataclass(frozen=True, kw_only=True)
class Operator(ABC):
    """What all operators have.

    Attributes:
        name: unique in its network.
        precision: bits of each operand.
        tied: its parameters are another operator's, which counts them.
        trained: its parameters, where they are not its weights and its bias: none where both are computed by
            others or never trained, more where the weights are computed from larger ones.
    """

    name: str
    precision: Precision = Precision()
    tied: bool = False
    trained: int | None = None

    def __post_init__(self) -> None:
        self._check()
        for what, count in (("MACs", self.macs), *self.tensor_elements.items()):
            if count > LARGEST_COUNT:
                raise WorkloadError(
                    f"{self._label}: {what} overflow 64-bit counts: {count} > {LARGEST_COUNT}"
                )

    @property
    @abstractmethod
    def tensor_elements(self) -> dict[str, int]:
        """Elements of each of `TENSORS`, without padding and bias."""

    @property
    def bias_elements(self) -> int:
        """Elements of the bias, which is added to sums and has their precision."""
        return 0

    def loop_nest(self) -> LoopNest | None:
        """The loops, or None where there is no multiply-accumulate."""
        return None

    @property
    def parameters(self) -> int:
        """Trained numbers, bias included; none where they are tied to another operator's."""
        own = self.tensor_elements["Weights"] + self.bias_elements if self.trained is None else self.trained
        return 0 if self.tied else own

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates."""
        nest = self.loop_nest()
        return nest.macs if nest else 0

    @property
    def vector_operations(self) -> int:
        """Operations of a vector unit."""
        return 0

    @property
    def tensor_bytes(self) -> dict[str, int]:
        """Bytes of each of `TENSORS`, the bias with the weights, each rounded up to whole bytes."""
        bits = (self.precision.weight_bits, self.precision.input_bits, self.precision.output_bits)
        total = {
            tensor: self.tensor_elements[tensor] * width for tensor, width in zip(TENSORS, bits, strict=True)
        }
        total["Weights"] += self.bias_elements * self.precision.accumulation_bits
        return {tensor: -(-count // 8) for tensor, count in total.items()}

    @property
    def traffic_bytes(self) -> int:
        """Bytes that must be moved at least: every tensor once."""
        return sum(self.tensor_bytes.values())

    @property
    def _label(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    @abstractmethod
    def _check(self) -> None:
        """Raise a WorkloadError where the fields describe nothing that can be run."""

    def _check_positive(self, *fields: str, axes: int = 2) -> None:
        for field in fields:
            value = getattr(self, field)
            self._check_whole(field, value, axes if field in _PAIRS else None)
            if min(value if isinstance(value, tuple) else (value,), default=1) < 1:
                raise WorkloadError(f"{self._label}: {field} must be at least 1, got {value}")

    def _check_whole(self, field: str, value: Any, length: int | None) -> None:
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(number, Integral) for number in numbers):
            raise WorkloadError(f"{self._label}: {field} must be whole numbers, got {value!r}")
        if length is not None and (not isinstance(value, tuple) or len(value) != length):
            raise WorkloadError(f"{self._label}: {field} must be a tuple of {length} numbers, got {value!r}")


class Convolving(Operator):
    """What convolutions count alike, plain or transposed and whatever their dimensions; it has no fields."""

    if TYPE_CHECKING:
        in_channels: Any
        out_channels: Any
        in_size: Any
        out_size: Any
        kernel: Any
        groups: Any
        batch: Any
        bias: Any

    @property
    def bias_elements(self) -> int:
        """One an output channel."""
        return int(self.out_channels * self.bias)

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements of each tensor, without padding and bias."""
        return {
            "Weights": self.out_channels * (self.in_channels // self.groups) * prod(self.kernel),
            "Inputs": self.batch * self.in_channels * prod(self.in_size),
            "Outputs": self.batch * self.out_channels * prod(self.out_size),
        }


@dataclass(frozen=True, kw_only=True)
class Convolution(Convolving):
    """A two-dimensional convolution; depthwise where `groups == in_channels`.

    Attributes:
        in_size: rows and columns of the input, without padding.
        padding: zeros added at the top, left, bottom and right.

    Example:
        >>> first = Convolution(name="conv1", in_channels=3, out_channels=64, in_size=(224, 224),
        ...                     kernel=(7, 7), stride=(2, 2), padding=(3, 3, 3, 3))
        >>> first.out_size, first.macs, first.parameters
        ((112, 112), 118013952, 9408)

    Raises:
        WorkloadError: a size below 1, channels that the groups do not divide, a kernel larger than its input.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    batch: int = 1
    bias: bool = False

    def _check(self) -> None:
        self._check_positive(
            "in_channels", "out_channels", "in_size", "kernel", "stride", "dilation", "groups", "batch"
        )
        self._check_whole("padding", self.padding, 4)
        if min(self.padding) < 0:
            raise WorkloadError(f"{self._label}: padding must be at least 0, got {self.padding}")
        check_groups(self._label, self.in_channels, self.out_channels, self.groups)
        if min(self.out_size) < 1:
            raise WorkloadError(
                f"{self._label}: the kernel {self.kernel} with dilation {self.dilation} is larger "
                f"than its input {self.in_size} with padding {self.padding}"
            )

    @cached_property
    def out_size(self) -> tuple[int, int]:
        """Rows and columns of the output: floor((in + padding - dilation (kernel - 1) - 1) / stride) + 1.

        Source: torch.nn.Conv2d, and ONNX Conv.
        """
        rows, columns = (
            (self.in_size[axis] + self.padding[axis] + self.padding[axis + 2])
            - self.dilation[axis] * (self.kernel[axis] - 1)
            - 1
            for axis in (0, 1)
        )
        return rows // self.stride[0] + 1, columns // self.stride[1] + 1

    @property
    def depthwise(self) -> bool:
        """Whether every channel has its own filters."""
        return self.groups == self.in_channels > 1

    def loop_nest(self) -> LoopNest:
        """Groups are G; the extent of the nest's input has the padding that is touched."""
        channels = (
            self.groups,
            self.batch,
            self.out_channels // self.groups,
            self.in_channels // self.groups,
        )
        return LoopNest((*channels, *self.out_size, *self.kernel), self.stride, self.dilation)


@dataclass(frozen=True, kw_only=True)
class TransposedConvolution(Convolving):
    """A transposed convolution ("up-convolution"): an input pixel gives a kernel-sized patch of output.

    It runs as a matrix product that makes all patches, then overlapping patches are added by the vector unit.

    Attributes:
        in_size: rows and columns of the input.
        out_size: rows and columns of the output, after cropping.

    Raises:
        WorkloadError: a size below 1, or channels that the groups do not divide.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, int]
    out_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    groups: int = 1
    batch: int = 1
    bias: bool = False

    def _check(self) -> None:
        self._check_positive(
            "in_channels", "out_channels", "in_size", "out_size", "kernel", "stride", "groups", "batch"
        )
        check_groups(self._label, self.in_channels, self.out_channels, self.groups)

    @property
    def vector_operations(self) -> int:
        """Additions of overlapping patches: none where the stride is at least the kernel."""
        if all(stride >= kernel for stride, kernel in zip(self.stride, self.kernel, strict=True)):
            return 0
        return self.batch * self.out_channels * prod(self.in_size) * prod(self.kernel)

    def loop_nest(self) -> LoopNest:
        """The matrix product: the positions of the kernel are output channels."""
        return LoopNest.of(
            {
                "G": self.groups,
                "N": self.batch,
                "K": self.out_channels // self.groups * prod(self.kernel),
                "C": self.in_channels // self.groups,
                "P": self.in_size[0],
                "Q": self.in_size[1],
            }
        )


@dataclass(frozen=True, kw_only=True)
class MatrixMultiply(Operator):
    """Activations (m, k) times constant weights (k, n): a fully connected layer, m rows at a time.

    Raises:
        WorkloadError: a size below 1.
    """

    m: int
    n: int
    k: int
    bias: bool = False

    def _check(self) -> None:
        self._check_positive("m", "n", "k")

    @property
    def bias_elements(self) -> int:
        """One a column."""
        return self.n * self.bias

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements of each matrix, without bias."""
        return {"Weights": self.k * self.n, "Inputs": self.m * self.k, "Outputs": self.m * self.n}

    def loop_nest(self) -> LoopNest:
        """M is P, N is K and K is C."""
        return LoopNest.of({"P": self.m, "K": self.n, "C": self.k})


@dataclass(frozen=True, kw_only=True)
class BatchedMatrixMultiply(Operator):
    """A batch of products (m, k) times (k, n) of two activations, as attention has them; no parameters.

    The second operand is the `Weights` of the loop nest and of `tensor_elements`, with `weight_bits`.

    Raises:
        WorkloadError: a size below 1.
    """

    batch: int
    m: int
    n: int
    k: int

    def _check(self) -> None:
        self._check_positive("batch", "m", "n", "k")

    @property
    def parameters(self) -> int:
        """None: both operands are computed."""
        return self.trained or 0

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements of each operand over the whole batch."""
        sizes = {"Weights": self.k * self.n, "Inputs": self.m * self.k, "Outputs": self.m * self.n}
        return {tensor: self.batch * size for tensor, size in sizes.items()}

    def loop_nest(self) -> LoopNest:
        """The batch is G, M is P, N is K and K is C."""
        return LoopNest.of({"G": self.batch, "P": self.m, "K": self.n, "C": self.k})


def check_groups(label: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Raise `WorkloadError` where the groups do not divide the channels."""
    for which, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise WorkloadError(f"{label}: {which} {channels} must be a multiple of groups {groups}")
