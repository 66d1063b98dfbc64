"""What the multi-fidelity agents share: results by fidelity, and which designs deserve a better one.

A rung is a fidelity of the task; the first is its roughest, the last the one at which the search is judged.
Designs are ranked within a rung as in NSGA-II: what meets the constraints first, then by fronts, then
lonely ones first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, Results, Task
from cosearch_agents.archive import Archive
from cosearch_agents.population import crowding, ranks


class Rungs:
    """Results by fidelity.

    Attributes:
        names: of the fidelities, the roughest first; only those that cost no more than the task's own.
        archives: what was told at each.
    """

    def __init__(self, task: Task) -> None:
        own = task.cost(task.fidelity)
        cheaper = [f.name for f in task.fidelities if task.cost(f.name) < own and f.name != task.fidelity]
        self.names = (*sorted(cheaper, key=task.cost), task.fidelity)
        self.archives = [Archive(replace(task, fidelity=name)) for name in self.names]

    def __len__(self) -> int:
        return len(self.names)

    def add(self, results: Results) -> None:
        """Take in results; those at a fidelity that is no rung are left out."""
        for name, archive in zip(self.names, self.archives, strict=True):
            rows = results.fidelity == name
            if name == self.names[-1]:
                rows |= results.fidelity == ""
            if rows.any():
                archive.add(results.take(np.flatnonzero(rows)))

    def level(self, fidelity: str) -> int:
        """The rung of a fidelity; -1 if it is none."""
        return self.names.index(fidelity) if fidelity in self.names else -1

    def best_first(self, level: int) -> NDArray[np.int64]:
        """The rows of a rung's archive, the best first; what did not run comes last."""
        archive = self.archives[level]
        values = np.nan_to_num(archive.values, nan=np.inf)
        rank = ranks(values, archive.violation)
        return np.lexsort((np.arange(len(rank)), -crowding(values, rank), rank))

    def ran(self, level: int) -> NDArray[np.bool_]:
        """Which of a rung's designs ran, shape (n,)."""
        return np.isfinite(self.archives[level].violation)

    def designs(self, level: int) -> Designs:
        """A rung's designs."""
        return self.archives[level].designs
