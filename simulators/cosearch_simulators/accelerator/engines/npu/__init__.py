"""A multi-core NPU as a timeline of events: transfers, arrays and vector units overlap, tile by tile.

Example:
    >>> from cosearch_simulators.accelerator.engines.npu import Npus, simulate
    >>> from cosearch_simulators.workloads import network
    >>> result = simulate(Npus(cores=[1, 2, 4]), network("resnet18"))
    >>> bool((result.roofline_ns <= result.latency_ns).all())
    True
"""

from cosearch_simulators.accelerator.engines.npu.designs import DATAFLOWS, SCHEDULES, Npus
from cosearch_simulators.accelerator.engines.npu.events import UNITS
from cosearch_simulators.accelerator.engines.npu.simulation import (
    NpuResult,
    Timeline,
    simulate,
    timeline,
)

__all__ = ["DATAFLOWS", "SCHEDULES", "UNITS", "NpuResult", "Npus", "Timeline", "simulate", "timeline"]
