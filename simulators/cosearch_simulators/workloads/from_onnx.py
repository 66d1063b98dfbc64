"""Networks from ONNX: a file is read, its open sizes are filled, and each node is an operator or a view.

Only shapes and types are needed, so weights kept outside the file are not read, but for what may be a mask or
part of a shape's arithmetic. `onnx_walk` goes over the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosearch_simulators.bounded_files import read_bytes
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.onnx_axes import Sizes
from cosearch_simulators.workloads.onnx_nodes import check_nodes
from cosearch_simulators.workloads.onnx_operators import KNOWN
from cosearch_simulators.workloads.onnx_walk import DAMAGES, Walk
from cosearch_simulators.workloads.operators import Precision

if TYPE_CHECKING:
    from onnx import ModelProto

MOST_BYTES = 2**31 - 1
"""Of a file; what protobuf reads."""


def from_onnx(
    model: str | Path | ModelProto,
    *,
    batch: int | None = None,
    axes: Mapping[str, int | Sequence[int]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    precision: Precision | None = None,
    strict: bool = False,
) -> Network:
    """The network of an ONNX model.

    Args:
        model: a file, or a model that was loaded.
        batch: the axis that the file calls so, else the first axis of every input that leaves it open.
        axes: what the file leaves open, by name: {"sequence": 128}; the beginning of a name is enough where
            only one begins so. One without a name is its input's and a number, {"tokens.1": 128}. An input's
            name stands for its shape, or for the value of one that holds a single number.
        shapes: of inputs by their names, in place of the file's.
        precision: of all operators, by default that of the file's tensors and of the quantisers around them.
        strict: whether operators that are not known are refused; else they count as elementwise traffic, and
            one `UnknownOperatorWarning` names them.

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
        WorkloadError: the file cannot be read, a size is open, or a node cannot be counted; with the node.
    """
    source, loaded = _load(model)
    folder = None if hasattr(model, "graph") else Path(model).parent
    try:
        sizes = Sizes(source, loaded.graph, batch, axes or {}, shapes or {})
        walk = Walk(source, _inlined(source, loaded), folder, sizes, precision)
        walk.whole()
    except WorkloadError:
        raise
    except DAMAGES as error:
        raise WorkloadError(f"{source} is no valid ONNX model: {_first_line(error)}") from error
    return walk.importer.finished(KNOWN, strict=strict)


def _load(model: str | Path | ModelProto) -> tuple[str, ModelProto]:
    """The model, and how errors call it."""
    import onnx

    if isinstance(model, onnx.ModelProto):
        check_nodes(model, model.graph.name or "model")
        return model.graph.name or "model", model
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


def _inlined(source: str, model: ModelProto) -> ModelProto:
    """The model with the nodes of its functions where they are called."""
    from onnx import inliner

    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # of a damaged file; onnx has no class of its own for it
        raise WorkloadError(f"{source}: its functions cannot be put in: {_first_line(error)}") from error


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
