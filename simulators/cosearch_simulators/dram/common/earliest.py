"""When a command may be issued: the timing rules at work, by rank and by bank.

`earliest[command, column]` holds cycles. The first columns are banks, then come ranks: what holds back all
banks of a rank alike is noted once, so a command that addresses a bank may be issued from the later of its
two columns on, and one that addresses a rank from the rank's.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, assignment"
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.compilation import borrowing, inlined
from cosearch_simulators.dram.common.rules import COMMANDS, CompiledRules
from cosearch_simulators.dram.common.timing import NEVER, REFAB

START, CYCLES, SHIFT, SCALE, COUNT, WINDOW, HISTORY, SPAN_SHIFT, SIBLINGS = range(9)
"""Of an entry of `Pushes`: the COUNT columns from START + (bank >> SHIFT << SCALE) on are pushed back
by CYCLES. If WINDOW is above 1 it counts from the last but WINDOW - 1, in the history at HISTORY of the node
bank >> SPAN_SHIFT. If SIBLINGS is not 0, instead of those columns all others are pushed back of the SIBLINGS
(a power of two) around them."""


class Pushes(NamedTuple):
    """What each command pushes back, as flat arrays.

    Attributes:
        first: (commands, 4), where its entries start that push one column, that push several, the others
            (windows and siblings), and where they end.
        entries: (entries, 9), see `START` and its neighbours.
    """

    first: NDArray[np.int64]
    entries: NDArray[np.int64]


def compile_pushes(compiled: CompiledRules, banks: int, issued: Collection[str]) -> Pushes:
    """The rules among the `issued` commands, as columns to push back."""
    rank_banks = int(compiled.command_banks[REFAB])
    width = banks + banks // rank_banks
    first: list[list[int]] = []
    entries: list[list[int]] = []
    for preceding, name in enumerate(COMMANDS):
        parts: tuple[list[list[int]], ...] = ([], [], [])
        for rule in compiled.entries[compiled.first[preceding] : compiled.first[preceding + 1]].tolist():
            following, cycles, span, parent_span, shift, window, history = rule
            if name not in issued or COMMANDS[following] not in issued:
                continue
            by_rank = span >= rank_banks or 1 << shift >= rank_banks
            unit, base = (rank_banks, banks) if by_rank else (1, 0)
            wide = max(span, unit)
            part = 2 if window > 1 or parent_span else int(wide > unit)
            parts[part].append(
                [
                    following * width + base,
                    cycles,
                    _log2(wide),
                    _log2(wide // unit),
                    wide // unit,
                    window,
                    history,
                    _log2(span),
                    parent_span // unit,
                ]
            )
        first.append([len(entries) + sum(map(len, parts[:k])) for k in range(4)])
        for rows in parts:
            entries += rows
    return Pushes(np.array(first, np.int64), np.array(entries, np.int64).reshape(-1, 9))


def new_history(compiled: CompiledRules, banks: int) -> NDArray[np.int64]:
    """The histories of all windows: for each node which cell is the oldest, then the cells, all long ago."""
    history = np.full(compiled.history_size, -NEVER, np.int64)
    for _, _, span, _, _, window, start in compiled.entries.tolist():
        if window > 1:
            history[start : start + banks // span * (window + 1) : window + 1] = 0
    return history


def new_earliest(banks: int, ranks: int) -> NDArray[np.int64]:
    """All commands are allowed from cycle 0 on."""
    return np.zeros((len(COMMANDS), banks + ranks), np.int64)


@borrowing
def allowed_from(earliest, command, bank, banks, rank_shift):
    """The cycle from which a command may be issued to a bank, or to the rank whose first bank it is."""
    return max(earliest[command, bank], earliest[command, banks + (bank >> rank_shift)])


@inlined
def push_back(earliest, history, first, entries, bank, command, now):
    """Push back what must follow `command`, issued in cycle `now` to `bank` or a node whose first bank it is.

    Args:
        earliest: int64 (commands * (banks + ranks),), by command and column, changed in place.
        history: of `new_history`, changed in place.
        first, entries: of `Pushes`.
        bank: the bank that the command addresses, or the first of its node.
        command: its code.
        now: the cycle.
    """
    # Unsigned: an index that cannot be negative is cheaper.
    for u in range(first[command, 0], first[command, 1]):
        e = np.uint64(u)
        index = np.uint64(entries[e, START] + (bank >> entries[e, SHIFT] << entries[e, SCALE]))
        earliest[index] = max(earliest[index], now + entries[e, CYCLES])
    for u in range(first[command, 1], first[command, 2]):
        e = np.uint64(u)
        until = now + entries[e, CYCLES]
        start = np.uint64(entries[e, START] + (bank >> entries[e, SHIFT] << entries[e, SCALE]))
        for k in range(entries[e, COUNT]):
            index = start + np.uint64(k)
            earliest[index] = max(earliest[index], until)
    for u in range(first[command, 2], first[command, 3]):
        e = np.uint64(u)
        window = entries[e, WINDOW]
        until = now + entries[e, CYCLES]
        if window > 1:
            cell = entries[e, HISTORY] + (bank >> entries[e, SPAN_SHIFT]) * (window + 1)
            oldest = history[cell]
            history[cell + 1 + oldest] = now
            oldest = oldest + 1 if oldest + 1 < window else 0
            history[cell] = oldest
            until = history[cell + 1 + oldest] + entries[e, CYCLES]
        place = bank >> entries[e, SHIFT] << entries[e, SCALE]
        low, high = place, place + entries[e, COUNT]
        if entries[e, SIBLINGS] > 0:
            low = place & -entries[e, SIBLINGS]
            high = low + entries[e, SIBLINGS]
        for k in range(low, high):
            if entries[e, SIBLINGS] == 0 or k < place or k >= place + entries[e, COUNT]:
                index = np.uint64(entries[e, START] + k)
                earliest[index] = max(earliest[index], until)


def _log2(count: int) -> int:
    return count.bit_length() - 1
