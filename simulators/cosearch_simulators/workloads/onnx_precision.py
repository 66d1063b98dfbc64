"""How many bits ONNX operators have: their tensors' types, and the quantisers around them.

Sources: onnx.ai/onnx/operators (QuantizeLinear and its like, QLinearConv, MatMulInteger), ONNX Runtime's
ContribOperators.md (QGemm, QAttention, MatMulNBits) and QONNX's operators (Quant, BipolarQuant, Trunc).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cosearch_simulators.workloads.onnx_inference import Known
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from onnx import NodeProto

FLOAT, UINT8 = 1, 2
"""ONNX's numbers of these types."""

# fmt: off
ROUNDING = frozenset((
    "BipolarQuant", "DequantizeLinear", "FloatQuant", "IntQuant", "Quant", "QuantizeLinear", "Trunc",
))
"""They round a value, or give a rounded one its floating-point type back: their first input's data."""
DATA_FIRST = ROUNDING
STORED_AS_INPUT = frozenset((
    "Concat", "DepthToSpace", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "Identity",
    "MaxPool", "Pad", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
    "Unsqueeze",
))
"""They move data, so that what they give is stored in the bits of what they take."""
WEIGHTS_AT = {
    "QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3, "QLinearAdd": 3, "QLinearMul": 3, "Gather": 0,
    "GatherBlockQuantized": 0, "DynamicQuantizeMatMul": 1,
}
"""The input that is the weights, where that is not the second."""
NO_WEIGHTS = (
    "Reduce", "GlobalAverage", "GlobalMax", "ArgM", "Softmax", "MaxPool", "AveragePool", "Clip", "Resize",
    "Upsample", "TopK", "CumSum", "Cast", "QLinearGlobalAveragePool", "QLinearAveragePool",
    "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "Layer", "Skip", "Simplified",
)
"""Beginnings of operators whose further inputs are no operands."""
# fmt: on


def stored_bits(node: NodeProto, given: Sequence[Known | None], own: int) -> int:
    """Of what a node gives; `own` is the width of its type."""
    kind = node.op_type
    if kind == "BipolarQuant":
        return 1
    if kind in ("Quant", "IntQuant"):
        return _number(given, 3, own)
    if kind == "FloatQuant":
        return 1 + _number(given, 2, own) + _number(given, 3, 0) if _number(given, 2, 0) else own
    if kind == "Trunc" and len(given) > 4:
        return _number(given, 4, own)
    if kind in STORED_AS_INPUT and given and given[0] is not None:
        return given[0].bits
    if kind == "QuantizeLinear":
        zero = given[2] if len(given) > 2 else None
        return own if zero is None or (zero.number is None and zero.bits == 32) else zero.bits
    return own


def rounded_kind(node: NodeProto, given: Sequence[Known | None]) -> int:
    """The type of what a QuantizeLinear or a DequantizeLinear gives: that of its zero, or of its scale."""
    asked = next((one.i for one in node.attribute if one.name == "output_dtype"), 0)
    place = 2 if node.op_type == "QuantizeLinear" else 1
    known = given[place] if place < len(given) else None
    if asked:
        return asked
    return UINT8 if known is None and place == 2 else FLOAT if known is None else known.kind


def precision_of(kind: str, bits: Sequence[int], output: int, attributes: Mapping[str, Any]) -> Precision:
    """Of an operator: the bits of its first input, of its weights and of its output."""
    inputs_at = {"Gather": 1, "GatherBlockQuantized": 1}.get(kind, 0)
    weights_at = WEIGHTS_AT.get(kind, 1)
    inputs = bits[inputs_at] if inputs_at < len(bits) else 32
    has_weights = weights_at < len(bits) and not kind.startswith(NO_WEIGHTS)
    weights = bits[weights_at] if has_weights else inputs
    if kind in ("MatMulNBits", "GatherBlockQuantized"):
        weights = int(attributes.get("bits", 4))
    elif kind == "MatMulBnb4":
        weights = 4
    elif kind in ("QMoE",):
        weights = int(attributes.get("expert_weight_bits", 4))
    return Precision(weights, inputs, output, max(32, inputs, weights))


def _number(given: Sequence[Known | None], place: int, missing: int) -> int:
    """A whole number of at least 1 among the inputs."""
    known = given[place] if place < len(given) else None
    if known is None or known.number is None or known.number.size != 1:
        return missing
    found = float(known.number.reshape(-1)[0])
    return int(-(-found // 1)) if 0 < found <= 64 else missing
