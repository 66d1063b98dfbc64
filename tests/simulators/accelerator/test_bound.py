"""The closed-form bound: below every mapping that the mapper finds, and exact where there is no choice."""

from __future__ import annotations

from itertools import product
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.bound import BoundedNetwork, area_mm2, machines
from cosearch_simulators.accelerator.engines.bound.spread import SHARE_INPUTS, STEPS, fit
from cosearch_simulators.accelerator.mapper import map_network, of_template
from cosearch_simulators.accelerator.mapping.templates import TEMPLATES, template
from cosearch_simulators.accelerator.system.architecture import Architecture, Mac, StorageLevel
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import Network, Precision, network
from cosearch_simulators.workloads.loop_nest import LOOPS

ACCUMULATION_BITS = 32
FLOWS = {entry.name: entry for entry in TEMPLATES}
SEARCHED = (
    "row-stationary", "weight-stationary", "output-stationary", "input-stationary", "nvdla-like", "flexible",
)  # fmt: skip


def random_designs(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {
        "columns": (4, 8, 16, 32, 64), "rows": (4, 8, 16, 32, 64), "register_words": (16, 64, 512),
        "buffer_kib": (32, 256, 2048), "buffer_banks": (1, 8, 32), "buffer_rate": (8.0, 32.0, 128.0),
        "memory_gb_per_s": (3.2, 12.8, 51.2), "bits": (8, 16),
    }  # fmt: skip
    return {name: rng.choice(of, count) for name, of in values.items()}


def architecture(design: dict[str, np.ndarray], i: int, read_pj: float | None = None) -> Architecture:
    bits = int(design["bits"][i])
    rate, memory = float(design["buffer_rate"][i]), float(design["memory_gb_per_s"][i]) / (bits / 8)
    return Architecture(
        technology_nm=22.0,
        mac=Mac(word_bits=bits),
        levels=(
            StorageLevel(
                name="Registers", kind="register_file", word_bits=bits, read_energy_pj=read_pj,
                capacity_words=int(design["register_words"][i]),
            ),
            StorageLevel(
                name="Buffer", word_bits=bits, banks=int(design["buffer_banks"][i]),
                capacity_words=int(design["buffer_kib"][i]) * 8192 // bits,
                read_bandwidth_words=rate, write_bandwidth_words=rate,
                array=(int(design["columns"][i]), int(design["rows"][i])),
            ),
            StorageLevel(
                name="DRAM", kind="dram", word_bits=bits, read_bandwidth_words=memory,
                write_bandwidth_words=memory, shared_bandwidth=True,
            ),
        ),
    )  # fmt: skip


def machines_of(design: dict[str, np.ndarray], like: Architecture):
    bits = design["bits"]
    return machines(
        like,
        **{
            name: design[name]
            for name in ("columns", "rows", "register_words", "buffer_banks", "buffer_rate")
        },
        buffer_words=design["buffer_kib"] * 8192 // bits,
        memory_rate=design["memory_gb_per_s"] / (bits / 8),
        bits=bits,
        accumulation_bits=ACCUMULATION_BITS,
    )


@pytest.mark.parametrize("read_pj", [None, 0.5])
def test_energies_rates_and_areas_are_those_of_the_architecture(read_pj: float | None) -> None:
    design = random_designs(30, 1)
    like = architecture(design, 0, read_pj)
    found = machines_of(design, like)
    areas = area_mm2(like, found, design["bits"])
    for i in range(30):
        one = architecture(design, i, read_pj)
        bits = int(design["bits"][i])
        table = one.compile(Precision(bits, bits, bits, ACCUMULATION_BITS)).table
        assert found.register_pj[i].tolist() == pytest.approx(table[0, [7, 10]].tolist())
        assert found.buffer_pj[i].tolist() == pytest.approx(table[1, [7, 10]].tolist())
        assert found.memory_pj[i].tolist() == pytest.approx(table[2, [7, 10]].tolist())
        assert found.mac_pj[i] == pytest.approx(one.mac_pj)
        assert found.sum_words[i] == table[0, 15]
        assert areas[i] == sum(one.area_by_part_mm2().values())


@pytest.mark.parametrize("goal", ["latency", "energy", "edp"])
@pytest.mark.parametrize("name", ["alexnet", "resnet18", "mobilenet_v2", "unet", "gpt2"])
def test_no_mapping_is_below(name: str, goal: str) -> None:
    workload = network(name, **{"sequence_length": 8} if name == "gpt2" else {}).fold_batch_norms()
    design = random_designs(9, len(name) + len(goal))
    bounded = BoundedNetwork(workload)
    flows = [SEARCHED[i % len(SEARCHED)] for i in range(9)]
    bounds = bounded.bounds(machines_of(design, architecture(design, 0)), flows, FLOWS)
    for i, flow in enumerate(flows):
        bits = int(design["bits"][i])
        one = architecture(design, i)
        mapped = map_network(
            [one.compile(Precision(bits, bits, bits, ACCUMULATION_BITS))],
            workload,
            goal,
            constraints=None if flow == "flexible" else of_template(template(flow), one),
            threads=1,
        )
        assert mapped.valid[0] == (not bounds.reason[i]), mapped.reasons
        if mapped.valid[0]:
            assert bounds.cycles[i] <= mapped.cycles[0]
            assert bounds.energy_pj[i] <= mapped.energy_pj[0] * (1 + 1e-9)
            assert bounds.energy_pj[i] > 0.1 * mapped.energy_pj[0]


sizes = st.integers(1, 7)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[sizes] * 4),
    st.tuples(*[st.booleans()] * 4),
    st.tuples(*[st.booleans()] * 4),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_least_steps_are_those_of_the_best_way_to_spread(some, along_x, along_y, columns, rows) -> None:
    loops = [LOOPS.index(loop) for loop in "KCPR"]
    nest, x, y = np.ones(8, np.int64), np.zeros(8, bool), np.zeros(8, bool)
    nest[loops], x[loops], y[loops] = some, along_x, along_y

    def ways(allowed, units):
        choices = [range(1, units + 1) if fine else (1,) for fine in allowed]
        return [way for way in product(*choices) if prod(way) <= units]

    best = min(
        prod(ceil(size / (a * b)) for size, a, b in zip(some, one, other, strict=True))
        for one in ways(along_x, columns)
        for other in ways(along_y, rows)
    )
    assert fit(nest, x, y, columns, rows)[STEPS] == best


def test_filters_and_crossed_windows_share_inputs() -> None:
    def shared(along_x: str, along_y: str, **of: int) -> float:
        nest = np.array([of.get(loop, 1) for loop in LOOPS])
        x, y = (np.array([loop in axis for loop in LOOPS]) for axis in (along_x, along_y))
        return fit(nest, x, y, 8, 4)[SHARE_INPUTS]

    assert shared("K", "C", K=6, C=9) == 6
    assert shared("P", "C", P=8, C=4) == 1
    assert shared("P", "R", P=8, R=3) == 3


def test_a_dataflow_that_does_not_admit_an_operator_says_so() -> None:
    design = random_designs(2, 3)
    flows = {"no-groups": template("tpu-like"), "free": template("nvdla-like")}
    bounds = BoundedNetwork(network("mobilenet_v2")).bounds(
        machines_of(design, architecture(design, 0)), ["no-groups", "free"], flows
    )
    assert "runs one iteration of G only" in bounds.reason[0]
    assert np.isnan(bounds.cycles[0])
    assert np.isfinite(bounds.cycles[1])


def test_a_design_has_its_own_numbers_in_any_batch() -> None:
    design = random_designs(40, 5)
    flows = [SEARCHED[i % len(SEARCHED)] for i in range(40)]
    like = architecture(design, 0)
    bounded = BoundedNetwork(network("resnet18"))
    together = bounded.bounds(machines_of(design, like), flows, FLOWS)
    some = {name: column[::-7] for name, column in design.items()}
    alone = BoundedNetwork(network("resnet18")).bounds(machines_of(some, like), flows[::-7], FLOWS)
    assert together.cycles[::-7].tolist() == alone.cycles.tolist()
    assert together.energy_pj[::-7].tolist() == alone.energy_pj.tolist()


def test_a_network_without_multiplications_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no operator with multiplications"):
        BoundedNetwork(Network("nothing", ()))
