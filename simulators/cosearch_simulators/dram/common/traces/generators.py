"""Synthetic memory traces: one function an access pattern, each seeded and 64-byte aligned.

The same arguments give the same requests. `generate(name, ...)` calls a generator by name and explains wrong
arguments. A trace made here has no cycles: each request is offered as soon as the one before is accepted.
"""

from __future__ import annotations

import inspect
import numbers
import operator
from collections.abc import Callable
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

MAX_REQUESTS = 100_000_000
MAX_FOOTPRINT_BYTES = 2**48


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
    for generator in (stream, random, strided, row_bursts, multi_stream, zipf, pointer_chase, gups)
}
"""Every generator by name."""


def generate(name: str, **arguments: Any) -> Trace:
    """A trace of the generator `name`; see the generator for its arguments and their defaults.

    Raises:
        TraceError: an unknown generator or argument, with the nearest valid one, or a value out of bounds.
    """
    if name not in GENERATORS:
        raise TraceError(unknown("trace generator", name, GENERATORS))
    valid = inspect.signature(GENERATORS[name]).parameters
    for argument in arguments:
        if argument not in valid:
            raise TraceError(f"generator {name!r} has no argument {argument!r}{hint(argument, valid)}")
    try:
        return GENERATORS[name](**arguments)
    except TraceError as error:
        raise TraceError(f"generator {name!r}: {error}") from None


def _start(requests: int, seed: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
    """The random numbers, and the index of each request."""
    seed = _whole("seed", seed, 0, 2**64 - 1)
    requests = _whole("requests", requests, 1, MAX_REQUESTS)
    return np.random.Generator(np.random.PCG64(seed)), np.arange(requests)


def _writes(rng: np.random.Generator, index: NDArray[np.int64], write_share: float) -> NDArray[np.bool_]:
    """Which requests are writes: exactly the share, rounded to whole requests, at random positions."""
    return rng.permutation(index < round(_real("write_share", write_share, 0, 1) * len(index)))


def _trace(name: str, line: NDArray[np.int64], is_write: NDArray[np.bool_]) -> Trace:
    return Trace(line * CACHE_LINE_BYTES, is_write, name=name)


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
