"""Area, power and price of a chip that is made up, from published densities at 7 nm.

A100 is what the rest stands on: 826 mm2, 400 W, 108 of 128 SMs active, 40 MiB of L2, 12 NVLinks, 5 stacks
of HBM2e (NVIDIA A100 white paper, 2020). Published: a bit cell of SRAM has 0.027 um2 at TSMC N7 (ISSCC
2017; twice that with periphery), HBM2 takes 3.9 pJ/bit (O'Connor et al., MICRO 2017), a short NVLink 1.3
pJ/bit (NVIDIA Grace white paper). Assumed, to within some ten per cent: what a core, a multiply-
accumulate unit, a stack's and a link's interface take; what is left of A100's area and power is
`REST_MM2` and `STATIC_W_PER_MM2`, so that its own design has its own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosearch_simulators.llm.common.calibration import FAMILIES
from cosearch_simulators.llm.devices import GIB
from cosearch_simulators.llm.platforms import LINKS, Platform

SM_MM2 = 2.6
"""Of a core without its tensor arrays and its local memory."""

MAC_MM2 = 0.0009
"""Of a 16-bit multiply-accumulate unit in a tensor array."""

SRAM_MM2_PER_MIB = 0.45
STACK_MM2 = 16.0
LINK_MM2 = 1.7
REST_MM2 = 246.0
"""PCIe, copy and video engines, crossbar, and all that the others leave of A100's area."""

MAC_PJ = 0.6
MEMORY_PJ_PER_BIT = 3.9
LINK_PJ_PER_BIT = 1.3
STATIC_W_PER_MM2 = 0.29


@dataclass(frozen=True)
class Chip:
    """A chip, or columns of them.

    Attributes:
        cores: that work on tiles of their own.
        macs: 16-bit multiply-accumulate units of a core's tensor arrays.
        clock_ghz: of the cores.
        local_kib: memory beside each core.
        l2_mib: shared memory.
        stacks: of HBM.
        stack_gb_per_s: bandwidth of each.
        stack_gib: capacity of each.
        links: to other chips, of 25 GB/s one way.
    """

    cores: Any
    macs: Any
    clock_ghz: Any
    local_kib: Any
    l2_mib: Any
    stacks: Any
    stack_gb_per_s: Any
    stack_gib: Any
    links: Any


def area_mm2(chip: Chip) -> Any:
    """Of the die; of cores, an eighth more is made than used, as on A100."""
    core = SM_MM2 + chip.macs * MAC_MM2 + chip.local_kib / 1024.0 * SRAM_MM2_PER_MIB
    return (
        core * chip.cores * 128.0 / 108.0
        + chip.l2_mib * SRAM_MM2_PER_MIB
        + chip.stacks * STACK_MM2
        + chip.links * LINK_MM2
        + REST_MM2
    )


A100 = Chip(108.0, 1024.0, 1.41, 192.0, 40.0, 5.0, 407.8, 16.0, 12.0)
"""NVIDIA A100 80GB SXM: 312 TFLOPS, 2,039 GB/s, 300 GB/s each way."""


def peak_power_w(chip: Chip) -> Any:
    """With all arrays, memories and links busy."""
    computing = chip.cores * chip.macs * chip.clock_ghz * MAC_PJ * 1e-3
    memory = chip.stacks * chip.stack_gb_per_s * 8.0 * MEMORY_PJ_PER_BIT * 1e-3
    links = chip.links * 25.0 * 8.0 * LINK_PJ_PER_BIT * 1e-3
    return computing + memory + links + STATIC_W_PER_MM2 * area_mm2(chip)


RETICLE_MM2 = 858.0
"""The largest field that a scanner exposes at once: 26 mm x 33 mm."""

STACK_EDGE_MM = 6.5
"""Of a die's edge that a stack of HBM takes at least: the side of the first one's package of 42 mm2 (J. Kim
and Y. Kim, "HBM: Memory Solution for Bandwidth-Hungry Processors", Hot Chips 26, 2014). Later are larger."""


def refused_dies(area_mm2: ArrayLike, stacks: ArrayLike) -> dict[int, str]:
    """The rows of dies that cannot be built, and why: the reticle, and a square die's edge.

    Args:
        area_mm2: of n dies, (n,).
        stacks: of HBM beside each, (n,).
    """
    area, count = np.broadcast_arrays(np.asarray(area_mm2, np.float64), stacks)
    edge_mm, taken_mm = 4 * np.sqrt(area), count * STACK_EDGE_MM
    found = {
        row: f"{count[row]:g} memory stacks take {taken_mm[row]:.0f} of the die's edge of "
        f"{edge_mm[row]:.0f} mm"
        for row in np.flatnonzero(taken_mm > edge_mm).tolist()
    }
    for row in np.flatnonzero(area > RETICLE_MM2).tolist():
        found[row] = f"{area[row]:.0f} mm2 are more than the reticle's {RETICLE_MM2:g}"
    return found


def platform_of_chip(chip: Chip) -> Platform:
    """The chip as a platform of A100's class, 8 in a node; for 16-bit products, and without a price."""
    rate = chip.cores * chip.macs * chip.clock_ghz * 2e9
    return Platform(
        bf16=rate,
        fp8=0.0 * rate,
        fp4=0.0 * rate,
        int8=2.0 * rate,
        memory_bytes=chip.stacks * chip.stack_gib * GIB,
        bandwidth=chip.stacks * chip.stack_gb_per_s * 1e9,
        cores=chip.cores,
        link=chip.links * 25e9,
        network=25e9 + 0.0 * rate,
        node=8.0 + 0.0 * rate,
        power_w=peak_power_w(chip),
        usd_per_hour=0.0 * rate,
        family=float(FAMILIES.index("ampere")) + 0.0 * rate,
        link_kind=float(LINKS.index("ampere")) + 0.0 * rate,
    )
