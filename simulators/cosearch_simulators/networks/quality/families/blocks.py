"""Networks as chains of parts that can be built and timed: what ONNX Runtime measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.families import mnasnet, ofa
from cosearch_simulators.networks.quality.families.family import Family
from cosearch_simulators.networks.quality.families.layers import divisible


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck, or the stem or the head.

    Attributes:
        kind: "stem" (3 x 3 convolution, then a separable one where `kernel` is 3), "block", or "head" (1 x 1
            convolution to `wide`, mean, fully connected to `hidden` where it is not 0, classes).
        side: height and width of what comes in.
        inputs, wide, outputs: channels.
        kernel: of the depthwise convolution.
        stride: of it.
        squeezed: channels of squeeze and excite; 0 is none.
        activation: "relu" or "hardswish".
        hidden: of a head.
    """

    kind: str
    side: int
    inputs: int
    wide: int
    outputs: int
    kernel: int = 0
    stride: int = 1
    squeezed: int = 0
    activation: str = "relu"
    hidden: int = 0

    @property
    def name(self) -> str:
        """All that it is, as a key of a table."""
        tail = f"_se{self.squeezed}" if self.squeezed else ""
        hidden = f"_h{self.hidden}" if self.hidden else ""
        return (
            f"{self.kind}_{self.side}_{self.inputs}_{self.wide}_{self.outputs}_k{self.kernel}_s{self.stride}"
            f"{tail}{hidden}_{self.activation}"
        )


OFA_ACTIVATIONS = ("relu", "relu", "hardswish", "hardswish", "hardswish")


def blocks_of(family: Family, code: NDArray[np.int64]) -> list[Block]:
    """One network's parts in order.

    Args:
        family: `OnceForAll` or `MnasNet`.
        code: its codes, (parameters,).
    """
    if isinstance(family, ofa.OnceForAll):
        return _once_for_all(family, code)
    assert isinstance(family, mnasnet.MnasNet)
    return _mnasnet(family, code)


def _once_for_all(family: ofa.OnceForAll, code: NDArray[np.int64]) -> list[Block]:
    numbers = family.numbers(code[None])[0].astype(int)
    side, inputs = int(numbers[0]), ofa.STEM_WIDTH
    found = [Block("stem", side, 3, inputs, inputs, 3, 2, activation="hardswish")]
    side = -(-side // 2)
    for stage in range(ofa.STAGES):
        for layer in range(ofa.LAYERS):
            position = stage * ofa.LAYERS + layer
            kernel, expansion = int(numbers[6 + position]), int(numbers[26 + position])
            if not kernel:
                continue
            wide = int(divisible(inputs * expansion))
            squeezed = int(divisible(wide // 4)) if ofa.HAS_SQUEEZE_EXCITE[stage] else 0
            stride = ofa.STRIDES[stage] if layer == 0 else 1
            activation = OFA_ACTIVATIONS[stage]
            outputs = ofa.WIDTHS[stage]
            found.append(Block("block", side, inputs, wide, outputs, kernel, stride, squeezed, activation))
            side, inputs = -(-side // stride), outputs
    wide, hidden = ofa.EXPANDED_WIDTH, ofa.HEAD_WIDTH
    return [*found, Block("head", side, inputs, wide, ofa.CLASSES, activation="hardswish", hidden=hidden)]


def _mnasnet(family: mnasnet.MnasNet, code: NDArray[np.int64]) -> list[Block]:
    expansion, kernel, layers, squeeze = np.split(family.numbers(code[None])[0].astype(int), 4)
    side, inputs = mnasnet.RESOLUTION, mnasnet.STEM_WIDTH
    found = [Block("stem", side, 3, inputs, inputs, 0, 2)]
    side //= 2
    for block in range(mnasnet.BLOCKS):
        for layer in range(layers[block]):
            stride = mnasnet.STRIDES[block] if layer == 0 else 1
            wide, outputs = inputs * int(expansion[block]), mnasnet.WIDTHS[block]
            squeezed = max(1, inputs // mnasnet.SQUEEZED) if squeeze[block] else 0
            found.append(Block("block", side, inputs, wide, outputs, int(kernel[block]), stride, squeezed))
            side, inputs = -(-side // stride), outputs
    return [*found, Block("head", side, inputs, mnasnet.HEAD_WIDTH, mnasnet.CLASSES)]
