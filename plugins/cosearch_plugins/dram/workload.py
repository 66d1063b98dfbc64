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

CACHE_LINE = 64
# A larger file, once it is unpacked, stays on disk and is read in pieces, for every design anew.
STREAMED_FROM_BYTES = 256 * 1024**2


MOST_CHANNELS_AND_RANKS = 256

USUAL_LOAD = 0.5
"""Of the peak bandwidth that `multicore` asks for, unless its `gb_per_s` is given."""


def read_workload(
    workload: str,
    names: Iterable[str] | None = None,
    *,
    peak_gb_per_s: float = 20.0,
    request_bytes: int = CACHE_LINE,
    device: Device | None = None,
) -> Trace | StreamedTrace:
    """The trace of `generator`, `generator:argument=value,...`, or a file: its path, or `path:format=name`.

    Args:
        workload: what the user wrote.
        names: those that an unknown name is held against; default the generators.
        peak_gb_per_s: of the memory, for `USUAL_LOAD`.
        request_bytes: what a request moves.
        device: the memory, for a file that names places in it.

    Raises:
        UnknownNameError: there is neither such a generator nor such a file.
        WorkloadError: the trace cannot be made or read.
    """
    from cosearch_simulators.dram import stream_trace
    from cosearch_simulators.dram.common.traces.formats import holds_more_than, read_trace
    from cosearch_simulators.dram.common.traces.generators import GENERATORS, PACE, generate
    from cosearch_simulators.errors import LongTraceError, TraceError

    name, _, arguments = workload.partition(":")
    try:
        if name in GENERATORS:
            given = _generator_arguments(workload, arguments)
            if name == "multicore":
                given.setdefault(PACE, round(USUAL_LOAD * peak_gb_per_s, 3))
            if PACE in given:
                given[PACE] *= CACHE_LINE / request_bytes
            return generate(name, **given)
        path, format = _path_and_format(workload)
        if os.path.isfile(path) and holds_more_than(path, STREAMED_FROM_BYTES):
            return stream_trace(path, format=format, device=device)
        if os.path.exists(path) or is_path(path):
            try:
                return read_trace(path, format=format, device=device)
            except LongTraceError:  # an .npz of few bytes
                return stream_trace(path, format=format, device=device)
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
        spans = trace.highest_address - trace.lowest_address
        advice = "beyond_capacity=shift moves its lowest address to the begin, =fold wraps all around"
        if spans >= largest:
            advice = "beyond_capacity=fold wraps its addresses around"
            if trace.highest_address < MOST_CHANNELS_AND_RANKS * largest:
                advice += "; or choose more ranks or channels, or a larger organization"
        raise WorkloadError(
            f"workload {workload!r} reaches address {trace.highest_address:#x}, beyond the device "
            f"({largest:#x} bytes); {advice}"
        )
    if late := too_late(trace, tck_ps):
        raise WorkloadError(f"workload {workload!r}: {late}")
    if trace.timed and tck_ps is None and len(devices) > 1:
        raise ArgumentError(
            f"workload {workload!r} has cycles, and the device's clock is searched: "
            f"give the clock period of the trace as {tck_argument}"
        )


def fixed_mapping(workload: str) -> str | None:
    """The address mapping under which alone a trace is what its file says: that of places in a memory.

    Raises:
        WorkloadError: the trace cannot be read.
    """
    from cosearch_simulators.dram.common.traces.formats import names_places
    from cosearch_simulators.dram.common.traces.places import MAPPING
    from cosearch_simulators.errors import TraceError

    try:
        return MAPPING if files_of(workload) and names_places(*_path_and_format(workload)) else None
    except TraceError as error:
        raise WorkloadError(str(error)) from None


def trace_clock_ps(workload: str, trace: Trace | StreamedTrace) -> int | None:
    """The clock period of a trace's cycles as far as the workload's name says it: that of the generators."""
    from cosearch_simulators.dram.common.traces.generators import CYCLE_PS, GENERATORS

    return CYCLE_PS if trace.timed and workload.partition(":")[0] in GENERATORS else None


def trace_text(
    trace: Trace | StreamedTrace,
    peak_gb_per_s: float,
    tck_ps: int,
    request_bytes: int = CACHE_LINE,
    highest_address: int | None = None,
) -> str:
    """What a trace is, in a line: its size, its reads, where it goes, and at what load.

    Args:
        trace: the trace.
        peak_gb_per_s: of the memory.
        tck_ps: clock period of the trace's cycles.
        request_bytes: what a request moves that says nothing of it.
        highest_address: once it is on the memory; default the trace's.
    """
    moved = trace.moved_bytes(request_bytes)
    each = f"{request_bytes} bytes" if not trace.longest else f"{moved / trace.requests:.4g} bytes on average"
    reads = f"{trace.requests:,} requests of {each}, {trace.read_share:.0%} reads"
    highest = trace.highest_address if highest_address is None else highest_address
    where = f"up to address {highest / 1024**2:,.0f} MiB"
    footprint = getattr(trace, "footprint_bytes", None)  # a streamed one does not know it
    if footprint is not None:
        where = f"{footprint / 1024**2:,.2f} MiB of different lines {where}"
    if not trace.timed:
        return (
            f"{reads}, {where}; each comes as soon as the one before is accepted: all that the memory takes"
        )
    time_ns = max(trace.highest_cycle, 1) * tck_ps / 1000
    asked = moved / time_ns
    return (
        f"{reads}, {where}; in {time_ns / 1000:,.1f} us they ask for {asked:.3g} GB/s, "
        f"{asked / peak_gb_per_s:.0%} of the {peak_gb_per_s:.3g} GB/s that the data bus can move"
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
