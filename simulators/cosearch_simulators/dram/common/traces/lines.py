"""The lines of text traces.

| format    | a request                                | source                                              |
|-----------|------------------------------------------|-----------------------------------------------------|
| stl       | `31: read 0x400140`, `31: (64) write 40` | DRAMSys, simulator/StlPlayer                        |
| loadstore | `LD 0x400140`, `ST 4194624`              | Ramulator 2, frontend/impl/memory_trace             |
| readwrite | `0x400140 R`, `400140 W`                 | Ramulator 1, README "Memory Trace Driven"           |
| timed     | `0x400140 READ 31`, `0x40 P_MEM_WR 31`   | DRAMsim3 and DRAMSim2: the last is the cycle        |
| gaps      | `31 R 0x400140 0x12ab`, `31 W 0x400140`  | USIMM: instructions before, address, [PC]           |
| places    | `R 0,0,2,1,100,32`                       | Ramulator 2, readwrite_trace: an address vector     |
| simpleo3  | `3 4194624`, `3 4194624 8388608`         | Ramulator 1, README "CPU Trace Driven"              |

What a request does may be R, RD, READ, LD or LOAD and W, WR, WRITE, ST or STORE, in capitals or not; in stl
read or write. A length in stl, `(64)`, is what the request moves.

A line of `simpleo3` is instructions before, load address, [write-back address]. Ramulator runs it through a
core, as USIMM runs `gaps`; here the addresses are the memory requests themselves. `simpleo3` is read only
when asked for by name. A line of `places` names channel, rank, [bank group,] bank, row and column of a
device: see `places`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Columns:
    """Requests as they stand in a text; of `places` the numbers of each place instead of an address."""

    address: Sequence[Any]
    is_write: Sequence[bool]
    cycle: Sequence[int] | None = None
    length: Sequence[int] | None = None


@dataclass(frozen=True)
class TextFormat:
    """A text format: what a line of it is, in words and as a pattern, and what the pattern's groups mean."""

    expected: str
    line: re.Pattern[bytes]
    columns: Callable[[list[tuple[bytes, ...]]], Columns]


def _line(request: str) -> re.Pattern[bytes]:
    """The pattern of a whole line: a request, a comment or nothing. `_` in `request` stands for blanks."""
    request = request.replace("_", r"[ \t]+")
    return re.compile(rf"^[ \t]*(?:{request}[ \t]*|#[^\n]*)?\r?$".encode(), re.MULTILINE)


_READ_WORDS = ("r", "rd", "read", "ld", "load")
_WRITE_WORDS = ("w", "wr", "write", "st", "store")
_OF_DRAMSIM = {b"p_mem_rd", b"p_fetch", b"p_lock_rd", b"ifetch"}, {b"p_mem_wr", b"p_lock_wr", b"boff"}
"""Its further words; of all that it does not know DRAMsim3 makes a read, which here is an error."""

_WRITES = {word.encode() for word in _WRITE_WORDS} | _OF_DRAMSIM[1]


def _is_write(commands: Sequence[bytes]) -> list[bool]:
    return [command.lower() in _WRITES for command in commands]


def _stl_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    cycle, length, command, address = zip(*lines, strict=True)
    lengths = [int(b or 0) for b in length] if any(length) else None
    return Columns([int(a, 16) for a in address], _is_write(command), [int(c) for c in cycle], lengths)


def _loadstore_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    command, address = zip(*lines, strict=True)
    return Columns([int(a, 0) for a in address], _is_write(command))


def _readwrite_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    address, command = zip(*lines, strict=True)
    return Columns([int(a, 16) for a in address], _is_write(command))


def _timed_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    address, command, cycle = zip(*lines, strict=True)
    return Columns([int(a, 16) for a in address], _is_write(command), [int(c) for c in cycle])


def _gaps_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    command, address = zip(*lines, strict=True)
    return Columns([int(a, 16) for a in address], _is_write(command))


def _places_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    command, places = zip(*lines, strict=True)
    return Columns([[int(number) for number in place.split(b",")] for place in places], _is_write(command))


def _simpleo3_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    addresses = [
        (a, is_write) for line in lines for a, is_write in zip(line, (False, True), strict=True) if a
    ]
    return Columns([int(a) for a, _ in addresses], [is_write for _, is_write in addresses])


_HEX = r"((?:0[xX])?[0-9a-fA-F]{1,16})"
_HEX_OR_DECIMAL = r"(0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,18})"
_DECIMAL = r"([0-9]{1,19})"
_WORD = rf"((?i:{'|'.join(_READ_WORDS + _WRITE_WORDS)}))"
_DRAMSIM_WORDS = "|".join(sorted(word.decode() for words in _OF_DRAMSIM for word in words))
_TIMED_WORD = rf"((?i:{'|'.join(_READ_WORDS + _WRITE_WORDS)}|{_DRAMSIM_WORDS}))".replace("_", r"\x5f")

TEXT_FORMATS = {
    "stl": TextFormat(
        "<cycle>: read|write <hex address>",
        _line(
            rf"{_DECIMAL}:?(?:_\(([1-9][0-9]{{0,4}})\))?_((?i:read|write))_{_HEX}"
            r"(?:_(?:0[xX])?[0-9a-fA-F]+)?"
        ),
        _stl_columns,
    ),
    "loadstore": TextFormat("LD|ST <address>", _line(rf"{_WORD}_{_HEX_OR_DECIMAL}"), _loadstore_columns),
    "readwrite": TextFormat("<hex address> R|W", _line(rf"{_HEX}_{_WORD}"), _readwrite_columns),
    "timed": TextFormat(
        "<hex address> READ|WRITE <cycle>",
        _line(rf"{_HEX}_{_TIMED_WORD}_{_DECIMAL}"),
        _timed_columns,
    ),
    "gaps": TextFormat(
        "<instructions> R|W <hex address> [<hex PC>]",
        _line(rf"[0-9]{{1,19}}_{_WORD}_{_HEX}(?:_(?:0[xX])?[0-9a-fA-F]{{1,16}})?"),
        _gaps_columns,
    ),
    "places": TextFormat(
        "R|W <channel>,<rank>,[<bank group>,]<bank>,<row>,<column>",
        _line(rf"{_WORD}_((?:[0-9]{{1,10}}[ \t]*,[ \t]*){{4,5}}[0-9]{{1,10}})"),
        _places_columns,
    ),
    "simpleo3": TextFormat(
        "<instructions> <load address> [<write-back address>]",
        _line(rf"[0-9]+_{_DECIMAL}(?:_{_DECIMAL})?"),
        _simpleo3_columns,
    ),
}
