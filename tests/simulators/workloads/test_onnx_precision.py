"""Quantised ONNX graphs: the bits of weights, inputs and outputs that the file tells."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from cosearch_simulators.workloads import Operator, Precision
from cosearch_simulators.workloads.from_onnx import from_onnx
from onnx_graphs import TensorProto, helper, model, node, random

MICROSOFT, QONNX = "com.microsoft", "qonnx.custom_op.general"
BYTES = random(4, 3, kind=np.int8)


def only(made: object) -> Operator:
    """The operator that multiplies."""
    (found,) = from_onnx(made).matrix_operators  # type: ignore[arg-type]
    return found


def bits(operator: Operator) -> tuple[int, int, int]:
    precision = operator.precision
    return precision.weight_bits, precision.input_bits, precision.output_bits


def test_dynamic_quantisation():
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q W z", "i"),
        node("Cast", "i", "f", to=TensorProto.FLOAT),
        node("Mul", "f s", "y"),
    ]
    product = only(model(nodes, {"x": [2, 4]}, {"W": BYTES}))
    assert (product.macs, product.parameters, bits(product)) == (24, 12, (8, 8, 32))


def test_convolutions_of_whole_numbers():
    kernel = random(4, 3, 3, 3, kind=np.uint8)
    x, types = {"x": [1, 3, 8, 8]}, {"x": TensorProto.UINT8}
    integer = only(model([node("ConvInteger", "x W", "y")], x, {"W": kernel}, types=types))
    assert (integer.macs, integer.parameters, bits(integer)) == (36 * 108, 108, (8, 8, 32))
    constants = {"S": np.float32(0.1), "Z": np.uint8(0), "W": kernel, "B": random(4, kind=np.int32)}
    linear = only(model([node("QLinearConv", "x S Z W S Z S Z B", "y")], x, constants, types=types))
    assert (linear.macs, linear.parameters, bits(linear)) == (36 * 108, 112, (8, 8, 8))
    signed = {"W": kernel.astype(np.int8)}
    plain = only(model([node("Conv", "x W", "y")], x, signed, types={"x": TensorProto.INT8}))
    assert (plain.macs, plain.parameters, bits(plain)) == (36 * 108, 108, (8, 8, 8))


@pytest.mark.parametrize("rank", [2, 3])
def test_products_of_whole_numbers(rank: int):
    x = {"x": [5, 2, 4][3 - rank :]}
    rows = 2 if rank == 2 else 10
    constants = {"S": np.float32(0.1), "Z": np.uint8(0), "W": random(4, 3, kind=np.uint8)}
    made = model(
        [node("QLinearMatMul", "x S Z W S Z S Z", "y")], x, constants, types={"x": TensorProto.UINT8}
    )
    assert (only(made).macs, bits(only(made))) == (rows * 12, (8, 8, 8))


def test_gemm_of_com_microsoft():
    constants = {
        "S": np.float32(0.1),
        "Z": np.uint8(0),
        "W": random(3, 4, kind=np.uint8),
        "B": random(3, kind=np.int32),
    }
    rounded = node("QGemm", "x S Z W S Z B S Z", "y", domain=MICROSOFT, transB=1)
    product = only(model([rounded], {"x": [2, 4]}, constants, types={"x": TensorProto.UINT8}))
    assert (product.macs, product.parameters, bits(product)) == (24, 15, (8, 8, 8))


@pytest.mark.parametrize(
    ("stored", "zero", "expected"),
    [
        (TensorProto.INT4, np.uint8(0), (4, 8)),
        (TensorProto.UINT4, np.uint16(0), (4, 16)),
        (TensorProto.INT16, np.int16(0), (16, 16)),
        (TensorProto.INT8, np.int8(0), (8, 8)),
    ],
)
@pytest.mark.parametrize("domain", ["", MICROSOFT])
def test_quantisers_around_an_operator(stored: int, zero: object, expected: tuple[int, int], domain: str):
    weights = helper.make_tensor("W", stored, [4, 3], [1] * 12)
    nodes = [
        node("QuantizeLinear", "x S Z", "q", domain=domain),
        node("DequantizeLinear", "q S Z", "d", domain=domain),
        node("DequantizeLinear", "W S", "w", domain=domain),
        node("MatMul", "d w", "h"),
        node("QuantizeLinear", "h S Z", "hq", domain=domain),
        node("DequantizeLinear", "hq S Z", "y", domain=domain),
    ]
    made = model(nodes, {"x": [2, 4]}, {"S": np.float32(0.1), "Z": zero, "W": weights})
    product = only(made)
    assert (product.parameters, bits(product)) == (12, (*expected, expected[1]))


@pytest.mark.parametrize("turned", [False, True])
def test_qonnx_tells_bits_as_an_input(turned: bool):
    quant = {"domain": QONNX, "signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [
        node("Quant", "x S Z Three", "xq", **quant),
        node("Quant", "W S Z Two", "wq", **quant),
        *([node("Transpose", "wq", "wt")] if turned else []),
        node("MatMul", f"xq {'wt' if turned else 'wq'}", "h"),
        node("Quant", "h S Z Six", "y", **quant),
    ]
    constants = {"S": np.float32(1), "Z": np.float32(0), "W": random(3, 4) if turned else random(4, 3)}
    constants |= {name: np.float32(value) for name, value in (("Two", 2), ("Three", 3), ("Six", 6))}
    product = only(model(nodes, {"x": [2, 4]}, constants))
    assert (product.macs, product.parameters, bits(product)) == (24, 12, (2, 3, 6))
    nodes[1] = node("BipolarQuant", "W S", "wq", domain=QONNX)
    assert bits(only(model(nodes, {"x": [2, 4]}, constants))) == (1, 3, 6)


def test_weights_that_are_rounded_in_the_graph_are_parameters():
    """As training with rounding exports them: floating-point, then to whole numbers and back."""
    nodes = [
        node("QuantizeLinear", "W S Z", "q", axis=1),
        node("DequantizeLinear", "q S Z", "w", axis=1),
        node("Conv", "x w", "y"),
    ]
    constants = {"W": random(8, 3, 3, 3), "S": random(3), "Z": np.zeros(3, np.int8)}
    convolution = only(model(nodes, {"x": [1, 3, 8, 8]}, constants))
    assert (convolution.parameters, bits(convolution)) == (216, (8, 32, 32))  # scales are no parameters


def test_bits_reach_the_bytes_that_are_moved():
    packed = node("MatMulNBits", "x W S", "y", domain=MICROSOFT, K=32, N=8, bits=4, block_size=16)
    constants = {"W": random(8, 2, 8, kind=np.uint8), "S": random(16).astype(np.float16)}
    product = only(model([packed], {"x": [2, 32]}, constants, types={"x": TensorProto.FLOAT16}))
    assert product.precision == Precision(4, 16, 16, 32)
    assert product.tensor_bytes == {"Weights": 32 * 8 // 2, "Inputs": 2 * 32 * 2, "Outputs": 2 * 8 * 2}


def test_rounded_elementwise_operators_keep_their_trained_constants():
    constants = {"S": np.float32(0.1), "Z": np.uint8(0), "B": random(6, kind=np.uint8)}
    nodes = [
        node("QLinearAdd", "x S Z B S Z S Z", "h", domain=MICROSOFT),
        node("QLinearSigmoid", "h S Z S Z", "g", domain=MICROSOFT),
        node("QLinearConcat", "S Z g S Z x S Z", "c", domain=MICROSOFT, axis=0),
        node("DequantizeLinear", "c S Z", "d"),
        node("MatMul", "d W", "y"),
    ]
    made = model(nodes, {"x": [2, 6]}, {**constants, "W": random(6, 5)}, types={"x": TensorProto.UINT8})
    read = from_onnx(made)
    assert (read.macs, read.parameters) == (4 * 6 * 5, 6 + 30)
    assert bits(read.operator("h"))[1:] == (8, 8)
    pooled = node("QLinearGlobalAveragePool", "x S Z S Z", "y", domain=MICROSOFT)
    whole = model([pooled], {"x": [2, 6, 4, 4]}, constants, types={"x": TensorProto.UINT8})
    assert from_onnx(whole).operators[0].tensor_elements["Outputs"] == 12
