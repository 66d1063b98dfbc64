"""What was told, in columns that grow, and the agents that remember nothing else.

`HistoryAgent` is for algorithms whose next designs follow from the results so far, what is under way and the
seed: they can be told results one by one in any order, and a resumed study goes on without asking anything
again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Agent, Designs, Integer, Proposals, Results, Task
from cosearch.objectives import feasible, minimised, violations
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch.space import DesignTable
from cosearch_agents.fallback import RandomNew
from cosearch_agents.new_designs import newly_added

Matrix = NDArray[np.float64]


class Archive:
    """Results at the fidelity of the task, in the order in which they were told."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._index = Rows(len(task.space), np.int64)
        self._values = Rows(len(task.objectives), np.float64)
        self._violation = Rows(1, np.float64)
        self._feasible = Rows(1, np.bool_)
        self._outcomes: list[Outcomes] = []
        self._front = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, results: Results) -> None:
        """Take in results; those at other fidelities are left out."""
        own = own_fidelity(self.task, results)
        if not own.all():
            results = results.take(own)
        if not len(results):
            return
        task, outcomes, first = self.task, results.outcomes, len(self)
        values, meets = minimised(task.objectives, outcomes), feasible(task.constraints, outcomes)
        missed = np.where(outcomes.ok, violations(task.constraints, outcomes).sum(axis=1), np.inf)
        self._index.add(results.designs.index)
        self._values.add(values)
        self._violation.add(missed[:, None])
        self._feasible.add(meets[:, None])
        self._outcomes.append(outcomes)
        rows = np.concatenate([self._front, first + np.flatnonzero(meets)])
        self._front = rows[pareto_mask(self.values[rows])] if len(rows) else rows

    @property
    def designs(self) -> Designs:
        """All n designs that were told."""
        return Designs(self.task.space, self._index.all())

    @property
    def values(self) -> Matrix:
        """Their objectives, smaller is better, shape (n, objectives); NaN where a design did not run."""
        return self._values.all()

    @property
    def violation(self) -> Matrix:
        """By how much constraints are missed, summed, shape (n,); infinity where a design did not run."""
        return self._violation.all()[:, 0]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which ran and meet every constraint, shape (n,)."""
        return self._feasible.all()[:, 0]

    @property
    def outcomes(self) -> Outcomes:
        """The outcomes of all; there must be some."""
        if len(self._outcomes) > 1:
            self._outcomes = [Outcomes.concat(self._outcomes)]
        return self._outcomes[0]

    @property
    def front(self) -> NDArray[np.int64]:
        """The rows of the feasible designs that no other one dominates, in the order of being told."""
        return self._front

    def elite(self) -> NDArray[np.int64]:
        """The rows of the Pareto front; without a feasible design, of those that miss the constraints least.

        Where none ran, all.
        """
        if len(self._front):
            return self._front
        violation = self.violation
        if np.isfinite(violation).any():
            return np.flatnonzero(violation == violation.min())
        return np.arange(len(self))


def own_fidelity(task: Task, results: Results) -> NDArray[np.bool_]:
    """Which results are at the fidelity at which the search is judged, shape (n,)."""
    return (results.fidelity == task.fidelity) | (results.fidelity == "")


class Rows:
    """An array that grows by rows."""

    def __init__(self, width: int, dtype: Any) -> None:
        self._buffer = np.empty((64, width), dtype=dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[Any]) -> None:
        """Append rows, shape (n, width)."""
        wanted = self._count + len(rows)
        if wanted > len(self._buffer):
            larger = np.empty((2 * wanted, self._buffer.shape[1]), dtype=self._buffer.dtype)
            larger[: self._count] = self._buffer[: self._count]
            self._buffer = larger
        self._buffer[self._count : wanted] = rows
        self._count = wanted

    def all(self) -> NDArray[Any]:
        """All rows, read-only, shape (n, width)."""
        rows = self._buffer[: self._count]
        rows.flags.writeable = False
        return rows


def initial(default: int, least: int = 2) -> Integer:
    """The hyperparameter that says how many designs `HistoryAgent.beginning` asks."""
    text = "default and Sobol designs at the beginning"
    return Integer("initial", least, 1000, default=default, log=True, description=text)


class HistoryAgent(Agent):
    """An agent that remembers nothing but what was told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.archive = Archive(self.task)
        self._random = RandomNew(self.space, self.seed)
        self._row = Rows(1, np.int64)  # in which each known design was told first
        self._first: Designs | None = None

    @abstractmethod
    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Designs worth asking, the best first; more than `n`, because known ones are left out of them."""

    def ask(self, n: int) -> Designs:
        """The best new designs, and random ones where the algorithm finds no new one."""
        asked = len(self.archive) + len(self.pending)
        rng = np.random.default_rng([self.seed, asked])
        new = self.unknown(self.propose(n, rng))[:n]
        return new if len(new) else self.random_new(n, rng)

    def tell(self, results: Results) -> None:
        """Take results."""
        if len(results):
            self.archive.add(results)
            own = own_fidelity(self.task, results)
            new = self._random.leave_out(results.designs if own.all() else results.designs[own])
            rows = len(self.archive) - len(new) + np.flatnonzero(new)
            self._row.add(rows[:, None])

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history; nothing else is remembered."""
        self.tell(history)

    def unknown(self, designs: Designs) -> Designs:
        """Those that are allowed, neither told nor under way, each once."""
        return self._random.unknown(designs, self.pending.designs)

    def rows_of(self, designs: Designs) -> NDArray[np.int64]:
        """The row of the archive of each design, -1 for one that was not told, shape (n,)."""
        number = self._random.number(designs)
        return np.where(number >= 0, self._row.all()[np.maximum(number, 0), 0] if len(self._row) else -1, -1)

    def first(self, count: int) -> Designs:
        """The first `count` designs of any search: the default and a scrambled Sobol sequence."""
        if self._first is None or len(self._first) < count:
            default = self.space.designs(self.space.default())
            drawn = Designs.concat([default, self.space.sobol(4 * count, seed=self.seed)])
            self._first = newly_added(DesignTable(self.space), drawn)
        return self._first[:count]

    def beginning(self, n: int, count: int) -> Designs | None:
        """What is left of the first `count` designs, at most `n`; None once so many were asked."""
        asked = len(self.archive) + len(self.pending)
        if asked >= count:
            return None
        left = self.unknown(self.first(count))[: min(n, count - asked)]
        return left if len(left) else None

    def random_new(self, n: int, rng: np.random.Generator) -> Designs:
        """Random new designs; none once the space is used up."""
        return self._random.draw(n, self.pending.designs, rng)
