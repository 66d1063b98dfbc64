"""The pictures of a network on its accelerator say what the design and its metrics say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch_plugins.networks.cnn_accelerator import CnnAccelerator
from cosearch_plugins.networks.joint import Accuracy
from cosearch_plugins.networks.pictures import drawn_layer
from cosearch_plugins.networks.vit_accelerator import VitAccelerator
from cosearch_simulators.workloads.loop_nest import LoopNest


@pytest.fixture(scope="module")
def problem():
    return CnnAccelerator()


def bars(picture):
    return [trace for trace in picture.traces if trace["type"] == "bar"]


def test_the_chain_has_the_kernels_widths_and_bits_of_the_design(problem):
    sample = problem.space.sample(1, 3)[0]
    drawn = drawn_pictures(problem, sample)
    assert drawn.missing == ()
    chain, costs = drawn.pictures
    json.dumps([chain.traces, costs.traces], allow_nan=False)
    kernels = {int(trace["name"][-1]) for trace in bars(chain) if trace["name"].startswith("depthwise")}
    chosen = {value for name, value in sample.items() if "kernel" in name}
    assert kernels <= chosen | {3}  # the stem's is always 3x3
    assert kernels & chosen
    widths = {x: y for trace in bars(chain) for x, y in zip(trace["x"], trace["y"], strict=True)}
    assert widths[max(widths) - 1] == 1280  # MobileNetV3-Large's last layer but one (Howard et al., 2019)
    assert widths[max(widths)] == 1000  # ImageNet's classes
    weights, activations = (trace for trace in chain.traces if trace["type"] == "scatter")
    assert set(weights["y"]) == {sample["precision.weight_bits"]}
    assert set(activations["y"]) == {sample["precision.activation_bits"]}


def test_bits_by_stage_are_drawn_where_the_stages_are():
    problem = CnnAccelerator(precision="stage")
    names = [name for name in problem.space.names if name.startswith("precision.weight_bits")]
    design = problem.space.default() | {names[0]: 4, "hardware.multiplier": "fusion-8"}
    chain = problem.pictures(design)[0]
    weights = next(trace for trace in chain.traces if trace["name"] == "bits of weights")
    assert set(np.unique(weights["y"])) == {4, 8}
    assert weights["y"][0] == 4
    assert "Bits differ by stage" in chain.caption


@pytest.mark.parametrize("kind", [CnnAccelerator, VitAccelerator])
def test_layers_take_in_all_what_the_metrics_say(kind):
    problem = kind()
    design = problem.space.default()
    outcomes = problem.evaluate(problem.space.designs([design]))
    _, costs = problem.pictures(design)
    latency, utilisation = costs.traces
    assert 1e3 * np.sum(latency["y"]) == pytest.approx(outcomes["latency_ns"][0])
    assert (np.asarray(utilisation["y"]) > 0).all()
    assert (np.asarray(utilisation["y"]) <= 1).all()
    assert f"{outcomes['utilisation'][0]:.1%} of the units" in costs.caption


def test_a_design_without_a_result_still_shows_its_network():
    class Unmeasured(CnnAccelerator):
        def accuracy(self, columns, networks, bits):
            known = super().accuracy(columns, networks, bits)
            reason = np.full(len(networks), "the table lacks this network", object)
            return Accuracy(known.metrics, np.ones(len(networks), np.int8), reason)

    problem = Unmeasured()
    (chain,) = problem.pictures(problem.space.default())
    assert chain.caution == "The design has no result: the table lacks this network"
    assert sum(len(trace["x"]) for trace in bars(chain)) == 48


@pytest.mark.parametrize(
    ("sizes", "constant", "kind", "width"),
    [
        ((96, 1, 1, 1, 14, 14, 5, 5), True, "depthwise 5x5", 96),
        ((1, 1, 64, 32, 14, 14, 3, 3), True, "convolution 3x3", 64),
        ((4, 1, 16, 8, 14, 14, 3, 3), True, "convolution 3x3", 64),
        ((1, 1, 64, 32, 14, 14, 1, 1), True, "pointwise", 64),
        ((1, 1, 1000, 1280, 1, 1, 1, 1), True, "on a vector", 1000),
        ((12, 1, 197, 64, 197, 1, 1, 1), False, "matrix product", 2364),
    ],
)
def test_layers_are_called_what_they_are(sizes, constant, kind, width):
    layer = drawn_layer(LoopNest(sizes), constant, 2, "stage_2")
    assert (layer.kind, layer.width, layer.stage) == (kind, width, 2)
    assert layer.words.startswith("stage_2: ")
