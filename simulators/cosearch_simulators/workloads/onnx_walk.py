"""A walk over the nodes of an ONNX graph: each gets types and shapes, and becomes an operator or a view."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer, Value
from cosearch_simulators.workloads.onnx_axes import Sizes, axes_of
from cosearch_simulators.workloads.onnx_call import Call
from cosearch_simulators.workloads.onnx_control import CONTROL
from cosearch_simulators.workloads.onnx_inference import (
    STANDARD_DOMAINS,
    Inferred,
    Known,
    bits_of,
    computed,
)
from cosearch_simulators.workloads.onnx_nodes import MOST_NODES, all_nodes, ordered
from cosearch_simulators.workloads.onnx_operators import (
    KNOWN,
    OWN_SHAPES,
    translate,
)
from cosearch_simulators.workloads.onnx_precision import DATA_FIRST, precision_of, stored_bits
from cosearch_simulators.workloads.onnx_stored import Stored
from cosearch_simulators.workloads.onnx_types import Types
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

DAMAGES = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)
"""What a damaged file makes of code that reads a whole one."""

KNOWN_DOMAINS = ("com.microsoft", "qonnx", "finn", "onnx.brevitas")
"""Beginnings of the domains whose operators are known."""

Scope = ChainMap[str, Known]
_Part: TypeAlias = "tuple[list[NodeProto], dict[str, Known], dict[str, Any]]"
"""A graph's nodes in order, its initializers, and the shapes that the file tells."""


class Walk:
    """The state of a walk."""

    def __init__(
        self,
        source: str,
        model: ModelProto,
        folder: Path | None,
        sizes: Sizes,
        precision: Precision | None,
    ) -> None:
        self.source = source
        self.model = model
        self.importer = Importer(source)
        self.sizes = sizes
        self.precision = precision
        self.opsets = {_domain(imported.domain): imported.version for imported in model.opset_import}
        self.opsets.setdefault("", 1)
        self.uses: Counter[str] = Counter()
        self.quantizers: dict[str, NodeProto] = {}
        self.visits = 0
        self._parts: dict[str, _Part] = {}
        self._numbers: dict[str, Known] = {}
        self.types = Types(self.opsets, sizes)
        self.stored = Stored(self.importer, model.graph, folder)

    def whole(self) -> None:
        """Walk over the model's graph."""
        graph = self.model.graph
        scope: Scope = ChainMap()
        for value in graph.input:
            if value.name in self.sizes.shapes:
                scope[value.name] = self._input(value)
        self.graph(graph, scope, "")

    def graph(
        self, graph: GraphProto, outer: Scope, prefix: str, inputs: Mapping[str, Known] | None = None
    ) -> list[Known]:
        """The outputs of a graph, whose nodes may use what is known outside.

        Args:
            graph: the one of the model, or of a branch or a loop.
            outer: values by name.
            prefix: of the names of its operators.
            inputs: of the graph, by name.
        """
        scope = outer.new_child(dict(inputs or {}))
        key = prefix if not inputs else "/".join(part for part in prefix.split(".") if not part.isdigit())
        if key not in self._parts:
            self._parts[key] = self._prepared(graph, scope, key)
        nodes, constants, shapes = self._parts[key]
        scope.update(constants)
        self.visits += 1
        for node in nodes:
            self.node(node, scope, prefix, key, shapes)
        missing = next((value.name for value in graph.output if value.name not in scope), None)
        if missing is not None and outer:
            raise WorkloadError(f"{self.source}: nothing gives the output {missing!r}")
        return [scope[value.name] for value in graph.output if value.name in scope]

    def _prepared(self, graph: GraphProto, scope: Scope, key: str) -> _Part:
        """What is the same in all rounds of a graph."""
        constants = self.stored.initializers(graph, key)
        nodes = ordered(graph, {*scope, *constants}, self.source)
        self.uses.update(name for node in all_nodes(nodes) for name in node.input)
        self.uses.update(value.name for value in graph.output)
        for node in nodes:
            if node.op_type.endswith(("Quant", "QuantizeLinear")):
                self.quantizers[node.input[0]] = node
        self._numbers.update(constants)
        shapes = {value.name: axes_of(value) for value in (*graph.value_info, *graph.output)}
        return nodes, constants, shapes

    def node(self, node: NodeProto, scope: Scope, prefix: str, key: str, shapes: dict[str, Any]) -> None:
        """Give the outputs of a node their values."""
        import onnx

        self.visits += 1
        if self.visits > MOST_NODES:
            raise WorkloadError(
                f"{self.source}: more than {MOST_NODES:,} nodes, those of loops' rounds included"
            )
        where = f"{self.source}: node {label(node)} ({node.op_type})"
        try:
            given = [scope[name] if name else None for name in node.input]
            outputs = self._outputs(node, given, scope, prefix, key, shapes)
        except WorkloadError as error:
            raise (
                error if str(error).startswith(self.source) else WorkloadError(f"{where}: {error}")
            ) from None
        except (
            onnx.shape_inference.InferenceError,
            onnx.checker.ValidationError,
            onnx.defs.SchemaError,
        ) as error:
            raise WorkloadError(f"{where}: shapes cannot be inferred: {_reason(error)}") from error
        except DAMAGES as error:
            raise WorkloadError(f"{where} is no valid {node.op_type}: {_reason(error)}") from error
        for name, known in zip(node.output, outputs, strict=False):
            if name:
                scope[name] = known

    def _outputs(
        self,
        node: NodeProto,
        given: list[Known | None],
        scope: Scope,
        prefix: str,
        key: str,
        shapes: dict[str, Any],
    ) -> Sequence[Known]:
        kind, standard = node.op_type, node.domain in STANDARD_DOMAINS
        opset = self.opsets[""]
        if standard and kind == "Constant":
            return [self.stored.between(node, key)]
        if standard and (
            kind in CONTROL or any(known is not None and known.parts is not None for known in given)
        ):
            if kind not in CONTROL:
                raise WorkloadError("it has a sequence or an optional where a tensor is needed")
            return CONTROL[kind](self, node, given, scope, prefix)
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise WorkloadError(f"operator {kind!r} holds graphs of its own and is not supported")
        if standard and kind in ("Shape", "Size"):
            return [_shape_of(node, given)]
        arithmetic = computed(node, given, opset) if standard else None
        values = [None if known is None else known.value for known in given]
        if arithmetic is not None:
            return [_number(array, self.importer.constant(values, array.shape), kind) for array in arithmetic]
        types = self.types.of(node, given, shapes)
        bits = [stored_bits(node, given, bits_of(one.kind)) for one in types]
        of_data = values[:1] if kind in DATA_FIRST else values
        if not any(isinstance(value, Tensor) for value in values):
            sizes = [one.shape for one in types]
            if None in sizes and kind in OWN_SHAPES:
                sizes = self._shapes_alone(node, given, types)
            return [
                Known(self._constant(kind, of_data, size or ()), one.kind, None, width, kind)
                for one, size, width in zip(types, sizes, bits, strict=False)
            ]
        if types[0].shape is not None and 0 in types[0].shape and kind not in OWN_SHAPES:
            return [Known(Constant(one.shape or ()), one.kind, None, 32, kind) for one in types]
        found = translate(self._call(self.importer, node, given, types, prefix))
        several = found if isinstance(found, list) else [found, *self._others(found, types[1:])]
        return [
            Known(value, one.kind, None, width, kind)
            for value, one, width in zip(several, types, bits, strict=False)
        ]

    def _shapes_alone(
        self, node: NodeProto, given: list[Known | None], types: list[Inferred]
    ) -> list[tuple[int, ...] | None]:
        """The shapes of what a node gives that has constants alone, as if the first were computed."""
        first = next(place for place, known in enumerate(given) if known is not None)
        computed = [
            known.seen_as(Tensor((), known.shape)) if known is not None and place == first else known
            for place, known in enumerate(given)
        ]
        found = translate(self._call(Importer(self.source), node, computed, types, ""))
        several = found if isinstance(found, list) else [found]
        return [value.shape for value in several]

    def _call(
        self,
        importer: Importer,
        node: NodeProto,
        given: list[Known | None],
        types: list[Inferred],
        prefix: str,
    ) -> Call:
        from onnx import helper

        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        text = {
            name: value.decode(errors="replace") if isinstance(value, bytes) else value
            for name, value in attributes.items()
        }
        kind = node.op_type
        widths = [32 if known is None else known.bits for known in given]
        values = [None if known is None else known.value for known in given]
        importer.builder.precision = self.precision or precision_of(
            kind, widths, self._output_bits(node, bits_of(types[0].kind)), text
        )
        first = next(place for place, value in enumerate(values) if isinstance(value, Tensor))
        before = given[first]
        biasable = before is not None and before.maker == "MatMul" and self.uses[node.input[first]] == 1
        foreign = not node.domain.startswith(KNOWN_DOMAINS) and node.domain not in STANDARD_DOMAINS
        return Call(
            importer,
            f"{node.domain}.{kind}" if foreign or (node.domain and kind not in KNOWN) else kind,
            prefix + (node.name or node.output[0]),
            types[0].shape or (),
            values,
            text,
            biasable,
            self.opsets[""],
            [None if known is None else known.number for known in given],
            len([name for name in node.output if name]),
        )

    def _others(self, found: Value, types: Iterable[Inferred]) -> list[Value]:
        """What else a node gives has the same producers."""
        return [found.reshape(*(one.shape or ())) for one in types]

    def _constant(self, kind: str, values: Sequence[Value | None], shape: tuple[int, ...]) -> Constant:
        constant = self.importer.constant(values, shape)
        # what was rounded was trained
        trained = kind in DATA_FIRST and constant.parameters and constant.elements > 1
        return Constant(shape, constant.parameters) if trained else constant

    def _output_bits(self, node: NodeProto, own: int) -> int:
        """Those that it is rounded to right away, where nothing else reads it."""
        name = node.output[0]
        quantizer = self.quantizers.get(name)
        if quantizer is None or self.uses[name] != 1:
            return own
        given = [self._known_number(place) for place in quantizer.input]
        return stored_bits(quantizer, given, 8)

    def _known_number(self, name: str) -> Known | None:
        return self._numbers.get(name, Known(Constant(())))

    def _input(self, value: Any) -> Known:
        name, shape = value.name, self.sizes.shapes[value.name]
        of = value.type.optional_type.elem_type if value.type.HasField("optional_type") else value.type
        kind = of.tensor_type.elem_type or 1
        if name in self.sizes.values:
            number = np.full(shape, self.sizes.values[name], dtype=_numpy(kind))
            return Known(Constant(shape), kind, number, bits_of(kind))
        if 0 in shape:
            return Known(Constant(shape), kind, None, bits_of(kind))
        return Known(self.importer.builder.input(name, shape), kind, None, bits_of(kind))


def label(node: NodeProto) -> str:
    """What a node is called in messages."""
    return repr(node.name or next(iter(node.output), "") or node.op_type)


def _shape_of(node: NodeProto, given: list[Known | None]) -> Known:
    assert given[0] is not None
    shape = given[0].shape
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    part = shape[ends.get("start", 0) : ends.get("end", len(shape))]
    number = np.array(part if node.op_type == "Shape" else prod(shape), dtype=np.int64)
    return _number(number, Constant(number.shape), node.op_type)


def _number(array: np.ndarray, value: Constant, maker: str) -> Known:
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return Known(value, kind, array if array.dtype.kind in "biuf" else None, bits_of(kind), maker)


def _numpy(kind: int) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(kind)


def _domain(domain: str) -> str:
    return "" if domain in STANDARD_DOMAINS else domain


def _reason(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
