"""The agents `mcts` and `nested-mcts`: tree search over designs that are chosen one parameter at a time.

L. Kocsis, C. Szepesvári, "Bandit based Monte-Carlo planning", ECML 2006; R. Negrinho, G. Gordon,
"DeepArchitect: automatically designing and training deep architectures", 2017; T. Cazenave, "Nested Monte-
Carlo search", IJCAI 2009. The reward of a design is the share of what was told before that it is better
than, averaged over directions of the objectives (`local_search.heights`), so it needs no scale; 0 if it is
infeasible or did not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Proposals, Real, Results
from cosearch_agents.archive import HistoryAgent, initial, own_fidelity
from cosearch_agents.local_search import directions, heights
from cosearch_agents.sequence import FREE, Sequence

# Rollouts that are drawn below a node for one that is new.
ROLLOUTS = 16
# Directions of the objectives that a reward is the mean of, and told designs that it is compared with.
DIRECTIONS, COMPARED = 5, 200


class MCTSAgent(HistoryAgent):
    """Monte-Carlo tree search: upper confidence bounds over the choices, one parameter at a time."""

    name = "mcts"
    hyperparameters = DesignSpace(
        [
            Real("exploration", 0.0, 10.0, default=0.4, description="weight of what was seldom tried"),
            initial(8, least=1),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sequence = Sequence(self.space)
        self._weights = directions(DIRECTIONS, len(self.objectives), self.seed)
        if len(self.objectives) == 1:
            self._weights = self._weights[:1]
        self._nodes: dict[bytes, list[float]] = {b"": [0.0, 0.0]}  # visits and rewards, by the path there

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """A new design below the most promising node, for each of n."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        losses: dict[bytes, int] = {}
        for path in self._sequence.encode(self.pending.designs):
            self._lose(path, losses)
        found: list[Designs] = []
        taken: set[bytes] = set()
        for _ in range(n):
            path = self._descend(rng, losses)
            rows = np.full((ROLLOUTS, len(self._sequence)), FREE, dtype=np.int64)
            rows[:, : len(path)] = path
            new = self.unknown(self._sequence.decode(rows, rng))
            kept = [i for i, key in enumerate(new.keys()) if key not in taken][:1]
            one = new[kept] if kept else self.random_new(1, rng)
            taken.update(one.keys())
            found.append(one)
            for row in self._sequence.encode(one):
                self._lose(row, losses)
            if not kept:  # nothing new below: let it look worse
                self._lose(np.array(path, dtype=np.int64), losses)
        return Designs.concat(found)

    def tell(self, results: Results) -> None:
        """Take results, one after the other: the nodes on the way to each learn its reward."""
        before = len(self.archive)
        super().tell(results)
        count = int(own_fidelity(self.task, results).sum())
        for row, path in enumerate(self._sequence.encode(self.archive.designs[before:]), start=before):
            if row < before + count:
                self._reward(path, self._worth(row))

    def _worth(self, row: int) -> float:
        archive = self.archive
        if not archive.feasible[row]:
            return 0.0
        others = np.unique(np.linspace(0, row, min(row + 1, COMPARED)).astype(np.int64))
        worth = 0.0
        for weights in self._weights:
            found = heights(archive, np.append(others, row), weights, row + 1)
            worth += float((found[-1] < found[:-1]).mean() + 0.5 * (found[-1] == found[:-1]).mean())
        return worth / len(self._weights)

    def _reward(self, path: np.ndarray[Any, Any], worth: float) -> None:
        """Add to all nodes on a path, and make the first one that is not there yet."""
        for depth in range(len(path) + 1):
            key = path[:depth].tobytes()
            fresh = key not in self._nodes
            node = self._nodes.setdefault(key, [0.0, 0.0])
            node[0] += 1.0
            node[1] += worth
            if fresh:
                break

    def _lose(self, path: np.ndarray[Any, Any], losses: dict[bytes, int]) -> None:
        for depth in range(len(path) + 1):
            key = path[:depth].tobytes()
            losses[key] = losses.get(key, 0) + 1

    def _descend(self, rng: np.random.Generator, losses: dict[bytes, int]) -> list[int]:
        """The branches down to a node that was not visited yet."""
        path: list[int] = []
        while len(path) < len(self._sequence):
            key = np.array(path, dtype=np.int64).tobytes()
            visits = self._nodes[key][0] + losses.get(key, 0)
            options = [-1, *range(self._sequence.branches[len(path)])]
            best, best_value = [0], -np.inf
            for branch in options:
                child = np.array([*path, branch], dtype=np.int64).tobytes()
                node = self._nodes.get(child)
                lost = losses.get(child, 0)
                if branch < 0 and node is None:
                    continue  # the parameter is active here, or nobody knows better
                if node is None and not lost:
                    value = np.inf
                else:
                    tried = (node[0] if node else 0.0) + lost
                    mean = (node[1] if node else 0.0) / tried
                    value = mean + self.settings["exploration"] * np.sqrt(np.log(visits + 1) / tried)
                if value > best_value:
                    best, best_value = [branch], value
                elif value == best_value:
                    best.append(branch)
            path.append(int(rng.choice(best)))
            if np.array(path, dtype=np.int64).tobytes() not in self._nodes:
                break
        return path


class NestedMCTSAgent(HistoryAgent):
    """Nested Monte-Carlo search: try each branch, follow the best design found, choice by choice."""

    name = "nested-mcts"
    hyperparameters = DesignSpace(
        [Integer("playouts", 1, 100, default=1, description="designs tried for each branch of a choice")]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sequence = Sequence(self.space)
        self._path: list[int] = []
        self._run = self._since = 0

    def state(self) -> Mapping[str, Any]:
        """The choices that are made, and how many designs were told since the last."""
        return {"path": self._path, "run": self._run, "since": self._since}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history and the choices."""
        super().restore(state, history, pending)
        if state:
            self._path = list(state["path"])
            self._run, self._since = state["run"], state["since"]

    def tell(self, results: Results) -> None:
        """Take results."""
        super().tell(results)
        self._since += len(results)

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Designs below each branch of the choice that is next."""
        if not len(self.archive) and not len(self.pending):
            return self.space.designs(self.space.default())
        for _ in range(2 * len(self._sequence) + 2):
            if len(self._path) == len(self._sequence):
                self._path, self._since = [], 0
                self._run += 1
            if self._since >= self._wanted():
                self._choose(rng)
                continue
            rows = self._rollouts(rng)
            new = self.unknown(self._sequence.decode(rows, rng))
            if len(new):
                return new
            self._choose(rng)
        return self.random_new(n, rng)

    def _wanted(self) -> int:
        return int(self._sequence.branches[len(self._path)]) * int(self.settings["playouts"])

    def _rollouts(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        """Rows below every branch in turn, in a random order."""
        branches = rng.permutation(self._sequence.branches[len(self._path)])
        rows = np.full((4 * len(branches), len(self._sequence)), FREE, dtype=np.int64)
        rows[:, : len(self._path)] = self._path
        rows[:, len(self._path)] = np.tile(branches, 4)
        return rows

    def _choose(self, rng: np.random.Generator) -> None:
        """Go on towards the best design that has the choices made so far."""
        self._since = 0
        known = self._sequence.encode(self.archive.designs)
        below = np.flatnonzero((known[:, : len(self._path)] == self._path).all(axis=1))
        if len(below):
            count = len(self.objectives)
            weights = directions(8, count, self.seed)[(3 * self._run + 4) % 8] if count > 1 else np.ones(1)
            best = below[int(heights(self.archive, below, weights).argmin())]
            self._path.append(int(known[best, len(self._path)]))
        else:
            self._path.append(int(rng.integers(self._sequence.branches[len(self._path)])))
