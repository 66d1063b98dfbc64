"""The mapper's tiles as a timeline: worked by hand for one layer, and against the mapper for networks."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.accelerator.engines.npu.mapped_timeline import mapped_latency_ns
from cosearch_simulators.accelerator.mapper import MappingConstraints, map_network
from cosearch_simulators.accelerator.system.architecture import Architecture, Mac, StorageLevel
from cosearch_simulators.workloads import Network, network

NETWORK = network("alexnet").fold_batch_norms()


def architecture(memory: float, buffer_words: int = 65_536) -> Architecture:
    return Architecture(
        mac=Mac(word_bits=8),
        levels=(
            StorageLevel(name="Registers", kind="register_file", capacity_words=64, word_bits=8),
            StorageLevel(name="Buffer", capacity_words=buffer_words, word_bits=8, array=(16, 16)),
            StorageLevel(
                name="DRAM", kind="dram", word_bits=8, read_bandwidth_words=memory,
                write_bandwidth_words=memory, shared_bandwidth=True,
            ),
        ),
    )  # fmt: skip


def latency(workload: Network, one: Architecture, memory: float, clock: float = 1.0, **how) -> float:
    mapped = map_network([one.compile()], workload, threads=1, **how)
    return float(
        mapped_latency_ns(
            mapped, [one.compile()], workload, clock_ghz=[clock], element_bytes=[1.0],
            buffer_bytes=[one.levels[1].capacity_words], memory_gb_per_s=[memory], threads=1,
        )[0]
    )  # fmt: skip


def test_one_tile_is_loaded_computed_and_stored() -> None:
    (last,) = [o for o in NETWORK.operators if o.name == NETWORK.matrix_operators[-1].name]
    alone = Network("one", (last,), ((NETWORK.inputs[0], last.name),), NETWORK.inputs[:1])
    loops = dict.fromkeys("GNKCPQRS", 1)
    whole = MappingConstraints(temporal={"DRAM": loops})
    one = architecture(4.0, buffer_words=2**26)
    mapped = map_network([one.compile()], alone, constraints=whole, threads=1)
    assert mapped.valid[0]
    words = last.tensor_elements
    computing = float(mapped.mappings.temporal[mapped.rows[0, 0]].prod(dtype=np.float64))
    expected = (words["Weights"] + words["Inputs"]) / 4 + computing / 2 + words["Outputs"] / 4
    assert latency(alone, one, 4.0, clock=2.0, constraints=whole) == pytest.approx(expected)


@pytest.mark.parametrize("memory", [2.0, 16.0, 1000.0])
def test_it_is_near_the_mapper_and_never_faster_than_the_bus_or_the_array(memory: float) -> None:
    one = architecture(memory)
    mapped = map_network([one.compile()], NETWORK, threads=1)
    found = latency(NETWORK, one, memory)
    compulsory = sum(sum(o.tensor_elements.values()) for o in NETWORK.matrix_operators) / memory
    assert found >= compulsory
    assert found >= NETWORK.macs / 256
    assert 0.5 * mapped.cycles[0] < found < 2.0 * mapped.cycles[0]


def test_a_faster_clock_and_a_wider_bus_are_twice_as_fast() -> None:
    one, other = architecture(4.0), architecture(4.0)
    assert latency(NETWORK, one, 8.0, clock=2.0) == pytest.approx(latency(NETWORK, other, 4.0) / 2)


def test_a_layer_without_a_mapping_has_no_latency() -> None:
    one = architecture(4.0)
    impossible = MappingConstraints(
        stays={"Registers": {"Weights": True}}, temporal={"Registers": dict.fromkeys("KC", 64)}
    )
    assert np.isnan(latency(NETWORK, one, 4.0, constraints=impossible))
