"""Speed of the accelerator's evaluation on one core.

pytest tests/benchmarks/test_accelerator_speed.py --benchmark-enable
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.workloads.loop_nest import LoopNest

MAPPINGS = 100_000


def random_mappings(nest: LoopNest, number: int, levels: int, seed: int) -> Mappings:
    """Every prime factor of every dimension goes to a random level, in time or in space."""
    rng = np.random.default_rng(seed)
    temporal = np.ones((number, levels, 8), np.int32)
    spatial = np.ones((2, number, levels, 8), np.int32)
    every = np.arange(number)
    for loop, size in enumerate(nest.sizes):
        while size > 1:
            prime = next(p for p in range(2, size + 1) if size % p == 0)
            size //= prime
            slot = rng.integers(0, levels + 2, number)
            for level in range(levels):
                temporal[every[slot == level], level, loop] *= prime
            for axis in range(2):
                spatial[axis, every[slot == levels + axis], 1, loop] *= prime
    order = np.argsort(rng.random((number, levels, 8)), axis=-1).astype(np.int8)
    return Mappings(temporal, order, spatial[0], spatial[1])


def test_a_million_mappings_a_second(benchmark) -> None:
    nest = LoopNest.of({"N": 2, "K": 64, "C": 64, "P": 56, "Q": 56, "R": 3, "S": 3})
    table = np.full((3, nest_tables.LEVEL_COLUMNS), 1.0)
    table[:, nest_tables.SHARED_BANDWIDTH] = 0.0
    table[:, nest_tables.CAPACITY] = table[:, nest_tables.FANOUT_X] = table[:, nest_tables.FANOUT_Y] = np.inf
    architecture = CompiledArchitecture(
        ("RegisterFile", "GlobalBuffer", "DRAM"), table, np.ones((3, 3), np.uint8), np.array([1.0, 1.0])
    )
    mappings = random_mappings(nest, MAPPINGS, 3, seed=0)
    costs = benchmark(lambda: evaluate([architecture], [nest], mappings, threads=1))
    assert costs.valid.all()
    if benchmark.stats is not None:
        benchmark.extra_info["mappings a second"] = MAPPINGS / benchmark.stats.stats.min
        assert MAPPINGS / benchmark.stats.stats.min > 1_000_000


def test_fifteen_thousand_imperfect_mappings_a_second(benchmark) -> None:
    covered = LoopNest.of({"N": 2, "K": 64, "C": 64, "P": 56, "Q": 56, "R": 3, "S": 3})
    nest = LoopNest.of({"N": 2, "K": 62, "C": 60, "P": 55, "Q": 55, "R": 3, "S": 3})
    table = np.full((3, nest_tables.LEVEL_COLUMNS), 1.0)
    table[:, nest_tables.SHARED_BANDWIDTH] = 0.0
    table[:, nest_tables.CAPACITY] = table[:, nest_tables.FANOUT_X] = table[:, nest_tables.FANOUT_Y] = np.inf
    architecture = CompiledArchitecture(
        ("RegisterFile", "GlobalBuffer", "DRAM"), table, np.ones((3, 3), np.uint8), np.array([1.0, 1.0])
    )
    mappings = random_mappings(covered, 2_000, 3, seed=0)
    spread = mappings.spatial_x * mappings.spatial_y
    mappings.temporal[:, 1:, 4:] *= spread[:, 1:, 4:]  # no windows that coincide, which are enumerated
    mappings.spatial_x[:, :, 4:] = mappings.spatial_y[:, :, 4:] = 1
    costs = benchmark(lambda: evaluate([architecture], [nest], mappings, threads=1))
    assert costs.valid.all()
    if benchmark.stats is not None:
        benchmark.extra_info["mappings a second"] = 2_000 / benchmark.stats.stats.min
        assert 2_000 / benchmark.stats.stats.min > 15_000
