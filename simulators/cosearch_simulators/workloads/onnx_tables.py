"""Which of our functions each ONNX operator is; sources: the operator pages of onnx.ai/onnx/operators."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

ELEMENTWISE = {
    "Add": "add",
    "Sum": "add",
    "Mean": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Reciprocal": "divide",
    "Mod": "modulo",
    "Pow": "power",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Tanh": "tanh",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    **dict.fromkeys(
        ("DFT", "STFT", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
        "function",
    ),
    "Abs": "absolute",
    "Neg": "negate",
    "Sign": "sign",
    **dict.fromkeys(("Round", "Floor", "Ceil"), "round"),
    "Min": "minimum",
    "Max": "maximum",
    "Relu": "relu",
    **dict.fromkeys(("LeakyRelu", "PRelu"), "leaky_relu"),
    "ThresholdedRelu": "select",
    "Clip": "clip",
    **dict.fromkeys(("Elu", "Selu", "Celu"), "elu"),
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Shrink": "shrink",
    "Sigmoid": "sigmoid",
    "Swish": "swish",
    "SwiGLU": "glu",
    "HardSigmoid": "hard_sigmoid",
    "HardSwish": "hard_swish",
    "Gelu": "gelu",
    "Where": "select",
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), "compare"),
    **dict.fromkeys(("And", "Or", "Xor", "Not", "IsNaN", "IsInf", "NonZero", "OneHot", "Unique"), "compare"),
    "NonMaxSuppression": "compare",
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"), "bitwise"),
    **dict.fromkeys(("GatherElements", "GatherND", "ScatterElements", "ScatterND", "Scatter"), "copy"),
    **dict.fromkeys(("TensorScatter", "Trilu", "Compress", "Col2Im", "MaxUnpool"), "copy"),
    **dict.fromkeys(("GridSample", "RoiAlign", "MaxRoiPool"), "sample"),
    **dict.fromkeys(("DynamicQuantizeLinear",), "quantize"),
    "RotaryEmbedding": "rotary",
}
TRAINED = frozenset(("Add", "Sub", "Mul", "Div", "PRelu"))
"""Elementwise operators whose constants may be trained; those of the others are masks and bounds."""
COUNTED_ALONE = frozenset(("PRelu",))
"""Whose constant is trained even where it is one number."""

POOLS = {"MaxPool": "max_pool", "AveragePool": "average_pool", "LpPool": "average_pool"}
REDUCTIONS = {
    **dict.fromkeys(("GlobalAveragePool", "ReduceMean"), "mean"),
    **dict.fromkeys(("GlobalMaxPool", "ReduceMax", "ArgMax"), "maximum"),
    **dict.fromkeys(("ReduceMin", "ArgMin"), "minimum"),
    **dict.fromkeys(("ReduceSum", "ReduceL1", "ReduceLogSum"), "sum"),
    **dict.fromkeys(("ReduceL2", "ReduceSumSquare", "GlobalLpPool"), "norm"),
    "ReduceProd": "product",
    "ReduceLogSumExp": "log_sum_exp",
}
ROWS = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Hardmax": "hardmax",
    "CumSum": "cumulative",
    "CumProd": "cumulative",
    "TopK": "sort",
    "LpNormalization": "unit_norm",
    "MeanVarianceNormalization": "layer_norm",
}
"""Functions of rows that keep their shape, or choose from it."""
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
    "BipolarQuant", "BitCast", "Cast", "CastLike", "CenterCropPad", "DepthToSpace", "DequantizeLinear",
    "Dropout",
    "Expand", "Flatten", "FloatQuant", "Identity", "IntQuant", "Pad", "Quant", "QuantizeLinear", "Reshape",
    "ReverseSequence", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Trunc",
    "Unsqueeze",
))
SAME_SHAPE = frozenset((
    "BipolarQuant", "FloatQuant", "GroupNormalization", "IntQuant", "MeanVarianceNormalization", "Quant",
    "Trunc",
))
"""What they give has the shape of their first input, which `onnx` has no rule for."""
RANDOM = frozenset((
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
))
"""Numbers that are drawn in each run: computed, though from no input."""
FILLS = frozenset(("ConstantOfShape", "EyeLike", "Range"))
"""They take a shape from their input, and no data."""
# fmt: on


def _nonzero(shapes: list[tuple[int, ...]], numbers: list[np.ndarray | None]) -> tuple[int, ...]:
    return len(shapes[0]), prod(shapes[0])


def _suppressed(shapes: list[tuple[int, ...]], numbers: list[np.ndarray | None]) -> tuple[int, ...]:
    (batch, boxes, _), classes = shapes[0], shapes[1][1]
    most = numbers[2] if len(numbers) > 2 else None
    kept = boxes if most is None else min(boxes, int(most.reshape(-1)[0]))
    return batch * classes * max(1, kept), 3


def _as_input(shapes: list[tuple[int, ...]], numbers: list[np.ndarray | None]) -> tuple[int, ...]:
    return shapes[0]


def _flat(shapes: list[tuple[int, ...]], numbers: list[np.ndarray | None]) -> tuple[int, ...]:
    return (prod(shapes[0]),)


AT_MOST: dict[str, Callable[[list[tuple[int, ...]], list[np.ndarray | None]], tuple[int, ...]]] = {
    "NonZero": _nonzero,
    "NonMaxSuppression": _suppressed,
    "Unique": _flat,
    **dict.fromkeys(("Compress", "TopK", "Slice"), _as_input),
}
"""The largest shape that an operator can give, where what it gives depends on what is computed."""
