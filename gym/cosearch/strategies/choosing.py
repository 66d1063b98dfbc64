"""Which of several results is the best one, where one has to be chosen."""

from __future__ import annotations

import numpy as np

from cosearch.objectives import minimised, violations
from cosearch.run.trial import Results
from cosearch.task import Task


def best_of(task: Task, results: Results) -> int | None:
    """The row of the best result at the task's fidelity; None if none is `ok`.

    Those that miss the constraints by least; among them the one with the lowest mean rank over the
    objectives, which needs no weights; of equals the first.
    """
    own = ((results.fidelity == task.fidelity) | (results.fidelity == "")) & results.outcomes.ok
    rows = np.flatnonzero(own)
    if not len(rows):
        return None
    outcomes = results.outcomes.take(rows)
    missed = violations(task.constraints, outcomes).sum(axis=1)
    least = np.flatnonzero(missed == missed.min())
    values = minimised(task.objectives, outcomes)[least]
    ranks = np.stack([np.searchsorted(np.sort(column), column) for column in values.T])
    return int(rows[least[ranks.mean(axis=0).argmin()]])
