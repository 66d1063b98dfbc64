"""What an accelerator of this kind takes: energy by access, area and power by component.

The constants are the published tool's: the energy of an access to the shared buffer (L2) and to a PE's buffer
(L1) relative to a multiplication, and area and power of a synthesised PE, SRAM, bus and arbiter, scaled by
its fits (DSE_cost-database.hpp of maestro-project/maestro on GitHub; Kwon et al., MICRO 2019, section 5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

L2_ACCESS_ENERGY = 18.61
"""Multiplications that one access to the shared buffer costs as much energy as."""
L1_ACCESS_ENERGY = 1.68
"""Multiplications that one access to a PE's buffer costs as much energy as."""
MAC_ENERGY_PJ = 0.23
"""Energy of one multiplication and addition (0.00023 nJ in the tool)."""

_MAC_AREA_UM2, _MAC_POWER_MW = 283.0, 1.2223
_SRAM_AREA_UM2, _SRAM_POWER_MW = 0.104, 0.00345  # a byte
_BUS_AREA_UM2, _BUS_POWER_MW = 101.7938, 0.8
_ARBITER_AREA_UM2, _ARBITER_POWER_MW = 395.473, 0.34


class Area(NamedTuple):
    """Area of the whole and power of its parts.

    Attributes:
        area_um2: all together.
        pe_power_mw: the multipliers.
        l1_power_mw: the PEs' buffers.
        l2_power_mw: the shared buffer.
        noc_power_mw: bus and arbiter.
    """

    area_um2: NDArray[np.float64]
    pe_power_mw: NDArray[np.float64]
    l1_power_mw: NDArray[np.float64]
    l2_power_mw: NDArray[np.float64]
    noc_power_mw: NDArray[np.float64]

    @property
    def power_mw(self) -> NDArray[np.float64]:
        """Power of the whole."""
        return self.pe_power_mw + self.l1_power_mw + self.l2_power_mw + self.noc_power_mw


def maestro_area(
    pes: ArrayLike, l1_bytes: ArrayLike, l2_bytes: ArrayLike, noc_bandwidth: ArrayLike, lanes: ArrayLike = 1
) -> Area:
    """Area and power of an accelerator, as MAESTRO's cost table gives them.

    Args:
        pes: processing elements.
        l1_bytes: buffer of each PE.
        l2_bytes: shared buffer.
        noc_bandwidth: elements a cycle of the bus; it dominates where it is wide.
        lanes: multipliers of each PE.
    """
    pes = np.asarray(pes, np.float64)
    l1, l2 = (np.maximum(np.asarray(size, np.float64), 1.0) for size in (l1_bytes, l2_bytes))
    bandwidth, lanes = np.asarray(noc_bandwidth, np.float64), np.asarray(lanes, np.float64)
    bus = (14.662 * pes + 28.895) * bandwidth
    arbiter = 1.2886 * pes**2 + 5.5814 * pes - 23.711
    return Area(
        pes * (_MAC_AREA_UM2 * lanes + _SRAM_AREA_UM2 * l1)
        + _SRAM_AREA_UM2 * l2
        + _BUS_AREA_UM2 * bus
        + _ARBITER_AREA_UM2 * np.maximum(arbiter, 1.0),
        pes * _MAC_POWER_MW * lanes,
        pes * _SRAM_POWER_MW * l1,
        _SRAM_POWER_MW * l2,
        _BUS_POWER_MW * bus / 1000 + _ARBITER_POWER_MW * np.maximum(arbiter / 1000, 1.0),
    )


def gamma_area_um2(pes: ArrayLike, l1_bytes: ArrayLike, l2_bytes: ArrayLike) -> NDArray[np.float64]:
    """Area as GAMMA and ArchGym count it, by whole SRAM macros of 64 bytes and 32 KiB and without the bus.

    Source: Kao and Krishna, "GAMMA: automating the HW mapping of DNN models on accelerators via genetic
    algorithm", ICCAD 2020, and its code; Krishnan et al., "ArchGym", ISCA 2023.
    """
    pes = np.asarray(pes, np.float64)
    l1, l2 = np.asarray(l1_bytes, np.float64), np.asarray(l2_bytes, np.float64)
    return np.asarray(4470 * pes + 4161.536 * np.ceil(l2 / 32768) + 4505.1889 * pes * np.ceil(l1 / 64))
