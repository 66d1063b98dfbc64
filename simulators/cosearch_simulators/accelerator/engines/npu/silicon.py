"""Energy and area of an NPU's parts at 45 nm, put together from `components`; leakage is not modelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.npu.designs import Npus
from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.workloads import Network, Precision

# A vector operation is taken for a 16-bit floating-point multiplication: Horowitz, ISSCC 2014 (1.1 pJ), and
# the area published with it (W. Dally, NIPS tutorial 2015).
VECTOR_PJ, VECTOR_UM2 = 1.1, 1640.0
ACCESS_BITS = 64  # of a core's memory


@dataclass(frozen=True, eq=False)
class Silicon:
    """What the parts of n designs cost.

    Attributes:
        buffer_pj_per_byte: an access of a core's memory, (n,).
        area_mm2: of all cores, (n,).
        vector_pj: an operation of the vector unit.
        dram_pj_per_byte: a transfer.
        own_mac_pj: a multiply-accumulate, where it is not the published one of the operands' width.
    """

    buffer_pj_per_byte: NDArray[np.float64]
    area_mm2: NDArray[np.float64]
    vector_pj: float
    dram_pj_per_byte: float
    own_mac_pj: float | None = None

    def mac_pj(self, precision: Precision) -> float:
        """A multiply-accumulate of the wider operand's width."""
        return components.mac_energy_pj(_width(precision)) if self.own_mac_pj is None else self.own_mac_pj


def silicon(npus: Npus, network: Network) -> Silicon:
    """The parts of these designs, the arrays as wide as the network's widest operator."""
    widest = max(_width(operator.precision) for operator in network.operators)
    sizes, place = np.unique(np.asarray(npus.buffer_kib, np.float64) * 8192, return_inverse=True)
    buffer_pj = np.array([components.sram_energy_pj(bits, ACCESS_BITS) for bits in sizes])[place]
    buffer_um2 = np.array([components.sram_area_um2(bits) for bits in sizes])[place]
    macs = np.asarray(npus.array_rows, np.float64) * np.asarray(npus.array_columns)
    lanes = np.asarray(npus.vector_lanes, np.float64)
    core_um2 = macs * components.mac_area_um2(widest) + lanes * VECTOR_UM2 + buffer_um2
    return Silicon(
        buffer_pj / (ACCESS_BITS / 8),
        np.asarray(npus.cores, np.float64) * core_um2 / 1e6,
        VECTOR_PJ,
        components.dram_energy_pj(8),
    )


def _width(precision: Precision) -> int:
    return max(precision.weight_bits, precision.input_bits)
