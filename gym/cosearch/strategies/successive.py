"""Successive search: the first side alone, then the next with the best of the first held, and so on.

So networks and hardware were searched before they were searched together: first the network for its
accuracy, then the hardware for that network. Yang et al., "Co-Exploration of Neural Architectures and
Heterogeneous ASIC Accelerator Designs Targeting Multiple Tasks", DAC 2020, compare with it (NAS, then ASIC).
"""

from __future__ import annotations

from dataclasses import replace

from cosearch.space import Categorical, DesignSpace, Integer
from cosearch.strategies.sides import Side
from cosearch.strategies.staged import Plan, StagedAgent
from cosearch.task import Task

DEFAULT_LENGTH = 100  # of a side, where the budget is not known


class SuccessiveStrategy(StagedAgent):
    """One side after the other, the best of each held for those that follow."""

    name = "successive"
    hyperparameters = DesignSpace(
        [
            Integer(
                "first_percent",
                1,
                99,
                default=50,
                description="of the budget goes to the first side; what is left is shared by the others",
            ),
            Categorical(
                "first_sees",
                ("quality", "everything"),
                description="what the first side is searched for: the maximised objectives, without "
                "constraints, where there are both kinds, as networks are for accuracy; or all that the "
                "problem asks",
            ),
        ]
    )

    def planned(self, number: int) -> Plan | None:
        """The side of that number, with the best design so far held elsewhere."""
        if number >= len(self.sides):
            return None
        before = self.best(self.task_of(number - 1)) if number else None
        design = before or self.space.default()
        return Plan(self.side_of(number), design, self.length_of(number), self.task_of(number))

    def side_of(self, number: int) -> Side:
        """Each once."""
        return self.sides[min(number, len(self.sides) - 1)]

    def length_of(self, number: int) -> int | None:
        """The first side's share of the budget, the others' equal shares of the rest; the last has no end."""
        if number >= len(self.sides) - 1:
            return None
        if self.budget is None:
            return DEFAULT_LENGTH
        first = max(1, round(self.budget * self.settings["first_percent"] / 100))
        return first if number == 0 else max(1, (self.budget - first) // (len(self.sides) - 1))

    def task_of(self, number: int) -> Task:
        """For the first side only the quality, if so set."""
        quality = [o for o in self.objectives if o.direction == "max"]
        more = len(quality) < len(self.objectives) or self.constraints
        if number or self.settings["first_sees"] == "everything" or not (quality and more):
            return self.task
        return replace(self.task, objectives=quality, constraints=())

    @property
    def account(self) -> tuple[str, ...]:
        """What was searched after what."""
        begun = [side.label for side in self.sides[: len(self._ends) + 1]]
        return (f"{self.name}: searched {', then '.join(begun)}, the best of each held for the next",)
