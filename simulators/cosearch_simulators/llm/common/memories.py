"""Kinds of memory that a chip may have, by the unit that is bought: a stack, a package, a channel of flash.

Rates are the standards' (JESD235D, JESD238, JESD250, JESD209-5C, JESD79-5, ONFI 5.1). Energy: O'Connor et
al., "Fine-grained DRAM" (MICRO 2017) give 3.9 pJ/bit for HBM2 and 14.0 for GDDR5, which stand for HBM3 and
GDDR6 too. Assumed, to within some tens of per cent: the other energies, the interfaces' areas, and all
prices; replace them by yours.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosearch_simulators.llm.machines import bank_bandwidth


@dataclass(frozen=True)
class Memory:
    """A kind of memory, for each unit.

    Attributes:
        gib: capacity.
        gb_per_s: to the chip.
        pj_per_bit: of what reaches the chip.
        interface_mm2: on the chip.
        usd_per_gib: price.
        inside_gb_per_s: that multipliers in its banks or dies read, 0 where there is no such product or
            study.
        inside_blocked_gb_per_s: the same with one row buffer in each bank.
        inside_ops_per_s: of those multipliers.
        inside_pj_per_bit: of what they read.
        inside_price: what it costs with them, over what it costs without.
        stacked: 1 where it stands beside the die as a stack, at its edge.
    """

    gib: float
    gb_per_s: float
    pj_per_bit: float
    interface_mm2: float
    usd_per_gib: float
    inside_gb_per_s: float = 0.0
    inside_blocked_gb_per_s: float = 0.0
    inside_ops_per_s: float = 0.0
    inside_pj_per_bit: float = 0.0
    inside_price: float = 1.0
    stacked: float = 0.0


def _stack(gib: float, gb_per_s: float, channels: int) -> Memory:
    """HBM with NeuPIMs' banks: 32 of 16 multipliers in a channel, four of which open a row in 30 ns."""
    two, one = (
        channels * bank_bandwidth(32, 1024, 32, 28, 2, window_ns=30, overlapped=two) / 1e9
        for two in (True, False)
    )
    return Memory(gib, gb_per_s, 3.9, 16.0, 12.0, two, one, 2.0 * channels * 32 * 16 * 0.5e9, 1.95, 1.25, 1)


_AIM = 2 * bank_bandwidth(16, 2048, 32, 36, 1) / 1e9

MEMORIES: dict[str, Memory] = {
    "lpddr5x": Memory(16, 68.3, 4.0, 4.0, 4.0),
    "gddr6": Memory(2, 64, 14.0, 3.5, 6.0, _AIM, _AIM, 2.0 * 2 * 16 * 16 * 1e9, 3.5, 1.25),
    "hbm2e": _stack(16, 460.8, 8),
    "hbm3": _stack(24, 819.2, 16),
    "ddr5": Memory(64, 38.4, 20.0, 5.0, 4.0),
    "flash": Memory(64, 1.2, 10.0, 0.5, 0.1),
    "flash_compute": Memory(
        64,
        1.2,
        10.0,
        0.5,
        0.1,
        16 * 16384 / 30e-6 / 1e9,
        16 * 16384 / 30e-6 / 1e9,
        16 * 2 * 16384 / 30e-6,
        2.0,
        1.3,
    ),
}
"""By name. LPDDR5X is a package of 64 pins at 8533 MT/s; DDR5 a module at 4800 MT/s; GDDR6 a chip of two
channels at 16 Gb/s, its multipliers those of SK hynix's AiM (ISSCC 2022); flash a channel of ONFI's
NV-LPDDR4 rate, its dies (16 of them) as assumed in `published_machines.cambricon_llm`."""
