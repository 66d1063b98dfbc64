"""The agent `cma-es`: a normal distribution over the unit cube that learns where good designs are.

N. Hansen, "The CMA evolution strategy: a tutorial", 2016, by pycma. An ordered parameter is its coordinate
of the unit cube, an unordered one a coordinate for each value, of which the largest counts; so it is at its
best on spaces of ordered parameters. Several objectives are one by the augmented Chebyshev distance from
the best value of each, in a direction that changes at each restart; what misses constraints comes behind
what does not. It restarts where it has converged, or where its points are all known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Agent, Designs, DesignSpace, Integer, Real, Results
from cosearch_agents.archive import Archive
from cosearch_agents.fallback import RandomNew
from cosearch_agents.local_search import directions, heights

# Generations in a row without a new design, after which it restarts.
STALE = 3


class CMAESAgent(Agent):
    """CMA-ES: a normal distribution that learns scale and correlation; best where parameters are ordered."""

    name = "cma-es"
    generational = True
    hyperparameters = DesignSpace(
        [
            Integer("population", 4, 1000, default=12, log=True, description="designs of each generation"),
            Real("step", 0.01, 1.0, default=0.25, log=True, description="first step, in the unit cube"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["population"]
        self.archive = Archive(self.task)
        self._random = RandomNew(self.space, self.seed)
        self._blocks = [
            self.space.unit_layout.blocks[j] if parameter.ordered else self.space.onehot_layout.blocks[j]
            for j, parameter in enumerate(self.space)
        ]
        self._restarts = 0
        self._strategy: Any = None
        self._points: list[Any] = []
        self._asked = self.space.designs([])  # those of the generation that are new
        self._given = 0
        self._whole = self.space.designs([])
        self._width = sum(block.stop - block.start for block in self._blocks)

    def ask(self, n: int) -> Designs:
        """Those of the generation that are not told yet, or of the next."""
        if self._given == len(self._asked):
            self._next_generation()
        return self._asked[self._given : self._given + n]

    def tell(self, results: Results) -> None:
        """Take results; the last ones of a generation move the distribution."""
        if not len(results):
            return
        self.archive.add(results)
        self._random.leave_out(results.designs)
        self._given += len(results)
        if self._given >= len(self._asked) and len(self._whole):
            self._learn()

    def _learn(self) -> None:
        """Tell the strategy how good each point of its generation is; all are known now."""
        numbers = self._random.number(self._whole)
        known = np.flatnonzero(numbers >= 0)
        worst = np.full(len(self._whole), 1e30)
        found = heights(self.archive, numbers[known], self._weights())
        worst[known] = np.where(np.isfinite(found), found, 1e30)
        # what inactive and rounded coordinates hold makes no difference: nearer to the middle is preferred
        middle = ((np.array(self._points) - 0.5) ** 2).sum(axis=1)
        self._strategy.tell(self._points, (worst + 1e-9 * middle).tolist())
        self._whole = self.space.designs([])

    def _next_generation(self) -> None:
        nothing = self.space.designs([])
        self._given = 0
        for _ in range(STALE):
            if self._strategy is None or self._strategy.stop():
                self._restart()
            self._points = self._strategy.ask()
            drawn = self._decoded(np.array(self._points))
            self._asked = self._random.unknown(drawn, nothing)
            self._whole = drawn
            if len(self._asked):
                return
            self._learn()
        self._strategy = None
        self._whole = nothing
        self._asked = self._random.draw(self.settings["population"], nothing, self.rng)

    def _restart(self) -> None:
        import cma

        first = (
            self.space.designs(self.space.default()) if not self._restarts else self.space.sample(1, self.rng)
        )
        self._restarts += 1
        own = np.random.default_rng(int(self.rng.integers(1, 2**31)))
        options = {
            "bounds": [0.0, 1.0],
            "popsize": self.settings["population"],
            # numbers of its own: numpy's common ones would depend on who else draws some
            "randn": lambda *shape: own.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
            "tolfun": 1e-6,
        }
        self._strategy = cma.CMAEvolutionStrategy(self._encoded(first)[0], self.settings["step"], options)

    def _weights(self) -> Any:
        m = len(self.objectives)
        return directions(8, m, self.seed)[(3 * self._restarts + 1) % 8] if m > 1 else np.ones(1)

    def _encoded(self, designs: Designs) -> Any:
        unit, onehot = self.space.to_unit(designs), self.space.to_onehot(designs)
        columns = [
            unit[:, block] if p.ordered else 0.25 + 0.5 * onehot[:, block]
            for p, block in zip(self.space, self._blocks, strict=True)
        ]
        found = np.concatenate(columns, axis=1)
        return found if found.shape[1] > 1 else np.repeat(found, 2, axis=1)  # pycma wants two dimensions

    def _decoded(self, points: Any) -> Designs:
        points = np.clip(points, 0.0, 1.0)
        index = np.empty((len(points), len(self.space)), dtype=np.int64, order="F")
        start = 0
        for j, (parameter, block) in enumerate(zip(self.space, self._blocks, strict=True)):
            part = points[:, start : start + block.stop - block.start]
            index[:, j] = parameter.from_unit(part) if parameter.ordered else parameter.from_onehot(part)
            start += block.stop - block.start
        return Designs(self.space, self.space.canonical(index))
