"""The formulation `oneshot`: one action is a whole design, the episode has one step."""

# ruff: noqa: D102 -- `Formulation` documents what each kind overrides
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.formulation import Formulation, Rows
from cosearch.environments.tables import UnitTable
from cosearch.errors import SpaceError
from cosearch.space import Designs, DesignSpace
from cosearch.space.convert.gymnasium import (
    dict_space,
    from_box,
    from_dict_actions,
    from_multi_discrete,
    multi_discrete,
)


class Oneshot(Formulation):
    """Choose all parameters at once.

    `action` is the encoding: "multi_discrete" (one number a parameter), "box" (the unit cube stretched to
    [-1, 1]) or "dict" (by the parameters' names); "auto" is "multi_discrete" where the design space has one,
    else "box". Features: the design's unit-cube coordinates, all 0 before the step.
    """

    name = "oneshot"

    def __init__(
        self,
        space: DesignSpace,
        n: int,
        *,
        action: Literal["auto", "multi_discrete", "box", "dict"] = "auto",
    ) -> None:
        super().__init__(space, n)
        if action == "auto":
            action = _auto(space)
        self.action = action
        self.action_space = {
            "multi_discrete": multi_discrete,
            "box": lambda space: gymnasium.spaces.Box(-1.0, 1.0, (space.unit_dim,), np.float32),
            "dict": dict_space,
        }[action](space)
        decoders: dict[str, Callable[[DesignSpace, Any], Designs]] = {
            "multi_discrete": from_multi_discrete,
            "box": from_box,
            "dict": from_dict_actions,
        }
        self._decode = decoders[action]
        # Where every parameter has one number, that is its position.
        plain = action == "multi_discrete" and not space.held
        self._plain = plain and all(len(p.digit_sizes) == 1 for p in space.parameters)
        self._sizes = np.array([p.size for p in space.parameters], dtype=np.uint64)
        self.width = space.unit_dim
        self._unit = UnitTable(space)
        self.chosen = np.zeros(n, dtype=bool)

    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        self.index[rows] = -1
        self.chosen[rows] = False
        return False

    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        self.index[rows] = self.positions(actions)
        self.chosen[rows] = True
        return self.chosen[rows]

    def positions(self, actions: Any) -> NDArray[np.int64]:
        """The index array of the designs that these actions make."""
        numbers = np.asarray(actions)
        if self._plain and numbers.dtype.kind in "iu" and numbers.ndim == 2:
            positions = np.array(numbers, dtype=np.int64, order="F")
            # as an unsigned number a negative one is huge
            if numbers.shape[1] == len(self._sizes) and (positions.view(np.uint64) < self._sizes).all():
                return self.space.canonical(positions)
        return self._decode(self.space, actions).index  # or an error that says what is wrong

    def ended(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.chosen[rows], np.zeros(len(rows), dtype=bool)

    def features(self, rows: Rows) -> NDArray[np.float64]:
        chosen = self.chosen[rows]
        count = np.count_nonzero(chosen)
        if count == 0:
            return np.zeros((len(rows), self.width))
        features = self._unit(self.index[rows])
        return features if count == len(rows) else np.where(chosen[:, None], features, 0.0)


def _auto(space: DesignSpace) -> Literal["multi_discrete", "box"]:
    try:
        multi_discrete(space)
    except SpaceError:
        return "box"
    return "multi_discrete"
