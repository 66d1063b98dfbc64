"""Which small blocks at the end of a study become one, like the levels of a log-structured tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cosearch.store import blocks
from cosearch.store.blocks import Block

SMALL, LARGE = 64, 4096  # evaluations: blocks below are merged, as soon as there are FAN of them
FAN = 64
MERGED = 2 * LARGE


class Placed(NamedTuple):
    """A block at its place in a study.

    Attributes:
        number: of the block.
        first: the row of its first evaluation.
        block: the evaluations.
    """

    number: int
    first: int
    block: Block


def merged(tail: Sequence[Placed]) -> list[Placed]:
    """The last blocks of a study, which are small, with as many of them as should become one put together."""
    count = _mergeable(tail)
    if not count:
        return list(tail)
    number, first, _ = tail[-count]
    return [*tail[:-count], Placed(number, first, blocks.concat([each.block for each in tail[-count:]]))]


def _mergeable(tail: Sequence[Placed]) -> int:
    """How many of the last blocks should become one."""
    rows = tail[-1].first + len(tail[-1].block) - tail[0].first
    if len(tail) < FAN and rows < MERGED:
        return 0
    small = next((i for i, each in enumerate(reversed(tail)) if len(each.block) >= SMALL), len(tail))
    if small >= FAN:
        return small
    return len(tail) if len(tail) > 1 and (len(tail) - small >= FAN or rows >= MERGED) else 0
