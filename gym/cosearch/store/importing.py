"""Taking what waits in a reserve into the store, checked like anything that comes from outside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosearch.errors import StoreError
from cosearch.space import DesignSpace
from cosearch.store import blocks, packing, reading, reserve
from cosearch.store.blocks import Block
from cosearch.store.database import Database
from cosearch.store.records import StudyRecord


def take_up(database: Database, record: StudyRecord, put: Callable[[Block], None]) -> None:
    """Store the evaluations that wait for a study, unless it has them, and remove their file.

    Args:
        database: the store's.
        record: the study.
        put: stores evaluations, durably.

    Raises:
        StoreError: if the file is not what a writer of this study left, or the store cannot take them yet.
    """
    refused, paths = reserve.waiting(database.location, record)
    if refused:
        space = reading.space_of(record)
        found = [_checked(each, record, space, str(paths[0])) for each in refused]
        with database.reading() as session:
            _, stored = reading.load(session, record)
        together = blocks.concat([stored, *found])
        first = reading.first_alike(together.designs, together.fidelity, together.seed)
        new = np.flatnonzero(first == np.arange(len(together)))
        put(together.take(new[new >= len(stored)]))
    reserve.remove(paths)


def _checked(refused: reserve.Refused, record: StudyRecord, space: DesignSpace, path: str) -> Block:
    try:
        block = packing.unpack(refused.payload, refused.first, record.fidelity)
        names = [metric["name"] for metric in record.metrics]
        if block.designs.shape[1] != len(space.names) or set(block.outcomes.metrics) != set(names):
            raise StoreError("it is of another space or has other metrics")
        designs = reading.designs_of(space, block.designs)
        if not np.array_equal(space.from_index(designs.index).index, designs.index):
            raise StoreError("it holds a design that is none of its space")
        if (~space.allowed(designs) & _charged(block)).any():
            raise StoreError("it holds a forbidden design that cost budget")
    except StoreError as error:
        raise StoreError(
            f"{path}, where evaluations wait, is damaged ({error}); delete it to go on without them"
        ) from None
    return block.with_metrics(names)


def _charged(block: Block) -> np.ndarray:
    return block.charged if isinstance(block.charged, np.ndarray) else np.full(len(block), block.charged)
