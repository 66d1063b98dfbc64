"""A network on array designs: what no mapping by Timeloop's rules goes below, all designs at once."""

from __future__ import annotations

import numpy as np

from cosearch_simulators.accelerator.engines.bound.machines import Machines, area_mm2, machines
from cosearch_simulators.accelerator.engines.bound.network import BoundedNetwork
from cosearch_simulators.accelerator.mapping.templates import TEMPLATES
from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip, result, vector_elements
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Network


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    bounded: BoundedNetwork | None = None,
) -> Result:
    """The metrics of `UNITS`, of which latency and energy are lower bounds.

    Args:
        designs: n of them.
        network: what runs.
        chip: what they have in common.
        bounded: of the network, where it has been made before.
    """
    like = designs.architecture(0, chip)
    bits = np.asarray(designs.bits, np.int64)
    clock_ghz, memory = np.asarray(designs.clock_ghz), np.asarray(designs.memory_gb_per_s)
    found: Machines = machines(
        like,
        columns=designs.array_columns,
        rows=designs.array_rows,
        register_words=designs.register_words,
        buffer_words=np.asarray(designs.buffer_kib, np.int64) * 8192 // bits,
        buffer_banks=designs.buffer_banks,
        buffer_rate=designs.buffer_words_per_cycle,
        memory_rate=memory / (bits / 8) / clock_ghz,
        bits=bits,
        accumulation_bits=chip.accumulation_bits,
    )
    flows = {entry.name: entry for entry in TEMPLATES}
    if chip.template is not None:
        flows[chip.template.name] = chip.template
    bounds = (bounded or BoundedNetwork(network)).bounds(found, np.asarray(designs.dataflow).tolist(), flows)
    elements = vector_elements(network)
    return result(
        designs,
        network,
        chip,
        latency_ns=bounds.cycles / clock_ghz + elements * bits / 8 / memory,
        energy_pj=bounds.energy_pj + elements * found.memory_pj[:, 0],
        area_mm2=area_mm2(like, found, bits),
        reasons=bounds.reason,
    )
