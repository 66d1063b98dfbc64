"""What a second judge said of a study's front, as a plain record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rescore:
    """The front of a study, and some designs off it, as a second judge sees them.

    Attributes:
        judge: what judged, e.g. "external" or "engine=zigzag".
        problem_arguments: of the problem that judged.
        fidelity: at which it judged.
        created_at: when, in UTC.
        index: of the designs, as rows of their space's index matrix.
        own: what the study's own judge said, by metric.
        front: whether each is on the study's front, by its own numbers.
        metrics: what the judge says, by metric; null where it has no number.
        status: of each design, by the judge.
        reason: of each design that is not ok.
        changed: parameters that the judge does not search, with the values that it took instead.
    """

    judge: str
    problem_arguments: dict[str, Any]
    fidelity: str
    created_at: str
    index: list[list[float]]
    own: dict[str, list[float | None]]
    front: list[bool]
    metrics: dict[str, list[float | None]]
    status: list[str]
    reason: list[str]
    changed: dict[str, Any]
