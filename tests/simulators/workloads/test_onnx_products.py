"""Products in ONNX graphs made by hand: multiply-accumulates and parameters counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import Network
from cosearch_simulators.workloads.from_onnx import from_onnx
from onnx_graphs import model, node, random


def counts(made: object) -> tuple[int, int]:
    found = from_onnx(made)  # type: ignore[arg-type]
    return found.macs, found.parameters


@pytest.mark.parametrize(
    ("left", "right", "macs", "read"),
    [
        # output elements times the inner dimension; each operand is read once
        ([2, 1, 5, 6], [1, 3, 6, 7], 2 * 3 * 5 * 7 * 6, 60 + 126),
        ([2, 3, 5, 6], [6, 7], 2 * 3 * 5 * 7 * 6, 180 + 42),
        ([5, 6], [2, 3, 6, 7], 2 * 3 * 5 * 7 * 6, 30 + 252),
        ([2, 3, 5, 6], [1, 3, 6, 7], 2 * 3 * 5 * 7 * 6, 180 + 126),
        ([2, 3, 5, 6], [2, 1, 6, 7], 2 * 3 * 5 * 7 * 6, 180 + 84),
        ([6], [3, 6, 7], 3 * 7 * 6, 6 + 126),
        ([3, 5, 6], [6], 3 * 5 * 6, 90 + 6),
    ],
)
def test_a_product_that_broadcasts(left: list[int], right: list[int], macs: int, read: int):
    (both,) = from_onnx(model([node("MatMul", "a b", "y")], {"a": left, "b": right})).operators
    elements = both.tensor_elements
    assert (both.macs, elements["Weights"] + elements["Inputs"], both.parameters) == (macs, read, 0)
    assert elements["Outputs"] * (left[-1]) == macs
    # constants are weights
    weighted = model([node("MatMul", "a B", "y")], {"a": left}, {"B": random(*right)})
    assert counts(weighted) == (macs, int(np.prod(right)))
    turned = model([node("MatMul", "A b", "y")], {"b": right}, {"A": random(*left)})
    assert counts(turned) == (macs, int(np.prod(left)))


def test_a_kernel_that_is_computed_is_no_parameter():
    """A Siamese tracker: what it looks for is the kernel over where it looks."""
    nodes = [node("Conv", "z K", "k"), node("Conv", "x K", "f"), node("Conv", "f k B", "y", group=8)]
    weights = {"K": random(8, 3, 3, 3), "B": random(8)}
    depthwise = model(
        [*nodes[:2], node("Reshape", "k S", "s"), node("Conv", "f s B", "y", group=8)],
        {"z": [1, 3, 6, 6], "x": [1, 3, 12, 12]},
        {**weights, "S": np.array([8, 1, 4, 4])},
    )
    features = 8 * 27 * (4 * 4 + 10 * 10)
    assert counts(depthwise) == (features + 8 * 7 * 7 * 16, 8 * 27 + 8)
    transposed = model(
        [node("Conv", "z K", "k"), node("ConvTranspose", "x k", "y")],
        {"z": [3, 3, 4, 4], "x": [1, 3, 5, 5]},
        weights,
    )
    # three kernels of (8, 2, 2) are computed, and each of 25 places multiplies them
    assert counts(transposed) == (3 * 8 * 27 * 4 + 25 * 3 * 8 * 4, 8 * 27)


@pytest.mark.parametrize(("c", "parameters"), [([5, 3], 27), ([3], 15), ([1, 3], 15), ([5, 1], 17), ([], 12)])
def test_what_gemm_adds_has_its_own_size(c: list[int], parameters: int):
    weights = {"B": random(4, 3), "C": random(*c) if c else np.float32(2)}
    made = model([node("Gemm", "a B C", "y")], {"a": [5, 4]}, weights)
    assert counts(made) == (60, parameters)
    computed = model([node("Gemm", "a B c", "y")], {"a": [5, 4], "c": c}, {"B": random(4, 3)})
    assert counts(computed) == (60, 12)
    assert "c" in from_onnx(computed).producers("y.bias")


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("bij,bjk->bik", [[2, 3, 4], [2, 4, 5]], 2 * 3 * 4 * 5),
        ("...ij,...jk->...ik", [[2, 3, 4, 5], [3, 5, 6]], 2 * 3 * 4 * 5 * 6),
        ("...ij,...jk", [[2, 1, 4, 5], [1, 3, 5, 6]], 2 * 3 * 4 * 5 * 6),
        ("bhid,bhjd->bhij", [[2, 3, 4, 5], [2, 3, 6, 5]], 2 * 3 * 4 * 6 * 5),
        ("ij,jk", [[2, 3], [3, 4]], 24),
        ("bi,ij,jk->bk", [[2, 3], [3, 4], [4, 5]], 24 + 40),
        ("i,j->ij", [[3], [4]], 0),  # nothing is summed
        ("bhd,bhd->bhd", [[2, 3, 4], [2, 3, 4]], 0),
        ("ij->ji", [[3, 4]], 0),
        ("ijk->i", [[3, 4, 5]], 0),
        ("bic,oi->boc", [[2, 3, 4], [5, 3]], 2 * 5 * 4 * 3),
        ("ij,kj->k", [[3, 4], [5, 4]], 5 * 4),  # i is summed before
    ],
)
def test_einsum(equation: str, shapes: list[list[int]], macs: int):
    names = "abc"[: len(shapes)]
    made = model(
        [node("Einsum", " ".join(names), "y", equation=equation)], dict(zip(names, shapes, strict=True))
    )
    assert from_onnx(made).macs == macs


@pytest.mark.parametrize(
    ("x", "kernel", "attributes", "macs"),
    [
        ([1, 3, 8, 16, 16], [8, 3, 3, 3, 3], {"pads": [1] * 6}, 1327104),
        ([2, 4, 8, 9, 9], [6, 2, 3, 1, 3], {"group": 2, "strides": [2, 1, 3]}, 2 * 6 * 2 * 9 * 3 * 9 * 3),
        ([1, 4, 5, 5, 5], [4, 1, 2, 2, 2], {"group": 4, "dilations": [2, 1, 1]}, 4 * 8 * 3 * 4 * 4),
        ([2, 3, 20], [5, 3, 4], {"strides": [3]}, 2 * 5 * 12 * 6),
        ([1, 3, 20], [5, 3, 4], {"auto_pad": "SAME_UPPER"}, 5 * 12 * 20),
    ],
)
def test_convolutions_of_one_and_three_axes(x, kernel, attributes, macs):
    made = model(
        [node("Conv", "x W B", "y", **attributes)], {"x": x}, {"W": random(*kernel), "B": random(kernel[0])}
    )
    assert counts(made) == (macs, int(np.prod(kernel)) + kernel[0])
    (convolution,) = from_onnx(made).operators
    nest = convolution.loop_nest()
    assert nest is not None
    assert nest.macs == macs
    assert nest.tensor_sizes["Weights"] == np.prod(kernel)
    assert convolution.tensor_elements["Inputs"] == np.prod(x)
    assert nest.tensor_sizes["Outputs"] == convolution.tensor_elements["Outputs"]


@pytest.mark.parametrize(
    ("x", "kernel", "attributes", "macs"),
    [
        ([1, 3, 8], [3, 4, 3], {"strides": [2]}, 8 * 3 * 4 * 3),
        ([2, 3, 4, 4, 4], [3, 4, 3, 3, 3], {"strides": [2, 2, 2]}, 2 * 64 * 3 * 4 * 27),
        ([1, 4, 5, 5], [4, 2, 3, 3], {"group": 4, "dilations": [2, 2]}, 25 * 4 * 2 * 9),
    ],
)
def test_transposed_convolutions(x, kernel, attributes, macs):
    made = model([node("ConvTranspose", "x W", "y", **attributes)], {"x": x}, {"W": random(*kernel)})
    assert counts(made) == (macs, int(np.prod(kernel)))


def test_a_deformable_convolution_samples_and_multiplies():
    made = model(
        [node("DeformConv", "x W o B", "y")],
        {"x": [1, 3, 8, 8], "o": [1, 18, 6, 6]},
        {"W": random(4, 3, 3, 3), "B": random(4)},
        opset=19,
    )
    assert counts(made) == (36 * 4 * 27, 108 + 4)


def test_weights_that_are_parts_of_one_count_once_each():
    """Query, key and value of one matrix that is split before it is used."""
    nodes = [node("Split", "W", "q k v", axis=1, num_outputs=3)]
    nodes += [node("MatMul", f"x {part}", f"y{part}") for part in "qkv"]
    found = from_onnx(model(nodes, {"x": [5, 4]}, {"W": random(4, 36)}, outputs="yq yk yv"))
    assert (found.macs, found.parameters) == (3 * 5 * 4 * 12, 144)
    assert [operator.parameters for operator in found.operators] == [48, 48, 48]


def test_weights_that_are_computed_from_others_count_those():
    """Weight normalisation: the direction and the length of each row are trained."""
    nodes = [
        node("ReduceL2", "V One", "n"),
        node("Div", "V n", "d"),
        node("Mul", "d G", "w"),
        node("MatMul", "x w", "y"),
    ]
    made = model(nodes, {"x": [5, 40]}, {"V": random(40, 30), "G": random(40, 1), "One": np.array([1])})
    assert counts(made) == (5 * 40 * 30, 40 * 30 + 40)


def test_a_class_token_and_places_are_parameters():
    nodes = [
        node("Concat", "Token x", "t", "embed", axis=1),
        node("Add", "t Places", "p", "embed"),
        node("Add", "p x2", "y", "embed"),
    ]
    weights = {"Token": random(1, 1, 6), "Places": random(1, 5, 6)}
    found = from_onnx(model(nodes, {"x": [1, 4, 6], "x2": [1, 5, 6]}, weights))
    assert found.parameters == 6 + 30
    assert [operator.name for operator in found.operators] == ["embed", "embed.2", "embed.3"]
    assert found.producers("embed.2") == ("embed",)


@pytest.mark.parametrize(
    ("nodes", "shapes", "message"),
    [
        (
            [node("MatMul", "a b", "y")],
            {"a": [2, 3], "b": [4, 5]},
            "node 'y' (MatMul): shapes cannot be inferred: ",
        ),
        (
            [node("Einsum", "a b", "y", equation="ij,jk->ik")],
            {"a": [2, 3], "b": [3]},
            "node 'y' (Einsum): einsum",
        ),
        (
            [node("Conv", "a b", "y")],
            {"a": [1, 2, 3, 3, 3, 3], "b": [1, 2, 1, 1, 1, 1]},
            "node 'y' (Conv): y: convolutions have one to three axes",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_node(nodes, shapes, message: str):
    with pytest.raises(WorkloadError) as refused:
        from_onnx(model(nodes, shapes))
    assert str(refused.value).startswith(f"made: {message}")


def test_an_empty_network_has_no_operators():
    assert isinstance(from_onnx(model([node("Identity", "x", "y")], {"x": [2]})), Network)
