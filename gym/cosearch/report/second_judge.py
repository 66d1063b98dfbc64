"""How a front holds under a second judge: who stays on it, and whether the order is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch.store import StudyData
from cosearch.store.rescores import Rescore

LEAST_SHARE = 0.5
LEAST_CORRELATION = 0.5
FEWEST_RANKED = 4


@dataclass(frozen=True)
class Held:
    """A front under a second judge.

    Attributes:
        study: whose front it is.
        judge: the second judge.
        designs: of the front.
        others: designs off it that were judged too.
        able: designs of the front that the judge finds feasible.
        stay: designs of the front that no judged design dominates by the judge's numbers.
        correlations: Spearman's of first and second numbers over the feasible designs, by objective; None
            where there are too few or they are all equal.
        doubt: why the front is flagged; empty where it holds.
        reasons: why the judge finds designs of the front not feasible.
        changed: parameters that the judge does not search, with the values that it took.
    """

    study: str
    judge: str
    designs: int
    others: int
    able: int
    stay: int
    correlations: dict[str, float | None]
    doubt: str
    reasons: tuple[str, ...]
    changed: dict[str, Any]

    @property
    def stay_share(self) -> float:
        """The share of the front that stays."""
        return self.stay / self.designs if self.designs else 0.0


def second_judges(data: StudyData) -> list[Held]:
    """How a study's front holds under each judge that rescored it."""
    return [held(data, one) for one in data.rescores]


def held(data: StudyData, found: Rescore) -> Held:
    """How a study's front holds under one judge."""
    front, n = np.array(found.front, bool), len(found.front)
    said = zip(found.reason, found.status, strict=True)
    troubles = [reason or ("" if status == "ok" else status) for reason, status in said]
    judged = Outcomes.of(_numbers(found.metrics), errors=troubles)
    own = Outcomes.of(_numbers(found.own), errors=[""] * n)
    able = feasible(data.constraints, judged)
    second, first = minimised(data.objectives, judged), minimised(data.objectives, own)
    stays = np.zeros(n, bool)
    if able.any():
        stays[np.flatnonzero(able)[pareto_mask(second[able])]] = True
    correlations = {
        objective.metric: _spearman(first[able, k], second[able, k])
        for k, objective in enumerate(data.objectives)
    }
    reasons = [reason for reason, on in zip(found.reason, front, strict=True) if on and reason]
    counts = int(front.sum()), int((front & able).sum()), int((front & stays).sum())
    return Held(
        data.record.name,
        found.judge,
        counts[0],
        int((~front).sum()),
        counts[1],
        counts[2],
        correlations,
        _doubt(found.judge, *counts, correlations),
        tuple(dict.fromkeys(reasons)),
        found.changed,
    )


def _doubt(judge: str, designs: int, able: int, stay: int, correlations: dict[str, float | None]) -> str:
    if able < LEAST_SHARE * designs:
        believed = f"{designs - able} of {designs} are not feasible"
        return f"only one judge believes in this front: by {judge} {believed}"
    if stay < LEAST_SHARE * designs:
        return f"only one judge believes in this front: by {judge} {stay} of {designs} stay on it"
    for metric, value in correlations.items():
        if value is not None and value < LEAST_CORRELATION:
            return f"the judges disagree about {metric}: rank correlation {value:.2f}"
    return ""


def _numbers(columns: dict[str, list[float | None]]) -> dict[str, list[float]]:
    return {name: [np.nan if v is None else v for v in column] for name, column in columns.items()}


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    if len(first) < FEWEST_RANKED or min(len(np.unique(first)), len(np.unique(second))) < 2:
        return None
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


HEADS = ("study", "judge", "designs", "feasible", "stay on the front", "rank correlation", "verdict")
NUMERIC = ("designs", "feasible", "stay on the front")


def judge_rows(found: Sequence[Held]) -> list[list[str]]:
    """A row of text for each, under `HEADS`."""
    return [
        [
            one.study,
            one.judge,
            f"{one.designs}",
            f"{one.able}",
            f"{one.stay} ({one.stay_share:.0%})",
            ", ".join(
                f"{metric} {'-' if value is None else format(value, '.2f')}"
                for metric, value in one.correlations.items()
            ),
            f"DOUBTED: {one.doubt}" if one.doubt else "holds",
        ]
        for one in found
    ]


def judge_notes(found: Sequence[Held]) -> list[str]:
    """What the rows do not say: values that a judge took instead, and why it finds designs not feasible."""
    notes = []
    for one in found:
        if one.changed:
            values = ", ".join(f"{name}={value}" for name, value in one.changed.items())
            notes.append(f"{one.judge} does not search {values}, and took that")
        notes += [f"{one.judge}: {reason}" for reason in one.reasons[:3]]
    return list(dict.fromkeys(notes))


CAPTION = (
    "The front and some designs off it, evaluated again by another judge. A design stays if none of those "
    "is better in every objective by the second judge's numbers; the correlation is Spearman's."
)
