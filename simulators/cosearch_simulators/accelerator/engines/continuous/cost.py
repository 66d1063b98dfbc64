"""The cost of a mapping whose factors are real numbers, for gradients: the same counts as `nest_kernel`.

Written against the array API standard: with numpy arrays it is a vectorised cost, with torch tensors that
want gradients it is one that can be descended, over tile factors, spatial factors and every number of the
architecture's table (capacities, bandwidths, energies). The idea is DOSA's (Hong et al., "DOSA:
Differentiable Model-Based One-Loop Search for DNN Accelerators", MICRO 2023). `rounding` goes back to whole
factors.

Where the factors are whole and multiply to the dimensions, energies are those of `evaluation.evaluate`, and
cycles too but for its rounding up. A loop with the factor 1 is absent, so the cost jumps where a factor
leaves 1; elsewhere it is continuous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.common.movement import output_words, window_step
from cosearch_simulators.accelerator.common.nest_tables import (
    AXIS_OF,
    CAPACITY,
    FANOUT_X,
    FANOUT_Y,
    MAC_PJ,
    MACS_A_CYCLE,
    MULTICAST,
    READ_BANDWIDTH,
    READ_PJ,
    REDUCTION,
    SHARED_BANDWIDTH,
    TENSORS_OF,
    WIDTH,
    WRITE_BANDWIDTH,
    WRITE_PJ,
)
from cosearch_simulators.accelerator.common.tile import tile_words, window
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import LoopNest

Array = Any
"""An array of any library that follows the array API standard, float64."""

_PRESENT = 1e-9  # a factor has to leave 1 by more than this to be a loop
_EUCLID_STEPS = 48  # more than the common divisor of two numbers below 2^32 takes


@dataclass(frozen=True)
class ContinuousCost:
    """Costs of n mappings, arrays of the library of the factors.

    Attributes:
        cycles: (n,) the largest of compute and each level's time for its words.
        energy_pj: (n,) of all accesses and multiply-accumulates.
        tile_words: (n, L) what an instance of each level holds.
        overflow: (n,) how far the mapping is from valid, 0 for a valid one: the logarithms of what each level
            holds over its capacity, of instances over the array's, and of iterations over the dimensions.
    """

    cycles: Array
    energy_pj: Array
    tile_words: Array
    overflow: Array

    @property
    def edp(self) -> Array:
        """(n,) energy times cycles."""
        return self.energy_pj * self.cycles


def continuous_cost(
    architecture: CompiledArchitecture,
    nest: LoopNest,
    temporal: Array,
    spatial_x: Array,
    spatial_y: Array,
    order: Sequence[Sequence[int]],
    *,
    keeps: NDArray[np.bool_] | None = None,
    table: Array | None = None,
) -> ContinuousCost:
    """Cost n mappings with one loop order.

    Args:
        architecture: L levels.
        nest: the operator.
        temporal: (n, L, 8) factors, 1 or more; those of the last level are not read: it takes what is left.
        spatial_x: (n, L, 8) factors along X below each level.
        spatial_y: (n, L, 8) the same along Y.
        order: (L, 8) each level's loops by number, innermost first.
        keeps: (L, 3) which tensors stay at a level; None for all that the architecture allows.
        table: (L, LEVEL_COLUMNS) instead of the architecture's, for gradients over its numbers.

    Example:
        >>> import torch  # doctest: +SKIP
        >>> factors = torch.ones((1, 3, 8), dtype=torch.float64, requires_grad=True)  # doctest: +SKIP

    Raises:
        SimulatorError: an array of another shape, a factor that is not above 0, or an order that does not
            name every loop once.
    """
    xp = array_api_compat.array_namespace(temporal, spatial_x, spatial_y)
    _check(xp, len(architecture.table), temporal, spatial_x, spatial_y, order)
    held = np.asarray(architecture.allowed if keeps is None else keeps, bool)
    t, spatial, left = _factors(xp, nest, temporal, spatial_x, spatial_y)
    levels = len(t)
    numbers: Any = architecture.table if table is None else table
    extent, loops = _walk(t, spatial, order)
    one = t[0][0] * 0.0 + 1.0
    above = _above(xp, t, spatial, order, one)
    macs = float(nest.macs)

    energy = one * (macs * float(architecture.constants[MAC_PJ]))
    steps = above["all"][0]
    for loop in range(8):
        steps = steps * t[0][loop]
    cycles = steps / float(architecture.constants[MACS_A_CYCLE])
    tiles = [one * 0.0 for _ in range(levels)]
    reads = [one * 0.0 for _ in range(levels)]
    writes = [one * 0.0 for _ in range(levels)]
    for tensor in range(3):
        child, traffic = -1, one * macs
        for parent in np.flatnonzero(held[:, tensor]):
            if child >= 0:
                if tensor == 1:
                    words = _input_fills(xp, nest, extent, loops, above["all"], child)
                else:
                    words = words_in_tile(nest, extent[child], tensor) * above[tensor][child]
                traffic = words * above["instances"][child]
            sharing = _sharing(xp, nest, architecture.table, spatial, extent, tensor, child, int(parent), one)
            arriving = traffic / sharing
            tile = words_in_tile(nest, extent[parent], tensor)
            width = numbers[parent, WIDTH + tensor]
            tiles[parent] = tiles[parent] + tile * width
            read, fill, update = arriving, traffic, one * 0.0
            if tensor == 2:
                outputs, partial = float(nest.tensor_sizes["Outputs"]), above["partial"]
                read, fill = output_words(traffic, arriving, outputs, partial[parent], partial[child])
                update = arriving
            if child >= 0:
                energy = energy + fill * numbers[child, WRITE_PJ + tensor]
                writes[child] = writes[child] + fill * numbers[child, WIDTH + tensor]
            energy = energy + read * numbers[parent, READ_PJ + tensor]
            energy = energy + update * numbers[parent, WRITE_PJ + tensor]
            reads[parent], writes[parent] = reads[parent] + read * width, writes[parent] + update * width
            child = int(parent)
    for level in range(levels):
        present = above["instances"][level]
        reading = reads[level] / present / numbers[level, READ_BANDWIDTH]
        writing = writes[level] / present / numbers[level, WRITE_BANDWIDTH]
        if architecture.table[level, SHARED_BANDWIDTH]:
            reading = reading + writing
        cycles = xp.maximum(cycles, xp.maximum(reading, writing))
    overflow = one * 0.0
    for level in range(levels):
        overflow = overflow + _excess(xp, tiles[level] / numbers[level, CAPACITY])
    for level in range(levels):
        for factors, column in ((spatial_x, FANOUT_X), (spatial_y, FANOUT_Y)):
            across = one
            for loop in range(8):
                across = across * factors[:, level, loop]
            overflow = overflow + _excess(xp, across / numbers[level, column])
    for loop in range(8):
        overflow = overflow + _excess(xp, 1.0 / left[loop])
    return ContinuousCost(cycles, energy, xp.stack(tiles, axis=-1), overflow)


def _check(xp: Any, levels: int, temporal: Array, x: Array, y: Array, order: Sequence[Sequence[int]]) -> None:
    for name, factors in (("temporal", temporal), ("spatial_x", x), ("spatial_y", y)):
        shape = (temporal.shape[0], levels, 8)
        if tuple(factors.shape) != shape:
            raise SimulatorError(f"{name} must have the shape {shape}, got {tuple(factors.shape)}")
        read = factors[:, : levels - 1, :] if name == "temporal" else factors
        if not bool(xp.all(read > 0.0)):
            raise SimulatorError(f"{name} must hold factors above 0")
    if len(order) != levels or any(sorted(loops) != list(range(8)) for loops in order):
        raise SimulatorError(f"order must name each of the 8 loops once at each of {levels} levels")


def _factors(
    xp: Any, nest: LoopNest, temporal: Array, x: Array, y: Array
) -> tuple[list[Any], list[Any], list[Any]]:
    """Temporal and spatial factors as [level][loop], the last level's temporal ones being what is left."""
    levels = temporal.shape[1]
    t = [[temporal[:, level, loop] for loop in range(8)] for level in range(levels)]
    spatial = [[x[:, level, loop] * y[:, level, loop] for loop in range(8)] for level in range(levels)]
    left = []
    for loop in range(8):
        inside = spatial[levels - 1][loop]
        for level in range(levels - 1):
            inside = inside * t[level][loop] * spatial[level][loop]
        left.append(nest.sizes[loop] / inside)
        t[levels - 1][loop] = xp.maximum(left[loop], inside * 0.0 + 1.0)
    return t, spatial, left


def _walk(t: list[Any], spatial: list[Any], order: Sequence[Sequence[int]]) -> tuple[list[Any], list[Any]]:
    """What an instance covers of each loop; and by level its temporal (loop, factor, step), inside out."""
    extent, loops = [], []
    inside = [factor * 0.0 + 1.0 for factor in t[0]]
    for level, (factors, parallel) in enumerate(zip(t, spatial, strict=True)):
        steps = [a * b for a, b in zip(inside, parallel, strict=True)]
        loops.append([(loop, factors[loop], steps[loop]) for loop in order[level]])
        inside = [a * b for a, b in zip(steps, factors, strict=True)]
        extent.append(inside)
    return extent, loops


def _above(
    xp: Any, t: list[Any], spatial: list[Any], order: Sequence[Sequence[int]], one: Array
) -> dict[Any, Any]:
    """Products over the loops above each level.

    By tensor: temporal iterations down to the innermost loop that indexes it; "all": all of them;
    "instances": spatial factors; "partial": those that do not index the outputs.
    """
    levels = len(t)
    found: dict[Any, list[Any]] = {key: [one] * levels for key in (0, 1, 2, "all", "instances", "partial")}
    now: dict[Any, Any] = dict.fromkeys(found, one)
    for level in range(levels - 1, -1, -1):
        for key, values in found.items():
            values[level] = now[key]
        for loop in reversed(order[level]):
            factor = t[level][loop]
            now["all"] = now["all"] * factor
            for tensor in range(3):
                if TENSORS_OF[loop] >> tensor & 1:
                    now[tensor] = xp.where(factor > 1.0 + _PRESENT, now["all"], now[tensor])
        for loop in range(8):
            now["instances"] = now["instances"] * spatial[level][loop]
            if not TENSORS_OF[loop] & 4:
                now["partial"] = now["partial"] * spatial[level][loop]
    return found


def words_in_tile(nest: LoopNest, extent: Sequence[Array], tensor: int) -> Array:
    """Words of a tensor in a box with these iterations of each loop."""
    return tile_words(extent, _row(nest), tensor)


def _row(nest: LoopNest) -> tuple[int, ...]:
    return (*nest.sizes, *nest.stride, *nest.dilation)


def _input_fills(
    xp: Any, nest: LoopNest, extent: list[Any], loops: list[Any], all_above: list[Any], child: int
) -> Array:
    """Words of the inputs that one instance is filled with, see `movement.input_fills`."""
    row = _row(nest)
    rows, columns = (window(extent[child], row, axis) for axis in range(2))
    plane = extent[child][0] * extent[child][1] * extent[child][3]
    tile = plane * rows * columns
    remaining = all_above[child]
    none = tile * 0.0
    words, back_rows, back_columns = none, none, none
    ended = none > 1.0
    for level in range(child + 1, len(loops)):
        for loop, factor, step in loops[level]:
            present = (factor > 1.0 + _PRESENT) & ~ended
            axis = int(AXIS_OF[loop])
            if axis < 0 and TENSORS_OF[loop] & 2:  # from here on, no two tiles in a row share a word
                words = xp.where(present, words + tile * remaining, words)
                ended = ended | present
                continue
            step_rows, step_columns = (none, none) if axis < 0 else window_step(row, loop, step)
            move_rows, move_columns = step_rows - back_rows, step_columns - back_columns
            new = xp.where(
                (move_rows == 0.0) & (move_columns >= 0.0),
                plane * rows * xp.minimum(move_columns, columns),
                xp.where(
                    (move_columns == 0.0) & (move_rows >= 0.0),
                    plane * columns * xp.minimum(move_rows, rows),
                    tile,
                ),
            )
            outer = remaining / factor
            words = xp.where(present, words + (factor - 1.0) * outer * new, words)
            back_rows = xp.where(present, back_rows + (factor - 1.0) * step_rows, back_rows)
            back_columns = xp.where(present, back_columns + (factor - 1.0) * step_columns, back_columns)
            remaining = xp.where(present, outer, remaining)
    return xp.where(ended, words, words + tile)


def _sharing(
    xp: Any,
    nest: LoopNest,
    table: NDArray[np.float64],
    spatial: list[Any],
    extent: list[Any],
    tensor: int,
    child: int,
    parent: int,
    one: Array,
) -> Array:
    """How many children's words one access of the parent stands for, see `exact_nest.sharing_of`."""
    network = REDUCTION if tensor == 2 else MULTICAST
    between = [level for level in range(child + 1, parent + 1) if table[level, network] != 0.0]
    sharing = one
    for level in between:
        for loop in range(8):
            if not TENSORS_OF[loop] >> tensor & 1:
                sharing = sharing * spatial[level][loop]
    if tensor != 1:
        return sharing
    for axis in range(2):
        factors, paces = [], []
        for loop, pace in ((4 + axis, nest.stride[axis]), (6 + axis, nest.dilation[axis])):
            product, first = one, one * 0.0
            for level in between:
                inside = extent[level - 1][loop] if level else one
                starts = (spatial[level][loop] > 1.0 + _PRESENT) & (first == 0.0)
                first = xp.where(starts, inside * pace, first)
                product = product * spatial[level][loop]
            factors.append(product)
            paces.append(first)
        # Windows (i, k) and (i + b, k - a) coincide, where a : b is the ratio of the steps in lowest terms.
        both = (paces[0] > 0.0) & (paces[1] > 0.0)
        if not bool(xp.any(both)):
            continue
        a, b = (xp.where(both, pace, one) for pace in paces)
        divisor = _common_divisor(xp, xp.round(a), xp.round(b))
        pairs = factors[0] * factors[1]
        twice = _positive(xp, factors[0] - b / divisor) * _positive(xp, factors[1] - a / divisor)
        sharing = xp.where(both, sharing * pairs / (pairs - twice), sharing)
    return sharing


def _common_divisor(xp: Any, a: Array, b: Array) -> Array:
    for _ in range(_EUCLID_STEPS):
        divisor = xp.where(b > 0.0, b, a * 0.0 + 1.0)
        rest = a - xp.floor(a / divisor) * divisor
        a, b = xp.where(b > 0.0, b, a), xp.where(b > 0.0, rest, b)
    return a


def _positive(xp: Any, values: Array) -> Array:
    return xp.where(values > 0.0, values, xp.zeros_like(values))


def _excess(xp: Any, ratio: Array) -> Array:
    """The logarithm of what is above 1."""
    return xp.log(xp.where(ratio > 1.0, ratio, xp.ones_like(ratio)))
