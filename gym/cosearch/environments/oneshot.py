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
from cosearch.space.conditions import deactivate


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
            "multi_discrete": space.multi_discrete,
            "box": lambda: gymnasium.spaces.Box(-1.0, 1.0, (space.unit_dim,), np.float32),
            "dict": space.dict_space,
        }[action]()
        decoders: dict[str, Callable[[Any], Designs]] = {
            "multi_discrete": space.from_multi_discrete,
            "box": space.from_box,
            "dict": space.from_dict_actions,
        }
        self._decode = decoders[action]
        # Where every parameter has one number, that is its position.
        self._plain = action == "multi_discrete" and all(len(p.digit_sizes) == 1 for p in space.parameters)
        self._sizes = np.array([p.size for p in space.parameters], dtype=np.uint64)
        self.width = space.unit_dim
        self._unit = UnitTable(space)
        self.chosen = np.zeros(n, dtype=bool)

    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        self.index[rows] = -1
        self.chosen[rows] = False
        return False

    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        self.index[rows] = self._positions(actions)
        self.chosen[rows] = True
        return self.chosen[rows]

    def _positions(self, actions: Any) -> NDArray[np.int64]:
        numbers = np.asarray(actions)
        if self._plain and numbers.dtype.kind in "iu" and numbers.ndim == 2:
            positions = np.array(numbers, dtype=np.int64, order="F")
            # as an unsigned number a negative one is huge
            if numbers.shape[1] == len(self._sizes) and (positions.view(np.uint64) < self._sizes).all():
                return deactivate(positions, self.space.conditions)
        return self._decode(actions).index  # or an error that says what is wrong

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
        space.multi_discrete()
    except SpaceError:
        return "box"
    return "multi_discrete"
