"""Synthetic memory traces: one function an access pattern, each seeded and 64-byte aligned.

The same arguments give the same requests. `generate(name, ...)` calls a generator by name and explains wrong
arguments. `multicore` says when its requests come, in cycles of `CYCLE_PS`; the others have no cycles (each
request is offered as soon as the one before is accepted) unless `generate` is told how much they ask for.
"""

from __future__ import annotations

import inspect
import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import hint, unknown
from cosearch_simulators.dram.common.traces.trace import CACHE_LINE_BYTES, Trace
from cosearch_simulators.errors import TraceError

DEFAULT_FOOTPRINT_BYTES = 64 * 1024**2
"""Larger than any cache, and inside a rank of the smallest devices (1 Gb)."""

DEFAULT_WRITE_SHARE = 0.25
"""Some writes, so that write queues and watermarks matter unless the user says otherwise."""

CYCLE_PS = 100
"""What a cycle of a trace made here is, for `trace_tck_ps`: the requests do not wait for a memory's clock."""

MAX_REQUESTS = 100_000_000
MAX_FOOTPRINT_BYTES = 2**48


def multicore(
    *,
    requests: int = 12_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    cores: int = 8,
    gb_per_s: float = 10.0,
    burst_requests: float = 8.0,
    stream_share: float = 0.5,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """The misses of several cores behind a shared cache, when they come: a server or an SoC under some load.

    Bursts of consecutive lines begin at random times (Poisson), so that the requests ask for `gb_per_s` on
    average; a burst has `burst_requests` lines on average (geometric), 2 ns apart, and those of several cores
    overlap. `stream_share` of the bursts go on with their core's stream, the others are anywhere in its part
    of the footprint. `write_share` of the bursts are write-backs of what was read 64 bursts before.
    """
    cores = _whole("cores", cores, 1, 4096)
    part = _lines("footprint_bytes", footprint_bytes) // cores
    if not part:
        raise TraceError(
            f"footprint_bytes must hold a 64-byte line for each of {cores} cores, got {footprint_bytes}"
        )
    mean, load = _real("burst_requests", burst_requests, 1, 1e6), _load(gb_per_s)
    streaming, writing = _real("stream_share", stream_share, 0, 1), _real("write_share", write_share, 0, 1)
    rng, index = _start(requests, seed)
    count = int(len(index) / mean + 10 * np.sqrt(len(index) / mean)) + 64
    lines, core = rng.geometric(1 / mean, count), rng.integers(cores, size=count)
    write, streams = rng.random(count) < writing, rng.random(count) < streaming
    first = rng.integers(part, size=count)
    of_streams = np.flatnonzero(streams & ~write)
    by_core = of_streams[np.argsort(core[of_streams], kind="stable")]
    before = np.cumsum(lines[by_core]) - lines[by_core]
    # Each stream begins where its first burst was drawn.
    begins, which = np.unique(core[by_core], return_index=True, return_inverse=True)[1:]
    first[by_core] = (first[by_core[begins]][which] + before - before[begins][which]) % part
    reads, written = np.flatnonzero(~write), np.flatnonzero(write)
    if reads.size:
        source = reads[np.maximum(np.cumsum(~write)[written] - 1 - _BURSTS_CACHED, 0)]
        for column in (first, core, lines):
            column[written] = column[source]
    start_ns = np.cumsum(rng.exponential(mean * CACHE_LINE_BYTES / load, count))
    burst = np.repeat(np.arange(count), lines)
    position = np.arange(burst.size) - np.repeat(np.cumsum(lines) - lines, lines)
    time_ns = start_ns[burst] + _MISS_NS * position
    order = np.argsort(time_ns, kind="stable")[: len(index)]
    burst, position = burst[order], position[order]
    line = core[burst] * part + (first[burst] + position) % part
    return _trace("multicore", line, write[burst], time_ns[order])


_MISS_NS = 2.0  # between two misses of a burst
_BURSTS_CACHED = 64  # how many bursts later a line that was changed is written back


def stream(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """One sequential pass over an array, line after line, from its start again at its end.

    The best case of an open row: every line of a row follows the one before.
    """
    lines = _lines("footprint_bytes", footprint_bytes)
    rng, index = _start(requests, seed)
    return _trace("stream", index % lines, _writes(rng, index, write_share))


def random(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """Lines drawn uniformly and independently: a hash table, or many programs at once.

    The worst case of an open row: with a large footprint almost every request needs another row.
    """
    lines = _lines("footprint_bytes", footprint_bytes)
    rng, index = _start(requests, seed)
    return _trace("random", rng.integers(lines, size=len(index)), _writes(rng, index, write_share))


def strided(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    stride_bytes: int = 4096,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """A row-major matrix read column by column: each request `stride_bytes` after the one before.

    `stride_bytes` is the length of a matrix row and divides `footprint_bytes`; a pass that reaches the end
    goes on with the next column of lines. Strides that are powers of two hit the same bank under a simple
    address mapping.
    """
    stride = _lines("stride_bytes", stride_bytes)
    matrix_rows = _lines("footprint_bytes", footprint_bytes) // stride
    if not matrix_rows or footprint_bytes % stride_bytes:
        raise TraceError(
            f"footprint_bytes must be a multiple of stride_bytes={stride_bytes}, got {footprint_bytes}"
        )
    rng, index = _start(requests, seed)
    column, row = np.divmod(index, matrix_rows)
    return _trace("strided", row * stride + column % stride, _writes(rng, index, write_share))


def row_bursts(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    row_bytes: int = 8192,
    burst_requests: int = 16,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """Bursts of sequential lines, each in a random aligned block of `row_bytes`: records or tensor tiles.

    A burst starts anywhere in its block and wraps at its end, so it stays in one DRAM row where a row holds
    such a block. `row_bytes` divides `footprint_bytes`.
    """
    lines, rows = _rows(footprint_bytes, row_bytes)
    burst = _whole("burst_requests", burst_requests, 1, MAX_REQUESTS)
    rng, index = _start(requests, seed)
    number, position = np.divmod(index, burst)
    bursts = number[-1] + 1
    row, first = rng.integers(rows, size=bursts), rng.integers(lines, size=bursts)
    line = row[number] * lines + (first[number] + position) % lines
    return _trace("row_bursts", line, _writes(rng, index, write_share))


def multi_stream(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    streams: int = 4,
    write_streams: int = 1,
) -> Trace:
    """Several sequential streams, one request of each in turn: a vector kernel such as STREAM's triad.

    Each stream has an equal part of the footprint and starts at a random line of it; the last
    `write_streams` only write, the others only read. The streams compete for rows of the same banks.
    """
    streams = _whole("streams", streams, 1, MAX_REQUESTS)
    write_streams = _whole("write_streams", write_streams, 0, streams)
    part = _lines("footprint_bytes", footprint_bytes) // streams
    if not part:
        raise TraceError(
            f"footprint_bytes must hold a 64-byte line for each of {streams} streams, got {footprint_bytes}"
        )
    rng, index = _start(requests, seed)
    first = rng.integers(part, size=streams)
    step, turn = np.divmod(index, streams)
    return _trace("multi_stream", turn * part + (first[turn] + step) % part, turn >= streams - write_streams)


def zipf(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
    row_bytes: int = 8192,
    exponent: float = 1.0,
    write_share: float = DEFAULT_WRITE_SHARE,
) -> Trace:
    """Hot and cold rows: the k-th most popular block of `row_bytes` is hit in proportion to k ** -exponent.

    Zipf's law over the blocks, whose ranks are shuffled over the footprint; the line in a block is uniform.
    It models a key-value store or embedding tables. An exponent of 0 is uniform.
    """
    lines, rows = _rows(footprint_bytes, row_bytes)
    exponent = _real("exponent", exponent, 0, 10)
    if rows > MAX_REQUESTS:
        raise TraceError(f"footprint_bytes must hold at most {MAX_REQUESTS} rows, got {rows}")
    rng, index = _start(requests, seed)
    weight = np.arange(1, rows + 1, dtype=np.float64) ** -exponent
    share_up_to_rank = np.cumsum(weight) / weight.sum()
    rank = np.minimum(np.searchsorted(share_up_to_rank, rng.random(len(index)), side="right"), rows - 1)
    row = rng.permutation(rows)[rank]
    return _trace(
        "zipf", row * lines + rng.integers(lines, size=len(index)), _writes(rng, index, write_share)
    )


def pointer_chase(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
) -> Trace:
    """A walk over a linked list whose nodes are cache lines in random order: reads only, no locality.

    The links are a uniformly random single-cycle permutation of all lines (as Sattolo's algorithm draws), so
    no line comes twice before all have come. A trace has no dependences: it is not modelled that each address
    is known only once the line before has arrived.
    """
    lines = _lines("footprint_bytes", footprint_bytes)
    rng, index = _start(requests, seed)
    # A random cycle visits the lines in a random order, and each order of the lines is such a cycle.
    visited = rng.choice(lines, size=min(lines, len(index)), replace=False)
    return _trace("pointer_chase", visited[index % lines], np.zeros(len(index), np.bool_))


def gups(
    *,
    requests: int = 10_000,
    seed: int = 0,
    footprint_bytes: int = DEFAULT_FOOTPRINT_BYTES,
) -> Trace:
    """Random read-modify-writes: each random line is read and then written (HPC Challenge RandomAccess).

    Half of the requests are writes; an odd number of requests ends with a read.
    """
    lines = _lines("footprint_bytes", footprint_bytes)
    rng, index = _start(requests, seed)
    updated = rng.integers(lines, size=(len(index) + 1) // 2)
    return _trace("gups", updated[index // 2], index % 2 == 1)


GENERATORS: dict[str, Callable[..., Trace]] = {
    generator.__name__: generator
    for generator in (multicore, stream, random, strided, row_bursts, multi_stream, zipf, pointer_chase, gups)
}
"""Every generator by name."""

PACE = "gb_per_s"


def generate(name: str, **arguments: Any) -> Trace:
    """A trace of the generator `name`; see the generator for its arguments and their defaults.

    Of every generator `gb_per_s` is what its requests ask for on average, at random times (Poisson).

    Raises:
        TraceError: an unknown generator or argument, with the nearest valid one, or a value out of bounds.
    """
    if name not in GENERATORS:
        raise TraceError(unknown("trace generator", name, GENERATORS))
    valid = inspect.signature(GENERATORS[name]).parameters
    own = {name: value for name, value in arguments.items() if name in valid or name != PACE}
    for argument in own:
        if argument not in valid:
            raise TraceError(f"generator {name!r} has no argument {argument!r}{hint(argument, valid)}")
    try:
        trace = GENERATORS[name](**own)
        return trace if own.keys() == arguments.keys() else _paced(trace, arguments)
    except TraceError as error:
        raise TraceError(f"generator {name!r}: {error}") from None


def _paced(trace: Trace, arguments: Mapping[str, Any]) -> Trace:
    """The trace with the times at which its requests come."""
    rng = np.random.default_rng([arguments.get("seed", 0), 1])
    gap_ns = rng.exponential(CACHE_LINE_BYTES / _load(arguments[PACE]), len(trace))
    return _trace(trace.name, trace.address_byte // CACHE_LINE_BYTES, trace.is_write, np.cumsum(gap_ns))


def _start(requests: int, seed: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
    """The random numbers, and the index of each request."""
    seed = _whole("seed", seed, 0, 2**64 - 1)
    requests = _whole("requests", requests, 1, MAX_REQUESTS)
    return np.random.Generator(np.random.PCG64(seed)), np.arange(requests)


def _writes(rng: np.random.Generator, index: NDArray[np.int64], write_share: float) -> NDArray[np.bool_]:
    """Which requests are writes: exactly the share, rounded to whole requests, at random positions."""
    return rng.permutation(index < round(_real("write_share", write_share, 0, 1) * len(index)))


def _trace(
    name: str,
    line: NDArray[np.int64],
    is_write: NDArray[np.bool_],
    time_ns: NDArray[np.float64] | None = None,
) -> Trace:
    cycle = None if time_ns is None else (time_ns * (1000 / CYCLE_PS)).astype(np.int64)
    return Trace(line * CACHE_LINE_BYTES, is_write, cycle, name)


def _load(gb_per_s: float) -> float:
    return _real(PACE, gb_per_s, 0.001, 10_000)


def _rows(footprint_bytes: int, row_bytes: int) -> tuple[int, int]:
    """The lines of a row, and the rows of the footprint."""
    lines = _lines("row_bytes", row_bytes)
    rows, rest = divmod(_lines("footprint_bytes", footprint_bytes), lines)
    if rest or not rows:
        raise TraceError(
            f"footprint_bytes must be a multiple of row_bytes={row_bytes}, got {footprint_bytes}"
        )
    return lines, rows


def _lines(argument: str, size_bytes: int) -> int:
    """How many cache lines a size is."""
    size_bytes = _whole(argument, size_bytes, CACHE_LINE_BYTES, MAX_FOOTPRINT_BYTES)
    if size_bytes % CACHE_LINE_BYTES:
        raise TraceError(f"{argument} must be a multiple of {CACHE_LINE_BYTES}, got {size_bytes}")
    return size_bytes // CACHE_LINE_BYTES


def _whole(argument: str, value: int, low: int, high: int) -> int:
    try:
        whole = operator.index(value)
    except TypeError:
        whole = low - 1
    if isinstance(value, bool) or not low <= whole <= high:
        raise TraceError(f"{argument} must be a whole number from {low} to {high}, got {value!r}")
    return whole


def _real(argument: str, value: float, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= value <= high:
        raise TraceError(f"{argument} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)
