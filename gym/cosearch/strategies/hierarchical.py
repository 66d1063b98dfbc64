"""Hierarchical search: an outer agent proposes hardware, and for each an inner agent searches the network.

What the outer agent is told of its proposal is the best that the inner search found for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cosearch.agent import as_proposals
from cosearch.errors import ArgumentError
from cosearch.run.trial import Proposals, Results
from cosearch.space import Designs, DesignSpace, Integer
from cosearch.strategies.choosing import best_of
from cosearch.strategies.sides import Side, with_dependents
from cosearch.strategies.staged import Plan, Stage, StagedAgent
from cosearch.task import Task

LEAST, MOST = 4, 64  # of an inner search, where its length is not set
DEFAULT_LENGTH = 16
MOST_REPEATS = 100  # of the outer agent, after which it has nothing new


class HierarchicalStrategy(StagedAgent):
    """Hardware outside, and for each an inner search over the network: the last side outside, all others in.

    The outer agent begins from a network that it holds at its default: it proposes only hardware that goes
    with that.
    """

    name = "hierarchical"
    hyperparameters = DesignSpace(
        [
            Integer(
                "inner_designs",
                0,
                100_000,
                default=0,
                description="new designs of each inner search; 0: the budget's square root",
            )
        ]
    )

    def __init__(self, task: Task, *, seed: int = 0, budget: int | None = None, **settings: Any) -> None:
        super().__init__(task, seed=seed, budget=budget, **settings)
        self.outside = self.sides[-1]
        inside = self.sides[:-1]
        names = tuple(name for side in inside for name in side.names)
        self.inside = Side(" and ".join(side.label for side in inside), names)
        moved = with_dependents(self.space, self.outside.names).intersection(names)
        if moved:
            raise ArgumentError(
                f"agent {self.name}: {min(moved)} is inside, and active only by choices outside; put it on "
                "the last side with groups=A,B/C (--agent-set on the command line)"
            )
        default = self.space.default()
        self._held = {name: value for name, value in default.items() if name not in self.outside.names}
        searches = None if self.budget is None else max(1, self.budget // (self.length_of(0) or 1))
        space = self.space.hold(self._held)
        self.outer = self.inner(task.on(space), seed=seed, budget=searches, **self.inner_settings)
        self.outer.batch_size = 1
        self._outer_told: list[Results] = []  # of each inner search
        self._order: list[int] = []  # which of them the outer agent was told, one after the other
        self._restoring = False

    def planned(self, number: int) -> Plan | None:
        """The inner search for the next hardware that the outer agent proposes."""
        for _ in range(MOST_REPEATS):
            proposals = as_proposals(self.outer.ask(1))
            if not len(proposals):
                break
            found = self._found(proposals.designs)
            if found is None:
                design = self.space.from_index(proposals.designs.index)[0]
                return Plan(self.inside, design, self.length_of(number), self.task)
            self.outer.tell(self._outer_told[found])
            self._order.append(found)
        # there is no other hardware: what is left of the budget goes to the best
        best = self.best(self.task)
        return None if best is None else Plan(self.inside, best, self.length_of(number), self.task)

    def side_of(self, number: int) -> Side:
        """Always the inside."""
        return self.inside

    def length_of(self, number: int) -> int | None:
        """All inner searches have the same budget."""
        if self.settings["inner_designs"]:
            return int(self.settings["inner_designs"])
        if self.budget is None:
            return DEFAULT_LENGTH
        return min(max(LEAST, math.isqrt(self.budget)), MOST, self.budget)

    def ended(self, stage: Stage, results: Results) -> None:
        """Tell the outer agent what the best network for its hardware came to."""
        if not len(results):
            return
        row = best_of(self.task, results)
        best = results.take([0 if row is None else row])
        designs = self._outside_of(best.designs)
        if self._found(designs) is not None:
            return  # the outer agent did not ask for it again
        told = Results.of(designs, best.outcomes, fidelity=self.task.fidelity, number=len(self._outer_told))
        self._outer_told.append(told)
        if not self._restoring:
            self.outer.tell(told)
            self._order.append(len(self._outer_told) - 1)

    def state(self) -> Mapping[str, Any]:
        """The outer agent's state too, and the order in which it was told."""
        return {**super().state(), "outer": dict(self.outer.state()), "order": list(self._order)}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """The outer agent is restored as the inner ones are, with the best of each inner search."""
        self._restoring = True
        super().restore(state, history, pending)
        self._restoring = False
        self._order = [number for number in state.get("order", []) if number < len(self._outer_told)]
        under_way = [] if self._stage is None else [self._stage.plan.design]
        asked = Proposals(self._outside_of(self.space.designs(under_way)))
        self.outer.replays = self.replays
        if self._order:
            told = Results.concat([self._outer_told[number] for number in self._order])
            nothing = Proposals(self.outer.space.designs([]))
            self.outer.restore(state.get("outer", {}), told, nothing if self.replays else asked)
        if under_way and self.replays:
            self.outer.ask(1)  # the hardware of the search that is under way

    def close(self) -> None:
        """Close both."""
        super().close()
        self.outer.close()

    @property
    def account(self) -> tuple[str, ...]:
        """How many inner searches there were."""
        count = len(self._ends) + (self._stage is not None)
        return (
            f"{self.name}: {count} inner {'search' if count == 1 else 'searches'} over {self.inside.label}, "
            f"each for one choice of {self.outside.label}",
        )

    def _found(self, designs: Designs) -> int | None:
        """Which inner search was for the same hardware; None if none was."""
        return next((k for k, told in enumerate(self._outer_told) if told.designs == designs), None)

    def _outside_of(self, designs: Designs) -> Designs:
        """Designs of the outer agent's space with the hardware of these."""
        index = designs.index.copy()
        for column, position in self.outer.space.held_positions.items():
            index[:, column] = position
        return self.outer.space.from_index(index)
