"""Small ONNX graphs made by hand, for the tests of what is read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def node(kind: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> Any:
    """A node; names of inputs and outputs with blanks between, "-" for one that is left out."""
    names = ["" if one == "-" else one for one in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), name=name or outputs.split()[0], **attributes)


def value(name: str, shape: Sequence[Any] | None, kind: int = FLOAT) -> Any:
    """An input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def random(*shape: int, kind: Any = np.float32) -> np.ndarray:
    """Weights that no others are equal to."""
    generator = np.random.default_rng(sum(shape))
    if np.issubdtype(kind, np.integer):
        return generator.integers(1, 100, shape).astype(kind)
    return generator.normal(size=shape).astype(kind)


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any] | None = None,
    *,
    outputs: Sequence[Any] | str = "y",
    opset: int = 21,
    types: Mapping[str, int] | None = None,
    domains: Mapping[str, int] | None = None,
    functions: Sequence[Any] = (),
    told: Sequence[Any] = (),
) -> Any:
    """A model of inputs by name and shape, and initializers by name: arrays or TensorProtos."""
    kinds = types or {}
    entries = [value(name, shape, kinds.get(name, FLOAT)) for name, shape in inputs.items()]
    weights = [
        array if isinstance(array, TensorProto) else numpy_helper.from_array(np.asarray(array), name)
        for name, array in (constants or {}).items()
    ]
    ends = [value(name, None) for name in outputs.split()] if isinstance(outputs, str) else list(outputs)
    graph = helper.make_graph(list(nodes), "made", entries, ends, weights, value_info=list(told))
    imports = {"": opset, **{one.domain: 1 for one in nodes if one.domain}, **(domains or {})}
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports.items()]
    return onnx.helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=10)
