"""What makes a candidate promising to `tree-guided`: the hypervolume it may gain, and that it is feasible.

A candidate is seen in two ways: by the gain that each member of the committee expects, averaged, and by the
gain if all goes as well as the members' spread allows. The first exploits, the second explores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, Task
from cosearch_agents.archive import Archive
from cosearch_agents.tree_model import TreeModel
from cosearch_agents.volume_gain import VolumeGain

Matrix = NDArray[np.float64]

# How far behind the front's worst value the reference point lies, as a share of its extent.
MARGIN = 0.1
# What a candidate without any expected gain is worth at most, so that nearer ones still come first.
NOTHING = 1e-9
# Candidates that are looked at again for the further designs of a batch.
SHORT_LIST = 256
VIEWS = 2


class Screen:
    """Predicts candidates, and scores them against what is known.

    Args:
        task: whose designs they are.
        archive: what was told; some design ran.
        under_way: designs that count as if they had turned out as expected.
        model: what predicts.
        own_units: whether gains are in the metrics' own units, not on the scales that the model learns on.
        optimism: spreads of the committee that the second view goes beyond its mean.
    """

    def __init__(
        self,
        task: Task,
        archive: Archive,
        under_way: Designs,
        model: TreeModel,
        *,
        own_units: bool,
        optimism: float,
    ) -> None:
        self.model, self.optimism = model, optimism
        self.known_feasible = bool(len(archive.front))
        told = archive.values if own_units else model.told(archive.outcomes)
        self._back: Callable[[Matrix], Matrix] = model.minimised if own_units else lambda points: points
        points = told[archive.feasible if self.known_feasible else archive.outcomes.ok]
        front = told[archive.front] if self.known_feasible else points
        reference = _reference(front, points)
        for k, objective in enumerate(task.objectives):
            if objective.reference is not None:
                sign = 1.0 if objective.direction == "min" else -1.0
                value = float(model.scales[k](objective.reference))
                reference[k] = sign * objective.reference if own_units else value
        self._zero = front.min(axis=0)
        self._unit = np.where(reference > self._zero, reference - self._zero, 1.0)
        self.reference = (reference - self._zero) / self._unit
        self.front = self._scaled(front) if self.known_feasible else np.empty((0, points.shape[1]))
        if len(under_way) and self.known_feasible:
            self.front = np.concatenate([self.front, self.look_at(under_way).points.mean(axis=0)])
        self._gain = VolumeGain(self.front, self.reference)

    def look_at(self, designs: Designs) -> Candidates:
        """What the model says of designs, without scores."""
        predicted = self.model.predict(designs)
        points = self._scaled(self._back(predicted.objectives))
        scores = np.zeros((VIEWS, len(designs)))
        return Candidates(self, designs, points, predicted.feasible, predicted.missed, scores)

    def scored(self, designs: Designs) -> Candidates:
        """Candidates with their scores in each view."""
        found = self.look_at(designs)
        for view in range(VIEWS):
            found.scores[view] = self.score(found, view, self._gain, self.front)
        return found

    def score(self, candidates: Candidates, view: int, gain: VolumeGain, front: Matrix) -> Matrix:
        """The scores of candidates in one view, larger is better, shape (n,)."""
        if not self.known_feasible:
            return candidates.feasible - candidates.missed
        points = candidates.points
        mean = points.mean(axis=0)
        if view and len(points) > 1:
            points = (mean - self.optimism * points.std(axis=0))[None]
        members, n, m = points.shape
        gains = gain(points.reshape(-1, m)).reshape(members, n).mean(axis=0)
        behind = (mean[:, None] - front[None]).max(axis=2).min(axis=1)
        return (gains + NOTHING * np.exp(-np.clip(behind, -30.0, 30.0))) * candidates.feasible

    def _scaled(self, points: Matrix) -> Matrix:
        return (points - self._zero) / self._unit


class Candidates:
    """Designs with what is expected of them.

    Attributes:
        designs: n designs.
        points: the objectives that each member of the committee expects, shape (members, n, objectives).
        feasible: the probability of being feasible, shape (n,).
        missed: by how much constraints are missed, shape (n,).
        scores: in each view, shape (views, n).
    """

    def __init__(
        self,
        screen: Screen,
        designs: Designs,
        points: Matrix,
        feasible: Matrix,
        missed: Matrix,
        scores: Matrix,
    ) -> None:
        self.screen, self.designs, self.points = screen, designs, points
        self.feasible, self.missed, self.scores = feasible, missed, scores

    def __len__(self) -> int:
        return len(self.designs)

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """Some of them."""
        return Candidates(
            self.screen,
            self.designs[rows],
            self.points[:, rows],
            self.feasible[rows],
            self.missed[rows],
            self.scores[:, rows].copy(),
        )

    def with_others(self, others: Candidates) -> Candidates:
        """These and others."""
        return Candidates(
            self.screen,
            Designs.concat([self.designs, others.designs]),
            np.concatenate([self.points, others.points], axis=1),
            np.concatenate([self.feasible, others.feasible]),
            np.concatenate([self.missed, others.missed]),
            np.concatenate([self.scores, others.scores], axis=1),
        )

    def best(self, count: int) -> NDArray[np.int64]:
        """The rows of the best `count` of each view, each once."""
        ranked = [np.argsort(-scores, kind="stable")[:count] for scores in self.scores]
        return np.unique(np.concatenate(ranked))

    def chosen(self, n: int, first_view: int) -> Designs:
        """The best `n`, one after the other, the views taking turns; the best first."""
        short = self.take(self.best(max(SHORT_LIST, 2 * n)))
        front, rows = self.screen.front, [int(short.scores[first_view % VIEWS].argmax())]
        while len(rows) < min(n, len(short)):
            scores = short.scores[0]
            if self.screen.known_feasible:
                front = np.concatenate([front, short.points[:, rows[-1]].mean(axis=0)[None]])
                gain = VolumeGain(front, self.screen.reference)
                scores = self.screen.score(short, (first_view + len(rows)) % VIEWS, gain, front)
            scores = scores.copy()
            scores[rows] = -np.inf
            rows.append(int(scores.argmax()))
        return short.designs[rows]


def _reference(front: Matrix, points: Matrix) -> Matrix:
    """A tenth of the front's extent behind its worst values; of all points' where it has none."""
    spread, extent = np.ptp(front, axis=0), np.ptp(points, axis=0)
    spread = np.where(spread > 0, spread, np.where(extent > 0, extent, 1.0))
    return front.max(axis=0) + MARGIN * spread
