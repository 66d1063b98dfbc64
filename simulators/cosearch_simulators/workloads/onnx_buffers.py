"""Which initializers of an ONNX graph nobody trained, though they hold floating-point numbers.

ONNX does not tell parameters from buffers. Two things do:

- PyTorch's exporter writes what each tensor was in the module, as metadata of its `value_info`;
- attention masks have values that no training gives: zeros and -100 or less to be added (Swin's shifted
  windows have -100, BERT -10,000, others minus infinity), zeros and ones to be multiplied.

What neither tells, such as a table of sines that was computed before it was exported, counts as trained.
"""

from __future__ import annotations

from collections import defaultdict
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, TensorProto

KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
NOT_TRAINED = ("BUFFER", "CONSTANT_TENSOR")
LARGEST_MASKING = -100.0

LARGEST_OUTSIDE = 1 << 26
"""Elements of a mask in a file of its own; a larger tensor there is taken for trained."""

_WITH_MASKS = ("Add", "Sub", "Mul")
_VIEWS = ("Cast", "Expand", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")


def untrained(graph: GraphProto, folder: Path | None) -> set[str]:
    """Names of the initializers that are buffers or masks.

    Args:
        graph: as it was read, with its metadata.
        folder: of the file, for data outside of it; None where they cannot be read.
    """
    found = {
        value.name
        for value in (*graph.value_info, *graph.input)
        for entry in value.metadata_props
        if entry.key == KIND and entry.value in NOT_TRAINED
    }
    consumers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            consumers[name].append(node)
    for tensor in graph.initializer:
        if tensor.name not in found and prod(tensor.dims) > 1:
            kinds, names = set(), [tensor.name]
            for name in names:
                kinds |= {node.op_type for node in consumers[name]}
                views = [node for node in consumers[name] if node.op_type in _VIEWS]
                names += [seen for node in views for seen in node.output if seen not in names]
            if kinds & set(_WITH_MASKS) and _is_mask(_values(tensor, folder)):
                found.add(tensor.name)
    return found


def _is_mask(values: NDArray[np.floating]) -> bool:
    """Whether there are only zeros and either ones or large negative numbers, some of them."""
    others = values[values != 0]
    ones = len(others) < values.size and bool(np.all(others == 1))
    return len(others) > 0 and (ones or bool(np.all(others <= LARGEST_MASKING)))


def _values(tensor: TensorProto, folder: Path | None) -> NDArray[np.floating]:
    """A floating-point tensor's numbers; none where they cannot be read."""
    from onnx import TensorProto, external_data_helper, numpy_helper

    none = np.empty(0)
    outside = tensor.data_location == TensorProto.EXTERNAL
    if outside and (folder is None or prod(tensor.dims) > LARGEST_OUTSIDE):
        return none
    whole = TensorProto()
    whole.CopyFrom(tensor)
    try:
        if outside:
            external_data_helper.load_external_data_for_tensor(whole, str(folder))
        values = numpy_helper.to_array(whole)
    except Exception:  # a damaged tensor is told of by who needs it, and onnx has no class of its own for it
        return none
    # bfloat16 and the 8-bit kinds are no floating-point kinds of numpy
    return values.astype(np.float64).ravel() if values.dtype.kind not in "iubSU" else none
