"""The batched evaluation: what is invalid and why, order, threads, time and energy."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import Mappings
from cosearch_simulators.accelerator.engines.timeloop import evaluation
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapping.mapping import Mapping, pack
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LoopNest

LAYER = LoopNest.of({"K": 8, "C": 4, "P": 6})
MACHINE = parse(
    Architecture,
    {
        "levels": [
            {"name": "Register", "kind": "register_file", "capacity_words": 16, "read_energy_pj": 1.0},
            {
                "name": "Buffer",
                "capacity_words": 64,
                "array": [4, 2],
                "read_bandwidth_words": 2,
                "read_energy_pj": 5.0,
            },
            {"name": "DRAM", "kind": "dram", "read_energy_pj": 100.0},
        ],
        "mac": {"energy_pj": 0.5},
    },
)


def mapping(**register) -> dict:
    return {
        "levels": [
            {"level": "Register", **register},
            {"level": "Buffer", "temporal": {"C": 4}, "spatial": [{"K": 4}, {"P": 2}]},
            {"level": "DRAM", "temporal": {"K": 2, "P": 3}},
        ]
    }


def cost(data: dict, nest: LoopNest = LAYER, **options):
    return evaluate([MACHINE.compile()], [nest], parse(Mapping, data).pack(MACHINE), **options)


def test_a_mapping_that_covers_the_operator_is_valid() -> None:
    costs = cost(mapping())
    assert costs.valid[0]
    assert costs.reason(0) == ""
    assert costs.macs[0] == 8 * 4 * 6
    assert costs.compute_cycles[0] == 4 * 2 * 3


def test_a_dimension_that_is_not_covered_is_named() -> None:
    assert cost(mapping(), replace(LAYER, sizes=(1, 1, 8, 4, 7, 1, 1, 1))).reason(0) == (
        "the factors of P multiply to 6 and do not cover its 7 iterations"
    )


def test_a_buffer_that_overflows_is_named_with_the_words() -> None:
    costs = cost(mapping(temporal={"C": 6, "K": 3}), LoopNest.of({"K": 24, "C": 24, "P": 6}))
    assert costs.reason(0) == "Register overflows by 11 words: 27 of 16"  # 18 weights, 6 inputs, 3 outputs
    assert np.isnan(costs.cycles[0])


def test_numbers_below_one_are_named() -> None:
    good = parse(Mapping, mapping()).pack(MACHINE)
    for field, value in (("temporal", 0), ("temporal", -2), ("spatial_x", 0)):
        arrays = getattr(good, field).copy()
        arrays[0, 1, 3] = value
        costs = evaluate([MACHINE.compile()], [LAYER], replace(good, **{field: arrays}))
        assert costs.reason(0) == f"Buffer: the factor of C must be at least 1, got {value}"


def test_an_order_must_be_a_permutation() -> None:
    good = parse(Mapping, mapping()).pack(MACHINE)
    order = good.order.copy()
    order[0, 2, 0] = order[0, 2, 1]
    assert evaluate([MACHINE.compile()], [LAYER], replace(good, order=order)).reason(0) == (
        "DRAM: the order must name each of G, N, K, C, P, Q, R, S once"
    )


def test_an_array_that_is_too_small_is_named() -> None:
    good = parse(Mapping, mapping()).pack(MACHINE)
    spatial = good.spatial_y.copy()
    spatial[0, 1, 4] = 3
    assert evaluate([MACHINE.compile()], [LAYER], replace(good, spatial_y=spatial)).reason(0) == (
        "Buffer: 3 instances along Y, the array has 2"
    )


def test_an_operand_that_nothing_feeds_is_named() -> None:
    data = mapping()
    data["levels"][2]["keeps"] = ["Weights", "Outputs"]
    assert cost(data).reason(0) == "nothing feeds Inputs: DRAM, the outermost level, does not keep them"


def test_a_level_may_refuse_an_operand() -> None:
    levels = list(MACHINE.levels)
    levels[0] = levels[0].model_copy(update={"holds": ("Weights",)})
    narrow = MACHINE.model_copy(update={"levels": tuple(levels)})
    packed = parse(Mapping, mapping(keeps=["Inputs"])).pack(narrow)
    assert evaluate([narrow.compile()], [LAYER], packed).reason(0) == "Register cannot hold Inputs"


def test_counts_that_are_too_large_are_refused() -> None:
    data = mapping()
    data["levels"][2]["temporal"] = {"K": 2**30, "P": 2**30}
    costs = cost(data, LoopNest.of({"K": 2**32, "C": 4, "P": 2**31}))
    assert "too many to be counted exactly" in costs.reason(0)


def test_sizes_beyond_64_bits_are_one_clear_line() -> None:
    with pytest.raises(ConfigurationError, match="more iterations than 64 bits can count"):
        cost(mapping(), LoopNest.of({"K": 2**70}))


def test_stalls_fill_and_drain() -> None:
    plain = cost(mapping(), counts=True)
    reads = plain.counts[0, 1, :, nest_tables.READS].sum()
    assert plain.cycles[0] == max(plain.compute_cycles[0], np.ceil(reads / 2))  # two words a cycle
    longer = cost(mapping(), options=nest_tables.FILL_AND_DRAIN)
    # First tiles: 4 x 1 weights and 2 inputs at the registers at 2 words a cycle; the others have no limit.
    assert longer.fill_drain_cycles[0] == 3
    assert longer.cycles[0] == plain.cycles[0] + 3


def test_energy_is_that_of_the_accesses_and_the_macs() -> None:
    costs = cost(mapping(), counts=True)
    accesses = costs.counts[0, :, :, :3].sum((1, 2))
    assert costs.energy_pj[0] == pytest.approx(accesses @ [1.0, 5.0, 100.0] + 0.5 * costs.macs[0])
    assert costs.energy_by_level_pj[0].sum() + 0.5 * costs.macs[0] == pytest.approx(costs.energy_pj[0])


def test_without_multicast_every_receiver_costs_a_read() -> None:
    levels = list(MACHINE.levels)
    levels[1] = levels[1].model_copy(update={"multicast": False, "reduction": False})
    alone = MACHINE.model_copy(update={"levels": tuple(levels)})
    packed = parse(Mapping, mapping()).pack(MACHINE)
    shared, single = (
        evaluate([m.compile()], [LAYER], packed, counts=True).counts[0, 1] for m in (MACHINE, alone)
    )
    assert single[1, nest_tables.READS] == 4 * shared[1, nest_tables.READS]  # K is spread over four
    assert single[0, nest_tables.READS] == 2 * shared[0, nest_tables.READS]  # P over two
    assert single[2, nest_tables.UPDATES] == shared[2, nest_tables.UPDATES]  # nothing is reduced


def test_a_batch_gives_what_each_gives_alone_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    nests = [LAYER, LoopNest.of({"K": 16, "C": 8, "P": 6})]
    choices = [parse(Mapping, mapping(temporal={"C": c, "K": k})) for c in (1, 2, 3) for k in (1, 2, 5)]
    pick, nest_of = rng.integers(0, len(choices), 3000), rng.integers(0, 2, 3000)
    batch = pack([choices[i] for i in pick], MACHINE)
    costs = evaluate([MACHINE.compile()], nests, batch, None, nest_of, threads=3)
    alone = evaluate([MACHINE.compile()], nests, batch, None, nest_of, threads=1)
    np.testing.assert_array_equal(costs.cycles, alone.cycles)
    np.testing.assert_array_equal(costs.energy_pj, alone.energy_pj)
    for i in range(0, 3000, 500):
        single = evaluate([MACHINE.compile()], [nests[nest_of[i]]], choices[pick[i]].pack(MACHINE))
        np.testing.assert_array_equal(single.cycles[0], costs.cycles[i])
        assert single.reason(0) == costs.reason(i)


def test_levels_must_agree() -> None:
    ones = np.ones((1, 2, 8), np.int32)
    with pytest.raises(ConfigurationError, match="mappings for 2 levels do not fit an architecture of 3"):
        evaluate([MACHINE.compile()], [LAYER], Mappings(ones, ones.astype(np.int8), ones, ones))


def test_indices_must_be_in_range() -> None:
    with pytest.raises(ConfigurationError, match="nest_of must be 1 numbers from 0 to 0"):
        evaluate([MACHINE.compile()], [LAYER], parse(Mapping, mapping()).pack(MACHINE), None, np.array([1]))


README = (Path(evaluation.__file__).parents[2] / "README.md").read_text()


def test_the_readme_s_example_runs(capsys) -> None:
    text = README
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), {})
    cycles, energy_pj, utilisation, area_mm2 = map(float, capsys.readouterr().out.splitlines()[0].split())
    assert cycles > 64 * 64 * 56 * 56 * 9 / 168
    assert energy_pj > 0
    assert 0 < utilisation <= 1
    assert area_mm2 > 0


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_every_example_of_the_readme_runs(code, capsys, monkeypatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    exec(code, {})
    assert capsys.readouterr().out.strip()


def test_the_readme_has_a_chapter_on_every_part() -> None:
    folder = Path(evaluation.__file__).parents[2]
    parts = [path.name for path in folder.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert "mapper" in parts
    for part in parts:
        assert f"{part}/" in README, part


def test_the_readme_s_mapping_is_one() -> None:
    text = README
    data = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1))
    machine = parse(
        Architecture,
        {
            "levels": [
                {"name": "RegisterFile", "capacity_words": 64},
                {"name": "GlobalBuffer", "capacity_words": 131072, "array": [14, 14]},
                {"name": "DRAM", "kind": "dram"},
            ]
        },
    )
    layer = LoopNest.of({"K": 64, "C": 64, "P": 56, "Q": 56, "R": 3, "S": 3})
    assert parse(Mapping, data).fault(machine, layer) == ""
