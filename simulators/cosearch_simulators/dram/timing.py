"""When a command may be issued: the timing rules at work.

For every command the earliest allowed cycle is kept by node of the level that the command addresses: by bank
for a read, by rank for a refresh. The banks of a node are consecutive, so a rule pushes back a run of nodes.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.rules import COMMANDS

ACT, PREPB, PREAB, RD, RDA, WR, WRA, REFAB = range(8)
REFPB, REFSB, PDEA, PDXA, PDEP, PDXP, SREFEN, SREFEX = range(8, len(COMMANDS))
COMMAND_COUNT = len(COMMANDS)
NEVER = np.int64(1) << np.int64(62)


@njit(nogil=True)
def new_history(entries, history_size, banks):
    """The histories of all windows: for each node which cell is the oldest, then the cells, all long ago."""
    history = np.full(history_size, -NEVER, np.int64)
    for e in range(entries.shape[0]):
        window = entries[e, 5]
        if window > 1:
            for node in range(banks // entries[e, 2]):
                history[entries[e, 6] + node * (window + 1)] = 0
    return history


@njit(nogil=True)
def apply_rules(earliest, history, first, entries, bank, command, now):
    """Push back what must follow `command`, issued in cycle `now` to `bank` or a node whose first bank it is.

    Args:
        earliest: int64 (commands, banks), by command and node, changed in place.
        history: of `new_history`, changed in place.
        first, entries: of `rules.CompiledRules`.
        bank: the bank that the command addresses, or the first of its node.
        command: its code.
        now: the cycle.
    """
    for e in range(first[command], first[command + 1]):
        following = np.uint64(entries[e, 0])  # unsigned: an index that cannot be negative is cheaper
        until = now + entries[e, 1]
        span, parent_span, shift, window = entries[e, 2], entries[e, 3], entries[e, 4], entries[e, 5]
        if window > 1:
            cell = entries[e, 6] + bank // span * (window + 1)
            oldest = history[cell]
            history[cell + 1 + oldest] = now
            oldest = oldest + 1 if oldest + 1 < window else 0
            history[cell] = oldest
            until = history[cell + 1 + oldest] + entries[e, 1]
        low = bank & -span
        if parent_span > 0:
            parent_low = bank & -parent_span
            for node in range(parent_low >> shift, (parent_low + parent_span) >> shift):
                if (node << shift) & -span != low:
                    earliest[following, node] = max(earliest[following, node], until)
        else:
            low_node = np.uint64(low >> shift)
            for k in range(max(1, span >> shift)):
                index = low_node + np.uint64(k)
                earliest[following, index] = max(earliest[following, index], until)
