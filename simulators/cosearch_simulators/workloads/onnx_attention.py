"""Attention as one ONNX node: the standard's, and those of ONNX Runtime's com.microsoft.

Keys and values of tokens before are a cache: all of it is read, and the new ones are written to it. Sources:
onnx.ai/onnx/operators/onnx__Attention.html, and ONNX Runtime's docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import contractions
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Value
from cosearch_simulators.workloads.onnx_call import Call


def _mixed(
    call: Call,
    query: Value,
    key: Value,
    value: Value,
    past: tuple[Value | None, Value | None],
    mask: Value | None,
    shape: tuple[int, ...],
) -> list[Value]:
    """Attention of (batch, heads, length, features) each: what it gives, then all keys and values."""
    past_key, past_value = past
    if past_key is not None:
        key = contractions.appended(call.importer, f"{call.name}.append_key", past_key, key)
    if past_value is not None:
        value = contractions.appended(call.importer, f"{call.name}.append_value", past_value, value)
    out = contractions.attention(call.importer, call.name, query, key, value, shape, mask=mask)
    return [out, key, value]


def _standard(call: Call) -> list[Value]:
    """Query, key and value of (batch, heads, length, features), or (batch, length, heads x features)."""
    query, key, value = (call.value(place) for place in range(3))
    flat = len(query.shape) == 3
    heads, shared = (call.attributes.get(f"{which}_num_heads", 1) for which in ("q", "kv"))
    if flat:
        query, key, value = (
            _heads(one, count) for one, count in ((query, heads), (key, shared), (value, shared))
        )
    batch, count, length, _ = query.shape
    width = value.shape[-1]
    shape = (batch, length, count * width) if flat else (batch, count, length, width)
    past = call.optional(4), call.optional(5)
    out, keys, values = _mixed(call, query, key, value, past, call.optional(3), shape)
    scores = out.reshape(batch, count, length, keys.shape[-2])
    return [out, keys, values, scores]


def _multi_head(call: Call) -> list[Value]:
    """`MultiHeadAttention`: (batch, length, features) each, or keys of the tokens before; or all in one."""
    heads = call.attribute("num_heads")
    query, key, value = call.value(0), call.optional(1), call.optional(2)
    if len(query.shape) == 5:  # (batch, length, heads, 3, features)
        batch, length, _, _, width = query.shape
        query = key = value = query.reshape(batch, length, heads * width)
    elif key is not None and len(key.shape) == 5:  # (batch, length, heads, 2, features)
        batch, length, _, _, width = key.shape
        key = value = key.reshape(batch, length, heads * width)
    if key is None or value is None:
        raise WorkloadError("MultiHeadAttention needs key and value, or a query that holds them")
    bias = call.optional(3)
    if bias is not None:
        query, key, value = (
            call.importer.elementwise(f"{call.name}.bias_{which}", "add", [one, bias], one.shape)
            for which, one in (("query", query), ("key", key), ("value", value))
        )
    batch, length = query.shape[:2]
    query, key, value = (one if len(one.shape) == 4 else _heads(one, heads) for one in (query, key, value))
    past = call.optional(6), call.optional(7)
    shape = (batch, length, heads * value.shape[-1])
    return _mixed(call, query, key, value, past, call.optional(5), shape)


def _grouped(call: Call) -> list[Value]:
    """`GroupQueryAttention`: heads share keys; the query may hold keys and values, after its own heads."""
    heads, shared = call.attribute("num_heads"), call.attribute("kv_num_heads")
    query, key, value = call.value(0), call.optional(1), call.optional(2)
    batch, length, features = query.shape
    if key is None or value is None:
        width = features // (heads + 2 * shared)
        key = value = query.reshape(batch, length, shared * width)
        query = query.reshape(batch, length, heads * width)
    if call.attributes.get("do_rotary"):
        query, key = (
            call.importer.elementwise(f"{call.name}.rotary_{which}", "rotary", [one], one.shape)
            for which, one in (("query", query), ("key", key))
        )
    query, key, value = _heads(query, heads), _heads(key, shared), _heads(value, shared)
    past = call.optional(3), call.optional(4)
    shape = (batch, length, heads * value.shape[-1])
    return _mixed(call, query, key, value, past, call.optional(10), shape)


def _with_projection(call: Call) -> list[Value]:
    """`Attention` and `QAttention` of com.microsoft: the matrix of query, key and value is in them."""
    quantised = call.kind == "QAttention"
    x, weights, bias = call.value(0), call.value(1), call.optional(2)
    heads = call.attribute("num_heads")
    batch, length, _ = x.shape
    total = weights.shape[-1]
    sizes = list(call.attributes.get("qkv_hidden_sizes") or [total // 3] * 3)
    all_three = contractions.product(
        call.importer, f"{call.name}.qkv", x, weights, bias, (batch, length, total)
    )
    query, key, value = (_heads(all_three.reshape(batch, length, size), heads) for size in sizes)
    past = call.optional(8 if quantised else 4)
    before = None if past is None else past.reshape(batch, heads, past.shape[-2], past.shape[-1])
    mask = None if quantised else call.optional(5)
    shape = (batch, length, sizes[2])
    out, keys, values = _mixed(call, query, key, value, (before, before), mask, shape)
    present = _both(keys, values)
    return [out, present]


def _both(keys: Value, values: Value) -> Value:
    """Keys and values in one tensor, along a new first axis."""
    producers = [one.producers for one in (keys, values) if isinstance(one, Tensor)]
    names = tuple(dict.fromkeys(name for some in producers for name in some))
    return Tensor(names, (2, *keys.shape))


def _heads(value: Value, heads: int) -> Value:
    """(batch, length, heads x features) as (batch, heads, length, features)."""
    batch, length, features = value.shape
    if features % heads:
        raise WorkloadError(f"{features} features are not divided by {heads} heads")
    return value.reshape(batch, heads, length, features // heads)


def _decoder(call: Call) -> list[Value]:
    """`DecoderMaskedMultiHeadAttention`: one new token; the cache may be as long as it will ever be."""
    heads = call.attribute("num_heads")
    query, key, value = call.value(0), call.value(1), call.value(2)
    batch, length = query.shape[:2]
    query, key, value = (one if len(one.shape) == 4 else _heads(one, heads) for one in (query, key, value))
    shape = (batch, length, heads * value.shape[-1])
    return _mixed(call, query, key, value, (call.optional(5), call.optional(6)), call.optional(4), shape)


def _any(call: Call) -> list[Value]:
    """Either domain has an operator of this name; theirs has a matrix as its second input."""
    if "num_heads" in call.attributes and len(call.value(1).shape) == 2:
        return _with_projection(call)
    return _standard(call)


ATTENTION: dict[str, Callable[[Call], Value | list[Value]]] = {
    "Attention": _any,
    "QAttention": _with_projection,
    "MultiHeadAttention": _multi_head,
    **dict.fromkeys(("GroupQueryAttention", "SparseAttention"), _grouped),
    "DecoderMaskedMultiHeadAttention": _decoder,
}
