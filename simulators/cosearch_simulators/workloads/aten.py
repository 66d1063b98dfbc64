"""ATen's operators as ours: a line of `aten_tables` each, and a function for those that are more than a name.

ATen is the operator set of PyTorch that `torch.export` traces modules into. `from_torch` walks the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from cosearch_simulators.workloads import contractions, convolutions
from cosearch_simulators.workloads.aten_call import Call
from cosearch_simulators.workloads.aten_recurrent import RECURRENT
from cosearch_simulators.workloads.aten_tables import (
    ELEMENTWISE,
    FILLS,
    NORMALIZATIONS,
    POOLS,
    REDUCTIONS,
    ROWS,
    VIEWS,
)
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Value


def _convolution(call: Call) -> Value:
    x, weights = call.tensor("input"), call.value("weight")
    axes = len(x.shape) - 2
    if axes < len(weights.shape) - 2:  # an image without a batch
        x, axes = x.reshape(1, *x.shape), axes + 1
    dilation, padding = call.sizes("dilation", axes), call.given["padding"]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weights.shape[2:], strict=True)]
        around = [size // 2 for size in total] + [size - size // 2 for size in total]
    else:
        around = [0] * axes * 2 if padding == "valid" else call.sizes("padding", axes) * 2
    if call.given.get("transposed") or "transpose" in call.kind:
        shape = call.shape if len(call.shape) == axes + 2 else (1, *call.shape)
        return convolutions.transposed_convolution(
            *(call.importer, call.name, x, weights, call.optional("bias"), shape),
            stride=call.sizes("stride", axes),
            groups=call.given["groups"],
        ).reshape(*call.shape)
    return convolutions.convolution(
        *(call.importer, call.name, x, weights, call.optional("bias"), call.shape),
        stride=call.sizes("stride", axes),
        padding=around,
        dilation=dilation,
        groups=call.given["groups"],
    )


def _bias(call: Call, argument: str) -> Value | None:
    """A bias by its name, but the zeros that `beta` makes of it."""
    return None if call.given.get("beta", 1) == 0 else call.optional(argument)


def _linear(call: Call) -> Value:
    weights = call.value("weight")
    matrix = weights.reshape(*reversed(weights.shape))
    return contractions.product(
        call.importer, call.name, call.value("input"), matrix, call.optional("bias"), call.shape
    )


def _product(left: str, right: str, bias: str = "") -> Callable[[Call], Value]:
    def translate(call: Call) -> Value:
        added = _bias(call, bias) if bias else None
        operands = call.value(left), call.value(right)
        return contractions.product(call.importer, call.name, *operands, added, call.shape)

    return translate


def _summed_products(call: Call) -> Value:
    """`addbmm`: the products of a batch, added up."""
    left, right = call.value("batch1"), call.value("batch2")
    (batch, m, k), n = left.shape, right.shape[-1]
    left, right = left.reshape(m, batch * k), right.reshape(batch * k, n)
    return contractions.product(call.importer, call.name, left, right, _bias(call, "self"), call.shape)


def _bilinear(call: Call) -> Value:
    first, second, weights = (call.value(name) for name in ("input1", "input2", "weight"))
    label = "..."
    value = contractions.einsum(
        call.importer, call.name, f"{label}i,oij,{label}j->{label}o", [first, weights, second]
    )
    bias = call.optional("bias")
    return (
        value
        if bias is None
        else call.importer.elementwise(f"{call.name}.bias", "add", [value, bias], call.shape)
    )


def _experts(call: Call) -> Value:
    """Rows of (rows, k), each through one of the matrices (experts, k, n); or all through each of a batch."""
    x, weights = (call.operands[place] for place in range(2))
    if len(x.shape) != 2 or len(weights.shape) != 3:
        return contractions.product(call.importer, call.name, x, weights, None, call.shape)
    experts, k, n = weights.shape
    return contractions.grouped(call.importer, call.name, x, weights, (x.shape[0], n, k), experts)


def _tensordot(call: Call) -> Value:
    left, right = call.value("self"), call.value("other")
    k = prod(left.shape[axis] for axis in call.given["dims_self"])
    left, right = left.reshape(left.elements // k, k), right.reshape(k, right.elements // k)
    return contractions.product(call.importer, call.name, left, right, None, call.shape)


def _einsum(call: Call) -> Value:
    operands = [call.importer.values[node.name] for node in call.given["tensors"]]
    return contractions.einsum(call.importer, call.name, call.given["equation"], operands).reshape(
        *call.shape
    )


def _distances(call: Call) -> Value:
    """`cdist`: the squares of sums, by the product of all rows with each other."""
    left, right = call.value("x1"), call.value("x2")
    right = right.reshape(*right.shape[:-2], right.shape[-1], right.shape[-2])
    return contractions.product(call.importer, call.name, left, right, None, call.shape)


def _attention(call: Call) -> Value:
    query, key, value = (call.value(argument) for argument in ("query", "key", "value"))
    mask = call.optional("attn_mask") or call.optional("attn_bias")
    return contractions.attention(call.importer, call.name, query, key, value, call.shape, mask=mask)


def _embedding(call: Call) -> Value:
    indices = call.value("indices")
    if isinstance(indices, Constant):  # rows of a computed table
        return call.importer.view(call.name, [call.value("weight")], call.shape)
    found = call.importer.embedding(
        call.name, call.value("weight"), indices, (*indices.shape, *call.value("weight").shape[1:])
    )
    if call.kind != "embedding_bag":
        return found
    window = max(1, found.elements // prod(call.shape))
    return call.importer.reduction(f"{call.name}.sum", "sum", found, window, call.shape)


def _pool(call: Call) -> Value:
    x = call.tensor("self")
    window = prod(call.sizes("kernel_size", int(call.kind[call.kind.index("pool") + 4])))
    return call.importer.reduction(call.name, POOLS[call.kind], x, window, call.shape)


def _reduction(call: Call) -> Value:
    operands = [operand for operand in call.operands if isinstance(operand, Tensor)]
    x = operands[0]
    if len(operands) > 1 or (call.kind in ("max", "min") and "other" in call.given):
        return call.importer.elementwise(call.name, f"{call.kind}imum", call.operands, call.shape)
    window = max(1, x.elements // max(1, prod(call.shape)))
    return call.importer.reduction(call.name, REDUCTIONS[call.kind], x, window, call.shape)


def _rows(call: Call) -> Value:
    x = call.tensor("self")
    axis = call.given.get("dim", -1)
    window = x.shape[axis] if isinstance(axis, int) and x.shape else x.elements
    out = call.importer.reduction(call.name, ROWS[call.kind], x, window, x.shape)
    return out.reshape(*call.shape)


def _normalization(call: Call) -> Value:
    x = call.tensor("input")
    constants = [call.optional("weight"), call.optional("bias")]
    if call.kind in ("group_norm", "native_group_norm"):
        groups = call.given.get("num_groups") or call.given["group"]
        window = prod(x.shape[1:]) // groups
    elif call.kind == "instance_norm":
        window = prod(x.shape[2:])
    else:
        window = prod(call.given["normalized_shape"])
    function = NORMALIZATIONS[call.kind]
    return call.importer.reduction(call.name, function, x, window, call.shape, constants)


TRANSLATIONS: dict[str, Callable[[Call], Value]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", "_convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _convolution),
    "linear": _linear,
    "matmul": _product("self", "other"),
    "linalg_matmul": _product("self", "other"),
    **dict.fromkeys(("mm", "bmm"), _product("self", "mat2")),
    "mv": _product("self", "vec"),
    **dict.fromkeys(("dot", "vdot"), _product("self", "tensor")),
    "inner": lambda call: _transposed_right(call, "other"),
    "addmm": _product("mat1", "mat2", "self"),
    "addmv": _product("mat", "vec", "self"),
    "baddbmm": _product("batch1", "batch2", "self"),
    "addbmm": _summed_products,
    **dict.fromkeys(("_grouped_mm", "transformers::grouped_mm_fallback"), _experts),
    "einsum": _einsum,
    "tensordot": _tensordot,
    "bilinear": _bilinear,
    **dict.fromkeys(("cdist", "_cdist_forward"), _distances),
    **dict.fromkeys(
        (
            "scaled_dot_product_attention",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_efficient_attention",
        ),
        _attention,
    ),
    **dict.fromkeys(("embedding", "embedding_bag"), _embedding),
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(ROWS, _rows),
    **dict.fromkeys(NORMALIZATIONS, _normalization),
    **RECURRENT,
}


def _transposed_right(call: Call, argument: str) -> Value:
    right = call.value(argument)
    rows = right.shape if len(right.shape) < 2 else (right.shape[-1], prod(right.shape[:-1]))
    return contractions.product(
        call.importer, call.name, call.value("self"), right.reshape(*rows), None, call.shape
    )


def translate(call: Call) -> Value:
    """The value that a node gives; it has at least one computed operand.

    Raises:
        WorkloadError: what the node describes cannot be run.
    """
    if call.kind in VIEWS:
        return call.importer.view(call.name, call.operands, call.shape)
    if call.kind in FILLS:
        return Constant(call.shape)
    if call.kind in TRANSLATIONS:
        return TRANSLATIONS[call.kind](call)
    if call.kind in ELEMENTWISE:
        function = ELEMENTWISE[call.kind]
        if call.kind == "gelu" and call.given.get("approximate") == "tanh":
            function = "gelu_tanh"
        # the statistics of a batch normalisation are buffers and add no parameters
        return call.importer.elementwise(call.name, function, call.operands, call.shape)
    return call.importer.unknown(call.kind, call.name, call.operands, call.shape)


MULTIPLYING = frozenset(TRANSLATIONS) - {*POOLS, *REDUCTIONS, *ROWS, *NORMALIZATIONS}
"""Operators whose multiply-accumulates must not be left out."""
KNOWN = tuple(sorted({*VIEWS, *FILLS, *ELEMENTWISE, *TRANSLATIONS}))
