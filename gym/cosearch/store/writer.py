"""The writer of a study: blocks of evaluations as they come, and the order of tells a little later.

`append` is one transaction, and what it stored survives a kill when it returns. Small blocks are rewritten as
one from time to time (`merging.py`). Tells may lag behind (`tells.py`): a resumed study asks again for what
was not noted as told, and finds it stored.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import StoreError
from cosearch.outcomes import Outcomes
from cosearch.space import Designs
from cosearch.store import importing, merging, packing, reading
from cosearch.store.blocks import Block
from cosearch.store.database import Database, Session
from cosearch.store.durability import NoWal, WalFile
from cosearch.store.locks import lock_study, locked_error
from cosearch.store.merging import LARGE, Placed
from cosearch.store.records import StudyRecord
from cosearch.store.rescue import rescue
from cosearch.store.reserve import Refused, Reserve
from cosearch.store.server import ServedStudy
from cosearch.store.tells import PUT_SECONDS, Tells

INSERT_BLOCK = "INSERT INTO blocks (study_id, block, first, n, charged, payload) VALUES (?, ?, ?, ?, ?, ?)"
DELETE_BLOCKS = "DELETE FROM blocks WHERE study_id = ? AND block >= ?"
PUT_DESCRIPTION = "UPDATE studies SET description = ? WHERE id = ?"
PUT_STATUS = "UPDATE studies SET status = ?, stopped_because = ? WHERE id = ?"


class StudyWriter:
    """Writes one study and holds it for that; made by `Store.writer`, used as a context.

    It belongs to one thread at a time.

    Attributes:
        stored: how many evaluations the study has.
    """

    def __init__(self, store: Database, record: StudyRecord) -> None:
        self.record = record
        self._store = self.store = store
        self._seconds = record.seconds
        self._lost: str | None = None
        self._unsure = False
        self._closed = False
        self._served: ServedStudy | None = None
        served = store.engine.dialect.name == "postgresql"
        with contextlib.ExitStack() as stack:
            if not served:
                stack.enter_context(lock_study(store.engine, store.location, record.id, record.name))
            with store.errors("write to"), store.guard:
                self._session = Session(store.engine)
                stack.callback(self._session.close)
                if served:
                    busy = locked_error(store.location, record.name)
                    self._served = ServedStudy(store, self._session, record, busy)
                    stack.callback(self._served.let_go)
                with reading.naming(f"study {record.name!r} in {store.location}"):
                    self._load()
                    self._tells = Tells(self._session, record)
                self._wal: WalFile | NoWal = self._open_wal()
                stack.callback(self._wal.close)
            self._reserve: Reserve | None = None
            if store.path is not None:
                importing.take_up(store, record, self._take_up)
                self._reserve = Reserve(store.location, record)
                stack.callback(self._reserve.close)
            self._resources = stack.pop_all()

    def _load(self) -> None:
        """Find where the study's rows and blocks end, and its last blocks that are small."""
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
        self._tail: list[Placed] = []
        for number, first, n in found[len(found) - small :]:
            payload = session.execute(
                "SELECT payload FROM blocks WHERE study_id = ? AND block = ?", (id_, number)
            ).fetchone()[0]
            block = reading.unpacked(number, first, n, payload, self.record)
            self._tail.append(Placed(number, first, block.with_metrics(self._metrics)))

    @property
    def _metrics(self) -> list[str]:
        return [metric["name"] for metric in self.record.metrics]

    def _open_wal(self) -> WalFile | NoWal:
        if self._store.path is None:
            return NoWal()
        mode = str(self._session.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        with self._session.transaction():  # is it writable? and the WAL is there after it
            self._tells.put_progress(self._session.execute, self._seconds)
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
        block = Block.of(
            designs.packed(),
            outcomes if list(outcomes.metrics) == self._metrics else outcomes.with_metrics(self._metrics),
            numbers,
            charged,
            self.record.fidelity if fidelity is None else fidelity,
            seed,
            seconds,
        )
        return self._append(block)

    def _append(self, block: Block) -> NDArray[np.int64]:
        first, n = self.stored, len(block)
        if not n:
            return np.empty(0, dtype=np.int64)
        if self._unsure:
            raise StoreError(f"study {self.record.name!r} was interrupted while it was written; resume it")
        self._check(block)
        payload = packing.pack(block, first, self.record.fidelity)
        tail = [*self._tail, Placed(self._next_block, first, block)]
        if n < LARGE:
            tail = merging.merged(tail)
        last = block.seconds if isinstance(block.seconds, float) else float(np.max(block.seconds))
        seconds, self._seconds = self._seconds, max(self._seconds, last)
        tells_due = self._tells.due
        self._unsure = True  # an interrupt in here leaves open whether it is stored

        def write() -> None:
            if tail[-1].block is block:
                self._insert(tail[-1], payload)
            else:
                self._replace_from(tail[-1])
            if tells_due:
                self._tells.write(self._session.execute, self._seconds)

        try:
            self._write(write, tail[-1])
        except StoreError as error:
            self._seconds, self._unsure = seconds, False
            raise self._refused(error, Refused(payload, first), n) from None
        self._tail = [] if len(tail[-1].block) >= LARGE else tail
        self._next_block = tail[-1].number + 1
        self.stored, self._unsure = first + n, False
        if tells_due:
            self._tells.note_written()
        self._committed()
        return np.arange(first, first + n)

    def tell(self, rows: ArrayLike, state: Any = None) -> None:
        """Note that these rows were told to the agent, in this order, and its state after it.

        This is written with a later `append`, or by `flush` or `close`; until then a kill forgets it.

        Args:
            rows: as `append` returned them.
            state: JSON values; None leaves the last.
        """
        self._tells.add(np.asarray(rows, dtype=np.int64), state)

    def flush(self) -> None:
        """Write all that is known and put it on the disk.

        Raises:
            StoreError: if that failed.
        """
        self._check()
        if self._tells.unwritten:
            self._write(lambda: self._tells.write(self._session.execute, self._seconds))
            self._tells.note_written()
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
        self._tells.begin_anew(kept, state)

        def rewrite() -> None:
            self._session.execute("DELETE FROM tells WHERE study_id = ?", (self.record.id,))
            self._tells.write(self._session.execute, self._seconds)

        self._write(rewrite)
        self._tells.note_written()
        self._committed()

    def beside(self, work: Callable[[Session], object]) -> None:
        """Do something that is not part of the record with this writer's connection.

        Raises:
            StoreError: if that failed, or the store is not there any more.
        """
        self._check()
        with self._store.guard, self._store.errors("write to"):
            work(self._session)

    def close(self) -> None:
        """Write what is known, and let go of the study.

        Raises:
            StoreError: if something could not be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._lost is None and (self._served is None or self._served.given_up is None):
                self.flush()
        finally:
            self._resources.close()

    def _copy_to(self, copy: sqlite3.Connection, block: Block | None) -> None:
        """Put all that this connection holds into another SQLite file, and what is not yet written."""
        self._session.raw.backup(copy)
        with copy:
            if block is not None:
                payload = packing.pack(block, self.stored, self.record.fidelity)
                placed = Placed(self._next_block, self.stored, block)
                copy.execute(INSERT_BLOCK, self._block_row(placed, payload))
            self._tells.write_all(copy.execute, self._seconds)
            copy.execute(PUT_STATUS, ("interrupted", "the store was deleted or replaced", self.record.id))

    def _take_up(self, block: Block) -> None:
        self._append(block)
        self.flush()

    def _replace_from(self, placed: Placed) -> None:
        """Put a block in the place of all from its number on."""
        self._session.execute(DELETE_BLOCKS, (self.record.id, placed.number))
        self._insert(placed, packing.pack(placed.block, placed.first, self.record.fidelity))

    def _insert(self, placed: Placed, payload: bytes) -> None:
        self._session.execute(INSERT_BLOCK, self._block_row(placed, payload))

    def _block_row(self, placed: Placed, payload: bytes) -> tuple[Any, ...]:
        number, first, block = placed
        return self.record.id, number, first, len(block), block.count_charged(), payload

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> None:
        self._check()
        self._write(lambda: self._session.execute(statement, parameters))
        self._committed()

    def _write(self, write: Callable[[], Any], block: Placed | None = None) -> None:
        """Write something in one transaction; where the store's server goes away, once it is back."""

        def attempt() -> None:
            with self._store.guard, self._store.errors("write to"), self._session.transaction():
                write()

        if self._served is None:
            attempt()
        else:
            self._served.write(attempt, self.stored, block)

    def _committed(self) -> None:
        try:
            self._wal.committed()
        except OSError as error:
            raise StoreError(f"cannot write to {self._store.location}: {error.strerror}") from None

    def _check(self, block: Block | None = None) -> None:
        if self._served is not None and self._served.given_up is not None:
            self._lost = self._served.given_up
        if self._lost is not None:
            raise StoreError(self._lost)
        if self._store.path is not None and not self._wal.is_there():
            self._lost = rescue(self._store.path, self.record.name, lambda copy: self._copy_to(copy, block))
            raise StoreError(self._lost)

    def _refused(self, error: StoreError, refused: Refused, n: int) -> StoreError:
        """The error that says where evaluations wait which the store could not take."""
        kept: Path | None = self._reserve.keep(refused) if self._reserve is not None else None
        if kept is not None:
            what = "evaluation waits" if n == 1 else f"{n} evaluations wait"
            return StoreError(f"{error}; the last {what} in {kept} for `resume`")
        what = "evaluation is" if n == 1 else f"{n} evaluations are"
        return StoreError(f"{error}; the last {what} not kept and will be run again")
