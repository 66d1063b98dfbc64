"""When a command may be issued: the timing rules at work.

For every command the earliest allowed cycle is kept by node of the level that the command addresses: by bank for a
read, by rank for a refresh. A rule pushes back a run of neighbouring nodes, since a node's banks are consecutive.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.rules import COMMANDS

ACT, PREPB, PREAB, RD, RDA, WR, WRA, REFAB = range(len(COMMANDS))
COMMAND_COUNT = len(COMMANDS)
NEVER = np.int64(1) << np.int64(62)


@njit(cache=True, nogil=True)
def apply_rules(earliest, history, command_banks, first, entries, bank, command, now):  # type: ignore[no-untyped-def]
    """Push back whatever must follow `command`, issued in cycle `now` to `bank` or a node whose first bank it is.

    Args:
        earliest: int64 (commands, banks), by command and node, changed in place.
        history: int64 (history_size,), of the rules with a window, changed in place.
        command_banks, first, entries: of `rules.CompiledRules`.
        bank: the bank that the command addresses, or the first of its node.
        command: its code.
        now: the cycle.
    """
    for e in range(first[command], first[command + 1]):
        following, cycles, banks = entries[e, 0], entries[e, 1], entries[e, 2]
        parent_banks, window = entries[e, 3], entries[e, 4]
        unit = command_banks[following]
        row = earliest[following]
        until = now + cycles
        if window > 1:
            slot = entries[e, 5] + bank // banks * (window + 1)
            oldest = slot + 1 + history[slot]
            history[oldest] = now
            history[slot] = (history[slot] + 1) % window
            until = history[slot + 1 + history[slot]] + cycles  # the window-th last, or long before the run
        # A rule below the level that the command addresses binds all of the command's banks.
        span = max(banks, command_banks[command])
        low = bank - bank % span
        high = low + span
        if parent_banks > 0:
            first_sibling = bank - bank % parent_banks
            for node in range(first_sibling // unit, low // unit):
                row[node] = max(row[node], until)
            for node in range(high // unit, (first_sibling + parent_banks) // unit):
                row[node] = max(row[node], until)
        elif span <= unit:
            row[low // unit] = max(row[low // unit], until)
        else:
            for node in range(low // unit, high // unit):
                row[node] = max(row[node], until)
