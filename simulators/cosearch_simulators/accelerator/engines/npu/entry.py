"""A network on array designs as a timeline of one core: tiles go through load, array, vector unit, store.

The array's vector unit has as many lanes as the array has columns; the buffer is shared by two tiles; what
the buffer's words a cycle are, is what the core's DMA moves.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.accelerator.engines.npu.designs import Npus
from cosearch_simulators.accelerator.engines.npu.silicon import VECTOR_PJ, Silicon
from cosearch_simulators.accelerator.engines.npu.simulation import simulate
from cosearch_simulators.accelerator.silicon.components import energy_scale
from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip, areas_mm2, in_groups, result
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Network, Precision

DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
HELD: dict[str, tuple[object, str]] = {
    "register_words": (16, "its units keep one operand; registers cost area alone"),
}
"""Parameters that the rules do not know: the value that they have, and why."""


def admits(network: Network) -> str:
    """Why the rules cannot express a network: they can any."""
    return ""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`, the designs of one width of words in one call of the timeline.

    Args:
        designs: n of them, with a dataflow of `DATAFLOWS`.
        network: what runs.
        chip: what they have in common.
        threads: designs simulated at once; None: as many as cores.
    """
    return in_groups(
        designs,
        DATAFLOWS,
        np.asarray(designs.bits),
        lambda bits, mine: _of_width(mine, bits, network, chip, threads),
    )


def _of_width(designs: ArrayDesigns, bits: int, network: Network, chip: Chip, threads: int | None) -> Result:
    precise = network.with_precision(Precision(bits, bits, bits, chip.accumulation_bits))
    clock = np.asarray(designs.clock_ghz)
    npus = Npus(
        cores=1,
        array_rows=designs.array_rows,
        array_columns=designs.array_columns,
        vector_lanes=designs.array_columns,
        buffer_kib=designs.buffer_kib,
        dma_gb_per_s=np.asarray(designs.buffer_words_per_cycle) * bits / 8 * clock,
        dram_gb_per_s=designs.memory_gb_per_s,
        clock_ghz=clock,
        dataflow=[flow.replace("-", "_") for flow in np.asarray(designs.dataflow).tolist()],
    )
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    area = areas_mm2(architectures)
    parts = Silicon(
        buffer_pj_per_byte=np.array([one.read_pj(one.levels[1]) for one in architectures]) * 8 / bits,
        area_mm2=area,
        vector_pj=VECTOR_PJ * energy_scale(chip.technology_nm),
        dram_pj_per_byte=architectures[0].read_pj(architectures[0].levels[2]) * 8 / bits,
        own_mac_pj=architectures[0].mac_pj,
    )
    found = simulate(npus, precise, threads=threads, on_error="mark", parts=parts)
    return result(
        designs,
        network,
        chip,
        latency_ns=found.latency_ns,
        energy_pj=found.energy_pj,
        area_mm2=area,
        reasons=found.error,
    )
