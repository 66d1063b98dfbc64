"""ONNX operators as ours: a line of `onnx_tables` each, and a function for those that are more than a name.

`onnx_walk` goes over the graph; `onnx_attention`, `onnx_recurrent` and `onnx_contrib` have the larger ones.
Sources: the operator pages of onnx.ai/onnx/operators.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import contractions, convolutions
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Value
from cosearch_simulators.workloads.onnx_attention import ATTENTION
from cosearch_simulators.workloads.onnx_call import Call
from cosearch_simulators.workloads.onnx_contrib import CONTRIB
from cosearch_simulators.workloads.onnx_recurrent import RECURRENT
from cosearch_simulators.workloads.onnx_tables import (
    COUNTED_ALONE,
    ELEMENTWISE,
    FILLS,
    NORMALIZATIONS,
    POOLS,
    RANDOM,
    REDUCTIONS,
    ROWS,
    TRAINED,
    VIEWS,
)


def translate(call: Call) -> Value | list[Value]:
    """The value that a node gives; it has at least one computed input.

    Raises:
        WorkloadError: what the node describes cannot be run.
    """
    if call.kind == "Reshape" and prod(call.value(0).shape) != prod(call.shape):
        sizes = f"{call.value(0).shape} to {call.shape}"
        raise WorkloadError(f"cannot reshape {sizes}: the file was exported for other input sizes")
    if call.kind in VIEWS:
        return call.importer.view(call.name, [call.value(0)], call.shape)
    if call.kind in FILLS:
        return Constant(call.shape)
    if call.kind in TRANSLATIONS:
        return TRANSLATIONS[call.kind](call)
    if call.kind in ELEMENTWISE:
        return _elementwise(call)
    return call.importer.unknown(call.kind, call.name, call.inputs, call.shape)


def _elementwise(call: Call) -> Value:
    operands = [value for value in call.inputs if value is not None]
    computed = [value for value in operands if isinstance(value, Tensor)]
    if call.kind == "Add" and call.biasable and len(operands) == 2 and len(computed) == 1:
        other = operands[1] if operands[0] is computed[0] else operands[0]
        if call.importer.add_bias(computed[0], other):
            return computed[0]
    used = operands if call.kind in TRAINED else computed
    if call.kind in COUNTED_ALONE:
        used = [Constant(v.shape, v.parameters) if isinstance(v, Constant) else v for v in used]
    function = ELEMENTWISE[call.kind]
    if call.kind == "Gelu" and call.attributes.get("approximate") == "tanh":
        function = "gelu_tanh"
    return call.importer.elementwise(call.name, function, used, call.shape)


def _concatenation(call: Call) -> Value:
    return call.importer.view(call.name, [value for value in call.inputs if value is not None], call.shape)


def _batch_normalization(call: Call) -> Tensor:
    # the statistics are no trained parameters
    used = [call.value(place) for place in range(3)]
    return call.importer.elementwise(call.name, "batch_norm", used, call.shape)


def _resize(call: Call) -> Tensor:
    functions = {"nearest": "copy", "linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}
    mode = call.attributes.get("mode", "nearest")
    if mode not in functions:
        raise WorkloadError(f"{call.kind} mode must be one of {', '.join(functions)}, got {mode!r}")
    return call.importer.elementwise(call.name, functions[mode], [call.value(0)], call.shape)


def _convolution(call: Call, weights_at: int = 1, bias_at: int | None = 2) -> Value:
    x, weights = call.value(0), call.value(weights_at)
    if isinstance(x, Constant):  # what is computed is the kernel: the product of the same sizes
        x = Tensor((), x.shape)
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
    return convolutions.convolution(
        *(
            call.importer,
            call.name,
            x,
            weights,
            None if bias_at is None else call.optional(bias_at),
            call.shape,
        ),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=call.attributes.get("group", 1),
    )


def _deformable(call: Call) -> Value:
    """The samples at their places, then a convolution of them; the offsets and the mask are computed."""
    x, weights = call.tensor(0), call.value(1)
    batch, channels, *_ = x.shape
    *size, reach = *call.shape[2:], prod(weights.shape[2:])
    places = [call.optional(place) for place in (2, 4)]
    taken = (batch, channels * reach, *size)
    sampled = call.importer.elementwise(f"{call.name}.sample", "sample", [x, *places], taken)
    flat = weights.reshape(weights.shape[0], weights.shape[1] * reach, *(1 for _ in size))
    once = [1] * len(size)
    return convolutions.convolution(
        *(call.importer, call.name, sampled, flat, call.optional(3), call.shape),
        stride=once,
        padding=[0] * 2 * len(size),
        dilation=once,
        groups=call.attributes.get("group", 1),
    )


def _transposed_convolution(call: Call) -> Value:
    x = call.tensor(0)
    return convolutions.transposed_convolution(
        *(call.importer, call.name, x, call.value(1), call.optional(2), call.shape),
        stride=call.sizes("strides", len(x.shape) - 2),
        groups=call.attributes.get("group", 1),
    )


def _matrix_product(call: Call, right_at: int = 1) -> Value:
    return contractions.product(
        call.importer, call.name, call.value(0), call.value(right_at), None, call.shape
    )


def _gemm(call: Call) -> Value:
    left, right = (
        value.reshape(*reversed(value.shape)) if call.attributes.get(flag) else value
        for value, flag in ((call.value(0), "transA"), (call.value(1), "transB"))
    )
    return contractions.product(call.importer, call.name, left, right, call.optional(2), call.shape)


def _einsum(call: Call) -> Value:
    operands = [value for value in call.inputs if value is not None]
    return contractions.einsum(call.importer, call.name, call.attribute("equation"), operands)


def _gather(call: Call) -> Value:
    data, indices = call.value(0), call.value(1)
    if isinstance(data, Tensor) and isinstance(indices, Tensor):
        return call.importer.elementwise(call.name, "copy", [data, indices], call.shape)
    if isinstance(indices, Tensor):
        return call.importer.embedding(call.name, data, indices, call.shape)
    return call.importer.view(call.name, [data], call.shape)


def _pool(call: Call) -> Tensor:
    window = prod(call.attribute("kernel_shape"))
    return call.importer.reduction(call.name, POOLS[call.kind], call.tensor(0), window, call.shape)


def _reduction(call: Call) -> Value:
    x = call.value(0)
    if isinstance(x, Constant):  # the axes are computed
        return call.importer.elementwise(call.name, "copy", call.inputs, call.shape)
    window = max(1, x.elements // prod(call.shape))
    return call.importer.reduction(call.name, REDUCTIONS[call.kind], x, window, call.shape)


def _rows(call: Call) -> Value:
    x = call.tensor(0)
    axis = call.attributes.get("axis")
    if call.kind in ("Softmax", "LogSoftmax", "Hardmax") and call.opset < 13:
        window = prod(x.shape[1 if axis is None else axis :])  # all axes from this one
    else:
        window = x.shape[-1 if axis is None else axis] if x.shape else 1
    return call.importer.reduction(call.name, ROWS[call.kind], x, window, x.shape).reshape(*call.shape)


def _normalization(call: Call) -> Tensor:
    x = call.tensor(0)
    if call.kind == "LRN":
        window = call.attribute("size")
    elif call.kind == "GroupNormalization":
        window = prod(x.shape[1:]) // call.attribute("num_groups")
    elif call.kind == "InstanceNormalization":
        window = prod(x.shape[2:])
    else:
        window = prod(x.shape[call.attributes.get("axis", -1) :])
    function = NORMALIZATIONS[call.kind]
    return call.importer.reduction(call.name, function, x, window, call.shape, call.inputs[1:])


TRANSLATIONS: dict[str, Callable[[Call], Value | list[Value]]] = {
    "Concat": _concatenation,
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("Conv", "FusedConv"), _convolution),
    "ConvInteger": lambda call: _convolution(call, bias_at=None),
    "QLinearConv": lambda call: _convolution(call, weights_at=3, bias_at=8),
    "DeformConv": _deformable,
    "ConvTranspose": _transposed_convolution,
    **dict.fromkeys(("MatMul", "MatMulInteger"), _matrix_product),
    "QLinearMatMul": lambda call: _matrix_product(call, right_at=3),
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Gather": _gather,
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(ROWS, _rows),
    **dict.fromkeys(NORMALIZATIONS, _normalization),
    **RECURRENT,
    **ATTENTION,
    **CONTRIB,
}
OWN_SHAPES = frozenset(("Einsum", *RECURRENT, *ATTENTION, *CONTRIB))
"""Operators whose translation knows the shapes of what they give."""
KNOWN = frozenset((*VIEWS, *FILLS, *RANDOM, *ELEMENTWISE, *TRANSLATIONS))
