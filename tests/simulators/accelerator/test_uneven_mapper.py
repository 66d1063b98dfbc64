"""The mapper of uneven mappings: what exhaustive search finds on small layers, never worse than ZigZag."""

from __future__ import annotations

import itertools
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.zigzag import (
    MapperResult,
    MappingError,
    Model,
    Objective,
    find_mapping,
)
from cosearch_simulators.accelerator.engines.zigzag import validation as zigzag
from cosearch_simulators.accelerator.engines.zigzag.mapper import limited, orders, prime_factors
from cosearch_simulators.core.validation.cases import read_cases

SAMPLE = Path(__file__).parents[2] / "reference" / "accelerator" / "zigzag" / "cases.jsonl"
CASES = {case["id"]: case for case in read_cases(SAMPLE)}


def _gemm(name: str, sizes: list[int], memories: dict[str, int]) -> Model:
    """A small matrix product on the hardware of a case, with some memories of another size."""
    case: dict[str, Any] = {**CASES[name]}
    hardware = case["hardware"]["memories"]
    case["hardware"] = case["hardware"] | {
        "memories": {
            key: memory | {"size": memories.get(key, memory["size"])} for key, memory in hardware.items()
        }
    }
    case["workload"] = [case["workload"][0] | {"loop_sizes": sizes}]
    return zigzag.model_of(case)


def _least(model: Model, objective: Objective) -> float:
    """The least objective of all orders of the prime factors and all boundaries, each evaluated."""
    names = list(model.layer.loops)
    factors = [(names.index(loop), p) for loop, size in model.temporal.items() for p in prime_factors(size)]
    n, levels = len(factors), [int(count) for count in model.tables.levels]
    deepest = max(levels)
    ends = [
        [(*own, n) for own in itertools.combinations_with_replacement(range(n + 1), count - 1)]
        for count in levels
    ]
    boundaries = np.array(
        [[(*own, *[0] * (deepest - len(own))) for own in choice] for choice in itertools.product(*ends)]
    )
    best = np.inf
    for order in set(itertools.permutations(factors)):
        loops, sizes = (np.tile(column, (len(boundaries), 1)) for column in np.array(order).T)
        latency, energy, over = model.evaluate_batch(loops, sizes, boundaries)
        cost = {"latency": latency, "energy": energy, "edp": latency * energy}[objective]
        best = min(best, np.where(over > 0, np.inf, cost).min())
    return float(best)


SMALL = {
    "few orders": ("zz0087", [8, 96, 64], {}),
    "few orders, small memories": ("zz0087", [8, 96, 64], {"sram_2MB": 9000, "rf_128B": 16, "rf_2B": 32}),
    "five factors": ("zz0087", [12, 96, 64], {"sram_2MB": 12000, "rf_2B": 16}),
    "four levels": ("zz0033", [28, 24, 6], {"sram_1M": 3000, "rf_64B_A": 24, "sram_8KB": 6000}),
}


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
@pytest.mark.parametrize("name", SMALL)
def test_the_mapper_finds_what_exhaustive_search_finds(name: str, objective: Objective) -> None:
    model = _gemm(*SMALL[name])
    assert _cost(find_mapping(model, objective), objective) == pytest.approx(
        _least(model, objective), rel=1e-12
    )


def test_small_layers_are_searched_through() -> None:
    assert find_mapping(_gemm("zz0087", [8, 96, 64], {})).exhaustive
    assert not find_mapping(_gemm("zz0087", [96, 96, 96], {})).exhaustive


@pytest.mark.parametrize("name", CASES)
def test_the_mapper_is_never_worse_than_zigzag(name: str) -> None:
    out, objective = CASES[name]["out"], CASES[name]["opt"].lower()
    theirs = {"latency": out["latency_cycles"], "energy": out["energy_pJ"]}
    theirs["edp"] = theirs["latency"] * theirs["energy"]
    found = find_mapping(zigzag.model_of(CASES[name]), objective)
    assert _cost(found, objective) <= theirs[objective] * (1 + 1e-12)


def test_the_same_seed_finds_the_same_mapping() -> None:
    model = zigzag.model_of(CASES["zz0002"])
    assert find_mapping(model, "edp", seed=3) == find_mapping(model, "edp", seed=3)


def test_more_evaluations_are_never_worse() -> None:
    model = zigzag.model_of(CASES["zz0076"])
    costs = [_cost(find_mapping(model, "edp", evaluations=budget), "edp") for budget in (500, 4_000, 16_000)]
    assert costs == sorted(costs, reverse=True)


def test_a_layer_without_temporal_loops_has_its_one_mapping() -> None:
    found = find_mapping(_gemm("zz0087", [1, 32, 32], {}))
    assert found.mapping.loops == ()
    assert found.cost.compute_cycles == 1


def test_memories_that_hold_no_tile_are_named() -> None:
    with pytest.raises(MappingError, match=r"no mapping of layer bert_qk fits .* rf_2B 4 bits"):
        find_mapping(_gemm("zz0087", [8, 96, 64], {"rf_2B": 4}))


def test_an_unknown_objective_names_the_nearest() -> None:
    model = zigzag.model_of(CASES["zz0087"])
    with pytest.raises(ValueError, match="'latncy'; did you mean 'latency'"):
        find_mapping(model, "latncy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be at least 1, got 0 and 6"):
        find_mapping(model, evaluations=0)


@given(st.integers(1, 10**6))
def test_prime_factors_multiply_to_their_number(number: int) -> None:
    factors = prime_factors(number)
    assert prod(factors) == number
    assert all(factor > 1 and all(factor % d for d in range(2, int(factor**0.5) + 1)) for factor in factors)


@given(st.lists(st.integers(2, 500), min_size=1, max_size=4), st.integers(1, 8))
def test_limited_factors_keep_their_product(sizes: list[int], limit: int) -> None:
    factors = {loop: prime_factors(size) for loop, size in enumerate(sizes)}
    left = limited(factors, limit)
    assert [prod(left[loop]) for loop in left] == sizes
    assert sum(map(len, left.values())) <= max(limit, len(sizes))
    assert all(factor > 1 for own in left.values() for factor in own)


def test_orders_are_those_of_a_multiset() -> None:
    factors = {0: (2, 2, 3), 1: (2,)}
    every = [(loop, size) for loop, own in factors.items() for size in own]
    assert orders(factors) == len(set(itertools.permutations(every))) == 12


def _cost(found: MapperResult, objective: str) -> float:
    cost = found.cost
    return {
        "latency": cost.latency_cycles,
        "energy": cost.energy_pj,
        "edp": cost.latency_cycles * cost.energy_pj,
    }[objective]
