"""Imperfect factors: nests a little larger, whose mappings cover the real one with some steps idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from cosearch_simulators.workloads.loop_nest import LOOPS, LoopNest

_MULTIPLES = (2, 4, 8, 16)
_TOGETHER = (("G", "N", "K", "C", "P", "Q"), ("G", "N", "K", "C"), ("P", "Q"))
_MOST_WASTE = 1.5  # of all steps; beyond, the array would have to be more than half empty without padding


def padded(nests: Sequence[LoopNest]) -> tuple[list[LoopNest], list[int]]:
    """Each nest rounded up to multiples of small powers of two in some of its loops.

    Filter rows and columns stay as they are: they are short, and a step of them is worth the most.

    Returns:
        Nests, and for each the number of the nest that it stands for.
    """
    candidates: list[LoopNest] = []
    stands_for: list[int] = []
    for number, nest in enumerate(nests):
        seen = {nest.sizes}
        for multiple in _MULTIPLES:
            for loops in _TOGETHER:
                rounded = tuple(
                    ceil(size / multiple) * multiple if loop in loops and size > 1 else size
                    for loop, size in zip(LOOPS, nest.sizes, strict=True)
                )
                larger = replace(nest, sizes=rounded)  # type: ignore[arg-type]
                if larger.sizes not in seen and larger.macs <= _MOST_WASTE * nest.macs:
                    seen.add(larger.sizes)
                    candidates.append(larger)
                    stands_for.append(number)
    return candidates, stands_for
