"""Rules of the uneven cost model that no case of the set needs: sums over positions, shared ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import pytest

from cosearch_simulators.accelerator.engines.zigzag import (
    Layer,
    Model,
    UnevenMapping,
    Unrolling,
    find_mapping,
    read_hardware,
)

PRODUCT = {"I": (((1, "M"),), ((1, "K"),)), "W": (((1, "K"),), ((1, "N"),)), "O": (((1, "M"),), ((1, "N"),))}
FINAL_BITS, SUM_BITS = 8, 32


def _memory(
    operands: str, served: Sequence[str] = ("D1",), size: int = 10**9, width: int = 8
) -> dict[str, Any]:
    ways = [f"{o}, {way}" for o in operands for way in ("tl", "fl", "th", "fh")]
    port = {"name": "port", "bandwidth_min": width, "bandwidth_max": width, "allocation": ways}
    fields = {"size": size, "r_cost": 1, "w_cost": 1, "operands": list(operands), "ports": [port]}
    return {**fields, "served_dimensions": list(served)}


def _product(
    sizes: Mapping[str, int], memories: Mapping[str, Any], along: tuple[tuple[str, int], ...] = ()
) -> Model:
    array = {"unit_energy": 0, "dimensions": ["D1"], "sizes": [8]}
    layer = Layer("product", dict(sizes), PRODUCT, {"I": 8, "W": 8, "O": SUM_BITS}, FINAL_BITS)
    hardware = read_hardware({"memories": memories, "operational_array": array})
    return Model(hardware, layer, Unrolling({"D1": along}, {operand: operand for operand in "IWO"}))


def _held_outside(model: Model, loops: tuple[tuple[str, int], ...]) -> UnevenMapping:
    """All loops in the outermost memory of every operand."""
    levels = {operand: len(model.memories(operand)) for operand in "IWO"}
    return UnevenMapping(loops, {operand: (*[0] * (n - 1), len(loops)) for operand, n in levels.items()})


def test_without_a_sum_no_output_is_read_back_and_all_are_finished() -> None:
    model = _product({"M": 3, "N": 5, "K": 1}, {"rf": _memory("IWO"), "dram": _memory("IWO")})
    cost = model.evaluate(_held_outside(model, (("M", 3), ("N", 5))))
    words = 15 * FINAL_BITS // 8
    once = {"rd_out_to_low": 0, "wr_in_by_low": words, "rd_out_to_high": words, "wr_in_by_high": 0}
    assert cost.accesses["O"] == (once, {**once, "rd_out_to_high": 0})


def test_sums_over_positions_stay_partial_up_to_the_memory_that_joins_them() -> None:
    each = {"rf": _memory("IWO", served=()), "sram": _memory("IWO"), "dram": _memory("IWO")}
    model = _product({"M": 3, "N": 5, "K": 4}, each, (("K", 4),))
    cost = model.evaluate(_held_outside(model, (("M", 3), ("N", 5))))
    register, sram, dram = cost.accesses["O"]
    assert register["wr_in_by_low"] == 4 * 15 * SUM_BITS // 8  # four registers each hold a part of every sum
    assert sram["wr_in_by_low"] == 15 * FINAL_BITS // 8
    assert dram["wr_in_by_low"] == 15 * FINAL_BITS // 8


def test_the_input_with_the_longest_way_of_its_own_is_loaded_first() -> None:
    memories = {
        "weights": _memory("W", width=8),
        "inputs": _memory("I", width=16),
        "outputs": _memory("O"),
        "sram": _memory("IW", width=64),
        "dram": _memory("IWO", width=32),
    }
    model = _product({"M": 16, "N": 8, "K": 8}, memories)
    loops = (("K", 8), ("N", 8), ("M", 16))
    held = {"I": (3, 3, 3), "W": (3, 3, 3), "O": (3, 3)}
    cost = model.evaluate(UnevenMapping(loops, held))
    # All bandwidth of the shared ports but none of the time before the first iteration is left over: what
    # moves once is hidden down to an innermost tile, which is the whole operand here.
    shared = {"I": 128 * 8 // 32, "W": 64 * 8 // 32}
    own = {"I": 128 * 8 // 16, "W": 64 * 8 // 8}
    orders = (("I", "W"), ("W", "I"))
    assert cost.onloading_cycles == min(
        max(shared[first] + own[first], shared[first] + shared[second] + own[second])
        for first, second in orders
    )


def test_partial_sums_that_come_back_leave_their_bandwidth_to_what_is_loaded_meanwhile() -> None:
    memories = {
        "weights": _memory("W", width=1024),
        "registers": _memory("IO", width=64),
        "sram": _memory("IO", width=40),
        "dram": _memory("IWO", width=10_000),
    }
    model = _product({"M": 4, "N": 1, "K": 16}, memories)
    held = {"I": (0, 3, 3), "W": (3, 3), "O": (1, 3, 3)}
    cost = model.evaluate(UnevenMapping((("K", 2), ("M", 4), ("K", 8)), held))
    assert cost.accesses["O"][1]["rd_out_to_low"] > 0
    # Of 40 bits a cycle, 8 are inputs read and 16 are sums written. The inputs' 4 * 16 words need 8 more of
    # the 16 left, so all but the first word come in time: a cycle from the DRAM and one from the SRAM.
    assert cost.onloading_cycles == 2


@pytest.mark.parametrize(
    ("loops", "held", "slack"),
    [
        # Inputs 64 bits, weights 32 of which the outermost loop uses 16 at a time: the inputs fit twice.
        ((("K", 2), ("M", 4), ("N", 2), ("K", 4)), {"I": 3, "W": 3}, {"I": (8 - 16) * 3}),
        # Inputs 16 bits, weights 64: the second tile of the inputs leaves no room for one of the weights,
        # which then can be replaced in the last of four rounds only.
        ((("K", 2), ("N", 4), ("M", 4), ("K", 4)), {"I": 2, "W": 3}, {"I": (2 - 8) * 15, "W": (8 - 8) * 3}),
    ],
)
def test_room_for_a_second_tile_goes_to_one_operand_after_the_other(
    loops: tuple[tuple[str, int], ...], held: Mapping[str, int], slack: Mapping[str, int]
) -> None:
    dram = _memory("IWO")
    dram["ports"] = [{**_memory(operand)["ports"][0], "name": operand} for operand in "IWO"]
    sizes = {name: prod(size for loop, size in loops if loop == name) for name in "MNK"}
    memories = {"outputs": _memory("O"), "shared": _memory("IW", size=150), "dram": dram}
    model = _product(sizes, memories)
    mapping = UnevenMapping(loops, {**{operand: (own, 4) for operand, own in held.items()}, "O": (4, 4)})
    stalls = model.evaluate(mapping).port_stall_cycles["dram"]
    assert {operand: stalls[operand] for operand in slack} == slack


def _row(outputs: int, positions: int) -> Model:
    """A convolution along a row, three weights wide, its outputs on positions with a register each."""
    indices = {"W": (((1, "FX"),),), "I": (((1, "OX"), (1, "FX")),), "O": (((1, "OX"),),)}
    layer = Layer("row", {"OX": outputs, "FX": 3}, indices, {"I": 8, "W": 8, "O": 8}, 8)
    sram = _memory("I")
    ports = {way: {**sram["ports"][0], "name": way, "allocation": [f"I, {way}"]} for way in ("tl", "fh")}
    memories = {
        "registers": _memory("I", served=()),
        "sram": {**sram, "ports": [*ports.values()]},
        "dram": _memory("IWO"),
    }
    array = {"unit_energy": 0, "dimensions": ["D1"], "sizes": [positions]}
    hardware = read_hardware({"memories": memories, "operational_array": array})
    links = {operand: operand for operand in "IWO"}
    return Model(hardware, layer, Unrolling({"D1": (("OX", positions),)}, links))


def test_every_position_is_sent_its_own_window_where_windows_overlap() -> None:
    mapping = UnevenMapping((("FX", 3), ("OX", 4)), {"I": (1, 2, 2), "W": (2,), "O": (2,)})
    stalls = _row(16, 4).evaluate(mapping).port_stall_cycles["sram"]
    assert stalls["tl"] == (4 * 3 - 3) * (4 - 1)  # a word a cycle, in windows of three cycles, but the first


def test_a_window_over_positions_that_are_used_in_part_has_whole_positions() -> None:
    mapping = UnevenMapping((("FX", 3), ("OX", 4)), {"I": (0, 1, 2), "W": (2,), "O": (2,)})
    cost = _row(15, 4).evaluate(mapping)  # 3.75 positions in each of four rounds: windows of 3 + 3 - 1
    assert cost.accesses["I"][2]["rd_out_to_low"] == 4 * (3 + 3 - 1)


@pytest.mark.parametrize(
    ("width", "size", "positions"),
    [
        (64, 10**9, 8),
        (47, 10**9, 5),  # five inputs of 8 bits in a cycle
        (64, 31, 3),  # room for three
        (1, 10**9, 1),
    ],
)
def test_what_is_asked_of_an_array_is_cut_to_what_the_inner_memories_feed(
    width: int, size: int, positions: int
) -> None:
    memories = {"registers": _memory("I", width=width, size=size), "dram": _memory("IWO")}
    model = _product({"M": 16, "N": 1, "K": 1}, memories)
    limited = Unrolling({"D1": (("M", 12),)}, model.unrolling.links).limited(model.layer, model.hardware)
    assert limited.along == {"D1": (("M", positions),)}  # of an array of 8


def test_a_mapping_is_found_where_prime_factors_overfill_what_larger_ones_leave_free() -> None:
    memories = {
        # Room for 64 weights: of a factor 128 they take none, of its primes more than the SRAM has room for.
        "registers": _memory("W", served=(), size=64 * 8),
        "sram": _memory("IW", size=300),
        "dram": _memory("IWO"),
    }
    model = _product({"M": 105, "N": 128, "K": 24}, memories, (("K", 8),))
    best = find_mapping(model, "energy", loop_limit=3, evaluations=500)
    assert best.cost.held_bits["sram"] <= 300
