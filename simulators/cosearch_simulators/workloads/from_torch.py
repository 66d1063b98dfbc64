"""Networks from PyTorch: a module is traced by `torch.export` into a `torch.fx` graph of ATen operators.

Shapes are those of the example inputs; nothing is computed. `aten` says what becomes of each operator.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.aten import KNOWN
from cosearch_simulators.workloads.aten_walk import WRAPPED, Walk, output_of, shape_of
from cosearch_simulators.workloads.importing import Constant
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor
    from torch.export import ExportedProgram
    from torch.nn import Module


def from_torch(
    module: Module | ExportedProgram,
    example_inputs: Sequence[Any] | Mapping[str, Any] | TorchTensor | None = None,
    *,
    name: str = "",
    precision: Precision | None = None,
    strict: bool = False,
) -> Network:
    """The network of a PyTorch module, as it runs in inference.

    Args:
        module: any module that `torch.export` can trace, or what it traced.
        example_inputs: positional inputs of `forward`, those by name, or the only one; only their shapes and
            types matter. A traced program needs none unless it leaves sizes open.
        name: of the network, by default the module's class.
        precision: of all operators, by default that of the module's tensors.
        strict: whether operators that are not known are refused; else they count as elementwise traffic, and
            one `UnknownOperatorWarning` names them.

    Returns:
        Network: parameters that the graph does not use are not counted.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(4, 3)
        >>> from_torch(layer, torch.zeros(1, 4)).parameters
        15

    Raises:
        WorkloadError: the module cannot be traced or counted; with the part of it, and the node.
    """
    traced = _traced(module, example_inputs)
    walk = Walk(name or type(module).__name__, precision)
    values = walk.importer.values
    trained = traced.graph_signature.inputs_to_parameters
    outside = set(traced.graph_signature.user_inputs)
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            shape = shape_of(node)
            if node.name in outside and output_of(node) is not None and 0 not in shape:
                values[node.name] = walk.importer.builder.input(node.name, shape)
            elif node.name in trained:
                values[node.name] = walk.importer.stored(trained[node.name], shape)
            else:
                values[node.name] = Constant(shape)
    walk.translate(traced.graph_module)
    return walk.importer.finished(KNOWN, strict=strict)


def _traced(module: Any, inputs: Any) -> ExportedProgram:
    import torch

    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    if isinstance(module, torch.export.ExportedProgram):
        traced = module if inputs is None else _trace(module.module(), inputs)
        for node in traced.graph.nodes:
            output = output_of(node) if node.op == "placeholder" else None
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
        return _trace(module, inputs)
    finally:
        for part, was_training in training.items():
            part.training = was_training


def _trace(module: Module, inputs: Sequence[Any] | Mapping[str, Any]) -> ExportedProgram:
    import torch

    loudest = logging.root.manager.disable
    try:
        # what cannot be traced is printed and logged as a page of code; the first line tells it
        logging.disable(logging.WARNING)
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, named = ((), dict(inputs)) if isinstance(inputs, Mapping) else (tuple(inputs), {})
            try:
                return torch.export.export(module, args, named)
            except Exception as error:  # torch has other classes for it in other versions
                if "in output, which is not a known type" not in str(error):
                    raise
                return torch.export.export(_tensors_of(module), args, named)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WorkloadError(f"torch.export cannot trace {type(module).__name__}: {reason}") from error
    finally:
        logging.disable(loudest)


def _tensors_of(module: Module) -> Module:
    """The module with the tensors alone of what it gives, such as a model with a cache of another class."""
    import torch

    def tensors(value: Any) -> list[torch.Tensor]:
        if isinstance(value, torch.Tensor):
            return [value]
        parts = value.values() if isinstance(value, Mapping) else value
        known = isinstance(parts, Iterable) and not isinstance(parts, str)
        return [tensor for part in parts for tensor in tensors(part)] if known else []

    class Tensors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module(WRAPPED, module)

        def forward(self, *args: Any, **named: Any) -> list[torch.Tensor]:
            return tensors(module(*args, **named))

    return Tensors().eval()
