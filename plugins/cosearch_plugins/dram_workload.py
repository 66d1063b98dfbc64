"""Memory traces by name: what a user writes as the workload of a DRAM problem, read into a trace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cosearch.errors import WorkloadError, unknown_name

if TYPE_CHECKING:
    from cosearch_simulators.dram import StreamedTrace, Trace

# A larger file stays on disk and is read in pieces, for every design anew.
STREAMED_FROM_BYTES = 256 * 1024**2


def read_workload(workload: str, names: Iterable[str] | None = None) -> Trace | StreamedTrace:
    """The trace of `generator`, `generator:argument=value,...` or the path of a file.

    Args:
        workload: what the user wrote.
        names: those that an unknown name is held against; default the generators.

    Raises:
        UnknownNameError: there is neither such a generator nor such a file.
        WorkloadError: the trace cannot be made or read.
    """
    from cosearch_simulators.dram import stream_trace
    from cosearch_simulators.dram.traces.formats import read_trace
    from cosearch_simulators.dram.traces.generators import GENERATORS, generate
    from cosearch_simulators.errors import TraceError

    if not isinstance(workload, str):
        raise WorkloadError(f"workload must be a name or a path as text, got {type(workload).__name__}")
    name, _, arguments = workload.partition(":")
    try:
        if name in GENERATORS:
            return generate(name, **_generator_arguments(workload, arguments))
        if os.path.isfile(workload) and os.path.getsize(workload) >= STREAMED_FROM_BYTES:
            return stream_trace(workload)
        if os.path.exists(workload) or any(mark in workload for mark in "./\\"):
            return read_trace(workload)
    except TraceError as error:
        raise WorkloadError(str(error)) from None
    raise unknown_name("workload", name, GENERATORS if names is None else names)


def absolute(workload: str) -> str:
    """The workload with the path of a file made absolute."""
    from cosearch_simulators.dram.traces.generators import GENERATORS

    is_file = workload.partition(":")[0] not in GENERATORS and os.path.exists(workload)
    return os.path.abspath(workload) if is_file else workload


def _generator_arguments(workload: str, text: str) -> dict[str, int | float]:
    arguments: dict[str, int | float] = {}
    for assignment in filter(None, text.split(",")):
        name, _, value = (part.strip() for part in assignment.partition("="))
        try:
            arguments[name] = int(value)
        except ValueError:
            try:
                arguments[name] = float(value)
            except ValueError:
                raise WorkloadError(
                    f"workload {workload!r}: expected generator:argument=number,..., found {assignment!r}"
                ) from None
    return arguments
