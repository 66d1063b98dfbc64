"""The formulation `refine`: start at a design, each action changes it, the reward is the improvement.

The moves that an action can make, in the order of the parameters:
one position down or up for ordered parameters; 1 % and 10 % of the scale down or up for Reals and for
integers with many values; setting a value for unordered ones; swapping two neighbours of a permutation.
"""

# ruff: noqa: D102 -- `Formulation` documents what each kind overrides
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.formulation import Formulation, Rows, discrete
from cosearch.environments.tables import MAX_TABLE, UnitTable
from cosearch.errors import ArgumentError
from cosearch.space import Designs, DesignSpace, Parameter, Permutation, Real

MANY_VALUES = 64  # an ordered parameter with more values also moves by shares of its scale
SHARES = (-0.1, -0.01, 0.01, 0.1)


@dataclass(frozen=True)
class Move:
    """One change of the parameter at `column`: by positions, by a share of its scale, to a value, a swap."""

    column: int
    kind: Literal["by", "scale", "set", "swap"]
    amount: float

    def positions(self, parameter: Parameter, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the move leads from these positions, (k,); an end of the scale stops it."""
        if self.kind == "set":
            return np.full_like(positions, int(self.amount))
        if self.kind == "swap":
            assert isinstance(parameter, Permutation)
            orders, i = parameter.orders(positions), int(self.amount)
            orders[:, [i, i + 1]] = orders[:, [i + 1, i]]
            return parameter.ranks(orders)
        if self.kind == "by":
            return np.clip(positions + int(self.amount), 0, parameter.size - 1)
        unit = np.clip(parameter.to_unit(positions) + self.amount, 0.0, 1.0)
        step = 1 if self.amount > 0 else -1
        moved = parameter.from_unit(unit[:, None])
        moved = np.maximum(moved, positions + step) if step > 0 else np.minimum(moved, positions + step)
        return np.clip(moved, 0, parameter.size - 1)


def moves_of(space: DesignSpace) -> list[Move]:
    """Every move of a design space; an action is the number of one."""
    moves: list[Move] = []
    for column, parameter in enumerate(space.parameters):
        if column in space.fixed:
            continue
        if isinstance(parameter, Permutation):
            moves += [Move(column, "swap", i) for i in range(len(parameter.items) - 1)]
        elif not parameter.ordered:
            moves += [Move(column, "set", i) for i in range(parameter.size)]
        elif isinstance(parameter, Real) or parameter.size > MANY_VALUES:
            moves += [Move(column, "scale", share) for share in SHARES]
        else:
            moves += [Move(column, "by", -1), Move(column, "by", 1)]
    return moves or [Move(0, "by", 0)]  # all is held: an action that changes nothing


class Refine(Formulation):
    """Change a design step by step, for `max_steps` steps; an action is the number of a move.

    A move of an inactive parameter or beyond an end changes nothing. A move may lead to a forbidden design;
    `action_masks` holds the moves that change the design and lead to an allowed one. What a move activates
    starts at its default. Episodes start at the default design, at a random one (`start="random"`), or at
    `reset(options={"design": {...}})`.
    Features: the design's unit-cube coordinates.
    """

    name = "refine"
    differences = True

    def __init__(
        self,
        space: DesignSpace,
        n: int,
        *,
        max_steps: int = 50,
        start: Literal["default", "random"] = "default",
    ) -> None:
        super().__init__(space, n)
        if max_steps < 1:
            raise ArgumentError(f"formulation refine: max_steps must be at least 1, not {max_steps}")
        self.max_steps, self.start = max_steps, start
        self.moves = moves_of(space)
        self.action_space = gymnasium.spaces.Discrete(len(self.moves))
        self.width = space.unit_dim
        self._unit = UnitTable(space)
        self.steps = np.zeros(n, dtype=np.int64)
        self._conditional = any(space.conditions)
        self._list_moves()

    def _list_moves(self) -> None:
        """Where each move leads from each position, for parameters whose positions are few enough to list."""
        parameters = [self.space.parameters[move.column] for move in self.moves]
        self._columns = np.array([move.column for move in self.moves])
        self._listed = np.array([parameter.size <= MAX_TABLE for parameter in parameters])
        targets = [
            move.positions(parameter, np.arange(parameter.size if listed else 0))
            for move, parameter, listed in zip(self.moves, parameters, self._listed, strict=True)
        ]
        self._all_listed = bool(self._listed.all())
        self._offsets = np.cumsum([0, *(len(target) for target in targets)])[:-1]
        self._targets = np.concatenate([*targets, [-1]])  # an inactive parameter looks before its first

    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        self.steps[rows] = 0
        if start is None and self.start == "random":
            start = Designs.concat([self.space.sample(1, rng) for rng in rngs])
        self.index[rows] = self.space.designs(self.space.default()).index if start is None else start.index
        return True

    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        actions = discrete(actions, len(self.moves))
        self.steps[rows] += 1
        before = self.index[rows]
        after = self._after(before, actions)
        self.index[rows] = after
        return np.logical_or.reduce(after != before, axis=1)

    def _after(self, before: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions after one action in each row."""
        if self._all_listed or self._listed[actions].all():
            each, columns = np.arange(len(actions)), self._columns[actions]
            positions = before[each, columns]
            moved = self._targets[self._offsets[actions] + positions]
            after = before.copy()
            if not self._conditional:
                after[each, columns] = moved
                return after
            active = positions >= 0
            after = np.where(after < 0, self.space.default_positions, after)
            after[each[active], columns[active]] = moved[active]
            return self.space.canonical(np.asfortranarray(after))
        after = before.copy()
        for action in np.unique(actions):
            chosen = actions == action
            after[chosen] = self._moved(before[chosen], self.moves[action])
        return after

    def ended(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return np.zeros(len(rows), dtype=bool), self.steps[rows] >= self.max_steps

    def features(self, rows: Rows) -> NDArray[np.float64]:
        return self._unit(self.index[rows])

    def action_masks(self) -> NDArray[np.bool_]:
        n, moves = len(self.index), len(self.moves)
        before = np.repeat(self.index, moves, axis=0)
        after = np.asfortranarray(self._after(before, np.tile(np.arange(moves), n)))
        allowed = np.logical_or.reduce(after != before, axis=1) & ~self.space.forbidden_mask(after)
        masks = allowed.reshape(n, moves)
        masks[~masks.any(axis=1)] = True  # nowhere to go: samplers need some action
        return masks

    def _moved(self, index: NDArray[np.int64], move: Move) -> NDArray[np.int64]:
        """The canonical positions after a move."""
        active = index[:, move.column] >= 0
        full = np.where(index < 0, self.space.default_positions, index)
        full[active, move.column] = move.positions(
            self.space.parameters[move.column], index[active, move.column]
        )
        return self.space.canonical(np.asfortranarray(full))
