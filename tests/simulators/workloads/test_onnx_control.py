"""ONNX graphs that repeat, choose, collect, or are in no order; counted on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.from_onnx import from_onnx
from onnx_graphs import TensorProto, helper, model, node, random, value

BOOL, INT64 = TensorProto.BOOL, TensorProto.INT64


def counts(made: object, **given: Any) -> tuple[int, int]:
    found = from_onnx(made, **given)  # type: ignore[arg-type]
    return found.macs, found.parameters


def test_two_layers_of_an_lstm():
    """PyTorch's LSTM(32, 64, 2) over 10 steps: 4 x 64 gates of the input and of the state in each."""
    nodes = [
        node("LSTM", "x W R B", "a h c", hidden_size=64),
        node("Squeeze", "a One", "b"),
        node("LSTM", "b W2 R2 B2", "y", "second", hidden_size=64),
    ]
    weights = {"W": random(1, 256, 32), "R": random(1, 256, 64), "B": random(1, 512)}
    weights |= {"W2": random(1, 256, 64) + 1, "R2": random(1, 256, 64) + 2, "B2": random(1, 512) + 1}
    made = model(nodes, {"x": [10, 1, 32]}, {**weights, "One": np.array([1])})
    read = from_onnx(made)
    assert read.macs == 573_440
    assert read.parameters == 256 * 32 + 3 * 256 * 64 + 2 * 512
    # a step waits for the one before it
    assert read.producers("second.3.state") == ("second.2.cell",)
    assert read.operator("second.3.state").tied


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize(("way", "ways"), [("forward", 1), ("reverse", 1), ("bidirectional", 2)])
@pytest.mark.parametrize("layout", [0, 1])
def test_recurrent_layers(kind: str, gates: int, way: str, ways: int, layout: int):
    width = gates * 5
    weights = {"W": random(ways, width, 4), "R": random(ways, width, 5) + 1, "B": random(ways, 2 * width)}
    start = [2, ways, 5] if layout else [ways, 2, 5]
    one = node(kind, "x W R B - h", "y last", hidden_size=5, direction=way, layout=layout)
    made = model([one], {"x": [2, 7, 4] if layout else [7, 2, 4], "h": start}, weights, outputs="y last")
    assert counts(made) == (7 * 2 * ways * width * 9, ways * width * (9 + 2))
    assert "h" in from_onnx(made).producers("y.0.state")


def test_peepholes_are_parameters():
    weights = {"W": random(1, 20, 4), "R": random(1, 20, 5), "P": random(1, 15)}
    made = model([node("LSTM", "x W R - - - - P", "y", hidden_size=5)], {"x": [3, 1, 4]}, weights)
    assert counts(made) == (3 * 20 * 9, 20 * 9 + 15)


def chooser(condition: list[Any], **constants: Any) -> Any:
    then = helper.make_graph([node("Relu", "x", "t")], "then", [], [value("t", None)])
    other = helper.make_graph([node("MatMul", "x W", "e")], "other", [], [value("e", None)])
    nodes = [*condition, node("If", "c", "y", "choice", then_branch=then, else_branch=other)]
    return model(nodes, {"x": [2, 4]}, {"W": random(4, 3), **constants})


def test_a_choice_by_sizes():
    first = [node("Shape", "x", "s"), node("Gather", "s Zero", "d"), node("Equal", "d Two", "c")]
    assert counts(chooser(first, Zero=np.array(0), Two=np.array(2))) == (0, 0)
    assert counts(chooser(first, Zero=np.array(0), Two=np.array(3))) == (24, 12)


def test_a_choice_by_an_input_that_is_set():
    made = chooser([])
    made.graph.input.append(value("c", [], BOOL))
    with pytest.raises(WorkloadError, match="'choice' .If.: its condition 'c' .* set it as c=1 or c=0"):
        from_onnx(made)
    assert (counts(made, axes={"c": 1}), counts(made, axes={"c": 0})) == ((0, 0), (24, 12))


def test_a_choice_in_a_loop_counts_its_weights_once():
    """The first round takes the one branch, the others take the other."""
    ends = [value("z", None)]
    inner = {
        "then_branch": helper.make_graph([node("MatMul", "v W", "z")], "then", [], ends),
        "else_branch": helper.make_graph(
            [node("MatMul", "v Own", "z")],
            "other",
            [],
            ends,
            [onnx.numpy_helper.from_array(random(4, 4) + 1, "Own")],
        ),
    }
    inside = [
        node("Equal", "i Zero", "first"),
        node("If", "first", "w", "choice", **inner),
        node("Identity", "going", "still"),
    ]
    inputs = [value("i", [], INT64), value("going", [], BOOL), value("v", None)]
    body = helper.make_graph(inside, "body", inputs, [value("still", [], BOOL), value("w", None)])
    constants = {"M": np.array(4), "C": np.array(True), "W": random(4, 4), "Zero": np.array(0)}
    made = model([node("Loop", "M C x", "y", "loop", body=body)], {"x": [2, 4]}, constants)
    assert counts(made) == (4 * 2 * 16, 16 + 16)
    assert [operator.name for operator in from_onnx(made).operators][:2] == [
        "loop.0.choice.then.z",
        "loop.1.choice.else.z",
    ]


def loop(rounds: int, condition: Any = True) -> Any:
    inside = [
        node("MatMul", "v W", "w"),
        node("Identity", "going", "still"),
        node("Identity", "w", "each"),
    ]
    inputs = [value("i", [], INT64), value("going", [], BOOL), value("v", None)]
    outputs = [value("still", [], BOOL), value("w", None), value("each", None)]
    body = helper.make_graph(inside, "body", inputs, outputs)
    nodes = [node("Loop", "M C x", "last all", "loop", body=body), node("MatMul", "all V", "y")]
    constants = {"M": np.array(rounds), "C": np.array(condition), "W": random(4, 4), "V": random(4, 5)}
    return model(nodes, {"x": [2, 4]}, constants)


def test_a_loop_is_written_out():
    read = from_onnx(loop(3))
    # its weights count once, and what it collects has an axis for the rounds
    assert (read.macs, read.parameters) == (3 * 2 * 16 + 3 * 2 * 20, 16 + 20)
    assert [operator.name for operator in read.operators] == ["loop.0.w", "loop.1.w", "loop.2.w", "y"]
    assert read.producers("loop.2.w") == ("loop.1.w",)
    never = loop(3, False)
    del never.graph.node[1]
    never.graph.output[0].name = "last"
    assert counts(never) == (0, 0)


def test_a_loop_without_an_end_is_refused():
    with pytest.raises(WorkloadError, match="more than 200,000 nodes"):
        from_onnx(loop(2**40))
    body = helper.make_graph(
        [
            node("ReduceMax", "v", "m", keepdims=0),
            node("Cast", "m", "still", to=BOOL),
            node("Relu", "v", "w"),
        ],
        "body",
        [value("i", [], INT64), value("going", [], BOOL), value("v", None)],
        [value("still", [], BOOL), value("w", None)],
    )
    made = model([node("Loop", "- C x", "y", body=body)], {"x": [2, 4]}, {"C": np.array(True)})
    with pytest.raises(WorkloadError, match=r"'y' \(Loop\): its rounds depend on what is computed: give the"):
        from_onnx(made)


def test_a_loop_of_rounds_that_are_an_input():
    made = loop(3)
    del made.graph.initializer[0]
    made.graph.input.append(value("M", [], INT64))
    with pytest.raises(WorkloadError, match="the number of its rounds 'M' .* it is an input, set it as M=10"):
        from_onnx(made)
    assert counts(made, axes={"M": 2}) == (2 * 2 * 16 + 2 * 2 * 20, 36)


def test_a_scan_takes_a_slice_in_each_round():
    body = helper.make_graph(
        [node("MatMul", "x_t W", "a"), node("Add", "a h", "next"), node("Identity", "next", "out")],
        "body",
        [value("h", None), value("x_t", None)],
        [value("next", None), value("out", None)],
    )
    scan = node("Scan", "h x", "last y", body=body, num_scan_inputs=1)
    made = model([scan], {"h": [2, 5], "x": [6, 2, 4]}, {"W": random(4, 5)}, outputs="last y")
    assert counts(made) == (6 * 2 * 20, 20)


def test_nodes_in_any_order():
    nodes = [
        node("MatMul", "r W", "y"),
        node("Reshape", "x c", "r"),
        node("Concat", "u Rest", "c", axis=0),
        node("Unsqueeze", "b", "u", axes=[0]),
        node("Gather", "s Zero", "b"),
        node("Shape", "x", "s"),
    ]
    constants = {"Rest": np.array([-1]), "Zero": np.array(0), "W": random(32, 3)}
    # opset 12: the axes are an attribute; two rows of 32
    assert counts(model(nodes, {"x": [2, 2, 4, 4]}, constants, opset=12)) == (192, 96)


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 20, 21, 22, 23])
def test_a_convolutional_network_of_each_opset(opset: int):
    nodes = [
        node("Conv", "x W B", "c"),
        node("BatchNormalization", "c S Shift M V", "b"),
        node("Relu", "b", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2]),
        node("GlobalAveragePool", "p", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f F G", "h", transB=1),
        node("Softmax", "h", "y"),
    ]
    weights = {"W": random(4, 3, 3, 3), "B": random(4), "S": random(4) + 1, "Shift": random(4) + 2}
    weights |= {"M": random(4) + 3, "V": random(4) + 4, "F": random(10, 4), "G": random(10)}
    assert counts(model(nodes, {"x": [1, 3, 8, 8]}, weights, opset=opset)) == (36 * 108 + 40, 112 + 8 + 50)


def test_sequences_and_optionals_hold_tensors():
    nodes = [
        node("SplitToSequence", "x Two", "s", axis=1),
        node("SequenceAt", "s Zero", "a"),
        node("SequenceInsert", "s a", "longer"),
        node("ConcatFromSequence", "longer", "joined", axis=1),
        node("Optional", "joined", "o"),
        node("OptionalGetElement", "o", "again"),
        node("MatMul", "again W", "y"),
    ]
    constants = {"Two": np.array(2), "Zero": np.array(0), "W": random(6, 5)}
    assert counts(model(nodes, {"x": [3, 4]}, constants)) == (3 * 6 * 5, 30)


def test_functions_of_the_model_are_put_in():
    inner = helper.make_function(
        "my.own",
        "Layer",
        ["a", "b"],
        ["c"],
        [node("MatMul", "a b", "h"), node("Relu", "h", "c")],
        [helper.make_opsetid("", 21)],
    )
    nodes = [node("Layer", "x W", "h", domain="my.own"), node("Layer", "h V", "y", domain="my.own")]
    weights = {"W": random(4, 5), "V": random(5, 6)}
    assert counts(model(nodes, {"x": [2, 4]}, weights, functions=[inner])) == (2 * 20 + 2 * 30, 50)


def test_shapes_kept_outside_of_the_file_are_read(tmp_path):
    nodes = [node("Reshape", "x S", "r"), node("MatMul", "r W", "y")]
    made = model(nodes, {"x": [2, 2, 4, 4]}, {"S": np.array([2, -1]), "W": random(32, 3)})
    onnx.save(made, tmp_path / "outside.onnx", save_as_external_data=True, location="data", size_threshold=0)
    assert counts(tmp_path / "outside.onnx") == (192, 96)


def test_what_depends_on_data_has_its_largest_size():
    boxes = [
        node("NonMaxSuppression", "b s Most", "chosen"),
        node("NonZero", "z", "places"),
        node("Gather", "chosen Zero", "one", axis=1),
        node("Gather", "T one", "e"),
        node("MatMul", "e W", "y"),
    ]
    constants = {"Most": np.array([3]), "Zero": np.array([0]), "T": random(50, 6), "W": random(6, 5)}
    made = model(boxes, {"b": [1, 10, 4], "s": [1, 2, 10], "z": [4, 4]}, constants)
    # three boxes of each of two classes
    assert counts(made) == (6 * 6 * 5, 300 + 30)
