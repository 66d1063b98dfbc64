"""Alternating search: a turn for each side, with the best design so far held on the others."""

from __future__ import annotations

from cosearch.space import DesignSpace, Integer
from cosearch.strategies.sides import Side
from cosearch.strategies.staged import Plan, StagedAgent

TURNS = 8  # in a budget
DEFAULT_LENGTH = 50


class AlternatingStrategy(StagedAgent):
    """The sides by turns, each around the best design so far."""

    name = "alternating"
    hyperparameters = DesignSpace(
        [
            Integer(
                "turn",
                0,
                100_000,
                default=0,
                description=f"new designs until the next side's turn; 0: an {TURNS}th of the budget",
            )
        ]
    )

    def planned(self, number: int) -> Plan | None:
        """The next side's turn, around the best design so far."""
        design = self.best(self.task) or self.space.default()
        return Plan(self.side_of(number), design, self.length_of(number), self.task)

    def side_of(self, number: int) -> Side:
        """One after the other, over and over."""
        return self.sides[number % len(self.sides)]

    def length_of(self, number: int) -> int | None:
        """All turns are equal."""
        if self.settings["turn"]:
            return int(self.settings["turn"])
        return DEFAULT_LENGTH if self.budget is None else max(1, self.budget // TURNS)

    @property
    def account(self) -> tuple[str, ...]:
        """How many turns there were."""
        labels = ", ".join(side.label for side in self.sides)
        return (f"{self.name}: {len(self._ends) + (self._stage is not None)} turns of {labels}",)
