"""The problem accelerator-mapping: the mapping of one operator is the design."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.testing import check_problem
from cosearch_plugins.accelerator.array import used_units
from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_plugins.accelerator.pictures import array_picture
from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapping.mapping import LevelMapping, Mapping
from cosearch_simulators.accelerator.system.architecture import (
    Architecture,
    StorageLevel,
    preset,
    write_architecture,
)


def test_it_keeps_the_contract_of_a_problem():
    check_problem(AcceleratorMapping(), designs=6)


@pytest.mark.parametrize("architecture", ["eyeriss", "nvdla", "shidiannao", "tpu"])
def test_every_design_is_a_mapping_that_runs(architecture):
    problem = AcceleratorMapping(architecture=architecture, workload="mobilenet_v2", layer=1)
    outcomes = problem.evaluate(problem.space.sample(300, 0))
    assert set(outcomes.status) == {"ok"}
    fastest = problem.nest.macs / problem.architecture.units
    assert np.all(outcomes["cycles"] >= fastest)
    assert np.all((outcomes["utilisation"] > 0) & (outcomes["utilisation"] <= 1))
    # Every word of every tensor crosses the memory's edge at least once.
    assert np.all(outcomes["memory_words"] >= problem.nest.tensor_sizes["Outputs"])


def test_a_design_is_the_mapping_that_its_words_say():
    problem = AcceleratorMapping(architecture="tpu", layer="layer1.0.conv1")
    design = problem.space.default() | {
        "spread_UnifiedBuffer_x": "K",
        "spread_UnifiedBuffer_x_size": 64,
        "spread_UnifiedBuffer_y": "C",
        "spread_UnifiedBuffer_y_size": 32,
        "tile_UnifiedBuffer_P": 28,
        "tile_UnifiedBuffer_R": 3,
        "order_UnifiedBuffer": ("P", "R", "K", "C", "Q", "S"),
    }
    written = Mapping(
        levels=(
            LevelMapping(
                level="UnifiedBuffer",
                temporal={"P": 28, "R": 3},
                order=("P", "R"),
                spatial=({"K": 64}, {"C": 32}),
            ),
            LevelMapping(
                level="DRAM",
                temporal={"C": 2, "P": 2, "Q": 56, "S": 3},
                order=problem.space.default()["order_DRAM"],
            ),
        )
    )
    accelerator = preset("tpu")
    exact = evaluate(
        [accelerator.compile()], [problem.nest], written.pack(accelerator), options=FILL_AND_DRAIN
    )
    outcomes = problem.evaluate(problem.space.designs([design]))
    assert outcomes["cycles"][0] == exact.cycles[0]
    assert outcomes["energy_pj"][0] == exact.energy_pj[0]


def test_what_fits_is_not_shrunk_and_what_does_not_is_rejected_on_request():
    shrinking, rejecting = (AcceleratorMapping(overflow=o) for o in ("shrink", "reject"))
    designs = rejecting.space.sample(2000, 0)
    rejected = rejecting.evaluate(designs)
    assert "overflows by" in rejected.reason[list(rejected.status).index("infeasible")]
    fits = rejecting.space.designs([rejecting.space.default() | {"tile_WeightRegister_R": 3}])
    assert rejecting.evaluate(fits)["energy_pj"][0] == shrinking.evaluate(fits)["energy_pj"][0]


def test_no_step_is_wasted_on_a_factor_beyond_what_is_left_of_a_loop():
    # The innermost tiles that fit cover all 64 channels or some; those outside have only the rest left.
    problem = AcceleratorMapping(architecture="tpu", layer="layer1.0.conv1")
    spread = {"spread_UnifiedBuffer_x": "K", "spread_UnifiedBuffer_x_size": 64}
    largest = {name: 64 for name in problem.space.names if name.endswith("_K")}
    design = problem.space.default() | spread | largest
    mappings = problem.mappings(problem.space.designs([design]))
    covered = mappings.temporal[0].prod(axis=0) * (mappings.spatial_x * mappings.spatial_y)[0].prod(axis=0)
    assert covered[2] == 64
    # Ends of loops aside, all steps are of use: a factor wastes less than itself.
    random = problem.mappings(problem.space.sample(500, 0))
    steps = random.temporal.prod(axis=1) * (random.spatial_x * random.spatial_y).prod(axis=1)
    assert np.all(steps < 2.0 ** len(problem.architecture.levels) * np.array(problem.nest.sizes))


@pytest.mark.parametrize("architecture", ["eyeriss", "nvdla", "shidiannao", "tpu"])
def test_no_layer_lies_above_its_roof(architecture):
    problem = AcceleratorMapping(architecture=architecture)
    designs = problem.space.sample(40, 1)
    for i in range(len(designs)):
        roof, point = problem.pictures(designs[i])[2].traces
        slope = roof["y"][0] / roof["x"][0]
        assert point["y"][0] <= min(roof["y"][-1], slope * point["x"][0]) * (1 + 1e-9)


def test_its_pictures_can_be_drawn():
    problem = AcceleratorMapping()
    drawn = drawn_pictures(problem, problem.space.default())
    assert drawn.missing == ()
    assert len(drawn.pictures) == 3
    energy_uj = sum(np.sum(trace["x"]) for trace in drawn.pictures[1].traces)
    assert energy_uj == pytest.approx(
        problem.evaluate(problem.space.designs([problem.space.default()]))["energy_pj"][0] / 1e6
    )


def test_an_accelerator_of_ones_own_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    write_architecture(preset("tpu"), path)
    mine, built_in = AcceleratorMapping(architecture=str(path)), AcceleratorMapping(architecture="tpu")
    designs = mine.space.sample(5, 0)
    assert mine.evaluate(designs)["cycles"].tolist() == built_in.evaluate(designs)["cycles"].tolist()
    path.write_text("name: mine\nlevel: []\n")
    with pytest.raises(ArgumentError, match="level"):
        AcceleratorMapping(architecture=str(path))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"architecture": "eyerris"}, UnknownNameError),
        ({"layer": "conv99"}, UnknownNameError),
        ({"layer": 400}, ArgumentError),
        ({"overflow": "maybe"}, UnknownNameError),
        ({"threads": 0}, ArgumentError),
    ],
)
def test_a_bad_argument_gets_one_line(arguments, error):
    with pytest.raises(error) as raised:
        AcceleratorMapping(**arguments)
    assert "\n" not in str(raised.value)


def test_levels_may_be_called_anything_that_stays_apart(tmp_path):
    path = tmp_path / "mine.yaml"
    levels = "levels: [{name: Global Buffer, capacity_words: 5000, array: [4]}, {name: %s, kind: dram}]\n"
    path.write_text(levels % "off-chip")
    problem = AcceleratorMapping(architecture=str(path))
    assert {"spread_Global_Buffer_x", "order_off_chip"} <= set(problem.space.names)
    assert set(problem.evaluate(problem.space.sample(20, 0)).status) == {"ok"}
    path.write_text(levels % "Global_Buffer")
    with pytest.raises(ArgumentError, match="'Global Buffer' and 'Global_Buffer'"):
        AcceleratorMapping(architecture=str(path))


def test_a_large_array_is_drawn_in_cells_of_several_units():
    used = np.zeros((1000, 300))
    used[:500, :150] = 1.0
    picture = array_picture(1000, 300, used, "")
    cells = picture.traces[0]["z"]
    assert cells.shape == (250, 150)
    assert cells.mean() == pytest.approx(0.25)
    assert "mean of 4 x 2 units" in picture.caption


def test_the_picture_of_an_array_has_all_its_levels():
    problem = AcceleratorMapping(architecture="nvdla", layer=5)
    design = problem.space.default()
    for parameter, value in {
        "spread_Accumulator_x": "C",
        "spread_Accumulator_x_size": 32,
        "spread_ConvolutionBuffer_x": "K",
        "spread_ConvolutionBuffer_x_size": 16,
    }.items():
        design[parameter] = value
    picture = problem.pictures(design)[0]
    busy = np.asarray(picture.traces[0]["z"])
    utilisation = problem.evaluate(problem.space.designs([design]))["utilisation"][0]
    assert busy.shape == (32, 64)  # 32 output channels of 64 multipliers
    assert np.all((busy > 0) == np.outer(np.arange(32) < 16, np.arange(64) < 32))
    assert busy.mean() == pytest.approx(utilisation, abs=1e-4)
    assert picture.caption.startswith("512 of 2,048 units have work (16 of ConvolutionBuffer's 32, 32 of Acc")


def test_instances_of_an_inner_array_are_drawn_as_neighbours():
    inner, outer = (
        StorageLevel(name="A", capacity_words=9, array=(3, 2)),
        StorageLevel(name="B", array=(2, 2)),
    )
    nested = Architecture(levels=(inner, outer.model_copy(update={"kind": "dram"})))
    used = used_units(nested, np.array([[2, 1], [1, 1]], np.int32), np.array([[1, 1], [1, 2]], np.int32))
    block = np.array([[1, 1, 0], [0, 0, 0]])
    assert np.array_equal(used, np.block([[block, 0 * block], [block, 0 * block]]))


def test_neighbour_links_spare_the_buffer_words_that_slide_along_the_array():
    alone = AcceleratorMapping(layer="layer1.0.conv1")
    linked = AcceleratorMapping(layer="layer1.0.conv1", neighbour_links=True)
    slides = {
        "spread_GlobalBuffer_x": "Q",
        "spread_GlobalBuffer_x_size": 14,
        "spread_GlobalBuffer_y": "K",
        "spread_GlobalBuffer_y_size": 8,
        "tile_GlobalBuffer_S": 3,
        "order_GlobalBuffer": ("S", "R", "C", "K", "P", "Q"),
    }
    tiles = {name: 1 for name in alone.space.names if name.startswith("tile_")}
    designs = alone.space.designs([alone.space.default() | tiles | slides])
    without, with_links = alone.evaluate(designs), linked.evaluate(designs)
    assert with_links["energy_pj"][0] < without["energy_pj"][0]
    assert with_links["cycles"][0] <= without["cycles"][0]
    assert with_links["memory_words"][0] == without["memory_words"][0]
    many = alone.space.sample(20, 0)
    assert (linked.evaluate(many)["cycles"] <= alone.evaluate(many)["cycles"]).all()
