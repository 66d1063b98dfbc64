"""A running search says in the store what it is doing, and takes up what others have asked it for there.

Neither may harm the search: what cannot be written or read is left for the next time.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import CosearchError, StoreError
from cosearch.run.ledger import DONE
from cosearch.run.trial import Proposals
from cosearch.space import Designs
from cosearch.store import Store, StudyRecord, live

if TYPE_CHECKING:
    from cosearch.run.scheduler import Scheduler
    from cosearch.store.writer import StudyWriter

SHARE = 0.05  # of the time that noting may take
LEAST_S = 0.02  # between two notes
REPEAT_S = 5.0  # after which the same is said again
LOOK_S = 1.0  # between two looks at what others asked for
MOST_SHOWN = 64  # designs under way that are written out


class Live:
    """What one run of a study tells others, and hears from them.

    Args:
        store: the study's; nothing is told of one in memory.
        record: the study.
        writer: of the study.
        scheduler: of the run.
        seconds: since the study began.
    """

    def __init__(
        self,
        store: Store,
        record: StudyRecord,
        writer: StudyWriter,
        scheduler: Scheduler,
        seconds: Callable[[], float],
    ) -> None:
        self._record, self._writer, self._scheduler, self._seconds = record, writer, scheduler, seconds
        self._shared = store.location != "(memory)"
        self._said: list[int] = []
        self._said_at = -math.inf
        self._heard = 0  # the number of the last wish that was taken up
        self._next_note = self._next_look = 0.0

    def note(self) -> None:
        """Say what is under way, unless that was said a moment ago."""
        began = time.monotonic()
        if not self._shared or began < self._next_note:
            return
        doing = self._doing()
        numbers = [doing["under_way"], *(one["number"] for one in doing["running"])]
        if numbers == self._said and began - self._said_at < REPEAT_S:
            return
        try:
            live.note(self._writer, doing)
            noted = True
        except (OSError, StoreError):
            noted = False
        if noted:
            self._said, self._said_at = numbers, began
        took = time.monotonic() - began
        self._next_note = began + max(LEAST_S if noted else LOOK_S, took / SHARE)

    def listen(self) -> None:
        """Have what others asked for evaluated, unless that was looked for a moment ago."""
        now = time.monotonic()
        if not self._shared or now < self._next_look:
            return
        self._next_look = now + LOOK_S
        asked: list[live.Enqueued] = []
        with contextlib.suppress(StoreError):  # most often: nobody has asked for anything, so no table
            self._writer.beside(lambda session: asked.extend(live.wishes(session, self._record, self._heard)))
        for wish in asked:
            self._heard = wish.number
            try:
                design = self._scheduler.problem.space.designs([wish.design])
                proposals = Proposals(design, wish.fidelity or None)
                if not self._scheduler.knows(proposals):
                    self._scheduler.enqueue(proposals)
            except CosearchError:  # of another space: whoever asked was shown why, or wrote it by hand
                continue

    def _doing(self) -> dict[str, Any]:
        scheduler, dispatch = self._scheduler, self._scheduler.dispatch
        capacity = dispatch.backend.capacity
        workers = capacity if 0 < capacity <= 10**6 else 1
        running: list[dict[str, Any]] = []
        total, now = 0, time.perf_counter()
        for batch, positions, since in dispatch.under_way():
            left = positions[scheduler.ledger.state(batch.rows[positions]) != DONE]
            total += len(left)
            room = min(max(workers, 1), MOST_SHOWN) - len(running)
            shown = left[:room] if dispatch.whole else left[: min(room, 1)]
            designs: Designs = batch.proposals.designs[np.asarray(shown, dtype=np.int64)]
            running += [
                {
                    "number": int(batch.first + position),
                    "design": _plain(design),
                    "fidelity": str(batch.fidelity[position]),
                    "seconds": round(now - since, 3),
                    "together": 1 if dispatch.whole else len(left),
                }
                for position, design in zip(shown.tolist(), designs, strict=True)
            ]
        return {
            "pid": os.getpid(),
            "host": platform.node(),
            "workers": workers,
            "running": running,
            "under_way": total,
            "waiting": dispatch.waiting,
            "spent": scheduler.ledger.spent,
            "seconds": self._seconds(),
        }


def _plain(design: Any) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in design.items()}
