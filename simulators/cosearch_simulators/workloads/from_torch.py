"""Networks from PyTorch: a module is traced by `torch.export` into a `torch.fx` graph of ATen operators.

Shapes are those of the example inputs; nothing is computed. `aten` says what becomes of each operator.
"""

from __future__ import annotations

import contextlib
import io
import logging
import operator as python_operator
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.aten import ELEMENTWISE, TRANSLATIONS, VIEWS, Call
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Importer, Value, unsupported
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor
    from torch.export import ExportedProgram
    from torch.fx import Node
    from torch.nn import Module


def from_torch(
    module: Module | ExportedProgram,
    example_inputs: Sequence[Any] | TorchTensor | None = None,
    *,
    name: str = "",
    precision: Precision | None = None,
) -> Network:
    """The network of a PyTorch module, as it runs in inference.

    Args:
        module: any module that `torch.export` can trace, or what it traced.
        example_inputs: positional inputs of `forward`, or the only one; only their shapes and types matter. A
            traced program needs none unless it leaves sizes open.
        name: of the network, by default the module's class.
        precision: of all operators, by default that of the module's tensors.

    Returns:
        Network: parameters that the graph does not use are not counted.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(4, 3)
        >>> from_torch(layer, torch.zeros(1, 4)).parameters
        15

    Raises:
        WorkloadError: the module cannot be traced, or an operator is not supported; with its module and node.
    """
    traced = _traced(module, example_inputs)
    importer = Importer(name or type(module).__name__)
    trained = traced.graph_signature.inputs_to_parameters
    outside = set(traced.graph_signature.user_inputs)
    used: set[str] = set()
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            shape = _shape(node)
            if node.name in outside and _output(node) is not None:
                importer.values[node.name] = importer.builder.input(node.name, shape)
            else:
                parameters = ((trained[node.name], prod(shape)),) if node.name in trained else ()
                importer.values[node.name] = Constant(shape, parameters)
        elif node.op == "call_function":
            importer.builder.precision = precision or _precision(node)
            importer.values[node.name] = _translate(importer, node, used)
    return importer.builder.build()


def _traced(module: Any, inputs: Any) -> ExportedProgram:
    import torch

    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    if isinstance(module, torch.export.ExportedProgram):
        traced = module if inputs is None else _trace(module.module(), tuple(inputs))
        for node in traced.graph.nodes:
            output = _output(node) if node.op == "placeholder" else None
            sizes = () if output is None else tuple(output.shape)
            if not all(isinstance(size, int) for size in sizes):
                shape = ", ".join(map(str, sizes))
                raise WorkloadError(f"input {node.name!r} has the open shape ({shape}), give example_inputs")
        return traced
    if not isinstance(module, torch.nn.Module):
        raise WorkloadError(f"expected a torch.nn.Module or an ExportedProgram, got {type(module).__name__}")
    if inputs is None:
        raise WorkloadError(f"{type(module).__name__} is not traced yet and needs example_inputs")
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        return _trace(module, tuple(inputs))
    finally:
        for part, was_training in training.items():
            part.training = was_training


def _trace(module: Module, inputs: tuple[Any, ...]) -> ExportedProgram:
    import torch

    loudest = logging.root.manager.disable
    try:
        # what cannot be traced is printed and logged as a page of code; the first line tells it
        logging.disable(logging.WARNING)
        with contextlib.redirect_stderr(io.StringIO()):
            return torch.export.export(module, inputs)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WorkloadError(f"torch.export cannot trace {type(module).__name__}: {reason}") from error
    finally:
        logging.disable(loudest)


def _translate(importer: Importer, node: Node, used: set[str]) -> Value:
    kind = _kind(node)
    operands = [importer.values[operand.name] for operand in node.all_input_nodes]
    shape = _shape(node)
    if not any(isinstance(operand, Tensor) for operand in operands):
        return importer.constant(operands, shape)
    path = _path(node)
    name = _name(node, path, used)
    if kind in VIEWS:
        return importer.view(name, operands, shape)
    used.add(name)
    if kind in ELEMENTWISE:
        function = ELEMENTWISE[kind]
        if kind == "gelu" and node.kwargs.get("approximate") == "tanh":
            function = "gelu_tanh"
        # the statistics of a batch normalisation are buffers and add no parameters
        return importer.elementwise(name, function, operands, shape)
    if kind not in TRANSLATIONS:
        where = f"{path or importer.builder.name} (node {node.name!r})"
        raise unsupported(kind, where, sorted({*VIEWS, *ELEMENTWISE, *TRANSLATIONS}))
    return TRANSLATIONS[kind](Call(importer, kind, name, shape, _arguments(node)))


def _arguments(node: Node) -> dict[str, Any]:
    """A node's arguments by the names of its schema, defaults included."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = {argument.name: argument.default_value for argument in schema}
    given |= dict(zip((argument.name for argument in schema), node.args, strict=False))
    return given | node.kwargs


def _kind(node: Node) -> str:
    """The operator's name without its overload, and without the underscore of those that work in place."""
    if node.target is python_operator.getitem:
        return "getitem"
    kind = str(node.target).removeprefix("aten.").partition(".")[0]
    return kind.removesuffix("_") if not kind.startswith("_") else kind


def _output(node: Node) -> Any:
    """A node's output as a tensor without data, the first where it has several, or None."""
    value = node.meta.get("val")
    if isinstance(value, tuple | list):
        value = value[0] if value else None
    return value if hasattr(value, "shape") else None


def _shape(node: Node) -> tuple[int, ...]:
    output = _output(node)
    return () if output is None else tuple(int(size) for size in output.shape)


def _precision(node: Node) -> Precision:
    output = _output(node)
    return Precision.uniform(32 if output is None else 8 * output.dtype.itemsize)


def _path(node: Node) -> str:
    """The module that a node is in, such as "layer1.0.conv1"."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack else ""


def _name(node: Node, path: str, used: set[str]) -> str:
    """The module's path where the node is the only one of it so far, else with the node's name."""
    return path if path and path not in used else f"{path}.{node.name}".lstrip(".")
