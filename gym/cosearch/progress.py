"""How far a study is: counts, bests and hypervolume, kept up to date tell by tell."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cosearch.objectives import feasible, minimised, violations
from cosearch.outcomes import FAILED_CODE, Outcomes
from cosearch.pareto import Front, hypervolume, reference_point
from cosearch.problem import Problem

if TYPE_CHECKING:
    from cosearch.comparison.fronts import KnownFront

MANY = 32  # designs, of which one should be feasible
MOST_REASONS = 3


@dataclass
class Progress:
    """How far a study is; given to the progress callback after each tell.

    Attributes:
        best: the best value of each objective.
        hypervolume: against the objectives' own references; NaN where one has none.
        normalised_hypervolume: as a share of the problem's known front; NaN where none is known.
        trouble: why no design is feasible, once that is so of the first few; else "".
    """

    budget: int
    evaluations: int = 0
    proposals: int = 0
    failed: int = 0
    infeasible: int = 0
    seconds: float = 0.0
    evaluations_per_second: float = 0.0
    best: dict[str, float] = field(default_factory=dict)
    hypervolume: float = math.nan
    normalised_hypervolume: float = math.nan
    pareto_size: int = 0
    trouble: str = ""


class LiveProgress:
    """Counts, bests and the hypervolume of what has been told so far."""

    def __init__(self, problem: Problem, budget: int, known: KnownFront | None = None) -> None:
        self.problem = problem
        self.progress = Progress(budget)
        self.front = Front(len(problem.objectives))
        self.known = known
        self._own_reference = all(o.reference is not None for o in problem.objectives)
        self._reasons: Counter[str] = Counter()
        self.counted_before: tuple[int, float] | None = None

    def add(self, outcomes: Outcomes) -> None:
        """Take in the outcomes of designs that are new; of their values only the front is kept."""
        progress = self.progress
        meets = feasible(self.problem.constraints, outcomes)
        found = int(np.count_nonzero(meets))
        progress.evaluations += len(outcomes)
        if found < len(outcomes):
            failed = int(np.count_nonzero(outcomes.codes == FAILED_CODE))
            progress.failed += failed
            progress.infeasible += len(outcomes) - found - failed
        if not found:
            if not len(self.front):
                self._note_trouble(outcomes)
            return
        progress.trouble = ""
        values = minimised(self.problem.objectives, outcomes)
        values = values if found == len(outcomes) else values[meets]
        self.front.add(values)

    def _note_trouble(self, outcomes: Outcomes) -> None:
        """Count why designs are not feasible, while none is."""
        for reason in outcomes.reason[~outcomes.ok].tolist():
            self._reasons[str(reason)] += 1
        missed = violations(self.problem.constraints, outcomes)[outcomes.ok] > 0
        for constraint, n in zip(self.problem.constraints, missed.sum(axis=0).tolist(), strict=True):
            self._reasons[f"{constraint} is not met"] += n
        if self.progress.evaluations >= MANY:
            reasons = [f"{reason} ({n:,})" for reason, n in self._reasons.most_common(MOST_REASONS) if n]
            self.progress.trouble = (
                f"none of {self.progress.evaluations:,} designs is feasible: {'; '.join(reasons)}"
            )

    def report(self, proposals: int, seconds: float) -> Progress:
        """The progress now."""
        progress = self.progress
        if self.counted_before is None:  # what an earlier run evaluated says nothing about this one's speed
            self.counted_before = (progress.evaluations, seconds)
        progress.proposals, progress.seconds = proposals, seconds
        done, since = progress.evaluations - self.counted_before[0], seconds - self.counted_before[1]
        progress.evaluations_per_second = done / since if since > 0 else 0.0
        points = self.front.points
        if self._own_reference:
            progress.hypervolume = hypervolume(points, reference_point(self.problem.objectives, []))
        if self.known is not None:
            progress.normalised_hypervolume = self.known.share(points)
        if len(points):
            progress.best = {
                o.metric: float(best if o.direction == "min" else -best)
                for o, best in zip(self.problem.objectives, points.min(axis=0), strict=True)
            }
            progress.pareto_size = len(self.front)
        return progress
