"""A store on a server, such as PostgreSQL: who may write, and what happens when it goes away and comes back.

The lock of a study belongs to the connection that writes it. So whoever lost the one has lost the other, and
nobody writes to a study that another process has taken up meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from cosearch.errors import StoreError, StudyLockedError
from cosearch.store import packing
from cosearch.store.database import Database, ServerGoneError, Session
from cosearch.store.merging import Placed
from cosearch.store.records import StudyRecord

# A server that goes away in mid-study is waited for so long, and looked for so often.
RETURN_S, LOOK_S = 60.0, 0.5
# How long after a kill the server may hold what the process had locked.
PATIENCE_S = 0.5
# A machine that lost its power says nothing: its lock ends when so many of these stay without an answer.
KEEPALIVE = (
    "SET tcp_keepalives_idle = 15",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)

LOCK, UNLOCK = (
    f"SELECT {function}(hashtext(?))" for function in ("pg_try_advisory_lock", "pg_advisory_unlock")
)

COUNT = "SELECT COALESCE(MAX(first + n), 0) FROM blocks WHERE study_id = ?"
PAYLOAD = "SELECT payload FROM blocks WHERE study_id = ? AND block = ?"


def key(study_id: int) -> str:
    """What the lock of a study is made of."""
    return f"cosearch-study-{study_id}"


def hold(session: Session, study_id: int, busy: StudyLockedError, patience_s: float = PATIENCE_S) -> None:
    """Lock a study for this connection.

    Raises:
        StudyLockedError: `busy`, if another connection holds it.
    """
    deadline = time.monotonic() + patience_s
    while not session.execute(LOCK, (key(study_id),)).fetchone()[0]:
        if time.monotonic() > deadline:
            raise busy
        time.sleep(0.02)
    for statement in KEEPALIVE:
        with contextlib.suppress(Exception):  # a socket of this machine has none
            session.execute(statement)


def let_go(session: Session, study_id: int) -> None:
    """Unlock a study, if the server is there."""
    with contextlib.suppress(Exception):
        session.execute(UNLOCK, (key(study_id),))


class ServedStudy:
    """A study on a server as its writer holds it.

    Args:
        store: where it is.
        session: the writer's, which is connected anew where it was lost.
        record: the study.
        busy: what to raise where another process holds it.

    Raises:
        StudyLockedError: `busy`.

    Attributes:
        given_up: why the server is not waited for again.
    """

    def __init__(
        self, store: Database, session: Session, record: StudyRecord, busy: StudyLockedError
    ) -> None:
        self._store, self._session, self._record, self._busy = store, session, record, busy
        self.given_up: str | None = None
        hold(session, record.id, busy)

    def write(self, attempt: Callable[[], None], stored: int, block: Placed | None) -> None:
        """Make an attempt, and again once a server that went away is back, for at most `RETURN_S`.

        Args:
            attempt: writes something, or nothing; twice is as once, but for a block.
            stored: how many evaluations the study had before.
            block: what is written, if it is a block.

        Raises:
            StoreError: if it was waited for in vain, or another process has taken the study up meanwhile.
        """
        lost: StoreError | None = None
        until = 0.0
        try:
            while True:
                try:
                    if lost is None or not self._come_back(stored, block):
                        attempt()
                    return
                except ServerGoneError as error:
                    until = until if lost is not None else time.monotonic() + RETURN_S
                    lost = error
                except StudyLockedError as error:  # perhaps the server still holds what we have lost
                    lost = error
                if time.monotonic() >= until:
                    raise StoreError(
                        f"{lost}; it was waited for {RETURN_S:g} s: resume once it is back"
                    ) from None
                time.sleep(LOOK_S)
        except BaseException as error:  # Ctrl-C too
            if lost is not None:
                self.given_up = str(error) or f"{self._store.location} was given up"
            raise

    def _come_back(self, stored: int, block: Placed | None) -> bool:
        """Connect and lock the study again; whether the block was stored before the connection was lost."""
        with self._store.errors("write to"):
            self._session.reconnect()
            hold(self._session, self._record.id, self._busy)
            has = self._session.execute(COUNT, (self._record.id,)).fetchone()[0]
            if has == stored:
                return False
            if block is not None and has == block.first + len(block.block):
                found = self._session.execute(PAYLOAD, (self._record.id, block.number)).fetchone()
                payload = packing.pack(block.block, block.first, self._record.fidelity)
                if found is not None and bytes(found[0]) == payload:
                    return True
        raise StoreError(
            f"study {self._record.name!r} was written by another process while its server was away: resume it"
        )

    def let_go(self) -> None:
        """Unlock the study."""
        let_go(self._session, self._record.id)
