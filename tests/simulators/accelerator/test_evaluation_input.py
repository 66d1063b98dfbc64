"""What the batched evaluation and the documents refuse, each in one line."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapping.mapping import LevelMapping, Mapping, unpack
from cosearch_simulators.accelerator.mapping.templates import template
from cosearch_simulators.accelerator.system.architecture import Architecture, StorageLevel, preset
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import LoopNest

CHIP = preset("tpu")
NEST = LoopNest.of({"K": 64, "C": 64, "P": 28})
PLAIN = template("tpu-like").mapping(CHIP, NEST).pack(CHIP)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temporal": PLAIN.temporal.astype(np.int64) + 2**32}, "temporal must hold whole numbers up to"),
        ({"temporal": PLAIN.temporal + 0.9}, "temporal must hold whole numbers"),
        ({"order": PLAIN.order[:, :, :3]}, r"order must have the shape \(1, 3, 8\), got \(1, 3, 3\)"),
        ({"spatial_x": PLAIN.spatial_x[:, :1]}, "spatial_x must have the shape"),
        ({"keeps": np.ones((1, 3, 2), np.uint8)}, "keeps must have the shape"),
    ],
)
def test_arrays_that_are_no_mappings_are_named(change, message):
    with pytest.raises(ConfigurationError, match=message):
        evaluate([CHIP.compile()], [NEST], replace(PLAIN, **change))


def test_threads_below_one_are_named():
    with pytest.raises(ConfigurationError, match="threads must be at least 1, got -1"):
        evaluate([CHIP.compile()], [NEST], PLAIN, threads=-1)


def test_negative_factors_do_not_cancel_out():
    x, y = PLAIN.spatial_x.copy(), PLAIN.spatial_y.copy()
    x[0, 0, 0] = y[0, 0, 0] = -1
    costs = evaluate([CHIP.compile()], [NEST], replace(PLAIN, spatial_x=x, spatial_y=y))
    assert not costs.valid[0]
    assert "the factor of G must be at least 1, got -1" in costs.reason(0)


def test_more_banks_than_words_are_no_memory():
    with pytest.raises(
        ValueError, match="100000 banks of at least one block of 1 words do not fit into 1000"
    ):
        StorageLevel(name="Buffer", capacity_words=1000, banks=100_000)


@pytest.mark.parametrize("value", [inf, nan])
def test_numbers_that_are_not_finite_are_named(value):
    data = CHIP.model_dump(mode="json")
    data["levels"][1]["read_energy_pj"] = value
    with pytest.raises(ConfigurationError, match="read_energy_pj"):
        parse(Architecture, data)


def test_a_mapping_on_three_axes_survives_the_round_trip():
    levels = list(CHIP.levels)
    levels[1] = levels[1].model_copy(update={"array": (2, 2, 2)})
    cube = CHIP.model_copy(update={"levels": tuple(levels)})
    mapping = Mapping(
        levels=(
            LevelMapping(level="UnifiedBuffer", spatial=({"K": 2}, {"C": 2}, {"P": 2})),
            LevelMapping(level="DRAM", temporal={"K": 32, "C": 32, "P": 14}),
        )
    )
    packed = mapping.pack(cube)
    again = unpack(packed, 0, cube)
    assert again.fault(cube, NEST) == ""
    ours, theirs = (evaluate([cube.compile()], [NEST], m) for m in (packed, again.pack(cube)))
    assert ours.energy_pj[0] == theirs.energy_pj[0]


@pytest.mark.parametrize("sizes", [{"K": 2.5}, {"K": nan}, {"K": 0}, {"K": "3"}])
def test_a_loop_has_a_whole_number_of_iterations(sizes):
    with pytest.raises(ValueError, match="loop K must have at least 1 iteration, a whole number"):
        LoopNest.of(sizes)


def test_a_stride_beyond_all_networks_is_named():
    with pytest.raises(ValueError, match="stride and dilation must be whole numbers from 1 to"):
        LoopNest.of({"K": 2}, stride=(2**62, 1))
