"""The problem accelerator-maestrogym: a genome is the dataflow that ArchGym would write."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.testing import check_problem
from cosearch_plugins.accelerator.maestrogym import MAPS, AcceleratorMaestrogym
from cosearch_simulators.accelerator.engines.maestro import Dataflows, Hardware, evaluate_dataflow


def text_of(design, layer):
    """The directives of a design as ArchGym writes them: output rows and columns, a spatial map a level."""
    lines = []
    for suffix in ("l2", "l1"):
        order = list(permutations(MAPS))[design[f"order_{suffix}"]]
        parallel = design[f"parallel_{suffix}"]
        for name in order:
            size = design[f"{name.lower()}_l2"]
            if suffix == "l1":
                size = min(size, design[f"{name.lower()}_l1"])
            kind = "SpatialMap" if name == parallel else "TemporalMap"
            lines.append(f"{kind}({size},{size}) {name}{chr(39) if name in 'XY' else ''};")
        if suffix == "l2":
            lines.append(f"Cluster({design['cluster_pes']}, P);")
    return "\n".join(lines)


def test_it_keeps_the_contract_of_a_problem():
    check_problem(AcceleratorMaestrogym(), designs=6)


@pytest.mark.parametrize("layer", [0, 2, 7])
def test_a_design_is_the_dataflow_that_archgym_would_write(layer):
    problem = AcceleratorMaestrogym(layer=layer)
    designs = problem.space.sample(40, 1)
    outcomes = problem.evaluate(designs)
    for i, design in enumerate(designs):
        flow = Dataflows.parse(problem.layer, text_of(design, problem.layer))
        result = evaluate_dataflow(problem.layer, flow, Hardware(1024, 1 << 30, 1 << 30))
        assert (outcomes.status[i] == "ok") == result.ok[0]
        if result.ok[0]:
            assert outcomes["runtime_cycles"][i] == result.runtime_cycles[0]
            assert outcomes["energy_pj"][i] == result.energy_pj[0]


def test_the_area_is_that_of_gamma():
    problem = AcceleratorMaestrogym(pes=256)
    outcomes = problem.evaluate(problem.space.sample(20, 2))
    for l1, l2, area in zip(outcomes["l1_bytes"], outcomes["l2_bytes"], outcomes["area_um2"], strict=True):
        if np.isfinite(area):
            macros = 4161.536 * np.ceil(l2 / 32768) + 4505.1889 * 256 * np.ceil(l1 / 64)
            assert area == pytest.approx(4470 * 256 + macros)


def test_the_space_is_archgyms_genome():
    problem = AcceleratorMaestrogym()
    assert len(problem.space.names) == 17
    assert problem.sizes == {"S": 3, "R": 3, "K": 64, "C": 64, "X": 56, "Y": 56}
    sizes = 2 * 2 * 64 * 64 * 56 * 56
    assert problem.space.cardinality() == (720 * 4 * sizes) ** 2 * 1024


def test_no_run_is_faster_than_all_pes_at_work():
    problem = AcceleratorMaestrogym(goal="latency")
    outcomes = problem.evaluate(problem.space.sample(300, 0))
    fastest = np.nanmin(outcomes["runtime_cycles"])
    assert fastest * 1024 >= 64 * 64 * 9 * 56 * 56


@pytest.mark.parametrize(("workload", "layer"), [("mobilenet_v2", 1), ("bert_base", 0), ("vgg16", "conv1")])
def test_depthwise_layers_and_matrix_products_run(workload, layer):
    problem = AcceleratorMaestrogym(workload=workload, layer=layer)
    assert np.count_nonzero(problem.evaluate(problem.space.sample(30, 0)).status == "ok") > 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layer": "conv99"}, UnknownNameError, "conv99"),
        ({"layer": 99}, ArgumentError, "layer must be from 0 to"),
        ({"goal": "speed"}, UnknownNameError, "speed"),
        ({"pes": 0}, ArgumentError, "pes must be from 1"),
    ],
)
def test_a_bad_argument_gets_one_line(arguments, error, message):
    with pytest.raises(error, match=message):
        AcceleratorMaestrogym(**arguments)


def test_its_pictures_can_be_drawn():
    problem = AcceleratorMaestrogym(pes=168)
    drawn = drawn_pictures(problem, problem.space.default() | {"cluster_pes": 50})
    assert drawn.missing == ()
    array, energy, roofline = drawn.pictures
    assert roofline.caption.startswith("The memory has no limit")
    assert np.shape(array.traces[0]["z"]) == (3, 50)
    outcomes = problem.evaluate(problem.space.designs([problem.space.default() | {"cluster_pes": 50}]))
    assert sum(np.sum(trace["x"]) for trace in energy.traces) == pytest.approx(outcomes["energy_pj"][0] / 1e6)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_no_mapping_is_above_the_roof(layer):
    problem = AcceleratorMaestrogym(workload="mobilenet_v2", layer=layer, offchip_bandwidth=2, threads=1)
    designs = problem.space.sample(40, 0)
    status = problem.evaluate(designs).status
    for i in np.flatnonzero(status == "ok"):
        roof, point = problem.pictures(designs[int(i)])[2].traces
        intensity, achieved = float(point["x"][0]), float(point["y"][0])
        assert achieved <= np.exp(np.interp(np.log(intensity), np.log(roof["x"]), np.log(roof["y"]))) * (
            1 + 1e-9
        )
