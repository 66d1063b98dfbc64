"""The agents `asha`, `bohb`, `successive-halving` and `hyperband`: many rough evaluations, few exact ones.

L. Li et al., "A system for massively parallel hyperparameter tuning" (ASHA), MLSys 2020; S. Falkner, A.
Klein, F. Hutter, "BOHB", ICML 2018; K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification"
(successive halving), AISTATS 2016; L. Li et al., "Hyperband", JMLR 18, 2018. The rungs are the task's
fidelities; where it has one only, every design is evaluated at it. A rough evaluation costs its share of
the budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import Agent, Designs, DesignSpace, Integer, Proposals, Real, Results
from cosearch_agents.fallback import RandomNew
from cosearch_agents.parzen import Parzen, most_promising
from cosearch_agents.rungs import Rungs
from cosearch_agents.variation import Variation

_ETA = Integer("eta", 2, 10, default=3, description="one design in so many goes on to the next fidelity")


class RungAgent(Agent):
    """What both kinds share: rungs, and new designs at the first one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rungs = Rungs(self.task)
        self._random = RandomNew(self.space, self.seed)
        self._default = self.space.designs(self.space.default())

    def tell(self, results: Results) -> None:
        """Take results."""
        if len(results):
            self.rungs.add(results)
            self._random.leave_out(results.designs)

    def new(self, n: int, under_way: Designs, rng: np.random.Generator) -> Designs:
        """New designs for the first rung: the default, then random ones."""
        default = self._random.unknown(self._default, under_way)
        if len(default):
            return default
        return self._random.draw(n, under_way, rng)


class ASHAAgent(RungAgent):
    """Asynchronous successive halving: the best third of a fidelity goes on to the next; any order."""

    name = "asha"
    hyperparameters = DesignSpace([_ETA])

    def ask(self, n: int) -> Proposals:
        """Designs that deserve a better fidelity, then new ones at the roughest."""
        told = sum(map(len, self.rungs.archives))
        rng = np.random.default_rng([self.seed, told + len(self.pending)])
        found: list[Designs] = []
        fidelity: list[str] = []
        waiting = self.pending.fidelities(self.task.fidelity)
        for level in reversed(range(len(self.rungs) - 1)):
            above = self.rungs.names[level + 1]
            there = set(self.rungs.designs(level + 1).keys())
            there.update(self.pending.designs[np.flatnonzero(waiting == above)].keys())
            deserving = self._deserving(level)
            rows = [i for i, key in enumerate(deserving.keys()) if key not in there][: n - len(fidelity)]
            found.append(deserving[rows])
            fidelity += [above] * len(rows)
        if len(fidelity) < n:
            new = self.new(n - len(fidelity), self.pending.designs, rng)
            found.append(new)
            fidelity += [self.rungs.names[0]] * len(new)
        return Proposals(Designs.concat(found), np.array(fidelity, dtype=object).astype(str))

    def _deserving(self, level: int) -> Designs:
        """The best of a rung that may go on, those that are told so far."""
        ran = self.rungs.ran(level)
        order = self.rungs.best_first(level)
        return self.rungs.designs(level)[order[ran[order]][: int(ran.sum()) // self.settings["eta"]]]

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history; nothing else is remembered."""
        self.tell(history)


class BOHBAgent(ASHAAgent):
    """ASHA whose new designs are like the good ones at the best fidelity that has enough of them."""

    name = "bohb"
    hyperparameters = DesignSpace(
        [
            _ETA,
            Real("random_share", 0.0, 1.0, default=0.2, description="share of new designs that are random"),
            Real("good_share", 0.01, 0.9, default=0.2, description="of the designs that count as good"),
            Integer("candidates", 1, 10_000, default=64, log=True, description="drawn for each new design"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)

    def new(self, n: int, under_way: Designs, rng: np.random.Generator) -> Designs:
        """New designs that are likely among good ones and unlikely among the others."""
        least = len(self.space) + 2
        level = next(
            (k for k in reversed(range(len(self.rungs))) if self.rungs.ran(k).sum() >= 2 * least), None
        )
        if level is None or rng.random() < self.settings["random_share"]:
            return super().new(n, under_way, rng)
        order = self.rungs.best_first(level)
        ran = self.rungs.ran(level)
        count = max(least, int(self.settings["good_share"] * ran.sum()))
        good = self.rungs.designs(level)[order[:count]]
        others = self.rungs.designs(level)[order[count:]]
        drawn = Parzen(self.space, good).sample(self.settings["candidates"] * n, self._variation, rng)
        candidates = self._random.unknown(drawn, under_way)
        rows = most_promising(self.space, good, others, candidates, self._variation)[:n]
        return candidates[rows] if len(rows) else super().new(n, under_way, rng)


class SuccessiveHalvingAgent(RungAgent):
    """Successive halving: brackets of designs, of which the best third goes on at each fidelity."""

    name = "successive-halving"
    generational = True
    hyperparameters = DesignSpace(
        [_ETA, Integer("width", 1, 1000, default=6, description="designs of a bracket at the last fidelity")]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["width"] * self.settings["eta"] ** (len(self.rungs) - 1)
        self._bracket = 0
        self._level = len(self.rungs)  # beyond the last: the next bracket begins
        self._designs = self.space.designs([])
        self._asked = self._done = 0

    def ask(self, n: int) -> Proposals:
        """Those of the rung that are not told yet, or the next rung's."""
        if self._done >= len(self._designs):
            self._climb()
        asked = self._designs[self._done : self._done + n]
        return Proposals(asked, self.rungs.names[self._level])

    def tell(self, results: Results) -> None:
        """Take results; the last ones of a rung decide who goes on."""
        super().tell(results)
        self._done += len(results)

    def first_level(self, bracket: int) -> int:
        """At which rung a bracket begins."""
        return 0

    def _climb(self) -> None:
        while True:
            known = set(self._designs.keys())
            self._level += 1
            if self._level >= len(self.rungs):
                self._level = self.first_level(self._bracket)
                self._bracket += 1
                size = self.settings["width"] * self.settings["eta"] ** (len(self.rungs) - 1 - self._level)
                self._designs = self.new(size, self.space.designs([]), self.rng)
                break
            below = self._level - 1
            order = self.rungs.best_first(below)
            ran, designs = self.rungs.ran(below), self.rungs.designs(below)
            keys = designs.keys()
            mine = [row for row in order.tolist() if ran[row] and keys[row] in known]
            going = mine[: math.ceil(len(known) / self.settings["eta"])]
            self._designs = designs[going]
            if going:
                break
        self._done = 0


class HyperbandAgent(SuccessiveHalvingAgent):
    """Hyperband: successive halving that begins at rough and at better fidelities in turn."""

    name = "hyperband"

    def first_level(self, bracket: int) -> int:
        """Each rung in turn, the roughest first."""
        return bracket % len(self.rungs)
