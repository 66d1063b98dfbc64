"""The fidelity `timeline` of the problem `accelerator`: the mapper's tiles through an event-driven NPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.mapper import MappedNetwork
    from cosearch_simulators.accelerator.system.architecture import Architecture
    from cosearch_simulators.workloads import Network, Precision


def timed(
    mapped: MappedNetwork,
    architectures: Sequence[Architecture],
    network: Network,
    precisions: Sequence[Precision],
    threads: int | None,
) -> NDArray[np.float64]:
    """Latency in ns of a mapped network on n architectures of registers, a buffer and a memory with one port.

    Args:
        mapped: of `mapped_network.map_on`.
        architectures: those that it was mapped on.
        network: that was mapped.
        precisions: bits of each operand on each.
        threads: designs simulated at once.
    """
    from cosearch_simulators.accelerator.engines.npu.mapped_timeline import mapped_latency_ns

    element = np.array([precision.input_bits / 8 for precision in precisions])
    clock = np.array([architecture.clock_ghz for architecture in architectures])
    buffers = [architecture.levels[-2] for architecture in architectures]
    memories = [architecture.levels[-1] for architecture in architectures]
    return mapped_latency_ns(
        mapped,
        [one.compile(precision) for one, precision in zip(architectures, precisions, strict=True)],
        network,
        clock_ghz=clock,
        element_bytes=element,
        buffer_bytes=[(level.capacity_words or 0) * level.word_bits / 8 for level in buffers],
        memory_gb_per_s=clock * [(m.read_bandwidth_words or np.inf) * m.word_bits / 8 for m in memories],
        threads=threads,
    )
