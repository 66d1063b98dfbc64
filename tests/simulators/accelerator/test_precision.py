"""Operands of different precision: bits held, moved and paid for, counted by hand from the elements moved."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN, FILLS, READS, TILE, UPDATES
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapper import map_nests, map_network
from cosearch_simulators.accelerator.mapping.mapping import Mapping
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import Convolution, LoopNest, Network, Precision

NEST = LoopNest.of({"K": 8, "C": 8, "P": 4})
MAPPING = Mapping.model_validate(
    {
        "levels": [
            {"level": "Buffer", "temporal": {"K": 4, "C": 8}, "order": ["C", "K"]},
            {"level": "DRAM", "temporal": {"K": 2, "P": 4}, "order": ["P", "K"]},
        ]
    }
)
PRECISION = Precision(weight_bits=4, input_bits=8, output_bits=8, accumulation_bits=32)
BITS = np.array([[4, 8, 32], [4, 8, 8]])
"""Of weights, inputs and outputs in the buffer and in the backing store."""


def machine(capacity_words: int = 1000, buffer_word_bits: int = 16) -> Architecture:
    return Architecture.model_validate(
        {
            "levels": [
                {
                    "name": "Buffer",
                    "capacity_words": capacity_words,
                    "word_bits": buffer_word_bits,
                    "read_bandwidth_words": 0.5,
                    "write_bandwidth_words": 0.125,
                    "read_energy_pj": 3.0,
                    "write_energy_pj": 5.0,
                },
                {
                    "name": "DRAM",
                    "kind": "dram",
                    "word_bits": 64,
                    "read_bandwidth_words": 0.25,
                    "write_bandwidth_words": 0.25,
                    "read_energy_pj": 100.0,
                },
            ]
        }
    )


def test_energy_and_time_are_those_of_the_bits_that_move() -> None:
    architecture = machine()
    costs = evaluate(
        [architecture.compile(PRECISION)], [NEST], MAPPING.pack(architecture), counts=True, threads=1
    )
    assert costs.valid[0]
    assert costs.counts is not None
    moved = costs.counts[0] * BITS[:, :, None]
    read, written = moved[..., READS], moved[..., FILLS] + moved[..., UPDATES]
    pj = read[0].sum() / 16 * 3 + written[0].sum() / 16 * 5 + (read[1].sum() + written[1].sum()) / 64 * 100
    assert costs.energy_pj[0] == pytest.approx(NEST.macs * architecture.mac_pj + pj, rel=1e-12)
    assert costs.energy_by_level_pj.sum() == pytest.approx(pj, rel=1e-12)
    cycles = max(
        NEST.macs,
        *(read[0].sum() / 16 / 0.5, written[0].sum() / 16 / 0.125),
        *(read[1].sum() / 64 / 0.25, written[1].sum() / 64 / 0.25),
    )
    assert costs.cycles[0] == np.ceil(cycles) > NEST.macs


def test_a_buffer_holds_as_many_bits_as_it_has() -> None:
    tiles = evaluate(
        [machine().compile()], [NEST], MAPPING.pack(machine()), counts=True, threads=1
    ).counts[0, 0, :, TILE]  # fmt: skip
    bits = int((tiles * BITS[0]).sum())
    assert bits % 16 == 0
    for words, valid in ((bits // 16, True), (bits // 16 - 1, False)):
        small = machine(words)
        costs = evaluate([small.compile(PRECISION)], [NEST], MAPPING.pack(small), threads=1)
        assert bool(costs.valid[0]) is valid
    assert costs.reason(0) == f"Buffer overflows by 1 words: {bits // 16} of {bits // 16 - 1}"


def test_operands_of_one_word_cost_what_words_do() -> None:
    architecture = Architecture.model_validate(
        {"levels": [{"name": "Buffer", "capacity_words": 1000}, {"name": "DRAM", "kind": "dram"}]}
    )
    options = {"options": FILL_AND_DRAIN, "threads": 1}
    packed = MAPPING.pack(architecture)
    words = evaluate([architecture.compile()], [NEST], packed, **options)
    bits = evaluate([architecture.compile(Precision(16, 16, 16, 16))], [NEST], packed, **options)
    assert (words.energy_pj, words.cycles) == (bits.energy_pj, bits.cycles)


def test_the_mapper_keeps_to_the_bits() -> None:
    nest = LoopNest.of({"K": 64, "C": 64, "P": 16, "Q": 16, "R": 3, "S": 3})
    narrow, wide = (
        map_nests([machine(2000).compile(precision)], [nest], "energy", threads=1).costs
        for precision in (Precision(4, 4, 4, 8), Precision(16, 16, 16, 32))
    )
    assert narrow.valid.all()
    assert wide.valid.all()
    assert narrow.energy_pj[0] < wide.energy_pj[0]
    assert narrow.cycles[0] < wide.cycles[0]


def test_an_operand_that_is_wider_than_the_units_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="weight_bits 32 is more than the 16 of accelerator's"):
        machine().compile(Precision(weight_bits=32))


def test_every_operator_of_a_network_runs_in_its_own_precision() -> None:
    low, high = Precision(2, 2, 2, 8), Precision(16, 16, 16, 32)
    sizes = {"in_channels": 16, "out_channels": 16, "in_size": (14, 14), "kernel": (3, 3)}
    layers = [
        Convolution(name=name, precision=precision, **sizes)  # type: ignore[arg-type]
        for name, precision in (("first", high), ("second", low), ("third", high))
    ]
    architectures = [machine(2000), machine(4000)]
    mixed = map_network(architectures, Network("mixed", tuple(layers)), "energy", threads=1)
    assert mixed.valid.all()
    for number, architecture in enumerate(architectures):
        for place, precision in enumerate((high, low, high)):
            compiled = architecture.compile(precision)
            alone = map_nests([compiled], [layers[0].loop_nest()], "energy", threads=1).costs
            assert mixed.layer_energy_pj[number, place] == alone.energy_pj[0]
            assert mixed.layer_cycles[number, place] == alone.cycles[0]
    assert (mixed.layer_energy_pj[:, 1] < mixed.layer_energy_pj[:, 0]).all()
    assert (mixed.rows[:, 0] == mixed.rows[:, 2]).all()
    assert (mixed.rows[:, 0] != mixed.rows[:, 1]).all()
    words = map_network([machine(2000).compile()], Network("mixed", tuple(layers)), "energy", threads=1)
    assert len(set(words.layer_energy_pj[0])) == 1  # what is compiled keeps its precision


def test_fused_layers_run_in_their_own_precision_too() -> None:
    low, high = Precision(2, 2, 2, 8), Precision(16, 16, 16, 32)

    def chain(*precisions: Precision) -> Network:
        layers = tuple(
            Convolution(
                name=f"l{number}", in_channels=8, out_channels=8, in_size=(8, 8), kernel=(1, 1),
                precision=precision,
            )
            for number, precision in enumerate(precisions)
        )  # fmt: skip
        return Network("chain", layers, (("input", "l0"), ("l0", "l1"), ("l1", "l2")))

    energy = {
        name: map_network([machine(4000)], chain(*precisions), "energy", fuse_at="Buffer", threads=1)
        for name, precisions in {"low": [low] * 3, "high": [high] * 3, "mixed": [high, low, high]}.items()
    }
    assert energy["mixed"].groups[0] == (("l0", "l1", "l2"),)
    assert energy["mixed"].layer_energy_pj[0, 1] == energy["low"].layer_energy_pj[0, 1]
    assert energy["mixed"].layer_energy_pj[0, 2] == energy["high"].layer_energy_pj[0, 2]
    assert energy["low"].energy_pj[0] < energy["mixed"].energy_pj[0] < energy["high"].energy_pj[0]


@pytest.mark.parametrize("fuse_at", [None, "Buffer"])
def test_an_operand_that_is_wider_than_the_units_leaves_its_layer_without_mapping(
    fuse_at: str | None,
) -> None:
    layers = tuple(
        Convolution(
            name=name, in_channels=8, out_channels=8, in_size=(8, 8), kernel=(1, 1), precision=precision
        )
        for name, precision in (("narrow", Precision()), ("wide", Precision(weight_bits=32)))
    )
    mapped = map_network([machine()], Network("two", layers, (("narrow", "wide"),)), fuse_at=fuse_at)
    assert not mapped.valid[0]
    assert mapped.reasons[0] == (
        "wide: precision: weight_bits 32 is more than the 16 of accelerator's multiply-accumulate units"
    )
    assert np.isnan(mapped.energy_pj[0])


def test_an_architecture_that_is_not_compiled_has_one_word_an_element() -> None:
    found, words = (map_nests([one], [NEST], threads=1).costs for one in (machine(), machine().compile()))
    assert found.energy_pj[0] == words.energy_pj[0]
