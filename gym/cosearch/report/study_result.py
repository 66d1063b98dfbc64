"""One study as a report compares it with others: its front, its counts, its share of the hypervolume."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import violations
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE, LOG, STATUSES
from cosearch.store import StudyData

Reason = tuple[str, str, int]  # kind (infeasible, failed or constraint), reason, number of designs


@dataclass(frozen=True)
class StudyResult:
    """One study, as it is compared with others.

    Attributes:
        data: the study.
        label: the agent's name, with the settings in which it differs from other studies of that agent.
        minimised: objectives, smaller is better, NaN where infeasible or failed, shape (n, m).
        feasible: which designs are ok and meet every constraint, shape (n,).
        front: which designs are on the study's own Pareto front, shape (n,).
        combined_front: which of them are on the front of all compared studies, shape (n,).
        checkpoints: numbers of evaluations at which the hypervolume is known, ascending, the last one n.
        shares: the hypervolume at these, as a share of that of all compared studies.
    """

    data: StudyData
    label: str
    minimised: NDArray[np.float64]
    feasible: NDArray[np.bool_]
    front: NDArray[np.bool_]
    combined_front: NDArray[np.bool_]
    checkpoints: NDArray[np.int64]
    shares: NDArray[np.float64]

    @property
    def share(self) -> float:
        """The hypervolume of everything that the study found, as a share of that of all compared studies."""
        return float(self.shares[-1]) if len(self.shares) else 0.0

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """How many designs were evaluated, feasible, rejected, over a constraint, failed, on the front."""
        outcomes = self.data.outcomes
        return {
            "evaluations": len(outcomes),
            "feasible": int(self.feasible.sum()),
            "infeasible": int((outcomes.codes == INFEASIBLE_CODE).sum()),
            "violates_constraints": int((outcomes.ok & ~self.feasible).sum()),
            "failed": int((outcomes.codes == FAILED_CODE).sum()),
            "pareto_designs": int(self.front.sum()),
            "on_combined_front": int(self.combined_front.sum()),
        }

    def reasons(self, most: int = 5) -> list[Reason]:
        """The most frequent reasons why designs are not feasible."""
        return reasons_of(self.data, most)


def reasons_of(data: StudyData, most: int | None = 5) -> list[Reason]:
    """The most frequent reasons why a study's designs are not feasible."""
    return [(*key, n) for key, n in all_reasons(data).most_common(most)]


def all_reasons(data: StudyData) -> Counter[tuple[str, str]]:
    """How many designs are not feasible for each kind of reason and reason."""
    outcomes, bad = data.outcomes, ~data.outcomes.ok
    texts = _with_one_log(map(str, outcomes.reason[bad].tolist()))
    pairs = Counter(zip(outcomes.codes[bad].tolist(), texts, strict=True))
    counter = Counter({(STATUSES[code], reason): n for (code, reason), n in pairs.items()})
    missed = violations(data.constraints, outcomes)[outcomes.ok] > 0
    for constraint, n in zip(data.constraints, missed.sum(axis=0).tolist(), strict=True):
        if n:
            counter["constraint", f"{constraint} is not met"] = n
    return counter


def _with_one_log(reasons: Iterable[str]) -> list[str]:
    """Reasons of which those that differ in the log that they name are alike: each names the first one's."""
    first: dict[str, str] = {}
    return [first.setdefault(reason.partition(LOG)[0], reason) for reason in reasons]
