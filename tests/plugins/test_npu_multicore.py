"""The problem npu-multicore."""

from __future__ import annotations

import gymnasium
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import cosearch  # noqa: F401
from cosearch.drawing import drawn_pictures
from cosearch.errors import UnknownNameError, WorkloadError
from cosearch.testing import check_problem
from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_plugins.accelerator.npu_multicore import NpuMulticore


def test_it_keeps_the_contract_of_a_problem():
    check_problem(NpuMulticore(workload="mobilenet_v2"), designs=6)


def test_the_latency_lies_between_the_roofline_and_the_serial_sum():
    problem = NpuMulticore(workload="squeezenet1_1")
    outcomes = problem.evaluate(problem.space.sample(60, 3))
    ok = outcomes.status == "ok"
    assert ok.sum() > 20
    latency = outcomes["latency_ns"][ok]
    assert np.all(outcomes["roofline_ns"][ok] <= latency * (1 + 1e-9))
    assert np.all(latency <= outcomes["serial_ns"][ok] * (1 + 1e-9))


def test_a_buffer_that_is_too_small_is_infeasible_with_its_reason():
    # Four tiles with the 25,088 weights of one output each
    problem = NpuMulticore(workload="vgg16")
    small = problem.space.default() | {"buffer_kib": 64, "buffers": 4}
    outcomes = problem.evaluate(problem.space.designs([small]))
    assert outcomes.status[0] == "infeasible"
    assert "'fc1' does not fit" in outcomes.reason[0]


def test_more_cores_take_area_and_save_time():
    problem = NpuMulticore(workload="vgg16")
    default = problem.space.default()
    one, four = problem.evaluate(problem.space.designs([default | {"cores": n} for n in (1, 4)]))[
        "latency_ns"
    ]
    assert four < one


def test_its_pictures_can_be_drawn():
    problem = NpuMulticore(workload="squeezenet1_1")
    drawn = drawn_pictures(problem, problem.space.default())
    assert drawn.missing == ()
    assert [picture.title for picture in drawn.pictures] == [
        "The arrays and their utilisation",
        "Energy by level and what it is for",
        "Roofline",
        "Power over time",
        "Timeline of the units",
    ]


@pytest.mark.parametrize("changes", [{}, {"cores": 4, "buffers": 1}, {"schedule": "one_core", "cores": 4}])
def test_the_pictures_say_what_the_metrics_do(changes):
    problem = NpuMulticore(workload="resnet18")
    design = problem.space.default() | changes
    metrics = problem.evaluate(problem.space.designs([design])).metrics
    arrays, energy, roofline = problem.pictures(design)[:3]
    done, rest = (np.asarray(trace["y"]) for trace in arrays.traces)
    assert len(done) == design["cores"]
    assert done.mean() == pytest.approx(metrics["utilisation"][0])
    assert np.all(rest >= 0)
    assert np.all(done + rest <= 1 + 1e-9)
    by_level = dict(
        zip(energy.traces[0]["y"], np.sum([trace["x"] for trace in energy.traces], axis=0), strict=True)
    )
    parts = {"MAC": "matrix", "vector operations": "vector", "buffers": "buffer", "DRAM": "dram"}
    for level, part in parts.items():
        assert by_level[level] == pytest.approx(metrics[f"{part}_energy_pj"][0] / 1e6)
    assert all(np.min(trace["x"]) >= 0 for trace in energy.traces)
    layers = roofline.traces[1]
    x, y = np.asarray(layers["x"]), np.asarray(layers["y"])
    assert len(x) == len(problem.network.matrix_operators)
    peak = design["cores"] * design["array_rows"] * design["array_columns"] * design["clock_ghz"]
    assert np.all(y <= np.minimum(peak, x * design["dram_gb_per_s"]) * (1 + 1e-9))


def test_the_timeline_is_shown_to_its_end_in_bars_that_do_not_overlap():
    problem = NpuMulticore(workload="squeezenet1_1")
    latency_us = problem.evaluate(problem.space.designs([problem.space.default()]))["latency_ns"][0] / 1000
    traces = problem.pictures(problem.space.default())[-1].traces
    assert sum(len(trace["x"]) for trace in traces) < 4000
    assert max(np.max(t["base"] + t["x"]) for t in traces) == pytest.approx(latency_us)
    for trace in traces:
        rows = np.array(trace["y"])
        for row in set(rows):
            start, length = trace["base"][rows == row], trace["x"][rows == row]
            assert np.all(length > 0)
            assert np.all(start[1:] >= (start + length)[:-1] - 1e-9)


def test_the_environment_runs():
    env = gymnasium.make("cosearch/NpuMulticore-v0", workload="squeezenet1_1")
    env.reset(seed=0)
    _, _, terminated, _, info = env.step(env.action_space.sample())
    assert terminated
    assert set(info["metrics"]) == {metric.name for metric in NpuMulticore.metrics}


@pytest.mark.parametrize(
    ("workload", "error", "message"),
    [
        ("resnet1", UnknownNameError, "resnet1"),
        ("resnet18:depth=3", WorkloadError, "depth"),
        ("resnet18:image_size=big", WorkloadError, "network:argument=number"),
        ("missing.onnx", WorkloadError, "missing.onnx"),
    ],
)
def test_a_workload_that_is_none_gets_one_clear_line(workload, error, message):
    with pytest.raises(error, match=message) as raised:
        NpuMulticore(workload=workload)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("operator", "problem", "message"),
    [("Identity", NpuMulticore, "has no operators"), ("Relu", AcceleratorMapping, "has no matrix operators")],
)
def test_a_network_without_work_gets_one_clear_line(operator, problem, message, tmp_path):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], name="only")], "graph", [x], [y])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    with pytest.raises(WorkloadError, match=message):
        problem(workload=str(path))


def test_an_onnx_file_with_an_open_batch_runs_once_the_batch_is_given(tmp_path):
    onnx = pytest.importorskip("onnx")
    float32 = onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(np.ones((16, 8), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", float32, ["batch", 16])],
        [onnx.helper.make_tensor_value_info("y", float32, ["batch", 8])],
        [weights],
    )
    path = tmp_path / "tiny.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    with pytest.raises(WorkloadError, match="open shape"):
        NpuMulticore(workload=str(path))
    with pytest.raises(WorkloadError, match="no open axis or input is named 'size'"):
        NpuMulticore(workload=f"{path}:size=3")
    problem = NpuMulticore(workload=f"{path}:batch=4")
    assert problem.network.macs == 4 * 16 * 8
    assert problem.arguments["workload"] == f"{path}:batch=4"
    assert problem.workload_digest


def test_a_missing_onnx_package_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(WorkloadError, match="needs the package onnx: pip install"):
        NpuMulticore(workload=str(path))
