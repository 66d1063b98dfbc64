"""How far a study is: counts, bests and hypervolume, kept up to date tell by tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import FAILED, Outcomes
from cosearch.pareto import hypervolume, pareto_mask, reference_point
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
        self.front: NDArray[np.float64] = np.empty((0, len(problem.objectives)))
        self.reference: NDArray[np.float64] | None = None
        self.counted_before: tuple[int, float] | None = None

    def add(self, outcomes: Outcomes) -> None:
        """Take in the outcomes of designs that are new."""
        meets = feasible(self.problem.constraints, outcomes)
        self.progress.evaluations += len(outcomes)
        self.progress.failed += int(np.count_nonzero(outcomes.status == FAILED))
        self.progress.infeasible += int(np.count_nonzero(~meets & (outcomes.status != FAILED)))
        values = minimised(self.problem.objectives, outcomes)[meets]
        if len(values) == 0:
            return
        if self.reference is None:
            self.reference = reference_point(self.problem.objectives, [values])
        self.front = np.concatenate([self.front, values])
        self.front = self.front[pareto_mask(self.front)]

    def report(self, proposals: int, seconds: float) -> Progress:
        """The progress now."""
        progress = self.progress
        if self.counted_before is None:  # what an earlier run evaluated says nothing about this one's speed
            self.counted_before = (progress.evaluations, seconds)
        progress.proposals, progress.seconds = proposals, seconds
        done, since = progress.evaluations - self.counted_before[0], seconds - self.counted_before[1]
        progress.evaluations_per_second = done / since if since > 0 else 0.0
        if len(self.front) and self.reference is not None:
            best = self.front.min(axis=0)
            progress.best = {
                o.metric: float(b if o.direction == "min" else -b)
                for o, b in zip(self.problem.objectives, best, strict=True)
            }
            progress.hypervolume = hypervolume(self.front, self.reference)
            progress.pareto_size = len(self.front)
        return progress
