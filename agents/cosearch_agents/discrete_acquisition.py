"""Maximising an acquisition function over the designs of a space: over the designs themselves, never rounded.

A short list of candidates is evaluated whole. Where the space is too large to list, local search climbs
from the best of many starts to neighbouring designs, as in BoTorch's `optimize_acqf_discrete_local_search`.
A Real moves by the steps of the space's neighbours, and then by ever smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace

# The value of each of n designs, larger is better, shape (n,).
Value = Callable[[Designs], NDArray[np.float64]]

CLIMBERS = 5
MOST_STEPS = 30
# The steps of Real parameters within the unit cube, once no neighbour is better.
REFINEMENTS = (0.03, 0.01, 0.003)
REFINED_DRAWS = 32
MOST_CROSSED = 3


class LocalSearch:
    """Climbs from designs to better neighbours, and evaluates no design twice."""

    def __init__(
        self, value: Value, space: DesignSpace, excluded: set[bytes], rng: np.random.Generator
    ) -> None:
        """Create a search.

        Args:
            value: what to maximise.
            space: the design space.
            excluded: keys of designs that may be climbed over but not returned.
            rng: draws the refinements of Real parameters.
        """
        self.value = value
        self.space = space
        self.excluded = excluded
        self.rng = rng
        self._known: dict[bytes, float] = {}
        self._best: tuple[float, Designs] | None = None

    def maximum(self, starts: Designs) -> Designs | None:
        """The best design found that is not excluded, as a batch of one; None if all that was met is."""
        values = self._values(starts)
        climbers = starts[_best_distinct(starts, values, CLIMBERS)]
        heights = self._values(climbers)
        rising = np.ones(len(climbers), dtype=bool)
        for _ in range(MOST_STEPS):
            if not rising.any():
                break
            around = [self.space.neighbours(climbers[[i]]) for i in np.flatnonzero(rising).tolist()]
            climbers, heights, rising = self._moved(climbers, heights, rising, around)
        if any(parameter.kind == "real" for parameter in self.space.parameters):
            for step in REFINEMENTS:
                around = [self._around(climbers[[i]], step) for i in range(len(climbers))]
                climbers, heights, _ = self._moved(
                    climbers, heights, np.ones(len(climbers), dtype=bool), around
                )
        return None if self._best is None else self._best[1]

    def _moved(
        self,
        climbers: Designs,
        heights: NDArray[np.float64],
        rising: NDArray[np.bool_],
        around: list[Designs],
    ) -> tuple[Designs, NDArray[np.float64], NDArray[np.bool_]]:
        self._values(Designs.concat([*around, climbers]))  # all at once: one call is much cheaper than many
        index, heights, still = climbers.index.copy(), heights.copy(), rising.copy()
        for i, candidates in zip(np.flatnonzero(rising), around, strict=True):
            values = self._values(candidates)
            still[i] = len(values) > 0 and values.max() > heights[i]
            if still[i]:
                best = int(values.argmax())
                index[i], heights[i] = candidates.index[best], values[best]
        return Designs(self.space, index), heights, still

    def _values(self, designs: Designs) -> NDArray[np.float64]:
        keys = designs.keys()
        new = {key: i for i, key in enumerate(keys) if key not in self._known}
        if new:
            fresh = designs[list(new.values())]
            values = self.value(fresh)
            self._known.update(zip(new, values.tolist(), strict=True))
            returnable = np.array([key not in self.excluded for key in new])
            if returnable.any():
                best = int(np.where(returnable, values, -np.inf).argmax())
                if self._best is None or values[best] > self._best[0]:
                    self._best = float(values[best]), fresh[[best]]
        return np.array([self._known[key] for key in keys], dtype=np.float64)

    def _around(self, design: Designs, step: float) -> Designs:
        """Designs whose Real parameters lie within about `step` of this one's."""
        unit = np.repeat(self.space.to_unit(design), REFINED_DRAWS, axis=0)
        for parameter, block in zip(self.space.parameters, self.space.unit_layout.blocks, strict=True):
            if parameter.kind == "real":
                unit[:, block] += step * self.rng.standard_normal(unit[:, block].shape)
        moved = self.space.from_unit(np.clip(unit, 0.0, 1.0))
        return moved[self.space.allowed(moved)]


def crossed(parents: Designs, donors: Designs, rng: np.random.Generator) -> Designs:
    """Parents with one to three parameters as in a donor: one child for each donor, without forbidden ones.

    Args:
        parents: possibly none; each donor gets one at random.
        donors: any designs.
        rng: draws parents and parameters.
    """
    space = donors.space
    if not len(parents):
        return donors[[]]
    base, other = (
        np.where(designs.index < 0, space.default_positions, designs.index)
        for designs in (parents[rng.integers(len(parents), size=len(donors))], donors)
    )
    changed = np.zeros(base.shape, dtype=bool)
    times = rng.integers(1, MOST_CROSSED + 1, size=len(donors))
    for i in range(MOST_CROSSED):
        rows = np.flatnonzero(times > i)
        changed[rows, rng.integers(base.shape[1], size=len(rows))] = True
    children = Designs(space, space.canonical(np.asfortranarray(np.where(changed, other, base))))
    return children[np.flatnonzero(space.allowed(children))]


def _best_distinct(designs: Designs, values: NDArray[np.float64], count: int) -> list[int]:
    rows: dict[bytes, int] = {}
    keys = designs.keys()
    for i in np.argsort(-values, kind="stable").tolist():
        rows.setdefault(keys[i], i)
        if len(rows) == count:
            break
    return list(rows.values())
