"""A walk over the nodes of an ONNX graph: each gets types and shapes, and becomes an operator or a view."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer, Value
from cosearch_simulators.workloads.onnx_axes import Sizes, axes_of
from cosearch_simulators.workloads.onnx_call import Call
from cosearch_simulators.workloads.onnx_control import CONTROL, Place
from cosearch_simulators.workloads.onnx_inference import (
    STANDARD_DOMAINS,
    Inferred,
    Known,
    as_known,
    bits_of,
    computed,
    is_known,
    shape_of,
)
from cosearch_simulators.workloads.onnx_nodes import MOST_NODES, all_nodes, ordered
from cosearch_simulators.workloads.onnx_operators import (
    KNOWN,
    OWN_SHAPES,
    translate,
)
from cosearch_simulators.workloads.onnx_precision import DATA_FIRST, precision_of, stored_bits
from cosearch_simulators.workloads.onnx_stored import Stored
from cosearch_simulators.workloads.onnx_tables import RANDOM
from cosearch_simulators.workloads.onnx_types import Types
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

DAMAGES = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)
"""What a damaged file makes of code that reads a whole one."""

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
                scope[value.name] = self.stored.input(value, self.sizes)
        self.graph(graph, scope, Place())

    def graph(
        self, graph: GraphProto, outer: Scope, place: Place, inputs: Mapping[str, Known] | None = None
    ) -> list[Known]:
        """The outputs of a graph, whose nodes may use what is known outside.

        Args:
            graph: the one of the model, or of a branch or a loop.
            outer: values by name.
            place: where it is.
            inputs: of the graph, by name.
        """
        scope = outer.new_child(dict(inputs or {}))
        if place.key not in self._parts:
            self._parts[place.key] = self._prepared(graph, scope, place.key)
        nodes, constants, shapes = self._parts[place.key]
        scope.update(constants)
        self.visits += 1
        for node in nodes:
            self.node(node, scope, place, shapes)
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

    def node(self, node: NodeProto, scope: Scope, place: Place, shapes: dict[str, Any]) -> None:
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
            outputs = self._outputs(node, given, scope, place, shapes)
        except WorkloadError as error:
            told = str(error).startswith(f"{self.source}: ")  # by a node inside of this one
            raise (error if told else WorkloadError(f"{where}: {error}")) from None
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
        place: Place,
        shapes: dict[str, Any],
    ) -> Sequence[Known]:
        kind, standard = node.op_type, node.domain in STANDARD_DOMAINS
        opset = self.opsets[""]
        if standard and kind == "Constant":
            return [self.stored.between(node, place.key)]
        if standard and (
            kind in CONTROL or any(known is not None and known.parts is not None for known in given)
        ):
            if kind not in CONTROL:
                raise WorkloadError("it has a sequence or an optional where a tensor is needed")
            return CONTROL[kind](self, node, given, scope, place)
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise WorkloadError(f"operator {kind!r} holds graphs of its own and is not supported")
        if standard and kind in ("Shape", "Size"):
            return [shape_of(node, given)]
        arithmetic = computed(node, given, opset) if standard else None
        values = [None if known is None else known.value for known in given]
        if arithmetic is not None:
            return [
                as_known(array, self.importer.constant(values, array.shape), kind) for array in arithmetic
            ]
        types = self.types.of(node, given, shapes)
        bits = [stored_bits(node, given, bits_of(one.kind)) for one in types]
        if kind in RANDOM and standard:
            return [
                Known(Tensor((), one.shape or ()), one.kind, None, width)
                for one, width in zip(types, bits, strict=True)
            ]
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
        found = translate(self._call(self.importer, node, given, types, place.prefix))
        # what else a node gives has the same producers
        several = (
            found
            if isinstance(found, list)
            else [found, *(found.reshape(*(one.shape or ())) for one in types[1:])]
        )
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
        named = is_known(node.domain) and (kind in KNOWN or not node.domain)
        return Call(
            importer,
            kind if named else f"{node.domain}.{kind}",
            prefix + (node.name or node.output[0]),
            types[0].shape or (),
            values,
            text,
            biasable,
            self.opsets[""],
            [None if known is None else known.number for known in given],
        )

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


def label(node: NodeProto) -> str:
    """What a node is called in messages."""
    return repr(node.name or next(iter(node.output), "") or node.op_type)


def _domain(domain: str) -> str:
    return "" if domain in STANDARD_DOMAINS else domain


def _reason(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
