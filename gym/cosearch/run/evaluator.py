"""Evaluates batches outside a study, each distinct design once: for environments and for scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.run.admission import Admission
from cosearch.run.backend import Backend, BackendOptions
from cosearch.run.backends import make_backend
from cosearch.run.batch import Batch
from cosearch.run.dispatch import Dispatch
from cosearch.run.ledger import Ledger
from cosearch.run.trial import Proposals
from cosearch.space import Designs
from cosearch.task import Task

# (designs, outcomes, charged): called for each piece as soon as it has been evaluated.
Record = Callable[[Designs, Outcomes, NDArray[np.bool_]], None]


class Evaluator:
    """Evaluates designs, each distinct one once.

    A forbidden design never reaches the simulator, and a repeat is answered from memory: neither costs
    budget.

    Args:
        problem: what to evaluate on.
        budget: distinct designs that may be simulated; None for no limit.
        fidelity: of every evaluation; default the problem's.
        seed: of every evaluation, for problems that draw random numbers.
        options: workers and limits.
        backend: where designs are evaluated; default one that `options` and the problem ask for.
        record: called with each piece before anybody sees its outcomes.

    Raises:
        ArgumentError: for a budget below 1.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        budget: int | None = None,
        fidelity: str | None = None,
        seed: int = 0,
        options: BackendOptions | None = None,
        backend: Backend | None = None,
        record: Record | None = None,
    ) -> None:
        if budget is not None and budget < 1:
            raise ArgumentError(f"budget must be at least 1, not {budget}")
        self.problem, self.budget, self.record = problem, budget, record
        self.ledger = Ledger(problem.space, problem.metric_names)
        self.backend = backend or make_backend(problem, options or BackendOptions())
        limit = np.inf if budget is None else budget
        self._admission = Admission(problem, Task.of(problem, fidelity), self.ledger, limit, seed)
        self._next = 0

    @property
    def spent(self) -> int:
        """Distinct designs that were given to the simulator."""
        return round(self.ledger.spent)

    @property
    def evaluated(self) -> int:
        """Distinct designs with an outcome, forbidden ones included."""
        return self.ledger.evaluated

    @property
    def remaining(self) -> float:
        """Distinct designs that may still be simulated."""
        return self._admission.left

    def admit(self, designs: Designs) -> int:
        """How many of these designs, from the first on, the remaining budget pays for."""
        return len(self._admission.admit(Proposals(designs), self._next))

    def evaluate(self, designs: Designs) -> Outcomes:
        """The outcomes of n designs, in order; new ones are simulated, repeats come from memory.

        Raises:
            ArgumentError: if the new ones are more than the budget pays for; `admit` tells how many it does.
        """
        batch = self._admission.admit(Proposals(designs), self._next)
        if len(batch) < len(designs):
            raise ArgumentError(
                f"the budget of {self.budget} evaluations is spent: "
                f"{len(designs) - len(batch)} of {len(designs)} designs cannot be evaluated"
            )
        self._next += len(batch)
        fresh = self._admission.new(batch.rows)
        if fresh.any():
            allowed = designs.space.allowed(designs)
            forbidden, positions = np.flatnonzero(fresh & ~allowed), np.flatnonzero(fresh & allowed)
            if len(forbidden):
                self._finish(batch, forbidden, self.problem.rejected(designs[forbidden]), charged=False)
            if len(positions):
                self._run(batch, positions)
        return self.ledger.outcomes(batch.rows)

    def _run(self, batch: Batch, positions: NDArray[np.int64]) -> None:
        self.ledger.begin(batch.rows[positions])
        dispatch = Dispatch(self.backend, whole=True)
        try:
            dispatch.queue(batch, positions)
            while not dispatch.idle:
                dispatch.hand_over()
                for _, back, outcomes in dispatch.collect(1.0):
                    self._finish(batch, back, outcomes, charged=True)
        except BaseException:
            dispatch.cancel()
            self.ledger.forget(batch.rows[positions])
            raise

    def _finish(
        self, batch: Batch, positions: NDArray[np.int64], outcomes: Outcomes, *, charged: bool
    ) -> None:
        if self.record is not None:
            self.record(batch.proposals.designs[positions], outcomes, np.full(len(positions), charged))
        cost = float(batch.cost[positions].sum()) if charged else 0.0
        self.ledger.finish(batch.rows[positions], outcomes, cost, positions)

    def close(self) -> None:
        """End the workers."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
