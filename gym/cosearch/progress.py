"""How far a study is: counts, bests and hypervolume, kept up to date tell by tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import FAILED_CODE, Outcomes
from cosearch.pareto import Front, hypervolume, reference_point
from cosearch.problem import Problem


@dataclass
class Progress:
    """How far a study is; given to the progress callback after each tell."""

    budget: int
    evaluations: int = 0
    proposals: int = 0
    failed: int = 0
    infeasible: int = 0
    seconds: float = 0.0
    evaluations_per_second: float = 0.0
    best: dict[str, float] = field(default_factory=dict)
    hypervolume: float = 0.0
    pareto_size: int = 0


class LiveProgress:
    """Counts, bests and the hypervolume of what has been told so far."""

    def __init__(self, problem: Problem, budget: int) -> None:
        self.problem = problem
        self.progress = Progress(budget)
        self.front = Front(len(problem.objectives))
        self.reference: NDArray[np.float64] | None = None
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
            return
        values = minimised(self.problem.objectives, outcomes)
        values = values if found == len(outcomes) else values[meets]
        if self.reference is None:
            self.reference = reference_point(self.problem.objectives, [values])
        self.front.add(values)

    def report(self, proposals: int, seconds: float) -> Progress:
        """The progress now."""
        progress = self.progress
        if self.counted_before is None:  # what an earlier run evaluated says nothing about this one's speed
            self.counted_before = (progress.evaluations, seconds)
        progress.proposals, progress.seconds = proposals, seconds
        done, since = progress.evaluations - self.counted_before[0], seconds - self.counted_before[1]
        progress.evaluations_per_second = done / since if since > 0 else 0.0
        points = self.front.points
        if len(points) and self.reference is not None:
            progress.best = {
                o.metric: float(best if o.direction == "min" else -best)
                for o, best in zip(self.problem.objectives, points.min(axis=0), strict=True)
            }
            progress.hypervolume = hypervolume(points, self.reference)
            progress.pareto_size = len(self.front)
        return progress
