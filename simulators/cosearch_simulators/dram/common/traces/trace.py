"""A memory trace: the requests that a memory controller receives, in order, as columns.

Files are read and written by `formats`, synthetic traces are made by `generators`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import TraceError

LARGEST_CYCLE = 1 << 40
"""Every refresh until a request's cycle is simulated: later ones would keep a simulation busy for minutes."""

LARGEST_TIME_PS = LARGEST_CYCLE * 2500
"""Likewise where the trace has a clock of its own; the slowest of DDR3 has 2500 ps."""

CACHE_LINE_BYTES = 64
"""What one request moves on DDR3, DDR4 and DDR5: a 64-bit channel x BL8, or a 32-bit one x BL16."""

REQUEST_BYTES = 17
"""What a request takes in memory: an address, whether it is a write, and a cycle."""

MOST_LENGTH = 1 << 16
"""Bytes of one request."""

CHUNK_REQUESTS = 1 << 19
"""How many requests of a long trace are at hand at once."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Memory requests in the order in which they are offered to the controller.

    The arrays are copied and made read-only. Two traces are equal when their requests are, whatever the name.

    Attributes:
        address_byte: int64 (requests,), byte addresses, not negative.
        is_write: bool (requests,).
        cycle: int64 (requests,) or None. The clock cycle before which a request may not be offered, in the
            clock of whatever recorded the trace; None: each is offered as soon as the one before is accepted.
        name: what reports call the trace.
        length_byte: int64 (requests,) or None. What each request moves; 0, and None for all: as whoever plays
            the trace says. `bursts.in_bursts` cuts requests into bursts.

    Raises:
        TraceError: no request, columns of different lengths or the wrong type, a negative address or cycle,
            a cycle beyond `LARGEST_CYCLE`, or a length beyond `MOST_LENGTH`.
    """

    address_byte: NDArray[np.int64]
    is_write: NDArray[np.bool_]
    cycle: NDArray[np.int64] | None = None
    name: str = ""
    length_byte: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        requests = np.size(self.address_byte)
        if requests == 0:
            raise TraceError("a trace needs at least one request, this one has none")
        address_byte = _whole_numbers("address", self.address_byte, requests)
        is_write = np.array(self.is_write)
        if is_write.dtype != np.bool_:
            raise TraceError(f"is_write must be an array of bool, got {is_write.dtype}")
        _check_shape("is_write", is_write, requests)
        cycle = None if self.cycle is None else _whole_numbers("cycle", self.cycle, requests)
        if cycle is not None and cycle.max() > LARGEST_CYCLE:
            late = int(np.argmax(cycle > LARGEST_CYCLE))
            raise TraceError(
                f"request {late} (the first is 0): cycle must be at most 2^40, got {cycle[late]}; a clock of "
                "1 GHz needs 18 minutes for those"
            )
        length = None if self.length_byte is None else _whole_numbers("length", self.length_byte, requests)
        if length is not None and length.max() > MOST_LENGTH:
            wrong = int(np.argmax(length > MOST_LENGTH))
            raise TraceError(
                f"request {wrong} (the first is 0): length must be at most {MOST_LENGTH} bytes, "
                f"got {length[wrong]}"
            )
        if length is not None and not length.any():
            length = None
        columns = {"address_byte": address_byte, "is_write": is_write, "cycle": cycle, "length_byte": length}
        for field, column in columns.items():
            if column is not None:
                column.setflags(write=False)
            object.__setattr__(self, field, column)

    def __len__(self) -> int:
        return self.address_byte.size

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Trace) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process has read-only arrays too, so that compiled code sees the same types.
        return Trace, (self.address_byte, self.is_write, self.cycle, self.name, self.length_byte)

    @property
    def requests(self) -> int:
        """How many requests the trace has."""
        return len(self)

    @property
    def timed(self) -> bool:
        """Whether it says in which cycle each request is wanted."""
        return self.cycle is not None

    @cached_property
    def read_share(self) -> float:
        """The share of the requests that are reads, from 0 to 1."""
        return 1.0 - float(np.count_nonzero(self.is_write)) / len(self)

    @cached_property
    def highest_address(self) -> int:
        """The highest byte address."""
        return int(self.address_byte.max())

    @cached_property
    def highest_cycle(self) -> int:
        """The highest cycle, 0 without any."""
        return 0 if self.cycle is None else int(self.cycle.max())

    @cached_property
    def lowest_address(self) -> int:
        """The lowest byte address."""
        return int(self.address_byte.min())

    @cached_property
    def longest(self) -> int:
        """The longest request in bytes, 0 where the trace does not say."""
        return 0 if self.length_byte is None else int(self.length_byte.max())

    def moved_bytes(self, request_bytes: int) -> int:
        """What all requests move, those without a length of their own `request_bytes` each."""
        if self.length_byte is None:
            return len(self) * request_bytes
        unsaid = len(self) - np.count_nonzero(self.length_byte)
        return int(self.length_byte.sum() + unsaid * request_bytes)

    @cached_property
    def footprint_bytes(self) -> int:
        """The bytes of the distinct 64-byte cache lines that the trace touches."""
        return np.unique(self.address_byte // CACHE_LINE_BYTES).size * CACHE_LINE_BYTES

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the requests as hexadecimal, the same on every machine; the name does not count."""
        content = hashlib.sha256(b"requests" if self.cycle is None else b"requests with cycles")
        content.update(self.address_byte.astype("<i8").tobytes())
        content.update(self.is_write.astype("u1").tobytes())
        if self.cycle is not None:
            content.update(self.cycle.astype("<i8").tobytes())
        if self.length_byte is not None:
            content.update(b"lengths" + self.length_byte.astype("<i8").tobytes())
        return content.hexdigest()

    def chunks(self, requests: int = CHUNK_REQUESTS) -> Iterator[Trace]:
        """The trace in pieces of `requests` requests, the last one shorter; they share its arrays."""
        for start in range(0, len(self), requests):
            rows = slice(start, start + requests)
            piece = object.__new__(Trace)  # its columns have been checked already
            object.__setattr__(piece, "address_byte", self.address_byte[rows])
            object.__setattr__(piece, "is_write", self.is_write[rows])
            object.__setattr__(piece, "cycle", None if self.cycle is None else self.cycle[rows])
            object.__setattr__(piece, "name", self.name)
            length = self.length_byte
            object.__setattr__(piece, "length_byte", None if length is None else length[rows])
            yield piece

    def head(self, requests: int) -> Trace:
        """The first `requests` requests, or all if there are fewer."""
        if requests < 1:
            raise TraceError(f"head needs at least one request, got {requests}")
        cycle = None if self.cycle is None else self.cycle[:requests]
        length = None if self.length_byte is None else self.length_byte[:requests]
        return Trace(self.address_byte[:requests], self.is_write[:requests], cycle, self.name, length)


def _whole_numbers(column: str, values: object, requests: int) -> NDArray[np.int64]:
    given = np.array(values)
    if given.dtype.kind not in "iu":
        raise TraceError(f"{column} must be an array of integers, got {given.dtype}")
    _check_shape(column, given, requests)
    int64 = given.astype(np.int64)
    # A uint64 beyond int64 wraps to a negative number, so one test covers both ends.
    bad = np.flatnonzero(int64 < 0)
    if bad.size:
        raise TraceError(
            f"request {bad[0]} (the first is 0): {column} must be from 0 to 2^63 - 1, got {given[bad[0]]}"
        )
    return int64


def _check_shape(column: str, values: NDArray, requests: int) -> None:
    if values.shape != (requests,):
        raise TraceError(
            f"{column} must have one value for each of the {requests} requests, got shape {values.shape}"
        )
