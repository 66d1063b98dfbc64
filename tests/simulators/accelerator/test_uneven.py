"""The cost of uneven mappings: against ZigZag, against loop nests that are walked, and on bad input."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.zigzag import (
    Layer,
    MappingError,
    Model,
    UnevenMapping,
    Unrolling,
    layer_of,
    read_hardware,
    read_layer,
    read_unrolling,
)
from cosearch_simulators.accelerator.engines.zigzag import validation as zigzag
from cosearch_simulators.accelerator.engines.zigzag.tables import build_tables
from cosearch_simulators.accelerator.engines.zigzag.timing import _covered
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LoopNest

SAMPLE = Path(__file__).parents[2] / "reference" / "accelerator" / "zigzag" / "cases.jsonl"
CASES = {case["id"]: case for case in read_cases(SAMPLE)}


@pytest.fixture
def case() -> dict[str, Any]:
    return copy.deepcopy(CASES["zz0023"])


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_mapping_costs_what_zigzag_says(name: str) -> None:
    case = CASES[name]
    out = case["out"]
    cost = zigzag.model_of(case).evaluate(UnevenMapping.of_levels(case["temporal_mapping"]))
    assert cost.latency_cycles == out["latency_total2"]
    assert cost.compute_cycles + cost.stall_cycles == out["latency_total0"]
    assert cost.onloading_cycles == out["data_onloading_cycle"]
    assert cost.offloading_cycles == out["data_offloading_cycle"]
    assert cost.energy_pj == pytest.approx(out["energy_pJ"], rel=1e-12)
    assert {operand: list(levels) for operand, levels in cost.accesses.items()} == out["memory_word_access"]


def test_the_whole_set_is_within_its_bounds(reference: Path) -> None:
    for case in read_cases(reference / "accelerator" / "zigzag" / "cases.jsonl"):
        cost = zigzag.model_of(case).evaluate(UnevenMapping.of_levels(case["temporal_mapping"]))
        assert cost.latency_cycles == case["out"]["latency_cycles"], case["id"]
        assert cost.energy_pj == pytest.approx(case["out"]["energy_pJ"], rel=1e-12), case["id"]


def test_validation_fails_where_a_number_is_off() -> None:
    cases = [copy.deepcopy(CASES["zz0087"]), copy.deepcopy(CASES["zz0000"])]
    assert zigzag.validate(cases).passed
    cases[0]["out"]["energy_pJ"] *= 1.2
    table = zigzag.validate(cases)
    assert not table.passed
    assert [line.split(":")[0] for line in table.failures] == ["zz0087 energy_pj"]


def _one_unit(sizes: dict[str, int]) -> Model:
    """A convolution along a row on a single unit, with ports as wide as an element: accesses are elements."""
    alike = {"bandwidth_min": 8, "bandwidth_max": 8}
    ways = [f"{operand}, {way}" for operand in ("W", "I", "O") for way in ("tl", "fl", "th", "fh")]
    memories = {
        name: {
            "size": 10**9,
            "r_cost": 1,
            "w_cost": 1,
            "operands": ["W", "I", "O"],
            "ports": [{"name": "port", "allocation": ways, **alike}],
            "served_dimensions": ["D1"],
        }
        for name in ("inner", "middle", "outer")
    }
    array = {"unit_energy": 0, "dimensions": ["D1"], "sizes": [1]}
    indices = {
        "W": (((1, "K"),), ((1, "C"),), ((1, "FX"),)),
        "I": (((1, "C"),), ((2, "OX"), (1, "FX"))),
        "O": (((1, "K"),), ((1, "OX"),)),
    }
    layer = Layer("row", sizes, indices, {"W": 8, "I": 8, "O": 8}, 8)
    links = {operand: operand for operand in indices}
    return Model(
        read_hardware({"memories": memories, "operational_array": array}), layer, Unrolling({}, links)
    )


def _walked(model: Model, operand: str, loops: Sequence[tuple[str, int]], held: int) -> tuple[int, int, bool]:
    """Tiles that a level with the `held` innermost loops sees one after the other, elements of a tile, and
    whether one comes back; found by walking the loops."""
    layer = model.layer
    inner, outer = loops[:held], [loop for loop in loops[held:] if loop[0] in layer.relevant(operand)]
    elements = set()
    for values in itertools.product(*(range(size) for _, size in inner)):
        at = dict.fromkeys(layer.loops, 0)
        stride = dict.fromkeys(layer.loops, 1)
        for (loop, size), value in zip(inner, values, strict=True):
            at[loop] += value * stride[loop]
            stride[loop] *= size
        elements.add(
            tuple(sum(factor * at[loop] for factor, loop in index) for index in layer.indices[operand])
        )
    seen: list[tuple[int, ...]] = []
    for values in itertools.product(*(range(size) for _, size in reversed(loops[held:]))):
        named = list(zip(reversed(loops[held:]), values, strict=True))
        tile = tuple(value for loop, value in named if loop in outer)
        if not seen or seen[-1] != tile:
            seen.append(tile)
    return len(seen), len(elements), len(set(seen)) < len(seen)


@st.composite
def _nests(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, int]], dict[str, tuple[int, int]]]:
    factors = draw(
        st.lists(
            st.tuples(st.sampled_from(["K", "C", "OX", "FX"]), st.integers(2, 3)), min_size=1, max_size=5
        )
    )
    sizes = {loop: prod(size for name, size in factors if name == loop) for loop in ("K", "C", "OX", "FX")}
    ends = {}
    for operand in ("W", "I", "O"):
        first, second = sorted(draw(st.tuples(*[st.integers(0, len(factors))] * 2)))
        ends[operand] = (first, second)
    return sizes, factors, ends


@settings(max_examples=60)
@given(_nests())
def test_accesses_are_those_of_the_walked_loops(
    nest: tuple[dict[str, int], list[tuple[str, int]], dict[str, tuple[int, int]]],
) -> None:
    sizes, loops, ends = nest
    model = _one_unit(sizes)
    boundaries = {operand: (*own, len(loops)) for operand, own in ends.items()}
    cost = model.evaluate(UnevenMapping(tuple(loops), boundaries))
    for operand in ("W", "I", "O"):
        for level in range(3):
            held = boundaries[operand][level - 1] if level else 0
            tiles, elements, again = _walked(model, operand, loops, held)
            found, below = cost.accesses[operand][level], cost.accesses[operand][level - 1] if level else None
            if operand == "O" and level == 0:  # where there is a sum, the unit adds to what it reads
                tiles, again = model.layer.macs, sizes["C"] * sizes["FX"] > 1
            read = tiles * elements if operand != "O" or again else 0
            written = tiles * elements if operand == "O" else 0
            assert (found["rd_out_to_low"], found["wr_in_by_low"]) == (read, written)
            if below is not None:
                assert (below["wr_in_by_high"], below["rd_out_to_high"]) == (read, written)


@settings(max_examples=60)
@given(st.data())
def test_windows_are_covered_as_if_every_cycle_were_looked_at(data: st.DataObject) -> None:
    factors = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    periods = np.cumprod(factors)
    windows = [data.draw(st.integers(0, int(period))) for period in periods]
    link = np.zeros((len(periods), 4), np.int64)
    link[:, 1], link[:, 3] = periods, windows
    cycles = int(periods[-1]) * data.draw(st.integers(1, 3))
    covered = np.zeros(cycles, bool)
    for period, window in zip(periods, windows, strict=True):
        covered |= np.arange(cycles) % period < window
    order = np.array(data.draw(st.permutations(range(len(periods)))), np.int64)
    gap, hidden = np.zeros(len(periods), np.int64), np.zeros(len(periods), np.int64)
    assert _covered(link, order, gap, hidden, cycles) == covered.sum()


def test_a_batch_costs_what_its_mappings_cost_alone(case: dict[str, Any]) -> None:
    model = zigzag.model_of(case)
    loops = UnevenMapping.of_levels(case["temporal_mapping"]).loops
    mappings = [
        UnevenMapping(order, {"W": (len(order), len(order)), "I": (len(order),) * 2, "O": (0, 2, len(order))})
        for order in itertools.islice(itertools.permutations(loops), 0, 100, 7)
    ]
    rows = [np.stack(column) for column in zip(*(model.encode(mapping) for mapping in mappings), strict=True)]
    latency, energy, over = model.evaluate_batch(*rows)
    costs = [model.evaluate(mapping) for mapping in mappings]
    assert list(latency) == [cost.latency_cycles for cost in costs]
    assert list(energy) == [cost.energy_pj for cost in costs]
    assert not over.any()


def test_the_shared_loop_nest_is_the_same_layer_as_zigzags() -> None:
    case = CASES["zz0076"]
    layer = layer_of(
        LoopNest.of({"K": 256, "C": 256, "P": 14, "Q": 14, "R": 3, "S": 3}),
        {"Weights": 8, "Inputs": 8, "Outputs": 16},
        8,
    )
    names = {"K": "K", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S"}
    operands = {"W": "Weights", "I": "Inputs", "O": "Outputs"}
    theirs = zigzag.model_of(case)
    unrolling = Unrolling(
        {
            dimension: tuple((names[loop], size) for loop, size in own)
            for dimension, own in theirs.unrolling.along.items()
        },
        {operands[operand]: held for operand, held in theirs.unrolling.links.items()},
    )
    mapping = UnevenMapping.of_levels(case["temporal_mapping"])
    renamed = UnevenMapping(
        tuple((names[loop], size) for loop, size in mapping.loops),
        {operands[operand]: ends for operand, ends in mapping.boundaries.items()},
    )
    cost = Model(theirs.hardware, layer, unrolling).evaluate(renamed)
    assert cost.latency_cycles == case["out"]["latency_cycles"]
    assert cost.energy_pj == pytest.approx(case["out"]["energy_pJ"])


def test_levels_of_a_mapping_survive_reading_and_writing(case: dict[str, Any]) -> None:
    levels = case["temporal_mapping"]
    assert UnevenMapping.of_levels(levels).levels() == levels


def test_a_mapping_that_does_not_cover_a_loop_is_named(case: dict[str, Any]) -> None:
    mapping = UnevenMapping.of_levels(case["temporal_mapping"])
    short = UnevenMapping(
        mapping.loops[:-1],
        {operand: tuple(min(end, 4) for end in ends) for operand, ends in mapping.boundaries.items()},
    )
    with pytest.raises(MappingError, match=r"loop D0 of 77 needs 77 iterations in time, got 11"):
        zigzag.model_of(case).evaluate(short)


def test_a_memory_that_overflows_is_named_with_the_excess(case: dict[str, Any]) -> None:
    case["hardware"]["memories"]["rf_128B"]["size"] = 100
    model, mapping = zigzag.model_of(case), UnevenMapping.of_levels(case["temporal_mapping"])
    with pytest.raises(MappingError, match="'rf_128B' holds 100 bits, the mapping needs 224: 124 too many"):
        model.evaluate(mapping)
    assert model.evaluate(mapping, capacity=False).energy_pj == pytest.approx(case["out"]["energy_pJ"])


def test_operands_with_different_orders_are_refused(case: dict[str, Any]) -> None:
    case["temporal_mapping"]["W"][0].reverse()
    with pytest.raises(MappingError, match="all operands have the same loop order"):
        UnevenMapping.of_levels(case["temporal_mapping"])


def _set(case: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    at: Any = case
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at[int(last) if isinstance(at, list) else last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("hardware/memories/dram/size", 0, r"hardware field memories\.dram\.size: .* greater than 0"),
        ("hardware/memories/dram/served_dimensions", ["D3"], "serves array dimension 'D3'.*D1, D2"),
        ("hardware/memories/dram/served_dimensions", [], "'dram' feeds .* does not serve array dimension"),
        (
            "hardware/memories/dram/ports/0/allocation",
            ["I1, up"],
            "direction of tl, fl, th, fh, got 'I1, up'",
        ),
        ("hardware/memories/dram/ports/0/allocation", ["I1, tl"], "'dram' has no port for 'I2, tl'"),
        ("hardware/memories/dram/ports/0/bandwidth_min", 512, "bandwidth_min 512 is above bandwidth_max 64"),
        ("hardware/operational_array/sizes", [16], "2 dimensions but 1 sizes"),
        ("mapping/0/spatial_mapping/D1", ["D1, 32"], "along D1 needs 32 positions, the array has 16"),
        ("mapping/0/spatial_mapping/D1", ["K, 16"], "unrolling of loop 'K'; valid: D0, D1, D2"),
        ("mapping/0/spatial_mapping/D1", ["D1"], r"spatial_mapping\.D1: expected 'LOOP, POSITIONS'"),
        ("mapping/0/memory_operand_links", {"O": "O", "W": "I2"}, "memory_operand_links has no 'I'"),
        ("mapping/0/memory_operand_links/W", "I3", "no memory holds operand W"),
        ("workload/0/loop_sizes", [77, 0, 53], "loop D1 must have at least 1 iteration, got 0"),
        ("workload/0/loop_sizes", [77, 101], "shorter"),
        ("workload/0/loop_sizes", [2**30, 2**20, 2**20], "more than the"),
        ("workload/0/equation", "O=I*W", "expected an equation"),
        ("workload/0/equation", "O[d0][d1]+=I[d0][d3]*W[d3][d1]", "operand I has index 'D3'"),
    ],
)
def test_what_is_wrong_with_a_description_is_said_in_a_line(
    case: dict[str, Any], path: str, value: Any, message: str
) -> None:
    _set(case, path, value)
    with pytest.raises(ConfigurationError, match=message) as raised:
        build_tables(
            read_hardware(case["hardware"]),
            read_layer(case["workload"][0]),
            read_unrolling(case["mapping"][0]),
        )
    assert "\n" not in str(raised.value)


def test_hardware_is_read_from_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "hardware.json"
    file.write_text(json.dumps(case["hardware"]))
    assert read_hardware(file) == read_hardware(case["hardware"])
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_hardware(tmp_path / "none.yaml")
