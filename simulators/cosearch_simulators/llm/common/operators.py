"""Time of one operator on one device: matrix product, attention, routed experts, elementwise, collective.

Each is the larger of arithmetic and traffic, a part of the smaller that does not overlap, and a fixed cost.
How much of the data sheet's rates is reached are constants that `calibration` holds, by operator, precision
and device class. Everything here is written in the array API: NumPy, or torch, which differentiates it.

All times are in seconds, traffic in bytes, rates in operations or bytes a second; all arrays have one
shape, or shapes that broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Constants = Mapping[str, Any]

TILES = ((256, 128), (128, 256), (64, 256), (64, 64))
"""Rows and columns of the output tiles that libraries choose from."""

TALL, WIDE = (256, 128, 64), (256, 128, 64)
LARGEST_TILE = 256 * 128
USUAL_TILE = (128, 128)


def at_least(xp: Any, values: Any, least: float) -> Any:
    """The values, or the least; NumPy's `clip` costs several times as much where there is one design."""
    return np.maximum(values, least) if isinstance(values, np.ndarray) else xp.clip(values, least, None)


def with_tiles(constants: Mapping[str, Any]) -> dict[str, Any]:
    """Constants of products with the arithmetic of a step of each tile, as work of full rate.

    A small tile uses what it loads fewer times: its rate falls with its size to the power `small_tiles`.
    """
    steps = {
        f"tile_{tall}_{wide}": 2.0 * tall * wide * (LARGEST_TILE / (tall * wide)) ** constants["small_tiles"]
        for tall, wide in TILES
    }
    return dict(constants) | steps


def combined(xp: Any, compute: Any, traffic: Any, constants: Constants) -> Any:
    """The larger of both, what of the smaller does not overlap, and the fixed cost."""
    longer, shorter = xp.maximum(compute, traffic), xp.minimum(compute, traffic)
    return constants["fixed_s"] + longer + constants["overlap_loss"] * shorter


def product_compute(
    xp: Any, rows: Any, columns: Any, inner: Any, rate: Any, cores: Any, constants: Constants
) -> tuple[Any, Any]:
    """Arithmetic of y[rows, columns] = x[rows, inner] w[inner, columns] in tiles, and the share of cores.

    Every core works on one tile at a time, in whole waves but for `persist`, the share of the last wave that
    is levelled out; the library takes the tile that ends first. A tile costs a prologue of `fill` steps of
    the inner loop. Small products are split along the inner loop over idle cores, into `most_split` at most.
    """
    down = {tall: xp.ceil(rows * (1.0 / tall)) for tall in TALL}
    across = {wide: xp.ceil(columns * (1.0 / wide)) for wide in WIDE}
    whole, best = 1.0 - constants["persist"], None
    for tall, wide in TILES:
        tiles = down[tall] * across[wide]
        each = tiles / cores
        # Fewer tiles than cores are split over them; more go in waves, whole or levelled out.
        split = at_least(xp, xp.minimum(xp.floor(cores / tiles), constants["most_split"]), 1.0)
        levelled = at_least(xp, each, 1.0)
        waves = levelled + whole * (xp.ceil(each) - levelled)
        time = (waves * inner / split + constants["fill"]) * constants[f"tile_{tall}_{wide}"]
        best = time if best is None else xp.minimum(best, time)
    tiles = down[USUAL_TILE[0]] * across[USUAL_TILE[1]]
    split = at_least(xp, xp.minimum(xp.floor(cores / tiles), constants["most_split"]), 1.0)
    busy = tiles / cores * split
    return best * cores / (rate * constants["compute"]), xp.minimum(busy, xp.ones_like(busy))


def product_time(
    xp: Any,
    rows: Any,
    columns: Any,
    inner: Any,
    *,
    weight_bytes: Any,
    activation_bytes: Any,
    rate: Any,
    bandwidth: Any,
    cores: Any,
    constants: Constants,
) -> Any:
    """Time of a matrix product.

    A wave of tiles covers a part of the result as square as it can be; weights are read again for each part
    below it and inputs for each beside it, of which `reread` misses the cache. Inputs and results cost
    `input` and `store` times their bytes (quantised on the way, written while reads wait). Few busy cores
    draw less of the bandwidth, by the power `draw`.

    Args:
        xp: the array namespace.
        rows: of the activations.
        columns: of the result.
        inner: the contracted size.
        weight_bytes: bytes of one weight.
        activation_bytes: bytes of one input or output.
        rate: peak operations a second.
        bandwidth: peak bytes a second.
        cores: that work on tiles of their own.
        constants: of products, in this precision, on this class of device.
    """
    compute, busy = product_compute(xp, rows, columns, inner, rate, cores, constants)
    area = cores * (USUAL_TILE[0] * USUAL_TILE[1])
    side = xp.sqrt(area)
    tall = xp.minimum(rows, xp.maximum(side, area / columns))
    wide = xp.minimum(columns, xp.maximum(side, area / rows))
    again = constants["reread"]
    moved = inner * columns * weight_bytes * (1.0 + again * (rows / tall - 1.0))
    inputs = constants["input"] * inner * (1.0 + again * (columns / wide - 1.0))
    moved = moved + activation_bytes * rows * (inputs + constants["store"] * columns)
    traffic = moved / (bandwidth * constants["traffic"] * busy ** constants["draw"])
    return combined(xp, compute, traffic, constants)


def context_attention_time(
    xp: Any,
    batch: Any,
    new: Any,
    past: Any,
    heads: Any,
    kv_heads: Any,
    query_size: Any,
    value_size: Any,
    window: Any,
    *,
    kv_bytes: Any,
    rate: Any,
    bandwidth: Any,
    cores: Any,
    constants: Constants,
) -> Any:
    """Time of causal attention of `new` tokens on themselves and on `past` ones; window 0 sees all."""
    block = constants["block"]
    blocks = xp.ceil(new / block)
    seen = past + 0.5 * (new + block)
    seen = xp.where(window > 0, xp.minimum(seen, window + 0.5 * block), seen)
    tasks = batch * heads * blocks
    # Few tasks leave cores idle; many are levelled out over them.
    levelled = tasks / cores
    waves = xp.maximum(levelled + constants["tail"], xp.ceil(xp.minimum(levelled, 1.0)))
    work = 2.0 * block * (seen + constants["fill"]) * (query_size + value_size + constants["softmax"])
    compute = waves * work * cores / (rate * constants["compute"])
    tokens = batch * new
    moved = tokens * heads * (query_size + value_size) * 2.0
    moved = moved + tokens * kv_heads * (query_size + value_size) * (2.0 + kv_bytes)
    moved = moved + batch * past * kv_heads * (query_size + value_size) * kv_bytes
    return combined(xp, compute, moved / (bandwidth * constants["traffic"]), constants)


def generation_attention_time(
    xp: Any,
    batch: Any,
    past: Any,
    heads: Any,
    kv_heads: Any,
    head_size: Any,
    window: Any,
    *,
    entry_bytes: Any,
    rate: Any,
    bandwidth: Any,
    cores: Any,
    constants: Constants,
) -> Any:
    """Time of attention of one new token of each sequence on `past` ones.

    Args:
        xp: the array namespace.
        batch: sequences.
        past: tokens in the cache of each.
        heads: query heads.
        kv_heads: heads of keys and values, each read once for its group of query heads.
        head_size: of a query and its value, added.
        window: tokens that are seen, 0 for all.
        entry_bytes: bytes of the cache for a token and a KV head.
        rate: peak operations a second.
        bandwidth: peak bytes a second.
        cores: that work on tasks of their own.
        constants: of this operator on this class of device.
    """
    seen = xp.where(window > 0, xp.minimum(past + 1.0, window), past + 1.0)
    group = xp.ceil(heads / kv_heads / constants["group"]) * constants["group"]
    pairs = batch * kv_heads
    compute = 2.0 * pairs * group * seen * head_size / (rate * constants["compute"])
    # A sequence is split over idle cores down to `least` tokens; a core alone cannot draw all the bandwidth.
    tasks = pairs * xp.ceil(seen / constants["least"])
    busy = xp.minimum(tasks / cores, 1.0)
    traffic = pairs * seen * entry_bytes / (bandwidth * constants["traffic"] * busy)
    return combined(xp, compute, traffic, constants) + constants["step_s"] * pairs / cores


def distinct_experts(xp: Any, experts: Any, chosen: Any, skew: Any) -> Any:
    """Expected number of distinct experts that get a token, of `experts`, at `chosen` choices in all.

    Uniform choices leave an expert out with exp(-chosen / experts) (the limit of (1 - 1/experts)^chosen); a
    skewed router sends the choices to fewer: `skew` is the share of the mean that the median expert gets.
    """
    return experts * (1.0 - xp.exp(-skew * chosen / experts))


def experts_time(
    xp: Any,
    tokens: Any,
    hidden: Any,
    inner: Any,
    top_k: Any,
    experts: Any,
    matrices: Any,
    *,
    groups: Any,
    skew: Any,
    load: Any,
    weight_bytes: Any,
    activation_bytes: Any,
    rate: Any,
    bandwidth: Any,
    cores: Any,
    constants: Constants,
) -> Any:
    """Time of the routed experts of one layer on the busiest of `groups` ranks.

    Args:
        xp: the array namespace.
        tokens: that enter the layer, of all ranks.
        hidden: width of a token.
        inner: width of an expert on this rank.
        top_k: experts of a token.
        experts: of all ranks.
        matrices: of an expert: 3 where it is gated, 2 where not.
        groups: ranks that the experts are shared out over.
        skew: see `distinct_experts`.
        load: of the busiest rank over the mean.
        weight_bytes: bytes of one weight.
        activation_bytes: bytes of one input or output.
        rate: peak operations a second.
        bandwidth: peak bytes a second.
        cores: that work on tiles of their own.
        constants: of this operator, in this precision, on this class of device.
    """
    local = experts / groups
    chosen = xp.minimum(tokens * top_k / groups * load, tokens * xp.minimum(top_k, local))
    touched = distinct_experts(xp, local, chosen, skew)
    block = constants["block"]
    padded = chosen + touched * block * 0.5
    compute = 2.0 * padded * hidden * inner * matrices / (rate * constants["compute"])
    tiles = touched * xp.ceil(inner / 128.0)
    compute = compute * xp.maximum(1.0, constants["idle"] * cores / tiles)
    moved = touched * hidden * inner * matrices * weight_bytes
    moved = moved + chosen * (constants["passes"] * hidden + 2.0 * inner) * activation_bytes
    return combined(xp, compute, moved / (bandwidth * constants["traffic"]), constants)


def elementwise_time(xp: Any, moved: Any, *, bandwidth: Any, constants: Constants) -> Any:
    """Time of an operator that moves bytes and hardly computes; `traffic` above 1 is a cache's."""
    return constants["fixed_s"] + moved / (bandwidth * constants["traffic"])


def collective_time(
    xp: Any, members: Any, message: Any, *, share: Any, steps: Any, bandwidth: Any, constants: Constants
) -> Any:
    """Time of a collective of `members` ranks; nothing where there is only one.

    Args:
        xp: the array namespace.
        members: ranks.
        message: bytes of the whole message.
        share: how often (members - 1) / members of the message goes over a rank's link: 2 for an all-reduce.
        steps: hops of the message, each with the link's latency.
        bandwidth: bytes a second of a rank, one way.
        constants: of collectives over this class of link.
    """
    others = members - 1.0
    moved = share * others / xp.maximum(members, 1.0) * message
    ring = constants["fixed_s"] + constants["hop_s"] * steps * others
    # Where ranks share a bus, each gets less of it the more there are.
    shared = xp.maximum(members, 2.0 + 0.0 * members) / 2.0
    ring = ring + moved / (bandwidth * constants["traffic"]) * shared ** constants["crowding"]
    ring = ring + constants["slow_s"] * xp.sqrt(message / 1e6)
    return xp.where(members > 1.0, ring, xp.zeros_like(ring))
