"""Whether a design is valid: a probability that means what it says, learned from designs that ran or did not.

A committee of trees scores a design by the share of valid ones among those that look like it. Scores of
designs that the committee has not seen say by how much it is too sure, and the probability is the score,
corrected by that (J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.trees import Trees, joined

Matrix = NDArray[np.float64]
TREES = 100
FOLDS = 5
LEAST_OF_A_KIND = 5  # valid or not, from which on there is something to learn
CLIP = 1e-3


@dataclass(frozen=True)
class Validity:
    """The probability that a design is valid.

    Attributes:
        trees: whose mean is the score.
        slope: of the corrected log-odds over those of the score.
        offset: of the corrected log-odds.
        share: of the valid among what was seen.
    """

    trees: Trees
    slope: float
    offset: float
    share: float

    @classmethod
    def fit(cls, inputs: Matrix, valid: NDArray[np.bool_], seed: int) -> Validity | None:
        """Fit to n designs, or None where all or almost all are of one kind.

        Args:
            inputs: (n, inputs).
            valid: (n,).
            seed: of what is random.
        """
        if min(valid.sum(), (~valid).sum()) < LEAST_OF_A_KIND:
            return None
        fold = np.empty(len(valid), dtype=np.int64)
        rng = np.random.default_rng(seed)
        for kind in (valid, ~valid):  # each fold has its share of both
            fold[kind] = rng.permutation(np.arange(kind.sum()) % FOLDS)
        score = np.empty(len(valid))
        for k in range(FOLDS):
            out = fold == k
            score[out] = _committee(inputs[~out], valid[~out], seed).spread(inputs[out], 1)[0][:, 0]
        slope, offset = _corrected(_log_odds(score), valid)
        return cls(_committee(inputs, valid, seed), slope, offset, float(valid.mean()))

    def probability(self, inputs: Matrix) -> Matrix:
        """The probability that each of n designs is valid, (n,)."""
        score = self.trees.spread(inputs, 1)[0][:, 0]
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * _log_odds(score) + self.offset))))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        return {**self.trees.arrays(), "numbers": np.array([self.slope, self.offset, self.share])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int) -> Validity:
        """The inverse of `arrays`; `ValueError` for what is no such model."""
        slope, offset, share = np.asarray(arrays["numbers"], dtype=np.float64).tolist()
        return cls(Trees.of_arrays(arrays, inputs, 1), slope, offset, share)


def _committee(inputs: Matrix, valid: NDArray[np.bool_], seed: int) -> Trees:
    from sklearn.ensemble import ExtraTreesRegressor

    from cosearch.surrogates.forest import flat

    model = ExtraTreesRegressor(
        n_estimators=TREES, min_samples_leaf=2, max_features=0.5, bootstrap=False, random_state=seed, n_jobs=1
    ).fit(inputs.astype(np.float32), valid.astype(float))
    return joined([flat(one.tree_) for one in model.estimators_])


def _log_odds(score: Matrix) -> Matrix:
    clipped = np.clip(score, CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _corrected(log_odds: Matrix, valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the log-odds that make the outcomes most likely."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=10.0).fit(log_odds[:, None], valid)
    return float(found.coef_[0, 0]), float(found.intercept_[0])
