"""What the Bayesian agents share: an initial design, then what a criterion over fitted models thinks best.

Nothing is kept between two asks but what was told: models and random numbers follow from the seed and the
designs told and under way, so a resumed study goes on without fitting anything again, and memory grows as the
data. What is under way is fantasised: jointly sampled with what is known.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch import Agent, Designs, Integer, Proposals, Results
from cosearch.errors import SpaceError
from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch.surrogates.inputs import encoded, owners
from cosearch_agents.discrete_acquisition import LocalSearch, crossed
from cosearch_agents.gaussian_process import Matrix
from cosearch_agents.improvement import Criterion
from cosearch_agents.new_designs import new_rows
from cosearch_agents.outcome_model import Belief, Surrogate, fit

HYPERPARAMETERS = (
    Integer("batch", 1, 64, default=5, description="designs for each model fit"),
    Integer(
        "initial",
        2,
        1000,
        default=20,
        log=True,
        description="Sobol designs before the first model, of half the budget",
    ),
    Integer("samples", 4, 1024, default=16, log=True, description="joint samples of what is known"),
    Integer("listed", 1, 100_000, default=1000, log=True, description="largest space searched by listing it"),
    Integer("starts", 16, 10_000, default=128, log=True, description="random starts of local search"),
    Integer("modelled", 50, 5000, default=400, log=True, description="designs that models are fitted to"),
)
# Designs of the front that local search starts from, and mutants of them.
MOST_ELITE = 40


class BayesianAgent(Agent):
    """A search by Gaussian processes; subclasses say what a design is worth in `criterion`."""

    sparse: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["batch"]
        self.initial = self.settings["initial"]
        if self.budget is not None:
            self.initial = min(self.initial, max(2, self.budget // 2))
        self._designs = self.space.designs([])
        self._outcomes: list[Outcomes] = []
        self._owners = owners(self.space)
        self._listed = self._list()

    @abstractmethod
    def criterion(self, belief: Belief, rng: np.random.Generator) -> Criterion:
        """What designs are worth, one at a time, given a belief of all that is told and under way."""

    def ask(self, n: int) -> Designs:
        """The default design and Sobol designs first, then what the criterion thinks best."""
        asked = len(self._designs) + len(self.pending)
        if asked < self.initial:
            first = self._unasked(self._initial())[: min(n, self.initial - asked)]
            if len(first):
                return first
        outcomes = Outcomes.concat(self._outcomes) if self._outcomes else None
        if outcomes is None or not outcomes.ok.any():
            return self._unasked(self._random())[:n]
        with one_thread():
            return self._best(n, outcomes)

    def tell(self, results: Results) -> None:
        """Take results at the fidelity that counts; they are modelled at the next ask."""
        results = results.take(np.flatnonzero(self.counted(results)))
        if len(results):
            self._designs = Designs.concat([self._designs, results.designs])
            self._outcomes = [Outcomes.concat([*self._outcomes, results.outcomes])]

    def counted(self, results: Results) -> NDArray[np.bool_]:
        """Which results are modelled, (n,): those at the task's fidelity, or that name none."""
        return np.isin(results.fidelity, ("", self.task.fidelity))

    def inputs(self, designs: Designs) -> Matrix:
        """The designs as inputs of the models."""
        return encoded(self.space, designs)

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history; nothing else is remembered."""
        self.tell(history)

    def surrogate(self, outcomes: Outcomes) -> Surrogate:
        """The fitted models of the designs told."""
        rows = self._modelled(outcomes)
        return fit(
            self.inputs(self._designs[rows]),
            self._owners,
            outcomes.take(rows),
            self.objectives,
            self.constraints,
            sparse=self.sparse,
        )

    def _best(self, n: int, outcomes: Outcomes) -> Designs:
        under_way = chosen = self.pending.designs
        rng = np.random.default_rng([self.seed, len(self._designs), len(under_way)])
        belief = Belief(
            self.surrogate(outcomes), self.inputs(under_way), self.settings["samples"], rng, chosen=n
        )
        known = self.known()
        for i in range(n):
            best = self._maximum(self.criterion(belief, rng), outcomes, known.union(chosen.keys()), rng)
            if best is None:
                break
            chosen = Designs.concat([chosen, best])
            if i < n - 1:
                belief.add(self.inputs(best))
        return chosen[len(under_way) :]

    def known(self) -> set[bytes]:
        """The keys of the designs that need not be asked again."""
        return set(self._designs.keys())

    def _maximum(
        self, criterion: Criterion, outcomes: Outcomes, excluded: set[bytes], rng: np.random.Generator
    ) -> Designs | None:
        def value(designs: Designs) -> NDArray[np.float64]:
            return np.nan_to_num(criterion(self.inputs(designs)), nan=-np.inf)

        if self._listed is not None:
            left = self._listed[new_rows(self._listed, excluded)]
            return left[[int(value(left).argmax())]] if len(left) else None
        starts = self.starts(outcomes, rng)
        return LocalSearch(value, self.space, excluded, rng).maximum(starts)

    def starts(self, outcomes: Outcomes, rng: np.random.Generator) -> Designs:
        """Where local search looks first: the best designs, their mutants and random designs."""
        elite = self._designs[np.flatnonzero(self._elite(outcomes))]
        elite = elite[rng.permutation(len(elite))[:MOST_ELITE]]
        anywhere = self.space.sample(self.settings["starts"], rng)
        return Designs.concat([elite, crossed(elite, anywhere, rng), anywhere])

    def _elite(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        """The told designs on the Pareto front; without a feasible one, on that of those that ran."""
        good = feasible(self.constraints, outcomes)
        good = good if good.any() else outcomes.ok
        return pareto_mask(np.where(good[:, None], minimised(self.objectives, outcomes), np.nan))

    def _modelled(self, outcomes: Outcomes) -> NDArray[np.int64]:
        """The rows of the designs that models are fitted to: the best fronts, and of the others any."""
        most = self.settings["modelled"]
        if len(self._designs) <= most:
            return np.arange(len(self._designs))
        good = feasible(self.constraints, outcomes)
        left = np.where(good[:, None], minimised(self.objectives, outcomes), np.nan)
        best: list[NDArray[np.int64]] = []
        while sum(map(len, best)) < most // 2 and not np.isnan(left).all():
            best.append(np.flatnonzero(pareto_mask(left)))
            left[best[-1]] = np.nan
        kept = np.concatenate([*best, np.empty(0, dtype=np.int64)])[: most // 2]
        others = np.setdiff1d(np.arange(len(self._designs)), kept)
        drawn = np.random.default_rng([self.seed, len(self._designs)]).permutation(others)[: most - len(kept)]
        rows = np.sort(np.concatenate([kept, drawn]))
        if not outcomes.ok[rows].any():  # the few that ran were not drawn
            rows[0] = np.flatnonzero(outcomes.ok)[0]
        return rows

    def _initial(self) -> Designs:
        default = self.space.designs(self.space.default())
        sobol = self.space.sobol(4 * self.initial, seed=self.seed)
        return Designs.concat([default, sobol, self._random()])

    def _random(self) -> Designs:
        """Random designs; all of a space that is listed."""
        rng = np.random.default_rng([self.seed, len(self._designs) + len(self.pending)])
        if self._listed is not None:
            return self._listed[rng.permutation(len(self._listed))]
        return self.space.sample(self.settings["starts"], rng)

    def _unasked(self, designs: Designs) -> Designs:
        return designs[new_rows(designs, set(self._designs.keys()), set(self.pending.designs.keys()))]

    def _list(self) -> Designs | None:
        try:
            few = self.space.cardinality() <= self.settings["listed"]
        except SpaceError:  # too large to be counted
            return None
        return self.space.enumerate(self.settings["listed"]) if few else None


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of linear algebra, because sums depend on how they are split."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
