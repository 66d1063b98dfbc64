"""The judge of the access counts: walks a mapping step by step and moves every word that has to move.

It shares nothing with the simulator but the meaning of a mapping. Tiles are sets of the coordinates of words
that exist: what lies beyond the end of a dimension is in none of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

INDEXED = {0: (0, 2, 3, 6, 7), 1: (0, 1, 3, 4, 5, 6, 7), 2: (0, 1, 2, 4, 5)}


@dataclass
class Walk:
    """Words by level, tensor and reads, fills, updates."""

    counts: np.ndarray
    steps: int


def intervals(tensor, starts, extents, stride, dilation):
    """Start and length of a tensor's box along each of its axes."""
    plain = [(starts[loop], extents[loop]) for loop in INDEXED[tensor] if tensor != 1 or loop < 4]
    if tensor == 1:
        for axis in range(2):
            out, tap = 4 + axis, 6 + axis
            plain.append(
                (
                    starts[out] * stride[axis] + starts[tap] * dilation[axis],
                    (extents[out] - 1) * stride[axis] + (extents[tap] - 1) * dilation[axis] + 1,
                )
            )
    return plain


def words_of(box):
    return frozenset(itertools.product(*(range(start, start + extent) for start, extent in box)))


def walk(sizes, stride, dilation, temporal, order, spatial, keeps, multicast, reduction):
    """Walk all steps; arguments as in `Mappings`, `spatial` being X times Y, networks by level."""
    levels = len(temporal)
    loops = []  # outermost first: (level, loop, factor, step, spatial)
    cover = [1] * 8
    nominal = []
    for level in range(levels):
        for loop in range(8):
            loops.append((level, loop, int(spatial[level][loop]), cover[loop], True))
            cover[loop] *= int(spatial[level][loop])
        for loop in order[level]:
            loops.append((level, int(loop), int(temporal[level][loop]), cover[loop], False))
            cover[loop] *= int(temporal[level][loop])
        nominal.append(list(cover))
    loops = [entry for entry in loops[::-1] if entry[2] > 1]
    steps = [entry for entry in loops if not entry[4]]
    arrays = [entry for entry in loops if entry[4]]
    counts = np.zeros((levels, 3, 3))
    number = 0
    previous: dict = {}
    seen: dict = {}
    for indices in itertools.product(*(range(entry[2]) for entry in steps)):
        number += 1
        for tensor in range(3):
            holding = [level for level in range(levels) if keeps[level][tensor]]
            for child, parent in zip([-1, *holding[:-1]], holding, strict=True):
                network = reduction if tensor == 2 else multicast
                moved: dict = {}
                for instance in itertools.product(*(range(entry[2]) for entry in arrays)):
                    if any(i and entry[0] <= child for i, entry in zip(instance, arrays, strict=True)):
                        continue  # instances of a level are told apart by the spatial loops above it
                    starts = [0] * 8
                    for i, (level, loop, _, step, _) in zip(indices, steps, strict=True):
                        if level > child:
                            starts[loop] += i * step
                    for i, (_, loop, _, step, _) in zip(instance, arrays, strict=True):
                        starts[loop] += i * step
                    tile = nominal[child] if child >= 0 else [1] * 8
                    key = (tensor, child, instance)
                    idle = [loop for loop in range(8) if starts[loop] >= sizes[loop]]
                    if idle and not set(idle) & set(INDEXED[tensor]):
                        continue  # no work, and the tile is where it was
                    at = [start for start, _ in intervals(tensor, starts, tile, stride, dilation)]
                    words = frozenset()
                    if not idle:
                        real = [min(t, n - start) for t, n, start in zip(tile, sizes, starts, strict=True)]
                        words = words_of(intervals(tensor, starts, real, stride, dilation))
                    before_at, before = previous.get(key, (None, frozenset()))
                    previous[key] = at, words
                    if child >= 0 and before_at is not None:
                        moves = [a - b for a, b in zip(at, before_at, strict=True)]
                        if sum(move != 0 for move in moves) <= 1 and min(moves) >= 0:
                            words -= before  # not moved, or forward along one axis: what is there stays
                    # one access for all who need the same words at once, as far as the networks multicast
                    group = tuple(
                        i
                        for i, entry in zip(instance, arrays, strict=True)
                        if entry[0] > parent or not network[entry[0]]
                    )
                    if words:
                        moved.setdefault((group, words), []).append(key)
                for (_, words), receivers in moved.items():
                    if tensor == 2:
                        counts[parent, 2, 2] += len(words)
                    else:
                        counts[parent, tensor, 0] += len(words)
                    if child >= 0:
                        for key in receivers:
                            fresh = set()
                            if tensor == 2:
                                fresh = words - seen.setdefault(key, set())
                                seen[key] |= words
                            counts[child, tensor, 1] += len(words) - len(fresh)
    for level in range(levels):  # nothing is read before an output's first update
        if keeps[level][2]:
            counts[level, 2, 0] = counts[level, 2, 2] - first_updates(level, sizes, loops)
    return Walk(counts, number)


def first_updates(level, sizes, loops):
    """Outputs that each instance of a level ever gets, summed over the instances."""
    above = [entry for entry in loops if entry[4] and entry[0] > level]
    rest = [entry for entry in loops if not (entry[4] and entry[0] > level)]
    total = 0
    for instance in itertools.product(*(range(entry[2]) for entry in above)):
        outputs = set()
        for indices in itertools.product(*(range(entry[2]) for entry in rest)):
            at = [0] * 8
            for i, (_, loop, _, step, _) in zip(instance, above, strict=True):
                at[loop] += i * step
            for i, (_, loop, _, step, _) in zip(indices, rest, strict=True):
                at[loop] += i * step
            if all(a < size for a, size in zip(at, sizes, strict=True)):
                outputs.add(tuple(at[loop] for loop in INDEXED[2]))
        total += len(outputs)
    return total
