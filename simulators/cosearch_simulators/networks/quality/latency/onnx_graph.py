"""Chains of blocks as ONNX models with random weights: what is timed does not depend on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosearch_simulators.networks.quality.families.blocks import Block

OPSET, IR_VERSION = 17, 9


class _Graph:
    """Nodes and weights of one model."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._count = 0
        self._rng = np.random.default_rng(0)

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node; the name of its output."""
        from onnx import helper

        self._count += 1
        name = f"t{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, *shape: int) -> str:
        """Random weights; their name."""
        from onnx import numpy_helper

        self._count += 1
        name = f"w{self._count}"
        values = self._rng.normal(0, 0.05, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolution(
        self, x: str, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> str:
        """With a bias, into which normalisation is folded."""
        weights = [self.weight(outputs, inputs // groups, kernel, kernel), self.weight(outputs)]
        sizes: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "group": groups}
        return self.add("Conv", [x, *weights], pads=[kernel // 2] * 4, **sizes)

    def activation(self, x: str, kind: str) -> str:
        """Of a block."""
        return self.add("HardSwish" if kind == "hardswish" else "Relu", [x])

    def block(self, x: str, block: Block) -> str:
        """Any kind of block."""
        return {"stem": self._stem, "block": self._bottleneck, "head": self._head}[block.kind](x, block)

    def _stem(self, x: str, block: Block) -> str:
        x = self.convolution(x, block.inputs, block.wide, 3, block.stride)
        x = self.activation(x, block.activation)
        if not block.kernel:
            return x
        found = self.activation(
            self.convolution(x, block.wide, block.wide, block.kernel, groups=block.wide), "relu"
        )
        return self.add("Add", [self.convolution(found, block.wide, block.outputs), x])

    def _bottleneck(self, x: str, block: Block) -> str:
        found = x
        if block.wide != block.inputs:
            found = self.activation(self.convolution(found, block.inputs, block.wide), block.activation)
        found = self.convolution(found, block.wide, block.wide, block.kernel, block.stride, block.wide)
        found = self.activation(found, block.activation)
        if block.squeezed:
            gate = self.add("GlobalAveragePool", [found])
            gate = self.add("Relu", [self.convolution(gate, block.wide, block.squeezed)])
            gate = self.add("HardSigmoid", [self.convolution(gate, block.squeezed, block.wide)])
            found = self.add("Mul", [found, gate])
        found = self.convolution(found, block.wide, block.outputs)
        is_residual = block.stride == 1 and block.inputs == block.outputs
        return self.add("Add", [found, x]) if is_residual else found

    def _head(self, x: str, block: Block) -> str:
        x = self.activation(self.convolution(x, block.inputs, block.wide), block.activation)
        x = self.add("GlobalAveragePool", [x])
        if block.hidden:
            x = self.activation(self.convolution(x, block.wide, block.hidden), block.activation)
        return self.convolution(x, block.hidden or block.wide, block.outputs)


def model_of(blocks: Sequence[Block], batch: int = 1) -> bytes:
    """A chain of blocks as a serialised model with one input `x`.

    Args:
        blocks: each takes what the one before gives.
        batch: images at once.
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    name = "x"
    for block in blocks:
        name = graph.block(name, block)
    shape = [batch, blocks[0].inputs, blocks[0].side, blocks[0].side]
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    end = blocks[-1]
    side = 1 if end.kind == "head" else -(-end.side // end.stride)
    last = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, end.outputs, side, side])
    whole = helper.make_graph(graph.nodes, "chain", [first], [last], graph.weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    found: bytes = model.SerializeToString()
    return found
