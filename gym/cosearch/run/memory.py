"""How much memory a process holds together with those that it started, where the system says so (/proc)."""

from __future__ import annotations

import contextlib
import os

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes_of_tree(pid: int, limit_bytes: int) -> int:
    """What the process and its descendants hold in memory; exact only where it is above `limit_bytes`.

    Counted fast, pages that processes share count once for each; so, above the limit, they are shared out.
    """
    family = tree(pid)
    held = sum(_resident_bytes(one) for one in family)
    if held > limit_bytes and len(family) > 1:
        held = sum(_proportional_bytes(one) for one in family)
    return held


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{one}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{one}/task/{thread}/children", "rb") as file:
                    found += [int(child) for child in file.read().split()]
    return found


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _proportional_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return _resident_bytes(pid)
