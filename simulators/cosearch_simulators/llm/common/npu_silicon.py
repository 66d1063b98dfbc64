"""Area, idle power and price of an NPU that is made up, on the densities of `silicon`.

Assumed beside those: a lane of the vector units takes 0.003 mm2, what every chip has (host, clocks, network
on chip) 15 mm2, idle logic 0.1 W/mm2. A wafer of 7 nm costs 9,346 USD (Khan, Mann, "AI chips: what they are
and why they matter", CSET 2020, table 9); dies that work by the negative binomial model with 0.1 defects for
each cm2, in clusters of 3.
"""

from __future__ import annotations

from typing import Any

from cosearch_simulators.llm.common.silicon import LINK_MM2, MAC_MM2, SRAM_MM2_PER_MIB

LANE_MM2, BASE_MM2, IDLE_W_PER_MM2 = 0.003, 15.0, 0.1
WAFER_USD, WAFER_MM2 = 9346.0, 70685.8
DEFECTS_PER_MM2, CLUSTERS = 0.001, 3.0


def npu_mm2(macs: Any, lanes: Any, sram_mib: Any, interfaces_mm2: Any, links: Any) -> Any:
    """Of one die at 7 nm.

    Args:
        macs: 16-bit multiply-accumulate units.
        lanes: of vector units.
        sram_mib: on the chip.
        interfaces_mm2: of its memories.
        links: of 25 GB/s one way to other chips.
    """
    own = macs * MAC_MM2 + lanes * LANE_MM2 + sram_mib * SRAM_MM2_PER_MIB
    return own + interfaces_mm2 + links * LINK_MM2 + BASE_MM2


def die_usd(area_mm2: Any) -> Any:
    """Price of a die that works, edges of the wafer not counted."""
    works = (1.0 + area_mm2 * DEFECTS_PER_MM2 / CLUSTERS) ** -CLUSTERS
    return area_mm2 / WAFER_MM2 * WAFER_USD / works
