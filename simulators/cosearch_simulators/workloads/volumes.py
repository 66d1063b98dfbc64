"""The three-dimensional convolution, of videos and of scans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.loop_nest import LoopNest
from cosearch_simulators.workloads.operators import Convolving, check_groups


@dataclass(frozen=True, kw_only=True)
class Convolution3d(Convolving):
    """A convolution over depth, rows and columns.

    Its loop nest has two dimensions: each output slice is an image, the slices that it reads are its
    channels. What neighbouring output slices share is then read for each; `tensor_elements` counts it once.

    Attributes:
        in_size: depth, rows and columns of the input, without padding.
        padding: zeros added before the three axes, then after them.

    Example:
        >>> first = Convolution3d(name="conv", in_channels=3, out_channels=8, in_size=(8, 16, 16),
        ...                       kernel=(3, 3, 3), padding=(1,) * 6)
        >>> first.out_size, first.macs, first.parameters
        ((8, 16, 16), 1327104, 648)

    Raises:
        WorkloadError: a size below 1, channels that the groups do not divide, a kernel larger than its input.
    """

    in_channels: int
    out_channels: int
    in_size: tuple[int, int, int]
    kernel: tuple[int, int, int]
    stride: tuple[int, int, int] = (1, 1, 1)
    padding: tuple[int, int, int, int, int, int] = (0,) * 6
    dilation: tuple[int, int, int] = (1, 1, 1)
    groups: int = 1
    batch: int = 1
    bias: bool = False

    def _check(self) -> None:
        self._check_positive("in_channels", "out_channels", "groups", "batch")
        for field in ("in_size", "kernel", "stride", "dilation"):
            self._check_positive(field, axes=3)
        self._check_whole("padding", self.padding, 6)
        if min(self.padding) < 0:
            raise WorkloadError(f"{self._label}: padding must be at least 0, got {self.padding}")
        check_groups(self._label, self.in_channels, self.out_channels, self.groups)
        if min(self.out_size) < 1:
            raise WorkloadError(
                f"{self._label}: the kernel {self.kernel} with dilation {self.dilation} is larger "
                f"than its input {self.in_size} with padding {self.padding}"
            )

    @cached_property
    def out_size(self) -> tuple[int, int, int]:
        """Depth, rows and columns of the output, as torch.nn.Conv3d and ONNX Conv have them."""
        depth, rows, columns = (
            (
                self.in_size[axis]
                + self.padding[axis]
                + self.padding[axis + 3]
                - self.dilation[axis] * (self.kernel[axis] - 1)
                - 1
            )
            // self.stride[axis]
            + 1
            for axis in range(3)
        )
        return depth, rows, columns

    def loop_nest(self) -> LoopNest:
        """Output slices are part of N, the kernel's depth of C."""
        (depth, *size), (reach, *kernel) = self.out_size, self.kernel
        channels = self.out_channels // self.groups, self.in_channels // self.groups * reach
        sizes = (self.groups, self.batch * depth, *channels, *size, *kernel)
        return LoopNest(sizes, self.stride[1:], self.dilation[1:])  # type: ignore[arg-type]
