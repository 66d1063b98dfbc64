"""ONNX operators as ours: one line of a table each, and a function for those that are more than a name.

`from_onnx` reads the file and walks the graph. Sources: the operator pages of onnx.ai/onnx/operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Importer, Value

ELEMENTWISE = {
    "Add": "add",
    "Sum": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Reciprocal": "divide",
    "Pow": "power",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Tanh": "tanh",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "Abs": "absolute",
    "Neg": "negate",
    "Min": "minimum",
    "Max": "maximum",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "PRelu": "leaky_relu",
    "Clip": "clip",
    "Elu": "elu",
    "Softplus": "softplus",
    "Sigmoid": "sigmoid",
    "Swish": "swish",
    "HardSigmoid": "hard_sigmoid",
    "HardSwish": "hard_swish",
    "Gelu": "gelu",
    "Where": "select",
    **dict.fromkeys(
        ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "IsNaN"), "compare"
    ),
    **dict.fromkeys(("GatherElements", "GatherND"), "copy"),
}
TRAINED = frozenset(("Add", "Sub", "Mul", "Div", "PRelu"))
"""Elementwise operators whose constants may be trained; those of the others are masks and bounds."""

POOLS = {"MaxPool": "max_pool", "AveragePool": "average_pool", "LpPool": "average_pool"}
REDUCTIONS = {
    "GlobalAveragePool": "mean",
    "GlobalMaxPool": "maximum",
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "maximum",
    "ReduceMin": "minimum",
    "ArgMax": "maximum",
}
SOFTMAXES = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}
NORMALIZATIONS = {
    "LayerNormalization": "layer_norm",
    "RMSNormalization": "rms_norm",
    "GroupNormalization": "group_norm",
    "InstanceNormalization": "instance_norm",
    "LRN": "local_response_norm",
}
# The first input's data stay where they are. Quantisation is the precision of the operators around it.
# fmt: off
VIEWS = frozenset((
    "Cast", "CastLike", "DepthToSpace", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Identity",
    "Pad", "QuantizeLinear", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
    "Unsqueeze",
))
# fmt: on


@dataclass(frozen=True)
class Call:
    """One node of the graph.

    Attributes:
        importer: where its operator goes.
        kind: the ONNX operator.
        name: of our operator.
        shape: of the first output.
        inputs: values, None for those left out.
        attributes: as Python values.
        biasable: whether the first computed input is a matrix product that feeds nothing else.
    """

    importer: Importer
    kind: str
    name: str
    shape: tuple[int, ...]
    inputs: Sequence[Value | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    biasable: bool = False

    def value(self, place: int) -> Value:
        """An input."""
        value = self.optional(place)
        if value is None:
            raise WorkloadError(f"{self.name}: {self.kind} needs input {place}, which is left out")
        return value

    def optional(self, place: int) -> Value | None:
        """An input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def tensor(self, place: int) -> Tensor:
        """An input that is computed."""
        value = self.value(place)
        if not isinstance(value, Tensor):
            raise WorkloadError(f"{self.name}: {self.kind} needs a computed input {place}, got a constant")
        return value

    def attribute(self, name: str) -> Any:
        """An attribute that must be there."""
        if name not in self.attributes:
            raise WorkloadError(f"{self.name}: {self.kind} needs the attribute {name!r}, which is left out")
        return self.attributes[name]

    def sizes(self, attribute: str, axes: int, missing: int = 1) -> list[int]:
        """One size an axis."""
        return list(self.attributes.get(attribute) or [missing] * axes)


def translate(call: Call) -> Value:
    """The value that a node gives; it has at least one computed input.

    Raises:
        WorkloadError: what the node describes cannot be run.
    """
    if call.kind == "Reshape" and prod(call.value(0).shape) != prod(call.shape):
        sizes = f"{call.value(0).shape} to {call.shape}"
        raise WorkloadError(
            f"{call.name}: cannot reshape {sizes}: the file was exported for other input sizes"
        )
    if call.kind in VIEWS:
        return call.importer.view(call.name, [call.value(0)], call.shape)
    if call.kind in ELEMENTWISE:
        return _elementwise(call)
    return TRANSLATIONS[call.kind](call)


def _elementwise(call: Call) -> Value:
    operands = [value for value in call.inputs if value is not None]
    computed = [value for value in operands if isinstance(value, Tensor)]
    if call.kind == "Add" and call.biasable and len(operands) == 2 and len(computed) == 1:
        other = operands[1] if operands[0] is computed[0] else operands[0]
        if call.importer.add_bias(computed[0], other):
            return computed[0]
    used = operands if call.kind in TRAINED else computed
    function = ELEMENTWISE[call.kind]
    if call.kind == "Gelu" and call.attributes.get("approximate") == "tanh":
        function = "gelu_tanh"
    return call.importer.elementwise(call.name, function, used, call.shape)


def _concatenation(call: Call) -> Value:
    return call.importer.view(call.name, [value for value in call.inputs if value is not None], call.shape)


def _batch_normalization(call: Call) -> Tensor:
    # the statistics are no trained parameters
    return call.importer.elementwise(call.name, "batch_norm", [call.value(n) for n in range(3)], call.shape)


def _resize(call: Call) -> Tensor:
    mode = call.attributes.get("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise WorkloadError(f"{call.name}: {call.kind} mode must be 'nearest' or 'linear', got {mode!r}")
    function = "copy" if mode == "nearest" else "bilinear"
    return call.importer.elementwise(call.name, function, [call.value(0)], call.shape)


def _convolution(call: Call, weights_at: int = 1, bias_at: int = 2) -> Tensor:
    x, weights = call.tensor(0), call.value(weights_at)
    axes = len(x.shape) - 2
    stride, dilation = call.sizes("strides", axes), call.sizes("dilations", axes)
    padding = call.sizes("pads", 2 * axes, missing=0)
    automatic = call.attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, weights.shape[2:], strict=True)]
        total = [
            max(0, (-(-size // s) - 1) * s + r - size)
            for size, s, r in zip(x.shape[2:], stride, reach, strict=True)
        ]
        halves = [size // 2 for size in total], [size - size // 2 for size in total]
        padding = halves[0] + halves[1] if automatic == "SAME_UPPER" else halves[1] + halves[0]
    return call.importer.convolution(
        call.name,
        x,
        weights,
        call.optional(bias_at),
        call.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=call.attributes.get("group", 1),
    )


def _transposed_convolution(call: Call) -> Tensor:
    x = call.tensor(0)
    return call.importer.transposed_convolution(
        call.name,
        x,
        call.value(1),
        call.optional(2),
        call.shape,
        stride=call.sizes("strides", len(x.shape) - 2),
        groups=call.attributes.get("group", 1),
    )


def _matrix_product(call: Call, right_at: int = 1) -> Tensor:
    return call.importer.product(call.name, call.value(0), call.value(right_at), None, call.shape)


def _gemm(call: Call) -> Tensor:
    left, right = (
        value.reshape(*reversed(value.shape)) if call.attributes.get(flag) else value
        for value, flag in ((call.value(0), "transA"), (call.value(1), "transB"))
    )
    return call.importer.product(call.name, left, right, call.optional(2), call.shape)


def _einsum(call: Call) -> Tensor:
    operands = [value for value in call.inputs if value is not None]
    return call.importer.einsum(call.name, call.attribute("equation"), operands, call.shape)


def _attention(call: Call) -> Tensor:
    """Query, key and value of (batch, heads, length, features), or (batch, length, heads x features)."""
    tensors = [call.tensor(place) for place in range(3)]
    heads = [call.attributes.get(f"{which}_num_heads", 1) for which in ("q", "kv", "kv")]
    if len(tensors[0].shape) == 3:
        tensors = [
            tensor.reshape(tensor.shape[0], count, tensor.shape[1], tensor.shape[2] // count)
            for tensor, count in zip(tensors, heads, strict=True)
        ]
    query, key, value = tensors
    return call.importer.attention(call.name, query, key, value, call.shape)


def _gather(call: Call) -> Value:
    data, indices = call.value(0), call.value(1)
    if isinstance(data, Tensor) and isinstance(indices, Tensor):
        return call.importer.elementwise(call.name, "copy", [data, indices], call.shape)
    if isinstance(indices, Tensor):
        return call.importer.embedding(call.name, data, indices, call.shape)
    return call.importer.view(call.name, [data], call.shape)


def _pool(call: Call) -> Tensor:
    window = prod(call.attribute("kernel_shape"))
    return call.importer.builder.reduction(call.name, POOLS[call.kind], call.tensor(0), window, call.shape)


def _reduction(call: Call) -> Tensor:
    x = call.tensor(0)
    window = max(1, x.elements // prod(call.shape))
    return call.importer.builder.reduction(call.name, REDUCTIONS[call.kind], x, window, call.shape)


def _softmax(call: Call) -> Tensor:
    x = call.tensor(0)
    window = x.shape[call.attributes.get("axis", -1)]
    return call.importer.builder.reduction(call.name, SOFTMAXES[call.kind], x, window, call.shape)


def _normalization(call: Call) -> Tensor:
    x = call.tensor(0)
    constants = call.importer.trained_elements(call.inputs[1:])
    if call.kind == "LRN":
        window = call.attribute("size")
    elif call.kind == "GroupNormalization":
        window = prod(x.shape[1:]) // call.attribute("num_groups")
    elif call.kind == "InstanceNormalization":
        window = prod(x.shape[2:])
    else:
        window = prod(x.shape[call.attributes.get("axis", -1) :])
    function = NORMALIZATIONS[call.kind]
    return call.importer.builder.reduction(call.name, function, x, window, call.shape, constants)


TRANSLATIONS: dict[str, Callable[[Call], Value]] = {
    "Concat": _concatenation,
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("Conv", "ConvInteger"), _convolution),
    "QLinearConv": lambda call: _convolution(call, weights_at=3, bias_at=8),
    "ConvTranspose": _transposed_convolution,
    **dict.fromkeys(("MatMul", "MatMulInteger"), _matrix_product),
    "QLinearMatMul": lambda call: _matrix_product(call, right_at=3),
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Attention": _attention,
    "Gather": _gather,
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(SOFTMAXES, _softmax),
    **dict.fromkeys(NORMALIZATIONS, _normalization),
}
SUPPORTED = tuple(sorted({*VIEWS, *ELEMENTWISE, *TRANSLATIONS}))
