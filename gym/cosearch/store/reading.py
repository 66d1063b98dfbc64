"""Reading a study of the present format: its blocks, put together, and the order of its tells."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import CosearchError, StoreError
from cosearch.objectives import Constraint, Objective
from cosearch.space import Designs, DesignSpace
from cosearch.store import blocks, packing, runs
from cosearch.store.database import Session
from cosearch.store.records import StoredEvaluations, StudyData, StudyRecord, json_object

StudyRow = tuple[Any, Any, Any, Any, Any, Any]  # id, name, description, status, stopped_because, seconds


def study_rows(session: Session) -> list[StudyRow]:
    """What the store says of each study, as it stands there."""
    return list(
        session.execute(
            "SELECT id, name, description, status, stopped_because, seconds "
            "FROM studies LEFT JOIN progress ON study_id = id ORDER BY id"
        ).fetchall()
    )


def count_charged(session: Session, study_id: int) -> int:
    """How many evaluations of a study cost budget."""
    found = session.execute("SELECT SUM(charged) FROM blocks WHERE study_id = ?", (study_id,)).fetchone()[0]
    if not (found is None or isinstance(found, int) or str(found).isdigit()):
        raise StoreError("the number of its evaluations is none")
    return int(found or 0)


def load(session: Session, record: StudyRecord) -> tuple[NDArray[np.int64], blocks.Block]:
    """The row numbers and the evaluations of a study, in the order in which they were stored.

    Raises:
        StoreError: if one of its blocks is damaged; names the block.
    """
    rows, found = [np.empty(0, dtype=np.int64)], [no_evaluations(record)]
    names = [metric["name"] for metric in record.metrics]
    for number, first, n, payload in session.execute(
        "SELECT block, first, n, payload FROM blocks WHERE study_id = ? ORDER BY block", (record.id,)
    ).fetchall():
        block = unpacked(number, first, n, payload, record)
        if block.designs.shape[1] != found[0].designs.shape[1]:
            raise StoreError(f"block {number} is damaged: it is of another space")
        rows.append(np.arange(first, first + len(block)))
        found.append(block.with_metrics(names))
    if len(found) > 1:
        del rows[0], found[0]
    return np.concatenate(rows), blocks.concat(found)


def unpacked(number: object, first: object, n: object, payload: object, record: StudyRecord) -> blocks.Block:
    """A block from what its row of the table holds.

    Raises:
        StoreError: if it is damaged.
    """
    with naming(f"block {number}"):
        if not isinstance(payload, bytes | memoryview) or not isinstance(first, int):
            raise StoreError("it is no block")
        block = packing.unpack(bytes(payload), first, record.fidelity)
        if len(block) != n:
            raise StoreError("it has another size than it should")
    return block


def told(session: Session, record: StudyRecord) -> NDArray[np.int64]:
    """The rows that the agent was told, in order, repeats included.

    Raises:
        StoreError: if they are damaged.
    """
    parts = [np.empty(0, dtype=np.int64)]
    for part, n, payload in session.execute(
        "SELECT part, n, payload FROM tells WHERE study_id = ? ORDER BY part", (record.id,)
    ).fetchall():
        with naming(f"part {part} of its tells"):
            if not isinstance(payload, bytes | memoryview):
                raise StoreError("it is none")
            parts.append(runs.unpacked(bytes(payload)))
            if len(parts[-1]) != n:
                raise StoreError("it has another length than it should")
    return np.concatenate(parts)


def agent_state(session: Session, record: StudyRecord) -> dict[str, Any]:
    """The agent's state after the last tell, empty if there is none.

    Raises:
        StoreError: if it is damaged.
    """
    row = session.execute("SELECT agent_state FROM progress WHERE study_id = ?", (record.id,)).fetchone()
    return {} if row is None else json_object(row[0], "its agent's state")


def no_evaluations(record: StudyRecord) -> blocks.Block:
    """The block of a study that has none."""
    space = space_of(record)
    names = [metric["name"] for metric in record.metrics]
    return blocks.empty(len(space.names), space.key_dtype, names, record.fidelity)


def space_of(record: StudyRecord) -> DesignSpace:
    """The design space that a record describes; rules that are functions are left out.

    Raises:
        StoreError: if the description is damaged.
    """
    with naming("its design space"):
        return DesignSpace.from_dict(record.space, drop_functions=True)


def evaluations(record: StudyRecord, rows: NDArray[np.int64], block: blocks.Block) -> StoredEvaluations:
    """Evaluations as columns.

    Raises:
        StoreError: for a design that is none of the space.
    """
    n = len(block)
    return StoredEvaluations(
        rows,
        designs_of(space_of(record), block.designs),
        block.outcomes,
        _column(block.charged, n),
        _column(block.fidelity, n),
        _column(block.seed, n),
        block.numbers(),
        _column(block.seconds, n),
    )


def study_data(record: StudyRecord, stored: StoredEvaluations, told_rows: NDArray[np.int64]) -> StudyData:
    """What a study found, those evaluations first that were told; of exact repeats only the first is there.

    Raises:
        StoreError: if a tell names an evaluation that is not there, or the record is damaged.
    """
    n = len(stored)
    order = np.argsort(stored.row, kind="stable")
    place = np.searchsorted(stored.row[order], told_rows)
    known = place < n
    known[known] = stored.row[order][place[known]] == told_rows[known]
    if not known.all():
        raise StoreError(f"evaluation {int(told_rows[~known][0])}, which the agent was told, is missing")
    same_as = first_alike(stored.designs.index, stored.fidelity, stored.seed)
    told_at = same_as[order[place]]
    unique, first_told = np.unique(told_at, return_index=True)
    untold = same_as == np.arange(n)
    untold[unique] = False
    first = np.concatenate([told_at[np.sort(first_told)], np.flatnonzero(untold)])
    position = np.empty(n, dtype=np.int64)
    position[first] = np.arange(len(first))
    in_place = np.array_equal(first, np.arange(n))
    with naming("its objectives"):
        objectives = tuple(Objective.parse(text) for text in record.objectives)
        constraints = tuple(Constraint.parse(text) for text in record.constraints)
    return StudyData(
        record=record,
        space=stored.designs.space,
        designs=stored.designs if in_place else stored.designs[first],
        outcomes=stored.outcomes if in_place else stored.outcomes.take(first),
        fidelity=stored.fidelity[first],
        seed=stored.seed[first],
        seconds=stored.seconds[first],
        told=position[told_at],
        objectives=objectives,
        constraints=constraints,
    )


def designs_of(space: DesignSpace, packed: NDArray[Any]) -> Designs:
    """The designs of a packed index matrix.

    Raises:
        StoreError: for a position that a parameter does not have.
    """
    index = np.array(packed, dtype=np.int64, order="F")
    sizes = np.array([parameter.size for parameter in space.parameters])
    if len(index) and not ((index.min(axis=0) >= -1) & (index.max(axis=0) < sizes)).all():
        raise StoreError("it holds a design that is none of its space")
    return Designs(space, index)


def first_alike(
    designs: NDArray[Any], fidelity: str | NDArray[np.str_], seed: int | NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each evaluation the position of the first with the same design, fidelity and seed, shape (n,)."""
    n = len(designs)
    columns = [designs[:, j] for j in range(designs.shape[1])]
    if isinstance(seed, np.ndarray) and (seed != seed[:1]).any():
        columns.append(seed)
    if isinstance(fidelity, np.ndarray) and (fidelity != fidelity[:1]).any():
        columns.append(np.unique(fidelity, return_inverse=True)[1])
    mixed = np.zeros(n, dtype=np.uint64)
    for column in columns:
        mixed ^= column.astype(np.int64).view(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    alike = np.flatnonzero(mixed[order[1:]] == mixed[order[:-1]])
    first = np.arange(n)
    if len(alike):  # two that only look alike are told apart
        suspects = np.unique(np.concatenate([order[alike], order[alike + 1]]))
        seen: dict[tuple[int, ...], int] = {}
        keys = zip(*(column[suspects].tolist() for column in columns), strict=True)
        for row, key in zip(suspects.tolist(), keys, strict=True):
            first[row] = seen.setdefault(key, row)
    return first


@contextlib.contextmanager
def naming(what: str) -> Iterator[None]:
    """Say in an error what is damaged."""
    try:
        yield
    except CosearchError as error:
        raise StoreError(f"{what} is damaged: {error}") from None
    except (
        ValueError,
        TypeError,
        KeyError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise StoreError(f"{what} is damaged ({type(error).__name__})") from None


def _column(value: Any, n: int) -> NDArray[Any]:
    return value if isinstance(value, np.ndarray) else np.full(n, value)
