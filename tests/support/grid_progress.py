"""What a script prints while a grid of studies runs."""

from __future__ import annotations

from collections.abc import Callable

from cosearch.comparison.grid import FAILED, Done

EVERY = 50


def printed(total: int, name: str = "") -> Callable[[Done], None]:
    """A listener that prints failures, and each fiftieth study.

    Args:
        total: studies of the grid.
        name: put before each line.
    """
    finished = 0

    def note(done: Done) -> None:
        nonlocal finished
        finished += 1
        if done.how == FAILED:
            print(f"failed: {done.cell.name}: {done.reason}", flush=True)
        elif finished % EVERY == 0:
            print(f"{name}{finished} of {total} studies", flush=True)

    return note
