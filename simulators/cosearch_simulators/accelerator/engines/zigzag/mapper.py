"""The mapper: the uneven mapping of a layer with the least latency, energy or energy-delay product.

Small layers are searched through: every order of the prime factors of the temporal loops, with every choice
of boundaries. Of others, factors are first multiplied until at most `loop_limit` are left, as LOMA does
(Symons et al., AICAS 2021), all their orders tried with greedy boundaries, and the best then refined by local
search over the prime factors and the boundaries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial, prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.zigzag import kernel
from cosearch_simulators.accelerator.engines.zigzag.mapping import (
    MappingError,
    Model,
    UnevenCost,
    UnevenMapping,
)
from cosearch_simulators.core.names import hint

Objective = Literal["latency", "energy", "edp"]

OBJECTIVES = ("latency", "energy", "edp")

EVALUATIONS = 4_000
"""Mappings that the local search looks at unless told otherwise."""

LOOP_LIMIT = 6
"""ZigZag's `lpf_limit`: 720 orders at most."""

FEW_ORDERS = 24
"""Layers with at most so many orders of their prime factors are searched through if the budget allows."""


@dataclass(frozen=True)
class MapperResult:
    """The best mapping that was found.

    Attributes:
        mapping: the mapping.
        cost: what it costs.
        evaluations: mappings that were looked at.
        exhaustive: whether these were all there are.
    """

    mapping: UnevenMapping
    cost: UnevenCost
    evaluations: int
    exhaustive: bool


def find_mapping(
    model: Model,
    objective: Objective = "edp",
    *,
    evaluations: int = EVALUATIONS,
    loop_limit: int = LOOP_LIMIT,
    seed: int = 0,
) -> MapperResult:
    """The best mapping for an objective.

    Args:
        model: the layer on its accelerator.
        objective: "latency" in cycles, "energy" in pJ, or "edp", their product.
        evaluations: budget of the local search; the first phases add at most as many.
        loop_limit: how many factors the first phase permutes.
        seed: of the local search.

    Raises:
        MappingError: no mapping fits into the memories.
        ValueError: an unknown objective, or a budget or limit below 1.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective {objective!r}{hint(objective, list(OBJECTIVES))}")
    if min(evaluations, loop_limit) < 1:
        raise ValueError(f"evaluations and loop_limit must be at least 1, got {evaluations} and {loop_limit}")
    number, tables, names = OBJECTIVES.index(objective), model.tables, list(model.layer.loops)
    primes = {names.index(loop): prime_factors(size) for loop, size in model.temporal.items() if size > 1}
    spent, starts, given, held = 0, [], [], []
    nothing = np.zeros_like(tables.memory)
    if orders(primes) <= FEW_ORDERS:
        loops, sizes, keys = _coded(primes)
        best, gives, cost, _, spent, complete = kernel.search_everything(
            tables, loops, sizes, keys, number, evaluations
        )
        if np.isfinite(cost):
            starts.append((loops[best], sizes[best]))
            given.append(gives)
            held.append(nothing)
        if complete:
            return _result(model, starts, given, held, number, 1, seed, spent, exhaustive=True)
    loops, sizes, keys = _coded(limited(primes, loop_limit))
    found, levels, scores, tried = kernel.best_orders(tables, loops, sizes, keys, number, evaluations)
    for row, ends, cost in zip(found, levels, scores[:, 0], strict=True):
        if np.isfinite(cost):
            starts.append(_split(loops[row], sizes[row]))
            given.append(np.zeros(len(tables.holders), np.int64))
            parts = [len(prime_factors(int(size))) for size in sizes[row]]
            held.append(np.concatenate(([0], np.cumsum(parts, dtype=np.int64)))[ends])
    if not starts:  # greedy levels leave no room further out: begin with levels that take nothing
        starts.append(_split(loops[keys], sizes[keys]))
        given.append(np.full(len(tables.holders), len(starts[0][0]), np.int64))
        held.append(nothing)
    return _result(model, starts, given, held, number, evaluations, seed, spent + tried, exhaustive=False)


def prime_factors(number: int) -> tuple[int, ...]:
    """Ascending."""
    factors, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return (*factors, number) if number > 1 else tuple(factors)


def limited(factors: Mapping[int, tuple[int, ...]], limit: int) -> dict[int, tuple[int, ...]]:
    """Factors of every loop, the two smallest of the loop with the most multiplied until few are left."""
    left = {loop: tuple(own) for loop, own in factors.items()}
    while sum(len(own) for own in left.values()) > limit:
        loop = max(left, key=lambda name: len(left[name]))
        if len(left[loop]) == 1:
            break
        first, second, *others = left[loop]
        left[loop] = tuple(sorted((first * second, *others)))
    return left


def orders(factors: Mapping[int, tuple[int, ...]]) -> int:
    """How many different orders these factors have."""
    count = Counter((loop, size) for loop, own in factors.items() for size in own)
    return factorial(count.total()) // prod(factorial(repeats) for repeats in count.values())


def _coded(
    factors: Mapping[int, tuple[int, ...]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Loop and size of every distinct factor, and the multiset of them as ascending numbers."""
    every = sorted((loop, size) for loop, own in factors.items() for size in own)
    distinct = sorted(set(every))
    pairs = np.array(distinct, np.int64).reshape(-1, 2)
    keys = np.array([distinct.index(pair) for pair in every], np.int64)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]), keys


def _split(loops: NDArray[np.int64], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same order with every factor as its primes."""
    parts = [
        (loop, prime) for loop, size in zip(loops, sizes, strict=True) for prime in prime_factors(int(size))
    ]
    pairs = np.array(parts, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def _result(
    model: Model,
    starts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    given: list[NDArray[np.int64]],
    held: list[NDArray[np.int64]],
    objective: int,
    evaluations: int,
    seed: int,
    spent: int,
    *,
    exhaustive: bool,
) -> MapperResult:
    found = starts and kernel.refine(
        model.tables,
        np.stack([order for order, _ in starts]),
        np.stack([own for _, own in starts]),
        np.stack(given),
        np.stack(held),
        objective,
        evaluations,
        seed,
    )
    if not found or not np.isfinite(found[3]):
        smallest = ", ".join(f"{memory.name} {memory.size_bits} bits" for memory in model.hardware.memories)
        raise MappingError(f"no mapping of layer {model.layer.name} fits into the memories: {smallest}")
    loops, sizes, boundaries, _, _, tried = found
    names = list(model.layer.loops)
    mapping = UnevenMapping(
        tuple((names[loop], int(size)) for loop, size in zip(loops, sizes, strict=True)),
        {
            operand: tuple(int(end) for end in boundaries[a, : model.tables.levels[a]])
            for a, operand in enumerate(model.layer.operands)
        },
    )
    return MapperResult(mapping, model.evaluate(mapping), spent + tried, exhaustive)
