"""ArchGym's four DRAM workloads by generator, with the statistics of its trace files.

Each is 10,000 reads of 64 bytes, one a cycle of the player. `cloud-1` and `cloud-2` are pieces of 50
requests: with equal chance the next lines of one stream, or lines anywhere in the memory. The first starts
with a stream and the second without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cosearch_simulators.dram.trace import Trace

WORKLOADS = ("stream", "random", "cloud-1", "cloud-2")
REQUESTS = 10_000
PIECE = 50
LINE_BYTES = 64


def archgym_workload(name: str, memory_bytes: int, seed: int = 0) -> Trace:
    """The workload of that name, for a memory of that size."""
    from cosearch_simulators.dram import Trace

    rng = np.random.default_rng([seed, WORKLOADS.index(name)])
    streams = np.repeat(rng.random(REQUESTS // PIECE) < 0.5, PIECE)
    streams[:PIECE] = name == "cloud-1"
    if name in ("stream", "random"):
        streams[:] = name == "stream"
    lines = rng.integers(0, memory_bytes // LINE_BYTES, REQUESTS)
    lines[streams] = np.arange(np.count_nonzero(streams))
    return Trace(lines * LINE_BYTES, np.zeros(REQUESTS, bool), np.arange(REQUESTS), name)
