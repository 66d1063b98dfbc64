"""What of an agent's proposals is new, and how much of it the budget pays for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import AgentError
from cosearch.fidelity import check_fidelity
from cosearch.problem import Problem
from cosearch.run.batch import Batch, Rows
from cosearch.run.ledger import UNASKED, Ledger
from cosearch.run.trial import Proposals
from cosearch.task import Task

if TYPE_CHECKING:
    from cosearch.run.shared import SharedResults

ROUNDING = 1e-9  # of costs that are added up


class Admission:
    """Looks proposals up in the ledger, and charges those that are new.

    Args:
        problem: what is evaluated.
        task: the agent's.
        ledger: what is known.
        budget: cost that may be spent in all.
        evaluation_seed: of proposals that name none.
        shared: what other studies know, which costs nothing.
    """

    def __init__(
        self,
        problem: Problem,
        task: Task,
        ledger: Ledger,
        budget: float,
        evaluation_seed: int,
        shared: SharedResults | None = None,
    ) -> None:
        self.shared = shared if shared is not None and len(shared) else None
        self.problem, self.task, self.ledger, self.budget = problem, task, ledger, budget
        self.evaluation_seed = evaluation_seed
        self.under_way = 0.0  # cost of what is running
        self._codes = {fidelity.name: code for code, fidelity in enumerate(task.fidelities)}
        self.costs = np.array([task.cost(fidelity.name) for fidelity in task.fidelities])

    @property
    def left(self) -> float:
        """The cost that may still be spent."""
        left = self.budget - self.ledger.spent - self.under_way
        return left if left > ROUNDING else 0.0

    def admit(self, asked: Proposals, first: int) -> Batch:
        """As many of the proposals, from the first on, as the budget pays for; repeats cost nothing.

        Args:
            asked: what was asked.
            first: the number of the first trial.

        Raises:
            UnknownNameError: for a fidelity that the problem lacks.
            AgentError: for a seed that the problem cannot use.
        """
        fidelity, seed = asked.fidelities(self.task.fidelity), asked.seeds(self.evaluation_seed)
        self._check_seed(asked, seed)
        codes = self.codes(asked.fidelity if asked.fidelity is not None else self.task.fidelity, len(asked))
        rows = self.ledger.register(asked.designs, codes, seed)
        cost = self.costs[codes]
        charged = self.new(rows)
        n = len(rows)
        if charged.any():
            charged &= asked.designs.space.allowed(asked.designs)
            if self.shared is not None:
                charged &= ~self.shared.known(asked.designs, fidelity, seed)
            over = charged & (np.cumsum(np.where(charged, cost, 0.0)) > self.left + ROUNDING)
            n = int(np.argmax(over)) if over.any() else n
        if n == len(rows):
            return Batch(first, asked, fidelity, seed, rows, cost)
        kept = slice(0, n)
        return Batch(first, asked.take(kept), fidelity[kept], seed[kept], rows[kept], cost[kept], cut=True)

    def new(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of these were never asked for, the first of equal ones, (n,)."""
        new: NDArray[np.bool_] = self.ledger.state(rows) == UNASKED
        if len(rows) > 1 and new.any():
            first = np.zeros(len(rows), dtype=bool)
            first[np.unique(rows, return_index=True)[1]] = True
            new &= first
        return new

    def codes(self, fidelity: str | NDArray[np.str_], n: int) -> NDArray[np.uint8]:
        """The positions of n fidelities among the task's, (n,); one name stands for all.

        Raises:
            UnknownNameError: for one that the problem lacks.
        """
        if isinstance(fidelity, str):
            return np.full(n, self._code(fidelity), dtype=np.uint8)
        names, inverse = np.unique(fidelity, return_inverse=True)
        return np.array([self._code(name) for name in names.tolist()], dtype=np.uint8)[inverse]

    def _code(self, name: str) -> int:
        if name not in self._codes:
            check_fidelity(name, self.task.fidelities, f"problem {self.problem.name}")
        return self._codes[name]

    def _check_seed(self, asked: Proposals, seed: NDArray[np.int64]) -> None:
        if asked.seed is None:
            return
        wrong = seed[(seed < 0) | ((seed != self.evaluation_seed) & (not self.problem.seeded))]
        if len(wrong):
            why = (
                "is below 0"
                if wrong[0] < 0
                else f"means nothing to problem {self.problem.name}, which draws none"
            )
            raise AgentError(
                f"a proposal's evaluation seed {wrong[0]} {why} (`Problem.seeded` says which does)"
            )
