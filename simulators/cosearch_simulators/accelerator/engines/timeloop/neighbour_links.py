"""Inputs that an element of the array gets from a neighbour, not the level above: Timeloop's link transfers.

At each step it is asked of every element whether what it newly needs is what one of its four neighbours newly
got the step before, as happens where a window slides against its spatial unrolling. If fewer words then come
from above, the rest counts as reads of the neighbours. Neighbours go by the element's number, counted through
the spatial loops innermost first and laid out in rows as wide as the physical array, as Timeloop does.

The batched evaluation knows no links: where they carry words, its costs are too high, and `with_links`
corrects one mapping's, `with_all_links` those of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.common.nest_tables import (
    FILLS,
    READ_BANDWIDTH,
    READ_PJ,
    READS,
    SHARED_BANDWIDTH,
    UPDATES,
    WIDTH,
    WRITE_BANDWIDTH,
)
from cosearch_simulators.accelerator.engines.timeloop.evaluation import Costs
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.workloads.loop_nest import LOOPS, LoopNest

_INPUTS = 1
_WINDOW = {"P": (0, True), "R": (0, False), "Q": (1, True), "S": (1, False)}
_OTHERS = ("G", "N", "C")


@dataclass(frozen=True)
class Links:
    """Words of the inputs that the links carry.

    Attributes:
        child: number of the level that they enter and are read from.
        parent: number of the level that is spared.
        carried_words: reads of the child's instances for their neighbours.
        spared_words: reads that the parent is spared.
    """

    child: int
    parent: int
    carried_words: float
    spared_words: float


def link_transfers(
    architecture: Architecture, nest: LoopNest, mappings: Mappings, axes: Sequence[Sequence[str]]
) -> Links | None:
    """The link transfers of one mapping; None where there are none.

    Args:
        architecture: with one array.
        nest: the operator.
        mappings: a batch of one.
        axes: loops along X and Y, innermost first.
    """
    assert mappings.keeps is not None
    spatial = mappings.spatial_x[0].astype(np.int64) * mappings.spatial_y[0]
    arrays = np.flatnonzero(spatial.prod(-1) > 1)
    if len(arrays) != 1 or arrays[0] == 0 or not mappings.keeps[0, arrays[0] - 1, _INPUTS]:
        return None
    level = int(arrays[0])
    child = level - 1
    parent = int(next(above for above in range(level, len(spatial)) if mappings.keeps[0, above, _INPUTS]))
    tile = (mappings.temporal[0, :level].astype(np.int64) * spatial[:level]).prod(0)
    places = _places(tile, nest, level, mappings, axes)
    sharing = _Array(places, architecture.levels[level].array[0], spatial[level].prod())
    steps = _steps(level, tile * spatial[level], nest, mappings)
    carried, spared = 0.0, 0.0
    extent = np.array([_extent(tile, nest, axis) for axis in range(2)])
    plane = float(np.prod([tile[LOOPS.index(loop)] for loop in _OTHERS]))
    for number, step in enumerate(steps):
        new = step.new(extent)
        if not new.any() or step.others:
            continue
        # (how often, the step before): after the innermost loop's advance, or, for that loop itself, after
        # any other's
        before = (
            [(step.times, steps[0])]
            if number
            else [(1.0, None), *((other.times, other) for other in steps[1:])]
        )
        for times, previous in before:
            first = extent if previous is None or previous.others else previous.new(extent)
            if number == 0:
                times *= step.factor - 1
            if tuple(first) != tuple(new):
                continue
            without, matched, with_links = sharing.words(step.move)
            if with_links < without:
                words = plane * float(np.prod(new)) * times
                carried += matched * words
                spared += (without - with_links) * words
    return Links(child, parent, carried, spared) if carried else None


def with_links(
    costs: Costs, links: Links, architecture: CompiledArchitecture, mappings: Mappings
) -> tuple[NDArray[np.float64], float, float]:
    """Counts (L, 3, 4), cycles and energy in pJ of one mapping with its links.

    Args:
        costs: of the mapping alone, with counts, as Timeloop rounds.
        links: of the mapping.
        architecture: that it was costed on.
        mappings: a batch of one.
    """
    assert costs.counts is not None
    counts, table = costs.counts[0].copy(), architecture.table
    counts[links.parent, _INPUTS, READS] -= links.spared_words
    counts[links.child, _INPUTS, READS] += links.carried_words
    energy = float(costs.energy_pj[0]) + (
        links.carried_words * table[links.child, READ_PJ + _INPUTS]
        - links.spared_words * table[links.parent, READ_PJ + _INPUTS]
    )
    compute = float(costs.compute_cycles[0])
    spatial = (mappings.spatial_x[0].astype(np.int64) * mappings.spatial_y[0]).prod(-1)
    slowest = 1.0
    for level, words in enumerate(counts):
        present = float(spatial[level + 1 :].prod())
        busy = 0.0
        for bandwidth, moved in (
            (READ_BANDWIDTH, words[:, READS]),
            (WRITE_BANDWIDTH, words[:, FILLS] + words[:, UPDATES]),
        ):
            widths = table[level, WIDTH : WIDTH + 3]
            rate = sum(float(word) / present / compute for word in moved * widths)
            if rate:
                slowest = min(slowest, float(table[level, bandwidth]) / rate)
            busy += rate / float(table[level, bandwidth])
        if table[level, SHARED_BANDWIDTH] and busy:
            slowest = min(slowest, 1.0 / busy)
    return counts, float(np.ceil(compute / slowest)), energy


def with_all_links(
    costs: Costs,
    architecture: Architecture,
    compiled: CompiledArchitecture,
    nest: LoopNest,
    mappings: Mappings,
) -> Costs:
    """The costs of mappings of one nest on one architecture, each with its links; axes in `LOOPS`' order.

    Args:
        costs: of the mappings alone, with counts.
        architecture: the one.
        compiled: the same.
        nest: the operator.
        mappings: any number.
    """
    assert costs.counts is not None
    counts, cycles, energy = costs.counts.copy(), costs.cycles.copy(), costs.energy_pj.copy()
    keeps = np.broadcast_to(compiled.allowed, (len(mappings), *compiled.allowed.shape))
    keeps = keeps if mappings.keeps is None else mappings.keeps
    for row in np.flatnonzero(costs.valid):
        one = slice(row, row + 1)
        mapping = Mappings(
            mappings.temporal[one],
            mappings.order[one],
            mappings.spatial_x[one],
            mappings.spatial_y[one],
            keeps[one],
        )
        links = link_transfers(architecture, nest, mapping, (LOOPS, LOOPS))
        if links is not None:
            alone = replace(
                costs,
                **{
                    name: getattr(costs, name)[one]
                    for name in ("cycles", "compute_cycles", "energy_pj", "counts")
                },
            )
            counts[row], linked, energy[row] = with_links(alone, links, compiled, mapping)
            cycles[row] = linked + costs.fill_drain_cycles[row]
    utilisation = costs.utilisation * costs.cycles / cycles
    return replace(costs, counts=counts, cycles=cycles, energy_pj=energy, utilisation=utilisation)


@dataclass(frozen=True)
class _Step:
    """One temporal loop's advance: how often, how the window moves, whether another axis does."""

    factor: int
    times: float
    move: NDArray[np.int64]
    others: bool

    def new(self, extent: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows and columns of what the tile has newly, by the rules of `nest_kernel`."""
        if self.others or np.count_nonzero(self.move) == 2 or self.move.min() < 0:
            return extent
        axis = int(np.argmax(self.move))
        new = extent.copy()
        new[axis] = min(self.move[axis], extent[axis])
        return new


def _steps(level: int, cover: NDArray[np.int64], nest: LoopNest, mappings: Mappings) -> list[_Step]:
    """The temporal loops outside of the array, innermost first; they return from their second iteration."""
    loops = []
    for above in range(level, mappings.temporal.shape[1]):
        for loop in mappings.order[0, above]:
            factor = int(mappings.temporal[0, above, loop])
            if factor > 1:
                loops.append((LOOPS[loop], factor, int(cover[loop])))
                cover[loop] *= factor
    steps = []
    outside = float(np.prod([factor for _, factor, _ in loops]))
    back, others = np.zeros(2, np.int64), False
    for name, factor, step in loops:
        outside /= factor
        ahead = np.zeros(2, np.int64)
        if name in _WINDOW:
            axis, is_output = _WINDOW[name]
            ahead[axis] = step * (nest.stride if is_output else nest.dilation)[axis]
        others = others or name in _OTHERS
        steps.append(_Step(factor, (factor - 1) * outside, ahead - back, others))
        back += ahead
    return steps


def _places(
    tile: NDArray[np.int64], nest: LoopNest, level: int, mappings: Mappings, axes: Sequence[Sequence[str]]
) -> NDArray[np.int64]:
    """(elements, 3): each element's place in rows and columns, and its number along other axes."""
    places = np.zeros((1, 3), np.int64)
    apart = 1
    for factors, names in zip((mappings.spatial_x, mappings.spatial_y), axes, strict=True):
        for name in names:
            factor = int(factors[0, level, LOOPS.index(name)])
            move = np.zeros(3, np.int64)
            if name in _WINDOW:
                axis, is_output = _WINDOW[name]
                move[axis] = tile[LOOPS.index(name)] * (nest.stride if is_output else nest.dilation)[axis]
            elif name in _OTHERS:
                move[2] = apart
                apart *= factor
            places = (np.arange(factor)[:, None, None] * move + places[None]).reshape(-1, 3)
    return places


def _extent(tile: NDArray[np.int64], nest: LoopNest, axis: int) -> int:
    out, tap = LOOPS.index("PQ"[axis]), LOOPS.index("RS"[axis])
    return int((tile[out] - 1) * nest.stride[axis] + (tile[tap] - 1) * nest.dilation[axis] + 1)


@dataclass(frozen=True)
class _Array:
    """The elements in their rows."""

    places: NDArray[np.int64]
    width: int
    elements: int

    def words(self, move: NDArray[np.int64]) -> tuple[int, int, int]:
        """Tiles from above without links, tiles by links, and tiles from above with them."""
        number = np.arange(self.elements)
        column = number % self.width
        matched = np.zeros(self.elements, bool)
        wanted = self.places + np.array([*move, 0])
        for shift, present in (
            (-self.width, number >= self.width),
            (self.width, number < self.elements - self.width),
            (-1, column > 0),
            (1, (column < self.width - 1) & (number < self.elements - 1)),
        ):
            here = number[present]
            matched[here] |= (self.places[here + shift] == wanted[here]).all(-1)
        distinct = len(np.unique(self.places, axis=0))
        left = self.places[~matched]
        return distinct, int(matched.sum()), len(np.unique(left, axis=0)) if len(left) else 0
