"""The tensors that an ONNX file holds: which of them may be trained, and the numbers of the small ones."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.importing import Constant, Importer
from cosearch_simulators.workloads.onnx_axes import Sizes
from cosearch_simulators.workloads.onnx_buffers import untrained
from cosearch_simulators.workloads.onnx_inference import SMALL_ELEMENTS, Known, bits_of, is_floating

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto


class Stored:
    """Gives the tensors of a model their values.

    Args:
        importer: which counts them.
        graph: of the model.
        folder: of the file, for data outside of it; None where they cannot be read.
    """

    def __init__(self, importer: Importer, graph: GraphProto, folder: Path | None) -> None:
        self._importer = importer
        self._folder = folder
        # where there are no trained initializers, the constants between the nodes are the weights
        self._has_weights = any(is_floating(t.data_type) and prod(t.dims) > 1 for t in graph.initializer)

    def initializers(self, graph: GraphProto, key: str) -> dict[str, Known]:
        """Those of a graph, by name; `key` tells the graph."""
        buffers = untrained(graph, self._folder)
        found = {t.name: self._stored(t, key, t.name in buffers) for t in graph.initializer}
        for sparse in graph.sparse_initializer:
            shape, tensor = tuple(sparse.dims), sparse.values
            value = self._importer.stored(f"{key}/{tensor.name}", tuple(tensor.dims)).reshape(*shape)
            found[tensor.name] = Known(value, tensor.data_type, None, bits_of(tensor.data_type))
        return found

    def between(self, node: NodeProto, key: str) -> Known:
        """The tensor of a Constant node."""
        from onnx import helper, numpy_helper

        if len(node.attribute) != 1:
            raise WorkloadError(f"a Constant has one value, this one has {len(node.attribute)}")
        (attribute,) = node.attribute
        if attribute.name == "value":
            tensor = attribute.t
        elif attribute.name == "sparse_value":
            dims = tuple(attribute.sparse_tensor.dims)
            return Known(self._importer.stored(f"{key}/{node.output[0]}", dims))
        else:
            given = helper.get_attribute_value(attribute)
            if attribute.name.startswith("value_string"):
                return Known(Constant((len(given),) if isinstance(given, list) else ()), 8, None, 8)
            wide = np.int64 if attribute.name.startswith("value_int") else np.float32
            tensor = numpy_helper.from_array(np.asarray(given, dtype=wide))
        return self._stored(tensor, f"{key}/{node.output[0]}", False, written=self._has_weights)

    def _stored(self, tensor: TensorProto, key: str, buffer: bool, *, written: bool = False) -> Known:
        """A tensor of the file; `written` between the nodes, it is trained only where it is a weight."""
        shape, kind = tuple(tensor.dims), tensor.data_type
        floating, bits = is_floating(kind), bits_of(kind)
        elements = prod(shape)
        value = Constant(shape)
        if not buffer and elements and (floating or (bits <= 32 and bits_of(kind) != 64 and kind != 9)):
            hidden = written or not floating or elements == 1
            value = self._importer.stored(f"{key}/{tensor.name}", shape, only_as_weights=hidden)
        return Known(value, kind, self._data(tensor) if elements <= SMALL_ELEMENTS else None, bits)

    def _data(self, tensor: TensorProto) -> np.ndarray | None:
        """The numbers of a small tensor; None where they cannot be read."""
        from onnx import TensorProto, external_data_helper, numpy_helper

        try:
            if tensor.data_location == TensorProto.EXTERNAL:
                if self._folder is None:
                    return None
                whole = TensorProto()
                whole.CopyFrom(tensor)
                external_data_helper.load_external_data_for_tensor(whole, str(self._folder))
                tensor = whole
            found = numpy_helper.to_array(tensor)
        except (
            Exception
        ):  # a damaged tensor is told of by who needs it, and onnx has no class of its own for it
            return None
        return found if found.dtype.kind in "biuf" and found.dtype.isbuiltin else None

    def input(self, value: ValueInfoProto, sizes: Sizes) -> Known:
        """An input of the model, or the number that it was set to."""
        from onnx import helper

        name, shape = value.name, sizes.shapes[value.name]
        of = value.type.optional_type.elem_type if value.type.HasField("optional_type") else value.type
        kind = of.tensor_type.elem_type or 1
        if name in sizes.values:
            number = np.full(shape, sizes.values[name], dtype=helper.tensor_dtype_to_np_dtype(kind))
            return Known(Constant(shape), kind, number, bits_of(kind))
        if 0 in shape:
            return Known(Constant(shape), kind, None, bits_of(kind))
        return Known(self._importer.builder.input(name, shape), kind, None, bits_of(kind))
