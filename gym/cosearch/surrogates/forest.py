"""The model `forest`: extremely randomised trees, by scikit-learn, which disagree where they are unsure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.trees import Trees, joined

Matrix = NDArray[np.float64]
TREES = 100
LEAST_TO_SPLIT = 3


@dataclass(frozen=True)
class Forest:
    """Trees whose mean is the prediction.

    Attributes:
        trees: each with a value for each of m outputs.
        outputs: m.
    """

    trees: Trees
    outputs: int
    name: ClassVar[str] = "forest"
    most_designs: ClassVar[int] = 200_000

    @classmethod
    def fit(cls, inputs: Matrix, outputs: Matrix, seed: int) -> Forest:
        """Fit to n designs: inputs (n, inputs), standardised outputs (n, m)."""
        from sklearn.ensemble import ExtraTreesRegressor

        model = ExtraTreesRegressor(
            n_estimators=TREES, min_samples_split=LEAST_TO_SPLIT, random_state=seed, n_jobs=1
        ).fit(inputs.astype(np.float32), outputs)
        return cls(joined([flat(one.tree_) for one in model.estimators_]), outputs.shape[1])

    def predict(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """The mean of the trees and their standard deviation, (n, m) each."""
        return self.trees.spread(inputs, self.outputs)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        return self.trees.arrays()

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int, outputs: int) -> Forest:
        """The inverse of `arrays`; `ValueError` for what is no such model."""
        return cls(Trees.of_arrays(arrays, inputs, outputs), outputs)


def flat(tree: Any) -> Trees:
    """A tree of scikit-learn, whose children stand behind their parents."""
    leaf = tree.children_left < 0
    return Trees(
        np.zeros(1, dtype=np.int32),
        np.full(1, -1, dtype=np.int32),
        np.where(leaf, -1, tree.feature).astype(np.int32),
        tree.threshold.astype(np.float32),
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        tree.value[:, :, 0].astype(np.float64),
    )
