"""Types, shapes and numbers of single ONNX nodes: `onnx`'s own inference, and arithmetic on small constants.

Exporters write a reshape as arithmetic on the shape of its input; with all sizes known it is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.importing import Constant, Value

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, TypeProto

SMALL_ELEMENTS = 1024
"""Tensors up to this size may be part of a shape's arithmetic; larger ones are weights."""

STANDARD_DOMAINS = ("", "ai.onnx")
KNOWN_DOMAINS = ("com.microsoft", "qonnx", "finn", "onnx.brevitas")
"""Beginnings of other domains whose operators are known."""

# fmt: off
ARITHMETIC = frozenset((
    "Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "CastLike", "Ceil", "Clip", "Compress", "Concat",
    "ConstantOfShape", "CumSum", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "GatherElements",
    "GatherND", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul",
    "Neg", "NonZero", "Not", "OneHot", "Or", "Pow", "Range", "ReduceMax", "ReduceMin", "ReduceProd",
    "ReduceSum", "Reshape", "Round", "ScatterElements", "ScatterND", "Sign", "Slice", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
))
"""Operators that are computed where all inputs are small constants."""
GROWING = frozenset(("ConstantOfShape", "Expand", "OneHot", "Range", "Tile"))
"""Those of them whose output may be far larger than their inputs."""
# fmt: on
WITH_DATA = frozenset(("Range", "Resize", "Upsample"))
"""Whose floating-point inputs decide on shapes."""


@dataclass(frozen=True)
class Known:
    """What is known of a value of the graph.

    Attributes:
        value: where its data come from.
        kind: ONNX's number of its elements' type.
        number: the data of a small constant.
        bits: in which an element is stored: those before a DequantizeLinear, for what it gives.
        maker: the node type that gave it.
        parts: of a sequence, or the one of an optional.
    """

    value: Value
    kind: int = 1
    number: np.ndarray | None = None
    bits: int = 32
    maker: str = ""
    parts: tuple[Known, ...] | None = field(default=None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.value.shape

    def seen_as(self, value: Value, **changes: Any) -> Known:
        """The same with another value, and without its number."""
        return replace(self, value=value, number=None, **changes)


@dataclass(frozen=True)
class Inferred:
    """The type of an output: ONNX's number of it, and its shape where that could be inferred."""

    kind: int
    shape: tuple[int, ...] | None


def computed(node: NodeProto, given: Sequence[Known | None], opset: int) -> list[np.ndarray] | None:
    """The outputs of a node whose inputs are small constants; None where it is no arithmetic of shapes."""
    if node.op_type not in ARITHMETIC or node.domain not in STANDARD_DOMAINS:
        return None
    feeds = {}
    for name, known in zip(node.input, given, strict=True):
        if known is not None:
            if known.number is None:
                return None
            feeds[name] = known.number
    if not feeds or prod(np.broadcast_shapes(*_broadcast(node, feeds))) > SMALL_ELEMENTS:
        return None
    if node.op_type in GROWING:
        shape = inferred(node, given, opset)[0].shape
        if shape is None or prod(shape) > SMALL_ELEMENTS:
            return None
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    inputs = [helper.make_value_info(name, helper.make_tensor_type_proto(1, None)) for name in feeds]
    outputs = [
        helper.make_value_info(name, helper.make_tensor_type_proto(1, None)) for name in node.output if name
    ]
    graph = helper.make_graph([node], "arithmetic", inputs, outputs)
    try:
        given_back = ReferenceEvaluator(graph, opsets={"": opset}).run(None, feeds)
    except Exception:  # what it cannot compute is no arithmetic; its shape is inferred, or told of there
        return None
    found = [np.asarray(value) for value in given_back]
    return found if all(value.size <= SMALL_ELEMENTS for value in found) else None


def _broadcast(node: NodeProto, feeds: Mapping[str, np.ndarray]) -> list[tuple[int, ...]]:
    """The inputs' shapes where the operator makes them one."""
    elementwise = node.op_type in (
        *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min"),
        *("Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where", "Xor"),
    )
    return [value.shape for value in feeds.values()] if elementwise else []


def inferred(node: NodeProto, given: Sequence[Known | None], opset: int, domain: str = "") -> list[Inferred]:
    """The types of a node's outputs, by the operator's own rules.

    Raises:
        onnx.shape_inference.InferenceError: the inputs do not fit the operator.
        onnx.defs.SchemaError: there is no such operator.
    """
    import onnx
    from onnx import numpy_helper, shape_inference

    try:
        schema = onnx.defs.get_schema(node.op_type, opset, domain)
    except onnx.defs.SchemaError:  # an optimiser's, which takes operators of later versions
        schema = None
    if schema is None or schema.deprecated or not schema.has_type_and_shape_inference_function:
        schema = _with_inference(node.op_type, opset, domain) or schema
    if schema is None:
        raise WorkloadError(f"opset {opset} has no operator {node.op_type!r}")
    types: dict[str, TypeProto] = {}
    data: dict[str, TensorProto] = {}
    for name, known in zip(node.input, given, strict=True):
        if known is not None:
            types[name] = onnx.helper.make_tensor_type_proto(known.kind, known.shape)
            if known.number is not None and (known.number.dtype.kind != "f" or node.op_type in WITH_DATA):
                data[name] = numpy_helper.from_array(known.number)
    imports = [onnx.helper.make_opsetid(domain, opset)]
    found = shape_inference.infer_node_outputs(schema, node, types, data, None, imports)
    outputs = []
    for name in node.output:
        tensor = found[name].tensor_type if name in found else onnx.TypeProto.Tensor()
        axes = tensor.shape.dim
        sizes = tuple(axis.dim_value for axis in axes) if tensor.HasField("shape") else None
        whole = sizes is not None and all(axis.HasField("dim_value") for axis in axes)
        first = next((known.kind for known in given if known is not None), 1)
        outputs.append(Inferred(tensor.elem_type or first, sizes if whole else None))
    return outputs


def _with_inference(kind: str, opset: int, domain: str) -> Any:
    """The oldest later version of an operator that has rules for shapes, else the newest earlier one."""
    import onnx

    versions = {
        schema.since_version: schema
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.name == kind and schema.domain == domain
    }
    having = {
        v: s for v, s in versions.items() if s.has_type_and_shape_inference_function and not s.deprecated
    }
    earlier = [version for version in having if version <= opset]
    later = [version for version in having if version > opset]
    return having[max(earlier)] if earlier else having[min(later)] if later else None


def shape_of(node: NodeProto, given: Sequence[Known | None]) -> Known:
    """What a Shape or a Size gives."""
    assert given[0] is not None
    shape = given[0].shape
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    part = shape[ends.get("start", 0) : ends.get("end", len(shape))]
    number = np.array(part if node.op_type == "Shape" else prod(shape), dtype=np.int64)
    return as_known(number, Constant(number.shape), node.op_type)


def as_known(array: np.ndarray, value: Value, maker: str) -> Known:
    """A small constant whose data are known."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return Known(value, kind, array if array.dtype.kind in "biuf" else None, bits_of(kind), maker)


def is_known(domain: str) -> bool:
    """Whether operators of this domain are those of the tables."""
    return domain in STANDARD_DOMAINS or domain.startswith(KNOWN_DOMAINS)


def bits_of(kind: int) -> int:
    """Of an element of ONNX's type of this number."""
    name = type_name(kind) if kind else "FLOAT"
    if name in ("BOOL", "STRING"):
        return 8
    widths = {"FLOAT": 32, "DOUBLE": 64, "COMPLEX64": 64, "COMPLEX128": 128}
    digits = name.removeprefix("B").removeprefix("UINT").removeprefix("INT").removeprefix("FLOAT")
    return widths.get(name) or int("".join(filter(str.isdigit, digits.split("E")[0])) or 32)


def is_floating(kind: int) -> bool:
    """Whether ONNX's type of this number has floating-point elements."""
    name = type_name(kind)
    return "FLOAT" in name or name == "DOUBLE"


def type_name(kind: int) -> str:
    """Of ONNX's type of this number."""
    from onnx import TensorProto

    try:
        return str(TensorProto.DataType.Name(kind))
    except ValueError:
        raise WorkloadError(f"an element type has the number {kind}, which ONNX does not have") from None
