"""From the real factors of `continuous` back to whole ones: always a mapping that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.common.nest_tables import CAPACITY, FANOUT_X, FANOUT_Y, WIDTH
from cosearch_simulators.accelerator.engines.continuous.cost import words_in_tile
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import LoopNest


def round_mapping(
    architecture: CompiledArchitecture,
    nest: LoopNest,
    temporal: NDArray[np.float64],
    spatial_x: NDArray[np.float64],
    spatial_y: NDArray[np.float64],
    order: Sequence[Sequence[int]],
    *,
    keeps: NDArray[np.bool_] | None = None,
    imperfect: bool = False,
) -> Mappings:
    """The whole factors near real ones; always a valid mapping.

    Level by level from the inside each factor becomes the divisor of what is left of its dimension that is
    the nearest on a log scale and still fits: arrays are filled first, then each level's capacity. The last
    level takes the rest.

    Args:
        architecture: L levels.
        nest: the operator.
        temporal: (n, L, 8), see `continuous_cost`.
        spatial_x: (n, L, 8).
        spatial_y: (n, L, 8).
        order: (L, 8).
        keeps: (L, 3).
        imperfect: take any whole number instead of divisors, so that the last tiles of a loop may be smaller.

    Raises:
        SimulatorError: not even single elements fit into a level.
    """
    held = np.asarray(architecture.allowed if keeps is None else keeps, bool)
    count, levels = temporal.shape[:2]
    whole = [np.ones((count, levels, 8), np.int32) for _ in range(3)]
    for i in range(count):
        rounded = _round_one(
            architecture,
            nest,
            temporal[i],
            spatial_x[i],
            spatial_y[i],
            held,
            _whole if imperfect else _divisors,
        )
        for target, values in zip(whole, rounded, strict=True):
            target[i] = values
    mappings = Mappings(
        whole[0],
        np.broadcast_to(np.asarray(order, np.int8), (count, levels, 8)).copy(),
        whole[1],
        whole[2],
        np.broadcast_to(held.astype(np.uint8), (count, levels, 3)).copy(),
    )
    costs = evaluate([architecture], [nest], mappings, threads=1)
    if not costs.valid.all():
        raise SimulatorError(f"no mapping fits: {costs.reason(int(np.argmin(costs.valid)))}")
    return mappings


def _round_one(
    architecture: CompiledArchitecture,
    nest: LoopNest,
    temporal: NDArray[np.float64],
    spatial_x: NDArray[np.float64],
    spatial_y: NDArray[np.float64],
    held: NDArray[np.bool_],
    choices: Callable[[int], list[int]],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    levels = len(temporal)
    t, x, y = (np.ones((levels, 8), np.int32) for _ in range(3))
    left = list(nest.sizes)
    extent = [1.0] * 8

    def fits(inner: int) -> bool:
        """Whether the extent fits into a level and all those around it that hold at least as much."""
        for level in range(inner, levels):
            within = [min(covered, size) for covered, size in zip(extent, nest.sizes, strict=True)]
            row = architecture.table[level]
            words = sum(
                float(words_in_tile(nest, within, tensor) * row[WIDTH + tensor])
                for tensor in range(3)
                if held[level, tensor]
            )
            if words > float(row[CAPACITY]):
                return False
        return True

    def multiply(factors: NDArray[np.int32], level: int, loop: int, divisor: int, most: float) -> bool:
        """Take a divisor of what is left into a factor, if the level's factors stay within `most` and fit."""
        extent[loop] *= divisor
        if divisor == 1 or (factors[level].prod() * divisor <= most and fits(level)):
            factors[level, loop] *= divisor
            left[loop] = -(-left[loop] // divisor)
            return True
        extent[loop] /= divisor
        return False

    for level in range(levels):
        axes = ((x, spatial_x, FANOUT_X), (y, spatial_y, FANOUT_Y))
        for factors, wanted, column in axes:
            for loop in np.argsort(-wanted[level], kind="stable"):
                for divisor in _nearest(choices(left[loop]), float(wanted[level, loop])):
                    if multiply(factors, level, loop, divisor, architecture.table[level, column]):
                        break
        for factors, wanted, column in axes:  # no part of the array is left idle for a rounding
            most = min(architecture.table[level, column], 1.5 * np.maximum(wanted[level], 1.0).prod())
            filling = True
            while filling:
                short = np.argsort(-wanted[level] / factors[level], kind="stable")
                filling = any(
                    multiply(factors, level, loop, divisor, most)
                    for loop in short
                    for divisor in choices(left[loop])[1:2]
                )
        if level == levels - 1:
            t[level] = left
            break
        for loop in np.argsort(-temporal[level], kind="stable"):
            for divisor in _nearest(choices(left[loop]), float(temporal[level, loop])):
                if multiply(t, level, loop, divisor, np.inf):
                    break
    return t, x, y


def _nearest(choices: list[int], wanted: float) -> list[int]:
    return sorted(choices, key=lambda choice: abs(log(choice) - log(min(max(wanted, 1.0), 1e300))))


def _whole(number: int) -> list[int]:
    return list(range(1, number + 1))


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
