"""Memory traces by name: what a user writes as the workload of a DRAM problem, read into a trace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from cosearch.errors import ArgumentError, WorkloadError, unknown_name
from cosearch.settings import NamesFiles

if TYPE_CHECKING:
    from cosearch_simulators.dram import Device, StreamedTrace, Trace

# A larger file, once it is unpacked, stays on disk and is read in pieces, for every design anew.
STREAMED_FROM_BYTES = 256 * 1024**2


def read_workload(workload: str, names: Iterable[str] | None = None) -> Trace | StreamedTrace:
    """The trace of `generator`, `generator:argument=value,...`, or a file: its path, or `path:format=name`.

    Args:
        workload: what the user wrote.
        names: those that an unknown name is held against; default the generators.

    Raises:
        UnknownNameError: there is neither such a generator nor such a file.
        WorkloadError: the trace cannot be made or read.
    """
    from cosearch_simulators.dram import stream_trace
    from cosearch_simulators.dram.common.traces.formats import holds_more_than, read_trace
    from cosearch_simulators.dram.common.traces.generators import GENERATORS, generate
    from cosearch_simulators.errors import LongTraceError, TraceError

    name, _, arguments = workload.partition(":")
    try:
        if name in GENERATORS:
            return generate(name, **_generator_arguments(workload, arguments))
        path, format = _path_and_format(workload)
        if os.path.isfile(path) and holds_more_than(path, STREAMED_FROM_BYTES):
            return stream_trace(path, format=format)
        if os.path.exists(path) or is_path(path):
            try:
                return read_trace(path, format=format)
            except LongTraceError:  # an .npz of few bytes
                return stream_trace(path, format=format)
    except TraceError as error:
        raise WorkloadError(str(error)) from None
    raise unknown_name("workload", name, GENERATORS if names is None else names)


def check_fits(
    workload: str,
    trace: Trace | StreamedTrace,
    devices: Sequence[Device],
    tck_ps: int | None,
    tck_argument: str,
) -> None:
    """Check that each of the devices can serve a trace.

    Args:
        workload: what the user calls it.
        trace: the trace.
        devices: at least one.
        tck_ps: clock period of the trace's cycles, if it has any; None: the device's.
        tck_argument: what the user calls that.

    Raises:
        WorkloadError: the trace reaches beyond the largest device or the longest run.
        ArgumentError: the trace has cycles of an unknown length.
    """
    from cosearch_simulators.dram.common.trace_checks import too_late

    largest = max(device.capacity_bytes for device in devices)
    if trace.highest_address >= largest:
        raise WorkloadError(
            f"workload {workload!r} reaches address {trace.highest_address:#x}, beyond the device "
            f"({largest:#x} bytes); choose more ranks or channels, or a larger organization"
        )
    if late := too_late(trace, tck_ps):
        raise WorkloadError(f"workload {workload!r}: {late}")
    if trace.timed and tck_ps is None and len(devices) > 1:
        raise ArgumentError(
            f"workload {workload!r} has cycles, and the device's clock is searched: "
            f"give the clock period of the trace as {tck_argument}"
        )


def absolute(workload: str, folder: str | Path = "") -> str:
    """The workload with the path of a file made absolute; it is sought from the folder."""
    from cosearch_simulators.dram.common.traces.generators import GENERATORS

    path = os.path.join(folder, _path_and_format(workload)[0])
    is_file = workload.partition(":")[0] not in GENERATORS and (os.path.exists(path) or is_path(workload))
    return os.path.abspath(os.path.join(folder, workload)) if is_file else workload


def files_of(workload: str) -> list[str]:
    """The file that a workload names, if it names one that is there."""
    from cosearch_simulators.dram.common.traces.generators import GENERATORS

    path = _path_and_format(workload)[0]
    return [path] if workload.partition(":")[0] not in GENERATORS and os.path.isfile(path) else []


TraceText = Annotated[str, AfterValidator(absolute), NamesFiles(files_of)]
"""The setting of a trace, as `read_workload` takes it."""


def _path_and_format(workload: str) -> tuple[str, str | None]:
    path, mark, format = workload.rpartition(":format=")
    return (path, format) if mark else (workload, None)


def is_path(text: str) -> bool:
    """Whether a text is meant as a path, though there may be no such file; `zip:write_share=0.3` is none."""
    return any(mark in os.path.splitdrive(text)[1].partition(":")[0] for mark in "./\\")


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
