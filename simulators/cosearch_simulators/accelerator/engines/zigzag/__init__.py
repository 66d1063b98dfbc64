"""Uneven mappings, in which each operand has its own level boundaries: hardware, layers, cost and mapper.

The cost model is the one of ZigZag (Mei et al., "ZigZag: Enlarging Joint Architecture-Mapping Design Space
Exploration for DNN Accelerators", IEEE Transactions on Computers 70(8), 2021) with the latency of Mei et al.,
"A Uniform Latency Model for DNN Accelerators with Diverse Architectures and Dataflows" (DATE 2022); the
mapper goes on from LOMA (Symons et al., "LOMA: Fast Auto-Scheduling on DNN Accelerators through
Loop-Order-based Memory Allocation", AICAS 2021).
"""

from __future__ import annotations

from cosearch_simulators.accelerator.engines.zigzag.hardware import Hardware, Memory, Port, read_hardware
from cosearch_simulators.accelerator.engines.zigzag.layer import (
    Layer,
    Unrolling,
    layer_of,
    read_layer,
    read_unrolling,
)
from cosearch_simulators.accelerator.engines.zigzag.mapper import MapperResult, Objective, find_mapping
from cosearch_simulators.accelerator.engines.zigzag.mapping import (
    MappingError,
    Model,
    UnevenCost,
    UnevenMapping,
)

__all__ = [
    "Hardware",
    "Layer",
    "MapperResult",
    "MappingError",
    "Memory",
    "Model",
    "Objective",
    "Port",
    "UnevenCost",
    "UnevenMapping",
    "Unrolling",
    "find_mapping",
    "layer_of",
    "read_hardware",
    "read_layer",
    "read_unrolling",
]
