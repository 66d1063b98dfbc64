"""ArchGym's four DRAM workloads by generator, with the statistics of its trace files.

Each is 10,000 reads of 64 bytes, one a cycle of the player. `cloud-1` and `cloud-2` are pieces of 50
requests, half of them the next lines of one stream and half lines anywhere in the memory (48 % and 50.5 % are
streams in the files), in random order. The first starts with a stream and the second without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cosearch_simulators.dram.common.traces.trace import Trace

WORKLOADS = ("stream", "random", "cloud-1", "cloud-2")
REQUESTS = 10_000
PIECE = 50
LINE_BYTES = 64


def archgym_workload(name: str, memory_bytes: int, seed: int = 0) -> Trace:
    """The workload of that name, for a memory of that size."""
    from cosearch_simulators.dram import Trace

    rng = np.random.default_rng([seed, WORKLOADS.index(name)])
    if name in ("stream", "random"):
        streams = np.full(REQUESTS, name == "stream")
    else:
        pieces, first = REQUESTS // PIECE, name == "cloud-1"
        others = rng.permutation(np.arange(pieces - 1) < pieces // 2 - first)
        streams = np.repeat(np.concatenate([[first], others]), PIECE)
    lines = rng.integers(0, memory_bytes // LINE_BYTES, REQUESTS)
    lines[streams] = np.arange(np.count_nonzero(streams))
    return Trace(lines * LINE_BYTES, np.zeros(REQUESTS, bool), np.arange(REQUESTS), name)
