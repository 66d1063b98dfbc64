"""What a formulation is: n episodes stepped together. `formulations` lists the three.

A formulation turns actions into designs. It knows neither metrics nor rewards: `episodes` asks it which
episodes now hold a design to evaluate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.space import Designs, DesignSpace

Rows = NDArray[np.int64]


class Formulation(ABC):
    """The designs of n episodes, and how actions change them.

    Attributes:
        name: as in `formulation="oneshot"`.
        differences: whether a step's reward is the difference to the design before it.
        action_space: of one episode.
        low, high: bounds of every feature.
        width: the number of features.
        note: what of the space actions do not reach, in a line; "" where they reach every design.
        index: the positions of each episode's design, (n, parameters); -1 where not chosen or inactive.
    """

    name: ClassVar[str]
    differences: ClassVar[bool] = False
    action_space: gymnasium.Space[Any]
    width: int
    note: str = ""

    def __init__(self, space: DesignSpace, n: int) -> None:
        self.space = space
        self.index = np.full((n, len(space)), -1, dtype=np.int64, order="F")

    @abstractmethod
    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        """Begin new episodes in these rows; whether they start from designs that are to be evaluated.

        Args:
            rows: the episodes, (k,).
            rngs: k generators.
            start: k designs to start from, where the formulation starts from designs.
        """

    @abstractmethod
    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        """Take one action in each of these rows; which of them now hold a design to evaluate, (k,).

        Args:
            rows: the episodes, (k,).
            actions: k actions, as Gymnasium batches them.
        """

    @abstractmethod
    def ended(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of these rows are terminated and which are truncated, (k,) each."""

    @abstractmethod
    def features(self, rows: Rows) -> NDArray[np.float64]:
        """What an agent sees of the designs, (k, width), in [-1, 1]."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions each row may take, (n, actions)."""
        raise ArgumentError(f"formulation {self.name} has no action masks; sequential and refine have")


def discrete(actions: Any, size: int) -> NDArray[np.int64]:
    """The actions of a Discrete space as integers, (k,).

    Raises:
        ArgumentError: they are no integers, or out of range.
    """
    numbers = np.asarray(actions)
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise ArgumentError(f"an action must be an integer from 0 to {size - 1}, not {actions!r}")
    wrong = (numbers < 0) | (numbers >= size)
    if np.count_nonzero(wrong):
        raise ArgumentError(f"action {numbers[wrong][0]} is not from 0 to {size - 1}")
    return numbers.astype(np.int64)
