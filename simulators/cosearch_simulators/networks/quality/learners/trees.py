"""Gradient-boosted trees: grown by scikit-learn, kept as arrays, walked by numba."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Vector

MEMBERS = 2
"""Forests, each grown with another seed; their spread says how unsure the mean is."""

RATE, DEPTH, SUBSAMPLE, FEATURES = 0.04, 4, 0.5, 0.25
TREES = {100: 150, 400: 300, 1500: 500}
"""How many trees of a forest for at most so many rows; `MOST_TREES` beyond."""

MOST_TREES = 700


class Trees(Learner):
    """See the module.

    Args:
        first: of each forest the number that it begins with, (MEMBERS,).
        roots: of each tree the position of its root, and at the end the number of nodes.
        owner: of each tree its forest.
        feature: of each node the column that it asks, -1 at a leaf.
        threshold: of each node; rows at most this go left. At a leaf the number that it adds.
        right: of each node the position of its right child; the left one follows the node.
    """

    kind: ClassVar[str] = "trees"

    def __init__(
        self,
        first: Vector,
        roots: NDArray[np.int32],
        owner: NDArray[np.int8],
        feature: NDArray[np.int16],
        threshold: NDArray[np.float32],
        right: NDArray[np.int32],
    ) -> None:
        self._first, self._roots, self._owner = first, roots, owner
        self._feature, self._threshold, self._right = feature, threshold, right

    @classmethod
    def fit(cls, features: Matrix, target: Vector, *, seed: int = 0) -> Self:
        """Grow `MEMBERS` forests on float32 features, as scikit-learn itself sees them."""
        from sklearn.ensemble import GradientBoostingRegressor

        count = next((trees for most, trees in TREES.items() if len(target) <= most), MOST_TREES)
        rows = features.astype(np.float32)
        first, roots, owner, nodes = [], [], [], [np.empty((0, 3))]
        size = 0
        for member in range(MEMBERS):
            forest = GradientBoostingRegressor(
                n_estimators=count,
                learning_rate=RATE,
                max_depth=DEPTH,
                subsample=SUBSAMPLE,
                max_features=FEATURES,
                random_state=seed * MEMBERS + member,
            ).fit(rows, target)
            first.append(float(target.mean()))
            for (tree,) in forest.estimators_:
                grown = tree.tree_
                leaf = grown.children_left < 0
                value = np.where(leaf, RATE * grown.value[:, 0, 0], grown.threshold)
                right = np.where(leaf, 0, grown.children_right + size)
                nodes.append(np.stack([np.where(leaf, -1, grown.feature), value, right], axis=1))
                roots.append(size)
                owner.append(member)
                size += grown.node_count
        feature, threshold, right = np.concatenate(nodes).T
        return cls(
            np.array(first),
            np.array([*roots, size], np.int32),
            np.array(owner, np.int8),
            feature.astype(np.int16),
            _downward(threshold, feature >= 0),
            right.astype(np.int32),
        )

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Mean of the forests, and their standard deviation."""
        from cosearch_simulators.networks.quality.learners.tree_walk import walk

        rows = np.ascontiguousarray(features, np.float32)
        sums = np.zeros((len(rows), len(self._first)))
        walk(rows, self._roots, self._owner, self._feature, self._threshold, self._right, sums)
        sums += self._first
        return sums.mean(1), sums.std(1, ddof=1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The nodes of all trees."""
        return {
            "first": self._first,
            "roots": self._roots,
            "owner": self._owner,
            "feature": self._feature,
            "threshold": self._threshold,
            "right": self._right,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """The trees are all that there is."""
        return cls(
            **{name: arrays[name] for name in ("first", "roots", "owner", "feature", "threshold", "right")}
        )


def _downward(threshold: Vector, asks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As float32; a threshold never rises by it, so that float32 rows go where they went."""
    rounded = threshold.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(asks & (rounded > threshold), lower, rounded).astype(np.float32)
