"""The evaluator stands between agent and problem: cache, dedupe, budget, executor. Agents never see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.executor import Executor, make_executor
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.space import Designs

# (keys, designs, outcomes, charged): called for each piece as soon as it has been evaluated.
Recorder = Callable[[list[bytes], Designs, Outcomes, NDArray[np.bool_]], None]


class Evaluator:
    """Evaluates designs, each distinct one once.

    A forbidden design never reaches the simulator, and a repeat is served from the cache: neither costs
    budget.

    Attributes:
        spent: distinct designs that were given to the simulator.
        evaluated: distinct designs with an outcome, forbidden ones included.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        budget: int | None = None,
        executor: Executor | None = None,
        record: Recorder | None = None,
        **executor_options: Any,
    ) -> None:
        """Create an evaluator.

        Args:
            problem: what to evaluate on.
            budget: distinct designs that may be simulated; None for no limit.
            executor: where to evaluate; default `make_executor(problem, **executor_options)`.
            record: called with each piece before anybody sees its outcomes.
            **executor_options: see `make_executor`.
        """
        if budget is not None and budget < 1:
            raise ArgumentError(f"budget must be at least 1, not {budget}")
        self.problem = problem
        self.budget = budget
        self.executor = executor or make_executor(problem, **executor_options)
        self.record = record
        self.spent = 0
        self._row: dict[bytes, int] = {}
        self._outcomes = _GrowingOutcomes()

    @property
    def evaluated(self) -> int:
        """Distinct designs with an outcome."""
        return len(self._row)

    @property
    def remaining(self) -> float:
        """Distinct designs that may still be simulated."""
        return np.inf if self.budget is None else self.budget - self.spent

    def admit(self, designs: Designs) -> int:
        """How many of these designs, from the first on, the remaining budget pays for."""
        left = self.remaining
        new: set[bytes] = set()
        forbidden = ~self.problem.space.allowed(designs)
        for i, key in enumerate(designs.keys()):
            if key in self._row or key in new or forbidden[i]:
                continue
            if left < 1:
                return i
            new.add(key)
            left -= 1
        return len(designs)

    def seed_cache(self, keys: list[bytes], outcomes: Outcomes, charged: NDArray[np.bool_]) -> None:
        """Take outcomes that a store already holds."""
        self._remember(keys, outcomes, charged)

    def evaluate(self, designs: Designs) -> Outcomes:
        """The outcomes of n designs, in order; new ones are simulated, repeats come from the cache.

        Raises:
            ArgumentError: if the new ones are more than the budget pays for; `admit` tells how many it does.
        """
        admitted = self.admit(designs)
        if admitted < len(designs):
            raise ArgumentError(
                f"the budget of {self.budget} evaluations is spent: "
                f"{len(designs) - admitted} of {len(designs)} designs cannot be evaluated"
            )
        keys = designs.keys()
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in self._row:
                first.setdefault(key, i)
        if first:
            new = designs[list(first.values())]
            new_keys = list(first)
            charged = self.problem.space.allowed(new)
            for rows, outcomes in self.executor.run(new):
                piece_keys = [new_keys[i] for i in rows]
                if self.record is not None:
                    self.record(piece_keys, new[rows], outcomes, charged[rows])
                self._remember(piece_keys, outcomes, charged[rows])
        return self._outcomes.take(np.array([self._row[key] for key in keys], dtype=np.int64))

    def _remember(self, keys: list[bytes], outcomes: Outcomes, charged: NDArray[np.bool_]) -> None:
        for key in keys:
            self._row[key] = len(self._row)
        self._outcomes.append(outcomes)
        self.spent += int(np.count_nonzero(charged))

    def close(self) -> None:
        """End the executor's workers."""
        self.executor.close()


class _GrowingOutcomes:
    """Outcomes to which rows are added at the end, in constant time a row."""

    def __init__(self) -> None:
        self._rows = 0
        self._store: Outcomes | None = None

    def append(self, outcomes: Outcomes) -> None:
        end = self._rows + len(outcomes)
        if self._store is None:
            self._store = outcomes.take(np.arange(len(outcomes)))  # a copy
        elif end > len(self._store):
            padding = np.zeros(max(end - len(self._store), len(self._store)), dtype=np.int64)
            self._store = Outcomes.concat([self._store, self._store.take(padding)])
        store = self._store
        for name, column in outcomes.metrics.items():
            store.metrics[name][self._rows : end] = column
        store.status[self._rows : end] = outcomes.status
        store.reason[self._rows : end] = outcomes.reason
        self._rows = end

    def take(self, rows: NDArray[np.int64]) -> Outcomes:
        return Outcomes.of({}) if self._store is None else self._store.take(rows)
