"""Operators of ONNX Runtime's domain com.microsoft, which its optimiser and its quantiser write.

Source: ONNX Runtime's docs/ContribOperators.md. Those with the shapes of a standard operator are named in
`onnx_types`; the others compute the shapes of what they give here.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import contractions
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Value
from cosearch_simulators.workloads.onnx_call import Call

Translation = Callable[[Call], Value | list[Value]]


def _function(function: str) -> Translation:
    """A function of the first input, which further inputs are added to or multiply."""

    def translate(call: Call) -> Value:
        shape = np.broadcast_shapes(*(value.shape for value in call.inputs if value is not None))
        return call.importer.elementwise(call.name, function, call.inputs, shape)

    return translate


def _rounded(function: str) -> Translation:
    """Of one or two rounded inputs, each with its scale and its zero."""

    def translate(call: Call) -> Value:
        operands = [call.inputs[place] for place in (0, 3) if place < len(call.inputs)]
        if len(call.inputs) < 7:
            operands = operands[:1]
        operands = [_trained(value) for value in operands]
        shape = np.broadcast_shapes(*(value.shape for value in operands if value is not None))
        return call.importer.elementwise(call.name, function, operands, shape)

    return translate


def _trained(value: Value | None) -> Value | None:
    """A constant of whole numbers that stand for trained ones."""
    if isinstance(value, Constant) and value.elements > 1:
        return Constant(value.shape, value.parameters)
    return value


def _normalisation(function: str, skips: bool, scale_at: int) -> Translation:
    """The rows' normalisation, after a residual connection is added where it `skips`."""

    def translate(call: Call) -> list[Value]:
        x, scales = call.value(0), [call.optional(place) for place in range(scale_at, scale_at + 2)]
        if function == "rms_norm":
            scales = scales[:1]
        if skips:
            bias = call.optional(4 if function == "layer_norm" else 3)
            x = call.importer.elementwise(f"{call.name}.add", "add", [x, call.value(1), bias], x.shape)
        assert isinstance(x, Tensor)
        out = call.importer.reduction(call.name, function, x, x.shape[-1], x.shape, scales)
        mean = out.reshape(*x.shape[:-1], 1)
        return [out, mean, mean, x] if skips else [out, mean, mean]

    return translate


def _group_norm(call: Call) -> Value:
    """Channels last."""
    x = call.tensor(0)
    window = x.elements // x.shape[0] // call.attribute("groups")
    return call.importer.reduction(call.name, "group_norm", x, window, x.shape, call.inputs[1:3])


def _embedded(call: Call) -> list[Value]:
    """Words, places and segments, added and normalised."""
    words, segments = call.value(0), call.optional(1)
    tables = [call.optional(place) for place in (2, 3, 4)]
    features = 0 if tables[0] is None else tables[0].shape[-1]
    shape = (*words.shape, features)
    parts: list[Value] = []
    for which, table, indices in zip(
        ("word", "position", "segment"), tables, (words, call.optional(7) or words, segments), strict=True
    ):
        if table is not None and isinstance(indices, Tensor):
            parts.append(call.importer.embedding(f"{call.name}.{which}", table, indices, shape))
    total = call.importer.elementwise(f"{call.name}.add", "add", parts, shape)
    scales = [call.optional(5), call.optional(6)]
    out = call.importer.reduction(call.name, "layer_norm", total, features, shape, scales)
    return [out, Constant((words.shape[0],)), total]


def _turned(value: Value, flag: object) -> Value:
    return value.reshape(*value.shape[:-2], value.shape[-1], value.shape[-2]) if flag else value


def _product_shape(left: Value, right: Value) -> tuple[int, ...]:
    batches = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    rows = left.shape[-2:-1] if len(left.shape) > 1 else ()
    columns = right.shape[-1:] if len(right.shape) > 1 else ()
    return (*batches, *rows, *columns)


def _product(right_at: int = 1, bias_at: int | None = None) -> Translation:
    """A matrix product, of which either side may be transposed."""

    def translate(call: Call) -> Value:
        left = _turned(call.value(0), call.attributes.get("transA"))
        right = _turned(call.value(right_at), call.attributes.get("transB"))
        bias = None if bias_at is None else call.optional(bias_at)
        shape = _product_shape(left, right)
        return contractions.product(call.importer, call.name, left, right, bias, shape)

    return translate


def _packed(call: Call) -> Value:
    """`MatMulNBits` and `MatMulBnb4`: weights of few bits, several in a byte; K rows and N columns."""
    x, k, n = call.value(0), call.attribute("K"), call.attribute("N")
    stored = call.value(1)
    bits = call.attributes.get("bits", 4)
    weights: Value = Constant((k, n), stored.parameters) if isinstance(stored, Constant) else stored
    if isinstance(weights, Constant) and len(weights.parameters) == 1:
        ((name, _),) = weights.parameters
        weights = call.importer.stored(name, (k, n), only_as_weights=True)
    if k * n * bits > 8 * stored.elements * 8:
        raise WorkloadError(f"{call.kind} of {k} x {n} weights of {bits} bits, but {stored.elements} bytes")
    bias = call.optional(5) if call.kind == "MatMulNBits" else None
    return contractions.product(call.importer, call.name, x, weights, bias, (*x.shape[:-1], n))


def _gather_packed(call: Call) -> Value:
    """`GatherBlockQuantized`: rows of a table of few bits."""
    table, indices = call.value(0), call.value(1)
    bits = call.attributes.get("bits", 4)
    packed = 8 // bits if call.attributes.get("bits") and isinstance(table, Constant) else 1
    features = table.shape[-1] * packed
    shape = (*indices.shape, features)
    if isinstance(indices, Constant):
        return call.importer.constant([table], shape)
    if isinstance(table, Constant) and len(table.parameters) == 1:
        ((name, _),) = table.parameters
        table = call.importer.stored(name, (table.shape[0], features), only_as_weights=True)
    return call.importer.embedding(call.name, table, indices, shape)


def _experts(call: Call) -> Value:
    """`MoE` and `QMoE`: each row goes through `k` experts of two or three matrices, chosen by its router."""
    x, router = call.value(0), call.value(1)
    rows, taken = x.elements // x.shape[-1], call.attributes.get("k", 1)
    quantised = call.kind == "QMoE"
    places = (2, 5, 8) if quantised else (2, 4, 6)
    first, second, third = (call.optional(place) for place in places)
    if first is None or second is None:
        raise WorkloadError(f"{call.kind} needs the weights of its experts")
    features = x.shape[-1]
    experts = first.shape[0]
    hidden = (second.elements * (8 // call.attributes.get("expert_weight_bits", 4) if quantised else 1)) // (
        experts * features
    )
    width = features
    gated = 2 if call.attributes.get("swiglu_fusion") else 1
    inner = contractions.grouped(
        call.importer, f"{call.name}.up", x, first, (rows * taken, gated * hidden, width), experts
    )
    if third is not None:
        other = contractions.grouped(
            call.importer, f"{call.name}.gate", x, third, (rows * taken, hidden, width), experts
        )
        inner = call.importer.elementwise(
            f"{call.name}.act", "multiply", [inner, other], (rows * taken, hidden)
        )
    else:
        inner = call.importer.elementwise(f"{call.name}.act", "swish", [inner], (rows * taken, hidden))
    out = contractions.grouped(
        call.importer, f"{call.name}.down", inner, second, (rows * taken, features, hidden), experts
    )
    return call.importer.elementwise(call.name, "add", [out, router], x.shape)


def _global_pool(call: Call) -> Value:
    x = call.tensor(0)
    last = call.attributes.get("channels_last")
    size = x.shape[1:-1] if last else x.shape[2:]
    ones = [1] * len(size)
    shape = (x.shape[0], *ones, x.shape[-1]) if last else (*x.shape[:2], *ones)
    return call.importer.reduction(call.name, "mean", x, prod(size), shape)


def _average_pool(call: Call) -> Value:
    x, kernel = call.tensor(0), call.attribute("kernel_shape")
    axes = len(kernel)
    if call.attributes.get("channels_last") or call.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise WorkloadError("QLinearAveragePool is read with channels first and pads as numbers")
    strides, pads = call.sizes("strides", axes), call.sizes("pads", 2 * axes, missing=0)
    up = call.attributes.get("ceil_mode", 0)
    size = [
        (x.shape[2 + a] + pads[a] + pads[a + axes] - kernel[a] + (strides[a] - 1 if up else 0)) // strides[a]
        + 1
        for a in range(axes)
    ]
    return call.importer.reduction(call.name, "average_pool", x, prod(kernel), (*x.shape[:2], *size))


def _joined(call: Call) -> Value:
    """`QLinearConcat`: a scale and a zero, then each part with its own."""
    parts = [value for value in call.inputs[2::3] if value is not None]
    shape = list(parts[0].shape)
    axis = call.attribute("axis")
    shape[axis] = sum(part.shape[axis] for part in parts)
    return call.importer.view(call.name, parts, shape)


def _softmax(call: Call) -> Value:
    x = call.tensor(0)
    return call.importer.reduction(call.name, "softmax", x, x.shape[call.attributes.get("axis", -1)], x.shape)


def _biased_softmax(call: Call) -> Value:
    x = call.importer.elementwise(f"{call.name}.add", "add", call.inputs[:2], call.value(0).shape)
    return call.importer.reduction(call.name, "softmax", x, x.shape[call.attributes.get("axis", -1)], x.shape)


def _reduced(call: Call) -> Value:
    x, axes = call.tensor(0), call.attributes.get("axes")
    chosen = range(len(x.shape)) if axes is None else [axis % len(x.shape) for axis in axes]
    keeps = call.attributes.get("keepdims", 1)
    shape = [
        1 if place in chosen else size for place, size in enumerate(x.shape) if keeps or place not in chosen
    ]
    return call.importer.reduction(call.name, "mean", x, x.elements // prod(shape), shape)


def _fused_product_and_function(call: Call) -> Value:
    """`GemmFastGelu`."""
    out = _product(1, 2)(call)
    assert not isinstance(out, list)
    return call.importer.elementwise(f"{call.name}.gelu", "gelu_tanh", [out], out.shape)


def _rotary(call: Call) -> Value:
    return call.importer.elementwise(call.name, "rotary", [call.value(0)], call.value(0).shape)


def _split_gelu(call: Call) -> Value:
    x = call.value(0)
    shape = (*x.shape[:-1], x.shape[-1] // 2)
    return call.importer.elementwise(call.name, "gelu", call.inputs[:2], shape)


CONTRIB: dict[str, Translation] = {
    **dict.fromkeys(("FastGelu",), _function("gelu_tanh")),
    **dict.fromkeys(("BiasGelu",), _function("gelu")),
    "QuickGelu": _function("swish"),
    "BiasAdd": _function("add"),
    "BiasDropout": lambda call: call.importer.elementwise(
        call.name, "add", call.inputs[:3], call.value(0).shape
    ),
    "BiasSplitGelu": _split_gelu,
    "BiasSoftmax": _biased_softmax,
    "SimplifiedLayerNormalization": _normalisation("rms_norm", False, 1),
    "SkipLayerNormalization": _normalisation("layer_norm", True, 2),
    "SkipSimplifiedLayerNormalization": _normalisation("rms_norm", True, 2),
    "GroupNorm": _group_norm,
    "EmbedLayerNormalization": _embedded,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _product()),
    "FusedGemm": _product(1, 2),
    "GemmFastGelu": _fused_product_and_function,
    "MatMulIntegerToFloat": _product(1, 6),
    "DynamicQuantizeMatMul": _product(1, 4),
    "QGemm": _product(3, 6),
    **dict.fromkeys(("MatMulNBits", "MatMulBnb4"), _packed),
    "GatherBlockQuantized": _gather_packed,
    **dict.fromkeys(("MoE", "QMoE"), _experts),
    "RotaryEmbedding": _rotary,
    "QLinearAdd": _rounded("add"),
    "QLinearMul": _rounded("multiply"),
    "QLinearSigmoid": _rounded("sigmoid"),
    "QLinearLeakyRelu": _rounded("leaky_relu"),
    "QLinearSoftmax": _softmax,
    "QLinearConcat": _joined,
    "QLinearGlobalAveragePool": _global_pool,
    "QLinearAveragePool": _average_pool,
    "QLinearReduceMean": _reduced,
}
