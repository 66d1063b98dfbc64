"""Networks from ONNX: the file is read, its shapes are inferred, and each node becomes an operator or a view.

Only shapes and types are needed, so weights kept outside the file are not read, but for what may be a mask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch_simulators.bounded_files import read_bytes
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer, Value, unsupported
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.onnx_buffers import untrained
from cosearch_simulators.workloads.onnx_nodes import check_nodes
from cosearch_simulators.workloads.onnx_operators import REDUCTIONS, SUPPORTED, VIEWS, Call, translate
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

STANDARD_DOMAINS = ("", "ai.onnx")
CONSTANT_KINDS = ("Constant", "ConstantOfShape", "Shape", "Size")
"""Operators whose output depends on shapes alone."""

# fmt: off
SHAPE_ARITHMETIC = frozenset((
    "Abs", "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Expand",
    "Floor", "Gather", "Greater", "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow",
    "Range", "ReduceProd", "Reshape", "Round", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    "Where",
))
# fmt: on
GROWING = ("ConstantOfShape", "Expand", "Range")
"""Those of them whose output may be far larger than their inputs."""

DAMAGES = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What a damaged file makes of code that reads a whole one."""

BROADCASTING = (
    *("Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mod", "Mul", "Or", "Pow", "Sub"),
    "Where",
)
"""Likewise: each input may be small, and their common shape the product of all."""

MOST_BYTES = 2**31 - 1
"""Of a file; what protobuf reads."""

MOST_VISITS = 5_000_000
"""Of nodes, in as many rounds of shape inference as this allows."""

SMALL_ELEMENTS = 1024
"""Tensors up to this size may be part of a shape's arithmetic; larger ones are weights."""


def from_onnx(
    model: str | Path | ModelProto,
    *,
    batch: int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    precision: Precision | None = None,
) -> Network:
    """The network of an ONNX model.

    Args:
        model: a file, or a model that was loaded.
        batch: the first axis of every input that leaves it open.
        shapes: of inputs that leave more open, by their names.
        precision: of all operators, by default that of the file's tensors; the inputs and weights of
            `DequantizeLinear` have the bits they are stored in.

    Returns:
        Network: its parameters are the weights, biases and tables, and floating-point initializers of more
        than one element that are added or multiplied. Equal weights that an exporter merged count once.

    Example:
        >>> from onnx.parser import parse_model
        >>> model = parse_model('''<ir_version: 8, opset_import: ["": 17]>
        ...     blur (float[n, 1, 8, 8] x) => (float[n, 1, 7, 7] y)
        ...     <float[1, 1, 2, 2] w = {0.25, 0.25, 0.25, 0.25}> { y = Conv(x, w) }''')
        >>> from_onnx(model, batch=1).macs
        196

    Raises:
        WorkloadError: the file cannot be read, a shape is open, or an operator is not supported.
    """
    source, loaded = _load(model)
    buffers = untrained(loaded.graph, None if hasattr(model, "graph") else Path(model).parent)
    loaded, weights = _inferred(source, _with_shapes(source, loaded, batch, shapes or {}))
    walk = _Walk(source, loaded.graph, weights, buffers, precision)
    for node in loaded.graph.node:
        walk.translate(node)
    return walk.importer.builder.build()


def _load(model: str | Path | ModelProto) -> tuple[str, ModelProto]:
    """The model as a copy that may be changed, and how errors call it."""
    import onnx

    if isinstance(model, onnx.ModelProto):
        copied = onnx.ModelProto()
        copied.CopyFrom(model)
        return model.graph.name or "model", copied
    path = Path(model)
    try:
        loaded = onnx.load_model_from_string(read_bytes(path, MOST_BYTES))
    except OSError as error:
        raise WorkloadError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own, which is not ours to import
        raise WorkloadError(f"{path} is no ONNX file: {_first_line(error)}") from error
    if not loaded.graph.node:
        raise WorkloadError(f"{path} is no ONNX file: it has no graph with nodes")
    check_nodes(loaded, str(path))
    return path.stem, loaded


def _with_shapes(
    source: str, model: ModelProto, batch: int | None, shapes: Mapping[str, Sequence[int]]
) -> ModelProto:
    """The model with the sizes of its inputs filled in."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in initializers}
    for name in shapes:
        if name not in inputs:
            raise WorkloadError(f"{source}: shapes names {name!r}, the inputs are {', '.join(inputs)}")
    for name, value in inputs.items():
        axes = value.type.tensor_type.shape.dim
        given = shapes.get(name)
        if given is not None and len(given) != len(axes) and len(axes):
            raise WorkloadError(f"{source}: input {name!r} has {len(axes)} axes, shapes gives {list(given)}")
        if given is not None:
            del axes[:]
            for size in given:
                axes.add().dim_value = size
        elif batch is not None and axes and not axes[0].dim_value:
            axes[0].dim_value = batch
        sizes = [axis.dim_value or axis.dim_param or "?" for axis in axes]
        if not value.type.tensor_type.HasField("shape"):
            raise WorkloadError(f"{source}: input {name!r} has no shape, set shapes={{{name!r}: [...]}}")
        if any(isinstance(size, str) for size in sizes):
            example = [size if isinstance(size, int) else 1 for size in sizes]
            only_batch = not any(isinstance(size, str) for size in sizes[1:])
            way = "batch=1" if only_batch else f"shapes={{{name!r}: {example}}}"
            raise WorkloadError(f"{source}: input {name!r} has the open shape {sizes}, set for example {way}")
        if any(axis.dim_value < 1 for axis in axes):
            raise WorkloadError(f"{source}: input {name!r} must have sizes of at least 1, got {sizes}")
    return model


def _inferred(source: str, model: ModelProto) -> tuple[ModelProto, dict[str, TensorProto]]:
    """The model with all shapes and no functions of its own, and its initializers without their data."""
    import onnx
    from onnx import inliner, shape_inference

    functions = {(function.domain, function.name) for function in model.functions}
    for node in model.graph.node:
        if node.domain not in STANDARD_DOMAINS and (node.domain, node.op_type) not in functions:
            raise unsupported(
                node.op_type, f"{source}: node {_label(node)} of domain {node.domain!r}", SUPPORTED
            )
    try:
        if model.functions:
            model = inliner.inline_local_functions(model)
        weights = _move_weights_out(model.graph)
        del model.graph.value_info[:]  # these and the outputs' may be of other input sizes
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        for _ in range(max(MOST_VISITS // len(model.graph.node), 1)):
            model = shape_inference.infer_shapes(model, check_type=True, data_prop=True)
            if not _fold_shape_arithmetic(model.graph):
                break
        else:
            raise WorkloadError(f"{source}: its shapes depend on each other in too many steps")
    except WorkloadError:
        raise
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, *DAMAGES) as error:
        raise WorkloadError(f"{source}: shapes cannot be inferred: {_first_line(error)}") from error
    return model, weights


def _move_weights_out(graph: GraphProto) -> dict[str, TensorProto]:
    """Make large initializers inputs, which inference need not copy; returns all, without their data."""
    from onnx import TensorProto, helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    small = [tensor for tensor in graph.initializer if prod(tensor.dims) <= SMALL_ELEMENTS]
    inputs = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if prod(tensor.dims) > SMALL_ELEMENTS and tensor.name not in inputs:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    weights = {
        name: TensorProto(name=name, dims=w.dims, data_type=w.data_type) for name, w in weights.items()
    }
    del graph.initializer[:]
    graph.initializer.extend(small)
    return weights


def _fold_shape_arithmetic(graph: GraphProto) -> bool:
    """Put constants in the place of nodes that compute with shapes and integers; whether there were any.

    Exporters write a reshape as arithmetic on the shape of its input, which inference alone does not follow.
    """
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    shapes = _shapes(graph)
    known: dict[str, Any] = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if not _is_floating(tensor.data_type) and tensor.data_location != TensorProto.EXTERNAL
    }
    folded = False
    for node in graph.node:
        value: np.ndarray
        if node.op_type == "Shape":
            if node.input[0] not in shapes:
                continue
            shape = shapes[node.input[0]]
            ends = {attribute.name: attribute.i for attribute in node.attribute}
            value = np.array(shape[ends.get("start", 0) : ends.get("end", len(shape))], dtype=np.int64)
        elif node.op_type in SHAPE_ARITHMETIC and all(name in known for name in node.input if name):
            if (
                node.op_type in GROWING
                and prod(shapes.get(node.output[0], (SMALL_ELEMENTS + 1,))) > SMALL_ELEMENTS
            ):
                continue
            feeds = {name: known[name] for name in node.input if name}
            if node.op_type in BROADCASTING and _broadcast(feeds.values()) > SMALL_ELEMENTS:
                continue
            outputs: Any = ReferenceEvaluator(node).run(None, feeds)
            value = np.asarray(outputs[0])
        else:
            continue
        if value.size > SMALL_ELEMENTS:
            continue
        known[node.output[0]] = value
        if node.op_type != "Constant":
            folded = True
            constant = numpy_helper.from_array(value, node.output[0])
            node.CopyFrom(helper.make_node("Constant", [], [node.output[0]], name=node.name, value=constant))
    return folded


def _broadcast(values: Iterable[np.ndarray]) -> int:
    """How many elements the inputs have once they are of one shape."""
    return prod(np.broadcast_shapes(*(value.shape for value in values)))


def _shapes(graph: GraphProto) -> dict[str, tuple[int, ...]]:
    """The shapes that are known to the last axis."""
    found = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(axis.HasField("dim_value") for axis in axes):
            found[value.name] = tuple(axis.dim_value for axis in axes)
    return found


class _Walk:
    """The state of a walk over the nodes."""

    def __init__(
        self,
        source: str,
        graph: GraphProto,
        weights: dict[str, TensorProto],
        buffers: set[str],
        precision: Precision | None,
    ) -> None:
        self.source = source
        self.importer = Importer(source)
        self.precision = precision
        self.shapes = _shapes(graph)
        self.bits: dict[str, int] = {}
        self.uses = Counter(name for node in graph.node for name in node.input)
        self.uses.update(value.name for value in graph.output)
        self.producer = {name: node for node in graph.node for name in node.output}
        self.quantizers = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
        self.names: set[str] = set()
        for tensor in weights.values():
            shape = tuple(tensor.dims)
            elements = Constant(shape).elements
            trained = elements > 1 and _is_floating(tensor.data_type) and tensor.name not in buffers
            self.importer.values[tensor.name] = Constant(shape, ((tensor.name, elements),) if trained else ())
            self.bits[tensor.name] = _bits(tensor.data_type)
        for value in (*graph.input, *graph.value_info, *graph.output):
            self.bits[value.name] = _bits(value.type.tensor_type.elem_type)
        for value in graph.input:
            if value.name not in weights:
                entry = self.importer.builder.input(value.name, self.shapes[value.name])
                self.importer.values[value.name] = entry
                self.names.add(value.name)

    def translate(self, node: NodeProto) -> None:
        """Give the node's outputs their values."""
        values = self.importer.values
        unknown = next((name for name in node.input if name and name not in values), None)
        if unknown is not None:
            raise WorkloadError(
                f"{self.source}: node {_label(node)} reads {unknown!r}, which no node before it produces"
            )
        operands = [values[name] if name else None for name in node.input]
        computed = any(isinstance(operand, Tensor) for operand in operands)
        branches = any(attribute.HasField("g") for attribute in node.attribute)
        if branches or (computed and node.op_type not in (*SUPPORTED, *CONSTANT_KINDS)):
            raise unsupported(node.op_type, f"{self.source}: node {_label(node)}", SUPPORTED)
        if node.op_type in CONSTANT_KINDS or not computed:
            given = (
                [] if node.op_type in CONSTANT_KINDS else [value for value in operands if value is not None]
            )
            for name in node.output:
                values[name] = self.importer.constant(given, self.shapes.get(name) or ())
                self._keep_bits(node, name)
            return
        result = self._result(node, operands)
        for place, name in enumerate(node.output):
            if name:
                shape = self.shapes.get(name) if place else result.shape
                values[name] = result.reshape(*(shape or ()))
                self._keep_bits(node, name)

    def _result(self, node: NodeProto, operands: list[Value | None]) -> Value:
        from onnx import helper

        shape = self.shapes.get(node.output[0])
        if shape is None:
            raise WorkloadError(
                f"{self.source}: node {_label(node)}: the shape of {node.output[0]!r} cannot be inferred: "
                "an attribute is missing, or it depends on data"
            )
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        text = {
            key: value.decode(errors="replace") if isinstance(value, bytes) else value
            for key, value in attributes.items()
        }
        name = node.name or node.output[0]
        name = name if name not in self.names else f"{name}.{node.output[0]}"
        self.names.add(name)
        self.importer.builder.precision = self.precision or self._precision(node)
        computed = [
            given for given, value in zip(node.input, operands, strict=True) if isinstance(value, Tensor)
        ]
        before = self.producer.get(computed[0])
        biasable = before is not None and before.op_type == "MatMul" and self.uses[computed[0]] == 1
        try:
            return translate(Call(self.importer, node.op_type, name, shape, operands, text, biasable))
        except WorkloadError:
            raise
        except DAMAGES as error:
            where = f"{self.source}: node {_label(node)}"
            raise WorkloadError(f"{where} is no valid {node.op_type}: {_first_line(error)}") from error

    def _precision(self, node: NodeProto) -> Precision:
        """The bits of the first input, the weights and the output, which may be quantised right away."""
        weights_at = 3 if node.op_type.startswith("QLinear") else 1
        inputs_at = 0
        if node.op_type == "Gather":  # the table comes first
            weights_at, inputs_at = 0, 1
        inputs = self.bits.get(node.input[inputs_at], 32)
        constants = node.op_type not in REDUCTIONS and len(node.input) > weights_at
        weights = self.bits.get(node.input[weights_at], inputs) if constants else inputs
        quantizer = self.quantizers.get(node.output[0])
        output = quantizer.output[0] if quantizer and self.uses[node.output[0]] == 1 else node.output[0]
        bits = self.bits.get(output, inputs)
        return Precision(weights, inputs, bits, max(32, inputs, weights))

    def _keep_bits(self, node: NodeProto, name: str) -> None:
        """A view has the bits that its data are stored in; a cast is one that has its own."""
        if node.op_type in VIEWS and node.op_type not in ("Cast", "CastLike", "QuantizeLinear"):
            self.bits[name] = self.bits.get(node.input[0], 32)


def _bits(data_type: int) -> int:
    name = _type_name(data_type) if data_type else "FLOAT"
    if name in ("BOOL", "STRING"):
        return 8
    widths = {"FLOAT": 32, "DOUBLE": 64, "COMPLEX64": 64, "COMPLEX128": 128}
    digits = name.removeprefix("B").removeprefix("UINT").removeprefix("INT").removeprefix("FLOAT")
    return widths.get(name) or int("".join(filter(str.isdigit, digits.split("E")[0])) or 32)


def _is_floating(data_type: int) -> bool:
    name = _type_name(data_type)
    return "FLOAT" in name or name == "DOUBLE"


def _type_name(data_type: int) -> str:
    from onnx import TensorProto

    try:
        return str(TensorProto.DataType.Name(data_type))
    except ValueError:
        raise WorkloadError(f"an element type has the number {data_type}, which ONNX does not have") from None


def _label(node: NodeProto) -> str:
    return repr(node.name or (node.output[0] if node.output else node.op_type))


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
