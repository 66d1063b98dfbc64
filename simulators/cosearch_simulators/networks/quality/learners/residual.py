"""A learner on top of another: it learns what the other one leaves over, and sees what that one says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Vector


class Residual(Learner):
    """The sum of two learners.

    Args:
        base: of the first features, learned before, such as full precision's.
        width: how many features it sees.
        rest: what is left over, of all features and the base's number.
    """

    kind: ClassVar[str] = "residual"

    def __init__(self, base: Learner, width: int, rest: Learner) -> None:
        self._base, self._width, self._rest = base, width, rest

    @classmethod
    def fit(cls, features: Matrix, target: Vector, *, seed: int = 0) -> Self:
        """It needs a base: see `on`."""
        raise NotImplementedError("a residual learner is made by `Residual.on`")

    @classmethod
    def on(
        cls,
        base: Learner,
        width: int,
        kind: type[Learner],
        features: Matrix,
        target: Vector,
        *,
        seed: int = 0,
    ) -> Self:
        """Learn what a base leaves over."""
        known, _ = base.predict(features[:, :width])
        return cls(base, width, kind.fit(np.column_stack([features, known]), target - known, seed=seed))

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """The sum; unsure as the part that was learned last."""
        known, _ = self._base.predict(features[:, : self._width])
        more, spread = self._rest.predict(np.column_stack([features, known]))
        return known + more, spread

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Of both."""
        parts = {"base": self._base.arrays(), "rest": self._rest.arrays()}
        return {f"{name}.{key}": array for name, of in parts.items() for key, array in of.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """It is not kept."""
        raise NotImplementedError("a residual learner is fitted again, from its base")
