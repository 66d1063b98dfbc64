"""A design as a sequence of choices, for tree search: one parameter after the other, a few branches each.

A parameter of many values is chosen in stages, each a part of the part before; a permutation item by item
(its Lehmer digits). Every design can be reached: below the last stage a value is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace, Permutation

# The most values that are branches of one choice, and how a larger range is cut: PARTS ** STAGES parts.
MOST_BRANCHES = 12
PARTS, STAGES = 8, 3
FREE = -2


@dataclass(frozen=True)
class Choice:
    """One choice.

    Attributes:
        column: of the parameter.
        digit: which of the parameter's choices it is.
        branches: how many there are.
    """

    column: int
    digit: int
    branches: int


class Sequence:
    """Designs of a space as rows of branches, shape (n, choices); -1 where a parameter is inactive."""

    def __init__(self, space: DesignSpace) -> None:
        self.space = space
        self.choices: list[Choice] = []
        self._first: dict[int, int] = {}
        for j, parameter in enumerate(space):
            if j in space.fixed:
                continue
            self._first[j] = len(self.choices)
            if isinstance(parameter, Permutation):
                sizes = parameter.digit_sizes
            elif parameter.size <= MOST_BRANCHES or not parameter.ordered:
                sizes = (parameter.size,)
            else:
                sizes = (PARTS,) * STAGES
            self.choices += [Choice(j, k, size) for k, size in enumerate(sizes)]
        self.branches = np.array([choice.branches for choice in self.choices], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.choices)

    def encode(self, designs: Designs) -> NDArray[np.int64]:
        """The branches that lead to designs."""
        rows = np.empty((len(designs), len(self)), dtype=np.int64)
        for j, first in self._first.items():
            parameter, positions = self.space.parameters[j], designs.index[:, j]
            active = np.maximum(positions, 0)
            if isinstance(parameter, Permutation):
                digits = parameter.to_digits(active)
            elif self._is_staged(j):
                unit = np.asarray(parameter.to_unit(active), dtype=np.float64).reshape(-1)
                cell = np.minimum((unit * PARTS**STAGES).astype(np.int64), PARTS**STAGES - 1)
                digits = np.stack([cell // PARTS**k % PARTS for k in reversed(range(STAGES))], axis=1)
            else:
                digits = active[:, None]
            rows[:, first : first + digits.shape[1]] = np.where(positions[:, None] < 0, -1, digits)
        return rows

    def decode(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Designs:
        """Designs with these branches; where one is `FREE` or -1 it is drawn. They may be forbidden."""
        drawn = (rng.random(rows.shape) * self.branches).astype(np.int64)
        rows = np.where(rows < 0, drawn, rows)
        index = np.zeros((len(rows), len(self.space)), dtype=np.int64, order="F")
        for j, first in self._first.items():
            parameter = self.space.parameters[j]
            if isinstance(parameter, Permutation):
                index[:, j] = parameter.from_digits(rows[:, first : first + len(parameter.digit_sizes)])
            elif self._is_staged(j):
                cell = rows[:, first : first + STAGES] @ (PARTS ** np.arange(STAGES - 1, -1, -1))
                unit = (cell + rng.random(len(rows))) / PARTS**STAGES
                index[:, j] = parameter.from_unit(unit[:, None])
            else:
                index[:, j] = rows[:, first]
        return Designs(self.space, self.space.canonical(index))

    def _is_staged(self, column: int) -> bool:
        parameter = self.space.parameters[column]
        return parameter.ordered and parameter.size > MOST_BRANCHES
