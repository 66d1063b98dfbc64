"""Sizes that an ONNX file leaves open, and operators that nobody knows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.from_onnx import from_onnx
from cosearch_simulators.workloads.importing import UnknownOperatorWarning
from onnx_graphs import model, node, random, value


def linear(*shapes: list[Any]) -> Any:
    """Each input times a matrix of (4, 3)."""
    names = "abcdef"[: len(shapes)]
    nodes = [node("MatMul", f"{name} W", f"y{name}") for name in names]
    outputs = " ".join(f"y{name}" for name in names)
    return model(nodes, dict(zip(names, shapes, strict=True)), {"W": random(4, 3)}, outputs=outputs)


@pytest.mark.parametrize(
    ("shapes", "given", "rows"),
    [
        ([["batch", "sequence", 4]], {"axes": {"batch": 2, "sequence": 7}}, 14),
        ([["batch", "sequence", 4]], {"batch": 2, "axes": {"sequence": 7}}, 14),
        ([["batch_size", "sequence_length", 4]], {"axes": {"batch": 2, "sequence": 7}}, 14),
        ([["N", 5, 4]], {"axes": {"batch": 3}}, 15),
        ([["N", 5, 4]], {"axes": {"N": 3}}, 15),
        ([[None, 5, 4]], {"batch": 3}, 15),
        ([[None, None, 4]], {"axes": {"a.0": 3, "a.1": 5}}, 15),
        ([[None, None, 4]], {"axes": {"a": [3, 5, 4]}}, 15),
        ([["batch", "sequence", 4]], {"shapes": {"a": [3, 5, 4]}}, 15),
        # tokens come first, and the batch is known by its name
        ([["sequence", "batch", 4]], {"axes": {"batch": 2, "sequence": 7}}, 14),
        ([["b", 4], ["b", 4]], {"batch": 3}, 6),
        # one axis is as long as two others together, as caches are
        ([["past", 4], ["new", 4], ["past + new", 4]], {"axes": {"past": 5, "new": 2}}, 14),
        ([["s0", 4], ["2*s0 + 1", 4]], {"axes": {"s0": 4}}, 13),
        ([[1, 6, 4]], {"batch": 1}, 6),
    ],
)
def test_open_sizes_are_set_by_name(shapes: list[list[Any]], given: dict[str, Any], rows: int):
    assert from_onnx(linear(*shapes), **given).macs == rows * 12


@pytest.mark.parametrize(
    ("shapes", "given", "message"),
    [
        (
            [["batch", "sequence", 4]],
            {},
            "input 'a' has the open shape ['batch', 'sequence', 4]: set batch and sequence, for example "
            "batch=1,sequence=128",
        ),
        (
            [[None, "t", 4]],
            {},
            "has the open shape ['?', 't', 4]: set t and a.0, for example t=1,a.0=1",
        ),
        ([["past", 4], ["past + 1", 4]], {}, "set past, for example past=1"),
        ([["batch", "sequence", 4]], {"axes": {"sequnce": 3}}, "named 'sequnce'; did you mean 'sequence'?"),
        (
            [[2, 4]],
            {"axes": {"sequence": 3}},
            "no open axis or input is named 'sequence'; valid: a; the",
        ),
        (
            [[4, 4]],
            {"batch": 1},
            "batch=1 cannot be set: input 'a' has the fixed shape [4, 4]; leave",
        ),
        ([["n", 4]], {"batch": 0}, "batch must be at least 1, got 0"),
        ([["n", 4]], {"axes": {"n": -2}}, "n must have sizes of at least 1, got [-2]"),
        ([["n", 4]], {"axes": {"a": [1, 2, 3]}}, "input 'a' has 2 axes, [1, 2, 3] gives 3"),
        ([["n", 4]], {"axes": {"a.7": 1}}, "a.7: input 'a' has 2 axes"),
        ([["n", 4]], {"shapes": {"x": [1, 4]}}, "shapes names 'x', the inputs are a"),
    ],
)
def test_what_is_open_or_cannot_be_set_is_told(shapes, given: dict[str, Any], message: str):
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        from_onnx(linear(*shapes), **given)
    assert message in str(refused.value)


def unknown() -> Any:
    nodes = [
        node("Frobnicate", "x P", "h", "strange", domain="my.own"),
        node("Frobnicate", "h P", "g", domain="my.own"),
        node("Cumsum", "g", "k", domain="my.own"),
        node("MatMul", "k W", "y"),
    ]
    return model(nodes, {"x": [3, 2]}, {"W": random(2, 5), "P": random(2)})


def test_unknown_operators_count_as_traffic_with_one_warning():
    with pytest.warns(UnknownOperatorWarning) as warned:
        read = from_onnx(unknown())
    (message,) = {str(one.message) for one in warned}
    assert message == (
        "made: unknown operators 'my.own.Frobnicate' (2, the first is 'strange'), 'my.own.Cumsum' (1, the "
        "first is 'k', perhaps 'CumSum') count as elementwise traffic, without multiply-accumulates"
    )
    assert (read.macs, read.parameters) == (30, 12)
    assert read.operator("strange").tensor_elements == {"Weights": 2, "Inputs": 6, "Outputs": 6}


def test_strict_refuses_them():
    with pytest.raises(WorkloadError, match=r"'my.own.Frobnicate' \(2, the first is 'strange'\)"):
        from_onnx(unknown(), strict=True)


def test_a_strangers_operator_is_not_taken_for_a_known_one():
    for kind in ("Attention", "Conv", "Quant", "LSTM"):
        nodes = [node(kind, "x", "h", domain="my.own"), node("MatMul", "h W", "y")]
        with pytest.warns(UnknownOperatorWarning, match=f"'my.own.{kind}'"):
            assert from_onnx(model(nodes, {"x": [3, 2]}, {"W": random(2, 5)})).macs == 30


def test_the_file_tells_the_shapes_of_unknown_operators():
    nodes = [node("Wider", "x", "h", domain="my.own"), node("MatMul", "h W", "y")]
    told = [value("h", ["batch", 8])]
    made = model(nodes, {"x": ["batch", 2]}, {"W": random(8, 5)}, told=told)
    with pytest.warns(UnknownOperatorWarning):
        assert from_onnx(made, batch=3).macs == 3 * 8 * 5


def test_known_operators_warn_of_nothing():
    kinds = (
        "Mish",
        "Selu",
        "Celu",
        "Softsign",
        "Sign",
        "Round",
        "IsInf",
        "Tan",
        "Erf",
        "HardSwish",
        "CumSum",
    )
    nodes, last = [], "x"
    for kind in kinds:
        nodes.append(node(kind, f"{last} Zero" if kind == "CumSum" else last, f"o{kind}"))
        last = last if kind == "IsInf" else f"o{kind}"
    nodes += [
        node("ReduceL2", last, "r", axes=[1], keepdims=1),
        node("TopK", f"{last} K", "top which"),
        node("Resize", "i - Scales", "big", mode="cubic"),
    ]
    constants = {"Zero": np.array(0), "K": np.array([2]), "Scales": np.array([1, 1, 2, 2], np.float32)}
    made = model(nodes, {"x": [3, 6], "i": [1, 1, 4, 4]}, constants, opset=17, outputs="r top big")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = from_onnx(made)
    assert read.operator("r").tensor_elements["Outputs"] == 3
    assert read.operator("big").tensor_elements["Outputs"] == 64
