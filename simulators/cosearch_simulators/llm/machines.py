"""Machines with several memories, some of which compute: an NPU, its tiers, and how work is shared out.

A machine is a chip of systolic arrays beside any number of memories ("tiers"), the fastest first. A tier may
compute: multipliers in the banks of a DRAM (Newton, NeuPIMs, PIM-GPT) or in the dies of a flash (Cambricon-
LLM) read at the banks' own rate, which the pins never see. Published machines are in `published_machines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INSIDE = ("nothing", "attention", "everything")
"""What a tier that computes is given: `attention` as in NeuPIMs, `everything` as in PIM-GPT."""


@dataclass(frozen=True)
class Tier:
    """One memory, or columns of them.

    Attributes:
        capacity_bytes: that it holds.
        bandwidth: bytes a second that reach the chip.
        pj_per_bit: of what reaches the chip.
        inside_bandwidth: bytes a second that its own multipliers read, 0 without any.
        inside_rate: operations a second of those multipliers.
        inside_pj_per_bit: of what they read.
        inside: position in `INSIDE`: what its multipliers are given.
        blocked: 1 where the chip cannot read while it computes (one row buffer), 0 where it can.
    """

    capacity_bytes: Any
    bandwidth: Any
    pj_per_bit: Any
    inside_bandwidth: Any = 0.0
    inside_rate: Any = 0.0
    inside_pj_per_bit: Any = 0.0
    inside: Any = 0.0
    blocked: Any = 0.0


@dataclass(frozen=True)
class Machine:
    """A chip and how it is driven, or columns of them. Its tiers are given beside it.

    Attributes:
        arrays: systolic arrays, weight stationary.
        side: rows and columns of multiply-accumulate units of one.
        clock_ghz: of arrays and vector units.
        lanes: numbers that the vector units take at once.
        sram_bytes: on the chip.
        launch_s: cost of starting an operator.
        fused: 1 where a layer is one kernel whose intermediates stay on the chip (dataflow), 0 where each
            operator writes what the next one reads.
        interleaved: 1 where two halves of a batch take turns at arrays and at multipliers in memory.
        cache_first: 1 where the cache gets the fast tiers before the weights, 0 the other way.
        link: bytes a second to the other chips, one way.
        hop_s: latency of a hop to another chip.
        mac_pj: of a 16-bit multiply-accumulate.
        sram_pj_per_bit: of what arrays take from memory on the chip.
        static_w: of the chip while it waits.
    """

    arrays: Any
    side: Any
    clock_ghz: Any
    lanes: Any
    sram_bytes: Any
    launch_s: Any = 2e-6
    fused: Any = 0.0
    interleaved: Any = 0.0
    cache_first: Any = 1.0
    link: Any = 25e9
    hop_s: Any = 1e-6
    mac_pj: Any = 0.6
    sram_pj_per_bit: Any = 0.1
    static_w: Any = 20.0


def bank_bandwidth(
    banks: float,
    page_bytes: float,
    step_bytes: float,
    row_ns: float,
    step_ns: float,
    *,
    window_ns: float = 0.0,
    overlapped: bool = False,
) -> float:
    """Bytes a second that multipliers in the banks of a channel read, a row of every bank at a time.

    After Newton (He et al., MICRO 2020): four banks open a row in each activation window, then all multiply.

    Args:
        banks: of the channel.
        page_bytes: of a row of a bank.
        step_bytes: that a bank's multipliers take at once.
        row_ns: to close a row and open the next (tRP + tRCD).
        step_ns: between two steps in an open row (tCCD_L).
        window_ns: in which four banks may open a row (tFAW), 0 where the supply takes them all.
        overlapped: whether a second row buffer takes the next row while the first is worked on.
    """
    opening = max(row_ns, window_ns * banks / 4.0)
    working = page_bytes / step_bytes * step_ns
    taken = max(opening, working) if overlapped else opening + working
    return banks * page_bytes / taken * 1e9
