"""The order of tells as a writer keeps it: in parts that grow, with the agent's state after the last tell.

What is noted here is written a little later, together with other things; until then a kill forgets it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.store import reading
from cosearch.store.database import Session
from cosearch.store.records import StudyRecord
from cosearch.store.runs import Runs

LAG_S = 0.05

PUT_TELLS = (
    "INSERT INTO tells (study_id, part, n, payload) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (study_id, part) DO UPDATE SET n = excluded.n, payload = excluded.payload"
)
PUT_PROGRESS = (
    "INSERT INTO progress (study_id, agent_state, seconds) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id) DO UPDATE SET agent_state = excluded.agent_state, seconds = excluded.seconds"
)
PUT_SECONDS = "UPDATE progress SET seconds = ? WHERE study_id = ?"

Put = Callable[[str, tuple[Any, ...]], Any]


class Tells:
    """The tells of one study that is written, continued in a part of their own.

    Raises:
        StoreError: if the agent's state is damaged.
    """

    def __init__(self, session: Session, record: StudyRecord) -> None:
        self._study_id = record.id
        last = session.execute("SELECT MAX(part) FROM tells WHERE study_id = ?", (record.id,)).fetchone()[0]
        self._next_part = 0 if last is None else last + 1
        self._parts: list[tuple[int, Runs]] = []  # those that are not yet written, or may still grow
        self._begin_part()
        self._state = self._stored_state = json.dumps(reading.agent_state(session, record))
        self._dirty = False
        self._written_at = 0.0

    @property
    def due(self) -> bool:
        """Whether they have lagged behind for long enough."""
        return time.monotonic() - self._written_at >= LAG_S

    @property
    def unwritten(self) -> bool:
        """Whether anything was noted since the last time that they were written."""
        return self._dirty or self._state != self._stored_state

    def add(self, rows: NDArray[np.int64], state: Any = None) -> None:
        """Note that these rows were told in this order, and the agent's state after it, unless None."""
        if len(rows):
            if self._parts[-1][1].full:
                self._begin_part()
            self._parts[-1][1].add(rows)
            self._dirty = True
        if state is not None:
            self._state = json.dumps(state)

    def begin_anew(self, rows: NDArray[np.int64], state: Any) -> None:
        """Note that only these rows were told, and that the agent has this state after it."""
        self._next_part, self._parts = 0, []
        self._begin_part()
        for begin in range(0, len(rows), 4096):
            self.add(rows[begin : begin + 4096])
        self._state = json.dumps(state or {})
        self._dirty = True

    def write(self, put: Put, seconds: float) -> None:
        """Write what was noted, in the caller's transaction; call `note_written` when that is over."""
        if self._dirty:
            self._put_parts(put)
        if self._state != self._stored_state:
            self.put_progress(put, seconds)
        elif self._dirty:
            put(PUT_SECONDS, (seconds, self._study_id))

    def write_all(self, put: Put, seconds: float) -> None:
        """Write what was noted into a copy of the store."""
        self._put_parts(put)
        self.put_progress(put, seconds)

    def put_progress(self, put: Put, seconds: float) -> None:
        """Write the agent's state and how long the study has run."""
        put(PUT_PROGRESS, (self._study_id, self._state, seconds))

    def note_written(self) -> None:
        """What was noted is in the store."""
        self._parts = self._parts[-1:]
        self._dirty = False
        self._stored_state = self._state
        self._written_at = time.monotonic()

    def _put_parts(self, put: Put) -> None:
        for part, runs in self._parts:
            put(PUT_TELLS, (self._study_id, part, runs.n, runs.packed()))

    def _begin_part(self) -> None:
        self._parts.append((self._next_part, Runs()))
        self._next_part += 1
