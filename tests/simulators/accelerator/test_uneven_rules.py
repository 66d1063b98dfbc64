"""Rules of the uneven cost model that no case of the set needs: sums over positions, shared ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosearch_simulators.accelerator.uneven import (
    Layer,
    Model,
    UnevenMapping,
    Unrolling,
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
