"""A study from the columns of an export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, CosearchError
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.store import StudyData, StudyRecord
from cosearch.store.reading import space_of


def study_of(
    record: StudyRecord,
    told: NDArray[np.int64],
    columns: dict[str, list[Any]],
    outcomes: Outcomes,
    how: tuple[Sequence[str], Sequence[int], Sequence[float]],
    path: Path,
) -> StudyData:
    """A study from its columns.

    Args:
        record: of the manifest.
        told: the order of telling, as rows.
        columns: a list of values for each parameter.
        outcomes: of the n evaluations.
        how: fidelity, seed and seconds since the study began, of each.
        path: of the file, for messages.

    Raises:
        ArgumentError: the columns are not those of the study.
    """
    space, (fidelity, seed, seconds) = space_of(record), how
    n = len(outcomes)
    try:
        designs = space.designs(columns) if n else space.designs([])
        if len(designs) != n or (len(told) and told.max() >= n):
            raise ArgumentError(f"it holds {len(designs)} designs and {n} outcomes")
    except CosearchError as error:
        raise ArgumentError(f"{path}: study {record.name!r} is damaged: {error}") from None
    return StudyData(
        record=record,
        space=space,
        designs=designs,
        outcomes=outcomes,
        fidelity=np.array(fidelity, dtype=np.str_) if n else np.empty(0, dtype="<U1"),
        seed=np.array(seed, dtype=np.int64),
        seconds=np.array(seconds, dtype=np.float64),
        told=told,
        objectives=tuple(Objective.parse(text) for text in record.objectives),
        constraints=tuple(Constraint.parse(text) for text in record.constraints),
    )
