"""The writer of a study: blocks of evaluations as they come, and the order of tells a little later.

`append` is one transaction, and what it stored survives a kill when it returns. Small blocks are rewritten as
one from time to time, like the levels of a log-structured tree. Tells may lag behind (`TELL_S`): a resumed
study asks again for what was not noted as told, and finds it stored.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import StoreError
from cosearch.outcomes import Outcomes
from cosearch.space import Designs
from cosearch.store import blocks, importing, reading, rescue
from cosearch.store.blocks import Block
from cosearch.store.database import Session
from cosearch.store.durability import NoWal, WalFile
from cosearch.store.locks import lock_study
from cosearch.store.records import StudyRecord
from cosearch.store.reserve import Refused, Reserve
from cosearch.store.runs import Runs

if TYPE_CHECKING:
    from cosearch.store.store import Store

TELL_S = 0.05
SMALL, LARGE = 64, 4096  # evaluations: blocks below are merged, as soon as there are FAN of them
FAN = 64
MERGED = 2 * LARGE

INSERT_BLOCK = "INSERT INTO blocks (study_id, block, first, n, charged, payload) VALUES (?, ?, ?, ?, ?, ?)"
DELETE_BLOCKS = "DELETE FROM blocks WHERE study_id = ? AND block >= ?"
PUT_TELLS = (
    "INSERT INTO tells (study_id, part, n, payload) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (study_id, part) DO UPDATE SET n = excluded.n, payload = excluded.payload"
)
PUT_PROGRESS = (
    "INSERT INTO progress (study_id, agent_state, seconds) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id) DO UPDATE SET agent_state = excluded.agent_state, seconds = excluded.seconds"
)
PUT_SECONDS = "UPDATE progress SET seconds = ? WHERE study_id = ?"
PUT_DESCRIPTION = "UPDATE studies SET description = ? WHERE id = ?"
PUT_STATUS = "UPDATE studies SET status = ?, stopped_because = ? WHERE id = ?"


class StudyWriter:
    """Writes one study and holds it for that; made by `Store.writer`, used as a context.

    It belongs to one thread at a time.

    Attributes:
        stored: how many evaluations the study has.
    """

    def __init__(self, store: Store, record: StudyRecord) -> None:
        self.record = record
        self._store = store
        self._lost: str | None = None
        self._unsure = False
        self._closed = False
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock_study(store.engine, store.location, record.id, record.name))
            with store.errors("write to"), store.guard:
                self._session = Session(store.engine)
                stack.callback(self._session.close)
                with reading.naming(f"study {record.name!r} in {store.location}"):
                    self._load()
                self._wal: WalFile | NoWal = self._open_wal()
                stack.callback(self._wal.close)
            self._reserve: Reserve | None = None
            if store.path is not None:
                importing.take_up(store, self)
                self._reserve = Reserve(store.location, record)
                stack.callback(self._reserve.close)
            self._resources = stack.pop_all()

    def _load(self) -> None:
        """Find where the study's rows, blocks and tells end, and its last blocks that are small."""
        id_, session = self.record.id, self._session
        found = session.execute(
            "SELECT block, first, n FROM blocks WHERE study_id = ? ORDER BY block", (id_,)
        ).fetchall()
        self._next_block = found[-1][0] + 1 if found else 0
        self.stored = 0
        for _, first, n in found:
            if first != self.stored or n < 1:
                raise StoreError(
                    f"evaluations are missing after {self.stored}: it can be read, but not go on"
                )
            self.stored += n
        small = next((i for i, row in enumerate(reversed(found)) if row[2] >= LARGE), len(found))
        self._tail: list[tuple[int, int, Block]] = []
        for number, first, n in found[len(found) - small :]:
            payload = session.execute(
                "SELECT payload FROM blocks WHERE study_id = ? AND block = ?", (id_, number)
            ).fetchone()[0]
            block = reading.unpacked(number, first, n, payload, self.record)
            self._tail.append((number, first, block.with_metrics(self._metrics)))
        part = session.execute("SELECT MAX(part) FROM tells WHERE study_id = ?", (id_,)).fetchone()[0]
        self._next_part = 0 if part is None else part + 1
        self._parts: list[tuple[int, Runs]] = []  # those that are not yet written, or may still grow
        self._new_part()
        self._state = self._stored_state = json.dumps(reading.agent_state(session, self.record))
        self._seconds = self.record.seconds
        self._tells_dirty = False
        self._tells_written_at = 0.0

    @property
    def _metrics(self) -> list[str]:
        return [metric["name"] for metric in self.record.metrics]

    def _open_wal(self) -> WalFile | NoWal:
        if self._store.path is None:
            return NoWal()
        mode = str(self._session.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        with self._session.transaction():  # is it writable? and the WAL is there after it
            self._session.execute(PUT_PROGRESS, (self.record.id, self._state, self._seconds))
        if mode != "wal":  # a file system that cannot share memory
            self._session.execute("PRAGMA synchronous=FULL")
            return NoWal()
        return WalFile(self._store.path)

    def __enter__(self) -> StudyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            with contextlib.suppress(StoreError):
                self.close()

    def append(
        self,
        numbers: NDArray[np.int64],
        designs: Designs,
        outcomes: Outcomes,
        charged: ArrayLike = True,
        fidelity: str | NDArray[Any] | None = None,
        seed: int | NDArray[np.int64] = 0,
        seconds: float | NDArray[np.float64] = 0.0,
    ) -> NDArray[np.int64]:
        """Store n evaluations; they survive a kill when this returns, and a power cut soon after.

        Args:
            numbers: of the trials, in the order of asking, shape (n,).
            designs: theirs.
            outcomes: theirs, with the study's metrics.
            charged: whether each cost budget, one for all or one for each.
            fidelity: one for all or one for each; None is the study's.
            seed: one for all or one for each.
            seconds: since the study began, pauses left out; one for all or one for each.

        Returns:
            Their rows, by which `tell` names them.

        Raises:
            StoreError: if the store cannot take them, or is not there any more; says where they wait.
        """
        block = Block(
            designs.index.astype(designs.space.key_dtype, order="C"),
            outcomes if list(outcomes.metrics) == self._metrics else outcomes.with_metrics(self._metrics),
            _first_number(numbers),
            _one_for_all(charged, bool),
            self.record.fidelity if fidelity is None else _one_for_all(fidelity, str),
            _one_for_all(seed, int),
            seconds if isinstance(seconds, np.ndarray) else float(seconds),
        )
        return self.append_block(block)

    def append_block(self, block: Block) -> NDArray[np.int64]:
        """`append` for what is packed already."""
        first, n = self.stored, len(block)
        if not n:
            return np.empty(0, dtype=np.int64)
        if self._unsure:
            raise StoreError(f"study {self.record.name!r} was interrupted while it was written; resume it")
        self._check(block)
        payload = blocks.pack(block, first, self.record.fidelity)
        number, tail = self._next_block, [*self._tail, (self._next_block, first, block)]
        merged = _mergeable(tail) if n < LARGE else 0
        last = block.seconds if isinstance(block.seconds, float) else float(np.max(block.seconds))
        seconds, self._seconds = self._seconds, max(self._seconds, last)
        tells_due = time.monotonic() - self._tells_written_at >= TELL_S
        self._unsure = True  # an interrupt in here leaves open whether it is stored
        try:
            with self._store.guard, self._store.errors("write to"), self._session.transaction():
                if merged:
                    number, tail = self._merge(tail, merged)
                else:
                    self._insert(number, first, block, payload)
                if tells_due:
                    self._write_tells()
        except StoreError as error:
            self._seconds, self._unsure = seconds, False
            raise self._refused(error, Refused(payload, first), n) from None
        self._tail = [] if len(tail[-1][2]) >= LARGE else tail
        self._next_block = number + 1
        self.stored, self._unsure = first + n, False
        if tells_due:
            self._note_written()
        self._committed()
        return np.arange(first, first + n)

    def tell(self, rows: ArrayLike, state: Any = None) -> None:
        """Note that these rows were told to the agent, in this order, and its state after it.

        This is written with a later `append`, or by `flush` or `close`; until then a kill forgets it.

        Args:
            rows: as `append` returned them.
            state: JSON values; None leaves the last.
        """
        told = np.asarray(rows, dtype=np.int64)
        if len(told):
            if self._parts[-1][1].full:
                self._new_part()
            self._parts[-1][1].add(told)
            self._tells_dirty = True
        if state is not None:
            self._state = json.dumps(state)

    def flush(self) -> None:
        """Write all that is known and put it on the disk.

        Raises:
            StoreError: if that failed.
        """
        self._check()
        if self._tells_dirty or self._state != self._stored_state:
            self._write("write to", self._write_tells)
            self._note_written()
        with self._store.errors("write to"):
            try:
                self._wal.flush()
            except OSError as error:
                raise StoreError(f"cannot write to {self._store.location}: {error.strerror}") from None

    def set_status(self, status: str, stopped_because: str = "") -> None:
        """Note whether the study is running, finished or interrupted, and why."""
        self._execute(PUT_STATUS, (status, stopped_because, self.record.id))

    def set_seconds(self, seconds: float) -> None:
        """Note how long the study has run."""
        self._seconds = seconds
        self._execute(PUT_SECONDS, (seconds, self.record.id))

    def set_record(self, record: StudyRecord) -> None:
        """Note how the study is run from now on: with a larger budget, other workers, other limits."""
        self.record = record
        self._execute(PUT_DESCRIPTION, (self.record.description(), self.record.id))

    def forget_tells(self, position: int, state: Any) -> None:
        """Drop the tells from `position` on, before which the agent had this state; the evaluations stay."""
        self.flush()
        with self._store.guard, self._store.errors("read"):
            kept = reading.told(self._session, self.record)[:position]
        self._next_part, self._parts = 0, []
        for begin in range(0, len(kept), 4096) or (0,):
            self._new_part()
            self._parts[-1][1].add(kept[begin : begin + 4096])
        self._state = json.dumps(state or {})

        def rewrite() -> None:
            self._session.execute("DELETE FROM tells WHERE study_id = ?", (self.record.id,))
            self._tells_dirty = True
            self._write_tells()

        self._write("write to", rewrite)
        self._note_written()
        self._committed()

    def close(self) -> None:
        """Write what is known, and let go of the study.

        Raises:
            StoreError: if something could not be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._lost is None:
                self.flush()
        finally:
            self._resources.close()

    def copy_to(self, copy: sqlite3.Connection, block: Block | None) -> None:
        """Put all that this connection holds into another SQLite file, and what is not yet written."""
        self._session.raw.backup(copy)
        id_, put = self.record.id, copy.execute
        with copy:
            if block is not None:
                payload = blocks.pack(block, self.stored, self.record.fidelity)
                row = (id_, self._next_block, self.stored, len(block), block.count_charged(), payload)
                put(INSERT_BLOCK, row)
            for part, runs in self._parts:
                put(PUT_TELLS, (id_, part, runs.n, runs.packed()))
            put(PUT_PROGRESS, (id_, self._state, self._seconds))
            put(PUT_STATUS, ("interrupted", "the store was deleted or replaced", id_))

    def _merge(
        self, tail: list[tuple[int, int, Block]], count: int
    ) -> tuple[int, list[tuple[int, int, Block]]]:
        """Rewrite the last `count` blocks, of which the very last is not yet stored, as one."""
        number, first, _ = tail[-count]
        block = blocks.concat([each for _, _, each in tail[-count:]])
        self._session.execute(DELETE_BLOCKS, (self.record.id, number))
        self._insert(number, first, block, blocks.pack(block, first, self.record.fidelity))
        return number, [*tail[:-count], (number, first, block)]

    def _insert(self, number: int, first: int, block: Block, payload: bytes) -> None:
        self._session.execute(
            INSERT_BLOCK, (self.record.id, number, first, len(block), block.count_charged(), payload)
        )

    def _write_tells(self) -> None:
        if self._tells_dirty:
            for part, runs in self._parts:
                self._session.execute(PUT_TELLS, (self.record.id, part, runs.n, runs.packed()))
        if self._state != self._stored_state:
            self._session.execute(PUT_PROGRESS, (self.record.id, self._state, self._seconds))
        elif self._tells_dirty:
            self._session.execute(PUT_SECONDS, (self._seconds, self.record.id))

    def _note_written(self) -> None:
        self._parts = self._parts[-1:]
        self._tells_dirty = False
        self._stored_state = self._state
        self._tells_written_at = time.monotonic()

    def _new_part(self) -> None:
        self._parts.append((self._next_part, Runs()))
        self._next_part += 1

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> None:
        self._check()
        self._write("write to", lambda: self._session.execute(statement, parameters))
        self._committed()

    def _write(self, action: str, write: Any) -> None:
        with self._store.guard, self._store.errors(action), self._session.transaction():
            write()

    def _committed(self) -> None:
        try:
            self._wal.committed()
        except OSError as error:
            raise StoreError(f"cannot write to {self._store.location}: {error.strerror}") from None

    def _check(self, block: Block | None = None) -> None:
        if self._lost is not None:
            raise StoreError(self._lost)
        if self._store.path is not None and not self._wal.is_there():
            self._lost = rescue.rescue(self._store.path, self, block)
            raise StoreError(self._lost)

    def _refused(self, error: StoreError, refused: Refused, n: int) -> StoreError:
        """The error that says where evaluations wait which the store could not take."""
        kept: Path | None = self._reserve.keep(refused) if self._reserve is not None else None
        if kept is not None:
            what = "evaluation waits" if n == 1 else f"{n} evaluations wait"
            return StoreError(f"{error}; the last {what} in {kept} for `resume`")
        what = "evaluation is" if n == 1 else f"{n} evaluations are"
        return StoreError(f"{error}; the last {what} not kept and will be run again")


def _mergeable(tail: list[tuple[int, int, Block]]) -> int:
    """How many of the last blocks should become one."""
    rows = tail[-1][1] + len(tail[-1][2]) - tail[0][1]
    if len(tail) < FAN and rows < MERGED:
        return 0
    small = next((i for i, (_, _, block) in enumerate(reversed(tail)) if len(block) >= SMALL), len(tail))
    if small >= FAN:
        return small
    return len(tail) if len(tail) > 1 and (len(tail) - small >= FAN or rows >= MERGED) else 0


def _first_number(numbers: Any) -> int | NDArray[np.int64]:
    """The first number where they count up from it, else all."""
    found = np.asarray(numbers, dtype=np.int64)
    if len(found) and (len(found) == 1 or (np.diff(found) == 1).all()):
        return int(found[0])
    return found


def _one_for_all(value: Any, kind: type) -> Any:
    """A single value where all are the same, as Python's own type."""
    if isinstance(value, kind):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return kind(array.item())
    if len(array) and (array[0] == array).all():
        return kind(array[0])
    return array.astype(np.str_) if kind is str else array
