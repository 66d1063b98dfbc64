"""One port for reads and writes: a level is busy for the one and then for the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.common.arrays import Mappings
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapper import map_nests
from cosearch_simulators.accelerator.mapper.bounds import lower_bounds
from cosearch_simulators.accelerator.system.architecture import Architecture, preset, presets
from cosearch_simulators.workloads.loop_nest import LoopNest

PRODUCT = LoopNest.of({"K": 4, "C": 4, "P": 4})
"""16 words of each operand."""


def machine(**memory) -> Architecture:
    return Architecture.model_validate(
        {
            "levels": [
                {"name": "Buffer", "capacity_words": 64},
                {"name": "DRAM", "kind": "dram", **memory},
            ],
            "mac": {"per_cycle": 64},
        }
    )


def cycles(architecture: Architecture) -> float:
    """Of the product with everything in the buffer: 32 words read, 16 written, one cycle of computing."""
    ones = np.ones((1, 2, 8), np.int32)
    temporal = ones.copy()
    temporal[0, 0, [2, 3, 4]] = 4
    order = np.tile(np.arange(8, dtype=np.int8), (1, 2, 1))
    return float(
        evaluate([architecture.compile()], [PRODUCT], Mappings(temporal, order, ones, ones)).cycles[0]
    )


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({"read_bandwidth_words": 2, "write_bandwidth_words": 4}, 16),
        ({"read_bandwidth_words": 2, "write_bandwidth_words": 4, "shared_bandwidth": True}, 16 + 4),
        ({"read_bandwidth_words": 4, "write_bandwidth_words": 1, "shared_bandwidth": True}, 8 + 16),
        ({"read_bandwidth_words": 2, "shared_bandwidth": True}, 16 + 8),
        ({"write_bandwidth_words": 2, "shared_bandwidth": True}, 16 + 8),
        ({"read_bandwidth_words": 64, "write_bandwidth_words": 64, "shared_bandwidth": True}, 1),
        ({"shared_bandwidth": True}, 1),
    ],
)
def test_reads_and_writes_take_turns_where_they_share_a_port(memory, expected) -> None:
    assert cycles(machine(**memory)) == expected


def test_the_best_mapping_of_a_product_reads_and_writes_every_word_once() -> None:
    shared = machine(read_bandwidth_words=2, write_bandwidth_words=4, shared_bandwidth=True).compile()
    assert map_nests([shared], [PRODUCT], "latency", threads=1).costs.cycles[0] == 20
    assert lower_bounds(shared, PRODUCT).cycles == 20


@settings(max_examples=150)
@given(st.data())
def test_a_shared_port_takes_the_longer_of_both_at_least_and_the_sum_at_most(data: st.DataObject) -> None:
    factor = st.sampled_from([1, 1, 2, 3])
    temporal = np.array([[data.draw(factor) for _ in range(8)] for _ in range(3)], np.int32)
    spread = np.ones((3, 8), np.int32)
    spread[1] = [data.draw(factor) for _ in range(8)]
    order = np.array([data.draw(st.permutations(range(8))) for _ in range(3)], np.int8)
    sizes = (temporal * spread).prod(axis=0)
    nest = LoopNest(tuple(int(size) - data.draw(st.integers(0, 1)) * int(size > 1) for size in sizes))
    rate = st.sampled_from([0.25, 1.0, 3.0, 64.0])
    rows = [
        {"name": "Register", "capacity_words": 10**9},
        {"name": "Buffer", "capacity_words": 10**9, "array": (3**8,)},
        {"name": "DRAM", "kind": "dram"},
    ]
    for row in rows:
        row |= {"read_bandwidth_words": data.draw(rate), "write_bandwidth_words": data.draw(rate)}
    level = data.draw(st.integers(0, 2))

    def run(**changes) -> float:
        mine = [row | (changes if number == level else {}) for number, row in enumerate(rows)]
        compiled = Architecture.model_validate({"levels": mine}).compile()
        mappings = Mappings(temporal[None], order[None], spread[None], np.ones((1, 3, 8), np.int32))
        costs = evaluate([compiled], [nest], mappings, threads=1)
        assert costs.valid[0], costs.reason(0)
        return float(costs.cycles[0])

    shared = run(shared_bandwidth=True)
    assert shared >= run()
    assert shared <= run(read_bandwidth_words=None) + run(write_bandwidth_words=None)


@pytest.mark.parametrize("name", presets())
def test_the_memories_of_the_presets_are_one_bus(name) -> None:
    assert preset(name).levels[-1].shared_bandwidth
