"""A walk over the nodes of a module that `torch.export` traced; `aten` says what becomes of each."""

from __future__ import annotations

import operator as python_operator
from typing import TYPE_CHECKING, Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.aten import MULTIPLYING, translate
from cosearch_simulators.workloads.aten_call import Call
from cosearch_simulators.workloads.aten_tables import NOTHING, RANDOM, VIEWS
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node

INLINED = (
    "wrap_with_set_grad_enabled",
    "wrap_with_autocast",
    "checkpoint",
    "tag_activation_checkpoint",
    "wrap",
)
"""Parts of a graph that run as they stand."""

WRAPPED = "wrapped_module"
"""The name of a module in one that only chooses among what it gives."""

QUANTIZED = "quantized_decomposed::"


class Walk:
    """The state of a walk over the nodes."""

    def __init__(self, name: str, precision: Precision | None) -> None:
        self.importer = Importer(name)
        self.precision = precision
        self.used: set[str] = set()
        self.bits: dict[str, int] = {}
        self.several: dict[str, list[Any]] = {}

    def translate(self, part: GraphModule) -> list[Any]:
        """Give all nodes of a graph their values; returns those of its output."""
        for node in part.graph.nodes:
            if node.op == "call_function":
                self._translate(node, part)
            elif node.op == "get_attr" and hasattr(_attribute(part, node), "shape"):
                self.importer.values[node.name] = Constant(tuple(_attribute(part, node).shape))
            elif node.op == "output":
                given = node.args[0]
                return list(given) if isinstance(given, tuple | list) else [given]
        return []

    def _translate(self, node: Node, part: GraphModule) -> None:
        from torch._ops import HigherOrderOperator

        values: dict[str, Any] = self.importer.values
        if isinstance(node.target, HigherOrderOperator):
            self._inline(node, part)
            return
        kind, shape = _kind(node), shape_of(node)
        if kind in NOTHING or (output_of(node) is None and kind != "getitem"):
            values[node.name] = Constant(())
            return
        source: Any = node.args[0] if node.args else None
        if kind == "getitem" and source.name in self.several:
            picked = self.several[source.name][node.args[1]]  # type: ignore[index]
            values[node.name] = values[picked.name] if hasattr(picked, "name") else Constant(())
            return
        operands = [values[operand.name] for operand in node.all_input_nodes]
        self._keep_bits(node, kind)
        if kind in RANDOM and 0 not in shape:
            values[node.name] = Tensor((), shape)
            return
        if 0 in shape or not any(isinstance(operand, Tensor) for operand in operands):
            together = operands[0].shape if _many(node) and operands else shape
            values[node.name] = self.importer.constant(operands, () if 0 in shape else together)
            values[node.name] = values[node.name] if 0 not in shape else Constant(shape)
            return
        path = _path(node)
        taken = path in self.used or self.importer.builder.taken(path)
        name = path if path and not taken else f"{path}.{node.name}".lstrip(".")
        self.importer.builder.precision = self.precision or self._precision(node)
        given = _arguments(node) if kind != "getitem" else {}
        where = f"{path or self.importer.builder.name} (node {node.name!r})"
        try:
            if kind.startswith(QUANTIZED) and "quantize" in kind:  # its precision is that of what reads it
                values[node.name] = self.importer.view(name, operands[:1], shape)
            else:
                values[node.name] = translate(Call(self.importer, kind, name, shape, given, operands))
        except WorkloadError as error:
            raise WorkloadError(f"{where}: {error}") from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # a form that no table knows
            if kind in MULTIPLYING:
                raise WorkloadError(f"{where}: this form of {kind!r} is not read ({error!r})") from error
            values[node.name] = self.importer.unknown(kind, name, operands, shape)
        if kind not in VIEWS:
            self.used.add(name)

    def _inline(self, node: Node, part: GraphModule) -> None:
        """The nodes of a part of the graph that runs under another setting, such as without gradients."""
        kind = str(node.target)
        graphs = [
            a
            for a in node.args
            if getattr(a, "op", "") == "get_attr" and hasattr(_attribute(part, a), "graph")
        ]
        if not kind.startswith(INLINED) or len(graphs) != 1:
            where = f"{_path(node) or self.importer.builder.name} (node {node.name!r})"
            raise WorkloadError(
                f"{where}: {kind!r} chooses or repeats by what it computes: trace a module in which that is "
                "written out"
            )
        inner = _attribute(part, graphs[0])
        given = node.args[node.args.index(graphs[0]) + 1 :]
        values: dict[str, Any] = self.importer.values
        places = [inside for inside in inner.graph.nodes if inside.op == "placeholder"]
        outer = dict(values)
        for place, value in zip(places, given, strict=False):
            name = getattr(value, "name", None)
            values[place.name] = Constant(()) if name is None else outer[name]
        outputs = self.translate(inner)
        found = [values[out.name] if hasattr(out, "name") else Constant(()) for out in outputs]
        values.update(outer)  # the inner graph may use the same names
        picked = [_Picked(f"{node.name}.{place}") for place in range(len(found))]
        values.update({one.name: value for one, value in zip(picked, found, strict=True)})
        self.several[node.name] = list(picked)
        values[node.name] = found[0] if found else Constant(())

    def _keep_bits(self, node: Node, kind: str) -> None:
        """What is stored in fewer bits and made a floating-point number again is moved in these."""
        output = output_of(node)
        own = 32 if output is None else 8 * output.dtype.itemsize
        if kind.startswith(QUANTIZED) and "quantize" in kind:
            low, high = (_arguments(node).get(f"quant_{end}") for end in ("min", "max"))
            if isinstance(low, int) and isinstance(high, int):
                rounded: Any = node.args[0]
                self.bits[rounded.name] = self.bits[node.name] = max(1, (high - low).bit_length())
                return
        source = node.all_input_nodes[0].name if node.all_input_nodes else ""
        same = kind in VIEWS and kind not in ("to", "_to_copy", "type_as")
        self.bits[node.name] = self.bits.get(source, own) if same else own

    def _precision(self, node: Node) -> Precision:
        output = output_of(node)
        bits = 32 if output is None else 8 * output.dtype.itemsize
        inputs = [self.bits.get(operand.name, _bits(operand)) for operand in node.all_input_nodes]
        read = inputs[0] if inputs else bits
        weights = inputs[1] if len(inputs) > 1 else read
        if _kind(node) == "embedding":
            read, weights = weights, read
        if _kind(node) in ("addmm", "baddbmm", "addmv", "addbmm") and len(inputs) > 2:
            read, weights = inputs[1], inputs[2]
        return Precision(weights, read, bits, max(32, bits))


class _Picked:
    """The name of one of several outputs of a part of the graph."""

    def __init__(self, name: str) -> None:
        self.name = name


def _attribute(part: Any, node: Any) -> Any:
    found = part
    for name in str(node.target).split("."):
        found = getattr(found, name, None)
    return found


def _many(node: Node) -> bool:
    return isinstance(node.meta.get("val"), tuple | list)


def _bits(node: Node) -> int:
    output = output_of(node)
    return 32 if output is None else 8 * int(output.dtype.itemsize)


def _arguments(node: Node) -> dict[str, Any]:
    """A node's arguments by the names of its schema, defaults included."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = {argument.name: argument.default_value for argument in schema}
    given |= dict(zip((argument.name for argument in schema), node.args, strict=False))
    return given | node.kwargs


def _kind(node: Node) -> str:
    """The operator's name without its overload, and without the underscore of those that work in place.

    Operators of other libraries have theirs before it.
    """
    if node.target is python_operator.getitem:
        return "getitem"
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return getattr(node.target, "__name__", str(node.target))
    library, _, kind = str(schema.name).partition("::")
    if library not in ("aten", "prims"):
        return f"{library}::{kind}"
    return kind.removesuffix("_") if not kind.startswith("_") else kind


def output_of(node: Node) -> Any:
    """A node's output as a tensor without data, the first where it has several, or None."""
    value = node.meta.get("val")
    if isinstance(value, tuple | list):
        value = value[0] if value else None
    return value if hasattr(value, "shape") else None


def shape_of(node: Node) -> tuple[int, ...]:
    """Of a node's output, the first where it has several."""
    output = output_of(node)
    return () if output is None else tuple(_size(node, size) for size in output.shape)


def _size(node: Node, size: Any) -> int:
    """A size as a number; one that depends on data has the most that its bounds allow."""
    try:
        return int(size)
    except Exception as error:  # torch has a class of its own for it in each version
        raise WorkloadError(
            f"{_path(node) or 'the module'} (node {node.name!r}): a size of {tuple(node.meta['val'].shape)} "
            "depends on what is computed: trace a module in which it does not"
        ) from error


def _path(node: Node) -> str:
    """The module that a node is in, such as "layer1.0.conv1"."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]).removeprefix(WRAPPED).lstrip(".") if stack else ""
