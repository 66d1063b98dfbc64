"""Energy and area of an NPU's parts, at 45 nm and 0.9 V.

Operations and memory accesses: Horowitz, "Computing's Energy Problem (and What We Can Do About It)", ISSCC
2014 (table of operations, and 10, 20 and 100 pJ for 64 bits from 8 KB, 32 KB and 1 MB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.workloads import Network, Precision

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.npu.simulation import Npus

# Horowitz 2014: integer multiplication and addition by bits, pJ and um2.
MULTIPLY_PJ = {8: 0.2, 32: 3.1}
MULTIPLY_UM2 = {8: 282.0, 32: 3495.0}
ADD_PJ = {8: 0.03, 16: 0.05, 32: 0.1}
ADD_UM2 = {8: 36.0, 16: 67.0, 32: 137.0}
# A vector operation is taken for a 16-bit floating-point multiplication.
VECTOR_PJ, VECTOR_UM2 = 1.1, 1640.0
# 64 bits from an SRAM of so many bytes, pJ.
SRAM_BYTES, SRAM_PJ = (8 * 1024, 32 * 1024, 1024 * 1024), (10.0, 20.0, 100.0)
DRAM_PJ_PER_BYTE = 1300.0 / 8  # the lower end of 1.3 to 2.6 nJ for 64 bits
# The 6T cell of Intel's 45 nm process, Mistry et al., IEDM 2007; decoders, amplifiers and wires come on top.
SRAM_CELL_UM2 = 0.346


@dataclass(frozen=True, eq=False)
class Silicon:
    """What the parts of n designs cost.

    Attributes:
        buffer_pj_per_byte: an access of a core's memory, (n,).
        area_mm2: of all cores, (n,).
        vector_pj: an operation of the vector unit.
        dram_pj_per_byte: a transfer.
    """

    buffer_pj_per_byte: NDArray[np.float64]
    area_mm2: NDArray[np.float64]
    vector_pj: float = VECTOR_PJ
    dram_pj_per_byte: float = DRAM_PJ_PER_BYTE

    @staticmethod
    def mac_pj(precision: Precision) -> float:
        """A multiply-accumulate."""
        bits = precision.weight_bits * precision.input_bits
        return _by_bits(bits**0.5, MULTIPLY_PJ) + _by_bits(precision.accumulation_bits, ADD_PJ)


def silicon(npus: Npus, network: Network) -> Silicon:
    """The parts of these designs, the arrays as wide as the network's widest operator."""
    widest = max((operator.precision for operator in network.operators), key=Silicon.mac_pj)
    mac_um2 = _by_bits((widest.weight_bits * widest.input_bits) ** 0.5, MULTIPLY_UM2) + _by_bits(
        widest.accumulation_bits, ADD_UM2
    )
    buffer_bytes = np.asarray(npus.buffer_kib, np.float64) * 1024
    macs = np.asarray(npus.array_rows, np.float64) * np.asarray(npus.array_columns)
    core_um2 = (
        macs * mac_um2
        + np.asarray(npus.vector_lanes, np.float64) * VECTOR_UM2
        + buffer_bytes * 8 * SRAM_CELL_UM2
    )
    return Silicon(_sram_pj_per_byte(buffer_bytes), np.asarray(npus.cores, np.float64) * core_um2 / 1e6)


def _by_bits(bits: float, table: dict[int, float]) -> float:
    """A power law through the smallest and the largest listed width."""
    low, high = min(table), max(table)
    exponent = np.log(table[high] / table[low]) / np.log(high / low)
    return float(table[low] * (bits / low) ** exponent)


def _sram_pj_per_byte(capacity_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight lines between the listed sizes on log scales, and beyond them on."""
    size, energy = np.log(SRAM_BYTES), np.log(SRAM_PJ)
    slopes = np.diff(energy) / np.diff(size)
    place = np.log(capacity_bytes)
    piece = np.clip(np.searchsorted(size, place) - 1, 0, slopes.size - 1)
    return np.asarray(np.exp(energy[piece] + slopes[piece] * (place - size[piece])) / 8)
