"""The agents `annealing`, `hill-climbing` and `netadapt`: search that goes from a design to one beside it.

With several objectives a walker follows one direction: the augmented Chebyshev distance from the best value
seen of each, every objective in units of its range so far, with weights that differ from walker to walker and
from start to start. Constraints that are missed add to it.

S. Kirkpatrick, C. Gelatt, M. Vecchi, "Optimization by simulated annealing", Science 220, 1983. P. Serafini,
"Simulated annealing for multi objective optimization problems", 1994. T.-J. Yang et al., "NetAdapt:
Platform-aware neural network adaptation for mobile applications", ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace, Integer, Proposals, Real, Results
from cosearch_agents.archive import Archive, HistoryAgent, own_fidelity
from cosearch_agents.variation import Variation

Matrix = NDArray[np.float64]

# What a missed constraint weighs, in ranges of an objective for each share of its bound.
PENALTY = 10.0
# The share of the sum in the augmented Chebyshev distance.
AUGMENTATION = 0.05
# A walker's steps that are tried for a design that is not known.
STEPS = 8
# Evaluations that the temperature falls over, where no budget is known.
USUAL_BUDGET = 1000


def directions(count: int, objectives: int, seed: int) -> Matrix:
    """Weights that are spread over the simplex, each row summing to 1, shape (count, objectives)."""
    if objectives == 1:
        return np.ones((count, 1))
    drawn = np.random.default_rng([seed, objectives]).exponential(size=(count, objectives))
    if objectives == 2:
        first = (np.arange(count) + 0.5) / count
        drawn = np.stack([first, 1.0 - first], axis=1)
    return drawn / drawn.sum(axis=1, keepdims=True)


def heights(archive: Archive, rows: NDArray[np.int64], weights: Matrix, known: int | None = None) -> Matrix:
    """How bad designs are along a direction, shape (n,); infinity for what did not run.

    Args:
        archive: what was told.
        rows: of the designs.
        weights: the direction.
        known: how many of the archive's rows the ranges are of; default all.
    """
    values = archive.values[:known]
    ran = ~np.isnan(values).any(axis=1)
    if not ran.any():
        return np.full(len(rows), np.inf)
    low = values[ran].min(axis=0)
    span = np.ptp(values[ran], axis=0)
    scaled = (values[rows] - low) / np.where(span > 0, span, 1.0) * weights
    found = scaled.max(axis=1) + AUGMENTATION * scaled.sum(axis=1) + PENALTY * archive.violation[rows]
    return np.where(np.isnan(found), np.inf, found)


class AnnealingAgent(HistoryAgent):
    """Simulated annealing by several walkers, each in its own direction; results may come in any order."""

    name = "annealing"
    hyperparameters = DesignSpace(
        [
            Integer("walkers", 1, 256, default=6, log=True, description="that walk at once"),
            Real("hot", 1e-4, 10.0, default=0.1, log=True, description="first temperature, in ranges"),
            Real("cold", 1e-6, 1.0, default=1e-3, log=True, description="last temperature, in ranges"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)
        self._weights = directions(self.settings["walkers"], len(self.objectives), self.seed)
        self._at: list[int | None] = [None] * self.settings["walkers"]  # rows of the archive

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """A step of each walker whose turn it is."""
        walkers = len(self._at)
        first = self.beginning(n, walkers)
        if first is not None:
            return first
        asked = len(self.archive) + len(self.pending)
        found: list[Designs] = []
        taken: set[bytes] = set()
        for number in range(asked, asked + n):
            at = self._at[number % walkers]
            step = None if at is None else self._step(self.archive.designs[[at]], rng, taken)
            step = self.random_new(1, rng) if step is None else step
            taken.update(step.keys())
            found.append(step)
        return Designs.concat(found)

    def _step(self, design: Designs, rng: np.random.Generator, taken: set[bytes]) -> Designs | None:
        around = self.space.neighbours(design)
        candidates = [around[rng.permutation(len(around))[:STEPS]]]
        candidates += [self._variation.mutants(design[[0] * STEPS], rng, mutations=k) for k in (1.5, 3.0)]
        new = self.unknown(Designs.concat(candidates))
        rows = [i for i, key in enumerate(new.keys()) if key not in taken]
        return new[rows[:1]] if rows else None

    def tell(self, results: Results) -> None:
        """Take results: each walker stays or goes."""
        before = len(self.archive)
        super().tell(results)
        numbers = results.number[own_fidelity(self.task, results)]
        for row, number in enumerate(numbers.tolist(), start=before):
            walker = number % len(self._at)
            if self._goes(walker, row):
                self._at[walker] = row

    def _goes(self, walker: int, row: int) -> bool:
        at = self._at[walker]
        if at is None:
            return True
        # what was told up to this row, so that it does not matter how results come together
        here, there = heights(self.archive, np.array([at, row]), self._weights[walker], row + 1)
        if there <= here:
            return True
        if not np.isfinite(there):
            return False
        progress = min(1.0, row / (self.budget or USUAL_BUDGET))
        hot, cold = np.log(self.settings["hot"]), np.log(self.settings["cold"])
        temperature = float(np.exp(hot + (cold - hot) * progress))
        chance = np.random.default_rng([self.seed, row]).random()
        return bool(chance < np.exp(-(there - here) / temperature))


class Climber(HistoryAgent):
    """Looks at all neighbours of a design, then goes on to one of them, or starts elsewhere."""

    hyperparameters = DesignSpace(
        [Integer("climbers", 1, 64, default=2, log=True, description="that climb at once")]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        count = self.settings["climbers"]
        self._at: list[Designs | None] = [None] * count
        self._starts = 0
        self._weights = [self._direction(k) for k in range(count)]

    def state(self) -> Mapping[str, Any]:
        """Where the climbers are."""
        at = [None if one is None else one.index[0].tolist() for one in self._at]
        return {"at": at, "starts": self._starts, "weights": [w.tolist() for w in self._weights]}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Put the climbers where they were."""
        super().restore(state, history, pending)
        if state:
            at = state["at"]
            self._at = [None if one is None else self.space.from_index(np.array([one])) for one in at]
            self._starts = state["starts"]
            self._weights = [np.array(weights) for weights in state["weights"]]

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Neighbours of the climbers that are not known."""
        found: list[Designs] = []
        first = (len(self.archive) + len(self.pending)) % len(self._at)
        for k in range(len(self._at)):
            new = self._look(k, rng)
            if len(new):
                found.insert(0 if k == first else len(found), new)
        return Designs.concat(found) if found else self.random_new(n, rng)

    def _look(self, k: int, rng: np.random.Generator) -> Designs:
        """What climber k wants to know next; it moves as long as it knows enough."""
        nothing = self.space.designs([])
        for _ in range(STEPS):
            at = self._at[k]
            if at is None:
                start = self._start(rng)
                if start is None:
                    return nothing
                self._at[k] = at = start
            if len(self.unknown(at)):
                return at
            around = self.space.neighbours(at)
            new = self.unknown(around)
            if len(new):
                return new
            rows = self._rows(Designs.concat([at, around]))
            if (rows < 0).any():
                return nothing  # under way
            best = self._next(rows[0], rows[1:], self._weights[k])
            self._at[k] = None if best is None else self.archive.designs[[best]]
            if best is None:
                self._weights[k] = self._direction(self._starts)
        return nothing

    def _rows(self, designs: Designs) -> NDArray[np.int64]:
        """The rows of the archive, -1 for what is under way."""
        return self.rows_of(designs)

    def _start(self, rng: np.random.Generator) -> Designs | None:
        self._starts += 1
        first = self.first(self._starts)
        start = first[-1:] if len(first) == self._starts else self.random_new(1, rng)
        if not len(self.unknown(start)):
            start = self.random_new(1, rng)
        return start if len(start) else None

    def _direction(self, number: int) -> Matrix:
        m = len(self.objectives)
        return directions(8, m, self.seed)[(3 * number + 4) % 8] if m > 1 else np.ones(1)

    def _next(self, here: int, around: NDArray[np.int64], weights: Matrix) -> int | None:
        """The row to go on to; None to start elsewhere."""
        raise NotImplementedError


class HillClimbingAgent(Climber):
    """Steepest ascent from many starts, each in another direction; results may come in any order."""

    name = "hill-climbing"

    def _next(self, here: int, around: NDArray[np.int64], weights: Matrix) -> int | None:
        if not len(around):
            return None
        found = heights(self.archive, np.append(around, here), weights)
        best = int(found[:-1].argmin())
        return int(around[best]) if found[best] < found[-1] else None


class NetAdaptAgent(Climber):
    """NetAdapt: step by step the neighbour that saves most of a resource for what it costs otherwise.

    The resource is the metric of the first constraint that is missed, else the last objective (with one
    objective, that one). It starts with the largest design, and elsewhere once nothing saves any more.
    """

    name = "netadapt"

    def _start(self, rng: np.random.Generator) -> Designs | None:
        if self._starts == 0:
            largest = self.space.canonical(np.asfortranarray(self.space.highest[None].copy()))
            start = Designs(self.space, largest)
            if start.allowed[0] and len(self.unknown(start)):
                self._starts = 1
                return start
        return super()._start(rng)

    def _next(self, here: int, around: NDArray[np.int64], weights: Matrix) -> int | None:
        if not len(around):
            return None
        archive = self.archive
        rows = np.append(around, here)
        ran = np.isfinite(archive.violation[rows])
        if not ran[-1]:
            return int(around[ran[:-1].argmax()]) if ran[:-1].any() else None
        # NaN where a design did not run
        values, missed = archive.values[rows], archive.violation[rows]
        resource = missed if missed[-1] > 0 else values[:, -1]
        saved = np.where(ran[:-1], resource[-1] - resource[:-1], -np.inf)
        feasible = (missed[:-1] <= 0) | (missed[-1] > 0)
        useful = (saved > 0) & feasible
        if not useful.any():
            return None
        others = values if missed[-1] > 0 or values.shape[1] == 1 else values[:, :-1]
        known = archive.values[np.isfinite(archive.violation)]
        span = np.ptp(known if others.shape[1] == known.shape[1] else known[:, :-1], axis=0)
        lost = ((others[:-1] - others[-1]) / np.where(span > 0, span, 1.0)).sum(axis=1)
        unit = saved[useful].max()
        share = saved / unit
        gain = np.where(lost > 0, share / (1e-3 + np.maximum(lost, 0.0)), share * 1e3 - lost)
        return int(around[np.where(useful, gain, -np.inf).argmax()])
