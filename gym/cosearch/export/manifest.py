"""The manifest of an export: everything that repeats its studies, as one JSON object.

    {"cosearch_export": 1, "written_by": "0.1.0",
     "studies": [{name, problem, problem_arguments, workload_digest, fidelity, objectives, constraints,
                  metrics, space, agent, agent_settings, seed, budget, versions, host, command, ...,
                  "told": [[first row, rows], ...]}]}

`told` is the order in which the agent was told, as runs of rows of the study, repeats included.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosearch
from cosearch.errors import ArgumentError, StoreError
from cosearch.store import StudyData, StudyRecord
from cosearch.store.records import CHANGING

FORMAT = 1
MOST_TOLD = 200_000_000  # more than any study that fits a file; a few bytes may ask for any number
KEY = "cosearch_export"


def manifest(studies: Sequence[StudyData]) -> dict[str, Any]:
    """The manifest of an export of these studies, JSON values."""
    return {
        KEY: FORMAT,
        "written_by": cosearch.__version__,
        "studies": [{**asdict(data.record), "told": _runs(data.told)} for data in studies],
    }


def read_manifest(text: object, file: object) -> tuple[list[StudyRecord], list[NDArray[np.int64]]]:
    """The records of an export's studies, and for each the order of telling.

    Args:
        text: the manifest as JSON text, or as it was read already.
        file: what it is of, for messages.

    Raises:
        ArgumentError: it is none, is damaged, or is of a newer cosearch.
    """
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else text
        if not isinstance(found, dict) or not isinstance(found[KEY], int):
            raise TypeError
        if found[KEY] > FORMAT:
            raise ArgumentError(
                f"{file} was exported by a newer cosearch ({found.get('written_by', 'unknown')}, export "
                f"format {found[KEY]}; this one reads up to {FORMAT}); upgrade cosearch to read it"
            )
        told = [_rows(study.pop("told")) for study in found["studies"]]
        changing = [{name: study.pop(name) for name in CHANGING} for study in found["studies"]]
        records = [
            StudyRecord.of(study, **rest) for study, rest in zip(found["studies"], changing, strict=True)
        ]
    except ArgumentError:
        raise
    except StoreError as error:
        raise ArgumentError(f"{file}: its manifest is damaged: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ArgumentError(f"{file}: its manifest is damaged, or it is none of cosearch") from None
    return records, told


def _runs(rows: NDArray[np.int64]) -> list[list[int]]:
    """Rows as runs of consecutive ones: [[first, how many], ...]."""
    if not len(rows):
        return []
    begins = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1])
    lengths = np.diff(np.concatenate([begins, [len(rows)]]))
    return [[int(rows[begin]), int(n)] for begin, n in zip(begins, lengths, strict=True)]


def _rows(runs: list[list[int]]) -> NDArray[np.int64]:
    if sum(n for _, n in runs) > MOST_TOLD:
        raise ValueError
    parts = [np.arange(first, first + n, dtype=np.int64) for first, n in runs]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
