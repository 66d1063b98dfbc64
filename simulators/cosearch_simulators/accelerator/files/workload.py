"""A YAML or JSON file of a workload, whichever tool's it is."""

from __future__ import annotations

from pathlib import Path

from cosearch_simulators.accelerator.files import timeloop_problem, zigzag_workload
from cosearch_simulators.accelerator.files.documents import (
    TIMELOOP_PROBLEM,
    ZIGZAG_WORKLOAD,
    kind_of,
    load,
    refusal,
)
from cosearch_simulators.workloads import Network


def read_workload(path: Path | str) -> Network:
    """The network of a Timeloop problem or a ZigZag workload.

    Raises:
        ConfigurationError: the file cannot be read or is something else, which it is called.
        WorkloadError: what it holds is no network.
    """
    content = load(path)
    kind = kind_of(content)
    if kind == TIMELOOP_PROBLEM:
        return timeloop_problem.read_problem(path)
    if kind == ZIGZAG_WORKLOAD:
        return zigzag_workload.read_workload(path)
    raise refusal(path, content, "a Timeloop problem or a ZigZag workload")
