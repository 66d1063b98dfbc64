"""What becomes of sums of products: matrix products, einsum and attention of two values.

Each is sorted by its axes, as einsum sees them: those of both operands and of the output are a batch, those
that are summed are k, the others m or n. So an axis that is broadcast on one side costs no operand twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import prod

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer, Value
from cosearch_simulators.workloads.operators import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
)


def product(
    importer: Importer, name: str, left: Value, right: Value, bias: Value | None, shape: Sequence[int]
) -> Value:
    """The matrix product (..., m, k) times (..., k, n), leading axes broadcast; constants are weights."""
    left = left if len(left.shape) > 1 else left.reshape(1, *left.shape)
    right = right if len(right.shape) > 1 else right.reshape(*right.shape, 1)
    (*rows, m, k), (*columns, inner, n) = left.shape, right.shape
    if inner != k:
        raise WorkloadError(f"{name}: cannot multiply shapes {left.shape} and {right.shape}")
    batch = 1
    for above, below in zip_longest(reversed(rows), reversed(columns), fillvalue=1):
        if above != below and 1 not in (above, below):
            raise WorkloadError(f"{name}: cannot multiply shapes {left.shape} and {right.shape}")
        if above == below:
            batch *= above
        else:
            m, n = m * above, n * below
    return multiplied(importer, name, left, right, bias, shape, (batch, m, n, k))


def multiplied(
    importer: Importer,
    name: str,
    left: Value,
    right: Value,
    bias: Value | None,
    shape: Sequence[int],
    sizes: tuple[int, int, int, int],
) -> Value:
    """`batch` products (m, k) times (k, n), of which a constant operand is the weights."""
    batch, m, n, k = sizes
    if isinstance(left, Constant):  # the weights of the transposed product
        left, right, m, n = right, left, n, m
    if isinstance(left, Constant):
        return importer.constant([left, right, bias], shape)
    precision = importer.builder.precision
    if isinstance(right, Tensor):
        both = BatchedMatrixMultiply(name=name, precision=precision, batch=batch, m=m, n=n, k=k)
        out = importer.builder.add(both, [left, right], shape)
        return out if bias is None else importer.elementwise(f"{name}.bias", "add", [out, bias], shape)
    if batch == 1:
        linear = MatrixMultiply(name=name, precision=precision, m=m, n=n, k=k)
        return importer.weighted(linear, left, right, bias, shape)
    groups = Convolution(  # weights that differ along the batch: a 1 x 1 convolution of as many groups
        name=name,
        precision=precision,
        in_channels=batch * k,
        out_channels=batch * n,
        in_size=(m, 1),
        kernel=(1, 1),
        groups=batch,
    )
    return importer.weighted(groups, left, right, bias, shape)


def einsum(importer: Importer, name: str, equation: str, operands: Sequence[Value]) -> Value:
    """Sums over products, from the left to the right where there are more than two operands."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    labels = inputs.split(",")
    if len(labels) != len(operands):
        raise WorkloadError(f"einsum {equation!r} has {len(operands)} operands")
    labels = [_spelled(label, len(value.shape)) for label, value in zip(labels, operands, strict=True)]
    if any(len(label) != len(value.shape) for label, value in zip(labels, operands, strict=True)):
        raise WorkloadError(f"einsum {equation!r} does not fit {[value.shape for value in operands]}")
    everything = "".join(labels)
    hidden = sorted({label for label in everything if label.isdigit()})
    once = sorted(label for label in set(everything) if everything.count(label) == 1 and label.isalpha())
    output = output.replace("...", "".join(hidden)) if arrow else "".join((*hidden, *once))
    sizes: dict[str, int] = {}
    for label, value in zip(labels, operands, strict=True):
        for axis, extent in zip(label, value.shape, strict=True):
            sizes[axis] = max(sizes.get(axis, 1), extent)
    shape = tuple(sizes[axis] for axis in output)
    value, label = operands[0], labels[0]
    for place in range(1, len(operands)):
        later = set(output).union(*labels[place + 1 :])
        last = place == len(operands) - 1
        part = name if last else f"{name}.{place}"
        whole = shape if last else None
        value, label = _contracted(importer, part, value, label, operands[place], labels[place], later, whole)
    if value.elements > prod(shape) and isinstance(value, Tensor):
        return importer.reduction(name, "sum", value, value.elements // prod(shape), shape)
    return importer.view(name, [value], shape)


def _spelled(label: str, axes: int) -> str:
    """An ellipsis as digits, the last axis of which is 9, so that those of several operands match."""
    before, dots, after = label.partition("...")
    hidden = axes - len(before) - len(after)
    return before + "9876543210"[:hidden][::-1] + after if dots else label


def _contracted(
    importer: Importer,
    name: str,
    left: Value,
    left_label: str,
    right: Value,
    right_label: str,
    later: set[str],
    shape: Sequence[int] | None,
) -> tuple[Value, str]:
    """Two operands of an einsum as one, with the axes that are needed later; an axis of 1 is broadcast."""
    sizes: dict[str, int] = {}
    for label, extent in zip(left_label + right_label, (*left.shape, *right.shape), strict=True):
        sizes[label] = max(sizes.get(label, 1), extent)
    left, left_label = _summed(importer, f"{name}.left", left, left_label, later | set(right_label))
    right, right_label = _summed(importer, f"{name}.right", right, right_label, later | set(left_label))
    extents = [
        dict(zip(label, v.shape, strict=True)) for label, v in ((left_label, left), (right_label, right))
    ]
    kept = [label for label in dict.fromkeys(left_label + right_label) if label in later]
    out = tuple(sizes[label] for label in kept) if shape is None else tuple(shape)
    batch = m = n = k = 1
    for label in dict.fromkeys(left_label + right_label):
        here, there = (extent.get(label, 1) for extent in extents)
        if label not in later:
            k *= max(here, there)
        elif here > 1 and there > 1:
            batch *= here
        else:
            m, n = m * here, n * there
    summed = any(label not in later for label in left_label + right_label)
    if not summed and isinstance(left, Constant) and isinstance(right, Constant):
        return importer.constant([left, right], out), "".join(kept)
    if not summed:
        return importer.elementwise(name, "multiply", [left, right], out), "".join(kept)
    return multiplied(importer, name, left, right, None, out, (batch, m, n, k)), "".join(kept)


def _summed(importer: Importer, name: str, value: Value, label: str, needed: set[str]) -> tuple[Value, str]:
    """An operand without the axes that only it has and nothing needs, and with each axis once."""
    extents = dict(zip(label, value.shape, strict=True))
    kept = "".join(axis for axis in extents if axis in needed)
    shape = tuple(extents[axis] for axis in kept)
    alone = prod(extent for axis, extent in extents.items() if axis not in needed)
    if alone == 1 or isinstance(value, Constant):
        return (value if kept == label else value.reshape(*shape)), kept
    return importer.reduction(name, "sum", value, alone, shape), kept


def attention(
    importer: Importer,
    name: str,
    query: Value,
    key: Value,
    value: Value,
    shape: Sequence[int],
    *,
    mask: Value | None = None,
) -> Value:
    """Scaled dot-product attention, (..., heads, length, features) each; heads may share keys."""
    groups, (context, width) = prod(key.shape[:-2]), key.shape[-2:]
    rows = prod(query.shape[:-1]) // groups
    scores = product(
        importer,
        f"{name}.scores",
        query.reshape(groups, rows, width),
        key.reshape(groups, width, context),
        None,
        (groups, rows, context),
    )
    if isinstance(mask, Tensor) or (isinstance(mask, Constant) and mask.parameters):
        scores = importer.elementwise(f"{name}.mask", "add", [scores, mask], scores.shape)
    if isinstance(scores, Tensor):
        scores = importer.reduction(f"{name}.softmax", "softmax", scores, context, scores.shape)
    mixed = product(
        importer,
        f"{name}.mix",
        scores,
        value.reshape(groups, context, value.shape[-1]),
        None,
        (groups, rows, value.shape[-1]),
    )
    return mixed.reshape(*shape)


def appended(importer: Importer, name: str, past: Value, new: Value) -> Value:
    """Keys or values (..., length, features) of all tokens: the cache is read, the new ones are written."""
    length = past.shape[-2] + new.shape[-2]
    if isinstance(new, Tensor):
        new = importer.elementwise(name, "copy", [new], new.shape)
    return importer.view(name, [past, new], (*new.shape[:-2], length, new.shape[-1]))


def grouped(
    importer: Importer, name: str, x: Value, weights: Value, sizes: tuple[int, int, int], groups: int
) -> Value:
    """Products of rows with one of `groups` matrices each, as mixtures of experts have them.

    Which rows go where depends on data: they are spread evenly, and the matrices that get none are not moved.

    Args:
        importer: where the operators go.
        name: of the operator.
        x: the rows.
        weights: of all groups.
        sizes: rows in all, output features, input features.
        groups: how many matrices there are.
    """
    rows, n, k = sizes
    each, more = divmod(rows, groups)
    parts = [(more, each + 1), (groups - more, each)]
    source = x if isinstance(x, Tensor) else Tensor((), (rows, k))
    outputs = []
    for place, (count, length) in enumerate((count, length) for count, length in parts if count and length):
        operator = Convolution(
            name=name if place == 0 else f"{name}.fewer",
            precision=importer.builder.precision,
            in_channels=count * k,
            out_channels=count * n,
            in_size=(length, 1),
            kernel=(1, 1),
            groups=count,
        )
        part = weights if isinstance(weights, Tensor) or each == 0 else weights.reshape(count, k, n)
        outputs.append(importer.weighted(operator, source, part, None, (count * length, n)))
    return Tensor(tuple(dict.fromkeys(name for out in outputs for name in out.producers)), (rows, n))
