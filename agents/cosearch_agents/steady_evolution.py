"""The agents `steady-nsga2` and `islands`: evolution that takes results one at a time, in any order.

Nobody waits for a generation: each result may replace the worst member at once, and each free worker gets a
child at once. `islands` keeps several populations apart, so that they do not all converge to one corner, and
gives each of them the same share of the work; now and then a good design moves on to the next island.

E. Cantú-Paz, "A survey of parallel genetic algorithms", Calculateurs Parallèles 10(2), 1998.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Real, Results
from cosearch_agents.archive import HistoryAgent, initial, own_fidelity
from cosearch_agents.population import Population
from cosearch_agents.variation import Variation

# Children that are made for each design that is asked, because some are known or forbidden.
SPARE = 8

_VARIATION = (
    Real("crossover_probability", 0.0, 1.0, default=0.7, description="share of children of two parents"),
    Real("mutations", 0.1, 10.0, default=1.5, log=True, description="mean mutated parameters of each child"),
)


class IslandsAgent(HistoryAgent):
    """Several populations that evolve apart, with a visitor now and then; results may come in any order."""

    name = "islands"
    hyperparameters = DesignSpace(
        [
            Integer("islands", 1, 64, default=4, description="populations"),
            Integer("population", 4, 1000, default=12, log=True, description="members of each"),
            initial(24),
            Integer("migration", 1, 1000, default=12, log=True, description="results between two visitors"),
            *_VARIATION,
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)
        count = self.settings.get("islands", 1)
        self.populations = [
            Population(self.settings["population"], len(self.objectives)) for _ in range(count)
        ]
        self.shares = [0] * count

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Children, each of the island whose turn it is."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        asked = len(self.archive) + len(self.pending)
        found: list[Designs] = []
        for number in range(asked, asked + n):
            home = self.populations[number % len(self.populations)]
            home = home if len(home.rows) else max(self.populations, key=lambda p: len(p.rows))
            if not len(home.rows):
                break
            children = self.unknown(self._children(home, rng))
            taken = {key for one in found for key in one.keys()}
            new = [i for i, key in enumerate(children.keys()) if key not in taken][:1]
            found.append(children[new] if new else self.random_new(1, rng))
        return Designs.concat(found) if found else self.random_new(n, rng)

    def tell(self, results: Results) -> None:
        """Take results: each goes to the island that asked for it, one that nobody asked for to all."""
        before = len(self.archive)
        super().tell(results)
        numbers = results.number[own_fidelity(self.task, results)]
        values, violation = self.archive.values, self.archive.violation
        for row, number in enumerate(numbers.tolist(), start=before):
            homes = range(len(self.populations)) if number < 0 else [number % len(self.populations)]
            for home in homes:
                self.populations[home].add(row, values[row], violation[row])
            if number >= 0:
                self.shares[homes[0]] += 1
                self._migrate(homes[0])

    def _migrate(self, home: int) -> None:
        """Send a member of the best rank to the next island."""
        if len(self.populations) == 1 or self.shares[home] % self.settings["migration"]:
            return
        best = self.populations[home].rows[self.populations[home].rank == 0]
        row = int(best[self.shares[home] // self.settings["migration"] % len(best)])
        there = self.populations[(home + 1) % len(self.populations)]
        if row not in there.rows:
            there.add(row, self.archive.values[row], self.archive.violation[row])

    def _children(self, home: Population, rng: np.random.Generator) -> Designs:
        mother, father = (self.archive.designs[home.tournament(SPARE, rng)] for _ in range(2))
        return self._variation.children(
            mother,
            father,
            rng,
            crossover=self.settings["crossover_probability"],
            mutations=self.settings["mutations"],
        )


class SteadyNSGA2Agent(IslandsAgent):
    """NSGA-II that takes results one at a time, in any order, so that no worker waits for a generation."""

    name = "steady-nsga2"
    hyperparameters = DesignSpace(
        [
            Integer("population", 4, 1000, default=40, log=True, description="members"),
            initial(16),
            *_VARIATION,
        ]
    )
