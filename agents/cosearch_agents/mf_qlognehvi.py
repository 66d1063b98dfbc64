"""The agent `mf-qlognehvi`: Bayesian optimisation over rough and exact evaluations, each at its cost.

One Gaussian process for each output models all fidelities, with the fidelity's place among them as one
more input. Which design is most promising is judged at the fidelity that counts, by the expected
hypervolume improvement; that design is then evaluated where an evaluation tells most about it for its
cost: the share of the variance at the fidelity that counts that it removes, divided by its cost. So rough
evaluations are asked while they correlate with exact ones and have not been made. A greedy, one-step kin
of the multi-fidelity hypervolume knowledge gradient (S. Daulton et al., "Hypervolume Knowledge Gradient",
ICML 2023) and of the cost-aware rule of K. Kandasamy et al., "Multi-fidelity Bayesian Optimisation with
Continuous Approximations", ICML 2017.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, Proposals, Results
from cosearch.outcomes import Outcomes
from cosearch.surrogates.inputs import encoded
from cosearch_agents.bayesian_search import one_thread
from cosearch_agents.gaussian_process import Matrix
from cosearch_agents.new_designs import new_rows
from cosearch_agents.outcome_model import Surrogate, fit
from cosearch_agents.qlognehvi import QLogNEHVIAgent

# Of the first designs one in so many is evaluated at the fidelity that counts as well.
EXACT_SHARE = 4


class MultiFidelityAgent(QLogNEHVIAgent):
    """Bayesian optimisation: as `qlognehvi`, with rough evaluations where they tell more for their cost."""

    name = "mf-qlognehvi"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        judged = [one.name for one in self.task.fidelities].index(self.task.fidelity)
        self.levels = [one.name for one in self.task.fidelities[: judged + 1]]
        self._owners = np.append(self._owners, self._owners.max() + 1)
        self._level = np.empty(0, dtype=np.int64)
        # what costs more than an exact evaluation is of no use
        self.levels = [name for name in self.levels[:-1] if self.task.cost(name) < 1.0] + self.levels[-1:]

    def ask(self, n: int) -> Proposals:  # type: ignore[override]
        """Designs, each at the fidelity that tells most for its cost."""
        designs = super().ask(n)
        if len(self.levels) == 1:
            return Proposals(designs)
        asked = len(self._designs) + len(self.pending)
        outcomes = self._outcomes[0] if self._outcomes else None
        if asked < self.initial or outcomes is None or not self._exact(outcomes).any():
            rough = np.arange(asked, asked + len(designs)) % EXACT_SHARE
            return Proposals(designs, [self.levels[-1 if k == 0 else 0] for k in rough.tolist()])
        with one_thread():
            return Proposals(designs, self._cheapest(designs, self.surrogate(outcomes)))

    def tell(self, results: Results) -> None:
        """Take results at every fidelity."""
        rows = np.flatnonzero(self.counted(results))
        names = [name or self.levels[-1] for name in results.fidelity[rows].tolist()]
        self._level = np.append(self._level, [self.levels.index(name) for name in names]).astype(np.int64)
        super().tell(results)

    def counted(self, results: Results) -> NDArray[np.bool_]:
        """Results at any fidelity up to the one that counts."""
        return np.isin(results.fidelity, ("", *self.levels))

    def inputs(self, designs: Designs) -> Matrix:
        """The designs at the fidelity that counts."""
        return self._at(designs, np.full(len(designs), len(self.levels) - 1))

    def surrogate(self, outcomes: Outcomes) -> Surrogate:
        """Models of all fidelities; what is known of a design is asked at the one that counts."""
        rows = self._modelled(outcomes)
        designs, here = self._designs[rows], outcomes.take(rows)
        fitted = fit(
            self._at(designs, self._level[rows]), self._owners, here, self.objectives, self.constraints
        )
        ran = designs[np.flatnonzero(here.ok)]
        return replace(fitted, inputs=self.inputs(ran[new_rows(ran)]))

    def known(self) -> set[bytes]:
        """The designs that were evaluated at the fidelity that counts."""
        return set(self._designs[np.flatnonzero(self._level == len(self.levels) - 1)].keys())

    def _at(self, designs: Designs, levels: NDArray[np.int64]) -> Matrix:
        place = levels / max(len(self.levels) - 1, 1)
        return np.column_stack([encoded(self.space, designs), place])

    def _exact(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        return outcomes.ok & (self._level == len(self.levels) - 1)

    def _cheapest(self, designs: Designs, surrogate: Surrogate) -> list[str]:
        """For each design the fidelity whose evaluation removes most variance for its cost."""
        target = self.inputs(designs)
        gains = np.zeros((len(self.levels), len(designs)))
        for level, name in enumerate(self.levels):
            here = self._at(designs, np.full(len(designs), level))
            for model in surrogate.models:
                gains[level] += _removed(model, target, here) / self.task.cost(name)
        return [self.levels[level] for level in gains.argmax(axis=0).tolist()]


def _removed(model: Any, target: Matrix, here: Matrix) -> Matrix:
    """The share of the variance at `target` that an evaluation at `here` removes, for each row."""
    (_, white), (_, white_here) = model.at(target), model.at(here)
    prior = np.diag(model.prior(target, here))
    shared = prior - np.einsum("ij,ij->i", white, white_here)
    variance = np.maximum(1.0 - np.einsum("ij,ij->i", white, white), 1e-9)
    observed = np.maximum(1.0 - np.einsum("ij,ij->i", white_here, white_here), 1e-9) + model.noise
    return np.asarray(shared**2 / (variance * observed))
