"""Time and energy of a pass on a machine: arrays, tiers, multipliers in memory, small operators, links.

Arrays hold weights still: a tile of side x side weights takes as many cycles as rows pass it, and at least
`side`, in which the next tile is loaded. Tiers are read at the same time, each its share. A tier that
computes works on a share of what it holds while the rest goes to the arrays, so that both end together
(Cambricon-LLM's hybrid tiles); one with a single row buffer does one or the other (NeuPIMs' "blocked" mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cosearch_simulators.llm.engines.tiered.work import KERNELS, Work
from cosearch_simulators.llm.machines import Machine, Tier


@dataclass(frozen=True)
class Numbers:
    """Bytes of a weight, an expert's weight and a number of the cache, and cycles' worth of work."""

    weight: Any
    expert_weight: Any
    cache: Any


@dataclass(frozen=True)
class Read:
    """Reading one kind of data: seconds of memories, arrays and multipliers in memory; and energy."""

    memory_s: Any
    arrays_s: Any
    inside_s: Any
    joules: Any


def array_seconds(xp: Any, machine: Machine, numbers: Any, rows: Any, size: Any) -> Any:
    """Time of the arrays on so many weights, each met by so many rows; 8 bits run at twice the rate."""
    cycles = numbers / (machine.arrays * machine.side**2) * xp.maximum(rows, machine.side)
    return cycles / (machine.clock_ghz * 1e9) * xp.where(size > 1.0, xp.ones_like(size), 0.5)


def read(
    xp: Any,
    machine: Machine,
    tiers: Sequence[Tier],
    shares: Sequence[Any],
    numbers: Any,
    rows: Any,
    size: Any,
    least: float,
) -> Read:
    """Read so many numbers from where they lie and multiply them with rows.

    Args:
        xp: the array namespace.
        machine: columns.
        tiers: columns, the fastest first.
        shares: of the numbers, by tier.
        numbers: that are read once.
        rows: that each meets.
        size: bytes of a number.
        least: position in `INSIDE` from which a tier that computes is given them.
    """
    zero = 0.0 * numbers
    memory, within, joules, in_arrays = zero, zero, zero, zero
    full = array_seconds(xp, machine, numbers, rows, size)
    mac = machine.mac_pj * 1e-12 * xp.where(size > 1.0, xp.ones_like(size), 0.5 * xp.ones_like(size))
    for tier, share in zip(tiers, shares, strict=True):
        moved = numbers * size * share
        able = (tier.inside > least - 0.5) & (tier.inside_bandwidth > 0)
        rate = xp.where(able, tier.inside_rate, xp.ones_like(tier.inside_rate))
        # All rows that meet a number are worked on while its row of the bank is open.
        own = xp.where(able, tier.inside_bandwidth, xp.ones_like(tier.inside_bandwidth))
        own_s = xp.maximum(moved / own, 2.0 * numbers * share * rows / rate)
        pins_s = xp.maximum(moved / tier.bandwidth, full * share)
        # Side by side both end together; blocked, the quicker of the two does it all.
        together = own_s / (own_s + pins_s + 1e-300)
        alone = xp.where(own_s < pins_s, xp.zeros_like(own_s), xp.ones_like(own_s))
        to_arrays = xp.where(able, xp.where(tier.blocked > 0.5, alone, together), xp.ones_like(own_s))
        here = 1.0 - to_arrays
        memory = xp.maximum(memory, moved * to_arrays / tier.bandwidth)
        within = xp.maximum(within, own_s * here)
        in_arrays = in_arrays + full * share * to_arrays
        bits = 8.0 * moved
        joules = joules + bits * to_arrays * tier.pj_per_bit * 1e-12
        joules = joules + bits * here * tier.inside_pj_per_bit * 1e-12
        joules = joules + numbers * share * rows * mac
        fed = 16.0 * numbers * share * to_arrays * rows / machine.side
        joules = joules + (2.0 * fed + bits * to_arrays) * machine.sram_pj_per_bit * 1e-12
    return Read(memory, in_arrays, within, joules)


@dataclass(frozen=True)
class Pass:
    """A pass: its seconds and joules, by part too, and the seconds by what they wait for."""

    seconds: Any
    joules: Any
    parts: dict[str, Any]
    joules_of: dict[str, Any]
    bounds: dict[str, Any]
    inside_s: Any


def pass_of(
    xp: Any,
    machine: Machine,
    tiers: Sequence[Tier],
    shares: tuple[Sequence[Any], Sequence[Any]],
    work: Work,
    numbers: Numbers,
    tp: Any,
    hidden: Any,
) -> Pass:
    """One pass of all layers, operators one after the other."""
    weights, cache = shares
    everything, attention = 2.0, 1.0
    dense = read(xp, machine, tiers, weights, work.dense, work.rows, numbers.weight, everything)
    routed = read(
        xp, machine, tiers, weights, work.experts, work.expert_rows, numbers.expert_weight, everything
    )
    two = 2.0 * xp.ones_like(numbers.weight)
    head = read(xp, machine, tiers, weights, work.head, work.head_rows, two, everything)
    seen = read(xp, machine, tiers, cache, work.entries, work.queries, numbers.cache, attention)
    products = sum(_longest(xp, one) for one in (dense, routed, head))
    written = work.written * numbers.cache
    # A fused layer hands numbers on inside the chip, as long as a tile of them has room there.
    fits = machine.sram_bytes > 4.0 * 128.0 * hidden
    fused = xp.where(fits, machine.fused, xp.zeros_like(machine.fused))
    passed = 2.0 * work.passed * (1.0 - fused) + written
    handed_s = passed / tiers[0].bandwidth
    vector_s = work.vectors / (machine.lanes * machine.clock_ghz * 1e9)
    # Dataflow runs small operators beside the products, kernels one after the other.
    small = xp.maximum(handed_s, vector_s)
    small = xp.where(fused > 0.5, xp.maximum(small - products, xp.zeros_like(small)), small)
    launches = machine.launch_s * work.layers * (KERNELS - (KERNELS - 1.0) * fused)
    message = work.rows * hidden * 2.0
    hops = 2.0 * (tp - 1.0) * machine.hop_s + 2.0 * (tp - 1.0) / tp * message / machine.link
    links = 2.0 * work.layers * xp.where(tp > 1.0, hops, 0.0 * hops)
    parts = {
        "products": products,
        "attention": _longest(xp, seen),
        "small": small,
        "launches": launches,
        "links": links,
    }
    total = sum(parts.values())
    small_j = 8.0 * passed * tiers[0].pj_per_bit * 1e-12 + work.vectors * machine.mac_pj * 1e-12
    joules_of = {
        "products": dense.joules + routed.joules + head.joules,
        "attention": seen.joules,
        "small": small_j,
        "waiting": machine.static_w * total,
    }
    bounds = _bounds(xp, (dense, routed, head, seen))
    on_vectors = vector_s > handed_s
    zero = xp.zeros_like(small)
    bounds["compute"] = bounds["compute"] + xp.where(on_vectors, small, zero)
    bounds["memory"] = bounds["memory"] + xp.where(on_vectors, zero, small)
    bounds |= {"launch": launches, "link": links}
    return Pass(total, sum(joules_of.values()), parts, joules_of, bounds, seen.inside_s)


def _bounds(xp: Any, reads: Sequence[Read]) -> dict[str, Any]:
    """Seconds of these by what takes longest: the arrays, the way from memory, the multipliers inside it."""
    found: dict[str, Any] = {"compute": 0.0, "memory": 0.0, "in memory": 0.0}
    for one in reads:
        longest = _longest(xp, one)
        zero = xp.zeros_like(longest)
        inside = (one.inside_s >= one.arrays_s) & (one.inside_s >= one.memory_s)
        memory = ~inside & (one.memory_s > one.arrays_s)
        for name, waits in (("in memory", inside), ("memory", memory), ("compute", ~inside & ~memory)):
            found[name] = found[name] + xp.where(waits, longest, zero)
    return found


def _longest(xp: Any, one: Read) -> Any:
    return xp.maximum(xp.maximum(one.memory_s, one.arrays_s), one.inside_s)


def interleaved(xp: Any, machine: Machine, whole: Pass, half: Pass, layers: Any, blocked: Any) -> Any:
    """Seconds where two halves of a batch take turns, or one after the other where that is quicker.

    While the arrays work on one half's products, the multipliers in memory work on the other half's attention
    (NeuPIMs' sub-batches): of a layer the longer of the two counts, and once, at the ends, both do.
    """
    arrays = 2.0 * (half.seconds - half.parts["attention"])
    memory = 2.0 * half.parts["attention"]
    turns = xp.maximum(arrays, memory) + xp.minimum(arrays, memory) / (2.0 * layers)
    may = (machine.interleaved > 0.5) & (blocked < 0.5) & (half.inside_s > 0)
    return xp.where(may, xp.minimum(turns, whole.seconds), whole.seconds)
