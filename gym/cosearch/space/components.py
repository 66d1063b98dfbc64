"""Counting and listing designs: the space falls into components that conditions or rules tie together.

Components are independent, so counts multiply and each is small even where the space is not. Within a
component, parameters are added one after the other, and rules prune as soon as all that they read is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError
from cosearch.space.conditions import INACTIVE
from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Positions
from cosearch.space.reals import Real
from cosearch.space.space_model import SpaceModel

MAX_COMBINATIONS = 20_000_000  # to count a component, in chunks
MAX_LISTED = 5_000_000  # to list one: its table has this many rows
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Component:
    """Parameters (by column, in order) that no condition and no rule ties to any other."""

    columns: tuple[int, ...]
    rules: tuple[Forbidden, ...]


def components(space: SpaceModel) -> list[Component]:
    """The space's components, by their first parameter."""
    root = list(range(len(space)))
    ties = [[child, *(c.parent for c in conditions)] for child, conditions in enumerate(space.conditions)]
    ties += [list(rule.columns) for rule in space.rules]
    for tie in ties:
        merged = {root[column] for column in tie}
        root = [min(merged) if r in merged else r for r in root]
    return [
        Component(
            tuple(column for column in range(len(space)) if root[column] == r),
            tuple(table.rule for table in space.rules if root[table.columns[0]] == r),
        )
        for r in sorted(set(root))
    ]


def cardinality(space: SpaceModel) -> int | float:
    """The exact number of allowed designs, or infinity.

    Raises:
        SpaceError: a component is too large to be counted.
    """
    if any(isinstance(p, Real) and j not in space.fixed for j, p in enumerate(space.parameters)):
        return math.inf
    return math.prod(_count(space, component) for component in components(space))


def _count(space: SpaceModel, component: Component) -> int:
    """Adds one parameter at a time and forgets those that nothing later depends on.

    The state is one row for each combination of the parameters that still matter, with the number of ways to
    reach it, so a parameter that nothing depends on costs nothing however many values it has.
    """
    last_use = _last_uses(space, component)
    kept: dict[int, Positions] = {}
    sizes = (space.highest - space.lowest + 1).tolist()
    total = math.prod(sizes[column] for column in component.columns)
    ways: NDArray = np.ones(1, dtype=np.int64 if total < 2**62 else object)
    for column in component.columns:
        size = sizes[column]
        if last_use[column] == column and not _decided_at(space, component, column):
            ways = ways * np.where(_active(space, column, kept, len(ways)), size, 1).astype(ways.dtype)
        else:
            _check_size(space, column, len(ways) * size)
            pieces = []
            rows = max(1, _CHUNK // size)
            for start in range(0, max(len(ways), 1), rows):
                part = {c: positions[start : start + rows] for c, positions in kept.items()}
                part, source = _expanded(space, component, column, part, len(ways[start : start + rows]))
                remaining = {c: positions for c, positions in part.items() if last_use[c] > column}
                pieces.append(_merged(remaining, ways[start : start + rows][source]))
            kept = {c: np.concatenate([piece[0][c] for piece in pieces]) for c in pieces[0][0]}
            ways = np.concatenate([piece[1] for piece in pieces])
        kept = {c: positions for c, positions in kept.items() if last_use[c] > column}
        kept, ways = _merged(kept, ways)
    return int(ways.sum())


def list_component(space: SpaceModel, component: Component, limit: int) -> Positions:
    """All allowed combinations of a component's parameters, shape (m, len(component.columns)).

    Raises:
        SpaceError: more than `limit` combinations would have to be looked at.
    """
    table: dict[int, Positions] = {}
    n = 1
    for column in component.columns:
        _check_size(space, column, n * int(space.highest[column] - space.lowest[column] + 1), limit)
        table, source = _expanded(space, component, column, table, n)
        n = len(source)
    return np.stack([table[column] for column in component.columns], axis=1)


def list_designs(space: SpaceModel, limit: int) -> Positions:
    """The index array of all allowed designs, the last parameter changing fastest.

    Raises:
        SpaceError: there are more than `limit`.
    """
    n = cardinality(space)
    if n > limit:
        raise SpaceError(f"{space.label} has {n} designs; expected at most limit={limit}")
    index = np.empty((int(n), len(space)), dtype=np.int64, order="F")
    repeat = 1
    for component in components(space):
        table = list_component(space, component, MAX_LISTED)
        index[:, component.columns] = table[np.arange(int(n)) // repeat % max(len(table), 1)] if n else 0
        repeat *= len(table)
    return index[np.lexsort(index.T[::-1])]


def _expanded(
    space: SpaceModel, component: Component, column: int, table: dict[int, Positions], n: int
) -> tuple[dict[int, Positions], NDArray[np.int64]]:
    """Each row times each value of one more parameter, less what is forbidden; and the row each came from."""
    active = _active(space, column, table, n)
    low, high = space.lowest[column], space.highest[column]
    copies = np.where(active, high - low + 1, 1)
    source = np.repeat(np.arange(n), copies)
    first = np.cumsum(copies) - copies
    positions = np.where(active[source], np.arange(len(source)) - first[source] + low, INACTIVE)
    table = {c: known[source] for c, known in table.items()} | {column: positions}
    forbidden = np.zeros(len(source), dtype=bool)
    named = {space.names[c]: (space.parameters[c], known) for c, known in table.items()}
    for rule in _decided_at(space, component, column):
        forbidden |= rule.holds(named)
    return {c: known[~forbidden] for c, known in table.items()}, source[~forbidden]


def _active(space: SpaceModel, column: int, table: dict[int, Positions], n: int) -> NDArray[np.bool_]:
    active = np.ones(n, dtype=bool)
    for condition in space.conditions[column]:
        active &= condition.holds(table[condition.parent])
    return active


def _decided_at(space: SpaceModel, component: Component, column: int) -> list[Forbidden]:
    return [r for r in component.rules if max(space.column_number(name) for name in r.reads) == column]


def _last_uses(space: SpaceModel, component: Component) -> dict[int, int]:
    last = {column: column for column in component.columns}
    for child in component.columns:
        for condition in space.conditions[child]:
            last[condition.parent] = max(last[condition.parent], child)
    for rule in component.rules:
        reads = [space.column_number(name) for name in rule.reads]
        for column in reads:
            last[column] = max(last[column], *reads)
    return last


def _merged(table: dict[int, Positions], ways: NDArray) -> tuple[dict[int, Positions], NDArray]:
    """Equal rows become one, and their ways add up."""
    if not len(ways):
        return table, ways
    if not table:
        return {}, ways.sum(keepdims=True)
    order = np.lexsort(list(table.values()))
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    for positions in table.values():
        new[1:] |= positions[order][1:] != positions[order][:-1]
    starts = np.flatnonzero(new)
    table = {c: positions[order[starts]] for c, positions in table.items()}
    return table, np.add.reduceat(ways[order], starts)


def _check_size(space: SpaceModel, column: int, combinations: int, limit: int = MAX_COMBINATIONS) -> None:
    if combinations > limit:
        raise SpaceError(
            f"{space.label}: at parameter {space.names[column]!r} there are {combinations} combinations "
            f"to look at, more than {limit}; use sample() instead"
        )
