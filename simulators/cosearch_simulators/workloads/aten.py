"""ATen's operators as ours: one line of a table each, and a function for those that are more than a name.

ATen is the operator set of PyTorch that `torch.export` traces modules into. `from_torch` walks the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Importer, Value

# ATen operator: our function. Operators that change their input in place have a trailing underscore in ATen.
ELEMENTWISE = {
    "add": "add",
    "sub": "subtract",
    "rsub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "reciprocal": "divide",
    "pow": "power",
    "square": "multiply",
    "sqrt": "sqrt",
    "rsqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "tanh": "tanh",
    "erf": "erf",
    "sin": "sin",
    "cos": "cos",
    "abs": "absolute",
    "neg": "negate",
    "minimum": "minimum",
    "maximum": "maximum",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "prelu": "leaky_relu",
    "relu6": "clip",
    "hardtanh": "clip",
    "clamp": "clip",
    "clamp_min": "maximum",
    "clamp_max": "minimum",
    "elu": "elu",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "gelu": "gelu",
    "batch_norm": "batch_norm",
    "where": "select",
    "masked_fill": "select",
    "logical_and": "compare",
    "logical_not": "compare",
    **dict.fromkeys(("eq", "ne", "gt", "ge", "lt", "le"), "compare"),
    **dict.fromkeys(("upsample_nearest2d", "roll", "gather", "index_select", "index"), "copy"),
    "upsample_bilinear2d": "bilinear",
}
POOLS = {
    "max_pool1d": "max_pool",
    "max_pool2d": "max_pool",
    "max_pool2d_with_indices": "max_pool",
    "avg_pool1d": "average_pool",
    "avg_pool2d": "average_pool",
}
REDUCTIONS = {
    "adaptive_avg_pool1d": "mean",
    "adaptive_avg_pool2d": "mean",
    "adaptive_max_pool2d": "maximum",
    "mean": "mean",
    "sum": "sum",
    "amax": "maximum",
    "amin": "minimum",
    "argmax": "maximum",
}
SOFTMAXES = {"softmax": "softmax", "_softmax": "softmax", "log_softmax": "log_softmax"}
NORMALIZATIONS = {
    "layer_norm": "layer_norm",
    "rms_norm": "rms_norm",
    "group_norm": "group_norm",
    "instance_norm": "instance_norm",
}
# The data stay where they are, or are joined.
# fmt: off
VIEWS = frozenset((
    "alias", "cat", "chunk", "clone", "constant_pad_nd", "contiguous", "detach", "dropout", "expand",
    "expand_as", "flatten", "flip", "getitem", "lift_fresh_copy", "movedim", "narrow", "numpy_T", "pad",
    "permute", "pixel_shuffle", "repeat", "reshape", "select", "slice", "split", "split_with_sizes",
    "squeeze", "stack", "swapaxes", "t", "to", "transpose", "type_as", "unbind", "unflatten", "unsqueeze",
    "view", "view_as", "_to_copy",
))
# fmt: on


@dataclass(frozen=True)
class Call:
    """One node of the graph.

    Attributes:
        importer: where its operator goes.
        kind: the ATen operator, without its overload.
        name: of our operator.
        shape: of the output.
        given: its arguments by the names of the ATen schema, defaults included; nodes for tensors.
    """

    importer: Importer
    kind: str
    name: str
    shape: tuple[int, ...]
    given: dict[str, Any]

    def optional(self, argument: str) -> Value | None:
        """A tensor, or None where it is left out."""
        node = self.given.get(argument)
        return None if node is None else self.importer.values[node.name]

    def value(self, argument: str) -> Value:
        """A tensor."""
        return self.importer.values[self.given[argument].name]

    def tensor(self, argument: str) -> Tensor:
        """A tensor that is computed from the inputs."""
        value = self.value(argument)
        if not isinstance(value, Tensor):
            raise WorkloadError(f"{self.name}: {self.kind} needs a computed {argument}, got a constant")
        return value

    def sizes(self, argument: str, axes: int) -> list[int]:
        """One size an axis, from a list or a single number."""
        given = list(self.given[argument])
        return given * axes if len(given) == 1 else given


def _convolution(call: Call) -> Tensor:
    x, weights = call.tensor("input"), call.value("weight")
    axes = len(x.shape) - 2
    dilation, padding = call.sizes("dilation", axes), call.given["padding"]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weights.shape[2:], strict=True)]
        around = [size // 2 for size in total] + [size - size // 2 for size in total]
    else:
        around = [0] * axes * 2 if padding == "valid" else call.sizes("padding", axes) * 2
    return call.importer.convolution(
        call.name,
        x,
        weights,
        call.optional("bias"),
        call.shape,
        stride=call.sizes("stride", axes),
        padding=around,
        dilation=dilation,
        groups=call.given["groups"],
    )


def _transposed_convolution(call: Call) -> Tensor:
    x = call.tensor("input")
    return call.importer.transposed_convolution(
        call.name,
        x,
        call.value("weight"),
        call.optional("bias"),
        call.shape,
        stride=call.sizes("stride", len(x.shape) - 2),
        groups=call.given["groups"],
    )


def _linear(call: Call) -> Tensor:
    weights = call.value("weight")
    matrix = weights.reshape(*reversed(weights.shape))
    return call.importer.product(call.name, call.value("input"), matrix, call.optional("bias"), call.shape)


def _matmul(call: Call) -> Tensor:
    return call.importer.product(call.name, call.value("self"), call.value("other"), None, call.shape)


def _mm(call: Call) -> Tensor:
    return call.importer.product(call.name, call.value("self"), call.value("mat2"), None, call.shape)


def _addmm(call: Call) -> Tensor:
    return call.importer.product(
        call.name, call.value("mat1"), call.value("mat2"), call.optional("self"), call.shape
    )


def _einsum(call: Call) -> Tensor:
    operands = [call.importer.values[node.name] for node in call.given["tensors"]]
    return call.importer.einsum(call.name, call.given["equation"], operands, call.shape)


def _attention(call: Call) -> Tensor:
    query, key, value = (call.tensor(argument) for argument in ("query", "key", "value"))
    return call.importer.attention(call.name, query, key, value, call.shape)


def _embedding(call: Call) -> Tensor:
    return call.importer.embedding(call.name, call.value("weight"), call.tensor("indices"), call.shape)


def _pool(call: Call) -> Tensor:
    x = call.tensor("self")
    window = prod(call.sizes("kernel_size", 1 if call.kind.endswith("1d") else 2))
    return call.importer.builder.reduction(call.name, POOLS[call.kind], x, window, call.shape)


def _reduction(call: Call) -> Tensor:
    x = call.tensor("self")
    window = max(1, x.elements // prod(call.shape))
    return call.importer.builder.reduction(call.name, REDUCTIONS[call.kind], x, window, call.shape)


def _softmax(call: Call) -> Tensor:
    x = call.tensor("self")
    window = x.shape[call.given["dim"]]
    return call.importer.builder.reduction(call.name, SOFTMAXES[call.kind], x, window, call.shape)


def _normalization(call: Call) -> Tensor:
    x = call.tensor("input")
    constants = call.importer.trained_elements([call.optional("weight"), call.optional("bias")])
    if call.kind == "group_norm":
        window = prod(x.shape[1:]) // call.given["num_groups"]
    elif call.kind == "instance_norm":
        window = prod(x.shape[2:])
    else:
        window = prod(call.given["normalized_shape"])
    function = NORMALIZATIONS[call.kind]
    return call.importer.builder.reduction(call.name, function, x, window, call.shape, constants)


TRANSLATIONS: dict[str, Callable[[Call], Value]] = {
    **dict.fromkeys(("conv1d", "conv2d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), _transposed_convolution),
    "linear": _linear,
    "matmul": _matmul,
    **dict.fromkeys(("mm", "bmm"), _mm),
    "addmm": _addmm,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "embedding": _embedding,
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(SOFTMAXES, _softmax),
    **dict.fromkeys(NORMALIZATIONS, _normalization),
}
